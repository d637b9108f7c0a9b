package ir

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/tensor"
)

func TestAttrsRoundTrip(t *testing.T) {
	op := New[tAll]()
	require.Equal(t, &tAll{I: 3, F: 0.5, B: true, S: "x", Mode: "a"}, op)
	require.Empty(t, EncodeAttrs(op, true))

	attrs := []Attr{
		{"i", -7}, {"pi", 0}, {"f", float32(math.Copysign(0, -1))}, {"pf", float32(2)}, {"b", 0}, {"s", ""}, {"ints", []int{}},
		{"floats", []float32{1}}, {"strings", []string{"a"}}, {"dtype", int(tensor.BFloat16)}, {"tensor", tensor.Scalar[int8](1)}, {"mode", "b"},
	}
	require.NoError(t, DecodeAttrs(op, attrs, false))
	require.Equal(t, attrs, EncodeAttrs(op, true))
	require.Equal(t, []string{"i", "pi", "f", "pf", "b", "s", "ints", "floats", "strings", "dtype", "tensor", "mode"}, AttrNames(op))

	op.Own = 1
	require.Len(t, EncodeAttrs(op, false), len(attrs))
	require.Equal(t, append(attrs, Attr{"own", 1}), EncodeAttrs(op, true))

	// An attribute that is not -0 but equal to its default is left out; integers serve as floats.
	op = New[tAll]()
	require.NoError(t, DecodeAttrs(op, []Attr{{"i", 3}, {"f", 2}, {"floats", []int{1, 2}}}, false))
	require.Equal(t, []Attr{{"f", float32(2)}, {"floats", []float32{1, 2}}}, EncodeAttrs(op, false))
}

func TestAttrsRefuse(t *testing.T) {
	for want, attrs := range map[string][]Attr{
		`attribute "nope": not an attribute of this operator, which has i, pi, f, pf, b, s, ints, floats, strings, dtype, tensor, mode`: {{"nope", 1}},
		`attribute "own": not an attribute of this operator, which has i, pi, f, pf, b, s, ints, floats, strings, dtype, tensor, mode`:  {{"own", 1}},
		`attribute "i": given twice`:                                           {{"i", 1}, {"i", 1}},
		`attribute "i": has a value of kind string, expects int`:               {{"i", "1"}},
		`attribute "pi": has a value of kind float32, expects int`:             {{"pi", float32(1)}},
		`attribute "b": has a value of kind []int, expects bool`:               {{"b", []int{1}}},
		`attribute "ints": has a value of kind []float32, expects []int`:       {{"ints", []float32{1}}},
		`attribute "tensor": has a value of kind graph, expects tensor.Tensor`: {{"tensor", NewGraph("g")}},
		`attribute "s": has a value of kind <nil>, expects string`:             {{"s", nil}},
		`attribute "dtype": unsupported value 99`:                              {{"dtype", 99}},
		`attribute "dtype": unsupported value -1`:                              {{"dtype", -1}},
		`attribute "mode": unsupported value c, expects one of a, b`:           {{"mode", "c"}},
	} {
		require.EqualError(t, DecodeAttrs(New[tAll](), attrs, false), want)
	}
	require.EqualError(t, DecodeAttrs(New[tIf](), []Attr{{"then_branch", NewGraph("g")}}, false), `attribute "else_branch": is required`)
}

func TestLegacy(t *testing.T) {
	g := parse(t, chain)
	l := NewLegacy(g, 7, "old", []Attr{{"axes", []int{0, -1}}, {"axis", 1}, {"eps", float32(2)}, {"fs", []float32{1}}}, []*Value{g.Value("x")}, 1)
	require.NoError(t, l.IntsInput("axes", 2))
	require.NoError(t, l.IntsInput("absent", 1))
	require.Nil(t, l.In(1))
	require.Nil(t, l.In(9))
	require.Equal(t, []int64{0, -1}, tensor.Data[int64](l.In(2).Const()))
	require.Equal(t, Dims(0, -1), Shape(l.In(2).Dims()))
	_, _, err := l.TakeFloat("axis")
	require.EqualError(t, err, `attribute "axis": has a value of kind int, expects float32`)
	eps, ok, err := l.TakeFloat("eps")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, float32(2), eps)
	_, ok, err = l.TakeInt("eps")
	require.NoError(t, err)
	require.False(t, ok)
	require.Equal(t, []float32{1}, l.Attr("fs"))
	l.Set("fs", 1)
	l.Set("new", 2)
	require.Equal(t, []Attr{{"fs", 1}, {"new", 2}}, l.Attrs)

	v, err := l.Emit(New[tRelu](), g.Value("x"))
	require.NoError(t, err)
	vs, err := l.EmitN(New[tSplit](), 2, v)
	require.NoError(t, err)
	_, ok = l.Replaced()
	require.False(t, ok)
	l.Replace(vs...)
	got, ok := l.Replaced()
	require.True(t, ok)
	require.Equal(t, vs, got)
	_, err = l.Emit(New[tRelu]())
	require.EqualError(t, err, `node "old/Relu_1" (Relu): has 0 inputs, expects 1: input 0 (X) is missing`)
	require.NoError(t, Verify(g))
}
