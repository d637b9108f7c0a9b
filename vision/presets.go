package vision

import (
	"fmt"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/internal/plain"
)

// presets is the ways of preparing images that are known by name.
func presets() []struct {
	name string
	spec Spec
} {
	return []struct {
		name string
		spec Spec
	}{
		// What torchvision's models and most that are exported from PyTorch expect.
		{"imagenet", Spec{Resize: "shorter", ResizeTo: 256, Filter: Bilinear, Width: 224, Height: 224, Channels: 3, Order: "rgb",
			Scale: 1. / 255, Mean: []float64{0.485, 0.456, 0.406}, Std: []float64{0.229, 0.224, 0.225}, Layout: "nchw"}},
		// What models of Caffe and Caffe2 expect: blue first, 0 … 255, less the mean of each channel.
		{"imagenet-caffe", Spec{Resize: "shorter", ResizeTo: 256, Filter: Bilinear, Width: 224, Height: 224, Channels: 3, Order: "bgr",
			Scale: 1, Mean: []float64{103.939, 116.779, 123.68}, Layout: "nchw"}},
		// Handwritten digits: light ink on dark ground, as the data set has them; paper is inverted.
		{"mnist", Spec{Resize: "exact", Filter: Bilinear, Width: 28, Height: 28, Channels: 1, Order: "rgb", Invert: "auto",
			Scale: 1. / 255, Mean: []float64{0.1307}, Std: []float64{0.3081}, Layout: "nchw"}},
		// Samples from 0 to 1, nothing else.
		{"unit", Spec{Resize: "exact", Filter: Bilinear, Width: 224, Height: 224, Channels: 3, Order: "rgb", Scale: 1. / 255, Layout: "nchw"}},
	}
}

// PresetNames lists the names that Preset knows.
func PresetNames() []string {
	var names []string
	for _, p := range presets() {
		names = append(names, p.name)
	}
	return names
}

// Preset is a way of preparing images by its name.
func Preset(name string) (Spec, error) {
	for _, p := range presets() {
		if p.name == name {
			return p.spec, nil
		}
	}
	return Spec{}, fmt.Errorf("vision: unknown preset %q, expects one of %s", name, strings.Join(PresetNames(), ", "))
}

// ForShape fits a Spec to a model's input, four dimensions of which unknown ones are -1: layout, channels and size. What
// the shape leaves open stays as it is.
func (s Spec) ForShape(shape []int) (Spec, error) {
	if shape == nil {
		return s, s.Check()
	}
	if len(shape) != 4 {
		return Spec{}, fmt.Errorf("vision: an input of shape %s is not a batch of images", plain.Text(fmt.Sprint(shape), plain.Name))
	}
	isChannels := func(n int) bool { return n == 1 || n == 3 }
	channels, h, w := shape[1], shape[2], shape[3]
	s.Layout = "nchw"
	if !isChannels(channels) && isChannels(shape[3]) {
		s.Layout = "nhwc"
		h, w, channels = shape[1], shape[2], shape[3]
	}
	if channels > 0 && !isChannels(channels) {
		return Spec{}, fmt.Errorf("vision: an input of shape %s takes images of %d channels, expects 1 or 3", plain.Text(fmt.Sprint(shape), plain.Name), channels)
	}
	if channels > 0 && channels != s.Channels {
		s.Channels = channels
		s.Mean, s.Std = channelMean(s.Mean, channels), channelMean(s.Std, channels)
	}
	if h > 0 && w > 0 {
		s = s.WithSize(w, h)
	}
	return s, s.Check()
}

// WithSize is the Spec for another input size. The size that the shorter side is resized to keeps its ratio to it (256 for
// 224).
func (s Spec) WithSize(w, h int) Spec {
	if s.Resize == "shorter" && min(s.Width, s.Height) > 0 {
		s.ResizeTo = (s.ResizeTo*min(w, h) + min(s.Width, s.Height)/2) / min(s.Width, s.Height)
		if w != h {
			s.ResizeTo = max(s.ResizeTo, w, h)
		}
	}
	s.Width, s.Height = w, h
	return s
}

// channelMean makes a list of numbers, one for each channel, fit another number of channels: each gets their mean.
func channelMean(list []float64, channels int) []float64 {
	if len(list) <= 1 {
		return list
	}
	sum := 0.0
	for _, v := range list {
		sum += v
	}
	return slices.Repeat([]float64{sum / float64(len(list))}, channels)
}

// Guess is what a model of that input most likely expects, and why.
func Guess(shape []int) (s Spec, why string, err error) {
	name := "imagenet"
	base, _ := Preset(name)
	fitted, err := base.ForShape(shape)
	if err != nil {
		return Spec{}, "", err
	}
	switch {
	case fitted.Channels == 1 && max(fitted.Width, fitted.Height) <= 32:
		name = "mnist"
	case max(fitted.Width, fitted.Height) < 64:
		name = "unit"
	}
	base, _ = Preset(name)
	s, err = base.ForShape(shape)
	return s, fmt.Sprintf("preset %s, by the input's shape", name), err
}
