package kernel

import (
	"fmt"
	"math"
)

// BlockedNorm is a prepared layer normalization of each pixel of blocked data over its channels.
type BlockedNorm struct {
	blocks, plane int
	channels      float64
	epsilon       float64
	scale, shift  []float32
	impl          Impl
	chunks        // of pixels, in groups
}

// normPixels is how many pixels are normalized together.
const normPixels = 4

// NewBlockedNorm prepares a normalization of n images of plane pixels; scale and shift have an element for each channel,
// whose number is a multiple of Block.
func NewBlockedNorm(n, plane int, scale, shift []float32, epsilon float32, split int, impl Impl) (*BlockedNorm, error) {
	c := len(scale)
	if c == 0 || c%Block != 0 || len(shift) != c {
		return nil, fmt.Errorf("kernel: blocked normalization: unsupported %d channels", c)
	}
	if _, err := count("blocked normalization", n, c, plane); err != nil {
		return nil, err
	}
	k := &BlockedNorm{blocks: c / Block, plane: plane, channels: float64(c), epsilon: float64(epsilon), impl: impl.Resolve()}
	k.scale, k.shift = append([]float32(nil), scale...), append([]float32(nil), shift...)
	groups := n * ceilDiv(plane, normPixels)
	k.chunks = newChunks(groups, split, ceilDiv(grain, c*normPixels))
	return k, nil
}

// Algorithm names how it is computed.
func (k *BlockedNorm) Algorithm() string { return "layernorm" }

// Run computes one task of y, which may be x.
func (k *BlockedNorm) Run(task int, y, x []float32) {
	perImage, step := ceilDiv(k.plane, normPixels), k.plane*Block
	lo, hi := k.bounds(task)
	for g := lo; g < hi; g++ {
		first := g % perImage * normPixels
		at := g/perImage*k.blocks*step + first*Block
		if n := min(normPixels, k.plane-first); n == normPixels {
			k.group(normPixels, y[at:], x[at:], step)
		} else {
			for i := range n {
				k.group(1, y[at+i*Block:], x[at+i*Block:], step)
			}
		}
	}
}

// group normalizes n pixels, 1 or normPixels.
func (k *BlockedNorm) group(n int, y, x []float32, step int) {
	last := (k.blocks-1)*step + n*Block
	x, y = x[:last], y[:last]
	var sums [normPixels * Block]float32
	var mean, factor [normPixels]float32
	normSums(k.impl, n, &sums, x, step, k.blocks)
	for i := range n {
		mean[i] = float32(total(sums[i*Block:][:Block]) / k.channels)
	}
	normSquares(k.impl, n, &sums, x, step, k.blocks, &mean)
	for i := range n {
		factor[i] = float32(1 / math.Sqrt(total(sums[i*Block:][:Block])/k.channels+k.epsilon))
	}
	normApply(k.impl, n, y, x, step, k.blocks, &mean, &factor, k.scale, k.shift)
}

func total(x []float32) (sum float64) {
	for _, v := range x {
		sum += float64(v)
	}
	return sum
}

func normSumsGeneric(n int, y *[normPixels * Block]float32, x []float32, step, blocks int) {
	*y = [normPixels * Block]float32{}
	for b := range blocks {
		for i, v := range x[b*step:][:n*Block] {
			y[i] += v
		}
	}
}

func normSquaresGeneric(n int, y *[normPixels * Block]float32, x []float32, step, blocks int, mean *[normPixels]float32) {
	*y = [normPixels * Block]float32{}
	for b := range blocks {
		for i, v := range x[b*step:][:n*Block] {
			d := v - mean[i/Block]
			y[i] += d * d
		}
	}
}

func normApplyGeneric(n int, y, x []float32, step, blocks int, mean, factor *[normPixels]float32, scale, shift []float32) {
	for b := range blocks {
		out := y[b*step:][:n*Block]
		for i, v := range x[b*step:][:n*Block] {
			c := b*Block + i%Block
			out[i] = (v-mean[i/Block])*factor[i/Block]*scale[c] + shift[c]
		}
	}
}
