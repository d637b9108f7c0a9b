//go:build !amd64 || noasm

package kernel

func windowRegion(_ Impl, op slideOp, a *windowArgs) { windowGeneric(op, a) }

// sumPlane sums the blocks of x.
func sumPlane(_ Impl, y *[Block]float32, x []float32) { sumPlaneGeneric(y, x) }

// lrnPixel normalizes a pixel across blocks of channels that lie step floats apart, with exponent 3/4. squares holds the
// channels, with zeros enough for a window of size on both sides; its first channel is number pad.
func lrnPixel(_ Impl, y, x []float32, step, blocks int, squares []float32, pad, before, size int, bias, scale float32) {
	lrnPixelGeneric(y, x, step, blocks, squares, pad, before, size, bias, scale)
}
