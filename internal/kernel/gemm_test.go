package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// refGemm is the definition of a matrix product, in float64.
func refGemm(s *GemmSpec, a, b, bias []float32) []float64 {
	batch := product(s.Batch)
	c := make([]float64, batch*s.M*s.N)
	for p := range batch {
		offA, offB := 0, 0
		for d, rest := len(s.Batch)-1, p; d >= 0; d-- {
			offA += rest % s.Batch[d] * s.StrideA[d]
			offB += rest % s.Batch[d] * s.StrideB[d]
			rest /= s.Batch[d]
		}
		for i := range s.M {
			for j := range s.N {
				var sum float64
				for k := range s.K {
					x, y := i*s.K+k, k*s.N+j
					if s.TransA {
						x = k*s.M + i
					}
					if s.TransB {
						y = j*s.K + k
					}
					sum += float64(a[offA+x]) * float64(b[offB+y])
				}
				sum *= float64(s.Alpha)
				switch s.Bias {
				case BiasScalar:
					sum += float64(s.Beta) * float64(bias[0])
				case BiasPerRow:
					sum += float64(s.Beta) * float64(bias[i])
				case BiasPerColumn:
					sum += float64(s.Beta) * float64(bias[j])
				case BiasFull:
					sum += float64(s.Beta) * float64(bias[(i*s.N)+j])
				}
				c[(p*s.M+i)*s.N+j] = refActivate(s.Act, sum)
			}
		}
	}
	return c
}

func (s *GemmSpec) biasSize() int {
	return []int{0, 1, s.M, s.N, s.M * s.N}[s.Bias]
}

// checkGemm compares all ways to prepare a product: constant or not, divided or not.
func checkGemm(t require.TestingT, s GemmSpec, a, b, bias []float32) {
	want := refGemm(&s, a, b, bias)
	for _, s.Set = range allSets(t) {
		checkGemmImpl(t, s, a, b, bias, want)
	}
}

func checkGemmImpl(t require.TestingT, s GemmSpec, a, b, bias []float32, want []float64) {
	var first []float32
	for _, constant := range []int{0, 1, 2, 3} {
		for _, split := range []int{1, 2, 7, 64} {
			s, a, b := s, a, b
			s.Split = split
			if constant&1 != 0 {
				s.ConstA, a = a, nil
			}
			if constant&2 != 0 {
				s.ConstB, b = b, nil
			}
			g, err := NewGemm(s)
			require.NoError(t, err)
			c := newGuarded(len(want))
			runAll(g, func(task int, scratch []float32) { g.Run(task, c.data, a, b, bias, nil, scratch) })
			c.check(t)
			if first == nil {
				first = c.data
				requireClose(t, want, first, float64(s.K)+2)
			}
			requireSame(t, first, c.data)
		}
	}
}

func TestGemmEdgeSizes(t *testing.T) {
	r := newRand()
	acts := []Activation{{}, {Kind: Relu}, {Kind: Clip, Min: -0.25, Max: 0.5}}
	i := 0
	for _, m := range []int{1, 2, 3, 4, 5, 17, 131} {
		for _, n := range []int{1, 3, 4, 5, 16, 33, 259} {
			for _, k := range []int{0, 1, 2, 3, 7, 64, 257, 517} {
				if m*n*k > 131*33*64 && (m*n*k)%2 == 0 {
					continue
				}
				i++
				s := GemmSpec{M: m, N: n, K: k, TransA: i%2 == 0, TransB: i/2%2 == 0, Alpha: 1, Beta: 1,
					Bias: BiasKind(i % 5), Act: acts[i%3]}
				if i%7 == 0 {
					s.Alpha, s.Beta = 0.5, -2
				}
				a, b, bias := random(r, m*k), random(r, k*n), random(r, s.biasSize())
				checkGemm(t, s, a, b, bias)
			}
		}
	}
}

func TestGemmSpecialValues(t *testing.T) {
	r := newRand()
	for _, size := range [][3]int{{1, 9, 13}, {5, 1, 20}, {6, 9, 13}, {3, 5, 2}} {
		s := GemmSpec{M: size[0], N: size[1], K: size[2], TransB: true, Alpha: 1, Beta: 1, Act: Activation{Kind: Relu}}
		a, b := random(r, s.M*s.K), random(r, s.N*s.K)
		a[len(a)/2] = inf // one row of ±Inf
		b[0] = -inf       // one column
		b[len(b)-1] = float32(refNaN)
		checkGemm(t, s, a, b, nil)
	}
}

func TestGemmBatch(t *testing.T) {
	r := newRand()
	for _, c := range []struct{ batch, strideA, strideB []int }{
		{[]int{3}, []int{35}, []int{63}},
		{[]int{3}, []int{0}, []int{63}},
		{[]int{3}, []int{35}, []int{0}},
		{[]int{2, 3}, []int{105, 35}, []int{0, 63}},
		{[]int{2, 3}, []int{105, 35}, []int{0, 0}},
		{[]int{2, 3}, []int{0, 35}, []int{63, 0}},
	} {
		for i := range 8 {
			s := GemmSpec{M: 5, K: 7, N: 9, Alpha: 1, Beta: 1, TransA: i&1 != 0, TransB: i&2 != 0,
				Batch: c.batch, StrideA: c.strideA, StrideB: c.strideB, Bias: BiasKind(i % 5)}
			checkGemm(t, s, random(r, 6*35), random(r, 6*63), random(r, s.biasSize()))
		}
	}
}

func TestGemmProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 40)
		s := GemmSpec{
			M: size.Draw(t, "m"), N: size.Draw(t, "n"), K: rapid.IntRange(0, 300).Draw(t, "k"),
			TransA: rapid.Bool().Draw(t, "transA"), TransB: rapid.Bool().Draw(t, "transB"), Alpha: 1, Beta: 1,
			Bias: BiasKind(rapid.IntRange(0, 4).Draw(t, "bias")),
			Act:  Activation{Kind: ActivationKind(rapid.IntRange(0, 2).Draw(t, "act")), Min: -1, Max: 2},
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		checkGemm(t, s, random(r, s.M*s.K), random(r, s.K*s.N), random(r, s.biasSize()))
	})
}

// TestGemmLargeConstant has constants that are not copied.
func TestGemmLargeConstant(t *testing.T) {
	r := newRand()
	for _, s := range []GemmSpec{
		{M: 9, N: 1100, K: 1000, TransB: true, Alpha: 1},
		{M: 1, N: 71, K: shortLine - 3, TransB: true, Alpha: 1}, {M: 1, N: 71, K: shortLine + 3, TransB: true, Alpha: 1},
		{M: 1100, N: 5, K: 1000, Alpha: 1},
		{M: 1, N: 1100, K: 1000, Alpha: 1},
	} {
		s.ConstA, s.ConstB = random(r, s.M*s.K), random(r, s.K*s.N)
		s.Split = 5
		g, err := NewGemm(s)
		require.NoError(t, err)
		c := newGuarded(s.M * s.N)
		runAll(g, func(task int, scratch []float32) { g.Run(task, c.data, nil, nil, nil, nil, scratch) })
		c.check(t)
		requireClose(t, refGemm(&s, s.ConstA, s.ConstB, nil), c.data, float64(s.K))
	}
}

// Rows of B that lie far apart, in a large matrix, are read in parts.
func TestGemmInParts(t *testing.T) {
	r := newRand()
	for _, s := range []GemmSpec{
		{M: 30, N: 1044, K: 700, Alpha: 1, Beta: 1, Bias: BiasPerColumn, Act: Activation{Kind: Relu}},
		{M: 33, N: 1056, K: 610, Alpha: 0.5, Beta: 2, Bias: BiasPerRow},
		{M: 30, N: 1044, K: 700, Alpha: 1, Act: Activation{Kind: Function, Op: UnaryHardSwish}},
		{M: 503, N: 1044, K: 39, TransA: true, Alpha: 1},
		{M: 502, N: 1056, K: 128, Alpha: 1, Beta: 1, Bias: BiasPerColumn, Act: Activation{Kind: Relu}},
	} {
		a, b, bias, residual := random(r, s.M*s.K), random(r, s.K*s.N), random(r, s.biasSize()), random(r, s.M*s.N)
		linear := s
		linear.Act = Activation{}
		sums := refGemm(&linear, a, b, bias)
		for _, res := range [][]float32{nil, residual} {
			want := make([]float64, len(sums))
			for i := range want {
				if res != nil {
					want[i] = float64(res[i])
				}
				want[i] = refActivate(s.Act, want[i]+sums[i])
			}
			var first []float32
			for _, s.Split = range []int{1, 7} {
				g, err := NewGemm(s)
				require.NoError(t, err)
				if g.tiled != nil {
					require.Equal(t, s.K > 600, g.tiled.depth < len(g.tiled.taps))
					require.Equal(t, s.K < 200, g.tiled.inner)
				}
				c := newGuarded(s.M * s.N)
				runAll(g, func(task int, scratch []float32) { g.Run(task, c.data, a, b, bias, res, scratch) })
				c.check(t)
				requireClose(t, want, c.data, float64(s.K)+2)
				if first == nil {
					first = c.data
				}
				requireSame(t, first, c.data)
			}
		}
	}
}

func TestGemmRefusesBadSpecs(t *testing.T) {
	for name, s := range map[string]GemmSpec{
		"negative":    {M: -1, N: 2, K: 2},
		"overflow":    {M: 1 << 40, N: 1 << 40, K: 2},
		"strides":     {M: 1, N: 2, K: 2, Batch: []int{2}, StrideA: []int{1}},
		"negative ld": {M: 1, N: 2, K: 2, Batch: []int{2}, StrideA: []int{-2}, StrideB: []int{0}, ConstA: make([]float32, 9)},
		"short":       {M: 1, N: 2, K: 2, ConstB: make([]float32, 3)},
		"bias":        {M: 1, N: 2, K: 2, Bias: 9},
	} {
		_, err := NewGemm(s)
		require.ErrorContains(t, err, "kernel: gemm: ", name)
	}
}

func TestGemmAllocatesNothing(t *testing.T) {
	for _, m := range []int{1, 20} {
		g, err := NewGemm(GemmSpec{M: m, N: 30, K: 40, TransB: true, Alpha: 1, Split: 3})
		require.NoError(t, err)
		a, b, c := make([]float32, m*40), make([]float32, 30*40), make([]float32, m*30)
		noAllocs(t, g, func(task int, scratch []float32) { g.Run(task, c, a, b, nil, nil, scratch) })
	}
}

func BenchmarkGemm(b *testing.B) {
	for _, s := range []GemmSpec{
		{M: 64, N: 64, K: 64}, {M: 256, N: 256, K: 256}, {M: 512, N: 512, K: 512}, {M: 32, N: 1000, K: 512, TransB: true}, {M: 8, N: 1000, K: 512, TransB: true},
		{M: 1, N: 4096, K: 4096, TransB: true}, {M: 1, N: 4096, K: 4096}, {M: 1000, N: 1, K: 1000},
	} {
		b.Run(fmt.Sprintf("%dx%dx%d", s.M, s.N, s.K), func(b *testing.B) {
			s.Alpha = 1
			g, err := NewGemm(s)
			require.NoError(b, err)
			x, y, c := make([]float32, s.M*s.K), make([]float32, s.K*s.N), make([]float32, s.M*s.N)
			scratch := make([]float32, g.ScratchSize())
			for b.Loop() {
				g.Run(0, c, x, y, nil, nil, scratch)
			}
			reportFLOPS(b, s.M*s.N*s.K)
		})
	}
}

func reportFLOPS(b *testing.B, macs int) {
	b.ReportMetric(float64(b.N)*2*float64(macs)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
