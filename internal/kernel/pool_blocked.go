package kernel

import "fmt"

// BlockedPoolSpec describes pooling of N×C planes in the blocked layout; its other fields are those of PoolSpec.
type BlockedPoolSpec struct {
	Kind PoolKind
	N, C int
	Spatial
	CountIncludePad bool
	PadsEnd         []int
	Split           int
	Set             *Set
}

// BlockedPool is a prepared pooling of blocked data.
type BlockedPool struct {
	slide
	kind PoolKind
}

// NewBlockedPool prepares a pooling.
func NewBlockedPool(spec BlockedPoolSpec) (*BlockedPool, error) {
	plain, err := NewPool(PoolSpec{
		Kind: spec.Kind, Planes: spec.N * spec.C, Spatial: spec.Spatial, CountIncludePad: spec.CountIncludePad, PadsEnd: spec.PadsEnd,
	})
	if err != nil {
		return nil, err
	}
	if err := spec.complete("blocked pool"); err != nil {
		return nil, err
	}
	if len(spec.In) != 2 {
		return nil, fmt.Errorf("kernel: blocked pool: %d spatial axes, want 2", len(spec.In))
	}
	return &BlockedPool{newSlide(spec.Set, spec.N, spec.C, &spec.Spatial, spec.Split, plain.counts), spec.Kind}, nil
}

// Algorithm names how the pooling is computed.
func (p *BlockedPool) Algorithm() string { return "pool" }

// Run computes one task of y.
func (p *BlockedPool) Run(task int, y, x []float32) {
	a := windowArgs{lo: -inf}
	op := slideMax
	if p.kind == AveragePool {
		op = slideSum
	}
	p.run(op, task, y, x, nil, nil, &a)
}

// BlockedMean is a prepared mean over the planes of blocked data, N×C.
type BlockedMean struct {
	n, c, plane int
	set         *Set
	chunks
}

// NewBlockedMean prepares a mean over planes of the given number of pixels.
func NewBlockedMean(n, c, plane, split int, set *Set) (*BlockedMean, error) {
	if _, err := count("blocked mean", n, roundUp(c, Block), plane); err != nil {
		return nil, err
	}
	units := n * Blocks(c)
	return &BlockedMean{n, c, plane, set.orBest(), newChunks(units, split, ceilDiv(grain, max(1, plane)))}, nil
}

// Run computes one task of y, plain N×C.
func (m *BlockedMean) Run(task int, y, x []float32) {
	size, blocks := m.plane*Block, Blocks(m.c)
	lo, hi := m.bounds(task)
	for u := lo; u < hi; u++ {
		var sum [Block]float32
		sumPlane(m.set, &sum, x[u*size:(u+1)*size])
		image, b := u/blocks, u%blocks
		out := y[image*m.c+b*Block : image*m.c+min(m.c, (b+1)*Block)]
		for i := range out {
			out[i] = sum[i] / float32(m.plane)
		}
	}
}

// sumPlane sums the blocks of x.
func sumPlane(set *Set, y *[Block]float32, x []float32) {
	*y = [Block]float32{}
	if n := len(x) / Block; n > 0 {
		set.slide.plane(noescape(&y[0]), &x[0], n)
	}
}

// planeSumGeneric is the reference.
func planeSumGeneric(y, x *float32, n int) {
	sum := blockAt(y, 0)
	*sum = [Block]float32{}
	for b := range n {
		for i, v := range blockAt(x, b*blockBytes) {
			sum[i] += v
		}
	}
}
