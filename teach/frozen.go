package teach

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	goruntime "runtime"

	"github.com/onnxrun/onnxrun/internal/atomicfile"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/vision"
)

// Frozen layers give the same for an image in every epoch. Where images are not changed at random, these layers run once for
// each image; what they give is kept in a file, and only the layers downstream of them are taught, from that file.

// frozenAt is the value upstream of which all is frozen; nil where nothing is frozen, or where the rest reads several values
// of what is.
func (t *teaching) frozenAt() (*ir.Value, error) {
	switch t.recipe.Freeze {
	case "", "none":
		return nil, nil
	case "all":
		return t.headInput()
	}
	_, boundary, err := train.FrozenUpTo(t.model, t.recipe.Freeze)
	if err != nil || len(boundary) != 1 {
		return nil, err
	}
	return boundary[0], nil
}

// headInput is what the classifier reads; past a Dropout, what that reads.
func (t *teaching) headInput() (*ir.Value, error) {
	n, err := head(t.model, t.recipe.Head)
	if err != nil {
		return nil, err
	}
	v := n.In(0)
	for v.Def() != nil {
		if _, ok := v.Def().Op.(*ops.Dropout); !ok {
			break
		}
		v = v.Def().In(0)
	}
	return v, nil
}

// frozen tells the nodes that stay as they are, by name.
func (t *teaching) frozen() (func(node string) bool, error) {
	if t.front != nil || t.recipe.Freeze == "" || t.recipe.Freeze == "none" {
		return nil, nil
	}
	at := t.recipe.Freeze
	if at == "all" {
		v, err := t.headInput()
		if err != nil {
			return nil, err
		}
		if v.Def() == nil {
			return nil, nil
		}
		at = v.Name()
	}
	nodes, _, err := train.FrozenUpTo(t.model, at)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for n := range nodes {
		names[n.Name] = true
	}
	return func(node string) bool { return names[node] }, nil
}

// frozenSources computes the features at a value, or finds them in the cache, and takes batches from there.
func (t *teaching) frozenSources(ctx context.Context, at *ir.Value) error {
	if at.Def() == nil {
		return nil
	}
	shape, ok := at.Type().Shape[1:].Ints()
	if !ok {
		return fmt.Errorf("onnxrun: value %q: has type %v, its features are of no fixed size", at.Name(), at.Type())
	}
	var err error
	if t.front, t.back, err = train.SplitAt(t.model, at); err != nil {
		return err
	}
	t.plan.Features = at.Name()
	learn, err := t.cached(ctx, t.learn, shape)
	if err != nil {
		return err
	}
	learn.Shuffle, learn.Seed, learn.Batch = true, t.recipe.Seed, min(t.recipe.Batch, t.learn.Len())
	t.src = learn
	if t.val.Len() > 0 {
		val, err := t.cached(ctx, t.val, shape)
		if err != nil {
			return err
		}
		val.Batch = t.recipe.Batch
		t.judge = val
	}
	return nil
}

// cached is the features of a data set.
func (t *teaching) cached(ctx context.Context, data *vision.Dataset, shape []int) (*train.Features, error) {
	dir := t.opts.FeatureCache
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("onnxrun: no place to keep features (FeatureCache): %w", err)
		}
		dir = filepath.Join(cache, "onnxrun", "features")
	}
	name, err := t.featuresName(data)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, name)
	atomicfile.SweepFolder(dir)
	f, err := train.OpenFeatures(path, data.Len(), shape, len(t.classes))
	if err == nil {
		t.note("features of %d images are taken from %s", data.Len(), path)
		if n := f.Unread(); n > 0 {
			t.note("images among them that could not be read: %d", n)
		}
	} else { // there is none, or a damaged one
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("onnxrun: features: %w", err)
		}
		if err := t.compute(ctx, path, data); err != nil {
			return nil, err
		}
		if f, err = train.OpenFeatures(path, data.Len(), shape, len(t.classes)); err != nil {
			return nil, err
		}
	}
	t.features = append(t.features, f)
	return f, nil
}

func (t *teaching) compute(ctx context.Context, path string, data *vision.Dataset) error {
	s, err := t.stream(data, vision.Augmentation{}, false)
	if err != nil {
		return err
	}
	return train.WriteFeatures(ctx, path, t.front, s, t.opts.Runtime, func(images int) {
		if t.opts.Features != nil {
			t.opts.Features(images, data.Len())
		}
	})
}

// featuresName tells features apart by what they follow from, to the bit; those made where no image may be broken are others.
func (t *teaching) featuresName(data *vision.Dataset) (string, error) {
	h := sha256.New()
	if err := train.Digest(h, t.front); err != nil {
		return "", err
	}
	path, err := filepath.Abs(data.Name())
	if err != nil {
		return "", fmt.Errorf("onnxrun: %w", err)
	}
	r := t.opts.Runtime
	fmt.Fprintln(h, path, t.spec.JSON(), t.opts.Strict, cmp.Or(r.Threads, goruntime.GOMAXPROCS(0)), r.Kernels, r.Strict)
	hashData(h, data, true)
	io.WriteString(h, "features 3")
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}
