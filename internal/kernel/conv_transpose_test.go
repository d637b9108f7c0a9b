package kernel

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// refConvTranspose is the definition: every input adds its multiple of the filter to the output.
func refConvTranspose(s *ConvSpec, x, w, bias []float32) []float64 {
	in, out, kernel := fill3(s.In, 1), fill3(s.Out, 1), fill3(s.Kernel, 1)
	stride, dilation, pad := fill3(s.Strides, 1), fill3(s.Dilations, 1), fill3(s.Pads, 0)
	cg, mg, size := s.C/s.Group, s.OutC/s.Group, product(s.Out)
	y := make([]float64, s.N*s.OutC*size)
	if s.Bias {
		for i := range y {
			y[i] = float64(bias[i/size%s.OutC])
		}
	}
	for n := range s.N {
		for c := range s.C {
			for m := range mg {
				to := y[(n*s.OutC+c/cg*mg+m)*size:][:size]
				for i := range product(s.In) {
					for k := range product(s.Kernel) {
						oz := i/in[2]/in[1]*stride[0] + k/kernel[2]/kernel[1]*dilation[0] - pad[0]
						oy := i/in[2]%in[1]*stride[1] + k/kernel[2]%kernel[1]*dilation[1] - pad[1]
						ox := i%in[2]*stride[2] + k%kernel[2]*dilation[2] - pad[2]
						if oz < 0 || oz >= out[0] || oy < 0 || oy >= out[1] || ox < 0 || ox >= out[2] {
							continue
						}
						to[(oz*out[1]+oy)*out[2]+ox] += float64(x[(n*s.C+c)*product(s.In)+i]) *
							float64(w[(c*mg+m)*product(s.Kernel)+k])
					}
				}
			}
		}
	}
	for i := range y {
		y[i] = refActivate(s.Act, y[i])
	}
	return y
}

func checkConvTranspose(t require.TestingT, r *rand.Rand, s ConvSpec) {
	x, w := random(r, s.N*s.C*product(s.In)), random(r, s.C*s.OutC/s.Group*product(s.Kernel))
	var bias []float32
	if s.Bias {
		bias = random(r, s.OutC)
	}
	want := refConvTranspose(&s, x, w, bias)
	var first []float32
	for _, constant := range []bool{false, true} {
		for _, split := range []int{1, 3, 50} {
			s, w := s, w
			s.Split = split
			if constant {
				s.Weights, w = w, nil
			}
			c, err := NewConvTranspose(ConvTransposeSpec(s))
			require.NoError(t, err)
			y := newGuarded(len(want))
			runAll(c, func(task int, scratch []float32) { c.Run(task, y.data, x, w, bias, scratch) })
			y.check(t)
			if first == nil {
				first = y.data
				requireClose(t, want, first, float64(s.C/s.Group*product(s.Kernel))+2)
			}
			requireSame(t, first, y.data)
		}
	}
}

func TestConvTransposeProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		group := rapid.IntRange(1, 3).Draw(t, "group")
		s := ConvSpec{
			N: rapid.IntRange(1, 2).Draw(t, "n"), Group: group,
			C: group * rapid.IntRange(1, 4).Draw(t, "c"), OutC: group * rapid.IntRange(1, 5).Draw(t, "outC"),
			Bias: rapid.Bool().Draw(t, "bias"),
			Act:  Activation{Kind: ActivationKind(rapid.IntRange(0, 2).Draw(t, "act")), Min: -1, Max: 2},
		}
		for range rapid.IntRange(1, 3).Draw(t, "rank") {
			k, d := rapid.IntRange(1, 4).Draw(t, "kernel"), rapid.IntRange(1, 3).Draw(t, "dilation")
			stride, pad := rapid.IntRange(1, 4).Draw(t, "stride"), rapid.IntRange(0, 2).Draw(t, "pad")
			in := rapid.IntRange(1, 6).Draw(t, "in")
			out := max(1, (in-1)*stride+(k-1)*d+1-pad+rapid.IntRange(-2, 2).Draw(t, "outPad"))
			s.In, s.Out, s.Kernel = append(s.In, in), append(s.Out, out), append(s.Kernel, k)
			s.Strides, s.Dilations, s.Pads = append(s.Strides, stride), append(s.Dilations, d), append(s.Pads, pad)
		}
		checkConvTranspose(t, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)), s)
	})
}

// TestConvTransposeBlocks has more outputs and channels than a block.
func TestConvTransposeBlocks(t *testing.T) {
	for _, stride := range []int{1, 2} {
		checkConvTranspose(t, newRand(), ConvSpec{N: 1, C: 5, OutC: 140, Group: 1, Bias: true, Spatial: Spatial{
			In: []int{9, 40}, Out: []int{9 * stride, 40 * stride}, Kernel: []int{2, 2}, Strides: []int{stride, stride}, Dilations: []int{1, 1}, Pads: []int{0, 0}}})
	}
}

func TestConvTransposeRefusesBadSpecs(t *testing.T) {
	huge := 1 << 20
	for name, s := range map[string]ConvTransposeSpec{
		"phases": {N: 1, C: 1, OutC: 1, Group: 1, Spatial: Spatial{In: []int{1}, Out: []int{huge}, Kernel: []int{1}, Strides: []int{huge}}},
		"group":  {N: 1, C: 4, OutC: 4, Group: 0, Spatial: Spatial{In: []int{1}, Out: []int{1}, Kernel: []int{1}}},
	} {
		_, err := NewConvTranspose(s)
		require.ErrorContains(t, err, "kernel: transposed convolution: ", name)
	}
}

func TestConvTransposeAllocatesNothing(t *testing.T) {
	s := ConvTransposeSpec{N: 1, C: 4, OutC: 4, Group: 1, Split: 8,
		Spatial: Spatial{In: []int{9, 9}, Out: []int{18, 18}, Kernel: []int{2, 2}, Strides: []int{2, 2}}, Weights: make([]float32, 64)}
	c, err := NewConvTranspose(s)
	require.NoError(t, err)
	x, y := make([]float32, 4*81), make([]float32, 4*324)
	noAllocs(t, c, func(task int, scratch []float32) { c.Run(task, y, x, nil, nil, scratch) })
}
