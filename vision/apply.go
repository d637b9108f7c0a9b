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
	shape := []int{len(images), s.Channels, s.Height, s.Width}
	if s.Layout == "nhwc" {
		shape = []int{len(images), s.Height, s.Width, s.Channels}
	}
	if _, err := tensor.Count(tensor.Float32, shape); err != nil {
		return nil, fmt.Errorf("vision: %w", err)
	}
	for i, m := range images {
		if m == nil || m.Width < 1 || m.Height < 1 || len(m.Pix) != m.Width*m.Height*m.Channels {
			return nil, fmt.Errorf("vision: image %d is empty", i)
		}
	}
	out := tensor.New(tensor.Float32, shape...)
	size := s.Channels * s.Height * s.Width
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, m := range images {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			s.write(tensor.Data[float32](out)[i*size:(i+1)*size], s.shape(m))
		})
	}
	wg.Wait()
	return out, nil
}

// shape brings an image to the channels and size of the Spec.
func (s Spec) shape(m *Image) *Image {
	if s.Channels == 1 {
		m = m.Gray()
	} else {
		m = m.RGB()
	}
	switch s.Resize {
	case "shorter":
		m = limited(m)
		w, h := s.ResizeTo, s.ResizeTo
		if m.Width <= m.Height {
			h = max(1, s.ResizeTo*m.Height/m.Width)
		} else {
			w = max(1, s.ResizeTo*m.Width/m.Height)
		}
		m = m.Resize(w, h, s.Filter).CenterCrop(s.Width, s.Height)
	case "exact":
		m = m.Resize(s.Width, s.Height, s.Filter)
	default:
		m = m.CenterCrop(s.Width, s.Height)
	}
	if s.Invert == "always" || s.Invert == "auto" && lightBorder(m) {
		inverted := NewImage(m.Width, m.Height, m.Channels)
		for i, v := range m.Pix {
			inverted.Pix[i] = 255 - v
		}
		m = inverted
	}
	return m
}

// maxAspect bounds how long an image may be for its width before its ends, which a centre crop leaves out, are cut off
// first: the memory of resizing must not grow with the ratio.
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

// write scales and orders the samples of an image of the right size.
func (s Spec) write(dst []float32, m *Image) {
	plane := s.Height * s.Width
	for c := range s.Channels {
		from := c
		if s.Order == "bgr" && s.Channels == 3 {
			from = 2 - c
		}
		// One multiplication and addition for each of the 256 values a sample can have.
		var table [256]float32
		for v := range table {
			table[v] = float32((float64(v)*s.Scale - at(s.Mean, c, 0)) / at(s.Std, c, 1))
		}
		step, start := 1, c*plane
		if s.Layout == "nhwc" {
			step, start = s.Channels, c
		}
		for i := range plane {
			dst[start+i*step] = table[m.Pix[i*s.Channels+from]]
		}
	}
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
