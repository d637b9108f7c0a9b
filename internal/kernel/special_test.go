package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	nan     = float32(math.NaN())
	minus0  = float32(math.Copysign(0, -1))
	tiny    = float32(1e-40) // below the normal range
	extreme = []float32{nan, math.Float32frombits(0xffc00000), inf, -inf, 0, minus0, 1e-45, -1e-45, tiny, -tiny, 0x1p-126, -0x1p-126,
		math.MaxFloat32, -math.MaxFloat32, 1e20, -1e20, 88.5, 89, 95, -87, -88, -95, -104, -110, 9.6, -9.6, 1, -1, 3, -3}
)

// kindOf tells apart what implementations must have in common, for results that are no ordinary number.
func kindOf(v float32) string {
	switch {
	case v != v:
		return "NaN"
	case v-v != 0, v == 0:
		return fmt.Sprint(v) // with its sign
	}
	return "number"
}

// underflows reports whether a function's vectorized form has an absolute error, by docs/numbers.md: results far below 1 may
// be zero, of either sign.
func (op UnaryOp) underflows() bool {
	return op == UnarySigmoid || op == UnarySwish || op == UnaryGelu || op == UnaryHardSigmoid
}

// alike reports whether op of v may be got where plain Go has want.
func alike(op UnaryOp, v, want, got float32) bool {
	d := math.Abs(float64(want) - float64(got))
	switch {
	case kindOf(want) == kindOf(got) && kindOf(want) != "number":
		return true
	case op == UnaryGelu:
		return d <= 1e-6
	case op.underflows():
		return d <= 1e-36*max(1, math.Abs(float64(v)))+1e-5*math.Abs(float64(want))
	}
	return kindOf(want) == kindOf(got) && ulps(float64(want), got) <= 6
}

// Whatever lies in any lane or in the tail of a vector has the result that it has by itself in plain Go, and its neighbours theirs.
func TestExtremesInEveryLane(t *testing.T) {
	const n = 2*Block + 5
	for op := range numUnary {
		for _, p := range [][2]float32{{1, 1}, {-0.5, 0.75}, {0, 0}, {nan, 1}, {-1, nan}, {2, -2}, {inf, inf}, {-0.25, 1}, {0.25, 0}, {-2, -3}} {
			x, want, y, rest := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
			for _, set := range Sets() {
				for i := range x {
					x[i] = 0.5
				}
				unary(set, op, p[0], p[1], rest, x)
				for i, v := range extreme {
					unary(generic(), op, p[0], p[1], want[:1], []float32{v})
					for _, at := range []int{0, 7, 8, 15, 16, 31, 32, n - 1} {
						x[at] = v
						unary(set, op, p[0], p[1], y, x)
						x[at] = 0.5
						requireSame(t, rest[:at], y[:at])
						requireSame(t, rest[at+1:], y[at+1:])
						if !alike(op, v, want[0], y[at]) {
							require.Failf(t, "another result", "%v, op %d %v of %v (%d) at %d: %v, want %v", set, op, p, v, i, at, y[at], want[0])
						}
					}
				}
			}
		}
	}
}

func TestExtremePairsInEveryLane(t *testing.T) {
	const n = 2*Block + 5
	for op := range numBinary {
		for _, act := range []Activation{{}, {Kind: Relu}, {Kind: Clip, Min: -1, Max: 2}} {
			for _, set := range allSets(t) {
				k, err := NewBinary(BinarySpec{Op: op, ShapeA: []int{n}, ShapeB: []int{n}, Act: act, Set: set})
				require.NoError(t, err)
				one, err := NewBinary(BinarySpec{Op: op, ShapeA: []int{1}, ShapeB: []int{1}, Act: act, Set: generic()})
				require.NoError(t, err)
				a, b, y, want := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, 1)
				for i, u := range extreme {
					for j, v := range extreme {
						at := (i*len(extreme) + j) % n
						a[at], b[at] = u, v
						one.Run(0, want, []float32{u}, []float32{v})
						k.Run(0, y, a, b)
						require.Equal(t, kindOf(want[0]), kindOf(y[at]), "%v, op %d %v of %v and %v at %d", set, op, act, u, v, at)
						requireSame(t, want, y[at:at+1])
						a[at], b[at] = 0, 0
					}
				}
			}
		}
	}
}

// The rectifier and its kin are ONNX Runtime's, NaN and the sign of zero included.
func TestRectifiers(t *testing.T) {
	for _, c := range []struct {
		op          UnaryOp
		alpha, beta float32
		x, want     float32
	}{
		{UnaryRelu, 0, 0, nan, nan}, {UnaryRelu, 0, 0, minus0, minus0}, {UnaryRelu, 0, 0, -tiny, 0}, {UnaryRelu, 0, 0, tiny, tiny},
		{UnaryLeakyRelu, -0.5, 0, minus0, minus0}, {UnaryLeakyRelu, inf, 0, minus0, minus0}, {UnaryLeakyRelu, 0.1, 0, -inf, -inf},
		{UnaryLeakyRelu, 0.1, 0, math.Float32frombits(0xffc00000), nan},
		{UnaryClip, nan, 1, 3, 1}, {UnaryClip, nan, 1, -3, -3}, {UnaryClip, -1, nan, -3, -1}, {UnaryClip, -1, nan, inf, inf},
		{UnaryClip, 0, 6, minus0, minus0}, {UnaryClip, 2, -2, 0, -2}, {UnaryClip, 0, 6, nan, nan}, {UnaryClip, -inf, inf, inf, inf},
		{UnaryHardSigmoid, 0.2, 0.5, nan, nan}, {UnaryHardSigmoid, 0.2, 0.5, -inf, 0}, {UnaryHardSigmoid, 0.2, 0.5, inf, 1},
		{UnaryHardSwish, 0, 0, nan, nan}, {UnaryHardSwish, 0, 0, -inf, nan}, {UnaryHardSwish, 0, 0, inf, inf},
		{UnarySwish, 1, 0, -math.MaxFloat32, minus0}, {UnarySwish, 1, 0, -inf, nan}, {UnarySwish, 1, 0, inf, inf},
		{UnaryTanh, 0, 0, minus0, minus0}, {UnaryTanh, 0, 0, -tiny, -tiny}, {UnaryTanh, 0, 0, inf, 1}, {UnaryTanh, 0, 0, -9.6, -1},
		{UnaryGelu, 0, 0, minus0, minus0}, {UnaryGelu, 0, 0, -1e10, minus0}, {UnaryGelu, 0, 0, inf, inf}, {UnaryErf, 0, 0, minus0, minus0},
		{UnaryExp, 0, 0, inf, inf}, {UnaryExp, 0, 0, -inf, 0}, {UnaryExp, 0, 0, 88.73, inf}, {UnaryExp, 0, 0, -104, 0},
		{UnaryLog, 0, 0, 0, -inf}, {UnaryLog, 0, 0, minus0, -inf}, {UnaryLog, 0, 0, -1, nan}, {UnarySigmoid, 0, 0, -inf, 0}, {UnarySigmoid, 0, 0, inf, 1},
	} {
		for _, set := range allSets(t) {
			y := []float32{c.x}
			unary(set, c.op, c.alpha, c.beta, y, y)
			require.Equal(t, kindOf(c.want), kindOf(y[0]), "%v, op %d (%v, %v) of %v: %v", set, c.op, c.alpha, c.beta, c.x, y[0])
			if y[0]-y[0] == 0 {
				require.InEpsilon(t, float64(c.want)+1e-30, float64(y[0])+1e-30, 1e-6, "%v, op %d of %v", set, c.op, c.x)
			}
		}
	}
}

// Functions that are bounded are never beyond their bounds, and reach them.
func TestSaturation(t *testing.T) {
	x := make([]float32, 1<<12)
	y := make([]float32, len(x))
	for _, set := range Sets() {
		for _, c := range []struct {
			op        UnaryOp
			least     float32
			reachedAt float32
		}{{UnaryTanh, -1, 9.5}, {UnaryErf, -1, 4}, {UnarySigmoid, 0, 17.4}} {
			step := (float32(20) - 2) / float32(1<<16)
			for from := float32(2); from < 20; from += step * float32(len(x)) {
				for _, sign := range []float32{1, -1} {
					for i := range x {
						x[i] = sign * (from + step*float32(i))
					}
					unary(set, c.op, 0, 0, y, x)
					for i, v := range y {
						bad := v > 1 || v < c.least || x[i] >= c.reachedAt && v != 1 || c.least < 0 && x[i] <= -c.reachedAt && v != -1
						require.False(t, bad, "%v, op %d of %v: %v", set, c.op, x[i], v)
					}
				}
			}
		}
	}
}

// A softmax is NaN where its row has no sum, and one else.
func TestSoftmaxOfExtremes(t *testing.T) {
	for _, set := range allSets(t) {
		for _, n := range []int{3, 16, 37} {
			k, err := NewSoftmax(SoftmaxSpec{Outer: 3, Axis: n, Inner: 1, Set: set})
			require.NoError(t, err)
			for _, v := range []float32{nan, inf, -inf, math.MaxFloat32, -math.MaxFloat32} {
				for at := range n {
					x := make([]float32, 3*n)
					x[n+at] = v
					y := make([]float32, 3*n)
					runAll(k, func(task int, _ []float32) { k.Run(task, y, x) })
					for row := range 3 {
						sum := 0.0
						for _, p := range y[row*n:][:n] {
							sum += float64(p)
						}
						if row == 1 && (v != v || v == inf) {
							require.True(t, slices.IndexFunc(y[n:2*n], func(p float32) bool { return p == p }) < 0, "%v: %v at %d of %d: %v", set, v, at, n, y)
						} else {
							require.InDelta(t, 1, sum, 1e-6, "%v: %v at %d of %d", set, v, at, n)
						}
					}
				}
			}
			x := slices.Repeat([]float32{-inf}, 3*n)
			runAll(k, func(task int, _ []float32) { k.Run(task, x, x) })
			require.True(t, x[0] != x[0] && x[3*n-1] != x[3*n-1])
		}
	}
}
