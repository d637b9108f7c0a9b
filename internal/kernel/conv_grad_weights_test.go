package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// refGradWeights is the gradient by weights, by definition: refConv is linear in them, so each is the sum of dy times the
// result of a convolution with that one weight.
func refGradWeights(s *ConvSpec, x, dy []float32) []float64 {
	in, out, kernel := fill3(s.In, 1), fill3(s.Out, 1), fill3(s.Kernel, 1)
	win := s.window()
	cg, mg := s.C/s.Group, s.OutC/s.Group
	dw := make([]float64, s.OutC*cg*product(s.Kernel))
	for i := range dw {
		tx, ty := i%kernel[2], i/kernel[2]%kernel[1]
		c, m := i/product(s.Kernel)%cg, i/product(s.Kernel)/cg
		for n := range s.N {
			for p := range product(s.Out) {
				iy, ix := p/out[2]*win[1].stride+win[1].off[ty], p%out[2]*win[2].stride+win[2].off[tx]
				if iy < 0 || iy >= in[1] || ix < 0 || ix >= in[2] {
					continue
				}
				dw[i] += float64(x[((n*s.C+m/mg*cg+c)*in[1]+iy)*in[2]+ix]) * float64(dy[(n*s.OutC+m)*product(s.Out)+p])
			}
		}
	}
	return dw
}

func checkGradWeights(t require.TestingT, s ConvGradWeightsSpec) {
	r := newRand()
	in, out := product(s.In), product(s.Out)
	x, dy := random(r, s.N*s.C*in), random(r, s.N*s.OutC*out)
	ref := ConvSpec{N: s.N, C: s.C, OutC: s.OutC, Group: s.Group, Spatial: s.Spatial}
	require.NoError(t, ref.complete("test"))
	want := refGradWeights(&ref, x, dy)
	bx, by := x, toBlocked(dy, s.N, s.OutC, out)
	if !s.Plain {
		bx = toBlocked(x, s.N, s.C, in)
	}
	for _, s.Set = range allSets(t) {
		var first []float32
		for _, s.Split = range []int{1, 3, 50} {
			g, err := NewConvGradWeights(s)
			require.NoError(t, err)
			sums, dw := newGuarded(g.SumsSize()), newGuarded(len(want))
			runAll(g, func(task int, scratch []float32) { g.Run(task, sums.data, bx, by, scratch) })
			for task := range g.ReduceTasks() {
				g.Reduce(task, dw.data, sums.data)
			}
			sums.check(t)
			dw.check(t)
			if first == nil {
				first = dw.data
				requireClose(t, want, dw.data, float64(s.N*out+2))
			}
			requireSame(t, first, dw.data)
		}
	}
}

func TestConvGradWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := ConvGradWeightsSpec{N: rapid.IntRange(1, 3).Draw(t, "n"), Group: rapid.IntRange(1, 2).Draw(t, "group")}
		s.C, s.OutC = rapid.IntRange(1, 40).Draw(t, "c"), rapid.IntRange(1, 70).Draw(t, "outC")
		if s.Group > 1 {
			s.C, s.OutC = s.Group*roundUp(s.C, Block), s.Group*roundUp(s.OutC, Block)
		} else if s.Plain = rapid.Bool().Draw(t, "plain"); s.Plain {
			s.C = 1 + s.C%4
		}
		drawPlane(t, &s.Spatial)
		if rapid.Bool().Draw(t, "pointwise") {
			s.Out, s.Kernel, s.Strides, s.Dilations, s.Pads = s.In, []int{1, 1}, nil, nil, nil
		}
		checkGradWeights(t, s)
	})
}

// Large planes go by bands of rows, many small ones by bands of images; many sums are kept once.
func TestConvGradWeightsInBands(t *testing.T) {
	three := func(h, w int) Spatial {
		return Spatial{In: []int{h, w}, Out: []int{h, w}, Kernel: []int{3, 3}, Pads: []int{1, 1}}
	}
	large := ConvGradWeightsSpec{N: 2, C: 17, OutC: 33, Group: 1, Spatial: three(61, 47)}
	g, err := NewConvGradWeights(large)
	require.NoError(t, err)
	require.Less(t, g.band, 61)
	checkGradWeights(t, large)
	small := ConvGradWeightsSpec{N: 20, C: 64, OutC: 96, Group: 1, Spatial: three(3, 4)}
	g, err = NewConvGradWeights(small)
	require.NoError(t, err)
	require.Equal(t, 1, g.parts)
	require.Greater(t, g.images, 1)
	checkGradWeights(t, small)
	large.Plain, large.C, large.Spatial = true, 3, three(200, 150)
	g, err = NewConvGradWeights(large)
	require.NoError(t, err)
	require.Less(t, g.band, 200)
	checkGradWeights(t, large)
}

func TestConvGradWeightsEmpty(t *testing.T) {
	s := ConvGradWeightsSpec{N: 0, C: 5, OutC: 7, Group: 1, Spatial: Spatial{In: []int{4, 4}, Out: []int{2, 2}, Kernel: []int{3, 3}}}
	checkGradWeights(t, s)
	s.Group = 5
	_, err := NewConvGradWeights(s)
	require.ErrorContains(t, err, "channels")
}

func TestConvGradWeightsNaN(t *testing.T) {
	s := ConvGradWeightsSpec{N: 1, C: 16, OutC: 16, Group: 1, Spatial: Spatial{In: []int{3, 3}, Out: []int{3, 3}, Kernel: []int{1, 1}}}
	x, dy := make([]float32, 9*Block), make([]float32, 9*Block)
	x[4*Block+3] = float32(math.NaN())
	for _, s.Set = range allSets(t) {
		g, err := NewConvGradWeights(s)
		require.NoError(t, err)
		sums, dw := make([]float32, g.SumsSize()), make([]float32, 256)
		runAll(g, func(task int, scratch []float32) { g.Run(task, sums, x, dy, scratch) })
		for task := range g.ReduceTasks() {
			g.Reduce(task, dw, sums)
		}
		for i, v := range dw {
			require.Equal(t, i%16 == 3, v != v, "element %d", i)
		}
	}
}

func TestDepthwiseGradWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := DepthwiseSpec{N: rapid.IntRange(1, 3).Draw(t, "n"), C: rapid.IntRange(1, 40).Draw(t, "c")}
		drawPlane(t, &s.Spatial)
		if rapid.Bool().Draw(t, "wide") {
			s.Kernel[1], s.Out[1] = 9, outSize(s.In[1], 9, s.Strides[1], s.Dilations[1], s.Pads[1], 9*s.Dilations[1])
		}
		r := newRand()
		in, out := product(s.In), product(s.Out)
		x, dy := random(r, s.N*s.C*in), random(r, s.N*s.C*out)
		want := refGradWeights(&ConvSpec{N: s.N, C: s.C, OutC: s.C, Group: s.C, Spatial: s.Spatial}, x, dy)
		for _, s.Set = range allSets(t) {
			var first []float32
			for _, s.Split = range []int{1, 5, 40} {
				g, err := NewDepthwiseGradWeights(s)
				require.NoError(t, err)
				sums, dw := newGuarded(g.SumsSize()), newGuarded(len(want))
				runAll(g, func(task int, _ []float32) {
					g.Run(task, sums.data, toBlocked(x, s.N, s.C, in), toBlocked(dy, s.N, s.C, out))
				})
				for task := range g.ReduceTasks() {
					g.Reduce(task, dw.data, sums.data)
				}
				sums.check(t)
				dw.check(t)
				if first == nil {
					first = dw.data
					requireClose(t, want, dw.data, float64(s.N*out+2))
				}
				requireSame(t, first, dw.data)
			}
		}
	})
}

func TestChannelSum(t *testing.T) {
	r := newRand()
	for _, set := range allSets(t) {
		for _, c := range []int{1, 16, 33} {
			for _, plane := range []int{0, 1, 49, 1030} {
				x, want := random(r, 3*c*plane), make([]float64, c)
				for i, v := range x {
					want[i/plane%c] += float64(v)
				}
				s, err := NewChannelSum(3, c, plane, 3, set)
				require.NoError(t, err)
				y := newGuarded(c)
				runAll(s, func(task int, _ []float32) { s.Run(task, y.data, toBlocked(x, 3, c, plane)) })
				y.check(t)
				requireClose(t, want, y.data, float64(3*plane))
			}
		}
	}
}

func TestWinogradGradWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		form := rapid.IntRange(0, WinogradForms-1).Draw(t, "form")
		r := winogradForms[form].r
		s := ConvGradWeightsSpec{N: rapid.IntRange(0, 3).Draw(t, "n"), Group: rapid.IntRange(1, 2).Draw(t, "group")}
		s.C, s.OutC = rapid.IntRange(1, 40).Draw(t, "c"), rapid.IntRange(1, 70).Draw(t, "outC")
		if s.Group > 1 {
			s.C, s.OutC = s.Group*roundUp(s.C, Block), s.Group*roundUp(s.OutC, Block)
		}
		for range 2 {
			p, q := rapid.IntRange(0, 3).Draw(t, "padBegin"), rapid.IntRange(0, 3).Draw(t, "padEnd")
			in := max(1, r-p-q) + rapid.IntRange(0, 15).Draw(t, "in")
			s.In, s.Out, s.Kernel, s.Pads = append(s.In, in), append(s.Out, outSize(in, r, 1, 1, p, q)), append(s.Kernel, r), append(s.Pads, p)
		}
		checkWinogradGradWeights(t, s, form, rapid.IntRange(1, 3).Draw(t, "rounds"))
	})
}

// checkWinogradGradWeights computes a gradient in some rounds, if there are as many tiles.
func checkWinogradGradWeights(t require.TestingT, s ConvGradWeightsSpec, form, rounds int) {
	rnd := newRand()
	in, out := product(s.In), product(s.Out)
	x, dy := random(rnd, s.N*s.C*in), random(rnd, s.N*s.OutC*out)
	ref := ConvSpec{N: s.N, C: s.C, OutC: s.OutC, Group: s.Group, Spatial: s.Spatial}
	require.NoError(t, ref.complete("test"))
	want := refGradWeights(&ref, x, dy)
	largest := 1.0
	for _, v := range want {
		largest = max(largest, v, -v)
	}
	bx, by := toBlocked(x, s.N, s.C, in), toBlocked(dy, s.N, s.OutC, out)
	// Sums are of larger numbers than those of the way forward, by factors of up to 1, 4 and 16 in the last transform.
	tolerance := []float64{4e-6, 2e-5, 4e-5}[form]
	for _, s.Set = range allSets(t) {
		var first []float32
		for _, s.Split = range []int{1, 3, 50} {
			g, err := newWinogradGradWeights(s, form, rounds)
			require.NoError(t, err)
			sums, dw, scratch := newGuarded(g.SumsSize()), newGuarded(len(want)), newGuarded(g.ScratchSize())
			for round := range g.Rounds() {
				for task := range g.Tasks() {
					g.Run(round, task, sums.data, bx, by, scratch.data)
				}
				for task := range g.ReduceTasks() {
					g.Reduce(round, task, dw.data, sums.data, scratch.data)
				}
			}
			sums.check(t)
			dw.check(t)
			scratch.check(t)
			if first == nil {
				first = dw.data
				for i, v := range dw.data {
					require.InDelta(t, want[i], v, tolerance*largest)
				}
			}
			requireSame(t, first, dw.data)
		}
	}
}

func TestWinogradGradWeightsDoesNotFit(t *testing.T) {
	s := ConvGradWeightsSpec{N: 1, C: 16, OutC: 16, Group: 1, Spatial: Spatial{In: []int{5, 5}, Out: []int{2, 2}, Kernel: []int{3, 3}, Strides: []int{2, 2}}}
	_, err := NewWinogradGradWeights(s, 0)
	require.ErrorContains(t, err, "does not fit")
}
