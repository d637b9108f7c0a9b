package kernel

// LayoutSpec describes a conversion between plain N×C×Plane, or N×Plane×C if Last is set, and the blocked layout.
type LayoutSpec struct {
	N, C, Plane int
	Last        bool // the channels are the last dimension
	Split       int
	Set         *Set
}

// Layout is a prepared conversion.
type Layout struct {
	spec LayoutSpec
	to   bool
	chunks
}

// NewToBlocked prepares the conversion of plain N×C×Plane to blocked; channels beyond C become zero.
func NewToBlocked(spec LayoutSpec) (*Layout, error) { return newLayout(spec, true) }

// NewFromBlocked prepares the conversion of blocked to plain N×C×Plane.
func NewFromBlocked(spec LayoutSpec) (*Layout, error) { return newLayout(spec, false) }

func newLayout(spec LayoutSpec, to bool) (*Layout, error) {
	if _, err := count("layout", spec.N, roundUp(spec.C, Block), spec.Plane); err != nil {
		return nil, err
	}
	units := spec.N * Blocks(spec.C)
	spec.Set = spec.Set.orBest()
	return &Layout{spec, to, newChunks(units, spec.Split, ceilDiv(grain, max(1, spec.Plane*Block)))}, nil
}

// Run computes one task.
func (l *Layout) Run(task int, dst, src []float32) {
	plane, blocks := l.spec.Plane, Blocks(l.spec.C)
	lo, hi := l.bounds(task)
	for u := lo; u < hi; u++ {
		image, b := u/blocks, u%blocks
		channels := min(Block, l.spec.C-b*Block)
		if l.spec.Last || plane == 1 {
			l.rows(dst, src, u*plane*Block, image*plane*l.spec.C+b*Block, channels)
			continue
		}
		at := (image*l.spec.C + b*Block) * plane
		if l.to {
			block := dst[u*plane*Block:][:plane*Block]
			if channels < Block {
				clear(block)
			}
			transpose(l.spec.Set, block, src[at:][:channels*plane], channels, plane, Block, plane)
		} else {
			transpose(l.spec.Set, dst[at:][:channels*plane], src[u*plane*Block:][:plane*Block], plane, channels, plane, Block)
		}
	}
}

// rows converts one block of an image with the channels last: where it begins in the blocked and in the plain array.
func (l *Layout) rows(dst, src []float32, blocked, plain, channels int) {
	for range l.spec.Plane {
		switch {
		case l.to && channels == Block:
			*(*[Block]float32)(dst[blocked:]) = *(*[Block]float32)(src[plain:])
		case channels == Block:
			*(*[Block]float32)(dst[plain:]) = *(*[Block]float32)(src[blocked:])
		case l.to:
			clear(dst[blocked+copy(dst[blocked:], src[plain:plain+channels]) : blocked+Block])
		default:
			copy(dst[plain:plain+channels], src[blocked:])
		}
		blocked += Block
		plain += l.spec.C
	}
}
