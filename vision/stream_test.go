package vision

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/onnxrun/onnxrun/tensor"
)

// pictures is a data set of n different images of that size and number of channels, of the given classes in turn.
func pictures(n, w, h, channels, classes int) *Dataset {
	d := &Dataset{name: "pictures", classes: numberedClasses(classes - 1)}
	for i := range n {
		m := NewImage(w, h, channels)
		for k := range m.Pix {
			m.Pix[k] = byte(mixBits(uint64(i)<<32 + uint64(k)))
		}
		d.samples = append(d.samples, sample{name: fmt.Sprint(i), class: i % classes, open: func() (*Image, error) { return m, nil }})
	}
	d.number()
	return d
}

// broken makes images of a data set unreadable.
func broken(d *Dataset, images ...int) *Dataset {
	for _, i := range images {
		d.samples[i].open = func() (*Image, error) { return nil, fmt.Errorf("broken %d", i) }
	}
	return d
}

func augmentation(t testing.TB, text string) Augmentation {
	a, err := ParseAugmentation(text)
	require.NoError(t, err)
	return a
}

// loaded is a copy of a batch.
type loaded struct {
	x, targets      *tensor.Tensor
	images, classes []int
	names           []string
}

// batches reads an epoch from a batch on.
func batches(t testing.TB, d *Dataset, o StreamOptions, epoch, from int) (all []loaded) {
	l, err := NewStream(d, o)
	require.NoError(t, err)
	for b, err := range l.Epoch(context.Background(), epoch, from) {
		require.NoError(t, err)
		require.Equal(t, from+len(all), b.Index)
		all = append(all, loaded{b.X.Clone(), b.Targets.Clone(), slices.Clone(b.Images), slices.Clone(b.Classes), slices.Clone(b.Names)})
	}
	if o.Broken == BrokenLeftOut {
		require.LessOrEqual(t, len(all), l.Steps())
	} else {
		require.Len(t, all, l.Steps()-from)
	}
	return all
}

// Without augmentation a batch is what the Spec makes of its images.
func TestStreamIsApply(t *testing.T) {
	gray, _ := Preset("mnist")
	caffe, _ := Preset("imagenet-caffe")
	caffe = caffe.WithSize(20, 24)
	nhwc := caffe
	nhwc.Layout = "nhwc"
	plain := Spec{Resize: "none", Width: 9, Height: 30, Channels: 3, Order: "rgb", Invert: "always", Scale: 1, Layout: "nchw"}
	for name, s := range map[string]Spec{"grey": gray, "shorter": caffe, "nhwc": nhwc, "none": plain} {
		for _, channels := range []int{1, 3} {
			d := pictures(7, 31, 27, channels, 2)
			for i := range d.samples { // some have a light ground
				if m, _ := d.Image(i); i%3 == 0 {
					for k := range m.Pix {
						m.Pix[k] |= 128
					}
				}
			}
			for i, b := range batches(t, d, StreamOptions{Batch: 3, Spec: s, Classes: 2, Cache: NewCache(1 << 20)}, 1, 0) {
				var images []*Image
				for k := range b.classes {
					m, _ := d.Image(3*i + k)
					images = append(images, m)
					require.Equal(t, (3*i+k)%2, b.classes[k])
				}
				want, err := s.Apply(images...)
				require.NoError(t, err)
				require.True(t, want.Equal(b.x), name)
			}
		}
	}
}

// A batch depends on seed, epoch and its number: not on what ran before, on workers, or on what is kept.
func TestStreamIsDeterministic(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		texts := []string{"none", "crop:2,flip", "rotate:20,affine,color:0.5,erase:0.5,mixup:0.3", "resized-crop:0.2,vflip,color:0.4/0.4/0.4/0.2,mixup"}
		n := rapid.IntRange(1, 40).Draw(rt, "images")
		s := Spec{Resize: "exact", Filter: Bilinear, Width: 8, Height: 6, Channels: 3, Order: "rgb", Scale: 1. / 255, Mean: []float64{0.5}, Layout: "nchw"}
		o := StreamOptions{
			Batch: rapid.IntRange(1, 9).Draw(rt, "batch"), Seed: rapid.Uint64().Draw(rt, "seed"), Shuffle: true, Spec: s,
			Rest: rapid.SampledFrom([]Rest{RestShort, RestFilled, RestDropped}).Draw(rt, "rest"), Classes: 2,
			Broken: rapid.SampledFrom([]Broken{BrokenLeftOut, BrokenBlank, BrokenReplaced}).Draw(rt, "treatment"), Augment: augmentation(t, rapid.SampledFrom(texts).Draw(rt, "augment")), Workers: 1,
		}
		d := pictures(n, 17, 19, 3, 2)
		for i := 1; i < n; i += 4 {
			if rapid.Bool().Draw(rt, "broken") {
				broken(d, i)
			}
		}
		epoch := rapid.IntRange(0, 3).Draw(rt, "epoch")
		want := batches(t, d, o, epoch, 0)
		o.Workers, o.Keep = rapid.IntRange(1, 4).Draw(rt, "workers"), rapid.Bool().Draw(rt, "keep")
		if size := rapid.SampledFrom([]int64{-1, 0, 1000, 1 << 20}).Draw(rt, "cache"); size >= 0 {
			o.Cache = NewCache(size)
			batches(t, d, o, epoch+1, 0)
		}
		from := rapid.IntRange(0, len(want)).Draw(rt, "from")
		got := batches(t, d, o, epoch, from)
		for i, b := range got {
			w := want[from+i]
			require.True(t, w.x.Equal(b.x) && w.targets.Equal(b.targets), "batch %d", from+i)
			require.Equal(t, w.images, b.images)
			require.Equal(t, w.classes, b.classes)
			require.Equal(t, w.names, b.names)
		}
	})
}

// Where nothing takes the place of a broken image, it has no class, no samples and no targets.
func TestStreamLeavesBlanks(t *testing.T) {
	l, err := NewStream(broken(pictures(4, 4, 4, 1, 2), 2), StreamOptions{Batch: 2, Spec: Spec{Resize: "none", Width: 4, Height: 4, Channels: 1, Order: "rgb", Scale: 1. / 255, Layout: "nchw"}, Classes: 2, Broken: BrokenBlank})
	require.NoError(t, err)
	for range 2 { // the second time in buffers that were used
		var classes []int
		for b, err := range l.Epoch(t.Context(), 0, 0) {
			require.NoError(t, err)
			classes = append(classes, b.Classes...)
			if b.Index == 1 {
				n := b.X.Len() / 2
				require.Equal(t, make([]float32, n), tensor.Data[float32](b.X)[:n])
				require.Equal(t, []float32{0, 0}, tensor.Data[float32](b.Targets)[:2])
			}
		}
		require.Equal(t, -1, classes[2])
		require.NotContains(t, append(classes[:2:2], classes[3]), -1)
	}
	require.Len(t, l.Broken(), 1)
}

// Images move up to the places of broken ones: all batches but the last are full, or all are if rows of zeros fill it.
func TestStreamLeavesOut(t *testing.T) {
	s := Spec{Resize: "none", Width: 2, Height: 1, Channels: 1, Order: "rgb", Scale: 1. / 255, Layout: "nchw"}
	whole := batches(t, pictures(10, 2, 1, 1, 2), StreamOptions{Batch: 10, Spec: s, Classes: 2}, 0, 0)[0]
	for rest, want := range map[Rest][][]int{
		RestShort:  {{0, 2, 3}, {4, 5, 7}, {8}},
		RestFilled: {{0, 2, 3}, {4, 5, 7}, {8, -1, -1}},
	} {
		o := StreamOptions{Batch: 3, Rest: rest, Spec: s, Classes: 2}
		var found [][]int
		for _, b := range batches(t, broken(pictures(10, 2, 1, 1, 2), 1, 6, 9), o, 0, 0) {
			found = append(found, b.images)
			require.Equal(t, []int{len(b.images), 1, 1, 2}, b.x.Shape())
			require.Equal(t, []int{len(b.images), 2}, b.targets.Shape())
			for i, image := range b.images {
				x, targets, class, name := make([]float32, 2), make([]float32, 2), -1, ""
				if image >= 0 {
					x, targets, class, name = floats(whole.x)[2*image:2*image+2], floats(whole.targets)[2*image:2*image+2], image%2, fmt.Sprint(image)
				}
				require.Equal(t, x, floats(b.x)[2*i:2*i+2])
				require.Equal(t, targets, floats(b.targets)[2*i:2*i+2])
				require.Equal(t, class, b.classes[i])
				require.Equal(t, name, b.names[i])
			}
		}
		require.Equal(t, want, found)
	}
	l, err := NewStream(broken(pictures(5, 2, 1, 1, 2), 1, 3, 4), StreamOptions{Batch: 2, Spec: s})
	require.NoError(t, err)
	var told []string
	for b, err := range l.Epoch(t.Context(), 0, 0) {
		require.NoError(t, err)
		require.Nil(t, b.Targets)
		told = append(told, fmt.Sprint(b.Index, b.Images, len(b.Broken)))
	}
	require.Equal(t, []string{"0 [0 2] 2", "1 [] 1"}, told, "a last batch tells what is left to tell")
}

// Samples are of the type that is asked for.
func TestStreamTypes(t *testing.T) {
	d := pictures(3, 4, 4, 1, 2)
	m, err := d.Image(2)
	require.NoError(t, err)
	s := Spec{Resize: "none", Width: 4, Height: 4, Channels: 1, Order: "rgb", Scale: 1, Layout: "nchw"}
	for _, dt := range []tensor.DType{tensor.Uint8, tensor.Float16, tensor.BFloat16, tensor.Float64} {
		x := batches(t, d, StreamOptions{Batch: 3, Spec: s, Type: dt, Classes: 2}, 0, 0)[0].x
		require.Equal(t, dt, x.DType())
		if dt == tensor.Uint8 {
			require.Equal(t, m.Pix, tensor.Data[uint8](x)[32:])
		} else {
			require.InDelta(t, float64(m.Pix[0]), float64(floats(x.ToFloat32())[32]), 1)
		}
	}
}

// Streams of a data set and of its parts share what a cache keeps, which is bounded; of another size an image is another.
func TestStreamsShareACache(t *testing.T) {
	var opened atomic.Int64
	d := pictures(20, 8, 8, 1, 2)
	for i := range d.samples {
		open := d.samples[i].open
		d.samples[i].open = func() (*Image, error) {
			opened.Add(1)
			return open()
		}
	}
	broken(d, 3)
	s := Spec{Resize: "exact", Filter: Bilinear, Width: 4, Height: 4, Channels: 1, Order: "rgb", Scale: 1, Layout: "nchw"}
	decoded := func(d *Dataset, o StreamOptions) int {
		before := opened.Load()
		o.Batch = 4
		l, err := NewStream(d, o)
		require.NoError(t, err)
		for _, err := range l.Epoch(t.Context(), 0, 0) {
			require.NoError(t, err)
		}
		return int(opened.Load() - before)
	}
	c := NewCache(1 << 20)
	rest, held := d.Hold(0.2, 1)
	require.Equal(t, 19, decoded(rest, StreamOptions{Spec: s, Cache: c})+decoded(held, StreamOptions{Spec: s, Cache: c}))
	scaled := s
	scaled.Scale, scaled.Mean = 1./255, []float64{0.5}
	require.Zero(t, decoded(d.Shuffle(1), StreamOptions{Spec: scaled, Cache: c, Augment: augmentation(t, "crop:1,flip")}))
	require.Equal(t, 19, decoded(d, StreamOptions{Spec: s.WithSize(5, 5), Cache: c}))
	require.Equal(t, 19, decoded(d, StreamOptions{Spec: s}))
	small := NewCache(5 * 16)
	require.Equal(t, 19, decoded(d, StreamOptions{Spec: s, Cache: small}))
	require.Equal(t, 14, decoded(d, StreamOptions{Spec: s, Cache: small}))
	require.GreaterOrEqual(t, small.left.Load(), int64(0))
}

// Batches that are kept are the reader's, and no goroutine outlives an epoch, wherever it ends.
func TestStreamEnds(t *testing.T) {
	s := Spec{Resize: "none", Width: 4, Height: 4, Channels: 1, Order: "rgb", Scale: 1, Layout: "nchw"}
	d := pictures(40, 4, 4, 1, 2)
	l, err := NewStream(d, StreamOptions{Batch: 3, Spec: s, Keep: true, Workers: 4})
	require.NoError(t, err)
	before := runtime.NumGoroutine()
	var kept []*Batch
	for end := range 14 {
		for b, err := range l.Epoch(t.Context(), 0, 0) {
			require.NoError(t, err)
			kept = append(kept, b)
			if b.Index == end {
				break
			}
		}
		require.LessOrEqual(t, runtime.NumGoroutine(), before)
	}
	for _, b := range kept {
		for i, image := range b.Images {
			require.Equal(t, 3*b.Index+i, image)
			m, err := d.Image(image)
			require.NoError(t, err)
			require.Equal(t, float32(m.Pix[15]), floats(b.X)[16*i+15])
		}
	}
}

// A broken image is told once, and the next of the order takes its place.
func TestStreamSkipsBrokenImages(t *testing.T) {
	d := broken(pictures(7, 4, 4, 1, 2), 1, 2, 6)
	s := Spec{Resize: "none", Width: 4, Height: 4, Channels: 1, Order: "rgb", Scale: 1, Layout: "nchw"}
	l, err := NewStream(d, StreamOptions{Batch: 3, Spec: s, Broken: BrokenReplaced})
	require.NoError(t, err)
	var names, told []string
	for epoch := range 2 {
		for b, err := range l.Epoch(context.Background(), epoch, 0) {
			require.NoError(t, err)
			names = append(names, b.Names...)
			for _, err := range b.Broken {
				told = append(told, fmt.Sprint(epoch, b.Index, err))
			}
		}
	}
	require.Equal(t, slices.Repeat([]string{"0", "3", "3", "3", "4", "5", "0"}, 2), names)
	require.Equal(t, []string{`0 0 vision: "1": broken 1`, `0 0 vision: "2": broken 2`, `0 2 vision: "6": broken 6`}, told)
	require.Len(t, l.Broken(), 3)

	l, err = NewStream(d, StreamOptions{Batch: 3, Spec: s, Broken: BrokenRefused})
	require.NoError(t, err)
	for b, err := range l.Epoch(context.Background(), 0, 0) {
		require.Nil(t, b)
		require.EqualError(t, err, `vision: "1": broken 1`)
	}
	l, err = NewStream(broken(pictures(2, 4, 4, 1, 2), 0, 1), StreamOptions{Batch: 3, Spec: s, Broken: BrokenReplaced})
	require.NoError(t, err)
	for _, err := range l.Epoch(context.Background(), 0, 0) {
		require.ErrorContains(t, err, `vision: data set "pictures": none of 2 images can be read`)
		require.ErrorContains(t, err, "broken 0")
	}
}

// A batch stays while the next one is read, and a loop may end or be cancelled anywhere.
func TestStreamReusesBatches(t *testing.T) {
	s := Spec{Resize: "none", Width: 4, Height: 4, Channels: 1, Order: "rgb", Scale: 1, Layout: "nchw"}
	l, err := NewStream(pictures(50, 4, 4, 1, 2), StreamOptions{Batch: 2, Spec: s, Shuffle: true})
	require.NoError(t, err)
	seen := map[*Batch]bool{}
	var before, last *Batch
	var copied *tensor.Tensor
	for epoch := range 6 {
		for b, err := range l.Epoch(context.Background(), epoch, 0) {
			require.NoError(t, err)
			if before != nil {
				require.True(t, copied.Equal(before.X))
			}
			before, copied, last = b, b.X.Clone(), b
			seen[b] = true
			if epoch%2 == 1 && b.Index == 3 {
				break
			}
		}
		before = nil
		kept := last.X.Clone()
		for range l.Epoch(context.Background(), 99, 20) {
		}
		require.True(t, kept.Equal(last.X), "the last batch of a loop stays for good")
	}
	require.Less(t, len(seen), 30)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	count := 0
	var end error
	for _, err := range l.Epoch(ctx, 0, 0) {
		if count++; count == 2 {
			cancel()
		}
		end = err
	}
	require.ErrorIs(t, end, context.Canceled)
	require.Less(t, count, 6)
}

func TestStreamOptions(t *testing.T) {
	s, _ := Preset("mnist")
	d := pictures(10, 4, 4, 1, 3)
	none := pictures(3, 4, 4, 1, 2)
	none.samples[1].class = -1
	for want, c := range map[string]struct {
		d *Dataset
		o StreamOptions
	}{
		"no images":                        {d.Split(Val), StreamOptions{Batch: 1, Spec: s, Classes: 3}},
		`image "2" is of class 2, expects`: {d, StreamOptions{Batch: 1, Spec: s, Classes: 2}},
		`image "1" has no class`:           {none, StreamOptions{Batch: 1, Spec: s, Classes: 2}},
		"a batch of 0 images":              {d, StreamOptions{Spec: s}},
		"preprocessing: ":                  {d, StreamOptions{Batch: 1}},
		"element type int8 is not":         {d, StreamOptions{Batch: 1, Spec: s, Type: tensor.Int8}},
		"size is negative or too large":    {d, StreamOptions{Batch: math.MaxInt / 2, Spec: s, Rest: RestFilled}},
	} {
		_, err := NewStream(c.d, c.o)
		require.ErrorContains(t, err, want)
	}
	for _, c := range []struct{ batch, steps, dropped int }{{3, 4, 3}, {5, 2, 2}, {64, 1, 1}} {
		l, err := NewStream(d, StreamOptions{Batch: c.batch, Spec: s})
		require.NoError(t, err)
		require.Equal(t, c.steps, l.Steps())
		l, err = NewStream(d, StreamOptions{Batch: c.batch, Spec: s, Rest: RestDropped})
		require.NoError(t, err)
		require.Equal(t, c.dropped, l.Steps())
	}
}

// BenchmarkStream measures images a second, with images that are kept.
func BenchmarkStream(b *testing.B) {
	mnist, _ := Preset("mnist")
	cifar, _ := Preset("unit")
	photo, _ := Preset("imagenet")
	photos := pictures(64, 500, 375, 3, 2)
	for _, c := range []struct {
		name, augment string
		d             *Dataset
		s             Spec
		cache         int64
	}{
		{"28/none", "none", pictures(20000, 28, 28, 1, 10), mnist, 1 << 30},
		{"28/affine", "affine:0.1,rotate:10", pictures(20000, 28, 28, 1, 10), mnist, 1 << 30},
		{"32/crop,flip", "crop:4,flip", pictures(10000, 32, 32, 3, 10), cifar.WithSize(32, 32), 1 << 30},
		{"32/all", "crop:4,flip,rotate:10,color,erase,mixup", pictures(10000, 32, 32, 3, 10), cifar.WithSize(32, 32), 1 << 30},
		{"224/resized-crop,flip", "resized-crop,flip", photos, photo, 1 << 30},
		{"224/resized-crop,flip,color", "resized-crop,flip,color:0.4", photos, photo, 1 << 30},
		{"224/none kept", "resized-crop,flip", photos, photo, 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			l, err := NewStream(c.d, StreamOptions{
				Batch: 64, Shuffle: true, Spec: c.s, Augment: augmentation(b, c.augment), Cache: NewCache(c.cache), Classes: len(c.d.Classes()),
				Broken: BrokenReplaced,
			})
			require.NoError(b, err)
			for range l.Epoch(b.Context(), 0, 0) {
			}
			b.ReportAllocs()
			images := 0
			for epoch := 1; b.Loop(); epoch++ {
				for x := range l.Epoch(b.Context(), epoch, 0) {
					images += len(x.Classes)
				}
			}
			b.ReportMetric(float64(images)/b.Elapsed().Seconds(), "images/s")
		})
	}
}

func floats(x *tensor.Tensor) []float32 { return tensor.Data[float32](x) }
