package lower

import (
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// elementwise selects how a function of each element is computed, in the layout of what it reads; gradients are in
// elementwise_grad.go.
func (s *selector) elementwise(n *ir.Node) (bool, error) {
	switch op := n.Op.(type) {
	case *ops.PointwiseGrad:
		return s.pointwiseGrad(n, op)
	case *ops.Add:
		if done, err := s.rectifiedSum(n); done || err != nil {
			return done, err
		}
	}
	spec, unary := unaryOf(n)
	op, binary := binaryOf(n)
	if unary {
		return s.unary(n, spec)
	}
	if binary && len(n.Inputs()) == 2 {
		return s.binary(n, op)
	}
	return false, nil
}

// binaryOf is the kernel of an elementwise operator of two inputs; ok is false where there is none.
func binaryOf(n *ir.Node) (op kernel.BinaryOp, ok bool) {
	switch n.Op.(type) {
	case *ops.Add:
		return kernel.Add, true
	case *ops.Sub:
		return kernel.Sub, true
	case *ops.Mul:
		return kernel.Mul, true
	case *ops.Div:
		return kernel.Div, true
	case *ops.Pow:
		return kernel.Pow, true
	case *ops.PRelu:
		return kernel.PRelu, true
	}
	return 0, false
}

// onlyPlain reports whether an operator has a kernel for plain arrays alone.
func onlyPlain(op kernel.BinaryOp) bool { return op == kernel.Pow || op == kernel.PRelu }

// unary computes a function of one value. Blocked, it must keep the padding of the channels zero.
func (s *selector) unary(n *ir.Node, spec kernel.UnarySpec) (bool, error) {
	x, y := n.In(0), n.Out(0)
	act := kernel.Activation{Kind: kernel.Function, Op: spec.Op, Min: spec.Alpha, Max: spec.Beta}
	if s.followsBlocked(n) && (sizes(x)[1]%kernel.Block == 0 || act.KeepsZero()) {
		return s.flatUnary(n, spec, s.read(x, Blocked), s.write(y, Blocked))
	}
	if s.followsRows(n) && s.isIn(x, Rows) {
		if _, _, c, _ := s.rowSizes(y); c%kernel.Block == 0 || act.KeepsZero() {
			return s.flatUnary(n, spec, s.read(x, Rows), s.write(y, Rows))
		}
	}
	spec.Len, spec.Split, spec.Set = product(sizes(x)), s.split(), s.opts.Set
	k, err := kernel.NewUnary(spec)
	if err != nil {
		return false, err
	}
	return s.applyPlain(n, k)
}

// flatUnary computes a function of all elements of an array.
func (s *selector) flatUnary(n *ir.Node, spec kernel.UnarySpec, x, y *Array) (bool, error) {
	spec.Len, spec.Split, spec.Set = y.Len, s.split(), s.opts.Set
	k, err := kernel.NewUnary(spec)
	if err != nil {
		return false, err
	}
	return s.apply(n, k, x, y)
}

// binary computes a function of two values.
func (s *selector) binary(n *ir.Node, op kernel.BinaryOp) (bool, error) {
	if s.followsBlocked(n) && !onlyPlain(op) {
		if done, err := s.blockedBinary(n, op); done || err != nil {
			return done, err
		}
	}
	if s.followsRows(n) && (op == kernel.Add || op == kernel.Mul) && n.In(0).Const() == nil && n.In(1).Const() == nil &&
		slices.Equal(sizes(n.In(0)), sizes(n.In(1))) {
		return s.flatBinary(n, op, s.read(n.In(0), Rows), s.read(n.In(1), Rows), s.write(n.Out(0), Rows))
	}
	k, err := kernel.NewBinary(kernel.BinarySpec{Op: op, ShapeA: sizes(n.In(0)), ShapeB: sizes(n.In(1)), Split: s.split(), Set: s.opts.Set})
	if err != nil { // more dimensions than the kernel takes
		return false, nil
	}
	y, a, b := s.array(n.Out(0), Plain), s.array(n.In(0), Plain), s.array(n.In(1), Plain)
	s.plain(n, k, func(m *Memory, task, _ int) { k.Run(task, m.F32(y), m.F32(a), m.F32(b)) })
	return true, nil
}

// blockedBinary computes a function of two values of one shape, of one and a constant number, or a product with one factor
// for each channel; it must keep the padding of the channels zero.
func (s *selector) blockedBinary(n *ir.Node, op kernel.BinaryOp) (bool, error) {
	if op == kernel.Mul {
		if done, err := s.blockedScale(n); done || err != nil {
			return done, err
		}
	}
	x, y := n.In(0), n.In(1)
	number := constFloat32(y)
	switch {
	case x.Const() != nil:
		return false, nil
	case len(number) == 1 && len(sizes(y)) <= 4:
	case y.Const() != nil || !s.isBlockable(y) || !slices.Equal(sizes(x), sizes(y)):
		return false, nil
	default:
		number = []float32{0}
	}
	if sizes(x)[1]%kernel.Block != 0 && !op.KeepsZero(number[0]) {
		return false, nil
	}
	layout := Blocked
	if y.Const() != nil {
		layout = Plain
	}
	return s.flatBinary(n, op, s.read(x, Blocked), s.read(y, layout), s.write(n.Out(0), Blocked))
}

// flatBinary computes a function of all elements of a and those of b, or the one number of a constant b.
func (s *selector) flatBinary(n *ir.Node, op kernel.BinaryOp, a, b, y *Array) (bool, error) {
	spec := kernel.BinarySpec{Op: op, ShapeA: []int{y.Len}, ShapeB: []int{y.Len}, Split: s.split(), Set: s.opts.Set}
	if b.Value.Const() != nil {
		spec.ShapeB = []int{1}
	}
	k, err := kernel.NewBinary(spec)
	if err != nil {
		return false, err
	}
	s.step(n, k, arrays(a, b), arrays(y), func(m *Memory, task, _ int) { k.Run(task, m.F32(y), m.F32(a), m.F32(b)) })
	return true, nil
}

// blockedScale computes a product with one factor for each channel of each image, as squeeze-and-excitation has it.
func (s *selector) blockedScale(n *ir.Node) (bool, error) {
	for i := range 2 {
		x, factor := n.In(i), n.In(1-i)
		if !s.isBlockable(x) || !s.isIn(x, Blocked) {
			continue
		}
		shape := sizes(x)
		if !slices.Equal(sizes(factor), []int{shape[0], shape[1], 1, 1}) || shape[2]*shape[3] == 1 {
			continue
		}
		if !s.hasPlain(factor) && !s.isIn(factor, Blocked) {
			return false, nil
		}
		k, err := kernel.NewBlockedScale(shape[0], shape[1], shape[2]*shape[3], s.split(), s.opts.Set)
		if err != nil {
			return false, err
		}
		factors, in, y := s.read(factor, Blocked), s.read(x, Blocked), s.write(n.Out(0), Blocked)
		s.step(n, k, arrays(in, factors), arrays(y), func(m *Memory, task, _ int) {
			k.Run(task, m.F32(y), m.F32(in), m.F32(factors))
		})
		return true, nil
	}
	return false, nil
}

// unaryOf is the kernel of an elementwise operator of one input; ok is false where there is none.
func unaryOf(n *ir.Node) (spec kernel.UnarySpec, ok bool) {
	switch op := n.Op.(type) {
	case *ops.LeakyRelu:
		return kernel.UnarySpec{Op: kernel.UnaryLeakyRelu, Alpha: op.Alpha}, true
	case *ops.Clip:
		return clipOf(n)
	case *ops.HardSigmoid:
		return kernel.UnarySpec{Op: kernel.UnaryHardSigmoid, Alpha: op.Alpha, Beta: op.Beta}, true
	case *ops.Elu:
		return kernel.UnarySpec{Op: kernel.UnaryElu, Alpha: op.Alpha}, true
	case *ops.Selu:
		return kernel.UnarySpec{Op: kernel.UnarySelu, Alpha: op.Alpha, Beta: op.Gamma}, true
	case *ops.Swish:
		return kernel.UnarySpec{Op: kernel.UnarySwish, Alpha: op.Alpha}, true
	case *ops.Pow:
		p := constFloat32(n.In(1))
		if len(p) != 1 || len(sizes(n.In(1))) > len(sizes(n.In(0))) {
			return spec, false
		}
		return kernel.UnarySpec{Op: kernel.UnaryPow, Alpha: p[0]}, true
	case *ops.Gelu:
		if op.Approximate == "tanh" {
			return kernel.UnarySpec{Op: kernel.UnaryGeluTanh}, true
		}
	}
	op, ok := functionOf(n.Op)
	return kernel.UnarySpec{Op: op}, ok
}

// functionOf is the kernel of an elementwise operator without parameters.
func functionOf(op ir.Op) (kernel.UnaryOp, bool) {
	switch op.(type) {
	case *ops.Relu:
		return kernel.UnaryRelu, true
	case *ops.HardSwish:
		return kernel.UnaryHardSwish, true
	case *ops.Neg:
		return kernel.UnaryNeg, true
	case *ops.Abs:
		return kernel.UnaryAbs, true
	case *ops.Sqrt:
		return kernel.UnarySqrt, true
	case *ops.Reciprocal:
		return kernel.UnaryReciprocal, true
	case *ops.Floor:
		return kernel.UnaryFloor, true
	case *ops.Ceil:
		return kernel.UnaryCeil, true
	case *ops.Round:
		return kernel.UnaryRound, true
	case *ops.Exp:
		return kernel.UnaryExp, true
	case *ops.Log:
		return kernel.UnaryLog, true
	case *ops.Sigmoid:
		return kernel.UnarySigmoid, true
	case *ops.Tanh:
		return kernel.UnaryTanh, true
	case *ops.Erf:
		return kernel.UnaryErf, true
	case *ops.Softplus:
		return kernel.UnarySoftplus, true
	case *ops.Softsign:
		return kernel.UnarySoftsign, true
	case *ops.Mish:
		return kernel.UnaryMish, true
	case *ops.Gelu:
		return kernel.UnaryGelu, true
	}
	return 0, false
}

// clipOf is a Clip whose bounds are constants or absent.
func clipOf(n *ir.Node) (spec kernel.UnarySpec, ok bool) {
	spec = kernel.UnarySpec{Op: kernel.UnaryClip, Alpha: float32(math.Inf(-1)), Beta: float32(math.Inf(1))}
	for i, bound := range []*float32{&spec.Alpha, &spec.Beta} {
		if v := n.In(i + 1); v != nil {
			c := constFloat32(v)
			if len(c) != 1 {
				return spec, false
			}
			*bound = c[0]
		}
	}
	return spec, true
}
