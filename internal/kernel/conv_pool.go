package kernel

import (
	"errors"
	"slices"
)

// ConvPool is a prepared convolution of blocked data whose result is max-pooled band by band, while it lies in the cache,
// and is written nowhere else.
type ConvPool struct {
	conv           BlockedConv // writes to scratch, a few rows at once
	pool           slide
	band           int // pooled rows done at once
	lines          int // rows of the convolution that these read
	rows, channels chunks
}

// Pooled prepares c, which has no residual, with the pooling of its output.
func (c *BlockedConv) Pooled(pool BlockedPoolSpec) (*ConvPool, error) {
	s := &c.spec
	if pool.Kind != MaxPool || s.Residual || pool.N != s.N || pool.C != s.OutC || !slices.Equal(pool.In, s.Out) {
		return nil, errors.New("kernel: conv and pool: unsupported pair: want a MaxPool of the output of a convolution without residual")
	}
	k, err := NewBlockedPool(pool)
	if err != nil {
		return nil, err
	}
	p := &ConvPool{conv: *c, pool: k.slide}
	h, row := &p.pool.win[1], s.Out[1]*blockBytes
	reach := h.off[len(h.off)-1] - h.off[0] + 1
	const cache = cacheBytes / 2
	p.band = min(max(1, (cache/max(1, row*c.outBlocks)-reach)/h.stride+1), max(1, h.out))
	p.lines = min((p.band-1)*h.stride+reach, h.in)
	conv := &p.conv
	conv.place = outputPlace{px: blockBytes, row: row, plane: p.lines * row}
	if c.flat {
		conv.flat, conv.band, conv.depth = false, h.in, len(c.taps)
	}
	p.divide(reach)
	return p, nil
}

// divide makes tasks, first of channels: rows that two bands of different tasks read are computed twice.
func (p *ConvPool) divide(reach int) {
	const most = 0.03 // of the rows
	c, h := &p.conv, &p.pool.win[1]
	want := ceilDiv(max(1, c.spec.Split), max(1, c.spec.N*c.spec.Group))
	p.channels = newChunks(ceilDiv(c.outBlocks, c.kern.blocks), want, 1)
	least := int(float64(max(0, reach-h.stride)) / (most * float64(h.stride)))
	p.rows = newChunks(h.out, ceilDiv(want, max(1, p.channels.tasks)), max(1, least))
}

// Saves reports whether the pair is faster than one after the other: the convolution's output would leave the second-level
// cache, while a band of it stays there and the weights, which go by once a band, do, too.
func (p *ConvPool) Saves() bool {
	c := &p.conv
	return c.outBlocks*c.spec.Group*c.win.outputs()*blockBytes >= 2*cacheBytes && !c.win.pointwise() &&
		c.outBlocks*c.place.plane <= cacheBytes && c.groupWeights()*floatBytes <= cacheBytes
}

// Algorithm names how the pair is computed.
func (p *ConvPool) Algorithm() string { return p.conv.Algorithm() + "+pool" }

// Tasks returns the number of tasks.
func (p *ConvPool) Tasks() int {
	if p.pool.win.outputs()*p.conv.spec.OutC == 0 {
		return 0
	}
	return p.conv.spec.N * p.conv.spec.Group * p.rows.tasks * p.channels.tasks
}

// ScratchSize returns the number of float32 of scratch that Run needs.
func (p *ConvPool) ScratchSize() int {
	return p.copySize() + p.conv.outBlocks*p.conv.place.plane/floatBytes
}

// copySize is how much of the scratch is the convolution's own.
func (p *ConvPool) copySize() int { return roundUp(p.conv.ScratchSize(), Block) }

// Run computes one task of y.
func (p *ConvPool) Run(task int, y, x, scratch []float32) {
	c, h := &p.conv, &p.pool.win[1]
	image := task % (c.spec.N * c.spec.Group)
	task /= c.spec.N * c.spec.Group
	o0, o1 := p.rows.bounds(task % p.rows.tasks)
	m0, m1 := p.channels.bounds(task / p.rows.tasks)
	outSize := p.pool.win.outputs() * Block
	y = y[image*c.outBlocks*outSize:][:c.outBlocks*outSize]
	b := c.bandOf(image, x, c.packed)
	b.y = scratch[p.copySize():p.ScratchSize()]
	b0, b1 := m0*c.kern.blocks, min(m1*c.kern.blocks, c.outBlocks)
	a := windowArgs{lo: -inf}
	done := 0 // rows of the convolution that have been computed
	for ; o0 < o1; o0 += p.band {
		end := min(o0+p.band, o1)
		first := min(max(0, o0*h.stride+h.off[0]), h.in)
		past := max(first, min(h.in, (end-1)*h.stride+h.off[len(h.off)-1]+1))
		if first < done {
			p.keep(b.y, b0, b1, first-b.y0, done-b.y0)
		}
		b.y0 = first
		for b.r0 = max(first, done); b.r0 < past; b.r0 = b.r1 {
			b.r1 = min(b.r0+c.band, past)
			c.runBand(&b, m0, m1, scratch)
		}
		done = max(done, past)
		for i := b0; i < b1; i++ {
			p.pool.planeBand(slideMax, y[i*outSize:][:outSize], b.y[i*c.place.plane/floatBytes:], first, o0, end, &a)
		}
	}
}

// keep moves lines from…to-1 of each plane, which the next band reads, too, to its beginning.
func (p *ConvPool) keep(lines []float32, b0, b1, from, to int) {
	row, plane := p.conv.place.row/floatBytes, p.conv.place.plane/floatBytes
	for i := b0; i < b1; i++ {
		copy(lines[i*plane:], lines[i*plane+from*row:i*plane+to*row])
	}
}
