package kernel

import (
	"fmt"
	"unsafe"
)

// BlockedConvSpec describes a two-dimensional convolution whose output, and input unless Plain is set, are in the
// blocked layout. The fields of ConvSpec mean what they mean there; Weights are required.
type BlockedConvSpec struct {
	N, C, OutC, Group int
	Spatial
	Weights, Bias []float32 // Bias may be nil
	Packed        bool      // both come with RunPacked, in a form that Pack makes
	InputMajor    bool      // Weights are C×OutC, of a 1×1 kernel in one group
	Act           Activation
	Plain         bool // the input is plain NCHW: for few channels, of which no block would be full
	Residual      bool // Run is handed one
	Strict        bool // sums in order of input channels and taps: no Winograd
	Split         int
	Packs         *Packs // where packed weights are kept; nil: nowhere
	Set           *Set
}

// BlockedConv is a prepared convolution y = act(x ∗ w + bias + residual): a direct convolution, computed as a product of
// the weights with tiles of pixels that are read where they lie, or from a copy with borders where there is padding.
type BlockedConv struct {
	spec   BlockedConvSpec
	kern   tileKernel
	win    window
	order  weightOrder
	packed []float32 // by group: [⌈blocks/kern.blocks⌉][taps][depth][blocks]; and the bias, padded to whole blocks
	taps   []tileTap
	px     int // bytes from one output pixel's input to the next one's
	place  outputPlace

	padded         bool   // input comes from a copy with borders in scratch
	padH, padW     int    // its size, of the rows for one band
	flat           bool   // pixels of all rows are one run
	inPlane        int    // elements of an input plane of a block (or a channel, if plain)
	inPlanes       int    // of a group
	outBlocks      int    // of a group
	rows, channels chunks // how tasks divide the output: rows (or pixels, if flat) and groups of output blocks
	band           int    // rows, or pixels, done at once
	depth          int    // taps summed at once: all, but where the pixels of a band would not stay in the cache
}

// NewBlockedConv prepares a convolution. Groups need channel counts, in and out, that are multiples of Block.
func NewBlockedConv(spec BlockedConvSpec) (*BlockedConv, error) {
	if err := checkBlockedConv(&spec); err != nil {
		return nil, err
	}
	win := spec.window()
	c := newBlockedConv(spec, win, outputOrder(&spec), densePlace(&win))
	if !spec.Packed {
		form := fmt.Sprintf("blocked %d %d %d %d %v %v %v", c.kern.blocks, spec.C, spec.OutC, spec.Group, spec.Kernel, spec.InputMajor, spec.Plain)
		c.packed = spec.Packs.get(spec.Weights, spec.Bias, form, func() []float32 {
			packed, scratch := alignedFloats(c.PackedSize()), make([]float32, c.PackScratchSize())
			for task := range c.PackTasks() {
				c.Pack(task, packed, spec.Weights, spec.Bias, scratch)
			}
			return packed
		})
	}
	return c, nil
}

// newBlockedConv prepares a convolution whose window, weights and output may lie otherwise than the spec says.
func newBlockedConv(spec BlockedConvSpec, win window, order weightOrder, place outputPlace) *BlockedConv {
	c := &BlockedConv{spec: spec, kern: spec.Set.tile, win: win, order: order, place: place}
	s := &c.spec
	s.Weights, s.Bias = nil, nil
	c.outBlocks = Blocks(s.OutC / s.Group)
	c.inPlane = c.win.inputs()
	c.flat = c.win.pointwise() && !s.Plain && place == densePlace(&win)
	c.padded = c.needsBorder()
	c.layout()
	c.divide()
	return c
}

// outputPlace says where the pixels of an output lie, in bytes: the first one, from one to the next in a row and in a
// column, and from one plane of a block to the next.
type outputPlace struct{ first, px, row, plane int }

// densePlace is where outputs lie that follow each other.
func densePlace(win *window) outputPlace {
	return outputPlace{px: blockBytes, row: win[2].out * blockBytes, plane: win.outputs() * blockBytes}
}

func checkBlockedConv(s *BlockedConvSpec) error {
	const what = "blocked conv"
	s.Set = s.Set.orBest()
	if err := s.complete(what); err != nil {
		return err
	}
	full := ConvSpec{N: s.N, C: s.C, OutC: s.OutC, Group: s.Group, Spatial: s.Spatial, Weights: s.Weights, Act: s.Act}
	if err := full.check(what); err != nil {
		return err
	}
	switch {
	case len(s.In) != 2:
		return fmt.Errorf("kernel: %s: %d spatial axes, want 2", what, len(s.In))
	case s.C == 0:
		return fmt.Errorf("kernel: %s: unsupported input of no channels", what)
	case s.Weights == nil && s.OutC > 0 && !s.Packed:
		return fmt.Errorf("kernel: %s: no weights", what)
	case s.Packed && (s.Weights != nil || s.Bias != nil):
		return fmt.Errorf("kernel: %s: weights both known and packed", what)
	case s.Bias != nil && len(s.Bias) != s.OutC:
		return fmt.Errorf("kernel: %s: bias of %d elements for %d channels", what, len(s.Bias), s.OutC)
	case s.Group > 1 && (s.C/s.Group%Block != 0 || s.OutC/s.Group%Block != 0):
		return fmt.Errorf("kernel: %s: unsupported %d groups of %d to %d channels", what, s.Group, s.C/s.Group, s.OutC/s.Group)
	case s.InputMajor && (s.Group > 1 || s.Plain || product(s.Kernel) != 1):
		return fmt.Errorf("kernel: %s: unsupported order of weights", what)
	case s.Group > 1 && s.Plain:
		return fmt.Errorf("kernel: %s: unsupported plain input in groups", what)
	}
	return nil
}

// needsBorder reports whether some window reaches outside of the input.
func (c *BlockedConv) needsBorder() bool {
	for _, a := range c.win[1:] {
		for t := range a.off {
			if a.lo[t] > 0 || a.hi[t] < a.out {
				return true
			}
		}
	}
	return false
}

// layout makes the list of taps: for every window position, of every block of input channels, where its channels lie.
func (c *BlockedConv) layout() {
	s, h, w := &c.spec, &c.win[1], &c.win[2]
	cg, pixel := s.C/s.Group, blockBytes
	c.inPlanes = Blocks(cg)
	if s.Plain {
		c.inPlanes, pixel = cg, floatBytes
	}
	c.px = w.stride * pixel
	rowStride, y0, x0 := w.in, 0, 0
	c.padH, c.padW = h.in, w.in
	if c.padded { // the copy begins where the first window does
		y0, x0 = h.off[0], w.off[0]
		c.padW = (w.out-1)*w.stride + w.off[len(w.off)-1] - x0 + 1
		rowStride = c.padW
	}
	c.band = h.out
	if c.padded {
		c.setBand(cg)
	}
	for p := range c.inPlanes {
		depth := min(Block, cg-p*Block)
		if s.Plain {
			depth = 1
		}
		for _, y := range h.off {
			for i := 0; i < len(w.off); i++ {
				tap := tileTap{(p*c.planeRows()*rowStride + (y-y0)*rowStride + w.off[i] - x0) * pixel, depth}
				if s.Plain && (len(w.off) == 1 || w.off[1] == w.off[0]+1) { // a row of taps is a run
					tap.depth = len(w.off)
					i = len(w.off)
				}
				c.taps = append(c.taps, tap)
			}
		}
	}
}

// setBand chooses how many output rows are computed from one copy of their input: as many as keep it in the cache.
func (c *BlockedConv) setBand(cg int) {
	h := &c.win[1]
	rowBytes := c.padW * c.inPlanes * blockBytes
	if c.spec.Plain {
		rowBytes = c.padW * cg * floatBytes
	}
	reach := h.off[len(h.off)-1] - h.off[0] + 1
	rows := max(reach, cacheBytes/max(1, rowBytes))
	c.band = min(max(1, (rows-reach)/h.stride+1), h.out)
	c.padH = (c.band-1)*h.stride + reach
}

// cacheBytes is how much of an input is worked on at once: half of a usual second-level cache of 1 MB.
const cacheBytes = 1 << 19

// planeRows is how many rows lie between one plane of the input that tiles read and the next.
func (c *BlockedConv) planeRows() int {
	if c.padded {
		return c.padH
	}
	return c.win[1].in
}

// divide makes tasks: first of rows or pixels, each with all channels, then of channels, too.
func (c *BlockedConv) divide() {
	s := &c.spec
	units, least := c.win[1].out, 1
	c.depth = len(c.taps)
	if c.flat {
		units, least = c.win.outputs(), 2*c.kern.pixels
		c.blockPixels(units, least)
	}
	images := max(1, s.N*s.Group)
	want := ceilDiv(max(1, s.Split), images)
	weightBytes := c.groupWeights() * floatBytes
	if c.padded && units > c.band {
		least = min(c.band, max(1, units/want))
	}
	if weightBytes > 2*cacheBytes { // read them as few times as may be
		c.channels = newChunks(ceilDiv(c.outBlocks, c.kern.blocks), want, 1)
		want = ceilDiv(want, max(1, c.channels.tasks))
		c.rows = newChunks(units, want, least)
		return
	}
	c.rows = newChunks(units, want, least)
	c.channels = newChunks(ceilDiv(c.outBlocks, c.kern.blocks), ceilDiv(want, max(1, c.rows.tasks)), 1)
}

// Algorithm names how the convolution is computed.
func (c *BlockedConv) Algorithm() string {
	switch {
	case c.flat:
		return "pointwise"
	case c.spec.Plain:
		return "direct-plain"
	}
	return "direct"
}

// Tasks returns the number of tasks.
func (c *BlockedConv) Tasks() int {
	if c.win.outputs()*c.spec.OutC == 0 {
		return 0
	}
	return c.spec.N * c.spec.Group * c.rows.tasks * c.channels.tasks
}

// ScratchSize returns the number of float32 of scratch that Run needs.
func (c *BlockedConv) ScratchSize() int {
	if !c.padded {
		return 0
	}
	n := c.inPlanes * c.padH * c.padW
	if !c.spec.Plain {
		n *= Block
	}
	return n
}

// Run computes one task of y; residual is nil or laid out as y, which it may be.
func (c *BlockedConv) Run(task int, y, x, residual, scratch []float32) {
	c.RunPacked(task, y, x, c.packed, residual, scratch)
}

// RunPacked is Run with weights and bias that Pack has packed.
func (c *BlockedConv) RunPacked(task int, y, x, packed, residual, scratch []float32) {
	s := &c.spec
	image := task % (s.N * s.Group)
	task /= s.N * s.Group
	r0, r1 := c.rows.bounds(task % c.rows.tasks)
	m0, m1 := c.channels.bounds(task / c.rows.tasks)

	outSize := c.outBlocks * c.place.plane / floatBytes
	b := c.bandOf(image, x, packed)
	b.y = y[image*outSize:][:outSize]
	if residual != nil {
		b.residual = residual[image*outSize:][:outSize]
	}
	for b.r0 = r0; b.r0 < r1; b.r0 += c.band {
		b.r1 = min(b.r0+c.band, r1)
		c.runBand(&b, m0, m1, scratch)
	}
}

// bandOf is what the bands of an image's group have in common but for the output; image counts groups.
func (c *BlockedConv) bandOf(image int, x, packed []float32) bandRun {
	size := c.inPlanes * c.inPlane
	if !c.spec.Plain {
		size *= Block
	}
	group, biases := image%c.spec.Group, c.outBlocks*Block
	return bandRun{
		x:       x[image*size:][:size],
		weights: packed[group*c.groupWeights():][:c.groupWeights()],
		bias:    packed[c.spec.Group*c.groupWeights()+group*biases:][:biases],
	}
}

// blockPixels chooses how many pixels, and channels of them, are worked on at once, such that both stay in the cache while
// all weights go by. It does not depend on the division into tasks.
func (c *BlockedConv) blockPixels(pixels, least int) {
	const cache, fewest = cacheBytes * 3 / 2, 16 // blocks of channels, so that sums are not fetched too often
	pixels = max(1, pixels)
	if c.depth > fewest && c.depth*pixels*blockBytes > cache {
		c.depth = max(fewest, cache/(blockBytes*min(pixels, cache/(blockBytes*fewest))))
		c.depth = ceilDiv(len(c.taps), ceilDiv(len(c.taps), c.depth))
	}
	c.band = max(least, cache/((c.depth+c.kern.blocks)*blockBytes))
	c.band = roundUp(ceilDiv(pixels, ceilDiv(pixels, c.band)), c.kern.pixels)
}

// bandRun is what the tiles of a band have in common.
type bandRun struct {
	r0, r1         int
	y0             int            // the row that y begins with
	base           unsafe.Pointer // the input of the first output
	rowStep        int
	y, x, residual []float32
	weights, bias  []float32 // of the group
}

// runBand computes rows (or pixels) r0…r1-1 of groups m0…m1-1 of output blocks.
func (c *BlockedConv) runBand(r *bandRun, m0, m1 int, scratch []float32) {
	h, w := &c.win[1], &c.win[2]
	pixel := blockBytes
	if c.spec.Plain {
		pixel = floatBytes
	}
	r.base, r.rowStep = unsafe.Pointer(unsafe.SliceData(r.x)), h.stride*w.in*pixel
	switch {
	case c.padded:
		c.copyPadded(scratch, r.x, r.r0, r.r1)
		r.base, r.rowStep = unsafe.Pointer(unsafe.SliceData(scratch)), h.stride*c.padW*pixel
	case c.flat:
		r.base = unsafe.Add(r.base, r.r0*blockBytes)
	default:
		r.base = unsafe.Add(r.base, r.r0*r.rowStep)
	}
	for t := 0; t < len(c.taps); t += c.depth {
		for m := m0; m < m1; m++ {
			c.runTaps(r, m, t, min(t+c.depth, len(c.taps)))
		}
	}
}

// runTaps adds the taps t0…t1-1 of a band to group m of output blocks; the first ones begin the sums, the last finish
// them.
func (c *BlockedConv) runTaps(r *bandRun, m, t0, t1 int) {
	b := m * c.kern.blocks
	nb := min(c.kern.blocks, c.outBlocks-b)
	perBlock := len(r.weights) / c.outBlocks
	a := tileArgs{taps: &c.taps[t0], count: t1 - t0, px: c.px, ypx: c.place.px, yb: c.place.plane}
	a.w, a.wstep = &r.weights[b*perBlock+t0*Block*nb*Block], nb*blockBytes
	a.bias = &r.bias[b*Block]
	res := r.residual
	if t0 > 0 {
		a.bias, res = &zeros[0], r.y
	}
	last := t1 == len(c.taps)
	if last {
		a.setActivation(c.spec.Act)
	}
	lines, width, first := r.r1-r.r0, c.win[2].out, b*a.yb+c.place.first+(r.r0-r.y0)*c.place.row
	if c.flat {
		lines, width, first = 1, r.r1-r.r0, b*a.yb+r.r0*blockBytes
	}
	tiles := ceilDiv(width, c.kern.pixels)
	yBase, resBase := unsafe.Pointer(unsafe.SliceData(r.y)), unsafe.Pointer(unsafe.SliceData(res))
	function, waiting := last && c.spec.Act.Kind == Function, 0 // pixels that it has not yet been applied to
	for line := range lines {
		for t := range tiles {
			from, to := t*width/tiles, (t+1)*width/tiles
			out := first + line*c.place.row + from*a.ypx
			a.shape = to - from + 16*nb
			a.x = unsafe.Add(r.base, line*r.rowStep+from*c.px)
			a.y = unsafe.Add(yBase, out)
			if res != nil {
				a.res = unsafe.Add(resBase, out)
			}
			c.kern.run(noescape(&a))
			waiting += to - from
			if function && (waiting >= activatePixels || line+1 == lines && t+1 == tiles) {
				c.activate(r.y, out/floatBytes+(to-from-waiting)*Block, a.yb/floatBytes, nb, waiting)
				waiting = 0
			}
		}
	}
}

// activate applies a function to some pixels of nb blocks, the first of which begin at element at.
func (c *BlockedConv) activate(y []float32, at, step, nb, pixels int) {
	for i := range nb {
		c.spec.Act.apply(c.spec.Set, y[at+i*step:][:pixels*Block])
	}
}

// activatePixels is how many pixels are computed before a function is applied to them, while they are in the first-level
// cache.
const activatePixels = 48

// copyPadded copies the input of output rows r0…r1-1, with zeros around it, to scratch.
func (c *BlockedConv) copyPadded(dst, src []float32, r0, r1 int) {
	size := 1
	if !c.spec.Plain {
		size = Block
	}
	c.win.copyPadded(dst, src, c.inPlanes, size, c.padH, c.padW, r0, r1)
}
