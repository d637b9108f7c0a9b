package kernel

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// Kernels for several shapes of input have one packed copy of the same weights, others have their own, and what nobody uses any
// more is gone.
func TestPacksAreShared(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	w, b := random(r, 32*32*9), random(r, 32)
	conv := func(size int, packs *Packs) BlockedConvSpec {
		return BlockedConvSpec{N: 1, C: 32, OutC: 32, Group: 1, Weights: w, Bias: b, Packs: packs, Spatial: Spatial{
			In: []int{size, size}, Out: []int{size, size}, Kernel: []int{3, 3}, Pads: []int{1, 1}}}
	}
	first := func(s []float32, err error) *float32 {
		require.NoError(t, err)
		require.NotEmpty(t, s)
		return &s[0]
	}
	kinds := map[string]func(size int, packs *Packs) *float32{
		"blocked": func(size int, packs *Packs) *float32 {
			k, err := NewBlockedConv(conv(size, packs))
			return first(k.packed, err)
		},
		"winograd": func(size int, packs *Packs) *float32 {
			k, err := NewWinograd(conv(size, packs), 1)
			return first(k.packed, err)
		},
		"narrow": func(size int, packs *Packs) *float32 {
			s := conv(size, packs)
			s.C, s.OutC, s.Plain, s.Weights, s.Bias = 3, 2, true, w[:3*2*9], b[:2]
			k, err := NewNarrowConv(s)
			require.NoError(t, err)
			return first(k.packed, err)
		},
		"depthwise": func(size int, packs *Packs) *float32 {
			s := conv(size, packs)
			k, err := NewDepthwise(DepthwiseSpec{N: 1, C: 32, Spatial: s.Spatial, Weights: w[:32*9], Bias: b, Packs: packs})
			return first(k.packed, err)
		},
		"plain": func(size int, packs *Packs) *float32 {
			s := conv(size, packs)
			k, err := NewConv(ConvSpec{N: 1, C: 32, OutC: 32, Group: 1, Spatial: s.Spatial, Weights: w, Packs: packs})
			require.NoError(t, err)
			return first(k.packed[0], err)
		},
		"transposed": func(size int, packs *Packs) *float32 {
			s := conv(size, packs)
			k, err := NewConvTranspose(ConvTransposeSpec{N: 1, C: 32, OutC: 32, Group: 1, Spatial: s.Spatial, Weights: w, Packs: packs})
			require.NoError(t, err)
			return first(k.phases[0].packed[0], err)
		},
		"tiled": func(size int, packs *Packs) *float32 {
			k, err := NewGemm(GemmSpec{M: 8 * size, N: 32, K: 32 * 9, Alpha: 1, ConstB: w, Packs: packs, Set: Best()})
			return first(k.tiled.packed, err)
		},
		"columns": func(size int, packs *Packs) *float32 {
			k, err := NewGemm(GemmSpec{M: 8 * size, N: 32, K: 32 * 9, Alpha: 1, ConstB: w, Packs: packs, Set: Sets()[0]})
			return first(k.b, err)
		},
	}
	if !Best().Has(FamilyTile) {
		delete(kinds, "tiled")
	}
	for name, packed := range kinds {
		t.Run(name, func(t *testing.T) {
			packs := &Packs{}
			one := packed(8, packs)
			require.Positive(t, packs.Bytes())
			bytes := packs.Bytes()
			require.Same(t, one, packed(16, packs), "another shape")
			require.Equal(t, bytes, packs.Bytes())
			require.NotSame(t, one, packed(8, &Packs{}))
			require.NotSame(t, one, packed(8, nil))
			require.Same(t, one, packed(8, packs))
			b = random(r, 32) // another array
			other := packed(8, packs)
			if name == "blocked" || name == "winograd" || name == "narrow" || name == "depthwise" {
				require.NotSame(t, one, other, "another bias")
			}
			runtime.KeepAlive(one)
			runtime.KeepAlive(other)
			one, other = nil, nil
			runtime.GC()
			runtime.GC()
			require.Zero(t, packs.Bytes(), "nobody uses them")
		})
	}
}
