package kernel

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every product of a set, and its lines, are the sums in float64, and leave the elements beyond the last whole block alone.
func TestDot(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	numbers := func(n int) []float32 {
		s := make([]float32, n)
		for i := range s {
			s[i] = rng.Float32()*2 - 1
		}
		return s
	}
	for _, set := range Sets() {
		for k := 1; k < 8*Block; k += 7 {
			check := func(rows, cols int, do func(y, x, w *float32)) {
				const beyond = -7
				x, w, y := numbers(rows*k), numbers(cols*k), make([]float32, rows*cols+1)
				y[rows*cols] = beyond
				do(&y[0], &x[0], &w[0])
				for i := range rows {
					for j := range cols {
						want := 0.0
						for l := range k / Block * Block {
							want += float64(x[i*k+l]) * float64(w[j*k+l])
						}
						require.InDelta(t, want, y[i*cols+j], 1e-5, "%v: %d×%d of %d, element %d, %d", set, rows, cols, k, i, j)
					}
				}
				require.EqualValues(t, beyond, y[rows*cols])
			}
			for size, products := range set.dot.products {
				for four, product := range products {
					if product != nil {
						check(1<<size, 1+3*four, func(y, x, w *float32) { product(y, x, w, k*floatBytes, k*floatBytes, k/Block) })
					}
				}
			}
			if set.dot.lines != nil {
				for n := 1; n <= 5; n++ {
					check(1, n, func(y, x, w *float32) { set.dot.lines(y, x, w, k*floatBytes, k/Block, n) })
				}
			}
		}
	}
}
