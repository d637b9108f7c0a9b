package vision

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/onnxrun/onnxrun/tensor"
)

// Apply prepares images as one batch: float32, N×channels×height×width, or N×height×width×channels in layout nhwc.
func (s Spec) Apply(images ...*Image) (*tensor.Tensor, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	shape := s.batchShape(len(images))
	if _, err := tensor.Count(tensor.Float32, shape); err != nil {
		return nil, fmt.Errorf("vision: %w", err)
	}
	for i, m := range images {
		if m == nil || m.isEmpty() {
			return nil, fmt.Errorf("vision: image %d is empty", i)
		}
	}
	out := tensor.New(tensor.Float32, shape...)
	size := s.Channels * s.Height * s.Width
	tables := s.tables()
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, m := range images {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			s.write(tensor.Data[float32](out)[i*size:(i+1)*size], s.shape(m), tables)
		})
	}
	wg.Wait()
	return out, nil
}

// batchShape is the shape of a batch of n images.
func (s Spec) batchShape(n int) []int {
	if s.Layout == "nhwc" {
		return []int{n, s.Height, s.Width, s.Channels}
	}
	return []int{n, s.Channels, s.Height, s.Width}
}

// shape makes the channels and the size of an image those of the Spec, and inverts it where the Spec says so.
func (s Spec) shape(m *Image) *Image {
	m = s.frame(s.channels(m))
	if s.inverts(m) {
		m = m.inverted()
	}
	return m
}

func (s Spec) channels(m *Image) *Image {
	if s.Channels == 1 {
		return m.Gray()
	}
	return m.RGB()
}

// frame resizes and cuts an image to Width×Height.
func (s Spec) frame(m *Image) *Image {
	switch s.Resize {
	case "shorter":
		return limited(m).shorter(s.ResizeTo, s.Filter).CenterCrop(s.Width, s.Height)
	case "exact":
		return m.Resize(s.Width, s.Height, s.Filter)
	}
	return m.CenterCrop(s.Width, s.Height)
}

// shorter is the image with a shorter side of n pixels.
func (m *Image) shorter(n int, f Filter) *Image {
	if m.Width <= m.Height {
		return m.Resize(n, max(1, n*m.Height/m.Width), f)
	}
	return m.Resize(max(1, n*m.Width/m.Height), n, f)
}

// inverts reports whether an image in its frame is to be inverted.
func (s Spec) inverts(m *Image) bool {
	return s.Invert == "always" || s.Invert == "auto" && lightBorder(m)
}

func (m *Image) inverted() *Image {
	out := NewImage(m.Width, m.Height, m.Channels)
	for i, v := range m.Pix {
		out.Pix[i] = 255 - v
	}
	return out
}

// maxAspect is the ratio of sides beyond which an image is cut at both ends before it is resized, so that the memory that
// resizing takes does not grow with the ratio. A centre crop leaves these ends out anyhow.
const maxAspect = 64

func limited(m *Image) *Image {
	switch {
	case m.Height > maxAspect*m.Width:
		return m.CenterCrop(m.Width, maxAspect*m.Width)
	case m.Width > maxAspect*m.Height:
		return m.CenterCrop(maxAspect*m.Height, m.Height)
	}
	return m
}

// lightBorder reports whether the outermost pixels are lighter than middle grey on average.
func lightBorder(m *Image) bool {
	sum, count := 0, 0
	for y := range m.Height {
		for x := range m.Width {
			if y == 0 || x == 0 || y == m.Height-1 || x == m.Width-1 {
				for _, v := range m.Pix[(y*m.Width+x)*m.Channels:][:m.Channels] {
					sum += int(v)
					count++
				}
			}
		}
	}
	return sum > 127*count
}

// tables is, for each channel, what each of the 256 values of a sample becomes.
func (s Spec) tables() [][256]float32 {
	tables := make([][256]float32, s.Channels)
	for c := range tables {
		for v := range tables[c] {
			tables[c][v] = float32((float64(v)*s.Scale - at(s.Mean, c, 0)) / at(s.Std, c, 1))
		}
	}
	return tables
}

// write writes the samples of an image, which has the Spec's size and channels, as the tables and the layout say.
func (s Spec) write(dst []float32, m *Image, tables [][256]float32) {
	plane := s.Height * s.Width
	for c := range tables {
		from, step, start, table := s.source(c), 1, c*plane, &tables[c]
		if s.Layout == "nhwc" {
			step, start = s.Channels, c
		}
		if step == 1 {
			pix, out := m.Pix[from:], dst[start:start+plane]
			for i := range out {
				out[i] = table[pix[i*s.Channels]]
			}
			continue
		}
		for i := range plane {
			dst[start+i*step] = table[m.Pix[i*s.Channels+from]]
		}
	}
}

// source is the channel of an image that becomes channel c.
func (s Spec) source(c int) int {
	if s.Order == "bgr" && s.Channels == 3 {
		return 2 - c
	}
	return c
}

// isSampleType reports whether castSamples knows an element type.
func isSampleType(dt tensor.DType) bool {
	switch dt {
	case tensor.Float32, tensor.Float16, tensor.BFloat16, tensor.Float64, tensor.Uint8:
		return true
	}
	return false
}

// castSamples is t, which is float32, as another element type: t itself if it is of that; rounded and cut to 0 … 255 for
// uint8.
func castSamples(t *tensor.Tensor, dt tensor.DType) *tensor.Tensor {
	if dt != tensor.Uint8 {
		return tensor.FromFloat32(t, dt)
	}
	u := tensor.New(tensor.Uint8, t.Shape()...)
	for i, v := range tensor.Data[float32](t) {
		tensor.Data[uint8](u)[i] = uint8(min(max(v+0.5, 0), 255))
	}
	return u
}

// at is element c of a list that may be one number for all, or empty for a default.
func at(list []float64, c int, absent float64) float64 {
	switch len(list) {
	case 0:
		return absent
	case 1:
		return list[0]
	}
	return list[c]
}
