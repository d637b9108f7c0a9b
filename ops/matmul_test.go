package ops

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

func TestMatMulEdges(t *testing.T) {
	f := func(shape ...int) *tensor.Tensor { return tensor.New(tensor.Float32, shape...) }
	require.Equal(t, []float32{0, 0, 0, 0}, tensor.Data[float32](eval(t, &MatMul{}, 1, f(2, 0), f(0, 2))[0]))
	require.Equal(t, []int{3, 0, 2}, eval(t, &MatMul{}, 1, f(3, 0, 4), f(4, 2))[0].Shape())
	require.ErrorContains(t, evalErr(t, &MatMul{}, 1, f(2, 3), f(2, 3)), "inner dimensions 3 and 2 differ")
	require.ErrorContains(t, evalErr(t, &MatMul{}, 1, f(), f(2, 3)), "scalar")
	require.ErrorContains(t, evalErr(t, &MatMul{}, 1, f(2, 2, 3), f(3, 3, 2)), "broadcast")
	n, err := node(&MatMul{}, 1, "shapes", []*tensor.Tensor{f(5, 2, 3), f(3, 4)})
	require.NoError(t, err)
	require.EqualValues(t, 5*2*3*4, matMul.MACs(n))
	half := eval(t, &MatMul{}, 1, tensor.FromSlice([]tensor.F16{tensor.ToF16(2)}, 1, 1), tensor.FromSlice([]tensor.F16{tensor.ToF16(1.5)}, 1, 1))[0]
	require.Equal(t, []tensor.F16{tensor.ToF16(3)}, tensor.Data[tensor.F16](half))
}

func TestGemmEdges(t *testing.T) {
	f := func(shape ...int) *tensor.Tensor { return tensor.New(tensor.Float32, shape...) }
	plain := ir.New[Gemm]()
	require.ErrorContains(t, evalErr(t, plain, 1, f(2, 3), f(2, 3)), "inner dimensions 3 and 2 differ")
	require.ErrorContains(t, evalErr(t, plain, 1, f(2, 3, 1), f(3, 3)), "input 0 has shape [2,3,1], expects a matrix")
	require.ErrorContains(t, evalErr(t, plain, 1, f(2, 3), f(3, 4), f(3)), "cannot be broadcast to [2,4]")
	require.ErrorContains(t, evalErr(t, plain, 1, f(2, 3), f(3, 4), f(1, 2, 4)), "cannot be broadcast")
	bias := tensor.Vector[float32](1, 2)
	require.Equal(t, []float32{1, 2, 1, 2}, tensor.Data[float32](eval(t, plain, 1, f(2, 0), f(0, 2), bias)[0]))
	ints := eval(t, made(func(g *Gemm) { g.Alpha, g.Beta, g.TransA = 2, 0.5, true }), 1,
		tensor.FromSlice([]int32{1, 2, 3, 4}, 2, 2), tensor.FromSlice([]int32{1, 0, 0, 1}, 2, 2), tensor.Vector[int32](10, 20))[0]
	require.Equal(t, []int32{7, 16, 9, 18}, tensor.Data[int32](ints))
	old := evalOld(t, "Gemm", 1, []ir.Attr{{Name: "broadcast", Value: 1}, {Name: "transB", Value: 1}}, 1,
		tensor.FromSlice([]float32{1, 2}, 1, 2), tensor.FromSlice([]float32{3, 4, 5, 6}, 2, 2), bias)[0]
	require.Equal(t, []float32{12, 19}, tensor.Data[float32](old))
	n, err := node(made(func(g *Gemm) { g.TransA = true }), 1, "shapes", []*tensor.Tensor{f(3, 2), f(3, 4)})
	require.NoError(t, err)
	require.EqualValues(t, 2*3*4, gemm.MACs(n))
}
