package ops

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// eval runs one operator on tensors (nil where absent) and returns its outputs. It infers the types three times: from
// shapes alone, with every input a constant, and with symbolic dimensions; each must accept what Eval computed.
func eval(t *testing.T, op ir.Op, outs int, in ...*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	out, err := tryEval(op, outs, in...)
	require.NoError(t, err)
	return out
}

// evalErr runs one operator that must fail, at inference or evaluation, and returns the error.
func evalErr(t *testing.T, op ir.Op, outs int, in ...*tensor.Tensor) error {
	t.Helper()
	_, err := tryEval(op, outs, in...)
	require.Error(t, err)
	return err
}

func tryEval(op ir.Op, outs int, in ...*tensor.Tensor) ([]*tensor.Tensor, error) {
	var result []*tensor.Tensor
	for _, mode := range []string{"constants", "shapes", "symbols"} {
		n, err := node(op, outs, mode, in)
		if err != nil {
			return nil, err
		}
		if result == nil {
			before := make([]*tensor.Tensor, len(in))
			for i, x := range in {
				if x != nil {
					before[i] = x.Clone()
				}
			}
			if result, err = ir.Eval(context.Background(), n, in, ir.Host{}); err != nil {
				return nil, err
			}
			for i, x := range in {
				if x != nil && !x.Equal(before[i]) {
					return nil, fmt.Errorf("input %d was written to", i)
				}
			}
		}
		for o, v := range n.Outputs() {
			if result[o] == nil {
				return nil, fmt.Errorf("output %d was not computed", o)
			}
			if got := ir.TensorType(result[o]); !v.Type().Accepts(got) {
				return nil, fmt.Errorf("output %d: inferred %v from %s, computed %v", o, v.Type(), mode, got)
			}
			if v.Dims() != nil {
				if got, ok := result[o].AsInts(); !ok || len(got) != len(v.Dims()) || !slices.EqualFunc(got, v.Dims(), func(n int, d ir.Dim) bool { return !d.IsKnown() || d.N == n }) {
					return nil, fmt.Errorf("output %d: inferred elements %v from %s, computed %v", o, v.Dims(), mode, got)
				}
			}
		}
	}
	return result, nil
}

func node(op ir.Op, outs int, mode string, in []*tensor.Tensor) (*ir.Node, error) {
	g := ir.NewGraph("test")
	vals := make([]*ir.Value, len(in))
	for i, x := range in {
		var err error
		typ := ir.Type{}
		if x != nil {
			typ = ir.TensorType(x)
		}
		switch {
		case x == nil:
			continue
		case mode == "constants":
			vals[i], err = g.AddConst(fmt.Sprintf("in%d", i), x)
		case mode == "symbols":
			for d, size := range x.Shape() {
				typ.Shape[d] = ir.Symbol(fmt.Sprintf("s%d", size)) // same size, same symbol
			}
			fallthrough
		default:
			vals[i], err = g.AddInput(fmt.Sprintf("in%d", i), typ)
		}
		if err != nil {
			return nil, err
		}
	}
	names := make([]string, outs)
	for i := range names {
		names[i] = fmt.Sprintf("out%d", i)
	}
	return g.Append("node", op, vals, names)
}

// upgrade takes a node of an old opset through its operator's Upgrade and returns the graph; its last node computes
// the outputs. Inputs are given as tensors: constants.
func upgrade(t *testing.T, name string, opset int, attrs []ir.Attr, outs int, in ...*tensor.Tensor) (*ir.Graph, []*ir.Value, error) {
	t.Helper()
	def := Lookup("", name)
	require.NotNil(t, def, name)
	g := ir.NewGraph("test")
	vals := make([]*ir.Value, len(in))
	for i, x := range in {
		if x != nil {
			v, err := g.AddConst(fmt.Sprintf("in%d", i), x)
			require.NoError(t, err)
			vals[i] = v
		}
	}
	l := ir.NewLegacy(g, opset, "node", attrs, vals, outs)
	if def.Upgrade != nil {
		if err := def.Upgrade(l); err != nil {
			return nil, nil, err
		}
	}
	if vals, ok := l.Replaced(); ok {
		return g, vals, nil
	}
	op := def.New()
	if err := ir.DecodeAttrs(op, l.Attrs, false); err != nil {
		return nil, nil, err
	}
	names := make([]string, outs)
	for i := range names {
		names[i] = fmt.Sprintf("out%d", i)
	}
	n, err := g.Append("node", op, l.Inputs, names)
	if err != nil {
		return nil, nil, err
	}
	return g, n.Outputs(), nil
}

// evalOld is upgrade followed by running the graph.
func evalOld(t *testing.T, name string, opset int, attrs []ir.Attr, outs int, in ...*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	g, vals, err := upgrade(t, name, opset, attrs, outs, in...)
	require.NoError(t, err)
	env := map[*ir.Value]*tensor.Tensor{}
	get := func(v *ir.Value) *tensor.Tensor {
		switch {
		case v == nil:
			return nil
		case v.Const() != nil:
			return v.Const()
		}
		return env[v]
	}
	for _, n := range g.Nodes() {
		args := make([]*tensor.Tensor, len(n.Inputs()))
		for i, v := range n.Inputs() {
			args[i] = get(v)
		}
		res, err := ir.Eval(context.Background(), n, args, ir.Host{})
		require.NoError(t, err)
		for i, v := range n.Outputs() {
			if v != nil {
				env[v] = res[i]
			}
		}
	}
	out := make([]*tensor.Tensor, len(vals))
	for i, v := range vals {
		out[i] = get(v)
	}
	return out
}
