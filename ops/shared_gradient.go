package ops

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// gradient builds the nodes of an operator's Grad one after another, until one fails; after that it does nothing.
type gradient struct {
	*ir.Gradient
	err error
}

// backward makes a Grad.
func backward(f func(g *gradient)) func(*ir.Gradient) error {
	return func(d *ir.Gradient) error {
		g := &gradient{Gradient: d}
		f(g)
		return g.err
	}
}

// differentiable is d with a Grad.
func differentiable(d *ir.Def, grad func(g *gradient)) *ir.Def {
	d.Grad = backward(grad)
	return d
}

func (g *gradient) fail(format string, args ...any) {
	if g.err == nil {
		g.err = fmt.Errorf(format, args...)
	}
}

// do emits a node and gives its output.
func (g *gradient) do(op ir.Op, inputs ...*ir.Value) *ir.Value {
	if g.err != nil {
		return nil
	}
	var out *ir.Value
	out, g.err = g.Emit(op, inputs...)
	return out
}

// several emits a node of n outputs and gives them.
func (g *gradient) several(op ir.Op, n int, inputs ...*ir.Value) []*ir.Value {
	if g.err != nil {
		return make([]*ir.Value, n)
	}
	var outs []*ir.Value
	if outs, g.err = g.EmitN(op, n, inputs...); g.err != nil {
		return make([]*ir.Value, n)
	}
	return outs
}

// give says what the gradient of input i is.
func (g *gradient) give(i int, v *ir.Value) {
	if g.err == nil {
		g.Give(i, v)
	}
}

// number is a scalar of the element type of like.
func (g *gradient) number(like *ir.Value, v float64) *ir.Value {
	if g.err != nil {
		return nil
	}
	return g.Const(numberOf(like.Type().DType, v))
}

// numberOf is a scalar of a floating-point type.
func numberOf(dt tensor.DType, v float64) *tensor.Tensor {
	if dt == tensor.Float64 {
		return tensor.Scalar(v)
	}
	return tensor.FromFloat32(tensor.Scalar(float32(v)), dt)
}

// ints is a constant int64 vector.
func (g *gradient) ints(ints ...int) *ir.Value {
	v := make([]int64, len(ints))
	for i, n := range ints {
		v[i] = int64(n)
	}
	return g.Const(tensor.FromSlice(v, len(v)))
}

func (g *gradient) mul(a, b *ir.Value) *ir.Value { return g.do(&Mul{}, a, b) }
func (g *gradient) sub(a, b *ir.Value) *ir.Value { return g.do(&Sub{}, a, b) }
func (g *gradient) div(a, b *ir.Value) *ir.Value { return g.do(&Div{}, a, b) }

// shape is the dimensions of v: a constant where all are known.
func (g *gradient) shape(v *ir.Value) *ir.Value {
	if g.err != nil {
		return nil
	}
	if n, ok := v.Type().Shape.Ints(); ok {
		return g.ints(n...)
	}
	return g.do(ir.New[Shape](), v)
}

// rank is the number of dimensions of v, which must be known.
func (g *gradient) rank(v *ir.Value) int {
	if g.err != nil {
		return 0
	}
	if v.Type().Shape == nil {
		g.fail("value %q has an unknown number of dimensions", v.Name())
	}
	return len(v.Type().Shape)
}

// likewise is v in the shape of like.
func (g *gradient) likewise(v, like *ir.Value) *ir.Value {
	if g.err != nil || v.Type().Shape.Same(like.Type().Shape) {
		return v
	}
	return g.do(&Reshape{AllowZero: true}, v, g.shape(like))
}

// stretch is v broadcast to the shape of like.
func (g *gradient) stretch(v, like *ir.Value) *ir.Value {
	if g.err != nil || v.Type().Shape.Same(like.Type().Shape) {
		return v
	}
	return g.do(&Expand{}, v, g.shape(like))
}

// zeros is zeros of the type of like.
func (g *gradient) zeros(like *ir.Value) *ir.Value {
	return g.do(&Expand{}, g.number(like, 0), g.shape(like))
}

// sum is the sum of v over axes, which stay with size 1 if keep; v where there are none.
func (g *gradient) sum(v *ir.Value, keep bool, axes ...int) *ir.Value {
	if g.err != nil || len(axes) == 0 {
		return v
	}
	return g.do(&ReduceSum{Reducing{KeepDims: keep}}, v, g.ints(axes...))
}

// sumTo is the sum of v over what broadcasting stretched like to, in the shape of like.
func (g *gradient) sumTo(v, like *ir.Value) *ir.Value {
	if g.err != nil {
		return nil
	}
	from, to := v.Type().Shape, like.Type().Shape
	if from == nil || to == nil {
		return g.do(&SumTo{}, v, g.shape(like))
	}
	more := len(from) - len(to)
	var stretched []int
	for i, d := range to {
		switch wide := from[more+i]; {
		case d.Same(wide) || d.IsKnown() && d.N != 1:
		case d == ir.Known(1):
			stretched = append(stretched, more+i)
		default: // it may be 1 or not
			return g.do(&SumTo{}, v, g.shape(like))
		}
	}
	v = g.sum(v, true, stretched...)
	return g.sum(v, false, indexRange(make([]struct{}, more))...)
}

// where is v where the condition holds, else 0.
func (g *gradient) where(condition, v *ir.Value) *ir.Value {
	return g.do(&Where{}, condition, v, g.number(g.Of(0), 0))
}

// scatter emits the gradient of an input from which op only took elements: each element of dy is added where the
// element of the output came from. move applies the operator to a tensor of the places of the elements.
func (g *gradient) scatter(x, dy *ir.Value, move func(places *ir.Value) *ir.Value) *ir.Value {
	count := g.do(ir.New[Size](), x)
	places := g.do(&Reshape{AllowZero: true}, g.do(&Range{}, g.integer(0), count, g.integer(1)), g.shape(x))
	flat := g.ints(-1)
	zeros := g.do(&Expand{}, g.number(x, 0), g.do(ir.New[Reshape](), count, flat))
	from := g.do(ir.New[Reshape](), move(places), flat)
	sums := g.do(&ScatterElements{Reduction: "add"}, zeros, from, g.do(ir.New[Reshape](), dy, flat))
	return g.do(&Reshape{AllowZero: true}, sums, g.shape(x))
}

// integer is an int64 scalar.
func (g *gradient) integer(n int) *ir.Value { return g.Const(tensor.Scalar(int64(n))) }

// others is the inputs of the node with another first one.
func (g *gradient) others(first *ir.Value) []*ir.Value {
	in := slices.Clone(g.Node.Inputs())
	in[0] = first
	return in
}

// moved is the Grad of operators that take elements of input 0 to make output 0.
func moved(g *gradient) {
	g.give(0, g.scatter(g.In(0), g.Of(0), func(places *ir.Value) *ir.Value {
		return g.do(g.Node.Op, g.others(places)...)
	}))
}

// reshaped is the Grad of operators whose output 0 is input 0 in another shape.
func reshaped(g *gradient) { g.give(0, g.likewise(g.Of(0), g.In(0))) }

// flat is the Grad of operators whose outputs jump or stay: the gradient is 0 wherever there is one.
func flat(*gradient) {}

// eachSumTo gives each input that matters what of makes of it, summed to its shape.
func (g *gradient) eachSumTo(of func(x *ir.Value) *ir.Value) {
	for i, x := range g.Node.Inputs() {
		if g.Wants(i) {
			g.give(i, g.sumTo(of(x), x))
		}
	}
}

// gradExtreme is the Grad of Max and Min: where several operands are equally great, they share the gradient.
func gradExtreme(g *gradient) {
	var ties *ir.Value
	won := map[*ir.Value]*ir.Value{}
	for _, x := range g.Node.Inputs() {
		won[x] = g.do(&Equal{}, x, g.Out(0))
		if one := g.cast(won[x], g.Of(0)); ties == nil {
			ties = one
		} else {
			ties = g.do(&Add{}, ties, one)
		}
	}
	share := g.div(g.Of(0), ties)
	g.eachSumTo(func(x *ir.Value) *ir.Value { return g.where(won[x], share) })
}

// cast is v as the element type of like.
func (g *gradient) cast(v, like *ir.Value) *ir.Value {
	if g.err != nil {
		return nil
	}
	op := ir.New[Cast]()
	op.To = like.Type().DType
	return g.do(op, v)
}
