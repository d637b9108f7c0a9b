package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBlockedNorm(t *testing.T) {
	r := newRand()
	for _, set := range allSets(t) {
		for _, c := range []int{16, 48} {
			for _, plane := range []int{1, 4, 11} {
				const n, epsilon = 2, 1e-5
				x, scale, shift := random(r, n*c*plane), random(r, c), random(r, c)
				want := make([]float64, len(x))
				for i := range n * plane {
					at := func(ch int) int { return (i/plane*c+ch)*plane + i%plane }
					var mean, variance float64
					for ch := range c {
						mean += float64(x[at(ch)]) / float64(c)
					}
					for ch := range c {
						variance += math.Pow(float64(x[at(ch)])-mean, 2) / float64(c)
					}
					for ch := range c {
						want[at(ch)] = (float64(x[at(ch)])-mean)/math.Sqrt(variance+epsilon)*float64(scale[ch]) + float64(shift[ch])
					}
				}
				var first []float32
				for _, split := range []int{1, 3, 9} {
					k, err := NewBlockedNorm(n, plane, scale, shift, epsilon, split, set)
					require.NoError(t, err)
					y := newGuarded(len(x))
					bx := toBlocked(x, n, c, plane)
					runAll(k, func(task int, _ []float32) { k.Run(task, y.data, bx) })
					y.check(t)
					requireClose(t, want, fromBlocked(t, y.data, n, c, plane), 4)
					if first == nil {
						first = y.data
					}
					requireSame(t, first, y.data)
				}
			}
		}
	}
	_, err := NewBlockedNorm(1, 1, make([]float32, 17), make([]float32, 17), 0, 1, nil)
	require.ErrorContains(t, err, "unsupported 17 channels")
}
