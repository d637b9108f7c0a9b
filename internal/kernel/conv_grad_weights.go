package kernel

import (
	"fmt"
	"unsafe"
)

// ConvGradWeightsSpec describes the gradient of a two-dimensional convolution by its weights: the sums over images and
// pixels of x·dy, OutC×(C/Group)×Kernel. x is N×C×In and dy N×OutC×Out, both in the blocked layout; the other fields
// mean what they mean in ConvSpec. In groups, channel counts are multiples of Block.
type ConvGradWeightsSpec struct {
	N, C, OutC, Group int
	Spatial
	Plain bool // x is plain NCHW, of few channels, in one group
	Split int
	Set   *Set
}

// ConvGradWeights is a prepared gradient by weights. It has two steps, the second of which begins when the first has
// ended: Run fills sums, Reduce makes the gradient of them. Sums are held in registers, some input channels by some
// blocks of output channels for one tap, while pixels go by; taps whose input lies outside are left out, so that blocked
// x is read where it lies.
type ConvGradWeights struct {
	spec         ConvGradWeightsSpec
	kern         gradKernel
	win          window
	tiles        [][]gradRows // of a group, by unit: those that read the same channels
	rows         int          // of a group's sums: input channels × taps
	outBlocks    int          // of a group
	panels       []int        // first output block of each panel of sums; and the end
	parts        int          // of the images, each with sums of its own
	images, band int          // worked on at once: images, and rows of their output
	padH, padW   int          // of the copy with borders, if plain
	px           int          // bytes from one output pixel's input to the next one's
	byTile       chunks       // how tasks divide the tiles
	byPanel      chunks
	reduce       chunks // of what Reduce goes through: groups × panels × strips of rows
}

// gradRows is a tile's part of the sums of a panel: n rows, step rows apart, made of n input channels (or neighbouring
// taps, if plain) at tap (ty, tx).
type gradRows struct {
	first, n, step int
	ty, tx         int
	off            int // of the first one from the plane's first pixel, in bytes
}

// NewConvGradWeights prepares a gradient by weights.
func NewConvGradWeights(spec ConvGradWeightsSpec) (*ConvGradWeights, error) {
	const what = "gradient by weights"
	if err := spec.complete(what); err != nil {
		return nil, err
	}
	full := ConvSpec{N: spec.N, C: spec.C, OutC: spec.OutC, Group: spec.Group, Spatial: spec.Spatial}
	if err := full.check(what); err != nil {
		return nil, err
	}
	cg, mg := spec.C/spec.Group, spec.OutC/spec.Group
	switch {
	case len(spec.In) != 2:
		return nil, fmt.Errorf("kernel: %s: %d spatial axes, want 2", what, len(spec.In))
	case spec.Group > 1 && (spec.Plain || cg%Block != 0 || mg%Block != 0):
		return nil, fmt.Errorf("kernel: %s: unsupported %d groups of %d to %d channels", what, spec.Group, cg, mg)
	}
	spec.Set = spec.Set.orBest()
	g := &ConvGradWeights{spec: spec, kern: spec.Set.grad, win: spec.window(), outBlocks: Blocks(mg)}
	g.rows = cg * g.win.taps()
	n := ceilDiv(g.outBlocks, g.kern.blocks)
	for q := range n + 1 {
		g.panels = append(g.panels, q*g.outBlocks/max(1, n))
	}
	g.listTiles(cg)
	g.setBand(cg)
	g.divide()
	return g, nil
}

// listTiles makes the tiles of a group.
func (g *ConvGradWeights) listTiles(cg int) {
	h, w := &g.win[1], &g.win[2]
	taps, most := g.win.taps(), g.kern.channels
	if g.spec.Plain {
		if len(w.off) > 1 && w.off[1] != w.off[0]+1 {
			most = 1
		}
		g.px = w.stride * floatBytes
		for c := range cg {
			var unit []gradRows
			for ty := range h.off {
				parts := ceilDiv(len(w.off), most)
				for i := range parts { // of about one size
					tx := i * len(w.off) / parts
					n := (i+1)*len(w.off)/parts - tx
					unit = append(unit, gradRows{first: c*taps + ty*len(w.off) + tx, n: n, step: 1, ty: ty, tx: tx})
				}
			}
			g.tiles = append(g.tiles, unit)
		}
		return
	}
	g.px = w.stride * blockBytes
	for c := 0; c < cg; c += most {
		var unit []gradRows
		for t := range taps {
			off := c/Block*g.win.inputs()*blockBytes + c%Block*floatBytes
			unit = append(unit, gradRows{c*taps + t, min(most, cg-c), taps, t / len(w.off), t % len(w.off), off})
		}
		g.tiles = append(g.tiles, unit)
	}
}

// setBand chooses how many images and rows are worked on at once: as many as stay in the cache. It does not depend on
// the division into tasks.
func (g *ConvGradWeights) setBand(cg int) {
	h, w := &g.win[1], &g.win[2]
	if g.spec.Plain {
		reach := h.off[len(h.off)-1] - h.off[0] + 1
		g.padW = (w.out-1)*w.stride + w.off[len(w.off)-1] - w.off[0] + 1
		row := (g.padW*cg*h.stride + w.out*g.outBlocks*Block) * floatBytes
		g.images, g.band = 1, max(1, min(h.out, cacheBytes/max(1, row)))
		g.padH = (g.band-1)*h.stride + reach
		return
	}
	image := max(1, (Blocks(cg)*g.win.inputs()+g.outBlocks*g.win.outputs())*blockBytes)
	g.images, g.band = max(1, cacheBytes/image), h.out
	if image > cacheBytes {
		g.band = max(1, h.out*cacheBytes/image)
	}
}

// divide makes tasks: first of parts of the images, where sums are few, then of tiles and of panels.
func (g *ConvGradWeights) divide() {
	s := &g.spec
	const parts, most = 16, 1 << 18
	g.parts = 1
	if n := s.Group * g.rows * g.outBlocks * Block; n <= most/parts {
		g.parts = max(1, min(parts, s.N))
	}
	want := ceilDiv(max(1, s.Split), g.parts*s.Group)
	g.byTile = newChunks(len(g.tiles), want, 1)
	g.byPanel = newChunks(len(g.panels)-1, ceilDiv(want, max(1, g.byTile.tasks)), 1)
	g.reduce = newChunks(s.Group*(len(g.panels)-1)*ceilDiv(g.rows, gradStrip), s.Split, 2)
}

// gradStrip is how many rows of sums Reduce finishes at once.
const gradStrip = 64

// Algorithm names how the gradient is computed.
func (g *ConvGradWeights) Algorithm() string { return "grad-weights" }

// Tasks returns the number of tasks of Run.
func (g *ConvGradWeights) Tasks() int {
	return g.parts * g.spec.Group * g.byTile.tasks * g.byPanel.tasks
}

// ScratchSize returns the number of float32 of scratch that Run needs.
func (g *ConvGradWeights) ScratchSize() int {
	if !g.spec.Plain {
		return 0
	}
	return g.spec.C * g.padH * g.padW
}

// SumsSize returns the number of float32 of sums.
func (g *ConvGradWeights) SumsSize() int { return g.parts * g.spec.Group * g.groupSums() }

func (g *ConvGradWeights) groupSums() int { return g.rows * g.outBlocks * Block }

// Run computes one task of sums, [parts][Group][panels][rows][blocks of the panel][16].
func (g *ConvGradWeights) Run(task int, sums, x, dy, scratch []float32) {
	s := &g.spec
	group := task % s.Group
	task /= s.Group
	part := task % g.parts
	task /= g.parts
	t0, t1 := g.byTile.bounds(task % g.byTile.tasks)
	q0, q1 := g.byPanel.bounds(task / g.byTile.tasks)
	sums = sums[(part*s.Group+group)*g.groupSums():][:g.groupSums()]
	for q := q0; q < q1; q++ {
		panel, width := g.panel(sums, q)
		for _, unit := range g.tiles[t0:t1] {
			for _, t := range unit {
				for i := range t.n {
					clear(panel[(t.first+i*t.step)*width:][:width])
				}
			}
		}
	}
	if g.win.outputs() == 0 || g.win.inputs() == 0 {
		return
	}
	h := g.win[1].out
	for image, end := part*s.N/g.parts, (part+1)*s.N/g.parts; image < end; image += g.images {
		b := gradBand{group: group, image: image, images: min(g.images, end-image), x: x, dy: dy}
		for b.r0 = 0; b.r0 < h; b.r0 += g.band {
			b.r1 = min(b.r0+g.band, h)
			g.place(&b, scratch)
			for _, unit := range g.tiles[t0:t1] {
				for q := q0; q < q1; q++ {
					for i := range unit {
						g.tile(&b, &unit[i], q, sums)
					}
				}
			}
		}
	}
}

// panel is the part of a group's sums that holds panel q, and how long its rows are.
func (g *ConvGradWeights) panel(sums []float32, q int) (panel []float32, width int) {
	from, to := g.panels[q]*Block, g.panels[q+1]*Block
	return sums[from*g.rows : to*g.rows], to - from
}

// gradBand is what the tiles of a band have in common: rows r0…r1-1 of some images.
type gradBand struct {
	group, image, images, r0, r1 int
	x, dy                        []float32
	baseX, baseY                 unsafe.Pointer // the first image's first pixels; of the copy, if plain
}

func (g *ConvGradWeights) place(b *gradBand, scratch []float32) {
	s := &g.spec
	size := g.outBlocks * g.win.outputs() * Block
	dy := b.dy[(b.image*s.Group+b.group)*size:]
	_ = dy[:((b.images-1)*s.Group+1)*size]
	b.baseY = unsafe.Pointer(&dy[0])
	if s.Plain {
		in := s.C * g.win.inputs()
		g.win.copyPadded(scratch, b.x[b.image*in:][:in], s.C, 1, g.padH, g.padW, b.r0, b.r1)
		b.baseX = unsafe.Pointer(&scratch[0])
		return
	}
	size = Blocks(s.C/s.Group) * g.win.inputs() * Block
	x := b.x[(b.image*s.Group+b.group)*size:]
	_ = x[:((b.images-1)*s.Group+1)*size]
	b.baseX = unsafe.Pointer(&x[0])
}

// tile adds a band to a tile's sums of panel q.
func (g *ConvGradWeights) tile(b *gradBand, t *gradRows, q int, sums []float32) {
	s, h, w := &g.spec, &g.win[1], &g.win[2]
	r0, r1 := b.r0, b.r1
	c0, c1 := 0, w.out
	if !s.Plain {
		r0, r1 = max(r0, h.lo[t.ty]), min(r1, h.hi[t.ty])
		c0, c1 = w.lo[t.tx], w.hi[t.tx]
	}
	if r0 >= r1 || c0 >= c1 {
		return
	}
	panel, width := g.panel(sums, q)
	out := g.win.outputs() * blockBytes
	a := gradArgs{sum: &panel[t.first*width], step: t.step * width * floatBytes, shape: t.n + width, px: g.px,
		cols: c1 - c0, rows: r1 - r0, images: b.images, yrow: w.out * blockBytes, yimage: s.Group * g.outBlocks * out, yb: out}
	a.y = unsafe.Add(b.baseY, g.panels[q]*out+(r0*w.out+c0)*blockBytes)
	if s.Plain {
		a.xrow = h.stride * g.padW * floatBytes
		c := t.first / g.win.taps()
		row := (c*g.padH+h.off[t.ty]-h.off[0])*g.padW + w.off[t.tx] - w.off[0]
		a.x = unsafe.Add(b.baseX, row*floatBytes)
	} else {
		a.xrow = h.stride * w.in * blockBytes
		a.ximage = s.Group * Blocks(s.C/s.Group) * g.win.inputs() * blockBytes
		row, col := r0*h.stride+h.off[t.ty], c0*w.stride+w.off[t.tx]
		a.x = unsafe.Add(b.baseX, t.off+(row*w.in+col)*blockBytes)
	}
	if c1-c0 == w.out && a.xrow == w.out*a.px { // rows are one run
		a.cols, a.rows = a.cols*a.rows, 1
	}
	g.kern.tile(noescape(&a))
}

// ReduceTasks returns the number of tasks of Reduce.
func (g *ConvGradWeights) ReduceTasks() int { return g.reduce.tasks }

// Reduce computes one task of dw from sums, which it uses up: it adds up the parts, in order.
func (g *ConvGradWeights) Reduce(task int, dw, sums []float32) {
	s := &g.spec
	strips, mg := ceilDiv(g.rows, gradStrip), s.OutC/s.Group
	lo, hi := g.reduce.bounds(task)
	for u := lo; u < hi; u++ {
		r0 := u % strips * gradStrip
		n := min(gradStrip, g.rows-r0)
		q, group := u/strips%(len(g.panels)-1), u/strips/(len(g.panels)-1)
		panel, width := g.panel(sums[group*g.groupSums():], q)
		total := panel[r0*width:][:n*width]
		for part := 1; part < g.parts; part++ {
			panel, _ := g.panel(sums[(part*s.Group+group)*g.groupSums():], q)
			addScaled(total, panel[r0*width:], 1)
		}
		m := g.panels[q] * Block
		to := dw[(group*mg+m)*g.rows+r0:]
		transpose(g.spec.Set, to, total, n, min(width, mg-m), g.rows, width)
	}
}
