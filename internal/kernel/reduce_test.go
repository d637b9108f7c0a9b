package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func refReduce(op ReduceOp, values []float64) float64 {
	sum, greatest, least, prod, squares, abs := 0.0, math.Inf(-1), math.Inf(1), 1.0, 0.0, 0.0
	for _, v := range values {
		sum, prod, squares, abs = sum+v, prod*v, squares+v*v, abs+math.Abs(v)
		greatest, least = max(greatest, v), min(least, v)
	}
	return []float64{sum, sum / float64(len(values)), greatest, least, prod, squares, abs, math.Sqrt(squares)}[op]
}

func TestReduceProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := ReduceSpec{Op: ReduceOp(rapid.IntRange(0, int(numReduce)-1).Draw(t, "op"))}
		for range rapid.IntRange(0, 5).Draw(t, "rank") {
			n := rapid.SampledFrom([]int{0, 1, 1, 2, 3, 5, 70, 150}).Draw(t, "size")
			if product(s.Shape)*n > 20000 {
				n = 1
			}
			s.Shape, s.Reduced = append(s.Shape, n), append(s.Reduced, rapid.Bool().Draw(t, "reduced"))
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		x := random(r, product(s.Shape))
		if rapid.Bool().Draw(t, "special") {
			special(r, x)
		}
		outputs := 1
		for d, n := range s.Shape {
			if !s.Reduced[d] {
				outputs *= n
			}
		}
		values := make([][]float64, outputs)
		for i, v := range x {
			o, step := 0, 1
			for d, rest := len(s.Shape)-1, i; d >= 0; d-- {
				if !s.Reduced[d] {
					o += rest % s.Shape[d] * step
					step *= s.Shape[d]
				}
				rest /= s.Shape[d]
			}
			values[o] = append(values[o], float64(v))
		}
		want := make([]float64, outputs)
		for i := range want {
			want[i] = refReduce(s.Op, values[i])
		}
		for _, split := range []int{1, 3} {
			s.Split = split
			k, err := NewReduce(s)
			require.NoError(t, err)
			y := newGuarded(outputs)
			runAll(k, func(task int, _ []float32) { k.Run(task, y.data, x) })
			y.check(t)
			requireClose(t, want, y.data, 1e-7)
		}
	})
}

func TestReduceRefusesBadSpecs(t *testing.T) {
	_, err := NewReduce(ReduceSpec{Shape: []int{2}})
	require.ErrorContains(t, err, "kernel: reduce: 0 marks")
	_, err = NewReduce(ReduceSpec{Op: numReduce})
	require.ErrorContains(t, err, "kernel: reduce: unknown operation")
	_, err = NewReduce(ReduceSpec{Shape: []int{-2}, Reduced: []bool{true}})
	require.ErrorContains(t, err, "kernel: reduce: negative size")
}
