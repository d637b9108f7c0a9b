package kernel

import (
	"fmt"
	"testing"
)

// convLayer is a convolution of a well-known network at its training batch.
type convLayer struct {
	net                           string
	n, c, m, size, k, stride, pad int
}

var trainedLayers = []convLayer{
	{"lenet5", 64, 1, 6, 28, 5, 1, 2}, {"lenet5", 64, 6, 16, 14, 5, 1, 0},
	{"resnet18", 16, 3, 64, 224, 7, 2, 3}, {"resnet18", 16, 64, 64, 56, 3, 1, 1}, {"resnet18", 16, 64, 128, 56, 3, 2, 1},
	{"resnet18", 16, 64, 128, 56, 1, 2, 0}, {"resnet18", 16, 128, 128, 28, 3, 1, 1}, {"resnet18", 16, 256, 256, 14, 3, 1, 1},
	{"resnet18", 16, 256, 512, 14, 3, 2, 1}, {"resnet18", 16, 512, 512, 7, 3, 1, 1},
	{"alexnet", 32, 3, 64, 224, 11, 4, 2}, {"alexnet", 32, 64, 192, 27, 5, 1, 2}, {"alexnet", 32, 192, 384, 13, 3, 1, 1},
	{"alexnet", 32, 384, 256, 13, 3, 1, 1}, {"alexnet", 32, 256, 256, 13, 3, 1, 1},
}

func (l convLayer) spatial() Spatial {
	out := outSize(l.size, l.k, l.stride, 1, l.pad, l.pad)
	return Spatial{In: []int{l.size, l.size}, Out: []int{out, out}, Kernel: []int{l.k, l.k}, Strides: []int{l.stride, l.stride}, Pads: []int{l.pad, l.pad}}
}

func (l convLayer) name() string {
	return fmt.Sprintf("%s/%dx%d_%d_%dx%d_s%d", l.net, l.c, l.m, l.size, l.k, l.k, l.stride)
}

// rate reports the products of the definition, whatever the algorithm.
func (l convLayer) rate(b *testing.B) {
	flops := 2 * float64(l.n*l.c*l.m*l.k*l.k*product(l.spatial().Out)) * float64(b.N)
	b.ReportMetric(flops/1e9/b.Elapsed().Seconds(), "GFLOP/s")
}

func (l convLayer) arrays() (x, y, w []float32) {
	out := product(l.spatial().Out)
	x, y = alignedFloats(l.n*Blocks(l.c)*Block*l.size*l.size), alignedFloats(l.n*Blocks(l.m)*Block*out)
	r := newRand()
	for _, a := range [][]float32{x, y} {
		for i := range a {
			a[i] = r.Float32() - 0.5
		}
	}
	return x, y, random(r, l.m*l.c*l.k*l.k)
}

// BenchmarkConvGradWeights measures gradients by weights on one thread.
func BenchmarkConvGradWeights(b *testing.B) {
	for _, l := range trainedLayers {
		b.Run(l.name(), func(b *testing.B) {
			g, err := NewConvGradWeights(ConvGradWeightsSpec{N: l.n, C: l.c, OutC: l.m, Group: 1, Spatial: l.spatial(), Plain: l.c < 6, Split: 4})
			if err != nil {
				b.Fatal(err)
			}
			x, dy, dw := l.arrays()
			sums, scratch := alignedFloats(g.SumsSize()), alignedFloats(g.ScratchSize()+1)
			for b.Loop() {
				for t := range g.Tasks() {
					g.Run(t, sums, x, dy, scratch)
				}
				for t := range g.ReduceTasks() {
					g.Reduce(t, dw, sums)
				}
			}
			l.rate(b)
		})
		for form := range WinogradForms {
			g, err := NewWinogradGradWeights(ConvGradWeightsSpec{N: l.n, C: l.c, OutC: l.m, Group: 1, Spatial: l.spatial(), Plain: l.c < 6, Split: 4}, form)
			if err != nil {
				continue
			}
			b.Run(l.name()+"/"+g.form.name, func(b *testing.B) {
				x, dy, dw := l.arrays()
				sums, scratch := alignedFloats(g.SumsSize()), alignedFloats(g.ScratchSize()+1)
				for b.Loop() {
					for round := range g.Rounds() {
						for t := range g.Tasks() {
							g.Run(round, t, sums, x, dy, scratch)
						}
						for t := range g.ReduceTasks() {
							g.Reduce(round, t, dw, sums, scratch)
						}
					}
				}
				l.rate(b)
			})
		}
	}
}

// BenchmarkConvGradData measures gradients by the input, and the packing of weights, on one thread; beside them the
// convolution itself.
func BenchmarkConvGradData(b *testing.B) {
	for _, l := range trainedLayers {
		x, dy, w := l.arrays()
		plane := l.spatial()
		measure := func(name string, g gradData, to, from []float32) {
			b.Run(l.name()+"/"+name, func(b *testing.B) {
				packed, scratch, pack := alignedFloats(g.PackedSize()), alignedFloats(g.ScratchSize()+1), alignedFloats(g.PackScratchSize()+1)
				for b.Loop() {
					for t := range g.PackTasks() {
						g.Pack(t, packed, w, nil, pack)
					}
					for t := range g.Tasks() {
						g.RunPacked(t, to, from, packed, nil, scratch)
					}
				}
				l.rate(b)
			})
		}
		f := BlockedConvSpec{N: l.n, C: l.c, OutC: l.m, Group: 1, Spatial: plane, Packed: true, Split: 4}
		if f.Plain = l.c < 6; !f.Plain {
			s := ConvGradDataSpec{N: l.n, C: l.c, OutC: l.m, Group: 1, Spatial: plane, Split: 4}
			g, err := NewConvGradData(s)
			if err != nil {
				b.Fatal(err)
			}
			measure(g.Algorithm(), g, x, dy)
			for form := range WinogradForms {
				if g, err := NewWinogradGradData(s, form); err == nil {
					measure("grad-"+g.Algorithm(), g, x, dy)
				}
			}
		}
		c, err := NewBlockedConv(f)
		if err != nil {
			b.Fatal(err)
		}
		measure("forward-"+c.Algorithm(), c, dy, x)
		if c, err := NewNarrowConv(f); err == nil {
			measure("forward-"+c.Algorithm(), c, dy, x)
		}
		for form := range WinogradForms {
			if c, err := NewWinograd(f, form); err == nil {
				measure("forward-"+c.Algorithm(), c, dy, x)
			}
		}
	}
}

// BenchmarkDepthwiseGrad measures gradients of depthwise convolutions at batch 16 on one thread.
func BenchmarkDepthwiseGrad(b *testing.B) {
	for _, l := range []struct{ c, size, k, stride int }{{32, 112, 3, 1}, {96, 112, 3, 2}, {192, 28, 3, 1}, {672, 14, 5, 1}} {
		layer := convLayer{"depthwise", 16, l.c, l.c, l.size, l.k, l.stride, l.k / 2}
		x, dy, _ := layer.arrays()
		dw := random(newRand(), l.c*l.k*l.k)
		s := DepthwiseSpec{N: 16, C: l.c, Spatial: layer.spatial(), Split: 4}
		rate := func(b *testing.B) {
			layer.m = 1 // a channel reads one
			layer.rate(b)
		}
		b.Run(layer.name()+"/weights", func(b *testing.B) {
			g, err := NewDepthwiseGradWeights(s)
			if err != nil {
				b.Fatal(err)
			}
			sums := alignedFloats(g.SumsSize())
			for b.Loop() {
				for t := range g.Tasks() {
					g.Run(t, sums, x, dy)
				}
				for t := range g.ReduceTasks() {
					g.Reduce(t, dw, sums)
				}
			}
			rate(b)
		})
		b.Run(layer.name()+"/data", func(b *testing.B) {
			g, err := NewDepthwiseGradData(s)
			if err != nil {
				b.Fatal(err)
			}
			packed := alignedFloats(g.PackedSize())
			for b.Loop() {
				for t := range g.PackTasks() {
					g.Pack(t, packed, dw, nil, nil)
				}
				for t := range g.Tasks() {
					g.RunPacked(t, x, dy, packed)
				}
			}
			rate(b)
		})
	}
}

// BenchmarkTrainingPasses measures what goes over values once or twice, at 16 images of 64 channels of 56×56, on one
// thread; bytes are those of one of the arrays.
func BenchmarkTrainingPasses(b *testing.B) {
	const n, c, size = 16, 64, 56
	x, dy, _ := convLayer{"", n, c, c, size, 1, 1, 0}.arrays()
	y, dx := alignedFloats(len(x)), alignedFloats(len(x))
	measure := func(name string, k prepared, run func(task int, scratch []float32)) {
		b.Run(name, func(b *testing.B) {
			scratch := make([]float32, k.ScratchSize())
			b.SetBytes(int64(len(x) * floatBytes))
			for b.Loop() {
				for t := range k.Tasks() {
					run(t, scratch)
				}
			}
		})
	}
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	channel := func(v float32) []float32 {
		a := make([]float32, c)
		for i := range a {
			a[i] = v
		}
		return a
	}
	norm, err := NewBatchNorm(BatchNormSpec{N: n, C: c, Plane: size * size, Epsilon: 1e-5, Relu: true})
	must(err)
	sums, zero, one := make([]float32, norm.SumsSize()), channel(0), channel(1)
	measure("batchnorm-moments", norm, func(task int, _ []float32) { norm.Moments(task, sums, x) })
	measure("batchnorm", norm, func(task int, _ []float32) { norm.Run(task, y, x, zero, one, one, zero) })
	measure("batchnorm-grad-moments", norm, func(task int, _ []float32) { norm.GradMoments(task, sums, dy, x, y, zero) })
	by := BatchNormGrad{Mean: zero, Variance: one, Scale: one, DScale: one, DShift: one}
	measure("batchnorm-grad", norm, func(task int, _ []float32) { norm.GradRun(task, dx, dy, x, y, by) })
	clip, err := NewClampGrad(len(x), Activation{Kind: Relu}, 1, nil)
	must(err)
	measure("relu-grad", clip, func(task int, _ []float32) { clip.Run(task, dx, dy, y) })
	sum, err := NewChannelSum(n, c, size*size, 1, nil)
	must(err)
	measure("channel-sum", sum, func(task int, _ []float32) { sum.Run(task, sums, dy) })
	for kind, name := range []string{"max", "average"} {
		s := BlockedPoolSpec{Kind: PoolKind(kind), N: n, C: c, Spatial: Spatial{In: []int{size, size}, Out: []int{28, 28}, Kernel: []int{3, 3},
			Strides: []int{2, 2}, Pads: []int{1, 1}}}
		p, err := NewBlockedPool(s)
		must(err)
		runAll(p, func(task int, _ []float32) { p.Run(task, y, x) })
		g, err := NewBlockedPoolGrad(s)
		must(err)
		measure(name+"pool-grad", g, func(task int, _ []float32) { g.Run(task, dx, dy, x, y) })
	}
	lrn, err := NewBlockedLRNGrad(LRNSpec{N: n, C: c, Inner: size * size, Size: 5, Alpha: 1e-4, Beta: 0.75, Bias: 1}, nil)
	must(err)
	measure("lrn-grad", lrn, func(task int, scratch []float32) { lrn.Run(task, dx, dy, x, scratch) })
}

// BenchmarkLinearGrad measures the products of fully connected layers in training on one thread: forward x·wᵀ, backward
// dy·w and dyᵀ·x.
func BenchmarkLinearGrad(b *testing.B) {
	for _, l := range []struct{ n, in, out int }{{64, 400, 120}, {64, 120, 84}, {16, 512, 1000}, {32, 9216, 4096}, {32, 4096, 1000}} {
		for _, p := range []struct {
			name           string
			m, n, k        int
			transA, transB bool
		}{
			{"forward", l.n, l.out, l.in, false, true}, {"data", l.n, l.in, l.out, false, false}, {"weights", l.out, l.in, l.n, true, false},
		} {
			r := newRand()
			g, err := NewGemm(GemmSpec{M: p.m, N: p.n, K: p.k, TransA: p.transA, TransB: p.transB, Alpha: 1, Split: 1})
			if err != nil {
				b.Fatal(err)
			}
			x, w, y, scratch := random(r, p.m*p.k), random(r, p.k*p.n), alignedFloats(p.m*p.n), alignedFloats(g.ScratchSize()+1)
			b.Run(fmt.Sprintf("%dx%dx%d/%s", l.n, l.in, l.out, p.name), func(b *testing.B) {
				for b.Loop() {
					for t := range g.Tasks() {
						g.Run(t, y, x, w, nil, nil, scratch)
					}
				}
				b.ReportMetric(2*float64(p.m*p.n*p.k)*float64(b.N)/1e9/b.Elapsed().Seconds(), "GFLOP/s")
			})
		}
	}
}
