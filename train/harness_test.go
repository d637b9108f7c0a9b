package train_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
)

// interpret computes outputs by the operators' references.
func interpret(g *ir.Graph, inputs map[string]*tensor.Tensor, outputs ...*ir.Value) ([]*tensor.Tensor, error) {
	env := make([]*tensor.Tensor, g.NumValues())
	for _, v := range g.Values() {
		if env[v.ID()] = v.Const(); v.Const() == nil {
			env[v.ID()] = inputs[v.Name()]
		}
	}
	for _, n := range g.Nodes() {
		in := make([]*tensor.Tensor, len(n.Inputs()))
		for i, v := range n.Inputs() {
			if v != nil {
				in[i] = env[v.ID()]
			}
		}
		out, err := ir.Eval(context.Background(), n, in, ir.Host{})
		if err != nil {
			return nil, err
		}
		for o, v := range n.Outputs() {
			if v == nil {
				continue
			}
			if !v.Type().Accepts(ir.TensorType(out[o])) {
				return nil, fmt.Errorf("node %q: output %d is %v, inferred %v", n.Name, o, out[o], v.Type())
			}
			env[v.ID()] = out[o]
		}
	}
	results := make([]*tensor.Tensor, len(outputs))
	for i, v := range outputs {
		results[i] = env[v.ID()]
	}
	return results, nil
}

// probe is a node whose gradients are compared with finite differences.
type probe struct {
	op   ir.Op
	in   []*tensor.Tensor // nil: absent. Floating-point ones are graph inputs, others constants
	outs int              // 0: one
	of   []int            // outputs that matter; nil: the first
	hold []int            // inputs that are constants although they are of floating-point numbers
	// sized says that the operator's gradient needs known sizes.
	sized bool
}

// graph is the probe's node, and a loss: the sum of its outputs, each element times a random number.
func (p probe) graph(t *testing.T, dim func(size int) ir.Dim) (g *ir.Graph, inputs map[string]*tensor.Tensor, values []*ir.Value, loss *ir.Value) {
	t.Helper()
	g, inputs = ir.NewGraph("probe"), map[string]*tensor.Tensor{}
	args := make([]*ir.Value, len(p.in))
	for i, x := range p.in {
		if x == nil {
			continue
		}
		var err error
		name := fmt.Sprintf("in%d", i)
		if x.DType() != tensor.Float64 || slices.Contains(p.hold, i) {
			args[i], err = g.AddConst(name, x)
		} else {
			var shape ir.Shape // unknown without dim
			if dim != nil {
				shape = ir.Shape{}
			}
			for _, n := range x.Shape() {
				if dim != nil {
					shape = append(shape, dim(n))
				}
			}
			args[i], err = g.AddInput(name, ir.Type{DType: x.DType(), Shape: shape})
			inputs[name] = x
			values = append(values, args[i])
		}
		require.NoError(t, err)
	}
	outs := make([]string, max(p.outs, 1))
	for i := range outs {
		outs[i] = fmt.Sprintf("out%d", i)
	}
	n, err := g.Append("probe", p.op, args, outs)
	require.NoError(t, err)
	results, err := interpret(g, inputs, n.Outputs()...)
	require.NoError(t, err)
	of := p.of
	if of == nil {
		of = []int{0}
	}
	for _, o := range of {
		weights, err := g.AddConst(fmt.Sprintf("weights%d", o), random(77, 1, results[o].Shape()...))
		require.NoError(t, err)
		part := appendNode(t, g, &ops.Mul{}, n.Out(o), weights)
		flat := appendNode(t, g, ir.New[ops.ReduceSum](), part)
		flat = appendNode(t, g, ir.New[ops.Reshape](), flat, constant(t, g, tensor.FromSlice([]int64{}, 0)))
		if loss == nil {
			loss = flat
		} else {
			loss = appendNode(t, g, &ops.Add{}, loss, flat)
		}
	}
	return g, inputs, values, loss
}

func constant(t require.TestingT, g *ir.Graph, x *tensor.Tensor) *ir.Value {
	v, err := g.AddConst("", x)
	require.NoError(t, err)
	return v
}

func appendNode(t require.TestingT, g *ir.Graph, op ir.Op, in ...*ir.Value) *ir.Value {
	n, err := g.Append("", op, in, []string{g.FreshName("v")})
	require.NoError(t, err)
	return n.Out(0)
}

// random is numbers between ±scale that are no multiples of each other.
func random(seed uint64, scale float64, shape ...int) *tensor.Tensor {
	r, x := rand.New(rand.NewPCG(seed, 1)), tensor.New(tensor.Float64, shape...)
	for i := range tensor.Data[float64](x) {
		tensor.Data[float64](x)[i] = scale * (2*r.Float64() - 1)
	}
	return x
}

// positive is random numbers from 0.3 to 1.7.
func positive(seed uint64, shape ...int) *tensor.Tensor {
	x := random(seed, 0.7, shape...)
	for i := range tensor.Data[float64](x) {
		tensor.Data[float64](x)[i]++
	}
	return x
}

// spaced is numbers of both signs, none near another one or 0, in a random order.
func spaced(seed uint64, shape ...int) *tensor.Tensor {
	x := tensor.New(tensor.Float64, shape...)
	data := tensor.Data[float64](x)
	for i, p := range rand.New(rand.NewPCG(seed, 2)).Perm(len(data)) {
		data[i] = 2*float64(p)/float64(len(data)) - 0.97
	}
	return x
}

func floats(v ...float64) *tensor.Tensor { return tensor.Vector(v...) }
func ints(v ...int64) *tensor.Tensor     { return tensor.FromSlice(v, len(v)) }
func scalar(v float64) *tensor.Tensor    { return tensor.Scalar(v) }

const step = 1e-5

// tester is a test, of rapid's kind as well.
type tester interface {
	require.TestingT
	Helper()
}

// compare checks gradients against central differences of the loss along random directions, one value after the other,
// then after the exact passes against themselves.
func compare(t tester, g *ir.Graph, inputs map[string]*tensor.Tensor, values []*ir.Value, loss *ir.Value) {
	t.Helper()
	g.SetOutputs(loss)
	forward := g.Clone()
	gradients, err := train.Differentiate(g, loss, values)
	if errors.Is(err, train.ErrNotDifferentiable) && slices.ContainsFunc(values, func(v *ir.Value) bool { return v.Type().Shape == nil }) {
		return // nothing is known of the shapes, and that is told
	}
	require.NoError(t, err)
	require.NoError(t, ir.Verify(g))
	got, err := interpret(g, inputs, gradients...)
	require.NoError(t, err)
	for i, v := range values {
		require.Equal(t, ir.TensorType(inputs[v.Name()]), ir.TensorType(got[i]), v.Name())
		for seed := range uint64(3) {
			direction := random(1000+seed, 1, got[i].Shape()...)
			along := 0.0
			for j, d := range tensor.Data[float64](direction) {
				along += d * tensor.Data[float64](got[i])[j]
			}
			at := func(h float64) float64 {
				moved := map[string]*tensor.Tensor{}
				for name, x := range inputs {
					moved[name] = x
				}
				x := inputs[v.Name()].Clone()
				for j, d := range tensor.Data[float64](direction) {
					tensor.Data[float64](x)[j] += h * d
				}
				moved[v.Name()] = x
				out, err := interpret(forward, moved, forward.Value(loss.Name()))
				require.NoError(t, err)
				return tensor.Data[float64](out[0])[0]
			}
			want := (at(step) - at(-step)) / (2 * step)
			require.InDelta(t, want, along, 1e-7*(1+math.Abs(want)), "gradient of %s", v.Name())
		}
	}
	optimized(t, g, inputs, gradients, got)
}

// optimized checks that the exact passes keep the gradients.
func optimized(t tester, g *ir.Graph, inputs map[string]*tensor.Tensor, gradients []*ir.Value, want []*tensor.Tensor) {
	t.Helper()
	o := g.Extract(gradients...)
	_, err := passes.Optimize(context.Background(), o, passes.Options{Level: passes.O1, After: func(_ passes.Pass, g *ir.Graph) error { return ir.Verify(g) }})
	require.NoError(t, err)
	got, err := interpret(o, inputs, o.Outputs()...)
	require.NoError(t, err)
	for i, x := range want {
		require.Equal(t, ir.TensorType(x), ir.TensorType(got[i]))
		for j, v := range tensor.Data[float64](x) {
			require.InDelta(t, v, tensor.Data[float64](got[i])[j], 1e-9*(1+math.Abs(v)), "after the passes")
		}
	}
}

// dimensions are the ways in which sizes are known.
var dimensions = map[string]func(size int) ir.Dim{
	"numbers": ir.Known,
	"symbols": func(size int) ir.Dim { return ir.Symbol(fmt.Sprintf("s%d", size)) }, // same size, same symbol
	"unknown": func(int) ir.Dim { return ir.UnknownDim },
	"nothing": nil,
}

func (p probe) run(t *testing.T) {
	for name, dim := range dimensions {
		if p.sized && name != "numbers" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			g, inputs, values, loss := p.graph(t, dim)
			compare(t, g, inputs, values, loss)
		})
	}
}
