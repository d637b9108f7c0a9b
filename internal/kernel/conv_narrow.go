package kernel

import (
	"fmt"
	"unsafe"
)

// NarrowConv is a prepared convolution of a plain input to fewer output channels than half a block has: pixels lie in the
// lanes, where in other algorithms channels do, and are transposed at the end.
type NarrowConv struct {
	spec       BlockedConvSpec
	kern       narrowKernel
	win        window
	order      weightOrder
	packed     []float32 // weights [C × taps][OutC], and the bias
	taps       []int     // distances in the copy of the input with borders, in bytes
	padH, padW int       // size of a plane of that copy, of the rows of one band
	band       int       // rows of the output done at once
	together   int       // rows that are runs of pixels without a break, borders among them; 0: each row begins one
	rows       chunks
}

// fitsNarrow reports whether NewNarrowConv takes a complete spec.
func fitsNarrow(s *BlockedConvSpec) bool {
	return s.Plain && s.Group == 1 && !s.Residual && s.C > 0 && s.OutC > 0 && s.OutC <= s.Set.orBest().narrow.channels && s.Strides[1] == 1
}

// narrowRows reports whether it takes fewer runs of pixels to go through rows of a convolution of stride 1, with their borders,
// without a break.
func (s *BlockedConvSpec) narrowRows(pixels int) bool {
	width := s.Out[1] + (s.Kernel[1]-1)*s.Dilations[1]
	together := narrowRuns * pixels / max(1, width)
	return s.Strides[0] == 1 && together > 1 && together > narrowRuns/max(1, ceilDiv(s.Out[1], pixels))
}

// NewNarrowConv prepares a convolution; it fails where the spec does not fit.
func NewNarrowConv(spec BlockedConvSpec) (*NarrowConv, error) {
	if err := checkBlockedConv(&spec); err != nil {
		return nil, err
	}
	return newNarrowConv(spec, outputOrder(&spec))
}

// NewNarrowGradData prepares the gradient by the input of a convolution of stride 1 of few channels, with dy plain and dx
// blocked; it fails where that does not fit.
func NewNarrowGradData(spec ConvGradDataSpec) (*NarrowConv, error) {
	b, err := spec.narrow()
	if err != nil {
		return nil, err
	}
	return newNarrowConv(b, spec.flipped())
}

// narrow is the convolution of plain dy that gives dx, where the strides are 1.
func (s ConvGradDataSpec) narrow() (BlockedConvSpec, error) {
	b, err := s.exchanged("gradient by data")
	if err != nil {
		return b, err
	}
	b.Plain, b.Strides, b.Dilations = true, s.Strides, s.Dilations
	for d, k := range s.Kernel {
		if s.Strides[d] != 1 {
			return b, fmt.Errorf("kernel: gradient by data: strides %v, narrow ones are 1", s.Strides)
		}
		b.Pads = append(b.Pads, (k-1)*s.Dilations[d]-s.Pads[d])
	}
	return b, b.complete("gradient by data")
}

// newNarrowConv prepares a convolution with weights in any order.
func newNarrowConv(spec BlockedConvSpec, order weightOrder) (*NarrowConv, error) {
	if !fitsNarrow(&spec) {
		return nil, fmt.Errorf("kernel: narrow conv: does not fit a convolution of %d to %d channels, strides %v", spec.C, spec.OutC, spec.Strides)
	}
	c := &NarrowConv{spec: spec, kern: spec.Set.narrow, win: spec.window(), order: order}
	s, h, w := &c.spec, &c.win[1], &c.win[2]
	c.padW = roundUp(w.out, c.kern.pixels) + w.off[len(w.off)-1] - w.off[0]
	if s.narrowRows(c.kern.pixels) {
		c.padW = w.out + w.off[len(w.off)-1] - w.off[0]
		c.together = narrowRuns * c.kern.pixels / c.padW
	}
	reach := h.off[len(h.off)-1] - h.off[0] + 1
	fit := max(reach, cacheBytes/(c.padW*s.C*floatBytes)) // rows of the input that stay in the cache
	c.band = min(max(1, (fit-reach)/h.stride+1), max(1, h.out))
	c.padH = (c.band-1)*h.stride + reach
	for i := range s.C {
		for _, y := range h.off {
			for _, x := range w.off {
				c.taps = append(c.taps, ((i*c.padH+y-h.off[0])*c.padW+x-w.off[0])*floatBytes)
			}
		}
	}
	if !s.Packed {
		c.packed = s.Packs.get(s.Weights, s.Bias, fmt.Sprintf("narrow %d %d %v", s.C, s.OutC, s.Kernel), func() []float32 {
			packed := make([]float32, c.PackedSize())
			c.Pack(0, packed, s.Weights, s.Bias, nil)
			return packed
		})
	}
	s.Weights, s.Bias = nil, nil
	c.rows = newChunks(h.out, ceilDiv(max(1, s.Split), max(1, s.N)), 1)
	return c, nil
}

// Algorithm names how the convolution is computed.
func (c *NarrowConv) Algorithm() string { return "narrow" }

// Tasks returns the number of tasks.
func (c *NarrowConv) Tasks() int {
	if c.win.outputs() == 0 {
		return 0
	}
	return c.spec.N * c.rows.tasks
}

// ScratchSize returns the number of float32 of scratch that Run needs: for the transposition, then for the input.
func (c *NarrowConv) ScratchSize() int {
	return narrowRuns*Block*c.kern.pixels + c.spec.C*c.padH*c.padW + c.kern.pixels
}

// narrowRuns is how many runs of pixels are computed before the activation is applied to them and they are transposed.
const narrowRuns = 4

// PackedSize returns the number of float32 of packed weights and bias.
func (c *NarrowConv) PackedSize() int { return (len(c.taps) + 1) * c.spec.OutC }

// PackTasks returns 1: packing is one task.
func (c *NarrowConv) PackTasks() int { return 1 }

// PackScratchSize returns 0: packing needs no scratch.
func (c *NarrowConv) PackScratchSize() int { return 0 }

// Pack computes packed weights and bias, which may be nil.
func (c *NarrowConv) Pack(_ int, packed, weights, bias, _ []float32) {
	m, o := c.spec.OutC, &c.order
	for i := range len(c.taps) {
		in, tap := i/o.area, o.taps[i%o.area]
		for out := range m {
			packed[i*m+out] = weights[out*o.out+in*o.in+tap]
		}
	}
	to := packed[len(c.taps)*m:][:m]
	clear(to[copy(to, bias):])
}

// Run computes one task of y; residual is not looked at.
func (c *NarrowConv) Run(task int, y, x, residual, scratch []float32) {
	c.RunPacked(task, y, x, c.packed, residual, scratch)
}

// RunPacked is Run with weights and bias that Pack has packed.
func (c *NarrowConv) RunPacked(task int, y, x, packed, _, scratch []float32) {
	w := &c.win[2]
	image := task % c.spec.N
	r0, r1 := c.rows.bounds(task / c.spec.N)
	x = x[image*c.spec.C*c.win.inputs():][:c.spec.C*c.win.inputs()]
	y = y[image*c.win.outputs()*Block:][:r1*w.out*Block]
	lanes, padded := scratch[:narrowRuns*Block*c.kern.pixels], scratch[narrowRuns*Block*c.kern.pixels:]
	clear(lanes)
	for r := r0; r < r1; r += c.band {
		end := min(r+c.band, r1)
		c.win.copyPadded(padded, x, c.spec.C, 1, c.padH, c.padW, r, end)
		c.rowRuns(y[r*w.out*Block:], padded, packed, lanes, end-r)
	}
}

// rowRuns computes rows of y, and may spoil what lies behind them. The rows of lanes are the channels of narrowRuns runs.
func (c *NarrowConv) rowRuns(y, x, packed, lanes []float32, rows int) {
	width, px, step := c.win[2].out, c.kern.pixels, narrowRuns*c.kern.pixels
	inRow := c.win[1].stride * c.padW
	m := c.spec.OutC
	bias := packed[len(c.taps)*m:][:m]
	a := narrowArgs{taps: &c.taps[0], count: len(c.taps), w: &packed[0], bias: &bias[0], channels: m, ystep: step * floatBytes}
	if c.together > 0 {
		c.rowsTogether(&a, y, x, lanes, rows)
		return
	}
	perRow := ceilDiv(width, px)
	for first := 0; first < rows*perRow; first += narrowRuns {
		runs := min(narrowRuns, rows*perRow-first)
		for i := range runs {
			row, p := (first+i)/perRow, (first+i)%perRow*px
			a.x, a.y = unsafe.Pointer(&x[row*inRow+p]), unsafe.Pointer(&lanes[i*px])
			c.kern.run(noescape(&a))
		}
		c.spec.Act.apply(c.spec.Set, lanes[:(c.spec.OutC-1)*step+runs*px])
		for i := range runs {
			row, p := (first+i)/perRow, (first+i)%perRow*px
			c.turn(y[(row*width+p)*Block:], lanes, i*px, min(px, width-p))
		}
	}
}

// rowsTogether is rowRuns where some rows are a run without a break.
func (c *NarrowConv) rowsTogether(a *narrowArgs, y, x, lanes []float32, rows int) {
	width, px, step := c.win[2].out, c.kern.pixels, narrowRuns*c.kern.pixels
	for first := 0; first < rows; first += c.together {
		n := min(c.together, rows-first)
		runs := ceilDiv((n-1)*c.padW+width, px)
		for i := range runs {
			a.x, a.y = unsafe.Pointer(&x[first*c.padW+i*px]), unsafe.Pointer(&lanes[i*px])
			c.kern.run(noescape(a))
		}
		c.spec.Act.apply(c.spec.Set, lanes[:(c.spec.OutC-1)*step+runs*px])
		for i := range n {
			c.turn(y[(first+i)*width*Block:], lanes, i*c.padW, width)
		}
	}
}

// turn transposes n pixels from place at of lanes on.
func (c *NarrowConv) turn(y, lanes []float32, at, n int) {
	step := narrowRuns * c.kern.pixels
	if whole := roundUp(n, 8); whole*Block <= len(y) && at+whole <= step { // faster
		n = whole
	}
	transpose(c.spec.Set, y, lanes[at:], Block, n, Block, step)
}
