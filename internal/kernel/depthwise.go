package kernel

import "fmt"

// DepthwiseSpec describes a two-dimensional convolution of each channel by itself, on blocked data: input N×C×In,
// weights C×Kernel, output N×C×Out.
type DepthwiseSpec struct {
	N, C int
	Spatial
	Weights, Bias []float32 // Bias may be nil
	Packed        bool      // both come with RunPacked, in a form that Pack makes
	Act           Activation
	Split         int
	Set           *Set
	Packs         *Packs // where packed weights are kept; nil: nowhere
}

// Depthwise is a prepared depthwise convolution, y = act(x ∗ w + bias).
type Depthwise struct {
	slide
	c      int
	act    Activation
	packed []float32 // weights [blocks][taps][16], bias [blocks][16]
	pack   chunks    // of blocks
}

// NewDepthwise prepares a depthwise convolution.
func NewDepthwise(spec DepthwiseSpec) (*Depthwise, error) {
	const what = "depthwise"
	if err := spec.complete(what); err != nil {
		return nil, err
	}
	full := ConvSpec{N: spec.N, C: spec.C, OutC: spec.C, Group: max(1, spec.C), Spatial: spec.Spatial, Weights: spec.Weights, Act: spec.Act}
	if err := full.check(what); err != nil {
		return nil, err
	}
	taps := product(spec.Kernel)
	if len(spec.In) != 2 || !spec.Packed && len(spec.Weights) != spec.C*taps || spec.Bias != nil && len(spec.Bias) != spec.C {
		return nil, fmt.Errorf("kernel: %s: %d weights and a bias of %d for %d channels and %v", what, len(spec.Weights), len(spec.Bias), spec.C, spec.Kernel)
	}
	d := &Depthwise{slide: newSlide(spec.Set, spec.N, spec.C, &spec.Spatial, spec.Split, [3][]int{}), c: spec.C, act: spec.Act}
	d.pack = newChunks(d.blocks, spec.Split, 4)
	if !spec.Packed {
		d.packed = spec.Packs.get(spec.Weights, spec.Bias, fmt.Sprintf("depthwise %d %d", spec.C, d.weightTaps), func() []float32 {
			packed := alignedFloats(d.PackedSize())
			for task := range d.PackTasks() {
				d.Pack(task, packed, spec.Weights, spec.Bias, nil)
			}
			return packed
		})
	}
	return d, nil
}

// PackedSize returns the number of float32 of packed weights and bias.
func (d *Depthwise) PackedSize() int { return d.blocks * (d.weightTaps + 1) * Block }

// PackTasks returns the number of tasks of Pack.
func (d *Depthwise) PackTasks() int { return d.pack.tasks }

// PackScratchSize returns 0: packing needs no scratch.
func (d *Depthwise) PackScratchSize() int { return 0 }

// Pack computes one task of packed weights and bias, which may be nil.
func (d *Depthwise) Pack(task int, packed, weights, bias, _ []float32) {
	packDepthwise(d.pack, task, packed, weights, bias, d.c, d.weightTaps)
}

// Algorithm names how the convolution is computed.
func (d *Depthwise) Algorithm() string { return "depthwise" }

// Run computes one task of y.
func (d *Depthwise) Run(task int, y, x []float32) { d.RunPacked(task, y, x, d.packed) }

// RunPacked is Run with weights and bias that Pack has packed.
func (d *Depthwise) RunPacked(task int, y, x, packed []float32) {
	var a windowArgs
	var clamp tileArgs
	clamp.setActivation(d.act)
	a.clamp, a.lo, a.hi = clamp.clamp, clamp.lo, clamp.hi
	weights := d.blocks * d.weightTaps * Block
	d.run(slideFMA, task, y, x, packed[:weights], packed[weights:], &a)
	if d.act.Kind == Function {
		d.activate(task, y)
	}
}

// activate applies a function to what a task has computed.
func (d *Depthwise) activate(task int, y []float32) {
	row, size := d.win[2].out*Block, d.win.outputs()*Block
	lo, hi := d.bounds(task)
	for u := lo; u < hi; u++ {
		plane, band := u/d.bands, u%d.bands
		r0, r1 := band*d.win[1].out/d.bands, (band+1)*d.win[1].out/d.bands
		d.act.apply(d.set, y[plane*size+r0*row:plane*size+r1*row])
	}
}
