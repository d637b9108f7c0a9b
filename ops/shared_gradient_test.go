package ops

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

func int64s(v ...int64) *tensor.Tensor { return tensor.FromSlice(v, len(v)) }

func floats32(shape ...int) *tensor.Tensor { return tensor.New(tensor.Float32, shape...) }

func pointwiseOf(name string, alpha *float32) *PointwiseGrad {
	op := ir.New[PointwiseGrad]()
	op.Of, op.Alpha = name, alpha
	return op
}

func set[T any](op *T, change func(*T)) *T {
	change(op)
	return op
}

// What a gradient is of does not fit to it.
func TestGradientsRefuse(t *testing.T) {
	pool := MaxPool{AutoPad: "NOTSET", KernelShape: []int{2, 2}}
	for name, c := range map[string]struct {
		op   ir.Op
		outs int
		in   []*tensor.Tensor
		want string
	}{
		"conv input":        {&ConvGradInput{*ir.New[Conv]()}, 1, []*tensor.Tensor{floats32(1, 2, 5, 5), floats32(2, 3, 3, 3), int64s(1, 3, 5, 5)}, "gradient of shape"},
		"conv channels":     {&ConvGradInput{*ir.New[Conv]()}, 1, []*tensor.Tensor{floats32(1, 2, 3, 3), floats32(2, 3, 3, 3), int64s(1, 4, 5, 5)}, "channels"},
		"conv negative":     {&ConvGradInput{*ir.New[Conv]()}, 1, []*tensor.Tensor{floats32(1, 2, 3, 3), floats32(2, 3, 3, 3), int64s(1, 3, -5, 5)}, "negative"},
		"conv weights":      {&ConvGradWeights{*ir.New[Conv]()}, 1, []*tensor.Tensor{floats32(1, 2, 3, 3), floats32(1, 3, 5, 5), int64s(2, 3, 2, 2)}, "gradient of shape"},
		"conv too large":    {&ConvGradInput{*ir.New[Conv]()}, 1, []*tensor.Tensor{floats32(1, 2, 3, 3), floats32(2, 3, 3, 3), int64s(1, 3, 1<<40, 1<<40)}, ""},
		"max pool":          {&MaxPoolGrad{pool}, 1, []*tensor.Tensor{floats32(1, 2, 4, 4), floats32(1, 2, 4, 4)}, "gradient of shape"},
		"average pool":      {&AveragePoolGrad{AveragePool{AutoPad: "NOTSET", KernelShape: []int{2, 2}}}, 1, []*tensor.Tensor{floats32(1, 2, 4, 4), int64s(1, 2, 4, 4)}, "gradient of shape"},
		"lp pool":           {&LpPoolGrad{LpPool{AutoPad: "NOTSET", KernelShape: []int{2, 2}}}, 1, []*tensor.Tensor{floats32(1, 2, 3, 3), floats32(1, 2, 4, 4)}, "unsupported value 0"},
		"lrn":               {&LRNGrad{LRN{Size: 3}}, 1, []*tensor.Tensor{floats32(1, 2, 3), floats32(1, 2, 4)}, "gradient of shape"},
		"lrn size":          {&LRNGrad{LRN{Size: 0}}, 1, []*tensor.Tensor{floats32(1, 2, 3), floats32(1, 2, 3)}, "unsupported value 0"},
		"batch norm":        {ir.New[BatchNormalizationGrad](), 3, []*tensor.Tensor{floats32(1, 2, 3), floats32(1, 2, 3), floats32(3)}, "expects [2]"},
		"standardize":       {&StandardizeGrad{Axes: []int{3}}, 2, []*tensor.Tensor{floats32(1, 2, 3), floats32(1, 2, 3)}, "axis 3"},
		"sum to":            {&SumTo{}, 1, []*tensor.Tensor{floats32(2, 3), int64s(2, 2)}, "broadcast"},
		"sum to more":       {&SumTo{}, 1, []*tensor.Tensor{floats32(2, 3), int64s(1, 2, 3)}, "does not broadcast"},
		"pointwise unknown": {pointwiseOf("Conv", nil), 1, []*tensor.Tensor{floats32(2), floats32(2)}, `attribute "of"`},
		"pointwise attr":    {pointwiseOf("Tanh", new(float32)), 1, []*tensor.Tensor{floats32(2), floats32(2)}, `attribute "alpha"`},
		"pointwise result":  {set(pointwiseOf("Gelu", nil), func(a *PointwiseGrad) { a.Result = true }), 1, []*tensor.Tensor{floats32(2), floats32(2)}, `attribute "result"`},
		"class":             {&ClassLossGrad{Reduction: "sum"}, 1, []*tensor.Tensor{floats32(), int64s(2, 3), int64s(0, 3)}, "class 3"},
		"classes":           {&ClassLossGrad{Reduction: "sum"}, 1, []*tensor.Tensor{floats32(), int64s(2, 3), int64s(0)}, "do not fit"},
		"resize":            {&ResizeGrad{*ir.New[Resize]()}, 1, []*tensor.Tensor{floats32(2, 3), int64s(2, 2), nil, nil, int64s(2, 4)}, "gradient of shape"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, evalErr(t, c.op, c.outs, c.in...), c.want)
		})
	}
}

// Half types are computed with as float32.
func TestGradientsOfHalfTypes(t *testing.T) {
	half := func(v ...float32) *tensor.Tensor { return tensor.FromFloat32(tensor.Vector(v...), tensor.Float16) }
	out := eval(t, pointwiseOf("Sigmoid", nil), 1, half(4, 8), half(0, 0))
	require.True(t, out[0].Equal(half(1, 2)))
	out = eval(t, &ConvGradWeights{*ir.New[Conv]()}, 1, half(2).Reshaped(1, 1, 1), half(3, 5).Reshaped(1, 1, 2), int64s(1, 1, 2))
	require.True(t, out[0].Equal(half(6, 10).Reshaped(1, 1, 2)))
}

func TestOperatorsOfTeaching(t *testing.T) {
	for _, d := range taught {
		require.Same(t, d, LookupFused(d.Domain, d.Name))
		require.Same(t, d, d.New().Def())
		require.Nil(t, Lookup(d.Domain, d.Name), "%s is in no file", d.Name)
		require.NotEmpty(t, d.Doc, d.Name)
	}
}

// Of equal elements the first has won, as MaxPool's indices say.
func TestMaxPoolGradOfEquals(t *testing.T) {
	x := tensor.Vector[float32](1, 1, 2, 2, 0).Reshaped(1, 1, 5)
	op := &MaxPoolGrad{MaxPool{AutoPad: "NOTSET", KernelShape: []int{2}}}
	out := eval(t, op, 1, tensor.Vector[float32](1, 2, 4, 8).Reshaped(1, 1, 4), x)
	require.Equal(t, []float32{1, 0, 6, 8, 0}, tensor.Data[float32](out[0]))
}
