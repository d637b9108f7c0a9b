package kernel

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// family is a kernel as a function of plain arrays of some sizes. Exact families move or compare numbers, and give all sets'
// results to the bit.
type family struct {
	name   string
	inputs []int
	exact  bool
	run    func(t *testing.T, set *Set, in [][]float32) []float32
}

// plainOf is blocked data as plain ones, whatever lies in the channels beyond c.
func plainOf(y []float32, n, c, plane int) []float32 {
	x := make([]float32, n*c*plane)
	for i := range x {
		p, ch, image := i%plane, i/plane%c, i/plane/c
		x[i] = y[((image*Blocks(c)+ch/Block)*plane+p)*Block+ch%Block]
	}
	return x
}

func families() []family {
	const h, w = 6, 9
	plane := h * w
	window := func(k int) Spatial {
		return Spatial{In: []int{h, w}, Out: []int{h, w}, Kernel: []int{k, k}, Pads: []int{k / 2, k / 2}}
	}
	var list []family
	add := func(name string, exact bool, run func(t *testing.T, set *Set, in [][]float32) []float32, inputs ...int) {
		list = append(list, family{name, inputs, exact, run})
	}
	for _, act := range []Activation{{}, {Kind: Relu}, {Kind: Clip, Min: -0.5, Max: 0.75}} {
		for _, c := range []struct{ c, m, k int }{{19, 21, 3}, {32, 40, 1}, {3, 17, 3}, {20, 3, 3}} {
			conv := func(t *testing.T, set *Set, in [][]float32) []float32 {
				s := BlockedConvSpec{N: 1, C: c.c, OutC: c.m, Group: 1, Spatial: window(c.k), Weights: in[1], Bias: in[2], Act: act, Residual: true, Set: set, Plain: c.c == 3}
				k, err := NewBlockedConv(s)
				require.NoError(t, err)
				y := make([]float32, Blocks(c.m)*plane*Block)
				x := in[0]
				if !s.Plain {
					x = toBlocked(x, 1, c.c, plane)
				}
				residual := toBlocked(in[3], 1, c.m, plane)
				runAll(k, func(task int, scratch []float32) { k.Run(task, y, x, residual, scratch) })
				return plainOf(y, 1, c.m, plane)
			}
			add(fmt.Sprintf("conv %v %v", c, act.Kind), false, conv, c.c*plane, c.m*c.c*c.k*c.k, c.m, c.m*plane)
		}
		add(fmt.Sprint("depthwise ", act.Kind), false, func(t *testing.T, set *Set, in [][]float32) []float32 {
			k, err := NewDepthwise(DepthwiseSpec{N: 1, C: 21, Spatial: window(3), Weights: in[1], Bias: in[2], Act: act, Set: set})
			require.NoError(t, err)
			y := make([]float32, Blocks(21)*plane*Block)
			x := toBlocked(in[0], 1, 21, plane)
			runAll(k, func(task int, _ []float32) { k.Run(task, y, x) })
			return plainOf(y, 1, 21, plane)
		}, 21*plane, 21*9, 21)
		for _, m := range []int{1, 2, 5, 23} {
			add(fmt.Sprintf("gemm of %d rows %v", m, act.Kind), false, func(t *testing.T, set *Set, in [][]float32) []float32 {
				k, err := NewGemm(GemmSpec{M: m, N: 37, K: 29, TransB: true, Alpha: 1, Beta: 1, Bias: BiasPerColumn, Act: act, Set: set})
				require.NoError(t, err)
				y := make([]float32, m*37)
				runAll(k, func(task int, scratch []float32) { k.Run(task, y, in[0], in[1], in[2], nil, scratch) })
				return y
			}, m*29, 29*37, 37)
		}
	}
	for kind, exact := range map[PoolKind]bool{MaxPool: true, AveragePool: false} {
		add(fmt.Sprint("pool ", kind), exact, func(t *testing.T, set *Set, in [][]float32) []float32 {
			k, err := NewBlockedPool(BlockedPoolSpec{Kind: kind, N: 1, C: 21, Spatial: window(3), Set: set})
			require.NoError(t, err)
			y, x := make([]float32, Blocks(21)*plane*Block), toBlocked(in[0], 1, 21, plane)
			runAll(k, func(task int, _ []float32) { k.Run(task, y, x) })
			return plainOf(y, 1, 21, plane)
		}, 21*plane)
	}
	add("gradient of a maximum", false, func(t *testing.T, set *Set, in [][]float32) []float32 {
		spec := BlockedPoolSpec{Kind: MaxPool, N: 1, C: 21, Spatial: window(3), Set: set}
		k, err := NewBlockedPool(spec)
		require.NoError(t, err)
		g, err := NewBlockedPoolGrad(spec)
		require.NoError(t, err)
		y, x := make([]float32, Blocks(21)*plane*Block), toBlocked(in[0], 1, 21, plane)
		dx, dy := make([]float32, len(y)), toBlocked(in[1], 1, 21, plane)
		runAll(k, func(task int, _ []float32) { k.Run(task, y, x) })
		for task := range g.Tasks() {
			g.Run(task, dx, dy, x, y)
		}
		return plainOf(dx, 1, 21, plane)
	}, 21*plane, 21*plane)
	add("mean", false, func(t *testing.T, set *Set, in [][]float32) []float32 {
		k, err := NewBlockedMean(1, 21, plane, 1, set)
		require.NoError(t, err)
		y, x := make([]float32, 21), toBlocked(in[0], 1, 21, plane)
		runAll(k, func(task int, _ []float32) { k.Run(task, y, x) })
		return y
	}, 21*plane)
	add("lrn", false, func(t *testing.T, set *Set, in [][]float32) []float32 {
		k, err := NewBlockedLRN(LRNSpec{N: 1, C: 21, Inner: plane, Size: 5, Alpha: 1e-2, Beta: 0.75, Bias: 1}, set)
		require.NoError(t, err)
		y, x := make([]float32, Blocks(21)*plane*Block), toBlocked(in[0], 1, 21, plane)
		runAll(k, func(task int, scratch []float32) { k.Run(task, y, x, scratch) })
		return plainOf(y, 1, 21, plane)
	}, 21*plane)
	for _, act := range []Activation{{Kind: Relu}, {Kind: Clip, Min: -0.5, Max: 0.75}} {
		add(fmt.Sprint("gradient of a clamp ", act.Kind), true, func(t *testing.T, set *Set, in [][]float32) []float32 {
			k, err := NewClampGrad(len(in[0]), act, 1, set)
			require.NoError(t, err)
			dx := make([]float32, len(in[0]))
			runAll(k, func(task int, _ []float32) { k.Run(task, dx, in[0], in[1]) })
			return dx
		}, 53, 53)
	}
	add("slope", false, func(t *testing.T, set *Set, in [][]float32) []float32 {
		k, err := NewPointwiseGrad(PointwiseGradSpec{Slope: &Slope{Lo: -3, Hi: 3, Above: 1, Constant: 0.5, Linear: 1. / 3}, Len: len(in[0]), Set: set})
		require.NoError(t, err)
		dx := make([]float32, len(in[0]))
		runAll(k, func(task int, _ []float32) { k.Run(task, dx, in[0], in[1]) })
		return dx
	}, 53, 53)
	add("softmax", false, func(t *testing.T, set *Set, in [][]float32) []float32 {
		k, err := NewSoftmax(SoftmaxSpec{Outer: 3, Axis: 37, Inner: 1, Set: set})
		require.NoError(t, err)
		y := make([]float32, len(in[0]))
		runAll(k, func(task int, _ []float32) { k.Run(task, y, in[0]) })
		return y
	}, 3*37)
	add("attention", false, func(t *testing.T, set *Set, in [][]float32) []float32 {
		k, err := NewAttention(AttentionSpec{N: 1, T: 21, Heads: 1, Depth: 16, Scale: 0.25, Set: set})
		require.NoError(t, err)
		y := make([]float32, 16*21)
		x := toBlocked(in[0], 1, 48, 21)
		runAll(k, func(task int, scratch []float32) { k.Run(task, y, x, scratch) })
		return plainOf(y, 1, 16, 21)
	}, 48*21)
	add("narrow", false, func(t *testing.T, set *Set, in [][]float32) []float32 {
		s := BlockedConvSpec{N: 1, C: 3, OutC: 6, Group: 1, Spatial: window(3), Weights: in[1], Bias: in[2], Act: Activation{Kind: Relu}, Plain: true, Set: set}
		y := make([]float32, plane*Block)
		if set == generic() {
			k, err := NewBlockedConv(s)
			require.NoError(t, err)
			runAll(k, func(task int, scratch []float32) { k.Run(task, y, in[0], nil, scratch) })
		} else {
			k, err := NewNarrowConv(s)
			require.NoError(t, err)
			runAll(k, func(task int, scratch []float32) { k.Run(task, y, in[0], nil, scratch) })
		}
		return plainOf(y, 1, 6, plane)
	}, 3*plane, 6*3*9, 6)
	add("layer normalization of pixels", false, func(t *testing.T, set *Set, in [][]float32) []float32 {
		k, err := NewBlockedNorm(1, plane, in[1], in[2], 1e-5, 1, set)
		require.NoError(t, err)
		y, x := make([]float32, 32*plane), toBlocked(in[0], 1, 32, plane)
		runAll(k, func(task int, _ []float32) { k.Run(task, y, x) })
		return plainOf(y, 1, 32, plane)
	}, 32*plane, 32, 32)
	add("batch normalization", false, func(t *testing.T, set *Set, in [][]float32) []float32 {
		k, err := NewBatchNorm(BatchNormSpec{N: 1, C: 21, Plane: plane, Epsilon: 1e-5, Relu: true, Set: set})
		require.NoError(t, err)
		y, x := make([]float32, Blocks(21)*plane*Block), toBlocked(in[0], 1, 21, plane)
		runAll(k, func(task int, _ []float32) { k.Run(task, y, x, in[1], squares(in[2]), in[3], in[4]) })
		return plainOf(y, 1, 21, plane)
	}, 21*plane, 21, 21, 21, 21)
	add("Adam", false, func(t *testing.T, set *Set, in [][]float32) []float32 {
		k, err := NewUpdate(UpdateSpec{Kind: Adam, N: 37, Beta1: 0.9, Beta2: 0.99, Epsilon: 1e-3, Set: set})
		require.NoError(t, err)
		step := UpdateStep{W: in[0], DW: in[1], M: in[2], V: squares(in[3]), Rate: 0.1, Scale: 0.5, Number: 3}
		step.ToW, step.ToM, step.ToV = make([]float32, 37), make([]float32, 37), make([]float32, 37)
		runAll(k, func(task int, _ []float32) { k.Run(task, &step) })
		return append(append(step.ToW, step.ToM...), step.ToV...)
	}, 37, 37, 37, 37)
	for _, kind := range []UpdateKind{Descent, Momentum, Nesterov} {
		add(fmt.Sprint("update ", kind), false, func(t *testing.T, set *Set, in [][]float32) []float32 {
			k, err := NewUpdate(UpdateSpec{Kind: kind, N: 37, Beta1: 0.9, Decay: 0.1, Set: set})
			require.NoError(t, err)
			step := UpdateStep{W: in[0], DW: in[1], V: in[2], ToW: make([]float32, 37), ToV: make([]float32, 37), Rate: 0.1, Scale: 0.5}
			runAll(k, func(task int, _ []float32) { k.Run(task, &step) })
			return append(step.ToW, step.ToV...)
		}, 37, 37, 37)
	}
	return list
}

// An extreme number anywhere in any input of a kernel has, in every set, the same effect: what is NaN, what is an infinity,
// which of its signs, and what stays a number, and which.
func TestExtremesInFamilies(t *testing.T) {
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			r := newRand()
			var in [][]float32
			for _, n := range f.inputs {
				in = append(in, random(r, n))
			}
			want := f.run(t, generic(), in)
			for _, set := range allSets(t) {
				got := f.run(t, set, in)
				for j := range want {
					require.True(t, near(want[j], got[j]), "%v: element %d is %v, want %v", set, j, got[j], want[j])
				}
			}
			for i := range in {
				for range 24 {
					at := r.IntN(len(in[i]))
					old := in[i][at]
					for _, v := range []float32{nan, inf, -inf, minus0, tiny, 1e37, -1e37} {
						in[i][at] = v
						want := f.run(t, generic(), in)
						for _, set := range Sets()[1:] {
							got := f.run(t, set, in)
							if f.exact {
								requireSame(t, want, got)
							}
							for j := range want {
								if !near(want[j], got[j]) {
									require.Failf(t, "another result", "%v: %v at %d of input %d: element %d is %v, want %v", set, v, at, i, j, got[j], want[j])
								}
							}
						}
					}
					in[i][at] = old
				}
			}
		})
	}
}

// near reports whether two results of sums of some terms around 1 are the same, but for rounding.
func near(want, got float32) bool {
	if want-want != 0 || got-got != 0 {
		return want == got || want != want && got != got
	}
	return math.Abs(float64(want)-float64(got)) <= 2e-5*max(1, math.Abs(float64(want)))
}
