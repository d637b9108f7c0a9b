package kernel

import "fmt"

// DepthwiseSpec describes a two-dimensional convolution of each channel by itself, on blocked data: input N×C×In,
// weights C×Kernel, output N×C×Out.
type DepthwiseSpec struct {
	N, C int
	Spatial
	Weights, Bias []float32 // Bias may be nil
	Act           Activation
	Split         int
	Impl          Impl
}

// Depthwise is a prepared depthwise convolution, y = act(x ∗ w + bias).
type Depthwise struct {
	slide
	act           Activation
	weights, bias []float32 // [blocks][taps][16], [blocks][16]
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
	if len(spec.In) != 2 || len(spec.Weights) != spec.C*taps || spec.Bias != nil && len(spec.Bias) != spec.C {
		return nil, fmt.Errorf("kernel: %s: %d weights and a bias of %d for %d channels and %v", what, len(spec.Weights), len(spec.Bias), spec.C, spec.Kernel)
	}
	d := &Depthwise{slide: newSlide(spec.Impl, spec.N, spec.C, &spec.Spatial, spec.Split, [3][]int{}), act: spec.Act}
	d.weights, d.bias = alignedFloats(d.blocks*taps*Block), alignedFloats(d.blocks*Block)
	copy(d.bias, spec.Bias)
	for i, w := range spec.Weights {
		c, t := i/taps, i%taps
		d.weights[(c/Block*taps+t)*Block+c%Block] = w
	}
	return d, nil
}

// Algorithm names how the convolution is computed.
func (d *Depthwise) Algorithm() string { return "depthwise" }

// Run computes one task of y.
func (d *Depthwise) Run(task int, y, x []float32) {
	var a windowArgs
	var clamp tileArgs
	clamp.setActivation(d.act)
	a.clamp, a.lo, a.hi = clamp.clamp, clamp.lo, clamp.hi
	d.run(slideFMA, task, y, x, d.weights, d.bias, &a)
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
		d.act.apply(d.impl, y[plane*size+r0*row:plane*size+r1*row])
	}
}
