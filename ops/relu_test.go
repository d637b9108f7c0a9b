package ops

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

func TestRelu(t *testing.T) {
	nan := float32(math.NaN())
	got := tensor.Data[float32](eval(t, &Relu{}, 1, tensor.Vector[float32](-1, 0, 2, nan))[0])
	require.Equal(t, []float32{0, 0, 2}, got[:3])
	require.True(t, math.IsNaN(float64(got[3])))
	half := eval(t, &Relu{}, 1, tensor.Vector(tensor.ToF16(-1), tensor.ToF16(1.5)))[0]
	require.True(t, half.Equal(tensor.Vector(tensor.ToF16(0), tensor.ToF16(1.5))))
	ints := eval(t, &Relu{}, 1, tensor.Vector[int8](-5, 5))[0]
	require.True(t, ints.Equal(tensor.Vector[int8](0, 5)))
	require.ErrorContains(t, evalErr(t, &Relu{}, 1, tensor.Vector("a")), `node "node" (Relu): input 0 (X): element type string is not supported`)
	evalOld(t, "Relu", 1, []ir.Attr{{Name: "consumed_inputs", Value: []int{0}}}, 1, tensor.Vector[float32](1))
	_, _, err := upgrade(t, "Relu", 6, []ir.Attr{{Name: "consumed_inputs", Value: []int{0}}}, 1, tensor.Vector[float32](1))
	require.ErrorContains(t, err, `attribute "consumed_inputs": not an attribute of this operator`)
}
