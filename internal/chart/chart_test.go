package chart

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot"
)

// picture draws twice: the bytes are the same, and a PNG.
func picture(t *testing.T, draw func(w io.Writer) error) image.Image {
	t.Helper()
	var a, b bytes.Buffer
	require.NoError(t, draw(&a))
	require.NoError(t, draw(&b))
	require.True(t, bytes.Equal(a.Bytes(), b.Bytes()), "the same data give other bytes")
	m, err := png.Decode(&a)
	require.NoError(t, err)
	return m
}

// count is how many pixels of a picture are of a color.
func count(m image.Image, c color.NRGBA) (n int) {
	want := color.RGBAModel.Convert(c)
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			if color.RGBAModel.Convert(m.At(x, y)) == want {
				n++
			}
		}
	}
	return n
}

func TestCurves(t *testing.T) {
	nan := math.NaN()
	epochs := []Epoch{{1, 2, 1.5, 0.3, 0.5}, {2, 1, 1.2, 0.6, 0.6}, {3, 0.5, 1.1, 0.8, 0.65}}
	m := picture(t, func(w io.Writer) error { return Curves(w, epochs) })
	require.Equal(t, image.Rect(0, 0, 1800, 700), m.Bounds())
	require.Greater(t, count(m, lineColors[0]), 3000)
	require.Greater(t, count(m, lineColors[1]), 3000)
	require.Zero(t, count(m, lineColors[2]))

	for i := range epochs {
		epochs[i].TrainAccuracy, epochs[i].ValAccuracy = nan, nan
		epochs[i].TrainLoss = math.Inf(1)
	}
	m = picture(t, func(w io.Writer) error { return Curves(w, epochs[:1]) })
	require.Equal(t, image.Rect(0, 0, 1000, 700), m.Bounds(), "loss alone")
	require.Zero(t, count(m, lineColors[0]))
	require.NotZero(t, count(m, lineColors[1]), "validation keeps its color")
	require.ErrorContains(t, Curves(io.Discard, nil), "no points")
	require.ErrorContains(t, Curves(io.Discard, []Epoch{{1, nan, nan, nan, nan}}), "no points")
}

func TestLines(t *testing.T) {
	x := []float64{10, 100, 1000}
	m := picture(t, func(w io.Writer) error {
		return Lines(w, Axes{Title: "Error", X: "images a class", Y: "%", LogX: true, FromZero: true},
			Line{Name: "a", X: x, Y: []float64{30, 20, 10}, Spread: []float64{3, 2, math.NaN()}},
			Line{Name: "b", X: x, Y: []float64{30, 20, 10}}, Line{Name: "c", X: x[:1], Y: []float64{5}, Spread: []float64{1}})
	})
	require.Equal(t, image.Rect(0, 0, 1600, 900), m.Bounds())
	require.NotZero(t, count(m, lineColors[2]))
	for want, l := range map[string]Line{
		`"l": 2 numbers for x, 1 for y`: {Name: "l", X: x[:2], Y: x[:1]},
		"1 for the spread":              {X: x, Y: x, Spread: x[:1]},
		"x is 0":                        {X: []float64{0}, Y: x[:1]},
		"no points":                     {},
	} {
		require.ErrorContains(t, Lines(io.Discard, Axes{LogX: true}, l), want)
	}
}

func TestRates(t *testing.T) {
	rates, losses := []float64{1e-5, 1e-4, 1e-3, 1e-2, 1e-1}, []float64{2.3, 2.2, 1.5, 1.4, 1e9}
	m := picture(t, func(w io.Writer) error { return Rates(w, rates, losses, 1e-3) })
	require.Equal(t, image.Rect(0, 0, 1200, 700), m.Bounds())
	require.Greater(t, count(m, lineColors[0]), 2000, "the fall stands out though the end is a billion")
	picture(t, func(w io.Writer) error { return Rates(w, rates[:1], []float64{0}, 0) })
}

func TestConfusion(t *testing.T) {
	for _, n := range []int{1, 2, 10, 100, 130} {
		names, counts := make([]string, n), make([][]int, n)
		for i := range n {
			names[i], counts[i] = "class", make([]int, n)
			counts[i][(i+1)%n] = 1
		}
		counts[0][0] = 7
		m := picture(t, func(w io.Writer) error { return Confusion(w, names, counts) })
		require.Less(t, m.Bounds().Dx(), 2600, n)
		if n > 1 {
			require.NotZero(t, count(m, shadeOf(1, false).(color.NRGBA)), n)
		}
	}
	require.ErrorContains(t, Confusion(io.Discard, []string{"a"}, nil), "0 rows for 1 classes")
	require.ErrorContains(t, Confusion(io.Discard, []string{"a"}, [][]int{{1, 2}}), "row 0 has 2 numbers")
	require.ErrorContains(t, Confusion(io.Discard, make([]string, 3000), make([][]int, 3000)), "expects 1 to 2000")
}

func TestGrid(t *testing.T) {
	red := color.NRGBA{0xff, 0, 0, 0xff}
	small, large, none := image.NewNRGBA(image.Rect(0, 0, 2, 1)), image.NewNRGBA(image.Rect(5, 5, 505, 1005)), image.NewNRGBA(image.Rectangle{})
	small.SetNRGBA(0, 0, red)
	small.SetNRGBA(1, 0, red)
	m := picture(t, func(w io.Writer) error {
		return Grid(w, []Tile{{Image: small, Title: "a → b", Wrong: true}, {Image: large, Title: "a very long title that does not fit below the picture"}, {Image: none}})
	})
	require.Equal(t, image.Rect(0, 0, 540, 672), m.Bounds())
	require.Equal(t, 240*120, count(m, red))
	require.Error(t, Grid(io.Discard, nil))
	require.Error(t, Grid(io.Discard, make([]Tile, 401)))
}

func TestUsual(t *testing.T) {
	of := func(y ...float64) float64 { return usual([]Line{{X: make([]float64, len(y)), Y: y}}) }
	require.Equal(t, 2.0, of(1e6, 2, 1, 0.5, 0.4))
	for _, healthy := range [][]float64{{2.3, 0.5, 0.2, 0.1}, {0, 0, 5}, {math.NaN()}, {}} {
		require.True(t, math.IsNaN(of(healthy...)), healthy)
	}
}

func TestTicks(t *testing.T) {
	labels := func(m plot.Ticker, lo, hi float64) (out []string) {
		for _, tick := range m.Ticks(lo, hi) {
			out = append(out, tick.Label)
		}
		return out
	}
	require.Equal(t, []string{"0.0", "0.5", "1.0", "1.5", "2.0"}, labels(evenTicks{n: 6}, 0, 2))
	require.Equal(t, []string{"1", "2", "3"}, labels(evenTicks{8, true}, 1, 3))
	require.Equal(t, []string{"98.5", "99.0", "99.5", "100.0"}, labels(evenTicks{n: 4}, 98.2, 100))
	require.Equal(t, []string{"10", "30", "100", "300", "1000"}, labels(logTicks{}, 10, 1000))
	require.Equal(t, []string{"1e-6", "1e-5", "1e-4", "0.001", "0.01", "0.1", "1"}, labels(logTicks{}, 1e-6, 3))
	require.Equal(t, []string{"1", "2", "5", "10"}, labels(logTicks{}, 1, 12))
	lo, hi := roomy(3, 3, 5)
	require.Less(t, lo, 3.0)
	require.Greater(t, hi, 3.0)
}
