package kernel

import (
	"fmt"
	"math"
	"unsafe"
)

// BlockedPoolGrad is a prepared gradient of a pooling of blocked data. The gradient of a maximum goes to the first of the
// window's elements that equals it.
type BlockedPoolGrad struct {
	slide slide
	kind  PoolKind
	chunks
}

// NewBlockedPoolGrad prepares the gradient of the pooling that spec describes.
func NewBlockedPoolGrad(spec BlockedPoolSpec) (*BlockedPoolGrad, error) {
	p, err := NewBlockedPool(spec)
	if err != nil {
		return nil, err
	}
	g := &BlockedPoolGrad{slide: p.slide, kind: p.kind}
	planes := spec.N * p.blocks
	if p.win.inputs() == 0 {
		planes = 0
	}
	g.chunks = newChunks(planes, spec.Split, ceilDiv(slideGrain, max(1, p.win.outputs()*p.win.taps()*Block)))
	return g, nil
}

// Algorithm names how the gradient is computed.
func (g *BlockedPoolGrad) Algorithm() string { return "grad-pool" }

// Elements is the range of dx that a task computes.
func (g *BlockedPoolGrad) Elements(task int) (lo, hi int) {
	lo, hi = g.bounds(task)
	size := g.slide.win.inputs() * Block
	return lo * size, hi * size
}

// Run computes one task of dx; x and y are what the pooling read and wrote, and not looked at for an average.
func (g *BlockedPoolGrad) Run(task int, dx, dy, x, y []float32) {
	in, out := g.slide.win.inputs()*Block, g.slide.win.outputs()*Block
	lo, hi := g.bounds(task)
	for u := lo; u < hi; u++ {
		to := dx[u*in:][:in]
		clear(to)
		if out == 0 {
			continue
		}
		a := poolGrad{dx: unsafe.Pointer(&to[0]), dy: unsafe.Pointer(&dy[u*out:][:out][0])}
		if g.kind == MaxPool {
			a.x, a.y = unsafe.Pointer(&x[u*in:][:in][0]), unsafe.Pointer(&y[u*out:][:out][0])
		}
		for i := range g.slide.regions {
			g.region(&g.slide.regions[i], a)
		}
	}
}

func (g *BlockedPoolGrad) region(r *region, plane poolGrad) {
	h, w := &g.slide.win[1], &g.slide.win[2]
	if len(r.taps) == 0 {
		return
	}
	a := plane
	a.taps, a.count, a.px, a.cols, a.scale = &r.taps[0], len(r.taps), w.stride*blockBytes, r.x1-r.x0, 1/max(1, r.count)
	for row := r.y0; row < r.y1; row++ {
		in, out := r.base+(row-r.y0)*h.stride*w.in*blockBytes, (row*w.out+r.x0)*blockBytes
		a.dx, a.dy = unsafe.Add(plane.dx, in), unsafe.Add(plane.dy, out)
		if g.kind == MaxPool {
			a.x, a.y = unsafe.Add(plane.x, in), unsafe.Add(plane.y, out)
		}
		g.slide.set.gradients.pool[g.kind](noescape(&a))
	}
}

// BlockedMeanGrad is a prepared gradient of a BlockedMean, or of a sum in its place.
type BlockedMeanGrad struct {
	BlockedMean
	factor float32
}

// NewBlockedMeanGrad prepares the gradient of the mean of the same arguments.
func NewBlockedMeanGrad(n, c, plane, split int, set *Set) (*BlockedMeanGrad, error) {
	m, err := NewBlockedMean(n, c, plane, split, set)
	if err != nil {
		return nil, err
	}
	return &BlockedMeanGrad{*m, 1 / float32(max(1, plane))}, nil
}

// NewBlockedSpread prepares the spreading of one number for each plane.
func NewBlockedSpread(n, c, plane, split int, set *Set) (*BlockedMeanGrad, error) {
	m, err := NewBlockedMean(n, c, plane, split, set)
	if err != nil {
		return nil, err
	}
	return &BlockedMeanGrad{*m, 1}, nil
}

// Run computes one task of dx of dy, plain N×C.
func (m *BlockedMeanGrad) Run(task int, dx, dy []float32) {
	size, blocks := m.plane*Block, Blocks(m.c)
	lo, hi := m.bounds(task)
	for u := lo; u < hi; u++ {
		var v [Block]float32
		image, b := u/blocks, u%blocks
		for i, d := range dy[image*m.c+b*Block : image*m.c+min(m.c, (b+1)*Block)] {
			v[i] = d * m.factor
		}
		plane := dx[u*size : (u+1)*size]
		for len(plane) > 0 {
			*(*[Block]float32)(plane) = v
			plane = plane[Block:]
		}
	}
}

// ClampGrad is a prepared gradient of Relu or Clip, element by element, in any layout: dy where the output lies strictly
// between the bounds, or is NaN, else 0.
type ClampGrad struct {
	set    *Set
	lo, hi float32
	chunks
}

// NewClampGrad prepares the gradient of an activation of n elements.
func NewClampGrad(n int, act Activation, split int, set *Set) (*ClampGrad, error) {
	if _, err := count("gradient of clip", n); err != nil {
		return nil, err
	}
	g := &ClampGrad{set: set.orBest(), chunks: newChunks(n, split, grain)}
	switch act.Kind {
	case Relu:
		g.hi = float32(math.NaN()) // no bound
	case Clip:
		g.lo, g.hi = act.Min, act.Max
	default:
		return nil, fmt.Errorf("kernel: gradient of clip: unsupported activation %d", act.Kind)
	}
	return g, nil
}

// Algorithm names how the gradient is computed.
func (g *ClampGrad) Algorithm() string { return "grad-clip" }

// Run computes one task of dx, which may be dy; y is the activation's output.
func (g *ClampGrad) Run(task int, dx, dy, y []float32) {
	lo, hi := g.bounds(task)
	g.Part(dx[lo:hi], dy[lo:hi], y[lo:hi])
}

// Part computes some elements.
func (g *ClampGrad) Part(dx, dy, y []float32) {
	if n := len(dx) / Block; n > 0 {
		g.set.gradients.clamp(&dx[0], &dy[:n*Block][0], &y[:n*Block][0], n, g.lo, g.hi)
		dx, dy, y = dx[n*Block:], dy[n*Block:], y[n*Block:]
	}
	clampSlope(dx, dy, y, g.lo, g.hi)
}
