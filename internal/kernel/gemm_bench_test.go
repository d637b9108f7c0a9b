package kernel

import (
	"fmt"
	"testing"
)

// BenchmarkLinear measures products with constant weights, as transformers have them, on one thread.
func BenchmarkLinear(b *testing.B) {
	for _, l := range []struct{ m, n, k int }{{197, 2304, 768}, {197, 3072, 768}, {197, 768, 3072}, {3136, 384, 96}, {3136, 96, 384}, {196, 1536, 384}, {49, 3072, 768}} {
		r := newRand()
		s := GemmSpec{M: l.m, N: l.n, K: l.k, Alpha: 1, Beta: 1, Bias: BiasPerColumn, ConstB: random(r, l.k*l.n), Split: 1}
		x, y, bias := alignedFloats(l.m*l.k), alignedFloats(l.m*l.n), random(r, l.n)
		g, err := NewGemm(s)
		if err != nil {
			b.Fatal(err)
		}
		scratch := make([]float32, g.ScratchSize())
		b.Run(fmt.Sprintf("%dx%dx%d", l.m, l.n, l.k), func(b *testing.B) {
			for b.Loop() {
				for t := range g.Tasks() {
					g.Run(t, y, x, nil, bias, nil, scratch)
				}
			}
			b.ReportMetric(2*float64(l.m*l.n*l.k)*float64(b.N)/1e9/b.Elapsed().Seconds(), "GFLOP/s")
		})
	}
}
