package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// ulps is the distance of got from want in units of the last place of a float32; results below the normal range count
// as zero.
func ulps(want float64, got float32) float64 {
	if math.Abs(want) < 0x1p-126 {
		want = 0
	}
	if g := float64(got); math.Abs(g) < 0x1p-126 && want == 0 {
		return 0
	}
	_, exp := math.Frexp(want)
	return math.Abs(want-float64(got)) / math.Ldexp(1, max(exp, -125)-24)
}

// Dense sweeps over all magnitudes, and what stands at the edges.
func TestVectorFunctions(t *testing.T) {
	var x []float32
	for i := range 200000 {
		x = append(x, float32(i-100000)*1.1e-3)
	}
	for v := float32(1e-30); v < 1e30; v *= 1.01 {
		x = append(x, v, -v)
	}
	edges := []float32{0, float32(math.Copysign(0, -1)), inf, -inf, float32(math.NaN()), 88.72, 88.73, -87.3, -103.9, -104.1, 0.625, 0.97, 4, -4}
	x = append(x, edges...)
	y := make([]float32, len(x))
	for _, set := range Sets()[1:] {
		for op, limit := range map[UnaryOp]float64{UnaryExp: 2, UnarySigmoid: 4, UnaryTanh: 4, UnaryErf: 4, UnaryRelu: 0, UnaryClip: 0, UnaryNeg: 0, UnarySqrt: 0.5} {
			unary(set, op, -0.5, 0.75, y, x)
			worst := 0.0
			for i, v := range x {
				want := refUnary[op](float64(v), -0.5, 0.75)
				switch {
				case math.IsNaN(want):
					require.True(t, y[i] != y[i], "%v op %d of %v: %v", set, op, v, y[i])
				case math.Abs(want) > math.MaxFloat32:
					require.True(t, math.IsInf(float64(y[i]), int(math.Copysign(1, want))), "%v op %d of %v: %v", set, op, v, y[i])
				default:
					if op == UnarySigmoid {
						want = 1 / (1 + math.Exp(-float64(v)))
					}
					worst = max(worst, ulps(want, y[i]))
					require.LessOrEqual(t, ulps(want, y[i]), limit, "%v op %d of %v: %v, want %v", set, op, v, y[i], want)
				}
			}
			t.Logf("%v op %d: at most %.2f ULP", set, op, worst)
		}
		// Products with something that cancels: relative to the operand.
		for _, op := range []UnaryOp{UnarySwish, UnaryGelu, UnaryHardSwish, UnaryHardSigmoid} {
			unary(set, op, 1, 0.5, y, x)
			for i, v := range x {
				want := refUnary[op](float64(v), 1, 0.5)
				if math.IsNaN(want) || math.IsInf(want, 0) || math.IsInf(float64(v), 0) {
					continue
				}
				require.InDelta(t, want, y[i], 4e-7*max(1e-30, min(1, math.Abs(float64(v)))+math.Abs(want)), "%v op %d of %v", set, op, v)
			}
		}
	}
}

// An element's result does not depend on its place, so that a division into tasks does not show.
func TestVectorTails(t *testing.T) {
	r := newRand()
	x := random(r, 16*5+15)
	for _, set := range allSets(t) {
		for op := range numUnary {
			all := make([]float32, len(x))
			unary(set, op, 0.3, 0.6, all, x)
			for from := range 20 {
				part := newGuarded(len(x) - from)
				unary(set, op, 0.3, 0.6, part.data, x[from:])
				part.check(t)
				requireSame(t, all[from:], part.data)
			}
			inPlace := slices.Clone(x)
			unary(set, op, 0.3, 0.6, inPlace, inPlace)
			requireSame(t, all, inPlace)
		}
	}
}

func BenchmarkVectorFunctions(b *testing.B) {
	x := alignedFloats(1 << 14)
	for i := range x {
		x[i] = float32(i%200)/20 - 5
	}
	y := alignedFloats(len(x))
	for _, set := range Sets() {
		for name, op := range map[string]UnaryOp{"relu": UnaryRelu, "exp": UnaryExp, "tanh": UnaryTanh, "sigmoid": UnarySigmoid, "erf": UnaryErf, "gelu": UnaryGelu, "silu": UnarySwish} {
			b.Run(fmt.Sprintf("%s/%v", name, set), func(b *testing.B) {
				for b.Loop() {
					unary(set, op, 1, 1, y, x)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(x)), "ns/element")
			})
		}
	}
}
