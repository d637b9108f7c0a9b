package kernel

import "fmt"

// ConvSpec describes a convolution as ONNX's Conv does: input N×C×spatial, weights OutC×(C/Group)×kernel, output
// N×OutC×spatial, over one to three spatial axes.
type ConvSpec struct {
	N, C, OutC, Group int
	Spatial
	Weights []float32 // nil: they come with Run
	Bias    bool      // OutC elements are added
	Act     Activation
	Split   int    // tasks wanted
	Packs   *Packs // where packed weights are kept; nil: nowhere
}

// Conv is a prepared convolution: y = act(x ∗ w + bias + residual).
type Conv struct {
	spec    ConvSpec
	win     window
	images  int      // images × groups
	outputs int      // positions of one output channel
	ep      epilogue // its activation is the best set's
	method  convMethod
	gemm    blocked
	chunks  chunks // of convDirect: channels; of convVector: output channels of one image and group
	packed  [][]float32
}

// convMethod is how a convolution is computed.
type convMethod uint8

const (
	convGemm   convMethod = iota // implicit im2col: blocks of the im2col matrix are packed straight from the image
	convDirect                   // one input channel a group: output lines are summed tap by tap
	convVector                   // one output position: matrix times vector, weights in place
)

// NewConv prepares a convolution. Constant weights are copied in packed form where the method wants it.
func NewConv(spec ConvSpec) (*Conv, error) {
	if err := spec.complete("conv"); err != nil {
		return nil, err
	}
	if err := spec.check("conv"); err != nil {
		return nil, err
	}
	c := &Conv{spec: spec, win: spec.window(), images: spec.N * spec.Group, ep: epilogue{set: Best(), alpha: 1, beta: 1, act: spec.Act}}
	c.outputs = c.win.outputs()
	if spec.Bias {
		c.ep.bias = BiasPerRow
	}
	perImage := ceilDiv(max(1, spec.Split), max(1, c.images))
	m, k := spec.OutC/spec.Group, spec.C/spec.Group*c.win.taps()
	switch {
	case c.outputs == 1:
		c.method = convVector
		c.chunks = newChunks(m, perImage, grain*4/max(1, k))
	case spec.C == spec.Group && (spec.Group > 1 || m <= 2):
		c.method = convDirect
		c.chunks = newChunks(spec.N*spec.OutC, spec.Split, 1)
	default:
		c.prepareGemm(m, k, perImage)
	}
	return c, nil
}

func (s *ConvSpec) check(what string) error {
	if s.N < 0 || s.C < 0 || s.OutC < 0 || s.Group < 1 || s.C%s.Group != 0 || s.OutC%s.Group != 0 {
		return fmt.Errorf("kernel: %s: unsupported %d images, %d to %d channels in %d groups", what, s.N, s.C, s.OutC, s.Group)
	}
	if _, err := count(what, append([]int{s.N, s.C}, s.In...)...); err != nil {
		return err
	}
	if _, err := count(what, append([]int{s.N, s.OutC}, s.Out...)...); err != nil {
		return err
	}
	weights, err := count(what, append([]int{s.C / s.Group, s.OutC}, s.Kernel...)...)
	if err != nil {
		return err
	}
	if s.Weights != nil && len(s.Weights) != weights {
		return fmt.Errorf("kernel: %s: %d weights, want %d", what, len(s.Weights), weights)
	}
	if s.Act.Kind > Function {
		return fmt.Errorf("kernel: %s: unknown activation %d", what, s.Act.Kind)
	}
	return nil
}

func (c *Conv) prepareGemm(m, k, want int) {
	kern := genericKernel()
	c.gemm = blocked{kern: kern, m: m, n: c.outputs, k: k, packA: packColumns(kern.mr, k)}
	if c.win.pointwise() {
		c.gemm.packB = packRows(kern.nr, c.outputs)
	} else {
		c.gemm.packB = packWindow(kern.nr, &c.win)
	}
	if c.spec.Weights != nil {
		c.packed = make([][]float32, c.spec.Group)
		for g := range c.packed {
			c.packed[g] = c.gemm.packAll(c.spec.Packs, "columns", c.gemm.packA, c.spec.Weights[g*m*k:], kern.mr, m)
		}
		c.gemm.packA = nil
		c.spec.Weights = nil
	}
	c.gemm.split(want)
}

// Tasks returns the number of tasks.
func (c *Conv) Tasks() int {
	switch {
	case c.spec.N*c.spec.OutC*c.outputs == 0:
		return 0
	case c.method == convDirect:
		return c.chunks.tasks
	case c.method == convVector:
		return c.images * c.chunks.tasks
	}
	return c.images * c.gemm.tasks()
}

// ScratchSize returns the number of float32 of scratch that Run needs.
func (c *Conv) ScratchSize() int {
	switch c.method {
	case convDirect:
		return 0
	case convVector:
		return c.spec.C / c.spec.Group * c.win.taps()
	}
	return c.gemm.scratchSize()
}

// Run computes one task of y. w is ignored where the spec has the weights; bias may be nil where the spec has none;
// residual is nil or has the shape of y, from which it must lie apart.
func (c *Conv) Run(task int, y, x, w, bias, residual, scratch []float32) {
	if c.spec.Weights != nil {
		w = c.spec.Weights
	}
	if c.method == convDirect {
		c.runDirect(task, y, x, w, bias, residual)
		return
	}
	image := task % c.images
	group := image % c.spec.Group
	m, k := c.spec.OutC/c.spec.Group, c.spec.C/c.spec.Group*c.win.taps()
	o := operands{b: x[image*(c.spec.C/c.spec.Group)*c.win.inputs():], ldc: c.outputs}
	o.c = y[image*m*c.outputs:][:m*c.outputs]
	if residual != nil {
		o.residual = residual[image*m*c.outputs:][:m*c.outputs]
	}
	if c.spec.Bias {
		o.bias = bias[group*m:][:m]
	}
	if c.packed != nil {
		o.a = c.packed[group]
	} else {
		o.a = w[group*m*k:][:m*k]
	}
	if c.method == convVector {
		c.runVector(task/c.images, &o, m, k, scratch)
		return
	}
	c.gemm.run(c.gemm.tile(task/c.images), &o, &c.ep, scratch)
}

// runVector computes a convolution with one output position.
func (c *Conv) runVector(task int, o *operands, m, k int, scratch []float32) {
	x := o.b
	if c.win.whole() {
		x = x[:k]
	} else {
		x = scratch[:k]
		for i := range x {
			c.win.gather(x[i:i+1], o.b, i, 0)
		}
	}
	i0, i1 := c.chunks.bounds(task)
	gemvDots(generic(), o.c, x, o.a, 1, m, k, i0, i1)
	c.ep.run(o, i0, i1, 0, 1)
}
