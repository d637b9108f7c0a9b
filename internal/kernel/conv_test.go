package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var refNaN = math.NaN()

// refConv is the definition of a convolution, loop by loop, in float64.
func refConv(s *ConvSpec, x, w, bias, residual []float32) []float64 {
	in, out, kernel := fill3(s.In, 1), fill3(s.Out, 1), fill3(s.Kernel, 1)
	stride, dilation, pad := fill3(s.Strides, 1), fill3(s.Dilations, 1), fill3(s.Pads, 0)
	if s.Strides == nil {
		stride = [3]int{1, 1, 1}
	}
	if s.Dilations == nil {
		dilation = [3]int{1, 1, 1}
	}
	cg, mg := s.C/s.Group, s.OutC/s.Group
	var y []float64
	for n := range s.N {
		for m := range s.OutC {
			for oz := range out[0] {
				for oy := range out[1] {
					for ox := range out[2] {
						var sum float64
						for c := range cg {
							for kz := range kernel[0] {
								for ky := range kernel[1] {
									for kx := range kernel[2] {
										iz := oz*stride[0] + kz*dilation[0] - pad[0]
										iy := oy*stride[1] + ky*dilation[1] - pad[1]
										ix := ox*stride[2] + kx*dilation[2] - pad[2]
										if iz < 0 || iz >= in[0] || iy < 0 || iy >= in[1] || ix < 0 || ix >= in[2] {
											continue
										}
										channel := n*s.C + m/mg*cg + c
										sum += float64(x[((channel*in[0]+iz)*in[1]+iy)*in[2]+ix]) *
											float64(w[(((m*cg+c)*kernel[0]+kz)*kernel[1]+ky)*kernel[2]+kx])
									}
								}
							}
						}
						if s.Bias {
							sum += float64(bias[m])
						}
						if residual != nil {
							sum += float64(residual[len(y)])
						}
						y = append(y, refActivate(s.Act, sum))
					}
				}
			}
		}
	}
	return y
}

func checkConv(t require.TestingT, r *rand.Rand, s ConvSpec, withResidual, specials bool) {
	x := random(r, s.N*s.C*product(s.In))
	if specials {
		special(r, x)
	}
	w := random(r, s.OutC*s.C/s.Group*product(s.Kernel))
	var bias, residual []float32
	if s.Bias {
		bias = random(r, s.OutC)
	}
	if withResidual {
		residual = random(r, s.N*s.OutC*product(s.Out))
	}
	want := refConv(&s, x, w, bias, residual)
	scale := float64(len(w)/max(1, s.OutC)) + 2
	var first []float32
	for _, constant := range []bool{false, true} {
		for _, split := range []int{1, 3, 50} {
			s, w := s, w
			s.Split = split
			if constant {
				s.Weights, w = w, nil
			}
			c, err := NewConv(s)
			require.NoError(t, err)
			y := newGuarded(len(want))
			runAll(c, func(task int, scratch []float32) { c.Run(task, y.data, x, w, bias, residual, scratch) })
			y.check(t)
			if first == nil {
				first = y.data
				requireClose(t, want, first, scale)
			}
			requireSame(t, first, y.data)
		}
	}
}

// outSize is the size of an axis after a window has passed over it.
func outSize(in, kernel, stride, dilation, padBegin, padEnd int) int {
	return (in+padBegin+padEnd-(kernel-1)*dilation-1)/stride + 1
}

func TestConv(t *testing.T) {
	relu := Activation{Kind: Relu}
	for name, s := range map[string]ConvSpec{
		"1x1":           {N: 2, C: 5, OutC: 7, Group: 1, Spatial: Spatial{In: []int{6, 9}, Out: []int{6, 9}, Kernel: []int{1, 1}}, Act: relu},
		"1x1 groups":    {N: 2, C: 6, OutC: 4, Group: 2, Spatial: Spatial{In: []int{5, 5}, Out: []int{5, 5}, Kernel: []int{1, 1}}, Bias: true},
		"1x1 stride":    {N: 1, C: 3, OutC: 4, Group: 1, Spatial: Spatial{In: []int{7, 9}, Out: []int{4, 5}, Kernel: []int{1, 1}, Strides: []int{2, 2}}},
		"1x1 crop":      {N: 1, C: 3, OutC: 4, Group: 1, Spatial: Spatial{In: []int{7, 9}, Out: []int{5, 8}, Kernel: []int{1, 1}, Pads: []int{-1, -1}}},
		"3x3 pad":       {N: 2, C: 4, OutC: 9, Group: 1, Spatial: Spatial{In: []int{13, 11}, Out: []int{13, 11}, Kernel: []int{3, 3}, Pads: []int{1, 1}}, Bias: true},
		"asymmetric":    {N: 1, C: 2, OutC: 3, Group: 1, Spatial: Spatial{In: []int{8, 8}, Out: []int{9, 7}, Kernel: []int{3, 4}, Pads: []int{3, 0}}},
		"11x11 s4":      {N: 1, C: 3, OutC: 6, Group: 1, Spatial: Spatial{In: []int{39, 41}, Out: []int{9, 9}, Kernel: []int{11, 11}, Strides: []int{4, 4}, Pads: []int{2, 2}}, Bias: true, Act: relu},
		"dilated":       {N: 1, C: 3, OutC: 5, Group: 1, Spatial: Spatial{In: []int{12, 14}, Out: []int{8, 10}, Kernel: []int{3, 3}, Dilations: []int{2, 2}}},
		"deep":          {N: 1, C: 70, OutC: 5, Group: 1, Spatial: Spatial{In: []int{5, 5}, Out: []int{5, 5}, Kernel: []int{3, 3}, Pads: []int{1, 1}}},
		"wide":          {N: 1, C: 2, OutC: 3, Group: 1, Spatial: Spatial{In: []int{3, 700}, Out: []int{3, 700}, Kernel: []int{3, 3}, Pads: []int{1, 1}}},
		"whole":         {N: 2, C: 4, OutC: 9, Group: 1, Spatial: Spatial{In: []int{5, 5}, Out: []int{1, 1}, Kernel: []int{5, 5}}, Bias: true},
		"one output":    {N: 2, C: 4, OutC: 8, Group: 2, Spatial: Spatial{In: []int{5, 5}, Out: []int{1, 1}, Kernel: []int{3, 3}, Strides: []int{9, 9}, Pads: []int{1, 0}}},
		"depthwise":     {N: 2, C: 5, OutC: 5, Group: 5, Spatial: Spatial{In: []int{9, 10}, Out: []int{9, 10}, Kernel: []int{3, 3}, Pads: []int{1, 1}}, Bias: true, Act: relu},
		"depthwise s2":  {N: 1, C: 3, OutC: 6, Group: 3, Spatial: Spatial{In: []int{9, 10}, Out: []int{5, 5}, Kernel: []int{3, 3}, Strides: []int{2, 2}, Pads: []int{1, 1}}},
		"depthwise 5x5": {N: 1, C: 3, OutC: 3, Group: 3, Spatial: Spatial{In: []int{4, 3}, Out: []int{4, 3}, Kernel: []int{5, 5}, Pads: []int{2, 2}}},
		"depthwise out": {N: 1, C: 2, OutC: 2, Group: 2, Spatial: Spatial{In: []int{3, 3}, Out: []int{9, 9}, Kernel: []int{3, 3}, Pads: []int{4, 4}}},
		"1-d":           {N: 2, C: 3, OutC: 4, Group: 1, Spatial: Spatial{In: []int{17}, Out: []int{8}, Kernel: []int{4}, Strides: []int{2}, Pads: []int{1}}, Bias: true},
		"3-d":           {N: 1, C: 3, OutC: 4, Group: 1, Spatial: Spatial{In: []int{5, 6, 7}, Out: []int{5, 3, 7}, Kernel: []int{3, 2, 3}, Strides: []int{1, 2, 1}, Pads: []int{1, 0, 1}}},
		"3-d depthwise": {N: 1, C: 3, OutC: 3, Group: 3, Spatial: Spatial{In: []int{5, 6, 7}, Out: []int{5, 6, 7}, Kernel: []int{3, 3, 3}, Pads: []int{1, 1, 1}}},
		"empty batch":   {N: 0, C: 3, OutC: 4, Group: 1, Spatial: Spatial{In: []int{7, 9}, Out: []int{7, 9}, Kernel: []int{1, 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRand()
			checkConv(t, r, s, false, false)
			checkConv(t, r, s, true, false)
		})
	}
}

func TestConvProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		group := rapid.IntRange(1, 3).Draw(t, "group")
		s := ConvSpec{
			N: rapid.IntRange(1, 2).Draw(t, "n"), Group: group,
			C: group * rapid.IntRange(1, 5).Draw(t, "c"), OutC: group * rapid.IntRange(1, 6).Draw(t, "outC"),
			Bias: rapid.Bool().Draw(t, "bias"),
			Act:  Activation{Kind: ActivationKind(rapid.IntRange(0, 2).Draw(t, "act")), Min: -1, Max: 2},
		}
		drawSpatial(t, &s.Spatial)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		checkConv(t, r, s, rapid.Bool().Draw(t, "residual"), false)
	})
}

// drawSpatial draws a window with at least one output.
func drawSpatial(t *rapid.T, s *Spatial) {
	for range rapid.IntRange(1, 3).Draw(t, "rank") {
		k, d := rapid.IntRange(1, 4).Draw(t, "kernel"), rapid.IntRange(1, 3).Draw(t, "dilation")
		p, q := rapid.IntRange(0, 4).Draw(t, "padBegin"), rapid.IntRange(0, 4).Draw(t, "padEnd")
		stride := rapid.IntRange(1, 4).Draw(t, "stride")
		in := max(1, (k-1)*d+1-p-q) + rapid.IntRange(0, 8).Draw(t, "in")
		s.In, s.Out = append(s.In, in), append(s.Out, outSize(in, k, stride, d, p, q))
		s.Kernel, s.Strides = append(s.Kernel, k), append(s.Strides, stride)
		s.Dilations, s.Pads = append(s.Dilations, d), append(s.Pads, p)
	}
}

// TestConvSpecialValues: without padding every tap meets the image, so that zero times Inf cannot differ.
func TestConvSpecialValues(t *testing.T) {
	r := newRand()
	for _, group := range []int{1, 4} {
		for range 20 {
			checkConv(t, r, ConvSpec{N: 1, C: 4, OutC: 4, Group: group, Act: Activation{Kind: Relu},
				Spatial: Spatial{In: []int{6, 7}, Out: []int{4, 5}, Kernel: []int{3, 3}}}, false, true)
		}
	}
}

func TestConvRefusesBadSpecs(t *testing.T) {
	ok := Spatial{In: []int{4, 4}, Out: []int{4, 4}, Kernel: []int{1, 1}}
	for name, s := range map[string]ConvSpec{
		"rank":     {N: 1, C: 1, OutC: 1, Group: 1},
		"strides":  {N: 1, C: 1, OutC: 1, Group: 1, Spatial: Spatial{In: ok.In, Out: ok.Out, Kernel: ok.Kernel, Strides: []int{0, 1}}},
		"kernel":   {N: 1, C: 1, OutC: 1, Group: 1, Spatial: Spatial{In: ok.In, Out: ok.Out, Kernel: []int{3}}},
		"group":    {N: 1, C: 4, OutC: 4, Group: 3, Spatial: ok},
		"weights":  {N: 1, C: 4, OutC: 4, Group: 1, Spatial: ok, Weights: make([]float32, 15)},
		"overflow": {N: 1, C: 1 << 30, OutC: 1 << 30, Group: 1, Spatial: ok},
	} {
		_, err := NewConv(s)
		require.ErrorContains(t, err, "kernel: conv: ", name)
	}
}

func TestConvAllocatesNothing(t *testing.T) {
	for _, group := range []int{1, 4} {
		s := ConvSpec{N: 1, C: 4, OutC: 4, Group: group, Split: 3,
			Spatial: Spatial{In: []int{9, 9}, Out: []int{9, 9}, Kernel: []int{3, 3}, Pads: []int{1, 1}}}
		s.Weights = make([]float32, 16/group*9)
		c, err := NewConv(s)
		require.NoError(t, err)
		x, y := make([]float32, 4*81), make([]float32, 4*81)
		noAllocs(t, c, func(task int, scratch []float32) { c.Run(task, y, x, nil, nil, nil, scratch) })
	}
}

func BenchmarkConv(b *testing.B) {
	square := func(c, outC, in, out, kernel, stride, pad, group int) ConvSpec {
		return ConvSpec{N: 1, C: c, OutC: outC, Group: group, Spatial: Spatial{In: []int{in, in}, Out: []int{out, out},
			Kernel: []int{kernel, kernel}, Strides: []int{stride, stride}, Pads: []int{pad, pad}}}
	}
	for _, c := range []struct {
		name string
		ConvSpec
	}{
		{"alexnet/conv1", square(3, 64, 224, 55, 11, 4, 2, 1)},
		{"alexnet/conv2", square(64, 192, 27, 27, 5, 1, 2, 1)},
		{"alexnet/conv3", square(192, 384, 13, 13, 3, 1, 1, 1)},
		{"alexnet/conv4", square(384, 256, 13, 13, 3, 1, 1, 1)},
		{"alexnet/conv5", square(256, 256, 13, 13, 3, 1, 1, 1)},
		{"vgg/conv1_1", square(3, 64, 224, 224, 3, 1, 1, 1)},
		{"vgg/conv3_1", square(128, 256, 56, 56, 3, 1, 1, 1)},
		{"vgg/conv5_1", square(512, 512, 14, 14, 3, 1, 1, 1)},
		{"resnet/1x1", square(256, 64, 56, 56, 1, 1, 0, 1)},
		{"resnext/3x3", square(128, 128, 56, 56, 3, 1, 1, 32)},
		{"mobilenet/3x3", square(144, 144, 56, 56, 3, 1, 1, 144)},
		{"mobilenet/3x3s2", square(144, 144, 56, 28, 3, 2, 1, 144)},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := c.ConvSpec
			s.Weights = make([]float32, s.OutC*s.C/s.Group*product(s.Kernel))
			x, y := make([]float32, s.C*product(s.In)), make([]float32, s.OutC*product(s.Out))
			conv, err := NewConv(s)
			require.NoError(b, err)
			scratch := make([]float32, conv.ScratchSize())
			b.ReportMetric(float64(len(scratch)*4>>10), "KiB-scratch")
			for b.Loop() {
				for task := range conv.Tasks() {
					conv.Run(task, y, x, nil, nil, nil, scratch)
				}
			}
			reportFLOPS(b, len(y)*len(s.Weights)/s.OutC)
		})
	}
}
