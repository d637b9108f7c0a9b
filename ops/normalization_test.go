package ops

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

func TestNormalizationRefuses(t *testing.T) {
	f := func(shape ...int) *tensor.Tensor { return tensor.New(tensor.Float32, shape...) }
	for _, c := range []struct {
		op  ir.Op
		in  []*tensor.Tensor
		err string
	}{
		{ir.New[InstanceNormalization](), []*tensor.Tensor{f(1, 2, 3), f(3), f(2)}, "scale has shape [3], expects [2]"},
		{ir.New[InstanceNormalization](), []*tensor.Tensor{f(2), f(2), f(2)}, "no channels"},
		{ir.New[GroupNormalization](), []*tensor.Tensor{f(1, 2, 3), f(2), f(2)}, `attribute "num_groups": unsupported value 0`},
		{made(func(g *GroupNormalization) { g.NumGroups = 3 }), []*tensor.Tensor{f(1, 4), f(4), f(4)}, `attribute "num_groups": 3 does not divide the 4 channels`},
		{made(func(g *GroupNormalization) { g.NumGroups = 2 }), []*tensor.Tensor{f(1, 4), f(4), f(2)}, "bias has shape [2], expects [4]"},
		{made(func(a *LayerNormalization) { a.Axis = 2 }), []*tensor.Tensor{f(1, 4), f(4)}, `attribute "axis": axis 2`},
		{ir.New[LayerNormalization](), []*tensor.Tensor{f(2, 4), f(2, 4)}, "scale or bias of shape [2,4] cannot be broadcast to [4]"},
		{ir.New[LayerNormalization](), []*tensor.Tensor{f(2, 4), f(4), f(3)}, "scale or bias of shape [3]"},
		{ir.New[RMSNormalization](), []*tensor.Tensor{f(2, 4), f(3)}, "scale or bias of shape [3]"},
		{made(func(a *LpNormalization) { a.Axis = 3 }), []*tensor.Tensor{f(2, 4)}, `attribute "axis": axis 3`},
		{ir.New[MeanVarianceNormalization](), []*tensor.Tensor{f(2, 4)}, `attribute "axes": axis 2`},
		{&MeanVarianceNormalization{Axes: []int{0, -2}}, []*tensor.Tensor{f(2, 4)}, "twice"},
	} {
		require.ErrorContains(t, evalErr(t, c.op, 1, c.in...), c.err)
	}
}

func TestGroupNormalizationOpset18(t *testing.T) {
	x := tensor.FromSlice([]float32{1, 3, 5, 7, 2, 4, 2, 4}, 1, 4, 2)
	scale, bias := tensor.Vector[float32](1, 2), tensor.Vector[float32](0, 10) // per group
	attrs := []ir.Attr{{Name: "num_groups", Value: 2}, {Name: "epsilon", Value: float32(0)}}
	y := evalOld(t, "GroupNormalization", 18, attrs, 1, x, scale, bias)[0]
	require.InDeltaSlice(t, []float32{-1.341641, -0.447214, 0.447214, 1.341641, 8, 12, 8, 12}, tensor.Data[float32](y), 1e-5)
	_, _, err := upgrade(t, "GroupNormalization", 18, attrs, 1, x, tensor.New(tensor.Float32, 4), bias)
	require.ErrorContains(t, err, "scale has shape [4], expects [2]")
	_, _, err = upgrade(t, "GroupNormalization", 21, attrs, 1, x, scale, bias)
	require.ErrorContains(t, err, "scale has shape [2], expects [4]")
}

func TestNormalizationTypes(t *testing.T) {
	x := tensor.FromSlice([]float32{3, 4}, 1, 2)
	half := tensor.FromFloat32(x, tensor.Float16)
	out := eval(t, ir.New[LayerNormalization](), 3, half, tensor.FromFloat32(tensor.Vector[float32](1, 1), tensor.Float16))
	require.Equal(t, tensor.Float16, out[0].DType())
	require.Equal(t, []float32{3.5}, tensor.Data[float32](out[1])) // the type of the stash
	require.InDelta(t, 1/math.Sqrt(.25+1e-5), tensor.Data[float32](out[2])[0], 1e-6)
	out = eval(t, made(func(a *LayerNormalization) { a.StashType = 16 }), 2, x, tensor.Vector[float32](1, 1))
	require.Equal(t, tensor.BFloat16, out[1].DType())

	// Y has the type of the scale.
	rms := eval(t, ir.New[RMSNormalization](), 1, half, tensor.Vector[float32](1, 2))[0]
	require.InDeltaSlice(t, []float32{0.8485281, 2.2627417}, tensor.Data[float32](rms), 1e-5)

	inst := eval(t, ir.New[InstanceNormalization](), 1, tensor.FromSlice([]float64{1, 3}, 1, 1, 2), tensor.Vector[float64](2), tensor.Vector[float64](1))[0]
	require.InDeltaSlice(t, []float64{-1, 3}, tensor.Data[float64](inst), 1e-4)
	lp := eval(t, ir.New[LpNormalization](), 1, tensor.FromFloat32(x, tensor.BFloat16))[0]
	require.InDeltaSlice(t, []float32{.6, .8}, tensor.Data[float32](lp.ToFloat32()), 3e-3)
}

func TestNormalizationEmpty(t *testing.T) {
	f := func(shape ...int) *tensor.Tensor { return tensor.New(tensor.Float32, shape...) }
	require.Equal(t, []int{0, 2, 3}, eval(t, ir.New[InstanceNormalization](), 1, f(0, 2, 3), f(2), f(2))[0].Shape())
	require.Equal(t, []int{2, 0}, eval(t, ir.New[LayerNormalization](), 3, f(2, 0), f(0))[0].Shape())
	require.Equal(t, []int{2, 0}, eval(t, ir.New[RMSNormalization](), 1, f(2, 0), f(0))[0].Shape())
	require.Equal(t, []int{2, 0}, eval(t, ir.New[LpNormalization](), 1, f(2, 0))[0].Shape())
	require.Equal(t, []int{0, 2}, eval(t, &MeanVarianceNormalization{Axes: []int{0}}, 1, f(0, 2))[0].Shape())
}
