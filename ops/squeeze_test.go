package ops

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

func TestSqueeze(t *testing.T) {
	x := tensor.New(tensor.Float32, 1, 3, 1, 2)
	for _, c := range []struct {
		axes *tensor.Tensor
		want []int
	}{
		{nil, []int{3, 2}},
		{tensor.Vector[int64](0), []int{3, 1, 2}},
		{tensor.Vector[int64](-2), []int{1, 3, 2}},
	} {
		require.Equal(t, c.want, eval(t, &Squeeze{}, 1, x, c.axes)[0].Shape())
	}
	require.ErrorContains(t, evalErr(t, &Squeeze{}, 1, x, tensor.Vector[int64](1)), "not 1")
	require.ErrorContains(t, evalErr(t, &Squeeze{}, 1, x, tensor.Vector[int64](4)), "axis 4")
	require.ErrorContains(t, evalErr(t, &Squeeze{}, 1, x, tensor.Vector[int64](0, -4)), "twice")
	old := evalOld(t, "Squeeze", 11, []ir.Attr{{Name: "axes", Value: []int{2}}}, 1, x)
	require.Equal(t, []int{1, 3, 2}, old[0].Shape())
}
