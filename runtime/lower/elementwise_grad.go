package lower

import (
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// pointwiseGrad computes the gradient of an elementwise function, in the layout of what it reads. That of a rectifier that
// only the gradient of a batch normalization reads is left to it.
func (s *selector) pointwiseGrad(n *ir.Node, op *ops.PointwiseGrad) (bool, error) {
	dy, v, dx := n.In(0), n.In(1), n.Out(0)
	if !slices.Equal(sizes(dy), sizes(v)) {
		return false, nil
	}
	if op.Of == "Relu" && s.leaveToNorm(n) {
		return true, nil
	}
	layout := Plain
	if s.isBlockable(dy) && (s.isIn(dy, Blocked) || s.isIn(v, Blocked)) {
		if fits, err := keepsPadding(op); err != nil {
			return false, err
		} else if fits {
			layout = Blocked
		}
	}
	from, at, to := s.read(dy, layout), s.read(v, layout), s.write(dx, layout)
	k, err := s.newPointwiseGrad(op, to.Len)
	if err != nil {
		return false, err
	}
	st := s.step(n, k, arrays(from, at), arrays(to), func(m *Memory, task, _ int) { k.Run(task, m.F32(to), m.F32(from), m.F32(at)) })
	if layout == Blocked {
		st.Views = s.over(to, from)
	}
	return true, nil
}

// rectifiedSum computes a sum of blocked data and the rectifier that alone reads it.
func (s *selector) rectifiedSum(n *ir.Node) (bool, error) {
	next := s.onlyReader(n.Out(0))
	if next == nil || !s.anyBlocked(n) || n.In(0).Const() != nil || n.In(1).Const() != nil ||
		!s.isBlockable(n.In(0)) || !s.isBlockable(n.In(1)) || !slices.Equal(sizes(n.In(0)), sizes(n.In(1))) {
		return false, nil
	}
	if _, ok := next.Op.(*ops.Relu); !ok {
		return false, nil
	}
	a, b, y := s.read(n.In(0), Blocked), s.read(n.In(1), Blocked), s.write(next.Out(0), Blocked)
	k, err := kernel.NewBinary(kernel.BinarySpec{
		Op: kernel.Add, ShapeA: []int{y.Len}, ShapeB: []int{y.Len}, Act: kernel.Activation{Kind: kernel.Relu}, Split: s.split(), Set: s.opts.Set,
	})
	if err != nil {
		return false, err
	}
	st := s.step(n, k, arrays(a, b), arrays(y), func(m *Memory, task, _ int) { k.Run(task, m.F32(y), m.F32(a), m.F32(b)) })
	st.Nodes = append(st.Nodes, next)
	s.covered[next] = true
	return true, nil
}

// keepsPadding reports whether a derivative is finite at zero, so that channels that are padding stay zero.
func keepsPadding(op *ops.PointwiseGrad) (bool, error) {
	f, err := op.Derivative()
	if err != nil {
		return false, err
	}
	return !math.IsNaN(f(0) - f(0)), nil
}

// pointwiseKernel is a kernel of the gradient of an elementwise function.
type pointwiseKernel interface {
	tasked
	Run(task int, dx, dy, v []float32)
	Part(dx, dy, v []float32)
}

// newPointwiseGrad prepares the gradient of n elements.
func (s *selector) newPointwiseGrad(op *ops.PointwiseGrad, n int) (pointwiseKernel, error) {
	if act, ok := clampOf(op); ok {
		return kernel.NewClampGrad(n, act, s.split(), s.opts.Set)
	}
	spec := kernel.PointwiseGradSpec{Len: n, Split: s.split(), Set: s.opts.Set}
	if err := describeSlope(&spec, op); err != nil {
		return nil, err
	}
	return kernel.NewPointwiseGrad(spec)
}

// clampOf is the function that op is the gradient of, if it is one that only bounds.
func clampOf(op *ops.PointwiseGrad) (kernel.Activation, bool) {
	low, high, clip := op.Bounds()
	switch {
	case clip:
		return kernel.Activation{Kind: kernel.Clip, Min: low, Max: high}, true
	case op.Of == "Relu":
		return kernel.Activation{Kind: kernel.Relu}, true
	}
	return kernel.Activation{}, false
}

// describeSlope says what the derivative of another function is.
func describeSlope(spec *kernel.PointwiseGradSpec, op *ops.PointwiseGrad) error {
	f, err := op.Function()
	if err != nil {
		return err
	}
	nan := float32(math.NaN()) // no bound
	free := kernel.Slope{Lo: nan, Hi: nan}
	switch f := f.(type) {
	case *ops.LeakyRelu:
		spec.Slope = &kernel.Slope{Lo: 0, Hi: nan, Below: f.Alpha, Constant: 1}
	case *ops.HardSigmoid:
		if f.Alpha > 0 {
			spec.Slope = &kernel.Slope{Lo: -f.Beta / f.Alpha, Hi: (1 - f.Beta) / f.Alpha, Constant: f.Alpha}
		}
	case *ops.HardSwish:
		spec.Slope = &kernel.Slope{Lo: math.Nextafter32(-3, -4), Hi: math.Nextafter32(3, 4), Above: 1, Constant: 0.5, Linear: 1. / 3}
	case *ops.Tanh:
		if op.Result {
			free.Constant, free.Square = 1, -1
			spec.Slope = &free
		}
	case *ops.Sigmoid:
		if op.Result {
			free.Linear, free.Square = 1, -1
			spec.Slope = &free
		}
	case *ops.Exp:
		if op.Result {
			free.Linear = 1
			spec.Slope = &free
		}
	case *ops.Swish:
		spec.Op, spec.Alpha = new(kernel.UnaryOp), f.Alpha
		*spec.Op = kernel.UnarySwish
	case *ops.Gelu:
		if f.Approximate != "tanh" {
			spec.Op = new(kernel.UnaryOp)
			*spec.Op = kernel.UnaryGelu
		}
	}
	if spec.Slope == nil && spec.Op == nil {
		spec.Function, err = op.Derivative()
	}
	return err
}
