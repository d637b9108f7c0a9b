package ir

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/tensor"
)

type tLate struct {
	Old  int   `attr:"old,default=2"`
	Must int   `attr:"must,required"`
	Late bool  `attr:"late,since=13"`
	List []int `attr:"list,since=11"`
	End  *int  `attr:"end"`
}

var tLateDef = &Def{Name: "Late", Since: []int{1}, New: func() Op { return New[tLate]() }}

func (*tLate) Def() *Def { return tLateDef }

func TestAttrSince(t *testing.T) {
	op := New[tLate]()
	for name, want := range map[string]int{"old": 0, "late": 13, "list": 11, "none": 0} {
		require.Equal(t, want, AttrSince(op, name), name)
	}
	require.True(t, IsDefault(op, "old", 2))
	require.True(t, IsDefault(op, "late", 0))
	require.False(t, IsDefault(op, "old", 3))
	require.False(t, IsDefault(op, "must", 0))
	require.False(t, IsDefault(op, "end", 0))
	require.False(t, IsDefault(op, "none", 0))
}

// A downgrade moves constants to attributes, and says what is lacking where they are computed.
func TestIntsAttr(t *testing.T) {
	g := NewGraph("g")
	x, err := g.AddInput("x", Type{DType: tensor.Int64, Shape: Shape{Known(2)}})
	require.NoError(t, err)
	c, err := g.AddConst("c", tensor.Vector[int64](3, -1))
	require.NoError(t, err)
	l := NewLegacy(g, 12, "n", nil, []*Value{x, c}, 1)
	require.NoError(t, l.IntsAttr("axes", 1, 13))
	require.Equal(t, []int{3, -1}, l.Attr("axes"))
	require.Nil(t, l.In(1))
	require.NoError(t, l.IntsAttr("absent", 2, 13))
	require.Nil(t, l.Attr("absent"))
	var need *OpsetError
	require.ErrorAs(t, l.IntsAttr("data", 0, 13), &need)
	require.Equal(t, OpsetError{"input 0 (data), which is computed,", 12, 13}, *need)
	require.EqualError(t, need, "input 0 (data), which is computed, needs opset 13 or newer, 12 is asked for")
}

// What a file declares of an output stands in for what is not known.
func TestOutputType(t *testing.T) {
	for _, c := range []struct{ inferred, declared, want Shape }{
		{Shape{UnknownDim, Known(3)}, Shape{Symbol("N"), Symbol("C")}, Shape{Symbol("N"), Known(3)}},
		{nil, Shape{Symbol("N")}, Shape{Symbol("N")}},
		{Shape{UnknownDim}, nil, Shape{UnknownDim}},
		{Shape{UnknownDim}, Shape{Known(1), Known(2)}, Shape{UnknownDim}},
	} {
		g := NewGraph("g")
		v, err := g.AddInput("v", Type{DType: tensor.Float32, Shape: c.inferred})
		require.NoError(t, err)
		require.Equal(t, c.inferred, g.OutputType(v).Shape)
		g.Declare("v", Type{DType: tensor.Float32, Shape: c.declared})
		require.Equal(t, c.want, g.Clone().OutputType(v).Shape)
		require.Equal(t, c.inferred, v.Type().Shape)
	}
}
