package ops

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// The length of a list of axes, or of a shape, tells the rank where its elements are not known.
func TestRankFromLength(t *testing.T) {
	for _, c := range []struct {
		op         ir.Op
		rank, want int
		length     ir.Dim
	}{
		{ir.New[Expand](), 3, 3, ir.Known(2)},
		{ir.New[Expand](), 1, 4, ir.Known(4)},
		{ir.New[Expand](), 1, -1, ir.Symbol("N")},
		{ir.New[Expand](), 1, -1, ir.Known(1 << 40)},
		{ir.New[Reshape](), 3, 2, ir.Known(2)},
		{ir.New[Squeeze](), 3, 1, ir.Known(2)},
		{ir.New[Squeeze](), 3, -1, ir.Known(4)},
		{ir.New[Squeeze](), 3, -1, ir.UnknownDim},
		{ir.New[Unsqueeze](), 3, 5, ir.Known(2)},
		{&ReduceSum{}, 3, 1, ir.Known(2)},
		{&ReduceSum{}, 3, -1, ir.Known(0)}, // all, or none
		{ir.New[ReduceSum](), 3, 3, ir.Known(2)},
	} {
		g := ir.NewGraph("g")
		x, err := g.AddInput("x", ir.Type{DType: tensor.Float32, Shape: ir.UnknownShape(c.rank)})
		require.NoError(t, err)
		list, err := g.AddInput("list", ir.Type{DType: tensor.Int64, Shape: ir.Shape{c.length}})
		require.NoError(t, err)
		n, err := g.Append("n", c.op, []*ir.Value{x, list}, []string{"y"})
		require.NoError(t, err)
		got := -1
		if s := n.Out(0).Type().Shape; s != nil {
			got = len(s)
		}
		require.Equal(t, c.want, got, "%s, length %v", n.OpName(), c.length)
	}
}
