package kernel

import (
	"fmt"
	"unsafe"
)

// WinogradGradWeights is a prepared gradient of a convolution of stride 1 by its weights, by minimal filtering transposed:
// for weights w, patches d of x and tiles y of dy, Gᵀ[Σ (Bᵀ·d·B) ⊙ (A·y·Aᵀ)]G. It goes in rounds, one after the other, each of
// some of the tiles and of two steps: Run transforms patches and tiles, Reduce multiplies them for each of the t² points, which
// is what gradTile does with pixels, and in the last round makes the gradient of the sums.
type WinogradGradWeights struct {
	spec                ConvGradWeightsSpec
	form                *winogradForm
	kern                gradKernel
	transforms          *winogradKernel
	win                 window
	inBlocks, outBlocks int // of a group
	tilesH, tilesW      int
	rounds              chunks // of the tiles of all images
	places              int    // of tiles: those of a round, an odd number, so that the points do not share lines of the cache
	runs                int    // into which the tiles of a round are divided
	transform           chunks // of planes × runs
	panels              []int  // first output block of each panel of sums; and the end
	depth               int    // input channels of a unit of Reduce
	deep                int    // units along the input channels of a group
	reduce              chunks // of units: groups × deep × panels
}

// NewWinogradGradWeights prepares a gradient by form number form; it fails where that does not fit.
func NewWinogradGradWeights(spec ConvGradWeightsSpec, form int) (*WinogradGradWeights, error) {
	return newWinogradGradWeights(spec, form, 1)
}

// newWinogradGradWeights makes as many rounds at least.
func newWinogradGradWeights(spec ConvGradWeightsSpec, form, rounds int) (*WinogradGradWeights, error) {
	const what = "gradient by weights"
	if err := spec.complete(what); err != nil {
		return nil, err
	}
	full := ConvSpec{N: spec.N, C: spec.C, OutC: spec.OutC, Group: spec.Group, Spatial: spec.Spatial}
	if err := full.check(what); err != nil {
		return nil, err
	}
	spec.Set = spec.Set.orBest()
	g := &WinogradGradWeights{spec: spec, form: &winogradForms[form], kern: spec.Set.grad, transforms: &spec.Set.winograd[form], win: spec.window()}
	if !g.form.fits(spec.forward()) {
		return nil, fmt.Errorf("kernel: %s: %s does not fit a %v convolution of stride %v", what, g.form.name, spec.Kernel, spec.Strides)
	}
	g.inBlocks, g.outBlocks = Blocks(spec.C/spec.Group), Blocks(spec.OutC/spec.Group)
	g.tilesH, g.tilesW = ceilDiv(g.win[1].out, g.form.m), ceilDiv(g.win[2].out, g.form.m)
	g.divide(rounds)
	return g, nil
}

// forward is the convolution whose gradient it is.
func (s *ConvGradWeightsSpec) forward() *BlockedConvSpec {
	return &BlockedConvSpec{N: s.N, C: s.C, OutC: s.OutC, Group: s.Group, Spatial: s.Spatial, Plain: s.Plain}
}

// roundBytes is how much the transformed patches and tiles of a round take: what stays in the third level of the cache.
const roundBytes = 24 << 20

func (g *WinogradGradWeights) divide(rounds int) {
	s, planes := &g.spec, g.spec.Group*(g.inBlocks+g.outBlocks)
	tiles := s.N * g.tilesH * g.tilesW
	g.rounds = chunks{tiles, max(rounds, ceilDiv(tiles*g.points()*planes*blockBytes, roundBytes))}
	g.rounds.tasks = max(1, min(g.rounds.tasks, tiles))
	g.places = ceilDiv(tiles, g.rounds.tasks) | 1
	const least = 32 // tiles of a run
	g.runs = min(ceilDiv(2*s.Split, planes), max(1, g.places/least))
	g.transform = newChunks(planes*g.runs, s.Split, 1)
	n := ceilDiv(g.outBlocks, g.kern.blocks)
	for q := range n + 1 {
		g.panels = append(g.panels, q*g.outBlocks/max(1, n))
	}
	if g.depth = 2 * Block; s.Group*ceilDiv(g.inBlocks, 2)*n < s.Split {
		g.depth = Block
	}
	g.deep = ceilDiv(g.inBlocks*Block, g.depth)
	g.reduce = newChunks(s.Group*g.deep*n, s.Split, 1)
}

func (g *WinogradGradWeights) points() int { return g.form.t * g.form.t }

// planeSize is the floats of the points of a plane.
func (g *WinogradGradWeights) planeSize() int { return g.points() * g.places * Block }

// unitSize is the sums of a unit.
func (g *WinogradGradWeights) unitSize() int { return g.points() * g.depth * g.kern.blocks * Block }

// Algorithm names how the gradient is computed.
func (g *WinogradGradWeights) Algorithm() string { return "grad-weights-" + g.form.name }

// Rounds returns how many times Run and then Reduce are done.
func (g *WinogradGradWeights) Rounds() int { return g.rounds.tasks }

// Tasks returns the number of tasks of Run.
func (g *WinogradGradWeights) Tasks() int { return g.transform.tasks }

// ReduceTasks returns the number of tasks of Reduce.
func (g *WinogradGradWeights) ReduceTasks() int { return g.reduce.tasks }

// ScratchSize returns the number of float32 of scratch that Run and Reduce need.
func (g *WinogradGradWeights) ScratchSize() int {
	return max(2*g.points()*Block, g.unitSize()+(g.depth*g.kern.blocks*g.form.r+g.form.t)*g.form.r*Block)
}

// SumsSize returns the number of float32 of sums: of what Run makes, and of what Reduce keeps from round to round.
func (g *WinogradGradWeights) SumsSize() int {
	n := g.spec.Group * (g.inBlocks + g.outBlocks) * g.planeSize()
	if g.rounds.tasks > 1 {
		n += g.reduce.total * g.unitSize()
	}
	return n
}

// Run computes one task of a round's patches and tiles, [planes of x, planes of dy][points][places][16], of x, N×C×In, and
// dy, N×C×Out, both blocked.
func (g *WinogradGradWeights) Run(round, task int, sums, x, dy, scratch []float32) {
	t0, t1 := g.rounds.bounds(round)
	lo, hi := g.transform.bounds(task)
	for u := lo; u < hi; u++ {
		plane, run := u/g.runs, u%g.runs
		from, to := t0+run*(t1-t0)/g.runs, t0+(run+1)*(t1-t0)/g.runs
		points := sums[plane*g.planeSize():][:g.planeSize()]
		if in := g.spec.Group * g.inBlocks; plane < in {
			g.patches(points, x, plane, t0, from, to, scratch)
		} else {
			g.tiles(points, dy, plane-in, t0, from, to, scratch)
		}
	}
}

// place is the image of a tile and its first output row and column.
func (g *WinogradGradWeights) place(tile int) (image, row, col int) {
	image, tile = tile/(g.tilesH*g.tilesW), tile%(g.tilesH*g.tilesW)
	return image, tile / g.tilesW * g.form.m, tile % g.tilesW * g.form.m
}

// patches transforms the patches of tiles from…to-1 of a plane of x; the first place is tile first's.
func (g *WinogradGradWeights) patches(points, x []float32, plane, first, from, to int, scratch []float32) {
	h, w, t := &g.win[1], &g.win[2], g.form.t
	tmp, patch := scratch[:t*t*Block], scratch[t*t*Block:][:t*t*Block]
	planes, size := g.spec.Group*g.inBlocks, h.in*w.in*Block
	for tile := from; tile < to; tile++ {
		image, row, col := g.place(tile)
		y, x0 := row+h.off[0], col+w.off[0]
		src := x[(image*planes+plane)*size:][:size]
		dst := &points[(tile-first)*Block]
		if y >= 0 && x0 >= 0 && y+t <= h.in && x0+t <= w.in {
			g.transforms.input(dst, g.places*blockBytes, &src[(y*w.in+x0)*Block], w.in*blockBytes, &tmp[0])
			continue
		}
		copyPatch(patch, src, t, t, y, x0, h.in, w.in)
		g.transforms.input(dst, g.places*blockBytes, &patch[0], t*blockBytes, &tmp[0])
	}
}

// tiles transforms tiles from…to-1 of a plane of dy.
func (g *WinogradGradWeights) tiles(points, dy []float32, plane, first, from, to int, scratch []float32) {
	h, w, m := g.win[1].out, g.win[2].out, g.form.m
	tmp, patch := scratch[:g.points()*Block], scratch[g.points()*Block:][:m*m*Block]
	planes, size := g.spec.Group*g.outBlocks, h*w*Block
	for tile := from; tile < to; tile++ {
		image, row, col := g.place(tile)
		src := dy[(image*planes+plane)*size:][:size]
		dst := &points[(tile-first)*Block]
		if row+m <= h && col+m <= w {
			g.transforms.spread(dst, g.places*blockBytes, &src[(row*w+col)*Block], w*blockBytes, &tmp[0])
			continue
		}
		copyPatch(patch, src, m, m, row, col, h, w)
		g.transforms.spread(dst, g.places*blockBytes, &patch[0], m*blockBytes, &tmp[0])
	}
}

// Reduce computes one task of a round's sums; in the last round, of dw.
func (g *WinogradGradWeights) Reduce(round, task int, dw, sums, scratch []float32) {
	panels := len(g.panels) - 1
	kept := sums[g.spec.Group*(g.inBlocks+g.outBlocks)*g.planeSize():]
	lo, hi := g.reduce.bounds(task)
	for u := lo; u < hi; u++ {
		q, part, group := u%panels, u/panels%g.deep, u/panels/g.deep
		c0 := part * g.depth
		c1 := min(c0+g.depth, g.spec.C/g.spec.Group)
		sum, rest := scratch[:g.unitSize()], scratch[g.unitSize():]
		if g.rounds.tasks > 1 {
			sum = kept[u*g.unitSize():][:g.unitSize()]
		}
		if round == 0 {
			clear(sum)
		}
		g.multiply(sum, sums, round, group, c0, c1, q)
		if round+1 == g.rounds.tasks {
			g.collect(dw, sum, group, c0, c1, q, rest)
		}
	}
}

// multiply adds the products of input channels c0…c1-1 with panel q to sum, [points][depth][blocks of the panel][16].
func (g *WinogradGradWeights) multiply(sum, sums []float32, round, group, c0, c1, q int) {
	t0, t1 := g.rounds.bounds(round)
	if t0 == t1 {
		return
	}
	s, size, most := &g.spec, g.planeSize(), g.kern.channels
	width := (g.panels[q+1] - g.panels[q]) * Block
	v := sums[group*g.inBlocks*size:][:g.inBlocks*size]
	y := sums[(s.Group*g.inBlocks+group*g.outBlocks+g.panels[q])*size:][:width/Block*size]
	a := gradArgs{step: width * floatBytes, px: blockBytes, yb: size * floatBytes, cols: t1 - t0, rows: 1, images: 1}
	for p := range g.points() {
		a.y = unsafe.Pointer(&y[p*g.places*Block])
		for c := c0; c < c1; c += most {
			a.x = unsafe.Pointer(&v[c/Block*size+p*g.places*Block+c%Block])
			a.sum = &sum[(p*g.depth+c-c0)*width]
			a.shape = min(most, c1-c) + width
			g.kern.tile(noescape(&a))
		}
	}
}

// collect makes the gradient by the weights from input channels c0…c1-1 to panel q.
func (g *WinogradGradWeights) collect(dw, sum []float32, group, c0, c1, q int, scratch []float32) {
	area := g.form.r * g.form.r
	width := (g.panels[q+1] - g.panels[q]) * Block
	rows, tmp := scratch[:(c1-c0)*area*width], scratch[(c1-c0)*area*width:]
	for c := range c1 - c0 {
		for b := 0; b < width; b += Block {
			g.transforms.collect(&rows[c*area*width+b], width*floatBytes, &sum[c*width+b], g.depth*width*floatBytes, &tmp[0])
		}
	}
	cg, mg, m := g.spec.C/g.spec.Group, g.spec.OutC/g.spec.Group, g.panels[q]*Block
	transpose(g.spec.Set, dw[((group*mg+m)*cg+c0)*area:], rows, (c1-c0)*area, min(width, mg-m), cg*area, width)
}
