package train

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"

	"github.com/onnxrun/onnxrun/internal/atomicfile"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/vision"
)

// Features is a Source of what frozen layers made of images once: a file that holds, for each of the images, its class as
// an int32, then the features of each as float32, all little-endian.
type Features struct {
	// Batch is how many images a batch has, Shuffle whether each epoch has an order of its own, by Seed. The last images are
	// left out of a shuffled epoch where they do not fill a batch.
	Batch   int
	Shuffle bool
	Seed    uint64

	file    *os.File
	shape   []int // of the features of an image
	size    int   // of them, bytes
	classes []int32
	width   int // number of classes
}

// Compute runs front, a graph of one output, over one epoch of a source of so many images, and writes what it gives into a
// file for OpenFeatures.
func Compute(ctx context.Context, path string, front *ir.Graph, src Source, opts runtime.Options, progress func(images int)) error {
	session, err := runtime.Compile(front, opts)
	if err != nil {
		return err
	}
	defer session.Close()
	rows, err := os.CreateTemp("", "onnxrun-features-*")
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	defer os.Remove(rows.Name())
	defer rows.Close()
	var classes []int32
	for b, err := range src.Epoch(ctx, 0, 0) {
		if err != nil {
			return err
		}
		out, err := session.Run(ctx, b.X)
		if err != nil {
			return err
		}
		if out[0].DType() != tensor.Float32 || out[0].Rank() < 1 || out[0].Dim(0) != len(b.Classes) {
			return fmt.Errorf("train: features %v have no float32 row for each of %d images", out[0], len(b.Classes))
		}
		if _, err := rows.Write(out[0].Bytes()); err != nil {
			return fmt.Errorf("train: %w", err)
		}
		for _, c := range b.Classes {
			classes = append(classes, int32(c))
		}
		if progress != nil {
			progress(len(classes))
		}
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		if _, err := rows.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if err := binary.Write(w, binary.LittleEndian, classes); err != nil {
			return err
		}
		_, err := io.Copy(w, rows)
		return err
	})
}

// OpenFeatures opens a file of the features of so many images, each of a shape, of so many classes.
func OpenFeatures(path string, images int, shape []int, classes int) (*Features, error) {
	count, err := tensor.Count(tensor.Float32, shape)
	if err != nil {
		return nil, fmt.Errorf("train: features %q: %w", path, err)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("train: features: %w", err)
	}
	f := &Features{Batch: 32, file: file, shape: shape, size: 4 * count, width: classes, classes: make([]int32, images)}
	if err := f.read(images); err != nil {
		file.Close()
		return nil, fmt.Errorf("train: features %q: %w", path, err)
	}
	return f, nil
}

func (f *Features) read(images int) error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	if want := int64(images) * int64(4+f.size); info.Size() != want {
		return fmt.Errorf("has %d bytes, %d images of %v need %d", info.Size(), images, f.shape, want)
	}
	if err := binary.Read(f.file, binary.LittleEndian, f.classes); err != nil {
		return err
	}
	for _, c := range f.classes {
		if c < 0 || int(c) >= f.width {
			return fmt.Errorf("has class %d of %d", c, f.width)
		}
	}
	return nil
}

// Close closes the file.
func (f *Features) Close() error { return f.file.Close() }

// Steps is how many batches an epoch has.
func (f *Features) Steps() int {
	n := len(f.classes)
	if f.Shuffle && n >= f.Batch {
		return n / f.Batch
	}
	return (n + f.Batch - 1) / f.Batch
}

// Epoch gives the batches of an epoch from one on.
func (f *Features) Epoch(ctx context.Context, epoch, from int) iter.Seq2[*vision.LoadedBatch, error] {
	return func(yield func(*vision.LoadedBatch, error) bool) {
		order := make([]int, len(f.classes))
		for i := range order {
			order[i] = i
		}
		if f.Shuffle {
			rng := rand.New(rand.NewPCG(f.Seed, uint64(epoch)))
			rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		}
		for i := from; i < f.Steps(); i++ {
			b, err := f.batch(i, order[i*f.Batch:min(len(order), (i+1)*f.Batch)])
			if err == nil {
				err = ctx.Err()
			}
			if !yield(b, err) || err != nil {
				return
			}
		}
	}
}

func (f *Features) batch(index int, images []int) (*vision.LoadedBatch, error) {
	b := &vision.LoadedBatch{
		Index: index, X: tensor.New(tensor.Float32, append([]int{len(images)}, f.shape...)...),
		Targets: tensor.New(tensor.Float32, len(images), f.width),
	}
	for i, image := range images {
		at := int64(4*len(f.classes)) + int64(image)*int64(f.size)
		if _, err := f.file.ReadAt(b.X.Bytes()[i*f.size:(i+1)*f.size], at); err != nil {
			return nil, fmt.Errorf("train: features: %w", err)
		}
		class := int(f.classes[image])
		b.Classes = append(b.Classes, class)
		tensor.Data[float32](b.Targets)[i*f.width+class] = 1
	}
	return b, nil
}
