package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// guard is the value around every output in tests; a kernel that writes outside its output destroys some.
const guard = float32(-12345.5)

// guarded is an output of n elements with guards on both sides, at an odd offset.
type guarded struct{ all, data []float32 }

func newGuarded(n int) guarded {
	g := guarded{all: make([]float32, n+14)}
	for i := range g.all {
		g.all[i] = guard
	}
	g.data = g.all[7 : 7+n : 7+n]
	return g
}

func (g guarded) check(t require.TestingT) {
	for i := range 7 {
		require.Equal(t, guard, g.all[i], "guard before the output")
		require.Equal(t, guard, g.all[len(g.all)-1-i], "guard behind the output")
	}
}

// random returns n values in [-1, 1) at an odd offset.
func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n+3)
	for i := range x {
		x[i] = r.Float32()*2 - 1
	}
	return x[3 : 3+n : 3+n]
}

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// special sprinkles values with NaN, infinities, zeros of both signs and subnormals.
func special(r *rand.Rand, x []float32) []float32 {
	values := []float32{float32(math.NaN()), inf, -inf, 0, float32(math.Copysign(0, -1)), 1e-42}
	for i := range x {
		if r.IntN(9) == 0 {
			x[i] = values[r.IntN(len(values))]
		}
	}
	return x
}

// prepared is what all prepared kernels have.
type prepared interface {
	Tasks() int
	ScratchSize() int
}

// runAll runs the tasks of a kernel in reverse order with a scratch full of NaN.
func runAll(k prepared, run func(task int, scratch []float32)) {
	scratch := make([]float32, k.ScratchSize())
	for task := k.Tasks() - 1; task >= 0; task-- {
		for i := range scratch {
			scratch[i] = float32(math.NaN())
		}
		run(task, scratch)
	}
}

// requireClose compares with a reference computed in float64. scale is the sum of the magnitudes that were added up.
func requireClose(t require.TestingT, want []float64, got []float32, scale float64) {
	require.Len(t, got, len(want))
	for i, w := range want {
		g := float64(got[i])
		if math.IsNaN(w) || math.IsInf(w, 0) {
			require.Equal(t, math.IsNaN(w), math.IsNaN(g), "element %d: want %v, got %v", i, w, g)
			if math.IsInf(w, 0) {
				require.Equal(t, w, g, "element %d", i)
			}
			continue
		}
		if d := math.Abs(w - g); !(d <= scale*0x1p-22+math.Abs(w)*0x1p-23) {
			require.Failf(t, "not close", "element %d: want %v, got %v", i, w, g)
		}
	}
}

// requireSame compares bit by bit; all NaN are alike.
func requireSame(t require.TestingT, want, got []float32) {
	require.Len(t, got, len(want))
	for i := range want {
		if math.Float32bits(want[i]) != math.Float32bits(got[i]) && !(want[i] != want[i] && got[i] != got[i]) {
			require.Failf(t, "not the same", "element %d: want %v, got %v", i, want[i], got[i])
		}
	}
}

func refActivate(a Activation, v float64) float64 {
	if a.Kind == Function {
		y := []float32{float32(v)}
		unary(generic(), a.Op, a.Min, a.Max, y, y)
		return float64(y[0])
	}
	switch a.Kind {
	case Relu:
		return max(v, 0)
	case Clip:
		return min(max(v, float64(a.Min)), float64(a.Max))
	}
	return v
}

// noAllocs fails if one run of all tasks allocates.
func noAllocs(t *testing.T, k prepared, run func(task int, scratch []float32)) {
	t.Helper()
	scratch := make([]float32, k.ScratchSize())
	require.Zero(t, testing.AllocsPerRun(3, func() {
		for task := range k.Tasks() {
			run(task, scratch)
		}
	}))
}
