package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// lanewise is the Def of an operator that takes each lane of a floating-point tensor, its elements along one axis,
// through a function; axis says which for an operator's attributes.
func lanewise[T any, P interface {
	*T
	ir.Op
}](name, doc string, axis func(P) int, f32 func(dst, src []float32), f64 func(dst, src []float64)) *ir.Def {
	return &ir.Def{
		Name: name, Family: ir.Activation, Doc: doc + ", along an axis", Since: []int{1, 11, 13},
		New:       func() ir.Op { return P(ir.New[T]()) },
		Ins:       []ir.Param{{Name: "input", Type: "T"}},
		Outs:      []ir.Param{{Name: "output", Type: "T"}},
		Types:     map[string]ir.TypeSet{"T": floatTypes},
		Upgrade:   upgradeCoerced2D[T, P],
		Downgrade: func(l *ir.Legacy) error { return downgradeCoerced2D[T, P](l, axis(l.Node.Op.(P))) },
		Infer: func(c *ir.InferCtx) error {
			if x := c.Shape(0); x != nil {
				if _, err := axisOf(axis(c.Node.Op.(P)), len(x)); err != nil {
					return &ir.AttrError{Attr: "axis", Msg: err.Error()}
				}
			}
			return sameShape(c)
		},
		Eval: floatEval(
			func(c *ir.EvalCtx) error { return mapLanes(c, axis(c.Op.(P)), f32) },
			func(c *ir.EvalCtx) error { return mapLanes(c, axis(c.Op.(P)), f64) }),
	}
}

// mapLanes computes output 0 from the lanes of input 0 along an axis.
func mapLanes[T tensor.Float](c *ir.EvalCtx, axis int, f func(dst, src []T)) error {
	x := c.In[0]
	axis, err := axisOf(axis, x.Rank())
	if err != nil {
		return err
	}
	out, err := c.Output(0, x.DType(), x.Shape()...)
	if err != nil || out.Len() == 0 {
		return err
	}
	src, dst := tensor.Data[T](x), tensor.Data[T](out)
	n, inner := x.Dim(axis), product(x.Shape()[axis+1:])
	if inner == 1 {
		for at := 0; at < len(src); at += n {
			c.Spend(n)
			f(dst[at:][:n], src[at:][:n])
		}
		return nil
	}
	s := &scratch{c: c}
	from, to := take[T](s, n), take[T](s, n)
	if s.err != nil {
		return s.err
	}
	for at := 0; at < len(src); at += n * inner {
		for j := range inner {
			c.Spend(n)
			for i := range from {
				from[i] = src[at+i*inner+j]
			}
			f(to, from)
			for i, v := range to {
				dst[at+i*inner+j] = v
			}
		}
	}
	return nil
}

// Before opset 13 the lanes were the rows of a matrix: the dimensions before the axis, 1 unless given, by those from it
// on.
func upgradeCoerced2D[T any, P interface {
	*T
	ir.Op
}](l *ir.Legacy) error {
	if l.Opset >= 13 || l.In(0) == nil {
		return nil
	}
	axis, given, err := l.TakeInt("axis")
	if err != nil {
		return err
	}
	if !given {
		axis = 1
	}
	shape := l.In(0).Type().Shape
	if along, ok := onlyAxis(shape, axis); ok {
		l.Set("axis", along)
		return nil
	}
	matrix, err := l.Emit(&Flatten{Axis: axis}, l.In(0))
	if err != nil {
		return err
	}
	op := P(ir.New[T]()) // whose axis is the last one
	if err := ir.DecodeAttrs(op, l.Attrs, false); err != nil {
		return err
	}
	rows, err := l.Emit(op, matrix)
	if err != nil {
		return err
	}
	size, err := l.Emit(ir.New[Shape](), l.In(0))
	if err != nil {
		return err
	}
	out, err := l.Emit(ir.New[Reshape](), rows, size)
	if err == nil {
		l.Replace(out)
	}
	return err
}

// onlyAxis is the axis along which lie all elements of the dimensions from axis on: the others there have size 1.
func onlyAxis(shape ir.Shape, axis int) (int, bool) {
	axis, err := axisOf(axis, len(shape))
	if err != nil {
		return 0, false
	}
	only, found := axis, false
	for i, d := range shape[axis:] {
		if d == ir.Known(1) {
			continue
		}
		if found {
			return 0, false
		}
		only, found = axis+i, true
	}
	return only, true
}

// downgradeCoerced2D makes the axis the last one, by transposing where it is not.
func downgradeCoerced2D[T any, P interface {
	*T
	ir.Op
}](l *ir.Legacy, axis int) error {
	if l.Opset >= 13 {
		return nil
	}
	shape := l.In(0).Type().Shape
	if shape == nil {
		if l.Set("axis", axis); axis == -1 && l.Opset >= 11 {
			return nil
		}
		return l.Needs(13, "an axis of a tensor of unknown rank")
	}
	axis, err := axisOf(axis, len(shape))
	if err != nil {
		return err
	}
	l.Set("axis", axis)
	if shape[axis+1:].Count() == ir.Known(1) {
		return nil
	}
	last, op := len(shape)-1, P(ir.New[T]())
	if err := ir.DecodeAttrs(op, []ir.Attr{{Name: "axis", Value: last}}, false); err != nil {
		return err
	}
	swap := &Transpose{Perm: indexRange(shape)}
	swap.Perm[axis], swap.Perm[last] = last, axis
	s := steps{l: l}
	return s.end(s.do(swap, s.main(op, s.do(swap, l.In(0)))))
}
