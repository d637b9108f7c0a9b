package onnxrun

import (
	"fmt"
	"image"
	"io"
	"slices"

	"github.com/onnxrun/onnxrun/internal/chart"
	"github.com/onnxrun/onnxrun/vision"
)

// WriteConfusion draws the confusion matrix as PNG, with a last class for predictions that the data set has no class for.
func (e *Evaluation) WriteConfusion(w io.Writer) error {
	var names []string
	counts, other := slices.Clone(e.Confusion), false
	for _, c := range e.Classes {
		names = append(names, c.Name)
		other = other || c.Elsewhere > 0
	}
	if other {
		names = append(names, "(others)")
		for i, c := range e.Classes {
			counts[i] = append(slices.Clone(counts[i]), c.Elsewhere)
		}
		counts = append(counts, make([]int, len(names)))
	}
	return chart.Confusion(w, names, counts)
}

// WriteWorst draws the worst images as PNG, each with its class, what it was taken for, and the probabilities of both. data
// is the data set that was evaluated. At most 400 images are drawn.
func (e *Evaluation) WriteWorst(w io.Writer, data *vision.Dataset) error {
	var tiles []chart.Tile
	for _, worst := range e.Worst[:min(len(e.Worst), 400)] {
		m, err := data.Image(worst.Index)
		if err != nil {
			return err
		}
		t := chart.Tile{Image: goImage(m), Title: worst.Class, Text: percent(worst.Probability), Wrong: worst.Predicted != worst.Class}
		if t.Wrong {
			t.Title += " → " + worst.Predicted
			t.Text += " → " + percent(worst.Confidence)
		}
		tiles = append(tiles, t)
	}
	return chart.Grid(w, tiles)
}

func percent(p float64) string {
	if p < 1e-5 {
		return "<0.001 %"
	}
	return fmt.Sprintf("%.3g %%", 100*p)
}

// goImage is an image as Go's packages have it.
func goImage(m *vision.Image) image.Image {
	if m.Channels == 1 {
		return &image.Gray{Pix: m.Pix, Stride: m.Width, Rect: image.Rect(0, 0, m.Width, m.Height)}
	}
	out := image.NewNRGBA(image.Rect(0, 0, m.Width, m.Height))
	for i := range m.Width * m.Height {
		copy(out.Pix[4*i:], m.Pix[3*i:3*i+3])
		out.Pix[4*i+3] = 0xff
	}
	return out
}
