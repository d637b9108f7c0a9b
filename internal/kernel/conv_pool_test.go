package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A pair computes what the convolution and the pooling do one after the other, to the bit.
func checkConvPool(t require.TestingT, s BlockedConvSpec, pool BlockedPoolSpec) {
	r := newRand()
	x := random(r, s.N*s.C*product(s.In))
	s.Weights, s.Bias = random(r, s.OutC*s.C/s.Group*product(s.Kernel)), random(r, s.OutC)
	if !s.Plain {
		x = toBlocked(x, s.N, s.C, product(s.In))
	}
	for _, set := range allSets(t) {
		s.Set, pool.Set = set, set
		for _, split := range []int{1, 3, 50} {
			s.Split, pool.Split = split, split
			c, err := NewBlockedConv(s)
			require.NoError(t, err)
			k, err := NewBlockedPool(pool)
			require.NoError(t, err)
			between := make([]float32, s.N*Blocks(s.OutC)*product(s.Out)*Block)
			runAll(c, func(task int, scratch []float32) { c.Run(task, between, x, nil, scratch) })
			want := make([]float32, s.N*Blocks(s.OutC)*product(pool.Out)*Block)
			runAll(k, func(task int, _ []float32) { k.Run(task, want, between) })

			p, err := c.Pooled(pool)
			require.NoError(t, err)
			if rows := p.pool.win[1].out; split == 3 && rows > 2 { // bands that are shorter than the cache wants
				p.band, p.rows = 2, newChunks(rows, 2, 1)
			}
			y := newGuarded(len(want))
			scratch := newGuarded(p.ScratchSize())
			runAll(p, func(task int, nan []float32) {
				copy(scratch.data, nan)
				p.Run(task, y.data, x, scratch.data)
			})
			y.check(t)
			scratch.check(t)
			requireSame(t, want, y.data)
		}
	}
}

func TestConvPool(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := BlockedConvSpec{N: rapid.IntRange(1, 2).Draw(t, "n"), Group: rapid.IntRange(1, 2).Draw(t, "group")}
		if s.Group > 1 {
			s.C, s.OutC = 2*Block, 2*Block*rapid.IntRange(1, 3).Draw(t, "outC")
		} else {
			s.C, s.OutC = rapid.IntRange(1, 20).Draw(t, "c"), rapid.IntRange(1, 70).Draw(t, "outC")
			s.Plain = rapid.Bool().Draw(t, "plain")
		}
		s.Act = Activation{Kind: ActivationKind(rapid.IntRange(0, 2).Draw(t, "act")), Min: -1, Max: 2}
		if rapid.Bool().Draw(t, "function") {
			s.Act = Activation{Kind: Function, Op: UnaryHardSwish}
		}
		drawPlane(t, &s.Spatial)
		pool := BlockedPoolSpec{Kind: MaxPool, N: s.N, C: s.OutC}
		pool.In = s.Out
		for _, in := range s.Out {
			k, d := rapid.IntRange(1, 4).Draw(t, "pool"), rapid.IntRange(1, 2).Draw(t, "pool dilation")
			p, q := rapid.IntRange(0, 3).Draw(t, "pool padBegin"), rapid.IntRange(0, 3).Draw(t, "pool padEnd")
			stride := rapid.IntRange(1, 4).Draw(t, "pool stride")
			q = max(q, (k-1)*d+1-p-in)
			out := outSize(in, k, stride, d, p, q) + rapid.IntRange(0, 1).Draw(t, "ceil")
			pool.Out, pool.Kernel, pool.Strides = append(pool.Out, out), append(pool.Kernel, k), append(pool.Strides, stride)
			pool.Dilations, pool.Pads, pool.PadsEnd = append(pool.Dilations, d), append(pool.Pads, p), append(pool.PadsEnd, q)
		}
		checkConvPool(t, s, pool)
	})
}

// The first layers of ResNet, which are as large as those that pairs are for.
func TestConvPoolOfImages(t *testing.T) {
	s := BlockedConvSpec{N: 1, C: 3, OutC: 64, Group: 1, Plain: true, Act: Activation{Kind: Relu}, Spatial: Spatial{
		In: []int{160, 171}, Out: []int{80, 86}, Kernel: []int{7, 7}, Strides: []int{2, 2}, Pads: []int{3, 3}}}
	pool := BlockedPoolSpec{Kind: MaxPool, N: 1, C: 64, PadsEnd: []int{1, 1}, Spatial: Spatial{
		In: s.Out, Out: []int{40, 43}, Kernel: []int{3, 3}, Strides: []int{2, 2}, Pads: []int{1, 1}}}
	checkConvPool(t, s, pool)
	s.Weights = make([]float32, 64*3*49)
	c, err := NewBlockedConv(s)
	require.NoError(t, err)
	p, err := c.Pooled(pool)
	require.NoError(t, err)
	require.True(t, p.Saves())
	require.Less(t, p.band, 40)
}

func TestConvPoolRefuses(t *testing.T) {
	s := BlockedConvSpec{N: 1, C: 16, OutC: 16, Group: 1, Weights: make([]float32, 256),
		Spatial: Spatial{In: []int{4, 4}, Out: []int{4, 4}, Kernel: []int{1, 1}}}
	pool := BlockedPoolSpec{Kind: MaxPool, N: 1, C: 16, Spatial: Spatial{In: []int{4, 4}, Out: []int{2, 2}, Kernel: []int{2, 2}, Strides: []int{2, 2}}}
	c, err := NewBlockedConv(s)
	require.NoError(t, err)
	p, err := c.Pooled(pool)
	require.NoError(t, err)
	require.False(t, p.Saves(), "a small one of one tap")
	for name, change := range map[string]func(*BlockedPoolSpec){
		"average":  func(p *BlockedPoolSpec) { p.Kind = AveragePool },
		"channels": func(p *BlockedPoolSpec) { p.C = 32 },
		"images":   func(p *BlockedPoolSpec) { p.N = 2 },
		"sizes":    func(p *BlockedPoolSpec) { p.In = []int{4, 5} },
	} {
		bad := pool
		change(&bad)
		_, err := c.Pooled(bad)
		require.ErrorContains(t, err, "unsupported pair", name)
	}
}
