package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawPlane draws a two-dimensional window with at least one output; the pads at the end are returned.
func drawPlane(t *rapid.T, s *Spatial) (padsEnd []int) {
	for range 2 {
		k, d := rapid.IntRange(1, 7).Draw(t, "kernel"), rapid.IntRange(1, 2).Draw(t, "dilation")
		p, q := rapid.IntRange(0, 4).Draw(t, "padBegin"), rapid.IntRange(0, 4).Draw(t, "padEnd")
		stride := rapid.IntRange(1, 3).Draw(t, "stride")
		in := max(1, (k-1)*d+1-p-q) + rapid.IntRange(0, 24).Draw(t, "in")
		s.In, s.Out = append(s.In, in), append(s.Out, outSize(in, k, stride, d, p, q))
		s.Kernel, s.Strides = append(s.Kernel, k), append(s.Strides, stride)
		s.Dilations, s.Pads = append(s.Dilations, d), append(s.Pads, p)
		padsEnd = append(padsEnd, q)
	}
	return padsEnd
}

// checkSlide runs a kernel for all implementations and splits and compares with the plain result.
func checkSlide(t *rapid.T, n, c, out int, want []float64, scale float64, run func(set *Set, split int, y []float32)) {
	for _, set := range allSets(t) {
		var first []float32
		for _, split := range []int{1, 5, 40} {
			y := newGuarded(n * Blocks(c) * out * Block)
			run(set, split, y.data)
			y.check(t)
			if first == nil {
				first = y.data
				requireClose(t, want, fromBlocked(t, y.data, n, c, out), scale)
			}
			requireSame(t, first, y.data)
		}
	}
}

func TestDepthwise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := DepthwiseSpec{N: rapid.IntRange(1, 2).Draw(t, "n"), C: rapid.IntRange(1, 40).Draw(t, "c")}
		s.Act = Activation{Kind: ActivationKind(rapid.IntRange(0, 3).Draw(t, "act")), Min: -1, Max: 2, Op: UnaryHardSwish}
		drawPlane(t, &s.Spatial)
		r := newRand()
		in := product(s.In)
		x := random(r, s.N*s.C*in)
		s.Weights, s.Bias = random(r, s.C*product(s.Kernel)), random(r, s.C)
		ref := ConvSpec{N: s.N, C: s.C, OutC: s.C, Group: s.C, Spatial: s.Spatial, Bias: true, Act: s.Act}
		want := refConv(&ref, x, s.Weights, s.Bias, nil)
		bx := toBlocked(x, s.N, s.C, in)
		checkSlide(t, s.N, s.C, product(s.Out), want, float64(product(s.Kernel)+2), func(set *Set, split int, y []float32) {
			s.Set, s.Split = set, split
			d, err := NewDepthwise(s)
			require.NoError(t, err)
			runAll(d, func(task int, _ []float32) { d.Run(task, y, bx) })
			known, direct := s, append([]float32(nil), y...)
			s.Packed, s.Weights, s.Bias = true, nil, nil
			d, err = NewDepthwise(s)
			require.NoError(t, err)
			packed := packAll(t, d, known.Weights, known.Bias)
			runAll(d, func(task int, _ []float32) { d.RunPacked(task, y, bx, packed) })
			requireSame(t, direct, y)
			s = known
		})
	})
}

func TestBlockedPool(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := BlockedPoolSpec{N: rapid.IntRange(1, 2).Draw(t, "n"), C: Block * rapid.IntRange(1, 2).Draw(t, "blocks")}
		s.Kind, s.CountIncludePad = PoolKind(rapid.IntRange(0, 1).Draw(t, "kind")), rapid.Bool().Draw(t, "include")
		s.PadsEnd = drawPlane(t, &s.Spatial)
		r := newRand()
		in, out := product(s.In), product(s.Out)
		x := random(r, s.N*s.C*in)
		if s.Kind == MaxPool {
			special(r, x)
		}
		plain, err := NewPool(PoolSpec{Kind: s.Kind, Planes: s.N * s.C, Spatial: s.Spatial, CountIncludePad: s.CountIncludePad, PadsEnd: s.PadsEnd})
		require.NoError(t, err)
		y := make([]float32, s.N*s.C*out)
		runAll(plain, func(task int, _ []float32) { plain.Run(task, y, x) })
		want := make([]float64, len(y))
		for i, v := range y {
			want[i] = float64(v)
		}
		bx := toBlocked(x, s.N, s.C, in)
		checkSlide(t, s.N, s.C, out, want, float64(product(s.Kernel)+2), func(set *Set, split int, y []float32) {
			s.Set, s.Split = set, split
			p, err := NewBlockedPool(s)
			require.NoError(t, err)
			runAll(p, func(task int, _ []float32) { p.Run(task, y, bx) })
		})
	})
}

func TestBlockedMean(t *testing.T) {
	r := newRand()
	for _, set := range allSets(t) {
		for _, c := range []int{1, 16, 33} {
			for _, plane := range []int{1, 3, 4, 49} {
				x := random(r, 2*c*plane)
				m, err := NewBlockedMean(2, c, plane, 3, set)
				require.NoError(t, err)
				y := newGuarded(2 * c)
				runAll(m, func(task int, _ []float32) { m.Run(task, y.data, toBlocked(x, 2, c, plane)) })
				y.check(t)
				for i, v := range y.data {
					sum := 0.0
					for _, u := range x[i*plane : (i+1)*plane] {
						sum += float64(u)
					}
					require.InDelta(t, sum/float64(plane), v, 1e-6)
				}
			}
		}
	}
}

func TestBlockedLRN(t *testing.T) {
	r := newRand()
	for _, set := range allSets(t) {
		for _, c := range []int{1, 16, 40} {
			for _, size := range []int{1, 2, 5, 9} {
				s := LRNSpec{N: 2, C: c, Inner: 6, Size: size, Alpha: 0.5, Beta: 0.75, Bias: 1.5, Split: 3}
				x := random(r, s.N*c*s.Inner)
				plain, err := NewLRN(s)
				require.NoError(t, err)
				want := make([]float32, len(x))
				runAll(plain, func(task int, _ []float32) { plain.Run(task, want, x) })
				l, err := NewBlockedLRN(s, set)
				require.NoError(t, err)
				y := newGuarded(s.N * Blocks(c) * s.Inner * Block)
				runAll(l, func(task int, scratch []float32) { l.Run(task, y.data, toBlocked(x, s.N, c, s.Inner), scratch) })
				y.check(t)
				require.InDeltaSlice(t, want, fromBlocked(t, y.data, s.N, c, s.Inner), 1e-6)
			}
		}
	}
}

func TestBlockedScale(t *testing.T) {
	r := newRand()
	for _, set := range allSets(t) {
		const n, c, plane = 2, 35, 15
		x, factors := random(r, n*c*plane), random(r, n*c)
		k, err := NewBlockedScale(n, c, plane, 4, set)
		require.NoError(t, err)
		y := newGuarded(n * Blocks(c) * plane * Block)
		bx, bf := toBlocked(x, n, c, plane), toBlocked(factors, n, c, 1)
		runAll(k, func(task int, _ []float32) { k.Run(task, y.data, bx, bf) })
		y.check(t)
		for i, v := range fromBlocked(t, y.data, n, c, plane) {
			require.Equal(t, x[i]*factors[i/plane], v)
		}
	}
}
