package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNarrowConv(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := BlockedConvSpec{N: rapid.IntRange(1, 2).Draw(t, "n"), C: rapid.IntRange(1, 4).Draw(t, "c"), OutC: rapid.IntRange(1, 8).Draw(t, "outC"), Group: 1, Plain: true}
		s.Act = rapid.SampledFrom([]Activation{{}, {Kind: Relu}, {Kind: Clip, Min: -1, Max: 2}, {Kind: Function, Op: UnarySigmoid}}).Draw(t, "act")
		for axis := range 2 {
			k, d := rapid.IntRange(1, 5).Draw(t, "kernel"), rapid.IntRange(1, 2).Draw(t, "dilation")
			p, q := rapid.IntRange(0, 4).Draw(t, "padBegin"), rapid.IntRange(0, 4).Draw(t, "padEnd")
			stride := 1
			if axis == 0 {
				stride = rapid.IntRange(1, 3).Draw(t, "stride")
			}
			in := max(1, (k-1)*d+1-p-q) + rapid.IntRange(0, 40).Draw(t, "in")
			s.In, s.Out = append(s.In, in), append(s.Out, outSize(in, k, stride, d, p, q))
			s.Kernel, s.Strides = append(s.Kernel, k), append(s.Strides, stride)
			s.Dilations, s.Pads = append(s.Dilations, d), append(s.Pads, p)
		}
		r, out := newRand(), product(s.Out)
		x := random(r, s.N*s.C*product(s.In))
		weights, bias := random(r, s.OutC*s.C*product(s.Kernel)), random(r, s.OutC)
		ref := ConvSpec{N: s.N, C: s.C, OutC: s.OutC, Group: 1, Spatial: s.Spatial, Bias: true, Act: s.Act}
		want := refConv(&ref, x, weights, bias, nil)
		for _, s.Set = range allSets(t) {
			if s.OutC > s.Set.narrow.channels {
				continue
			}
			for _, s.Split = range []int{1, 3, 50} {
				s.Weights, s.Bias = weights, bias
				c, err := NewNarrowConv(s)
				require.NoError(t, err)
				y := newGuarded(s.N * out * Block)
				runAll(c, func(task int, scratch []float32) { c.Run(task, y.data, x, nil, scratch) })
				y.check(t)
				requireClose(t, want, fromBlocked(t, y.data, s.N, s.OutC, out), float64(s.C*product(s.Kernel)+2))
				later := s
				later.Packed, later.Weights, later.Bias = true, nil, nil
				c, err = NewNarrowConv(later)
				require.NoError(t, err)
				packed, again := packAll(t, c, weights, bias), newGuarded(len(y.data))
				runAll(c, func(task int, scratch []float32) { c.RunPacked(task, again.data, x, packed, nil, scratch) })
				again.check(t)
				requireSame(t, y.data, again.data)
			}
		}
	})
}

// Rows of large images are copied in bands.
func TestNarrowConvInBands(t *testing.T) {
	s := BlockedConvSpec{N: 1, C: 3, OutC: 2, Group: 1, Plain: true,
		Spatial: Spatial{In: []int{300, 200}, Out: []int{300, 200}, Kernel: []int{3, 3}, Pads: []int{1, 1}}}
	r := newRand()
	s.Weights = random(r, s.OutC*s.C*9)
	x := random(r, s.C*300*200)
	want := refConv(&ConvSpec{N: 1, C: 3, OutC: 2, Group: 1, Spatial: s.Spatial}, x, s.Weights, nil, nil)
	for _, s.Set = range Sets() {
		c, err := NewNarrowConv(s)
		require.NoError(t, err)
		require.Less(t, c.band, 300)
		y := newGuarded(300 * 200 * Block)
		runAll(c, func(task int, scratch []float32) { c.Run(task, y.data, x, nil, scratch) })
		requireClose(t, want, fromBlocked(t, y.data, 1, s.OutC, 300*200), 29)
	}
}

func TestNarrowConvRefuses(t *testing.T) {
	s := BlockedConvSpec{N: 1, C: 1, OutC: 9, Group: 1, Plain: true, Weights: make([]float32, 9),
		Spatial: Spatial{In: []int{4, 4}, Out: []int{4, 4}, Kernel: []int{1, 1}}}
	_, err := NewNarrowConv(s)
	require.ErrorContains(t, err, "does not fit a convolution of 1 to 9 channels")
}
