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
		for form := range WinogradForms {
			if c, err := NewWinograd(f, form); err == nil {
				measure("forward-"+c.Algorithm(), c, dy, x)
			}
		}
	}
}
