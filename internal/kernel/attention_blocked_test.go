package kernel

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// refAttention is the attention of x, 3·Heads·Depth channels of all pixels, in float64.
func refAttention(s AttentionSpec, x []float32) []float64 {
	plane, c := s.N*s.T, s.Heads*s.Depth
	at := func(part, n, h, t, d int) int {
		pixel := n*s.T + t
		if s.Interleaved {
			pixel = t*s.N + n
		}
		return (part*c+h*s.Depth+d)*plane + pixel
	}
	y := make([]float64, c*plane)
	p := make([]float64, s.T)
	for u := range s.N * s.Heads * s.T {
		n, h, q := u/s.T/s.Heads, u/s.T%s.Heads, u%s.T
		top, sum := math.Inf(-1), 0.0
		for k := range p {
			p[k] = 0
			for d := range s.Depth {
				p[k] += float64(x[at(0, n, h, q, d)]) * float64(x[at(1, n, h, k, d)])
			}
			p[k] *= float64(s.Scale)
			top = max(top, p[k])
		}
		for k := range p {
			p[k] = math.Exp(p[k] - top)
			sum += p[k]
		}
		for d := range s.Depth {
			for k := range p {
				y[at(0, n, h, q, d)] += p[k] / sum * float64(x[at(2, n, h, k, d)])
			}
		}
	}
	return y
}

func TestAttention(t *testing.T) {
	for _, s := range []AttentionSpec{
		{N: 1, T: 1, Heads: 1, Depth: 16, Scale: 0.25},
		{N: 2, T: 15, Heads: 3, Depth: 32, Scale: 0.2},
		{N: 2, T: 15, Heads: 3, Depth: 32, Scale: 0.2, Interleaved: true},
		{N: 1, T: 16, Heads: 2, Depth: 80, Scale: 1},
		{N: 3, T: 17, Heads: 1, Depth: 16, Scale: 30, Interleaved: true},
		{N: 1, T: 31, Heads: 2, Depth: 16, Scale: 100},
		{N: 1, T: 33, Heads: 2, Depth: 64, Scale: 0.125},
		{N: 2, T: 50, Heads: 2, Depth: 32, Scale: 1e-3},
		{N: 1, T: 197, Heads: 2, Depth: 64, Scale: 0.125},
	} {
		r := newRand()
		c, plane := s.Heads*s.Depth, s.N*s.T
		x := random(r, 3*c*plane)
		want, bx := refAttention(s, x), toBlocked(x, 1, 3*c, plane)
		for _, set := range allSets(t) {
			t.Run(fmt.Sprintf("%+v/%v", s, set), func(t *testing.T) {
				var first []float32
				for _, split := range []int{1, 4, 9, 40} {
					s.Split, s.Set = split, set
					k, err := NewAttention(s)
					require.NoError(t, err)
					y := newGuarded(c * plane)
					runAll(k, func(task int, scratch []float32) { k.Run(task, y.data, bx, scratch) })
					y.check(t)
					// An error of a score, of some Depth·2⁻²⁴ at most, makes one of an exponential.
					requireClose(t, want, fromBlocked(t, y.data, 1, c, plane), 2+float64(s.Scale)*float64(s.Depth)/8)
					if first == nil {
						first = y.data
					}
					requireSame(t, first, y.data)
					scratch := make([]float32, k.ScratchSize())
					require.Zero(t, testing.AllocsPerRun(1, func() { k.Run(0, y.data, bx, scratch) }))
				}
			})
		}
	}
}

// What is not finite in a query spoils that query alone, and scores that are far apart do no harm.
func TestAttentionOfExtremes(t *testing.T) {
	s := AttentionSpec{N: 1, T: 20, Heads: 1, Depth: 16, Scale: 1}
	for _, set := range allSets(t) {
		s.Set = set
		k, err := NewAttention(s)
		require.NoError(t, err)
		x := random(newRand(), 3*s.Depth*s.T)
		for d := range s.Depth { // channels of query 2, and keys 3 and 4
			x[d*s.T+2] = 1e18
			x[(s.Depth+d)*s.T+3], x[(s.Depth+d)*s.T+4] = 1e18, -1e18
		}
		x[7], x[11] = inf, float32(math.NaN())
		y := make([]float32, s.Depth*s.T)
		runAll(k, func(task int, scratch []float32) { k.Run(task, y, toBlocked(x, 1, 3*s.Depth, s.T), scratch) })
		got := fromBlocked(t, y, 1, s.Depth, s.T)
		for i, v := range got {
			require.Equal(t, i%s.T == 7 || i%s.T == 11, v != v, "%v: element %d", set, i)
		}
		require.Equal(t, x[2*s.Depth*s.T+3], got[2], "the greatest score takes all")
	}
}

func TestExponentials(t *testing.T) {
	for _, set := range allSets(t) {
		for _, n := range []int{1, softmaxPixels} {
			for _, blocks := range []int{1, 2, 5} {
				const step = 7 * Block
				x := random(newRand(), (blocks-1)*step+n*Block)
				for i := range x {
					x[i] *= 100
				}
				x[len(x)-1] = -inf
				want, y := append([]float32(nil), x...), newGuarded(len(x))
				copy(y.data, x)
				wantFactor, factor := make([]float32, n), newGuarded(n)
				generic().softmax.exponentials[n/softmaxPixels](&want[0], step*floatBytes, blocks, 0.7, &wantFactor[0])
				set.softmax.exponentials[n/softmaxPixels](&y.data[0], step*floatBytes, blocks, 0.7, &factor.data[0])
				y.check(t)
				factor.check(t)
				require.InDeltaSlice(t, wantFactor, factor.data, 2e-7)
				for i, v := range want {
					require.InEpsilon(t, v, y.data[i], 3e-7, "%v %d×%d: element %d", set, n, blocks, i)
				}
			}
		}
	}
}

func TestAttentionRefuses(t *testing.T) {
	for _, s := range []AttentionSpec{
		{N: 1, T: 1, Heads: 1, Depth: 8, Scale: 1}, {N: 1, T: 1, Heads: 0, Depth: 16, Scale: 1}, {N: 1, T: 1, Heads: 1, Depth: 0, Scale: 1},
		{N: 1, T: 1, Heads: 1, Depth: 16, Scale: -1}, {N: 1, T: 1, Heads: 1, Depth: 16, Scale: inf},
		{N: 1, T: 1, Heads: 1, Depth: 16, Scale: float32(math.NaN())}, {N: 1, T: math.MaxInt / 2, Heads: 1, Depth: 16, Scale: 1},
		{N: -1, T: 1, Heads: 1, Depth: 16, Scale: 1},
	} {
		_, err := NewAttention(s)
		require.ErrorContains(t, err, "kernel: attention: ")
	}
	k, err := NewAttention(AttentionSpec{N: 1, T: 0, Heads: 1, Depth: 16, Scale: 1})
	require.NoError(t, err)
	require.Zero(t, k.Tasks())
}

func BenchmarkAttention(b *testing.B) {
	for _, set := range Sets() {
		for _, s := range []AttentionSpec{{N: 1, T: 197, Heads: 12, Depth: 64, Scale: 0.125}, {N: 1, T: 1025, Heads: 2, Depth: 64, Scale: 0.125}} {
			b.Run(fmt.Sprintf("%v/%d", set, s.T), func(b *testing.B) {
				s.Set = set
				k, err := NewAttention(s)
				require.NoError(b, err)
				x, y := random(newRand(), 3*s.Heads*s.Depth*s.T), make([]float32, s.Heads*s.Depth*s.T)
				scratch := make([]float32, k.ScratchSize())
				for b.Loop() {
					for task := range k.Tasks() {
						k.Run(task, y, x, scratch)
					}
				}
				flops := float64(4*s.Heads*s.T*s.T*s.Depth) * float64(b.N)
				b.ReportMetric(flops/1e9/b.Elapsed().Seconds(), "GFLOP/s")
			})
		}
	}
}
