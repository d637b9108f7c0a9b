package kernel

import (
	"fmt"
	"math"
	"unsafe"
)

// BlockedNorm is a prepared layer normalization of each pixel of blocked data over its channels.
type BlockedNorm struct {
	blocks, plane int
	channels      float64
	epsilon       float64
	scale, shift  []float32
	set           *Set
	chunks        // of pixels, in groups
}

// normPixels is how many pixels are normalized together.
const normPixels = 4

// NewBlockedNorm prepares a normalization of n images of plane pixels; scale and shift have an element for each channel,
// whose number is a multiple of Block.
func NewBlockedNorm(n, plane int, scale, shift []float32, epsilon float32, split int, set *Set) (*BlockedNorm, error) {
	c := len(scale)
	if c == 0 || c%Block != 0 || len(shift) != c {
		return nil, fmt.Errorf("kernel: blocked normalization: unsupported %d channels", c)
	}
	if _, err := count("blocked normalization", n, c, plane); err != nil {
		return nil, err
	}
	k := &BlockedNorm{blocks: c / Block, plane: plane, channels: float64(c), epsilon: float64(epsilon), set: set.orBest()}
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
	bytes, norm := step*floatBytes, &k.set.norm
	size := 0
	if n == normPixels {
		size = 1
	}
	s, m := noescape(&sums[0]), noescape(&mean[0])
	norm.sums[size](s, &x[0], bytes, k.blocks)
	for i := range n {
		mean[i] = float32(total(sums[i*Block:][:Block]) / k.channels)
	}
	norm.squares[size](s, &x[0], bytes, k.blocks, m)
	for i := range n {
		factor[i] = float32(1 / math.Sqrt(total(sums[i*Block:][:Block])/k.channels+k.epsilon))
	}
	norm.apply[size](&y[0], &x[0], bytes, k.blocks, m, noescape(&factor[0]), &k.scale[0], &k.shift[0])
}

func total(x []float32) (sum float64) {
	for _, v := range x {
		sum += float64(v)
	}
	return sum
}

func normSumsGeneric(n int, y, x *float32, step, blocks int) {
	for i := range n {
		sum := blockAt(y, i*blockBytes)
		*sum = [Block]float32{}
		for b := range blocks {
			for j, v := range blockAt(x, b*step+i*blockBytes) {
				sum[j] += v
			}
		}
	}
}

func normSquaresGeneric(n int, y, x *float32, step, blocks int, mean *float32) {
	for i, m := range unsafe.Slice(mean, n) {
		sum := blockAt(y, i*blockBytes)
		*sum = [Block]float32{}
		for b := range blocks {
			for j, v := range blockAt(x, b*step+i*blockBytes) {
				sum[j] += (v - m) * (v - m)
			}
		}
	}
}

func normApplyGeneric(n int, y, x *float32, step, blocks int, mean, factor, scale, shift *float32) {
	means, factors := unsafe.Slice(mean, n), unsafe.Slice(factor, n)
	for b := range blocks {
		a, c := blockAt(scale, b*blockBytes), blockAt(shift, b*blockBytes)
		for i := range n {
			to := blockAt(y, b*step+i*blockBytes)
			for j, v := range blockAt(x, b*step+i*blockBytes) {
				to[j] = (v-means[i])*factors[i]*a[j] + c[j]
			}
		}
	}
}
