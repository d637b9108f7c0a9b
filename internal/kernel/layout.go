package kernel

// LayoutSpec describes a conversion between plain N×C×Plane and the blocked layout.
type LayoutSpec struct {
	N, C, Plane int
	Split       int
	Impl        Impl
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
	spec.Impl = spec.Impl.Resolve()
	return &Layout{spec, to, newChunks(units, spec.Split, ceilDiv(grain, max(1, spec.Plane*Block)))}, nil
}

// Run computes one task.
func (l *Layout) Run(task int, dst, src []float32) {
	plane, blocks := l.spec.Plane, Blocks(l.spec.C)
	lo, hi := l.bounds(task)
	for u := lo; u < hi; u++ {
		image, b := u/blocks, u%blocks
		channels := min(Block, l.spec.C-b*Block)
		at := (image*l.spec.C + b*Block) * plane
		if l.to {
			block := dst[u*plane*Block:][:plane*Block]
			if channels < Block {
				clear(block)
			}
			transpose(l.spec.Impl, block, src[at:][:channels*plane], channels, plane, Block, plane)
		} else {
			transpose(l.spec.Impl, dst[at:][:channels*plane], src[u*plane*Block:][:plane*Block], plane, channels, plane, Block)
		}
	}
}
