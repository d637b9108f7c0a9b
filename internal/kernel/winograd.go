package kernel

import (
	"fmt"
	"unsafe"
)

// Winograd is a prepared convolution of stride 1 on blocked data, computed by minimal filtering: patches of the input
// are transformed, multiplied with transformed weights point by point, which is a matrix product over channels for each
// point, and the products transformed to tiles of the output. What is not finite would spread over a whole tile: such a
// tile, and one that overflows on the way, is computed by the definition instead, unless the weights come with RunPacked.
type Winograd struct {
	spec           BlockedConvSpec
	form           *winogradForm
	kern           tileKernel
	transforms     *winogradKernel
	win            window
	order          weightOrder
	packed         []float32 // by group: [⌈blocks/kern.blocks⌉][t²][C][blocks]; and the bias, padded to whole blocks
	taps           []tileTap // of a chunk of chunk tiles
	weights        []float32 // as they were given, for tiles that are computed by the definition; nil if Packed
	near           []tileTap // of such a tile
	inBlocks       int       // of a group
	outBlocks      int       // of a group
	inChannels     int       // of a group
	tilesH, tilesW int
	chunk          int // tiles worked on at once
	tiles          chunks
	channels       chunks // groups of kern.blocks output blocks
}

// WinogradForms is how many forms NewWinograd knows.
const WinogradForms = len(winogradForms)

// NewWinograd prepares a convolution by form number form; it fails where that form does not fit.
func NewWinograd(spec BlockedConvSpec, form int) (*Winograd, error) {
	if err := checkBlockedConv(&spec); err != nil {
		return nil, err
	}
	c, err := newWinograd(spec, form, outputOrder(&spec))
	if err == nil && !spec.Packed {
		form := fmt.Sprintf("%s %d %d %d %d", c.form.name, c.kern.blocks, spec.C, spec.OutC, spec.Group)
		c.packed = spec.Packs.get(spec.Weights, spec.Bias, form, func() []float32 { return c.packExactly(spec.Weights, spec.Bias) })
		c.weights, c.near = spec.Weights, c.definition()
	}
	return c, err
}

// newWinograd prepares a convolution with weights in any order.
func newWinograd(spec BlockedConvSpec, form int, order weightOrder) (*Winograd, error) {
	c := &Winograd{spec: spec, form: &winogradForms[form], kern: spec.Set.tile, transforms: &spec.Set.winograd[form], win: spec.window(), order: order}
	s := &c.spec
	s.Weights, s.Bias = nil, nil
	if !c.form.fits(s) {
		return nil, fmt.Errorf("kernel: %s: does not fit a %v convolution of stride %v", c.form.name, s.Kernel, s.Strides)
	}
	c.inChannels = s.C / s.Group
	c.inBlocks, c.outBlocks = Blocks(c.inChannels), Blocks(s.OutC/s.Group)
	c.tilesH, c.tilesW = ceilDiv(c.win[1].out, c.form.m), ceilDiv(c.win[2].out, c.form.m)
	c.divide()
	return c, nil
}

// fits reports whether a convolution whose spec is complete can be computed by f.
func (f *winogradForm) fits(s *BlockedConvSpec) bool {
	for d := range s.In {
		if s.Kernel[d] != f.r || s.Strides[d] != 1 || s.Dilations[d] != 1 {
			return false
		}
	}
	return len(s.In) == 2 && !s.Plain && !s.Strict && (s.Group == 1 || s.C/s.Group%Block == 0 && s.OutC/s.Group%Block == 0)
}

// packExactly is Pack in double precision, for weights that stay.
func (c *Winograd) packExactly(weights, bias []float32) []float32 {
	s, points := &c.spec, c.form.t*c.form.t
	area, mg := c.form.r*c.form.r, s.OutC/s.Group
	packed := alignedFloats(c.PackedSize())
	copy(packed[s.Group*c.groupWeights():], bias)
	var u [36]float64
	for g := range s.Group {
		group := packed[g*c.groupWeights():][:c.groupWeights()]
		for m := range mg {
			b := m / Block / c.kern.blocks * c.kern.blocks // first block of those that are packed together
			width := min(c.kern.blocks, c.outBlocks-b) * Block
			part := group[b*Block*c.inChannels*points:]
			for ch := range c.inChannels {
				c.form.weights(&u, weights[((g*mg+m)*c.inChannels+ch)*area:][:area])
				for p, v := range u[:points] {
					part[(p*c.inChannels+ch)*width+m-b*Block] = float32(v)
				}
			}
		}
	}
	return packed
}

func (c *Winograd) divide() {
	s := &c.spec
	total := s.N * c.tilesH * c.tilesW
	p, points := c.kern.pixels, c.form.t*c.form.t
	want := ceilDiv(max(1, s.Split), s.Group)
	const transformed = 4 * cacheBytes // bytes of patches kept in the second and third level of the cache
	c.chunk = transformed / (points * max(1, c.inBlocks) * blockBytes) / p * p
	c.chunk = min(max(c.chunk, 2*p), 8*p)
	c.tiles = newChunks(total, want, 2*p)
	c.chunk = min(c.chunk, ceilDiv(total, max(1, c.tiles.tasks)))
	// Tasks that share tiles transform them each for itself: few of them, with many channels.
	groups := ceilDiv(c.outBlocks, c.kern.blocks)
	c.channels = newChunks(groups, ceilDiv(want, 4*max(1, c.tiles.tasks)), ceilDiv(4, c.kern.blocks))
	for b := range c.inBlocks {
		c.taps = append(c.taps, tileTap{b * c.chunk * blockBytes, min(Block, c.inChannels-b*Block)})
	}
}

// Algorithm names how the convolution is computed.
func (c *Winograd) Algorithm() string { return c.form.name }

// Tasks returns the number of tasks.
func (c *Winograd) Tasks() int {
	if c.win.outputs()*c.spec.OutC == 0 {
		return 0
	}
	return c.spec.Group * c.tiles.tasks * c.channels.tasks
}

// ScratchSize returns the number of float32 of scratch that Run needs.
func (c *Winograd) ScratchSize() int {
	points := c.form.t * c.form.t
	n := points*Block*(c.chunk*(c.inBlocks+c.kern.blocks)+2) + 2*c.form.m*c.form.m*Block + Block
	if c.weights != nil {
		n += c.filterSize() + c.order.area*Block + points*c.inBlocks*Block
	}
	return n
}

// winogradRun is the state of a task.
type winogradRun struct {
	group                           int
	v, m, tmp, patch, tile, tileRes []float32
	y, x, res                       []float32
	weights, bias                   []float32 // of the group
	// of tiles that are computed by the definition
	filters, column, around []float32
	filtered                int // the block whose weights lie in filters, -1 for none
}

// Run computes one task of y; residual is nil or laid out as y, which it may be.
func (c *Winograd) Run(task int, y, x, residual, scratch []float32) {
	c.RunPacked(task, y, x, c.packed, residual, scratch)
}

// RunPacked is Run with weights and bias that Pack has packed.
func (c *Winograd) RunPacked(task int, y, x, packed, residual, scratch []float32) {
	group := task % c.spec.Group
	task /= c.spec.Group
	t0, t1 := c.tiles.bounds(task % c.tiles.tasks)
	g0, g1 := c.channels.bounds(task / c.tiles.tasks)
	points := c.form.t * c.form.t
	skip := (blockBytes - int(uintptr(unsafe.Pointer(&scratch[0]))%blockBytes)) % blockBytes / floatBytes
	scratch = scratch[skip:]
	carve := func(n int) []float32 {
		part := scratch[:n:n]
		scratch = scratch[n:]
		return part
	}
	r := winogradRun{group: group, y: y, x: x, res: residual}
	r.weights = packed[group*c.groupWeights():][:c.groupWeights()]
	r.bias = packed[c.spec.Group*c.groupWeights()+group*c.outBlocks*Block:][:c.outBlocks*Block]
	r.v = carve(points * c.chunk * c.inBlocks * Block)
	r.m = carve(points * c.chunk * c.kern.blocks * Block)
	r.tmp, r.patch = carve(points*Block), carve(points*Block)
	r.tile, r.tileRes = carve(c.form.m*c.form.m*Block), carve(c.form.m*c.form.m*Block)
	if c.weights != nil {
		r.filters, r.column, r.around = carve(c.filterSize()), carve(c.order.area*Block), carve(points*c.inBlocks*Block)
	}
	r.filtered = -1
	for t := t0; t < t1; t += c.chunk {
		end := min(t+c.chunk, t1)
		c.transformInput(&r, t, end)
		for g := g0; g < g1; g++ {
			c.multiply(&r, g, end-t)
			c.transformOutput(&r, g, t, end)
		}
	}
}

// place is the image of a tile and its first output row and column.
func (c *Winograd) place(tile int) (image, row, col int) {
	image, tile = tile/(c.tilesH*c.tilesW), tile%(c.tilesH*c.tilesW)
	return image, tile / c.tilesW * c.form.m, tile % c.tilesW * c.form.m
}

// transformInput fills v with points × input blocks × chunk.
func (c *Winograd) transformInput(r *winogradRun, t0, t1 int) {
	h, w := &c.win[1], &c.win[2]
	t := c.form.t
	step := c.inBlocks * c.chunk * blockBytes
	for tile := t0; tile < t1; tile++ {
		image, row, col := c.place(tile)
		y, x := row+h.off[0], col+w.off[0]
		inside := y >= 0 && x >= 0 && y+t <= h.in && x+t <= w.in
		for b := range c.inBlocks {
			plane := r.x[((image*c.spec.Group+r.group)*c.inBlocks+b)*h.in*w.in*Block:][:h.in*w.in*Block]
			dst := &r.v[(b*c.chunk+tile-t0)*Block]
			if inside {
				c.transforms.input(dst, step, &plane[(y*w.in+x)*Block], w.in*blockBytes, &r.tmp[0])
				continue
			}
			copyPatch(r.patch, plane, t, t, y, x, h.in, w.in)
			c.transforms.input(dst, step, &r.patch[0], t*blockBytes, &r.tmp[0])
		}
	}
}

// copyPatch copies rows×cols pixels of a plane of h×w, from row y and column x, with zeros outside.
func copyPatch(dst, plane []float32, rows, cols, y, x, h, w int) {
	from := min(max(0, -x), cols)
	to := max(from, min(cols, w-x))
	for i := range rows {
		line := dst[i*cols*Block:][:cols*Block]
		if y+i < 0 || y+i >= h || from == to {
			clear(line)
			continue
		}
		clear(line[:from*Block])
		copy(line[from*Block:to*Block], plane[((y+i)*w+x+from)*Block:])
		clear(line[to*Block:])
	}
}

// multiply computes the products of a group of output blocks: m is points × blocks × chunk.
func (c *Winograd) multiply(r *winogradRun, group, tiles int) {
	points, b := c.form.t*c.form.t, group*c.kern.blocks
	nb := min(c.kern.blocks, c.outBlocks-b)
	a := tileArgs{taps: &c.taps[0], count: len(c.taps), px: blockBytes, ypx: blockBytes, yb: c.chunk * blockBytes}
	a.bias, a.wstep = &zeros[0], nb*blockBytes
	parts := ceilDiv(tiles, c.kern.pixels)
	weights := r.weights[b*Block*c.inChannels*points:]
	for p := range points {
		a.w = &weights[p*c.inChannels*nb*Block]
		x, y := unsafe.Pointer(&r.v[p*c.inBlocks*c.chunk*Block]), unsafe.Pointer(&r.m[p*c.kern.blocks*c.chunk*Block])
		for i := range parts {
			from, to := i*tiles/parts, (i+1)*tiles/parts
			a.shape = to - from + 16*nb
			a.x, a.y = unsafe.Add(x, from*blockBytes), unsafe.Add(y, from*blockBytes)
			c.kern.run(noescape(&a))
		}
	}
}

// zeros is the bias of products that have none.
var zeros [2 * Block]float32

func (c *Winograd) transformOutput(r *winogradRun, group, t0, t1 int) {
	h, w, m := c.win[1].out, c.win[2].out, c.form.m
	var clamp tileArgs
	clamp.setActivation(c.spec.Act)
	a := winogradOut{step: c.kern.blocks * c.chunk * blockBytes, tmp: &r.tmp[0], clamp: clamp.clamp, lo: clamp.lo, hi: clamp.hi}
	if c.weights != nil {
		a.check = 1
	}
	for i := range min(c.kern.blocks, c.outBlocks-group*c.kern.blocks) {
		b := group*c.kern.blocks + i
		a.bias = &r.bias[b*Block]
		for tile := t0; tile < t1; tile++ {
			image, row, col := c.place(tile)
			at := ((image*c.spec.Group+r.group)*c.outBlocks + b) * h * w * Block
			plane := r.y[at:][:h*w*Block]
			a.src = &r.m[(i*c.chunk+tile-t0)*Block]
			pixel := (row*w + col) * Block
			if row+m <= h && col+m <= w {
				a.dst, a.row, a.res = unsafe.Pointer(&plane[pixel]), w*blockBytes, nil
				if r.res != nil {
					a.res = unsafe.Pointer(&r.res[at+pixel])
				}
				c.makeTile(r, &a, b, tile)
				for i := 0; c.spec.Act.Kind == Function && i < m; i++ {
					c.spec.Act.apply(c.spec.Set, plane[pixel+i*w*Block:][:m*Block])
				}
				continue
			}
			a.dst, a.row, a.res = unsafe.Pointer(&r.tile[0]), m*blockBytes, nil
			if r.res != nil {
				copyPatch(r.tileRes, r.res[at:][:h*w*Block], m, m, row, col, h, w)
				a.res = unsafe.Pointer(&r.tileRes[0])
			}
			c.makeTile(r, &a, b, tile)
			if c.spec.Act.Kind == Function {
				c.spec.Act.apply(c.spec.Set, r.tile)
			}
			cols := min(m, w-col) * Block
			for i := range min(m, h-row) {
				copy(plane[pixel+i*w*Block:][:cols], r.tile[i*m*Block:])
			}
		}
	}
}
