package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// toBlocked is N×C×plane in the blocked layout.
func toBlocked(x []float32, n, c, plane int) []float32 {
	y := make([]float32, n*Blocks(c)*plane*Block)
	for i := range n {
		for ch := range c {
			for p := range plane {
				y[((i*Blocks(c)+ch/Block)*plane+p)*Block+ch%Block] = x[(i*c+ch)*plane+p]
			}
		}
	}
	return y
}

// fromBlocked is the inverse of toBlocked; it requires that channels beyond c are zero.
func fromBlocked(t require.TestingT, y []float32, n, c, plane int) []float32 {
	x := make([]float32, n*c*plane)
	for i, v := range y {
		lane, p := i%Block, i/Block%plane
		b := i / Block / plane
		ch := b%Blocks(c)*Block + lane
		if ch >= c {
			require.Zero(t, v, "channel %d of %d", ch, c)
			continue
		}
		x[(b/Blocks(c)*c+ch)*plane+p] = v
	}
	return x
}

func checkBlocked(t require.TestingT, s BlockedConvSpec, withResidual bool) {
	r := newRand()
	in, out := product(s.In), product(s.Out)
	x := random(r, s.N*s.C*in)
	s.Weights = random(r, s.OutC*s.C/s.Group*product(s.Kernel))
	s.Bias = random(r, s.OutC)
	ref := ConvSpec{N: s.N, C: s.C, OutC: s.OutC, Group: s.Group, Spatial: s.Spatial, Bias: true, Act: s.Act}
	weights := s.Weights
	if s.InputMajor {
		s.Weights = make([]float32, len(weights))
		for i, v := range weights {
			s.Weights[i%s.C*s.OutC+i/s.C] = v
		}
	}
	var residual, blockedResidual []float32
	if withResidual {
		residual = random(r, s.N*s.OutC*out)
		blockedResidual = toBlocked(residual, s.N, s.OutC, out)
	}
	want := refConv(&ref, x, weights, s.Bias, residual)
	bx := x
	if !s.Plain {
		bx = toBlocked(x, s.N, s.C, in)
	}
	for _, s.Set = range allSets(t) {
		var first []float32
		for _, s.Split = range []int{1, 3, 50} {
			c, err := NewBlockedConv(s)
			require.NoError(t, err)
			y := newGuarded(s.N * Blocks(s.OutC) * out * Block)
			runAll(c, func(task int, scratch []float32) { c.Run(task, y.data, bx, blockedResidual, scratch) })
			y.check(t)
			if first == nil {
				first = y.data
				requireClose(t, want, fromBlocked(t, y.data, s.N, s.OutC, out), float64(len(s.Weights)/max(1, s.OutC)+2))
			}
			requireSame(t, first, y.data)
			known := s
			s.Packed, s.Weights, s.Bias = true, nil, nil
			c, err = NewBlockedConv(s)
			require.NoError(t, err)
			packed := packAll(t, c, known.Weights, known.Bias)
			y = newGuarded(len(y.data))
			runAll(c, func(task int, scratch []float32) { c.RunPacked(task, y.data, bx, packed, blockedResidual, scratch) })
			y.check(t)
			requireSame(t, first, y.data)
			s = known
		}
	}
}

// packer is what convolutions whose weights change have.
type packer interface {
	PackedSize() int
	PackTasks() int
	PackScratchSize() int
	Pack(task int, packed, weights, bias, scratch []float32)
}

func packAll(t require.TestingT, p packer, weights, bias []float32) []float32 {
	packed := newGuarded(p.PackedSize())
	for i := range packed.data {
		packed.data[i] = float32(math.NaN())
	}
	scratch := make([]float32, p.PackScratchSize())
	for task := range p.PackTasks() {
		for i := range scratch {
			scratch[i] = float32(math.NaN())
		}
		p.Pack(task, packed.data, weights, bias, scratch)
	}
	packed.check(t)
	return packed.data
}

func TestBlockedConv(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := BlockedConvSpec{N: rapid.IntRange(1, 2).Draw(t, "n"), Group: rapid.IntRange(1, 2).Draw(t, "group")}
		if s.Group > 1 {
			s.C = s.Group * Block * rapid.IntRange(1, 2).Draw(t, "c")
			s.OutC = s.Group * Block * rapid.IntRange(1, 3).Draw(t, "outC")
		} else {
			s.C, s.OutC = rapid.IntRange(1, 40).Draw(t, "c"), rapid.IntRange(1, 70).Draw(t, "outC")
			s.Plain = rapid.Bool().Draw(t, "plain")
		}
		s.Act = Activation{Kind: ActivationKind(rapid.IntRange(0, 2).Draw(t, "act")), Min: -1, Max: 2}
		for range 2 {
			k, d := rapid.IntRange(1, 4).Draw(t, "kernel"), rapid.IntRange(1, 2).Draw(t, "dilation")
			p, q := rapid.IntRange(0, 4).Draw(t, "padBegin"), rapid.IntRange(0, 4).Draw(t, "padEnd")
			stride := rapid.IntRange(1, 3).Draw(t, "stride")
			in := max(1, (k-1)*d+1-p-q) + rapid.IntRange(0, 20).Draw(t, "in")
			s.In, s.Out = append(s.In, in), append(s.Out, outSize(in, k, stride, d, p, q))
			s.Kernel, s.Strides = append(s.Kernel, k), append(s.Strides, stride)
			s.Dilations, s.Pads = append(s.Dilations, d), append(s.Pads, p)
		}
		if s.Group == 1 && rapid.Bool().Draw(t, "pointwise") {
			s.Plain, s.InputMajor = false, rapid.Bool().Draw(t, "inputMajor")
			s.Out, s.Kernel, s.Strides, s.Dilations, s.Pads = s.In, []int{1, 1}, nil, nil, nil
		}
		if rapid.Bool().Draw(t, "function") {
			s.Act = Activation{Kind: Function, Op: UnaryHardSwish}
		}
		checkBlocked(t, s, rapid.Bool().Draw(t, "residual"))
	})
}

// Sums over many channels of many pixels are made in parts.
func TestBlockedConvInParts(t *testing.T) {
	s := BlockedConvSpec{N: 2, C: 650, OutC: 20, Group: 1, Spatial: Spatial{In: []int{20, 23}, Out: []int{20, 23}, Kernel: []int{1, 1}}}
	s.Act = Activation{Kind: Function, Op: UnaryHardSwish}
	s.Weights = make([]float32, s.OutC*s.C)
	c, err := NewBlockedConv(s)
	require.NoError(t, err)
	require.Less(t, c.depth, len(c.taps))
	checkBlocked(t, s, false)
	checkBlocked(t, s, true)
}

func TestBlockedConvRefuses(t *testing.T) {
	s := BlockedConvSpec{N: 1, C: 0, OutC: 16, Group: 1, Weights: []float32{}, Bias: make([]float32, 16),
		Spatial: Spatial{In: []int{4, 4}, Out: []int{4, 4}, Kernel: []int{1, 1}}}
	_, err := NewBlockedConv(s)
	require.ErrorContains(t, err, "unsupported input of no channels")
}
