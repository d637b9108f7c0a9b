package train

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/onnxrun/onnxrun/internal/atomicfile"
	"github.com/onnxrun/onnxrun/internal/hostfile"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/vision"
)

// Features is a Source of what frozen layers made of images once: a file that holds the features of each image as float32,
// then the class of each as int32, -1 for one that could not be read, all little-endian. Images are in memory batch by batch
// only. In a shuffled epoch the next one that could be read stands in the place of one that could not.
type Features struct {
	// Batch is how many images a batch has (32 unless set), Shuffle whether each epoch has an order of its own, that of a
	// vision.Stream of the same images and Seed. The last images are left out of a shuffled epoch where they do not fill a
	// batch.
	Batch   int
	Shuffle bool
	Seed    uint64

	file    *os.File
	shape   []int // of the features of an image
	size    int   // of them, bytes
	classes []int32
	width   int // number of classes
}

// WriteFeatures runs front, a graph of one output, float32 with a row for each image, over the first epoch of a source, and
// writes what it gives into a file for OpenFeatures: whole or not at all. progress, if not nil, is told how many images are done.
func WriteFeatures(ctx context.Context, path string, front *ir.Graph, src Source, opts runtime.Options, progress func(images int)) error {
	session, err := runtime.Compile(ctx, front, opts)
	if err != nil {
		return err
	}
	defer session.Close()
	err = atomicfile.Write(path, func(w io.Writer) error { return writeFeatures(ctx, w, session, src, progress) })
	if err != nil {
		return fmt.Errorf("train: features %q: %w", path, err)
	}
	return nil
}

func writeFeatures(ctx context.Context, w io.Writer, session *runtime.Session, src Source, progress func(images int)) error {
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
			return fmt.Errorf("%v has no float32 row for each of %d images", out[0], len(b.Classes))
		}
		if _, err := w.Write(out[0].Bytes()); err != nil {
			return err
		}
		for _, c := range b.Classes {
			classes = append(classes, int32(c))
		}
		if progress != nil {
			progress(len(classes))
		}
	}
	return binary.Write(w, binary.LittleEndian, classes)
}

// OpenFeatures opens a file of the features of so many images, each of a shape, of so many classes. A file of another size,
// or with other classes, is an error.
func OpenFeatures(path string, images int, shape []int, classes int) (*Features, error) {
	count, err := tensor.Count(tensor.Float32, shape)
	if err != nil {
		return nil, fmt.Errorf("train: features %q: %w", path, err)
	}
	file, err := hostfile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("train: features: %w", err)
	}
	f := &Features{Batch: 32, file: file, shape: shape, size: 4 * count, width: classes}
	if err := f.read(images); err != nil {
		file.Close()
		return nil, fmt.Errorf("train: features %q: %w", path, err)
	}
	return f, nil
}

// read reads the classes of so many images.
func (f *Features) read(images int) error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	if want := int64(images) * int64(4+f.size); images < 1 || info.Size() != want {
		return fmt.Errorf("has %d bytes, %d images of %v need %d", info.Size(), images, f.shape, want)
	}
	f.classes = make([]int32, images)
	classes := io.NewSectionReader(f.file, int64(images)*int64(f.size), int64(images)*4)
	if err := binary.Read(classes, binary.LittleEndian, f.classes); err != nil {
		return err
	}
	for _, c := range f.classes {
		if c < -1 || int(c) >= f.width {
			return fmt.Errorf("has class %d of %d", c, f.width)
		}
	}
	return nil
}

// Close closes the file.
func (f *Features) Close() error { return f.file.Close() }

// Steps is how many batches an epoch has.
func (f *Features) Steps() int {
	n, batch := len(f.classes), max(f.Batch, 1)
	if f.Shuffle && n >= batch {
		return n / batch
	}
	return (n + batch - 1) / batch
}

// Epoch gives the batches of an epoch from one on.
func (f *Features) Epoch(ctx context.Context, epoch, from int) iter.Seq2[*vision.Batch, error] {
	return func(yield func(*vision.Batch, error) bool) {
		order := vision.Order(len(f.classes), f.Shuffle, f.Seed, epoch)
		size := max(f.Batch, 1)
		for i := max(from, 0); i < f.Steps(); i++ {
			b, err := f.batch(i, order, i*size, min(len(order), (i+1)*size))
			if err == nil {
				err = ctx.Err()
			}
			if !yield(b, err) || err != nil {
				return
			}
		}
	}
}

// batch reads the features of the images at places from … to of an order.
func (f *Features) batch(index int, order []int32, from, to int) (*vision.Batch, error) {
	n := to - from
	b := &vision.Batch{
		Index: index, X: tensor.New(tensor.Float32, append([]int{n}, f.shape...)...),
		Targets: tensor.New(tensor.Float32, n, f.width),
	}
	for i := range n {
		image := order[from+i]
		for k := 0; f.Shuffle && f.classes[image] < 0 && k < len(order); k++ {
			image = order[(from+i+k)%len(order)]
		}
		class := int(f.classes[image])
		b.Classes = append(b.Classes, class)
		if class < 0 {
			b.Images = append(b.Images, -1)
			continue
		}
		b.Images = append(b.Images, int(image))
		if _, err := f.file.ReadAt(b.X.Bytes()[i*f.size:(i+1)*f.size], int64(image)*int64(f.size)); err != nil {
			return nil, fmt.Errorf("train: features: %w", err)
		}
		tensor.Data[float32](b.Targets)[i*f.width+class] = 1
	}
	return b, nil
}

// Unread is how many of the images could not be read.
func (f *Features) Unread() int {
	n := 0
	for _, c := range f.classes {
		if c < 0 {
			n++
		}
	}
	return n
}
