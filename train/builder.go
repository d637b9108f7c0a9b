package train

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// Builder appends nodes to a graph one after another, up to the first that cannot be; from then on (Err) its methods do nothing
// and return nil. A Loss is made with one.
type Builder struct {
	g      *ir.Graph
	prefix string // of the names of nodes
	err    error
}

// Err is what stopped the builder; nil if nothing has.
func (b *Builder) Err() error { return b.err }

// Fail stops the builder, with the first error that there is.
func (b *Builder) Fail(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf(format, args...)
	}
}

// Do appends a node and returns its first output.
func (b *Builder) Do(op ir.Op, inputs ...*ir.Value) *ir.Value {
	outs := b.DoN(op, 1, inputs...)
	return outs[0]
}

// DoN appends a node of n outputs and returns them.
func (b *Builder) DoN(op ir.Op, n int, inputs ...*ir.Value) []*ir.Value {
	if b.err != nil {
		return make([]*ir.Value, n)
	}
	base := b.prefix + op.Def().Name
	outs := make([]string, n)
	for i := range outs {
		outs[i] = b.g.FreshName(base)
		if n > 1 {
			outs[i] = b.g.FreshName(fmt.Sprintf("%s:%d", base, i))
		}
	}
	node, err := b.g.Append(outs[0], op, inputs, outs)
	if err != nil {
		b.err = err
		return make([]*ir.Value, n)
	}
	return node.Outputs()
}

// Const adds a constant.
func (b *Builder) Const(t *tensor.Tensor) *ir.Value {
	if b.err != nil {
		return nil
	}
	v, err := b.g.AddConst(b.g.FreshName(b.prefix+"const"), t)
	b.err = err
	return v
}

// Number adds a float32 scalar.
func (b *Builder) Number(v float64) *ir.Value { return b.Const(tensor.Scalar(float32(v))) }

// Ints adds a vector of int64.
func (b *Builder) Ints(v ...int64) *ir.Value { return b.Const(tensor.FromSlice(v, len(v))) }

// Input adds a graph input of that type, which every Step is then to be given; the one that there is if it was added before.
func (b *Builder) Input(name string, t ir.Type) *ir.Value {
	if b.err != nil {
		return nil
	}
	if v := b.g.Value(name); v != nil {
		if v.Def() != nil || v.Const() != nil || !v.Type().Accepts(t) {
			b.Fail("input %q: the model has a value of that name", name)
		}
		return v
	}
	v, err := b.g.AddInput(name, t)
	b.err = err
	return v
}

// Value is the model's value of that name.
func (b *Builder) Value(name string) *ir.Value {
	if b.err != nil {
		return nil
	}
	v := b.g.Value(name)
	if v == nil {
		b.err = &UnknownError{What: "value", Name: name, Known: names(b.g.Values())}
	}
	return v
}

func (b *Builder) add(x, y *ir.Value) *ir.Value { return b.Do(&ops.Add{}, x, y) }
func (b *Builder) sub(x, y *ir.Value) *ir.Value { return b.Do(&ops.Sub{}, x, y) }
func (b *Builder) mul(x, y *ir.Value) *ir.Value { return b.Do(&ops.Mul{}, x, y) }
func (b *Builder) div(x, y *ir.Value) *ir.Value { return b.Do(&ops.Div{}, x, y) }

// sum is the sum of all elements, a scalar.
func (b *Builder) sum(x *ir.Value) *ir.Value { return b.Do(&ops.ReduceSum{}, x) }

// mean is the mean of all elements, a scalar.
func (b *Builder) mean(x *ir.Value) *ir.Value { return b.Do(&ops.ReduceMean{}, x) }

// rows is the number of x's rows, a float32 scalar.
func (b *Builder) rows(x *ir.Value) *ir.Value {
	first := ir.New[ops.Shape]()
	one := 1
	first.End = &one
	n := b.Do(castTo(tensor.Float32), b.Do(first, x))
	return b.Do(ir.New[ops.Squeeze](), n)
}

// classes is the number of columns of scores, which are rows of them.
func (b *Builder) classes(scores *ir.Value) int {
	if b.err != nil {
		return 1
	}
	s := scores.Type().Shape
	if len(s) != 2 || !s[1].IsKnown() || s[1].N < 1 {
		b.Fail("value %q has type %v, expects rows with a score for each class", scores.Name(), scores.Type())
		return 1
	}
	return s[1].N
}
