package ops

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

func TestReductions(t *testing.T) {
	x := tensor.FromSlice([]float32{1, -2, 3, 4, 0.5, -6}, 2, 3)
	for name, want := range map[string][]float32{
		"ReduceSum": {2, -1.5}, "ReduceMean": {2. / 3, -0.5}, "ReduceMax": {3, 4}, "ReduceMin": {-2, -6}, "ReduceProd": {-6, -12},
		"ReduceL1": {6, 10.5}, "ReduceL2": {float32(math.Sqrt(14)), float32(math.Sqrt(52.25))}, "ReduceSumSquare": {14, 52.25},
		"ReduceLogSumExp": {3.1328, 4.0298},
	} {
		op := Lookup("", name).New()
		require.InDeltaSlice(t, want, floats(eval(t, op, 1, x, ints(-1))[0]), 1e-3, name)
		require.Equal(t, []int{2, 1}, eval(t, op, 1, x, ints(1))[0].Shape())
		require.Equal(t, []int{1, 1}, eval(t, op, 1, x)[0].Shape())
		half := eval(t, op, 1, tensor.FromFloat32(x, tensor.BFloat16), ints(1))[0]
		require.Equal(t, tensor.BFloat16, half.DType())
		require.ErrorContains(t, evalErr(t, op, 1, x, ints(2)), "axis 2")
		attrs := []ir.Attr{{Name: "axes", Value: []int{0}}, {Name: "keepdims", Value: 0}}
		require.Equal(t, []int{3}, evalOld(t, name, 11, attrs, 1, x)[0].Shape())
	}
	logs := eval(t, ir.New[ReduceLogSum](), 1, tensor.Vector[float32](1, 3))[0]
	require.InDelta(t, math.Log(4), floats(logs)[0], 1e-6)
}

func TestReductionSettings(t *testing.T) {
	x := count(2, 3)
	noop := &ReduceSum{Reducing{KeepDims: true, NoopWithEmptyAxes: true}}
	require.True(t, x.Equal(eval(t, noop, 1, x)[0]))
	require.True(t, x.Equal(eval(t, noop, 1, x, tensor.New(tensor.Int64, 0))[0]))
	require.Empty(t, eval(t, &ReduceSum{}, 1, x)[0].Shape())
	big := tensor.Vector[int64](1<<62, 1, 1)
	require.Equal(t, int64(1<<62+2), tensor.Data[int64](eval(t, &ReduceSum{}, 1, big)[0])[0]) // exact, not by way of floats
	nan := float32(math.NaN())
	require.True(t, math.IsNaN(float64(floats(eval(t, &ReduceMax{}, 1, tensor.Vector(1, nan, 2))[0])[0])))
	none := tensor.New(tensor.Float32, 2, 0)
	require.Equal(t, []float32{0, 0}, floats(eval(t, &ReduceSum{}, 1, none, ints(1))[0]))
	require.Equal(t, []float32{1, 1}, floats(eval(t, &ReduceProd{}, 1, none, ints(1))[0]))
	require.True(t, math.IsInf(float64(floats(eval(t, &ReduceMax{}, 1, none, ints(1))[0])[0]), -1))
	require.Equal(t, []bool{true}, tensor.Data[bool](eval(t, &ReduceMax{Reducing{KeepDims: true}}, 1, tensor.Vector(false, true))[0]))
	require.Equal(t, []uint8{7}, tensor.Data[uint8](eval(t, &ReduceMin{Reducing{KeepDims: true}}, 1, tensor.Vector[uint8](9, 7))[0]))
	big32 := tensor.Vector[float32](1000, 1000)
	require.InDelta(t, 1000+math.Log(2), floats(eval(t, &ReduceLogSumExp{}, 1, big32)[0])[0], 1e-3)
}

func TestArgExtremes(t *testing.T) {
	x := tensor.FromSlice([]float32{3, 1, 3, 0, 2, 2}, 2, 3)
	require.Equal(t, []int64{0, 1}, tensor.Data[int64](eval(t, &ArgMax{ArgExtreme{Axis: 1, KeepDims: true}}, 1, x)[0]))
	require.Equal(t, []int64{2, 2}, tensor.Data[int64](eval(t, &ArgMax{ArgExtreme{Axis: -1, SelectLastIndex: true}}, 1, x)[0]))
	require.Equal(t, []int64{1, 0, 1}, tensor.Data[int64](eval(t, &ArgMin{ArgExtreme{}}, 1, x)[0]))
}

func TestTopK(t *testing.T) {
	x := tensor.FromSlice([]float32{1, 4, 4, 2, 9, 0}, 2, 3)
	out := eval(t, ir.New[TopK](), 2, x, ints(2))
	require.Equal(t, []float32{4, 4, 9, 2}, floats(out[0]))
	require.Equal(t, []int64{1, 2, 1, 0}, tensor.Data[int64](out[1]))
	out = eval(t, &TopK{Axis: 0, Sorted: true}, 2, x, ints(1))
	require.Equal(t, []float32{1, 4, 0}, floats(out[0]))
	require.ErrorContains(t, evalErr(t, ir.New[TopK](), 2, x, ints(4)), "K is 4")
	old := evalOld(t, "TopK", 1, []ir.Attr{{Name: "k", Value: 1}}, 2, x)
	require.Equal(t, []float32{4, 9}, floats(old[0]))
}

func TestCumSum(t *testing.T) {
	x, axis := tensor.Vector[float64](1, 2, 3), tensor.Scalar[int32](0)
	for want, op := range map[[3]float64]*CumSum{
		{1, 3, 6}: {}, {0, 1, 3}: {Exclusive: true}, {6, 5, 3}: {Reverse: true}, {5, 3, 0}: {Exclusive: true, Reverse: true},
	} {
		require.Equal(t, want[:], tensor.Data[float64](eval(t, op, 1, x, axis)[0]))
	}
	require.ErrorContains(t, evalErr(t, &CumSum{}, 1, x, tensor.Scalar[int32](1)), "axis 1")
}
