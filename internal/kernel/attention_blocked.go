package kernel

import (
	"fmt"
	"math"
	"unsafe"
)

// AttentionSpec describes softmax(Scale·q·kᵀ)·v for each head of each image (Vaswani et al. 2017). q, k and v lie side by
// side in blocked data of 3·Heads·Depth channels and N·T pixels, heads within each; the result has Heads·Depth channels.
type AttentionSpec struct {
	N, T  int // images and the places of each
	Heads int
	Depth int // channels of a head, a multiple of Block
	Scale float32
	// Interleaved: place t of image n is pixel t·N + n, else n·T + t.
	Interleaved bool
	Split       int
	Set         *Set
}

// Attention is a prepared attention. A task computes some queries of a head: the scores of a band of queries, which stay in
// the cache, are a product of tiles with all keys, and the result one of their exponentials with all values.
type Attention struct {
	spec    AttentionSpec
	kern    tileKernel
	plane   int // pixels of all images
	pixel   int // from one place to the next, in pixels
	keys    int // blocks of keys
	band    int // queries worked on at once
	queries chunks
	channel []tileTap // of a query
	key     []tileTap // of a band's scores
	bias    []float32 // of the last panel of keys: -∞ for those beyond T
}

// NewAttention prepares an attention.
func NewAttention(spec AttentionSpec) (*Attention, error) {
	if spec.Heads < 1 || spec.Depth < 1 || spec.Depth%Block != 0 || !(spec.Scale > 0) || spec.Scale > math.MaxFloat32/2 {
		return nil, fmt.Errorf("kernel: attention: unsupported %d heads of %d channels with scale %v", spec.Heads, spec.Depth, spec.Scale)
	}
	if _, err := count("attention", spec.N, spec.T, 3*spec.Heads, spec.Depth); err != nil {
		return nil, err
	}
	spec.Set = spec.Set.orBest()
	k := &Attention{spec: spec, kern: spec.Set.tile, plane: spec.N * spec.T, pixel: 1, keys: Blocks(spec.T)}
	if spec.Interleaved {
		k.pixel = spec.N
	}
	p, line := k.kern.pixels, max(1, k.keys)*blockBytes
	k.band = max(p, scoreBytes/line/p*p)
	k.band = roundUp(ceilDiv(spec.T, max(1, ceilDiv(spec.T, k.band))), p) // bands of about one size
	k.queries = newChunks(ceilDiv(spec.T, p), ceilDiv(max(1, spec.Split), max(1, spec.N*spec.Heads)), 1)
	for b := range spec.Depth / Block {
		k.channel = append(k.channel, tileTap{b * k.plane * blockBytes, Block})
	}
	for b := range k.keys {
		k.key = append(k.key, tileTap{b * k.band * blockBytes, min(Block, spec.T-b*Block)})
	}
	k.bias = make([]float32, k.width())
	for i := range k.bias {
		if k.panels() > 0 && (k.panels()-1)*k.width()+i >= spec.T {
			k.bias[i] = -inf
		}
	}
	return k, nil
}

// scoreBytes is how many bytes of scores are worked on at once.
const scoreBytes = 1 << 15

func (k *Attention) width() int  { return k.kern.blocks * Block }
func (k *Attention) panels() int { return ceilDiv(k.spec.T, k.width()) }

// Algorithm names how it is computed.
func (k *Attention) Algorithm() string { return "attention" }

// Tasks returns the number of tasks.
func (k *Attention) Tasks() int { return k.spec.N * k.spec.Heads * k.queries.tasks }

// ScratchSize returns the number of float32 of scratch that Run needs.
func (k *Attention) ScratchSize() int {
	return k.panels()*k.width()*k.spec.Depth + k.keys*k.band*Block + k.band
}

// Run computes one task of y.
func (k *Attention) Run(task int, y, x, scratch []float32) {
	s := &k.spec
	unit := task % (s.N * s.Heads)
	lo, hi := k.queries.bounds(task / (s.N * s.Heads))
	lo, hi = lo*k.kern.pixels, min(hi*k.kern.pixels, s.T)
	image, head := unit/s.Heads, unit%s.Heads
	first := image * s.T
	if s.Interleaved {
		first = image
	}
	part, step := s.Heads*s.Depth*k.plane, k.plane*Block
	at := head*s.Depth*k.plane + first*Block
	x, y = x[:3*part], y[:part]
	packed, scratch := scratch[:k.panels()*k.width()*s.Depth], scratch[k.panels()*k.width()*s.Depth:]
	scores, factors := scratch[:k.keys*k.band*Block], scratch[k.keys*k.band*Block:][:k.band]
	k.packKeys(packed, x[part+at:])
	for q := lo; q < hi; q += k.band {
		n, from := min(k.band, hi-q), at+q*k.pixel*Block
		k.scores(scores, x[from:], packed, n)
		k.softmax(scores, factors, n)
		k.weighted(y[from:], scores, x[2*part+at:], n)
		for b := range s.Depth / Block {
			to := y[from+b*step:][:(n-1)*k.pixel*Block+Block]
			s.Set.softmax.scale(&to[0], k.pixel*blockBytes, n, &factors[0])
		}
	}
}

// packKeys transposes the keys to panels of Depth×width.
func (k *Attention) packKeys(dst, keys []float32) {
	w, size := k.width(), k.width()*k.spec.Depth
	for q := range k.panels() {
		panel, n := dst[q*size:][:size], min(w, k.spec.T-q*w)
		if n < w {
			clear(panel)
		}
		for b := range k.spec.Depth / Block {
			transpose(k.spec.Set, panel[b*Block*w:], keys[b*k.plane*Block+q*w*k.pixel*Block:], n, Block, w, k.pixel*Block)
		}
	}
}

// scores computes n queries times all keys.
func (k *Attention) scores(dst, queries, packed []float32, n int) {
	w := k.width()
	a := tileArgs{
		taps: &k.channel[0], count: len(k.channel), px: k.pixel * blockBytes, wstep: w * floatBytes,
		ypx: blockBytes, yb: k.band * blockBytes, bias: &zeros[0],
	}
	for q := range k.panels() {
		a.w = &packed[q*w*k.spec.Depth]
		if q == k.panels()-1 {
			a.bias = &k.bias[0]
		}
		k.tiles(&a, n, min(k.kern.blocks, k.keys-q*k.kern.blocks), queries, dst[q*w*k.band:])
	}
}

// weighted computes the sums of the values with the weights of n queries.
func (k *Attention) weighted(dst, weights, values []float32, n int) {
	step := k.plane * Block
	a := tileArgs{
		taps: &k.key[0], count: len(k.key), px: blockBytes, wstep: k.pixel * blockBytes, ypx: k.pixel * blockBytes, bias: &zeros[0],
	}
	for b := range k.spec.Depth / Block {
		a.w = &values[b*step]
		k.tiles(&a, n, 1, weights, dst[b*step:])
	}
}

// tiles computes n pixels of nb blocks of channels.
func (k *Attention) tiles(a *tileArgs, n, nb int, x, y []float32) {
	tiles := ceilDiv(n, k.kern.pixels)
	for t := range tiles {
		from, to := t*n/tiles, (t+1)*n/tiles
		a.shape = to - from + 16*nb
		a.x, a.y = unsafe.Add(unsafe.Pointer(&x[0]), from*a.px), unsafe.Add(unsafe.Pointer(&y[0]), from*a.ypx)
		k.kern.run(noescape(a))
	}
}

// softmax makes the scores of n queries their weights, but for a factor each.
func (k *Attention) softmax(scores, factors []float32, n int) {
	scale, step := float32(float64(k.spec.Scale)*math.Log2E), k.band*Block
	for i := 0; i < n; {
		size, pixels := 0, 1
		if n-i >= softmaxPixels {
			size, pixels = 1, softmaxPixels
		}
		x := scores[i*Block:][:(k.keys-1)*step+pixels*Block]
		k.spec.Set.softmax.exponentials[size](&x[0], step*floatBytes, k.keys, scale, &factors[i : i+pixels][0])
		i += pixels
	}
}

// softmaxPixels is how many pixels the function exponentials takes at once, unless it is one.
const softmaxPixels = 4

// exponentialsGeneric makes x of n pixels 2^((x-top)·scale), top being the pixel's greatest, and factor one over the pixel's
// sum of them. No exponential is below 2⁻¹²⁶, where numbers would become slow.
func exponentialsGeneric(n int, x *float32, step, blocks int, scale float32, factor *float32) {
	for i, factors := 0, unsafe.Slice(factor, n); i < n; i++ {
		top, sum := -inf, 0.0
		for b := range blocks {
			for _, v := range blockAt(x, b*step+i*blockBytes) {
				top = max(top, v)
			}
		}
		for b := range blocks {
			line := blockAt(x, b*step+i*blockBytes)
			for j, v := range line {
				e := math.Exp2(max(-126, float64((v-top)*scale)))
				line[j] = float32(e)
				sum += e
			}
		}
		factors[i] = float32(1 / sum)
	}
}

// pixelScaleGeneric multiplies n pixels by a factor each.
func pixelScaleGeneric(y *float32, step, n int, factor *float32) {
	for i, f := range unsafe.Slice(factor, n) {
		line := blockAt(y, i*step)
		for j := range line {
			line[j] *= f
		}
	}
}
