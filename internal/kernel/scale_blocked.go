package kernel

import "unsafe"

// BlockedScale is a prepared product of blocked data with a factor for each channel of each image.
type BlockedScale struct {
	plane int
	set   *Set
	chunks
}

// NewBlockedScale prepares a product for n images of c channels of plane pixels.
func NewBlockedScale(n, c, plane, split int, set *Set) (*BlockedScale, error) {
	if _, err := count("blocked scale", n, roundUp(c, Block), plane); err != nil {
		return nil, err
	}
	units := n * Blocks(c)
	return &BlockedScale{plane, set.orBest(), newChunks(units, split, ceilDiv(grain, max(1, plane*Block)))}, nil
}

// Algorithm names how it is computed.
func (s *BlockedScale) Algorithm() string { return "scale" }

// Run computes one task of y = x·factors; factors are [n][blocks][16].
func (s *BlockedScale) Run(task int, y, x, factors []float32) {
	size := s.plane * Block
	tap := windowTap{}
	lo, hi := s.bounds(task)
	for u := lo; u < hi && size > 0; u++ {
		a := windowArgs{taps: &tap, count: 1, rows: 1, cols: s.plane, px: blockBytes, ypx: blockBytes, init: &zeros[0]}
		a.x, a.y = unsafe.Pointer(&x[u*size : (u+1)*size][0]), unsafe.Pointer(&y[u*size : (u+1)*size][0])
		a.w = unsafe.Pointer(&factors[u*Block : (u+1)*Block][0])
		s.set.slide.window[slideFMA](noescape(&a))
	}
}
