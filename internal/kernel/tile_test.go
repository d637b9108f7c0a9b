package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// tileCase is a tile over random data in slices of just the size it needs.
func tileCase(rng *rand.Rand, p, nb, taps, depth int, residual bool, act Activation) (tileArgs, []float32) {
	random := func(n int) []float32 {
		s := make([]float32, n)
		for i := range s {
			s[i] = rng.Float32()*2 - 1
		}
		return s
	}
	const px = 24
	x, list := random(taps*40+(p-1)*px+depth), make([]tileTap, taps)
	for t := range list {
		list[t] = tileTap{4 * 40 * t, depth}
	}
	list[taps-1].depth = max(1, depth/2)
	y := random(p * nb * Block)
	a := tileArgs{
		x: unsafe.Pointer(&x[0]), taps: &list[0], w: &random(taps * depth * nb * Block)[0], y: unsafe.Pointer(&y[0]),
		bias: &random(nb * Block)[0], count: taps, px: 4 * px, ypx: blockBytes, yb: p * blockBytes, wstep: nb * blockBytes,
		shape: p + 16*nb,
	}
	a.setActivation(act)
	if residual {
		a.res = unsafe.Pointer(&random(len(y))[0])
	}
	return a, y
}

func TestTile(t *testing.T) {
	for _, set := range allSets(t) {
		k := set.tile
		rng := rand.New(rand.NewPCG(1, 2))
		for nb := 1; nb <= k.blocks; nb++ {
			for p := 1; p <= k.pixels; p++ {
				for i, act := range []Activation{{}, {Kind: Relu}, {Kind: Clip, Min: -0.5, Max: 0.75}} {
					a, y := tileCase(rng, p, nb, 1+rng.IntN(4), 1+rng.IntN(17), i > 0, act)
					want := make([]float32, len(y))
					ref := a
					ref.y = unsafe.Pointer(&want[0])
					tileGeneric(&ref)
					k.run(&a)
					require.InDeltaSlice(t, want, y, 1e-5, "%v %d×%d", set, p, nb)
				}
			}
		}
	}
}

func BenchmarkTile(b *testing.B) {
	for _, set := range Sets() {
		k := set.tile
		for _, p := range []int{k.pixels, (k.pixels + 1) / 2} {
			for nb := 1; nb <= k.blocks; nb++ {
				b.Run(fmt.Sprintf("%v/%dx%d", set, p, nb), func(b *testing.B) {
					a, _ := tileCase(rand.New(rand.NewPCG(1, 2)), p, nb, 16, 16, false, Activation{})
					for b.Loop() {
						k.run(&a)
					}
					flops := float64(2*p*nb*Block*248) * float64(b.N)
					b.ReportMetric(flops/1e9/b.Elapsed().Seconds(), "GFLOP/s")
				})
			}
		}
	}
}
