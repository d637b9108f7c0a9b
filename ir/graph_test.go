package ir

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/tensor"
)

func TestAppendRefusesAndLeavesTheGraphAsItWas(t *testing.T) {
	g := parse(t, chain)
	before := g.full()
	x, c := g.Value("x"), g.Value("c")
	i, err := g.AddInput("i", Type{tensor.Int64, Shape{}})
	require.NoError(t, err)
	b, err := g.AddInput("b", Type{tensor.Bool, nil})
	require.NoError(t, err)
	for want, add := range map[string]func() (*Node, error){
		`node "n" (Relu): has 0 inputs, expects 1: input 0 (X) is missing`:     func() (*Node, error) { return g.Append("n", New[tRelu](), nil, []string{"o"}) },
		`node "n" (Add): has 1 inputs, expects 2 to 3: input 1 (B) is missing`: func() (*Node, error) { return g.Append("n", New[tAdd](), []*Value{x, nil}, []string{"o"}) },
		`node "n" (Add): input 0 (A) is missing`:                               func() (*Node, error) { return g.Append("n", New[tAdd](), []*Value{nil, x}, []string{"o"}) },
		`node "n" (Split): has 0 outputs, expects at least 1`:                  func() (*Node, error) { return g.Append("n", New[tSplit](), []*Value{x}, nil) },
		`node "n" (Relu): has 2 outputs, expects 1`:                            func() (*Node, error) { return g.Append("n", New[tRelu](), []*Value{x}, []string{"o", "p"}) },
		`node "n" (Relu): output 0: value "z" is defined twice`:                func() (*Node, error) { return g.Append("n", New[tRelu](), []*Value{x}, []string{"z"}) },
		`node "n" (Split): output 1: value "o" is defined twice`:               func() (*Node, error) { return g.Append("n", New[tSplit](), []*Value{x}, []string{"o", "o"}) },
		`node "n" (Relu): input 0: value "f" is not of this graph`:             func() (*Node, error) { return g.Append("n", New[tRelu](), []*Value{{name: "f"}}, []string{"o"}) },
		`node "n" (Add): input 1 (B): element type int64 differs from float32 of the inputs before it`: func() (*Node, error) {
			return g.Append("n", New[tAdd](), []*Value{x, i}, []string{"o"})
		},
		`node "n" (Relu): input 0 (X): element type bool is not supported, expects one of float32, int64, float64`: func() (*Node, error) {
			return g.Append("n", New[tRelu](), []*Value{b}, []string{"o"})
		},
		`node "n" (Fill): input 0 (shape): element type float32 is not supported, expects one of int64`: func() (*Node, error) {
			return g.Append("n", New[tFill](), []*Value{c}, []string{"o"})
		},
		`node "n" (Add): shapes [N,2] and [] differ`: func() (*Node, error) {
			s, _ := g.AddConst("s", tensor.Scalar[float32](1))
			return g.Append("n", New[tAdd](), []*Value{x, s}, []string{"o"})
		},
		`node "n" (Fill): output 0: negative dimension in shape [-1]`: func() (*Node, error) {
			v, _ := g.AddConst("v", tensor.Vector[int64](-1))
			return g.Append("n", New[tFill](), []*Value{v}, []string{"o"})
		},
	} {
		_, err := add()
		require.EqualError(t, err, want)
		var located *Error
		require.True(t, errors.As(err, &located))
		require.Equal(t, "n", located.Node)
		require.NoError(t, Verify(g))
	}
	require.Nil(t, g.Value("o"))
	r := NewRewriter(g)
	r.RemoveDead()
	require.NoError(t, r.Done())
	g.inputs = g.inputs[:1]
	require.Equal(t, before, g.full())
}

func TestNames(t *testing.T) {
	g := parse(t, chain)
	require.Equal(t, "new", g.FreshName("new"))
	require.Equal(t, "y_1", g.FreshName("y"))
	require.Equal(t, "y_1", g.FreshName("y"))
	require.NoError(t, g.Rename(g.Value("y"), "w"))
	require.NoError(t, g.Rename(g.Value("w"), "w"))
	require.Nil(t, g.Value("y"))
	require.EqualError(t, g.Rename(g.Value("w"), "x"), `ir: value "w": name "x" is empty or taken`)
	_, err := g.AddInput("x", Type{tensor.Float32, nil})
	require.EqualError(t, err, `ir: value "x": defined twice`)
	_, err = g.AddInput("", Type{tensor.Float32, nil})
	require.EqualError(t, err, `ir: a value has an empty name`)
	n, err := g.Append("first", New[tRelu](), []*Value{g.Value("x")}, []string{"o"})
	require.NoError(t, err)
	require.Equal(t, "first_1", n.Name)
	require.Equal(t, `%o: float32[N,2]`, n.Out(0).String())
	require.Equal(t, "_", n.Out(1).String())
	g.SetMeta("k", "1")
	g.SetMeta("k", "2")
	v, ok := g.Meta("k")
	require.True(t, ok)
	require.Equal(t, "2", v)
	_, ok = g.Meta("none")
	require.False(t, ok)
	require.NoError(t, Verify(g))
}

// Short integer constants are followed as dimensions, long ones and others not.
func TestDimsOfConstants(t *testing.T) {
	for _, c := range []struct {
		t    *tensor.Tensor
		want []Dim
	}{
		{tensor.Vector[int64](3, -1), Dims(3, -1)}, {tensor.Scalar[int32](5), Dims(5)}, {tensor.Vector[int64](), Shape{}},
		{tensor.Vector[uint8](1), nil}, {tensor.New(tensor.Int64, 2, 2), nil}, {tensor.New(tensor.Int64, maxKnownDims+1), nil},
	} {
		v, err := NewGraph("g").AddConst("", c.t)
		require.NoError(t, err)
		require.Equal(t, c.want, v.Dims(), c.t)
	}
}

func TestEvalAndItsContext(t *testing.T) {
	g := parse(t, chain)
	x := tensor.Vector[float32](1)
	out, err := Eval(context.Background(), g.Nodes()[0], []*tensor.Tensor{x}, Host{})
	require.NoError(t, err)
	require.Same(t, x, out[0])

	c := &EvalCtx{Node: g.Nodes()[0], Host: Host{Alloc: func(o int, dt tensor.DType, shape []int) (*tensor.Tensor, error) {
		return x, nil
	}}}
	y, err := c.Output(0, tensor.Float32, 1)
	require.NoError(t, err)
	require.Same(t, x, y)
	y, err = c.Output(1, tensor.Float32, 2) // nobody wants it: not the host's
	require.NoError(t, err)
	require.Equal(t, 2, y.Len())
	_, err = c.Output(0, tensor.Float32, -1)
	require.Error(t, err)
	require.False(t, c.Has(0))
	require.Nil(t, c.Input(3))
	_, err = c.RunBody(g, nil)
	require.EqualError(t, err, "control flow cannot run here")
}
