package kernel

import (
	"fmt"
	"sort"
)

// ConvGradDataSpec describes the gradient of a two-dimensional convolution by its input: dy is N×OutC×Out, dx N×C×In,
// both blocked; the fields mean what they mean in ConvSpec. In groups, channel counts are multiples of Block.
type ConvGradDataSpec struct {
	N, C, OutC, Group int
	Spatial
	Split int
	Set   *Set
}

// ConvGradData is a prepared gradient by the input. Inputs whose positions are alike modulo the strides form a phase; each
// phase is a convolution of dy of stride 1, with the taps that reach it, from the last to the first, and input and output
// channels exchanged. All phases write to their places in dx.
type ConvGradData struct {
	phases  []gradPhase
	first   []int // task of each phase; and the number of tasks
	packAt  []int // the same of Pack
	places  []int // where the packed weights of each phase begin; and their size
	scratch int
	pack    int
}

// gradPhase is the inputs at some position modulo the strides.
type gradPhase struct {
	conv  *BlockedConv
	empty bool   // no tap reaches it
	plain chunks // of the planes of one that is empty
}

// exchanged is the convolution's spec with x and y exchanged, but for the window.
func (s *ConvGradDataSpec) exchanged(what string) (BlockedConvSpec, error) {
	var b BlockedConvSpec
	if err := s.complete(what); err != nil {
		return b, err
	}
	full := ConvSpec{N: s.N, C: s.C, OutC: s.OutC, Group: s.Group, Spatial: s.Spatial}
	if err := full.check(what); err != nil {
		return b, err
	}
	cg, mg := s.C/s.Group, s.OutC/s.Group
	if len(s.In) != 2 || s.OutC == 0 || s.Group > 1 && (cg%Block != 0 || mg%Block != 0) {
		return b, fmt.Errorf("kernel: %s: unsupported %d spatial axes, %d groups of %d to %d channels", what, len(s.In), s.Group, cg, mg)
	}
	b = BlockedConvSpec{N: s.N, C: s.OutC, OutC: s.C, Group: s.Group, Packed: true, Split: s.Split, Set: s.Set.orBest()}
	b.In, b.Out, b.Kernel = s.Out, s.In, s.Kernel
	return b, nil
}

// NewConvGradData prepares a gradient by the input.
func NewConvGradData(spec ConvGradDataSpec) (*ConvGradData, error) {
	const what = "gradient by data"
	b, err := spec.exchanged(what)
	if err != nil {
		return nil, err
	}
	stride := spec.Strides
	across := [2]int{min(stride[0], spec.In[0]), min(stride[1], spec.In[1])}
	if across[0]*across[1] > maxPhases {
		return nil, fmt.Errorf("kernel: %s: unsupported strides %v", what, stride)
	}
	b.Split = ceilDiv(spec.Split, max(1, across[0]*across[1]))
	g := &ConvGradData{first: []int{0}, packAt: []int{0}, places: []int{0}}
	for py := range across[0] {
		for px := range across[1] {
			p, n := newPhase(&spec, b, py, px), len(g.phases)
			g.phases = append(g.phases, p)
			if p.empty {
				g.first = append(g.first, g.first[n]+p.plain.tasks)
				g.packAt, g.places = append(g.packAt, g.packAt[n]), append(g.places, g.places[n])
				continue
			}
			g.first = append(g.first, g.first[n]+p.conv.Tasks())
			g.packAt = append(g.packAt, g.packAt[n]+p.conv.PackTasks())
			g.places = append(g.places, g.places[n]+roundUp(p.conv.PackedSize(), Block))
			g.scratch, g.pack = max(g.scratch, p.conv.ScratchSize()), max(g.pack, p.conv.PackScratchSize())
		}
	}
	return g, nil
}

// newPhase prepares the convolution that gives the inputs at (py, px) + strides·i.
func newPhase(spec *ConvGradDataSpec, b BlockedConvSpec, py, px int) gradPhase {
	var win window
	win[0] = newAxis(1, 1, 1, []int{0})
	var taps [2][]int
	first := [2]int{py, px}
	for d := range first {
		win[d+1], taps[d] = phaseAxis(&spec.Spatial, d, first[d])
	}
	area := product(spec.Kernel)
	order := weightOrder{out: area, in: spec.C / spec.Group * area, area: area}
	for _, ty := range taps[0] {
		for _, tx := range taps[1] {
			order.taps = append(order.taps, ty*spec.Kernel[1]+tx)
		}
	}
	row := spec.In[1] * blockBytes
	place := outputPlace{first: py*row + px*blockBytes, px: spec.Strides[1] * blockBytes, row: spec.Strides[0] * row, plane: spec.In[0] * row}
	p := gradPhase{conv: newBlockedConv(b, win, order, place), empty: win[1].hi[0] == 0 && len(taps[0]) == 1 || win[2].hi[0] == 0 && len(taps[1]) == 1}
	planes := b.N * b.Group * p.conv.outBlocks
	p.plain = newChunks(planes, b.Split, ceilDiv(grain, max(1, win.outputs()*Block)))
	if win.outputs() == 0 {
		p.plain = chunks{}
	}
	return p
}

// runEmpty computes one task of a phase that no tap reaches: dx is zero, or the residual.
func (p *gradPhase) runEmpty(task int, dx, residual []float32) {
	place, w := &p.conv.place, &p.conv.win
	lo, hi := p.plain.bounds(task)
	for plane := lo; plane < hi; plane++ {
		for row := range w[1].out {
			at := (plane*place.plane + place.first + row*place.row) / floatBytes
			for range w[2].out {
				if residual == nil {
					*(*[Block]float32)(dx[at:]) = [Block]float32{}
				} else {
					*(*[Block]float32)(dx[at:]) = *(*[Block]float32)(residual[at:])
				}
				at += place.px / floatBytes
			}
		}
	}
}

// phaseAxis is the axis of a phase: its outputs are the inputs first + stride·i of axis d, its taps those that reach
// them, in the order of what they read. A phase that no tap reaches has one whose input lies outside.
func phaseAxis(s *Spatial, d, first int) (axis, []int) {
	var off, taps []int
	for t := s.Kernel[d] - 1; t >= 0; t-- {
		if at := first + s.Pads[d] - t*s.Dilations[d]; at%s.Strides[d] == 0 {
			off, taps = append(off, at/s.Strides[d]), append(taps, t)
		}
	}
	if len(off) == 0 {
		off, taps = []int{s.Out[d]}, []int{0}
	}
	return newAxis(s.Out[d], ceilDiv(s.In[d]-first, s.Strides[d]), 1, off), taps
}

// NewWinogradGradData prepares the gradient by the input of a convolution of stride 1 by form number form of Winograd's
// algorithm; it fails where that does not fit.
func NewWinogradGradData(spec ConvGradDataSpec, form int) (*Winograd, error) {
	b, err := spec.exchanged("gradient by data")
	if err != nil {
		return nil, err
	}
	b.Strides, b.Dilations = spec.Strides, spec.Dilations
	for d, k := range spec.Kernel {
		b.Pads = append(b.Pads, k-1-spec.Pads[d])
	}
	if err := b.complete("gradient by data"); err != nil {
		return nil, err
	}
	return newWinograd(b, form, spec.flipped())
}

// flipped is the order of the weights where they go from output to input channels, from the last tap to the first.
func (s *ConvGradDataSpec) flipped() weightOrder {
	area := product(s.Kernel)
	order := weightOrder{out: area, in: s.C / s.Group * area, area: area}
	for t := range area {
		order.taps = append(order.taps, area-1-t)
	}
	return order
}

// Algorithm names how the gradient is computed.
func (g *ConvGradData) Algorithm() string { return "grad-data" }

// Tasks returns the number of tasks of Run.
func (g *ConvGradData) Tasks() int { return g.first[len(g.phases)] }

// ScratchSize returns the number of float32 of scratch that Run needs.
func (g *ConvGradData) ScratchSize() int { return g.scratch }

// PackedSize returns the number of float32 of packed weights.
func (g *ConvGradData) PackedSize() int { return g.places[len(g.phases)] }

// PackTasks returns the number of tasks of Pack.
func (g *ConvGradData) PackTasks() int { return g.packAt[len(g.phases)] }

// PackScratchSize returns the number of float32 of scratch that Pack needs.
func (g *ConvGradData) PackScratchSize() int { return g.pack }

// ownTask finds whose task it is, and its number there.
func ownTask(first []int, task int) (p, own int) {
	p = sort.SearchInts(first, task+1) - 1
	return p, task - first[p]
}

// Pack computes one task of packed weights, of weights OutC×(C/Group)×Kernel; bias is nil.
func (g *ConvGradData) Pack(task int, packed, weights, bias, scratch []float32) {
	p, own := ownTask(g.packAt, task)
	g.phases[p].conv.Pack(own, packed[g.places[p]:g.places[p+1]], weights, bias, scratch)
}

// RunPacked computes one task of dx; residual is nil or another gradient to be added, laid out as dx, which it may be.
func (g *ConvGradData) RunPacked(task int, dx, dy, packed, residual, scratch []float32) {
	p, own := ownTask(g.first, task)
	if g.phases[p].empty {
		g.phases[p].runEmpty(own, dx, residual)
		return
	}
	g.phases[p].conv.RunPacked(own, dx, dy, packed[g.places[p]:g.places[p+1]], residual, scratch)
}

// DepthwiseGradData is a prepared gradient of a depthwise convolution by its input, phase by phase.
type DepthwiseGradData struct {
	c, area int
	phases  []slide
	first   []int // task of each phase; and the number of tasks
	pack    chunks
}

// NewDepthwiseGradData prepares a gradient; the spec's Weights, Bias and Act are not looked at.
func NewDepthwiseGradData(spec DepthwiseSpec) (*DepthwiseGradData, error) {
	const what = "depthwise gradient by data"
	if err := spec.complete(what); err != nil {
		return nil, err
	}
	full := ConvSpec{N: spec.N, C: spec.C, OutC: spec.C, Group: max(1, spec.C), Spatial: spec.Spatial}
	if err := full.check(what); err != nil {
		return nil, err
	}
	if len(spec.In) != 2 {
		return nil, fmt.Errorf("kernel: %s: %d spatial axes, want 2", what, len(spec.In))
	}
	stride := spec.Strides
	across := [2]int{min(stride[0], spec.In[0]), min(stride[1], spec.In[1])}
	if across[0]*across[1] > maxPhases {
		return nil, fmt.Errorf("kernel: %s: unsupported strides %v", what, stride)
	}
	g := &DepthwiseGradData{c: spec.C, area: product(spec.Kernel), first: []int{0}}
	g.pack = newChunks(Blocks(spec.C), spec.Split, 4)
	row := spec.In[1] * blockBytes
	for py := range across[0] {
		for px := range across[1] {
			var win window
			win[0] = newAxis(1, 1, 1, []int{0})
			var ty, tx []int
			win[1], ty = phaseAxis(&spec.Spatial, 0, py)
			win[2], tx = phaseAxis(&spec.Spatial, 1, px)
			l := newSlideOf(spec.Set, spec.N, spec.C, win, ceilDiv(spec.Split, across[0]*across[1]), [3][]int{}, func(y, x int) int {
				return ty[y]*spec.Kernel[1] + tx[x]
			})
			l.place = outputPlace{first: py*row + px*blockBytes, px: stride[1] * blockBytes, row: stride[0] * row, plane: spec.In[0] * row}
			l.weightTaps = g.area
			g.phases = append(g.phases, l)
			g.first = append(g.first, g.first[len(g.first)-1]+l.tasks)
		}
	}
	return g, nil
}

// Algorithm names how the gradient is computed.
func (g *DepthwiseGradData) Algorithm() string { return "grad-data-depthwise" }

// Tasks returns the number of tasks of Run.
func (g *DepthwiseGradData) Tasks() int { return g.first[len(g.phases)] }

// ScratchSize returns 0: the kernel needs no scratch.
func (g *DepthwiseGradData) ScratchSize() int { return 0 }

// PackedSize returns the number of float32 of packed weights.
func (g *DepthwiseGradData) PackedSize() int { return Blocks(g.c) * (g.area + 1) * Block }

// PackTasks returns the number of tasks of Pack.
func (g *DepthwiseGradData) PackTasks() int { return g.pack.tasks }

// PackScratchSize returns 0: packing needs no scratch.
func (g *DepthwiseGradData) PackScratchSize() int { return 0 }

// Pack computes one task of packed weights: [blocks][taps][16], and zeros.
func (g *DepthwiseGradData) Pack(task int, packed, weights, bias, _ []float32) {
	packDepthwise(g.pack, task, packed, weights, bias, g.c, g.area)
}

// packDepthwise packs weights, C×area, and a bias, nil or of C elements, behind them.
func packDepthwise(blocks chunks, task int, packed, weights, bias []float32, c, area int) {
	lo, hi := blocks.bounds(task)
	for b := lo; b < hi; b++ {
		to := packed[b*area*Block:][:area*Block]
		init := packed[(Blocks(c)*area+b)*Block:][:Block]
		clear(to)
		clear(init)
		for ch := b * Block; ch < min(c, (b+1)*Block); ch++ {
			for t, w := range weights[ch*area:][:area] {
				to[t*Block+ch%Block] = w
			}
			if bias != nil {
				init[ch%Block] = bias[ch]
			}
		}
	}
}

// RunPacked computes one task of dx.
func (g *DepthwiseGradData) RunPacked(task int, dx, dy, packed []float32) {
	p, own := ownTask(g.first, task)
	var a windowArgs
	weights := Blocks(g.c) * g.area * Block
	g.phases[p].run(slideFMA, own, dx, dy, packed[:weights], packed[weights:], &a)
}
