package train

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// A checkpoint is an ONNX file: the model as it is, which runs like any other; further initializers that no node reads,
// for what the optimizer keeps and for the best weights so far; and metadata that say where the run stands.

// CheckpointKey is the key of the metadata that a checkpoint has, and a model that was taught has not.
const CheckpointKey = "onnxrun.checkpoint"

// checkpointVersion is that of what the metadata and the initializers mean.
const checkpointVersion = 2

// bestPrefix begins the names of the best weights.
const bestPrefix = "onnxrun.best/"

type checkpoint struct {
	Version  int               `json:"version"`
	Identity map[string]string `json:"identity"` // data and settings
	Model    string            `json:"model"`    // of the step's graph, a digest
	Steps    int64             `json:"steps"`
	position
}

// CheckpointError is a checkpoint that a run cannot go on from.
type CheckpointError struct {
	Path, Why string
}

func (e *CheckpointError) Error() string {
	return fmt.Sprintf("train: checkpoint %q: %s: go on as the run was begun, or start afresh", e.Path, plain.Text(e.Why, plain.Line))
}

// save replaces the checkpoint. The old one stays whole until the new one is written, and stays for good if there are numbers
// that are not finite.
func (f *fit) save() error {
	if err := f.t.sound(f.Rate); err != nil {
		return err
	}
	g, err := f.t.Model()
	if err != nil {
		return err
	}
	for _, s := range f.t.state {
		if !s.Model {
			if _, err := g.AddConst(s.Name, s.Tensor); err != nil {
				return fmt.Errorf("train: checkpoint: %w", err)
			}
		}
	}
	for _, s := range f.t.state {
		if x := f.best[s.Name]; x != nil {
			if _, err := g.AddConst(bestPrefix+s.Name, x); err != nil {
				return fmt.Errorf("train: checkpoint: %w", err)
			}
		}
	}
	digest, err := f.t.digest()
	if err != nil {
		return err
	}
	meta, err := json.Marshal(checkpoint{checkpointVersion, f.opts.Identity, digest, f.t.step, f.position})
	if err != nil {
		return fmt.Errorf("train: checkpoint: %w", err)
	}
	g.SetMeta(CheckpointKey, string(meta))
	if err := exporter.WriteFile(g, f.opts.Checkpoint, exporter.Options{}); err != nil {
		return fmt.Errorf("train: checkpoint %q: %w", f.opts.Checkpoint, err)
	}
	f.saved = time.Now()
	return nil
}

// load goes on from the checkpoint, if there is one.
func (f *fit) load() error {
	path := f.opts.Checkpoint
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	g, err := importer.Open(path)
	if err != nil {
		return fmt.Errorf("train: checkpoint %q: %w", path, err)
	}
	digest, err := f.t.digest()
	if err != nil {
		return err
	}
	c, why := f.read(g, digest)
	var best map[string]*tensor.Tensor
	if why == "" {
		best, why = f.restore(g, c.Steps)
	}
	if why != "" {
		return &CheckpointError{path, why}
	}
	f.position = c.position
	if len(best) > 0 {
		f.best = best
	}
	if f.opts.Resumed != nil {
		f.opts.Resumed(f.History, f.Batch)
	}
	return nil
}

// read is where a run stood, or why this run cannot go on from there.
func (f *fit) read(g *ir.Graph, digest string) (c checkpoint, why string) {
	text, ok := g.Meta(CheckpointKey)
	if !ok {
		return c, "it is a model, but no checkpoint"
	}
	if err := json.Unmarshal([]byte(text), &struct{ Version *int }{&c.Version}); err != nil {
		return c, err.Error()
	}
	if c.Version != checkpointVersion {
		return c, fmt.Sprintf("it is of version %d, this is version %d", c.Version, checkpointVersion)
	}
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return c, err.Error()
	}
	other := differs(c.Identity, f.opts.Identity)
	switch {
	case c.Model != digest:
		return c, "it is of another model, loss or optimizer"
	case other != "":
		return c, "it is of a run with other data or settings: " + other
	case c.BestAt < 0 || c.BestAt > len(c.History) || c.BestAt > 0 && c.History[c.BestAt-1].Val == nil ||
		c.Epoch != len(c.History) || c.Batch < 0 || c.Batch > f.src.Steps() || c.Steps < 0:
		return c, "it is damaged"
	}
	return c, ""
}

// restore gives the trainer the state that a checkpoint has, and returns the best weights so far; why says why it cannot.
func (f *fit) restore(g *ir.Graph, steps int64) (best map[string]*tensor.Tensor, why string) {
	state := map[string]*tensor.Tensor{}
	best = map[string]*tensor.Tensor{}
	for _, v := range g.Values() {
		if name, ok := strings.CutPrefix(v.Name(), bestPrefix); ok && v.Const() != nil {
			best[name] = v.Const().Clone()
		} else if v.Const() != nil {
			state[v.Name()] = v.Const()
		}
	}
	for _, s := range f.t.state {
		if x := best[s.Name]; x != nil && (x.DType() != s.Tensor.DType() || !slices.Equal(x.Shape(), s.Tensor.Shape())) {
			return nil, fmt.Sprintf("it is damaged: the best %q is %v, expects %v", s.Name, ir.TensorType(x), ir.TensorType(s.Tensor))
		}
	}
	if err := f.t.Restore(steps, state); err != nil {
		return nil, err.Error()
	}
	return best, ""
}

// differs is the first by name of what two runs have not in common, "" if there is none.
func differs(then, now map[string]string) string {
	names := slices.Sorted(maps.Keys(then))
	names = append(names, slices.Sorted(maps.Keys(now))...)
	for _, name := range names {
		was, isThen := then[name]
		is, isNow := now[name]
		if was == is && isThen == isNow {
			continue
		}
		return fmt.Sprintf("%s was %s, is %s", name, cmp.Or(was, "not given"), cmp.Or(is, "not given"))
	}
	return ""
}

// digest tells what a step computes, its graph and the numbers in it that do not change, and what the parameters began with.
func (t *Trainer) digest() (string, error) {
	if t.digested != "" {
		return t.digested, nil
	}
	h := sha256.New()
	for _, g := range []*ir.Graph{t.graph, t.base} {
		if err := Digest(h, g); err != nil {
			return "", err
		}
	}
	t.digested = hex.EncodeToString(h.Sum(nil))
	return t.digested, nil
}

// Digest writes all of a graph that its results depend on: for a hash that tells it from others.
func Digest(w io.Writer, g *ir.Graph) error {
	if err := ir.Print(w, g, ir.PrintOptions{Elide: 8}); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	for _, v := range g.Values() {
		if v.Const() != nil && v.Const().DType() != tensor.String {
			if _, err := w.Write(v.Const().Bytes()); err != nil {
				return fmt.Errorf("train: %w", err)
			}
		}
	}
	return nil
}
