package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// arithmetic is a function of two numbers, given for the kinds of element types that it takes. Elements are widened for
// it and its results truncated: that wraps integers as their own width would, and rounds sums, differences, products
// and quotients of float32 as float32 arithmetic would.
type arithmetic struct {
	float    func(a, b float64) float64
	signed   func(a, b int64) int64
	unsigned func(a, b uint64) uint64
	rows     func(dst, a, b []float32) // float on rows (see combine), where its speed matters; else nil
}

// binary is the Def of an operator on two broadcast tensors of one element type; eval takes any type but the halves.
func binary[T any, P interface {
	*T
	ir.Op
}](name, doc string, types ir.TypeSet, since []int, infer func(*ir.InferCtx) error, eval func(*ir.EvalCtx) error) *ir.Def {
	return &ir.Def{
		Name: name, Family: ir.Arithmetic, Doc: doc + ", elementwise with broadcasting", Since: since,
		New:     func() ir.Op { return P(ir.New[T]()) },
		Ins:     []ir.Param{{Name: "A", Type: "T"}, {Name: "B", Type: "T"}},
		Outs:    []ir.Param{{Name: "C", Type: "T"}},
		Types:   map[string]ir.TypeSet{"T": types},
		Upgrade: upgradeBroadcast,
		Infer:   infer,
		Eval:    viaFloat32(eval),
	}
}

// eval computes output 0 from inputs 0 and 1.
func (f arithmetic) eval(c *ir.EvalCtx) error {
	out, err := broadcastOutput(c, c.In[0].DType())
	if err == nil {
		f.apply(c, out, c.In[0], c.In[1])
	}
	return err
}

// fold computes output 0 from any number of inputs, from left to right.
func (f arithmetic) fold(c *ir.EvalCtx) error {
	if len(c.In) == 1 {
		c.SetOutput(0, c.In[0])
		return nil
	}
	out, err := broadcastOutput(c, c.In[0].DType())
	if err != nil {
		return err
	}
	f.apply(c, out, c.In[0], c.In[1])
	for _, t := range c.In[2:] {
		f.apply(c, out, out, t)
	}
	return nil
}

// apply sets out to the function of a and b, which broadcast to its shape.
func (f arithmetic) apply(c *ir.EvalCtx, out, a, b *tensor.Tensor) {
	switch out.DType() {
	case tensor.Float32:
		if f.rows != nil {
			combine(c, out, a, b, f.rows)
			return
		}
		combine(c, out, a, b, widened[float32](f.float))
	case tensor.Float64:
		combine(c, out, a, b, widened[float64](f.float))
	case tensor.Int8:
		combine(c, out, a, b, widened[int8](f.signed))
	case tensor.Int16:
		combine(c, out, a, b, widened[int16](f.signed))
	case tensor.Int32:
		combine(c, out, a, b, widened[int32](f.signed))
	case tensor.Int64:
		combine(c, out, a, b, widened[int64](f.signed))
	case tensor.Uint8:
		combine(c, out, a, b, widened[uint8](f.unsigned))
	case tensor.Uint16:
		combine(c, out, a, b, widened[uint16](f.unsigned))
	case tensor.Uint32:
		combine(c, out, a, b, widened[uint32](f.unsigned))
	default:
		combine(c, out, a, b, widened[uint64](f.unsigned))
	}
}

func widened[T, W tensor.Real](f func(a, b W) W) func(dst, a, b []T) {
	return eachPair(func(a, b T) T { return T(f(W(a), W(b))) })
}

// eachPair makes a function of rows of one of elements.
func eachPair[A, B, R any](f func(a A, b B) R) func(dst []R, a []A, b []B) {
	return func(dst []R, a []A, b []B) {
		stepA, stepB := min(len(a)-1, 1), min(len(b)-1, 1)
		i, j := 0, 0
		for k := range dst {
			dst[k] = f(a[i], b[j])
			i += stepA
			j += stepB
		}
	}
}

// combine sets out to a function of a and b, which broadcast to its shape, as a third tensor may, too. The function takes
// rows: a and b of the length of dst, or one of them of one element that stands for all; dst may be a or b.
func combine[A, B, R tensor.Elem](c *ir.EvalCtx, out, a, b *tensor.Tensor, row func(dst []R, a []A, b []B)) {
	r := broadcastRows(out.Shape(), a.Shape(), b.Shape())
	dst, x, y := tensor.Data[R](out), tensor.Data[A](a), tensor.Data[B](b)
	part := func(from, to, length int) (lo, hi int) { return min(from, length-1), min(to, length) } // of one element, that
	r.each(func(at int, offs []int) {
		c.Steps(r.length, 1, func(from, to int) {
			x0, x1 := part(from, to, r.lengths[0])
			y0, y1 := part(from, to, r.lengths[1])
			if max(r.lengths[0], r.lengths[1]) == 1 { // of both, which only a third one stretches
				row(dst[at+from:][:1], x[offs[0]:][:1], y[offs[1]:][:1])
				fill(dst[at+from:at+to], dst[at+from])
				return
			}
			row(dst[at+from:at+to], x[offs[0]+x0:offs[0]+x1], y[offs[1]+y0:offs[1]+y1])
		})
	})
}

// broadcastOutput creates output 0 of the shape that the inputs broadcast to.
func broadcastOutput(c *ir.EvalCtx, dt tensor.DType) (*tensor.Tensor, error) {
	shapes := make([][]int, len(c.In))
	for i, t := range c.In {
		shapes[i] = t.Shape()
	}
	shape, err := broadcastInts(shapes...)
	if err != nil {
		return nil, err
	}
	return c.Output(0, dt, shape...)
}

// inferBroadcast is the Infer of operators whose output has the shape that the inputs broadcast to.
func inferBroadcast(c *ir.InferCtx) error {
	shapes := make([]ir.Shape, c.NumIn())
	for i := range shapes {
		shapes[i] = c.Shape(i)
	}
	out, err := broadcast(shapes...)
	c.SetShape(0, out)
	return err
}

// inferArithmetic is inferBroadcast that follows the elements of shape-like values as well; f says what the operator
// does to two.
func inferArithmetic(f func(a, b ir.Dim) ir.Dim) func(*ir.InferCtx) error {
	return func(c *ir.InferCtx) error {
		if err := inferBroadcast(c); err != nil {
			return err
		}
		dims := c.Dims(0)
		for i := 1; i < c.NumIn(); i++ {
			dims = combineDims(c.DType(0), dims, c.Dims(i), f)
		}
		c.SetDims(0, dims)
		return nil
	}
}

// combineDims is f of the elements, nil where they are not known or the type is not one of shapes.
func combineDims(dt tensor.DType, a, b []ir.Dim, f func(a, b ir.Dim) ir.Dim) []ir.Dim {
	if len(a) == 0 || len(b) == 0 || len(a) != len(b) && len(a) != 1 && len(b) != 1 || !indexTypes.Has(dt) {
		return nil
	}
	out := make([]ir.Dim, max(len(a), len(b)))
	for i := range out {
		d := f(a[i%len(a)], b[i%len(b)])
		if dt == tensor.Int32 && (d.N < math.MinInt32 || d.N > math.MaxInt32) {
			d = ir.UnknownDim
		}
		out[i] = d
	}
	return out
}

// upgradeBroadcast gives B the shape in which it broadcasts to A by today's rule. Before opset 7 it did so only if the
// attribute broadcast was set, its dimensions matching those of A from the attribute axis on, or the last ones.
func upgradeBroadcast(l *ir.Legacy) error {
	if err := dropConsumedInputs(l); err != nil || l.Opset >= 7 {
		return err
	}
	enabled, _, err := l.TakeInt("broadcast")
	if err != nil {
		return err
	}
	axis, given, err := l.TakeInt("axis")
	if err != nil || !given || enabled == 0 || l.In(0) == nil || l.In(1) == nil {
		return err
	}
	a, b := l.In(0).Type().Shape, l.In(1).Type().Shape
	if a == nil || b == nil {
		return &ir.AttrError{Attr: "axis", Msg: fmt.Sprintf("value %d of an old broadcast needs inputs of a known number of dimensions, has %v and %v", axis, a, b)}
	}
	at := axis
	if at < 0 {
		at += len(a)
	}
	trailing := len(a) - at - len(b)
	if at < 0 || trailing < 0 {
		return &ir.AttrError{Attr: "axis", Msg: fmt.Sprintf("value %d does not fit to shapes %v and %v", axis, a, b)}
	}
	b2, err := appendOnes(l, l.In(1), trailing)
	if err == nil {
		l.SetIn(1, b2)
	}
	return err
}

// appendOnes is v with n more dimensions of size 1 at the end. Its number of dimensions is known.
func appendOnes(l *ir.Legacy, v *ir.Value, n int) (*ir.Value, error) {
	if n == 0 {
		return v, nil
	}
	axes := make([]int, n)
	shape := v.Type().Shape.Clone()
	for i := range axes {
		axes[i] = len(shape)
		shape = append(shape, ir.Known(1))
	}
	if t := v.Const(); t != nil {
		ints, _ := shape.Ints()
		return l.Const(t.Reshaped(ints...)), nil
	}
	return l.Emit(&Unsqueeze{}, v, l.Ints(axes...))
}

// variadic is the Def of an operator on any number of broadcast tensors of one element type.
func variadic[T any, P interface {
	*T
	ir.Op
}](name, doc string, types ir.TypeSet, infer func(*ir.InferCtx) error, eval func(*ir.EvalCtx) error) *ir.Def {
	d := binary[T, P](name, doc, types, []int{1, 6, 8, 13}, infer, eval)
	d.Ins = []ir.Param{{Name: "data_0", Type: "T", Kind: ir.Variadic}}
	d.Outs = []ir.Param{{Name: "result", Type: "T"}}
	d.Upgrade, d.Downgrade = dropConsumedInputs, refuseBroadcast
	d.Widened = []ir.Widening{{Opset: 12, Var: "T", Types: integerTypes}}
	return d
}

// refuseBroadcast is the Downgrade of operators that stretch their inputs from opset 8 on.
func refuseBroadcast(l *ir.Legacy) error {
	if l.Opset >= 8 || sameShapes(l.Inputs) {
		return nil
	}
	return l.Needs(8, "the broadcasting of inputs")
}

// sameShapes reports whether all values are known to have one shape.
func sameShapes(values []*ir.Value) bool {
	for _, v := range values[1:] {
		if a, b := values[0].Type().Shape, v.Type().Shape; a == nil || b == nil || !slices.EqualFunc(a, b, ir.Dim.Same) {
			return false
		}
	}
	return true
}
