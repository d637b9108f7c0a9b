package kernel

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestWinograd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		form := rapid.IntRange(0, WinogradForms-1).Draw(t, "form")
		k := winogradForms[form].r
		s := BlockedConvSpec{N: rapid.IntRange(1, 2).Draw(t, "n"), Group: rapid.IntRange(1, 2).Draw(t, "group"),
			C: rapid.IntRange(1, 40).Draw(t, "c"), OutC: rapid.IntRange(1, 70).Draw(t, "outC"),
			Act: Activation{Kind: ActivationKind(rapid.IntRange(0, 2).Draw(t, "act")), Min: -1, Max: 2}}
		if s.Group > 1 {
			s.C, s.OutC = s.Group*roundUp(s.C, Block), s.Group*roundUp(s.OutC, Block)
		}
		for range 2 {
			p, q := rapid.IntRange(0, 3).Draw(t, "padBegin"), rapid.IntRange(0, 3).Draw(t, "padEnd")
			in := max(1, k-p-q) + rapid.IntRange(0, 20).Draw(t, "in")
			s.In, s.Out = append(s.In, in), append(s.Out, outSize(in, k, 1, 1, p, q))
			s.Kernel, s.Pads = append(s.Kernel, k), append(s.Pads, p)
		}
		if rapid.Bool().Draw(t, "function") {
			s.Act = Activation{Kind: Function, Op: UnaryHardSwish}
		}
		checkWinograd(t, s, form, rapid.Bool().Draw(t, "residual"))
	})
}

// winogradError is what Winograd's algorithm may lose, in parts of the root of the sum of the products' squares, with which
// rounding errors of random terms grow; of all outputs the greatest, because a tile reads more than an output's window.
const winogradError = 3e-5

func squares(x []float32) []float32 {
	var y []float32
	for _, v := range x {
		y = append(y, v*v)
	}
	return y
}

func checkWinograd(t require.TestingT, s BlockedConvSpec, form int, withResidual bool) {
	r := newRand()
	in, out := product(s.In), product(s.Out)
	x := random(r, s.N*s.C*in)
	s.Weights, s.Bias = random(r, s.OutC*s.C/s.Group*product(s.Kernel)), random(r, s.OutC)
	ref := ConvSpec{N: s.N, C: s.C, OutC: s.OutC, Group: s.Group, Spatial: s.Spatial, Bias: true, Act: s.Act}
	var residual, blockedResidual []float32
	if withResidual {
		residual = random(r, s.N*s.OutC*out)
		blockedResidual = toBlocked(residual, s.N, s.OutC, out)
	}
	want := refConv(&ref, x, s.Weights, s.Bias, residual)
	bx := toBlocked(x, s.N, s.C, in)
	for _, s.Set = range allSets(t) {
		var first, firstPacked []float32
		for _, s.Split = range []int{1, 3, 50} {
			c, err := NewWinograd(s, form)
			require.NoError(t, err)
			y := newGuarded(s.N * Blocks(s.OutC) * out * Block)
			runAll(c, func(task int, scratch []float32) { c.Run(task, y.data, bx, blockedResidual, scratch) })
			y.check(t)
			if s.Split == 3 {
				requireSame(t, first, y.data)
				continue
			}
			known := s
			s.Packed, s.Weights, s.Bias = true, nil, nil
			p, err := NewWinograd(s, form)
			require.NoError(t, err)
			packed, again := packAll(t, p, known.Weights, known.Bias), newGuarded(len(y.data))
			runAll(p, func(task int, scratch []float32) { p.RunPacked(task, again.data, bx, packed, blockedResidual, scratch) })
			again.check(t)
			s = known
			if first == nil {
				first, firstPacked = y.data, again.data
				got, repacked := fromBlocked(t, y.data, s.N, s.OutC, out), fromBlocked(t, again.data, s.N, s.OutC, out)
				terms := ref
				terms.Act = Activation{}
				size := math.Sqrt(slices.Max(refConv(&terms, squares(x), squares(s.Weights), squares(s.Bias), squares(residual))))
				for i := range want {
					require.InDelta(t, want[i], got[i], winogradError*size, "%v %s", s.Set, c.Algorithm())
					require.InDelta(t, want[i], repacked[i], winogradError*size, "%v %s packed", s.Set, c.Algorithm())
				}
			}
			requireSame(t, first, y.data)
			requireSame(t, firstPacked, again.data)
		}
	}
}

// What is not finite, or so large that the transforms overflow, stays where a direct convolution has it, to the bit, and
// leaves all else within the error of the algorithm.
func TestWinogradSpreadsNothing(t *testing.T) {
	nan := float32(math.NaN())
	for form := range winogradForms {
		for _, withResidual := range []bool{false, true} {
			k := winogradForms[form].r
			s := BlockedConvSpec{N: 2, C: 19, OutC: 37, Group: 1, Act: Activation{Kind: Relu}, Residual: withResidual}
			s.In, s.Kernel, s.Pads = []int{13, 18}, []int{k, k}, []int{k / 2, k / 2}
			s.Out = s.In
			checkSpread(t, s, form, nan, inf, -inf, 1e38, -math.MaxFloat32, 6e37)
			s.Group, s.C, s.OutC, s.Act = 2, 32, 64, Activation{Kind: Function, Op: UnaryHardSwish}
			checkSpread(t, s, form, nan, inf)
		}
	}
}

func checkSpread(t *testing.T, s BlockedConvSpec, form int, values ...float32) {
	r := newRand()
	in, out := product(s.In), product(s.Out)
	clean := random(r, s.N*s.C*in)
	s.Weights, s.Bias = random(r, s.OutC*s.C/s.Group*product(s.Kernel)), random(r, s.OutC)
	size := s.N * Blocks(s.OutC) * out * Block
	var residual []float32
	if s.Residual {
		residual = toBlocked(random(r, s.N*s.OutC*out), s.N, s.OutC, out)
	}
	for _, s.Set = range allSets(t) {
		direct, err := NewBlockedConv(s)
		require.NoError(t, err)
		c, err := NewWinograd(s, form)
		require.NoError(t, err)
		plain := make([]float32, size) // of what is finite
		x := toBlocked(clean, s.N, s.C, in)
		runAll(c, func(task int, scratch []float32) { c.Run(task, plain, x, residual, scratch) })
		for _, v := range values {
			for _, at := range [][3]int{{0, 0, 0}, {s.C - 1, 5, 6}, {7, 6, 17}, {1, 12, 3}} {
				special := append([]float32(nil), clean...)
				special[(at[0]*s.In[0]+at[1])*s.In[1]+at[2]] = v
				x := toBlocked(special, s.N, s.C, in)
				want, got := make([]float32, size), append([]float32(nil), residual...)
				got = append(got, make([]float32, size-len(got))...) // a residual is added where it lies
				runAll(direct, func(task int, scratch []float32) { direct.Run(task, want, x, residual, scratch) })
				runAll(c, func(task int, scratch []float32) {
					if s.Residual {
						c.Run(task, got, x, got, scratch)
					} else {
						c.Run(task, got, x, nil, scratch)
					}
				})
				reached := 0
				for i := range want {
					pixel := i / Block % out
					channel := i / Block / out % Blocks(s.OutC) * Block / (s.OutC / s.Group)
					dy, dx := pixel/s.Out[1]-at[1], pixel%s.Out[1]-at[2]
					near := max(dy, -dy, dx, -dx) <= s.Kernel[0]/2 && i < size/s.N && channel == at[0]*s.Group/s.C
					if near {
						reached++
						requireSame(t, want[i:i+1], got[i:i+1])
					} else if d := plain[i] - got[i]; !(-1e-4 <= d && d <= 1e-4) {
						require.Failf(t, "spreads", "%v %s: %v at %v: element %d is %v, want %v", s.Set, c.Algorithm(), v, at, i, got[i], plain[i])
					}
				}
				require.NotZero(t, reached)
			}
		}
		noAllocs(t, c, func(task int, scratch []float32) { c.Run(task, plain, x, nil, scratch) })
	}
}
