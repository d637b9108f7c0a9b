package kernel

import "unsafe"

// gradArgs describes sums over pixels: those of images × rows × cols of y, and of x as far apart as the distances say.
//
//	tile:      sum[i][b] += Σ x[pixel + 4i] · y[pixel + b·yb]    for i < n channels, b < nb blocks of 16 channels
//	depthwise: sum[t]    += Σ x[pixel + t·yb] · y[pixel]         for t < n taps, of 16 channels each
//
// Distances are in bytes; the pixels of a row of y are neighbours. _gen/grad knows the offsets of the fields.
type gradArgs struct {
	x, y               unsafe.Pointer
	sum                *float32
	step               int // from one row of sums to the next
	px                 int
	xrow, ximage       int
	yrow, yimage, yb   int
	cols, rows, images int // ≥ 1
	shape              int // tile: n + 16·nb; depthwise: n
}

// gradKernel computes gradArgs.
type gradKernel struct {
	tile, depthwise func(a *gradArgs)
	channels        int // of input, at most, in one tile
	blocks          int // of output channels
}

// depthwiseTaps is how many taps depthwise sums at once.
const depthwiseTaps = 7

// pixels calls do with every pixel of x and of y, in order.
func (a *gradArgs) pixels(do func(x, y unsafe.Pointer)) {
	for image := range a.images {
		for row := range a.rows {
			for col := range a.cols {
				do(unsafe.Add(a.x, image*a.ximage+row*a.xrow+col*a.px), unsafe.Add(a.y, image*a.yimage+row*a.yrow+col*blockBytes))
			}
		}
	}
}

func (a *gradArgs) sums(i, b int) *[Block]float32 {
	return (*[Block]float32)(unsafe.Add(unsafe.Pointer(a.sum), i*a.step+b*blockBytes))
}

// gradTileGeneric is the reference.
func gradTileGeneric(a *gradArgs) {
	for i := range a.shape % 16 {
		for b := range a.shape / 16 {
			sum := a.sums(i, b)
			a.pixels(func(x, y unsafe.Pointer) {
				v := *(*float32)(unsafe.Add(x, i*floatBytes))
				for j, u := range (*[Block]float32)(unsafe.Add(y, b*a.yb)) {
					sum[j] += v * u
				}
			})
		}
	}
}

// gradDepthwiseGeneric is the reference.
func gradDepthwiseGeneric(a *gradArgs) {
	for t := range a.shape {
		sum := (*[Block]float32)(unsafe.Add(unsafe.Pointer(a.sum), t*blockBytes))
		a.pixels(func(x, y unsafe.Pointer) {
			v := (*[Block]float32)(unsafe.Add(x, t*a.yb))
			for j, u := range (*[Block]float32)(y) {
				sum[j] += v[j] * u
			}
		})
	}
}
