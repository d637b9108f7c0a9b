package ops

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

func TestEinsumRefuses(t *testing.T) {
	f := func(shape ...int) *tensor.Tensor { return tensor.New(tensor.Float32, shape...) }
	for _, c := range []struct {
		equation string
		in       []*tensor.Tensor
		err      string
	}{
		{"ij,jk->ik", []*tensor.Tensor{f(2, 3)}, `attribute "equation": "ij,jk->ik": has 2 terms for 1 inputs`},
		{"ij->i", []*tensor.Tensor{f(2, 3, 4)}, `term "ij" does not fit to the shape [2,3,4]`},
		{"ij->k", []*tensor.Tensor{f(2, 3)}, "a label that no input has"},
		{"ij->ii", []*tensor.Tensor{f(2, 3)}, "a label twice"},
		{"i1->i", []*tensor.Tensor{f(2, 3)}, `unexpected "1"`},
		{"i......->i", []*tensor.Tensor{f(2, 3)}, `unexpected "..."`},
		{"ij,ij->ij", []*tensor.Tensor{f(2, 3), f(2, 4)}, "dimension 1 of input 1 is 4, expects 3"},
		{"i->i->i", []*tensor.Tensor{f(2)}, `unexpected "->i"`},
	} {
		require.ErrorContains(t, evalErr(t, &Einsum{Equation: c.equation}, 1, c.in...), c.err)
	}
}

func TestEinsumEdges(t *testing.T) {
	f := func(shape ...int) *tensor.Tensor { return tensor.New(tensor.Float32, shape...) }
	require.Equal(t, []float32{0, 0}, tensor.Data[float32](eval(t, &Einsum{Equation: "ij->i"}, 1, f(2, 0))[0]))
	require.Equal(t, []int{0, 4}, eval(t, &Einsum{Equation: "ij,jk->ik"}, 1, f(0, 3), f(3, 4))[0].Shape())
	scalar := eval(t, &Einsum{Equation: ",->"}, 1, tensor.Scalar[int64](3), tensor.Scalar[int64](-4))[0]
	require.True(t, scalar.Equal(tensor.Scalar[int64](-12)))
	half := eval(t, &Einsum{Equation: "i->"}, 1, tensor.Vector(tensor.ToF16(1), tensor.ToF16(2)))[0]
	require.True(t, half.Equal(tensor.Scalar(tensor.ToF16(3))))
	n, err := node(&Einsum{Equation: "ij,jk,kl->il"}, 1, "shapes", []*tensor.Tensor{f(2, 3), f(3, 4), f(4, 5)})
	require.NoError(t, err)
	require.EqualValues(t, 2*3*4+2*4*5, einsum.MACs(n))
	g := ir.NewGraph("unknown rank")
	x, err := g.AddInput("x", ir.Type{DType: tensor.Float32})
	require.NoError(t, err)
	n, err = g.Append("n", &Einsum{Equation: "ij->i"}, []*ir.Value{x}, []string{"y"})
	require.NoError(t, err)
	require.Nil(t, n.Out(0).Type().Shape)
	require.Zero(t, einsum.MACs(n))
}
