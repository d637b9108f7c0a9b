package kernel

import (
	"fmt"
	"testing"
)

// BenchmarkBlockedConv measures the convolutions of well-known networks on one thread; GFLOP/s counts the products of
// the definition, whatever the algorithm.
func BenchmarkBlockedConv(b *testing.B) {
	for _, l := range []struct{ c, m, size, k, stride int }{
		{3, 64, 224, 7, 2}, {64, 64, 56, 1, 1}, {64, 256, 56, 1, 1}, {256, 512, 56, 1, 2}, {512, 2048, 7, 1, 1}, {2048, 512, 7, 1, 1},
		{24, 144, 56, 1, 1}, {128, 128, 56, 3, 2},
		{64, 64, 224, 3, 1}, {64, 64, 56, 3, 1}, {128, 128, 28, 3, 1}, {256, 256, 14, 3, 1}, {512, 512, 7, 3, 1}, {512, 512, 28, 3, 1}, {64, 192, 27, 5, 1},
	} {
		pad := (l.k - 1) / 2
		out := outSize(l.size, l.k, l.stride, 1, pad, pad)
		s := BlockedConvSpec{N: 1, C: l.c, OutC: l.m, Group: 1, Split: 1, Plain: l.c < Block, Spatial: Spatial{In: []int{l.size, l.size},
			Out: []int{out, out}, Kernel: []int{l.k, l.k}, Strides: []int{l.stride, l.stride}, Pads: []int{pad, pad}}}
		r := newRand()
		s.Weights = random(r, l.m*l.c*l.k*l.k)
		x, y := alignedFloats(Blocks(l.c)*Block*l.size*l.size), alignedFloats(Blocks(l.m)*Block*out*out)
		if s.Plain {
			x = x[:l.c*l.size*l.size]
		}
		measure := func(name string, k prepared, run func(task int, scratch []float32)) {
			b.Run(fmt.Sprintf("%dx%d_%d_%dx%d_s%d/%s", l.c, l.m, l.size, l.k, l.k, l.stride, name), func(b *testing.B) {
				scratch := make([]float32, k.ScratchSize())
				for b.Loop() {
					for t := range k.Tasks() {
						run(t, scratch)
					}
				}
				flops := 2 * float64(l.c*l.m*l.k*l.k*out*out) * float64(b.N)
				b.ReportMetric(flops/1e9/b.Elapsed().Seconds(), "GFLOP/s")
			})
		}
		c, err := NewBlockedConv(s)
		if err != nil {
			b.Fatal(err)
		}
		measure(c.Algorithm(), c, func(task int, scratch []float32) { c.Run(task, y, x, nil, scratch) })
		for form := range WinogradForms {
			if w, err := NewWinograd(s, form); err == nil {
				measure(w.Algorithm(), w, func(task int, scratch []float32) { w.Run(task, y, x, nil, scratch) })
			}
		}
	}
}

// BenchmarkDepthwise measures depthwise convolutions on one thread, two operations a multiply-add.
func BenchmarkDepthwise(b *testing.B) {
	for _, l := range []struct{ c, size, k, stride int }{
		{32, 112, 3, 1}, {96, 112, 3, 2}, {144, 56, 3, 1}, {192, 28, 3, 1}, {384, 14, 3, 1}, {576, 14, 3, 2}, {960, 7, 3, 1}, {672, 14, 5, 1}, {96, 56, 7, 1},
	} {
		pad := (l.k - 1) / 2
		out := outSize(l.size, l.k, l.stride, 1, pad, pad)
		r := newRand()
		s := DepthwiseSpec{N: 1, C: l.c, Weights: random(r, l.c*l.k*l.k), Split: 1, Spatial: Spatial{In: []int{l.size, l.size},
			Out: []int{out, out}, Kernel: []int{l.k, l.k}, Strides: []int{l.stride, l.stride}, Pads: []int{pad, pad}}}
		d, err := NewDepthwise(s)
		if err != nil {
			b.Fatal(err)
		}
		x, y := alignedFloats(l.c*l.size*l.size), alignedFloats(l.c*out*out)
		b.Run(fmt.Sprintf("%d_%d_%dx%d_s%d", l.c, l.size, l.k, l.k, l.stride), func(b *testing.B) {
			for b.Loop() {
				for t := range d.Tasks() {
					d.Run(t, y, x)
				}
			}
			flops := 2 * float64(l.c*l.k*l.k*out*out) * float64(b.N)
			b.ReportMetric(flops/1e9/b.Elapsed().Seconds(), "GFLOP/s")
		})
	}
}
