package vision

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParseAugmentation(t *testing.T) {
	for text, want := range map[string]string{
		"": "none", "none": "none", " crop , flip:0.3": "crop,flip:0.3", "reflect,crop": "reflect,crop",
		"resized-crop:0.08-1,crop:4,flip,vflip,rotate:10,affine:0.1/0.2/5,color:0.4,erase:0.25,mixup:0.2": "resized-crop:0.08-1,crop:4,flip,vflip,rotate:10,affine:0.1/0.2/5,color:0.4,erase:0.25,mixup:0.2",
	} {
		require.Equal(t, want, augmentation(t, text).String())
	}
	require.Equal(t, []float64{0.3, 0.3, 0.2, 0}, augmentation(t, "color:0.3/0.3/0.2").steps[0].args)
	require.Equal(t, []float64{0.2, 0.2, 0}, augmentation(t, "affine:0.2").steps[0].args)
	require.Equal(t, []float64{0.5, 1}, augmentation(t, "resized-crop:0.5").steps[0].args)
	for text, want := range map[string]string{
		"flop":                 `vision: augmentation "flop": unknown, expects some of resized-crop, crop, flip, vflip, rotate, affine, color, reflect, erase, mixup, or none`,
		"flip,":                `vision: augmentation "": unknown`,
		"flip,none":            `"none": unknown`,
		"flip:2":               `probability "2": expects a number from 0 to 1`,
		"reflect:1":            "1 numbers, expects 0 at most",
		"flip:":                `probability "": expects a number`,
		"rotate:-3":            `degrees "-3": expects`,
		"rotate:NaN":           `degrees "NaN": expects`,
		"crop:1.5":             `padding "1.5": expects`,
		"rotate:1/2":           "2 numbers, expects 1 at most",
		"resized-crop:0.9-0.1": "the least area, 0.9, exceeds the greatest, 0.1",
		"flip,resized-crop":    "resized-crop stands first",
		"mixup,flip":           `augmentation "flip": mixup stands last`,
	} {
		_, err := ParseAugmentation(text)
		require.ErrorContains(t, err, want)
	}
}

func FuzzParseAugmentation(f *testing.F) {
	f.Add("resized-crop:0.08-1,flip,color:0.4/0.4/0.4/0.1,erase,mixup", 30, 20, uint64(1))
	f.Add("reflect,crop:1024,vflip:1,rotate:180,affine:1/0.9/80", 1, 1, uint64(2))
	f.Fuzz(func(t *testing.T, text string, w, h int, seed uint64) {
		a, err := ParseAugmentation(text)
		if err != nil {
			return
		}
		again, err := ParseAugmentation(a.String())
		require.NoError(t, err)
		require.Equal(t, a.String(), again.String())
		if min(w, h) < 1 || max(w, h) > 300 || len(a.steps) > 20 {
			return
		}
		var c canvas
		d := newDice(seed, 0, 0)
		m := a.apply(pictures(1, w, h, 3, 1).first(), 24, 20, &d, &c, [3]byte{})
		if len(a.steps) > 0 && a.steps[0].kind.place != nil {
			require.Len(t, m.Pix, 24*20*3)
		}
	})
}

func (d *Dataset) first() *Image {
	m, err := d.Image(0)
	if err != nil {
		panic(err)
	}
	return m
}

// Whole pixels that are moved and mirrored are exactly those of the source.
func TestShiftsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 9)
		w, h, ch := size.Draw(t, "w"), size.Draw(t, "h"), rapid.SampledFrom([]int{1, 3}).Draw(t, "channels")
		src := pictures(1, w, h, ch, 1).first()
		shift := rapid.IntRange(-10, 10)
		dx, dy := shift.Draw(t, "x"), shift.Draw(t, "y")
		fx, fy := rapid.Bool().Draw(t, "mirrored"), rapid.Bool().Draw(t, "upside down")
		reflect := rapid.Bool().Draw(t, "reflect")
		at := translation(float64(dx), float64(dy))
		if fx {
			at = at.times(placeFlip([]float64{1}, new(dice), nil, float64(w), float64(h)))
		}
		if fy {
			at = at.times(placeVFlip([]float64{1}, new(dice), nil, float64(w), float64(h)))
		}
		c := canvas{reflect: reflect}
		outW, outH := size.Draw(t, "width"), size.Draw(t, "height")
		got := c.warp(src, outW, outH, at)
		smooth := NewImage(outW, outH, ch)
		smooth.bilinear(src, at, reflect)
		for y := range outH {
			for x := range outW {
				sx, sy := x+dx, y+dy
				if fx {
					sx = w - 1 - x + dx
				}
				if fy {
					sy = h - 1 - y + dy
				}
				if reflect {
					for sx < 0 || sx >= w {
						sx = max(-1-sx, min(sx, 2*w-1-sx))
					}
					for sy < 0 || sy >= h {
						sy = max(-1-sy, min(sy, 2*h-1-sy))
					}
				}
				want := src.Crop(sx, sy, 1, 1).Pix
				require.Equal(t, want, got.Crop(x, y, 1, 1).Pix, "%d,%d", x, y)
				require.Equal(t, want, smooth.Crop(x, y, 1, 1).Pix, "%d,%d", x, y)
			}
		}
	})
}

// Where a picture is a plane of colour, so it is after any change of place, if that stays inside.
func TestWarpReadsWhereTheMatrixSays(t *testing.T) {
	src := NewImage(64, 48, 3)
	for y := range 48 {
		for x := range 64 {
			copy(src.Pix[(y*64+x)*3:], []byte{byte(3 * x), byte(4 * y), byte(x + 2*y)})
		}
	}
	var c canvas
	d := newDice(3, 0, 0)
	for range 200 {
		at := placeRotation([]float64{180}, &d, nil, 64, 48).times(placeAffine([]float64{0.2, 0.8, 40}, &d, nil, 64, 48))
		m := c.warp(src, 64, 48, at)
		step := math.Sqrt(math.Abs(at.a*at.e - at.b*at.d))
		for y := range 48 {
			for x := range 64 {
				u, v := at.a*(float64(x)+0.5)+at.b*(float64(y)+0.5)+at.c, at.d*(float64(x)+0.5)+at.e*(float64(y)+0.5)+at.f
				pix := m.Pix[(y*64+x)*3:][:3]
				margin := 1 + 2*step // what halving blurs at the borders
				switch {
				case u < -margin || v < -margin || u > 64+margin || v > 48+margin:
					require.Equal(t, []byte{0, 0, 0}, pix)
				case u > margin && v > margin && u < 64-margin && v < 48-margin:
					require.InDelta(t, 3*(u-0.5), float64(pix[0]), 2)
					require.InDelta(t, 4*(v-0.5), float64(pix[1]), 2)
				}
			}
		}
	}
}

// The box of a resized crop lies inside, in the ranges of area and ratio.
func TestResizedCrop(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		side := rapid.IntRange(1, 500)
		src := &Image{Width: side.Draw(t, "w"), Height: side.Draw(t, "h")}
		lo := rapid.Float64Range(0.001, 1).Draw(t, "least")
		hi := rapid.Float64Range(lo, 1).Draw(t, "greatest")
		d := newDice(rapid.Uint64().Draw(t, "seed"), 0, 0)
		m := placeResizedCrop([]float64{lo, hi}, &d, src, 10, 20)
		w, h := m.a*10, m.e*20
		require.True(t, m.c >= 0 && m.f >= 0 && m.c+w < float64(src.Width)+1e-9 && m.f+h < float64(src.Height)+1e-9, m)
		slack := 1 + 1/min(w, h) // sides are whole pixels
		require.InDelta(t, 0, math.Log(w/h), math.Log(4./3*slack*slack))
	})
}

func TestColor(t *testing.T) {
	grey := pictures(1, 9, 7, 1, 1).first().RGB()
	m := grey.Crop(0, 0, 9, 7)
	d := newDice(1, 0, 0)
	for range 50 { // grey stays grey whatever becomes of its chroma
		paintColor([]float64{0, 0, 1, 0.5}, &d, m, [3]byte{})
		for i, v := range m.Pix {
			require.InDelta(t, grey.Pix[i], v, 1)
		}
		copy(m.Pix, grey.Pix)
	}
	src := pictures(1, 9, 7, 3, 1).first()
	same := src.Crop(0, 0, 9, 7)
	paintColor([]float64{0, 0, 0, 0}, &d, same, [3]byte{})
	require.Equal(t, src.Pix, same.Pix)
	none := src.Crop(0, 0, 9, 7)
	none.recolor(chromaMatrix(0, 0))
	for i, v := range src.Gray().Pix {
		require.InDelta(t, v, none.Pix[3*i], 1)
		require.InDelta(t, none.Pix[3*i], none.Pix[3*i+1], 1)
	}
	third := &Image{1, 1, 3, []byte{160, 100, 100}} // a third of the circle makes red another colour, twice again red
	for range 3 {
		third.recolor(chromaMatrix(1, 1./3))
	}
	require.InDeltaSlice(t, []int{160, 100, 100}, []int{int(third.Pix[0]), int(third.Pix[1]), int(third.Pix[2])}, 4)
	contrast := &Image{2, 1, 1, []byte{100, 200}}
	paintColor([]float64{0, 1, 0, 0}, &d, contrast, [3]byte{})
	require.InDelta(t, 300, int(contrast.Pix[0])+int(contrast.Pix[1]), 1, "contrast keeps the mean")
}

func TestErase(t *testing.T) {
	const side = 40
	erased := 0
	for i := range 400 {
		m := NewImage(side, side, 3)
		for k := range m.Pix {
			m.Pix[k] = 200
		}
		d := newDice(5, 0, uint64(i))
		paintErased([]float64{0.25}, &d, m, [3]byte{1, 2, 3})
		area := 0
		for k := 0; k < len(m.Pix); k += 3 {
			if m.Pix[k] != 200 {
				require.Equal(t, []byte{1, 2, 3}, m.Pix[k:k+3])
				area++
			}
		}
		if area > 0 {
			erased++
			require.InDelta(t, 0.175, float64(area)/side/side, 0.17)
		}
	}
	require.InDelta(t, 100, erased, 30)
}

// Mixed images and targets are the same mixture, of which its own image has the greater share.
func TestMixup(t *testing.T) {
	d := pictures(9, 3, 3, 1, 3)
	s := Spec{Resize: "none", Width: 3, Height: 3, Channels: 1, Order: "rgb", Scale: 1. / 255, Layout: "nchw"}
	o := StreamOptions{Batch: 9, Spec: s, Shuffle: true, Classes: 3}
	plain := batches(t, d, o, 2, 0)[0]
	o.Augment = augmentation(t, "mixup:0.5")
	mixed := batches(t, d, o, 2, 0)[0]
	require.Equal(t, plain.names, mixed.names)
	row := func(x []float32, i int) []float32 { return x[i*len(x)/9 : (i+1)*len(x)/9] }
	shares := map[float32]bool{}
	for i := range 9 {
		k := 8 - i
		target := row(floats(mixed.targets), i)
		share := target[mixed.classes[i]]
		if mixed.classes[i] != mixed.classes[k] {
			shares[share] = true
			require.InDelta(t, 1-share, target[mixed.classes[k]], 1e-6)
			require.GreaterOrEqual(t, share, float32(0.5))
			for c, v := range row(floats(mixed.x), i) {
				require.InDelta(t, share*row(floats(plain.x), i)[c]+(1-share)*row(floats(plain.x), k)[c], v, 1e-5)
			}
		}
	}
	require.Greater(t, len(shares), 1)
}

// Random numbers have the moments of their distributions, and streams of neighbours differ.
func TestDice(t *testing.T) {
	const n = 40000
	sum, squares, betas, betaSquares := 0.0, 0.0, 0.0, 0.0
	for i := range n {
		d := newDice(0, 0, uint64(i))
		v := d.unit()
		sum, squares = sum+v, squares+v*v
		b := d.beta(0.2)
		betas, betaSquares = betas+b, betaSquares+b*b
	}
	require.InDelta(t, 0.5, sum/n, 0.01)
	require.InDelta(t, 1./3, squares/n, 0.01)
	require.InDelta(t, 0.5, betas/n, 0.01)
	require.InDelta(t, 0.25+1/(4*(2*0.2+1)), betaSquares/n, 0.01)
	d := newDice(7, 0, 0)
	var counts [5]int
	for range n {
		counts[d.below(5)]++
	}
	require.InDelta(t, n/5, slices.Min(counts[:]), n/100)
	for range 1000 {
		require.False(t, math.IsNaN(d.beta(0.01)))
	}
}

// A resized crop of large images reads from smaller ones, which are the same kept or not.
func TestReserve(t *testing.T) {
	s := Spec{Resize: "shorter", ResizeTo: 10, Filter: Bilinear, Width: 8, Height: 8, Channels: 3, Order: "rgb", Scale: 1, Layout: "nchw"}
	d := pictures(1, 100, 50, 3, 1)
	for text, side := range map[string]int{"resized-crop:0.5": 12, "resized-crop": 16, "flip": 8} {
		m, err := newImageReader(d, s, augmentation(t, text), nil).get(0)
		require.NoError(t, err)
		require.Equal(t, side, m.Height, text)
	}
	c := newImageReader(d, s, Augmentation{}, NewCache(8*8*3))
	_, err := c.get(0)
	require.NoError(t, err)
	require.Zero(t, c.cache.left.Load())
}
