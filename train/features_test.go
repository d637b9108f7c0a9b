package train_test

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/vision"
)

// fixed is a source of batches that are the same in every epoch.
type fixed []*vision.Batch

func (f fixed) Steps() int { return len(f) }

func (f fixed) Epoch(_ context.Context, _, from int) iter.Seq2[*vision.Batch, error] {
	return func(yield func(*vision.Batch, error) bool) {
		for _, b := range f[from:] {
			if !yield(b, nil) {
				return
			}
		}
	}
}

// batchOf is a batch whose classes go round.
func batchOf(x *tensor.Tensor, classes int) *vision.Batch {
	b := &vision.Batch{X: x, Targets: tensor.New(tensor.Float32, x.Dim(0), classes)}
	for i := range x.Dim(0) {
		b.Classes = append(b.Classes, i%classes)
		tensor.Data[float32](b.Targets)[classes*i+i%classes] = 1
	}
	return b
}

const doubling = `graph "front" (%x: float32[N,2]) -> (%y) {
  %two: float32[] = const 2.0
  %y = Mul(%x, %two) "double"
}
`

// computed is features of 7 images: image i has 2·[i, 100+i], and class i%3 of its batch.
func computed(t *testing.T) (path string) {
	path = filepath.Join(t.TempDir(), "features")
	rows := func(from, to int) *tensor.Tensor {
		x := tensor.New(tensor.Float32, to-from, 2)
		for i := range to - from {
			copy(tensor.Data[float32](x)[2*i:], []float32{float32(from + i), float32(100 + from + i)})
		}
		return x
	}
	var told []int
	src := fixed{batchOf(rows(0, 3), 3), batchOf(rows(3, 6), 3), batchOf(rows(6, 7), 3)}
	require.NoError(t, train.WriteFeatures(t.Context(), path, parse(t, doubling), src, runtime.Options{}, func(n int) { told = append(told, n) }))
	require.Equal(t, []int{3, 6, 7}, told)
	return path
}

func openFeatures(t *testing.T) *train.Features {
	f, err := train.OpenFeatures(computed(t), 7, []int{2}, 3)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// images is which images an epoch has, from a batch on.
func images(t *testing.T, f *train.Features, epoch, from int) (found []int) {
	for b, err := range f.Epoch(t.Context(), epoch, from) {
		require.NoError(t, err)
		for i, class := range b.Classes {
			row := tensor.Data[float32](b.X)[2*i : 2*i+2]
			image := int(row[0] / 2)
			require.Equal(t, []float32{2 * float32(image), 2 * float32(100+image)}, row)
			require.Equal(t, image%3, class)
			want := make([]float32, 3)
			want[class] = 1
			require.Equal(t, want, tensor.Data[float32](b.Targets)[3*i:3*i+3])
			found = append(found, image)
		}
	}
	return found
}

func TestFeaturesRoundTrip(t *testing.T) {
	f := openFeatures(t)
	require.Equal(t, 1, f.Steps())
	require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6}, images(t, f, 0, 0))
	f.Batch = 3
	require.Equal(t, 3, f.Steps())
	require.Equal(t, []int{3, 4, 5, 6}, images(t, f, 5, 1))
}

// The order of an epoch follows from seed and epoch, wherever it is entered; all images come but those that fill no batch.
func TestFeaturesShuffle(t *testing.T) {
	f := openFeatures(t)
	f.Batch, f.Shuffle, f.Seed = 3, true, 1
	require.Equal(t, 2, f.Steps())
	first := images(t, f, 0, 0)
	require.Len(t, first, 6)
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(first))), 6)
	require.NotEqual(t, first, images(t, f, 1, 0))
	require.Equal(t, first, images(t, f, 0, 0))
	require.Equal(t, first[3:], images(t, f, 0, 1))
	f.Seed = 2
	require.NotEqual(t, first, images(t, f, 0, 0))
	f.Batch = 8
	require.Equal(t, 1, f.Steps())
	require.Len(t, images(t, f, 0, 0), 7)
}

func TestFeaturesErrors(t *testing.T) {
	path := computed(t)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, whole, 7*(8+4))
	for name, c := range map[string]struct {
		data   []byte
		images int
		want   string
	}{
		"short":        {whole[:80], 7, "has 80 bytes, 7 images of [2] need 84"},
		"empty":        {nil, 7, "has 0 bytes, 7 images of [2] need 84"},
		"other images": {whole, 8, "has 84 bytes, 8 images of [2] need 96"},
		"no images":    {nil, 0, "has 0 bytes, 0 images of [2] need 0"},
		"negative":     {whole, -7, "has 84 bytes, -7 images of [2] need -84"},
		"other class":  {append(slices.Clone(whole[:80]), 3, 0, 0, 0), 7, "has class 3 of 3"},
		"no class":     {append(slices.Clone(whole[:80]), 254, 255, 255, 255), 7, "has class -2 of 3"},
	} {
		require.NoError(t, os.WriteFile(path, c.data, 0o644))
		_, err := train.OpenFeatures(path, c.images, []int{2}, 3)
		require.ErrorContains(t, err, c.want, name)
	}
	_, err = train.OpenFeatures(filepath.Join(t.TempDir(), "none"), 7, []int{2}, 3)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// breaking is a source that fails behind its first batch.
type breaking struct {
	fixed
	err error
}

func (b breaking) Epoch(ctx context.Context, epoch, from int) iter.Seq2[*vision.Batch, error] {
	return func(yield func(*vision.Batch, error) bool) {
		_ = yield(b.fixed[0], nil) && yield(nil, b.err)
	}
}

// Features that could not all be computed leave no file.
func TestComputeErrors(t *testing.T) {
	dir, broken := t.TempDir(), errors.New("broken")
	src := breaking{fixed{batchOf(tensor.New(tensor.Float32, 3, 2), 3)}, broken}
	require.ErrorIs(t, train.WriteFeatures(t.Context(), filepath.Join(dir, "f"), parse(t, doubling), src, runtime.Options{}, nil), broken)
	sum := parse(t, `graph "front" (%x: float32[N,2]) -> (%y) {
  %y = ReduceSum(%x) "sum"
}
`)
	require.ErrorContains(t, train.WriteFeatures(t.Context(), filepath.Join(dir, "f"), sum, src.fixed, runtime.Options{}, nil), "float32[1 1] has no float32 row for each of 3 images")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// An image that could not be read is none to validate on, and has the next of the order in its place where features teach.
func TestFeaturesOfUnreadImages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "features")
	file := []byte{0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64, 1, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0} // 1 2 3, of classes 1, none and 0
	require.NoError(t, os.WriteFile(path, file, 0o644))
	f, err := train.OpenFeatures(path, 3, []int{1}, 2)
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, 1, f.Unread())
	for b, err := range f.Epoch(t.Context(), 0, 0) {
		require.NoError(t, err)
		require.Equal(t, []int{1, -1, 0}, b.Classes)
		require.Equal(t, []float32{1, 0, 3}, tensor.Data[float32](b.X))
		require.Equal(t, []float32{0, 1, 0, 0, 1, 0}, tensor.Data[float32](b.Targets))
	}
	f.Shuffle, f.Batch = true, 3
	for b, err := range f.Epoch(t.Context(), 0, 0) {
		require.NoError(t, err)
		for i, c := range b.Classes {
			require.GreaterOrEqual(t, c, 0)
			require.Equal(t, map[int]float32{0: 3, 1: 1}[c], tensor.Data[float32](b.X)[i])
		}
	}
}
