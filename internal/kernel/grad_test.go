package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// gradCase is a sum over random data in slices of just the size it needs: n channels or, with nb = 0, n taps.
func gradCase(rng *rand.Rand, n, nb int) (gradArgs, []float32) {
	const images, rows, cols, px = 2, 3, 5, 2
	const row, image = 12 * Block, 50 * Block
	blocks := max(1, nb)
	x := random(rng, image+2*row+4*px*Block+depthwiseTaps*Block)
	y := random(rng, images*blocks*rows*cols*Block)
	sums := random(rng, n*blocks*Block)
	a := gradArgs{
		x: unsafe.Pointer(&x[0]), y: unsafe.Pointer(&y[0]), sum: &sums[0], step: blocks * blockBytes, px: px * blockBytes,
		xrow: row * floatBytes, ximage: image * floatBytes, yrow: cols * blockBytes, yimage: blocks * rows * cols * blockBytes,
		yb: rows * cols * blockBytes, cols: cols, rows: rows, images: images, shape: n + 16*nb,
	}
	if nb == 0 {
		a.yb = blockBytes
	}
	return a, sums
}

func TestGradTile(t *testing.T) {
	rng := newRand()
	for _, set := range allSets(t) {
		k := set.grad
		for nb := 0; nb <= k.blocks; nb++ {
			most, run, generic := k.channels, k.tile, gradTileGeneric
			if nb == 0 {
				most, run, generic = depthwiseTaps, k.depthwise, gradDepthwiseGeneric
			}
			for n := 1; n <= most; n++ {
				a, sums := gradCase(rng, n, nb)
				want := append([]float32(nil), sums...)
				ref := a
				ref.sum = &want[0]
				generic(&ref)
				run(&a)
				require.InDeltaSlice(t, want, sums, 1e-5, "%v %d×%d", set, n, nb)
			}
		}
	}
}

func BenchmarkGradTile(b *testing.B) {
	for _, set := range Sets() {
		k := set.grad
		for nb := 0; nb <= k.blocks; nb++ {
			for _, n := range []int{k.channels, k.channels / 2, 1, 3, 7} {
				if nb > 0 && n > k.channels {
					continue
				}
				b.Run(fmt.Sprintf("%v/%dx%d", set, n, nb), func(b *testing.B) {
					a, _ := gradCase(newRand(), min(n, 7+nb), nb)
					a.px, a.xrow, a.cols, a.rows = blockBytes, 0, 15, 8 // rows of x over each other
					a.yrow, a.yimage = 0, 0
					for b.Loop() {
						if nb == 0 {
							k.depthwise(&a)
						} else {
							k.tile(&a)
						}
					}
					flops := float64(2*n*max(1, nb)*Block*a.cols*a.rows*a.images) * float64(b.N)
					b.ReportMetric(flops/1e9/b.Elapsed().Seconds(), "GFLOP/s")
				})
			}
		}
	}
}
