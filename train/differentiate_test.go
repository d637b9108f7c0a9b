package train_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/zoo"
)

func parse(t *testing.T, text string) *ir.Graph {
	t.Helper()
	g, err := ir.Parse(text, ops.LookupFused)
	require.NoError(t, err)
	return g
}

func print(t *testing.T, g *ir.Graph) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, ir.Print(&b, g, ir.PrintOptions{}))
	return b.String()
}

const perceptron = `graph "perceptron" (%x: float32[N,3], %w: float32[2,3], %b: float32[2]) -> (%loss) {
  %y = Gemm{transB=true}(%x, %w, %b) "fc"
  %z = Relu(%y) "relu"
  %loss = ReduceMean{keepdims=false}(%z) "mean"
}
`

func TestDifferentiateInText(t *testing.T) {
	g := parse(t, perceptron)
	gradients, err := train.Differentiate(g, g.Value("loss"), []*ir.Value{g.Value("w"), g.Value("b")})
	require.NoError(t, err)
	g.SetOutputs(gradients...)
	require.Equal(t, `graph "perceptron" (%x: float32[N,3], %w: float32[2,3], %b: float32[2]) -> (%fc/Gemm, %fc/ReduceSum) {
  %y: float32[N,2] = Gemm{transB=true}(%x, %w, %b) "fc"
  %z: float32[N,2] = Relu(%y) "relu"
  %loss: float32[] = ReduceMean{keepdims=false}(%z) "mean"
  %loss/grad: float32[] = const 1.0
  %mean/const: int64[2] = const [1, 1]
  %mean/Reshape: float32[1,1] = Reshape(%loss/grad, %mean/const) "mean/Reshape"
  %mean/Size: int64[] = Size(%z) "mean/Size"
  %mean/Size_1: int64[] = Size(%loss) "mean/Size_1"
  %mean/Div: int64[] = Div(%mean/Size, %mean/Size_1) "mean/Div"
  %mean/Cast: float32[] = Cast{to=float32}(%mean/Div) "mean/Cast"
  %mean/Div_1: float32[1,1] = Div(%mean/Reshape, %mean/Cast) "mean/Div_1"
  %mean/Shape: int64[2] = Shape(%z) "mean/Shape"
  %mean/Expand: float32[N,2] = Expand(%mean/Div_1, %mean/Shape) "mean/Expand"
  %relu/PointwiseGrad: float32[N,2] = onnxrun.PointwiseGrad{of="Relu", result=true}(%mean/Expand, %z) "relu/PointwiseGrad"
  %fc/Gemm: float32[2,3] = Gemm{transA=true}(%relu/PointwiseGrad, %x) "fc/Gemm"
  %fc/const: int64[1] = const [0]
  %fc/ReduceSum: float32[2] = ReduceSum{keepdims=false}(%relu/PointwiseGrad, %fc/const) "fc/ReduceSum"
}
`, print(t, g))
}

func TestDifferentiateRefuses(t *testing.T) {
	g := parse(t, `graph "g" (%x: float32[2,3], %i: int64[2]) -> (%loss) {
  %a = ReduceProd{keepdims=false}(%x) "product"
  %xt = Transpose(%x) "turn"
  %s = MatMul(%x, %xt) "square"
  %d = Det(%s) "determinant"
  %loss = Add(%a, %d) "sum"
}
`)
	before := print(t, g)
	_, err := train.Differentiate(g, g.Value("loss"), []*ir.Value{g.Value("x")})
	require.ErrorIs(t, err, train.ErrNotDifferentiable)
	var at *ir.Error
	require.True(t, errors.As(err, &at))
	require.Equal(t, "product", at.Node)
	require.EqualError(t, err, "train: node \"product\" (ReduceProd): is not differentiable\ntrain: node \"determinant\" (Det): is not differentiable")
	require.Equal(t, before, print(t, g))
	x := g.Value("x")
	for _, c := range []struct {
		loss   *ir.Value
		values []*ir.Value
		want   string
	}{
		{nil, nil, "the loss is not a value of the graph"},
		{g.Value("s"), nil, `value "s": has type float32[2,2], a loss has one element`},
		{g.Value("i"), nil, `value "i": is of type int64[2]`},
		{g.Value("loss"), []*ir.Value{x, nil}, "value 1 is not a value of the graph"},
		{g.Value("loss"), []*ir.Value{g.Clone().Value("x")}, "value 0 is not a value of the graph"},
		{g.Value("loss"), []*ir.Value{g.Value("i")}, "only floating-point values have gradients"},
	} {
		_, err := train.Differentiate(g, c.loss, c.values)
		require.ErrorContains(t, err, c.want)
	}
}

// A form of an operator that is not differentiable is told as an operator is.
func TestDifferentiateRefusesForms(t *testing.T) {
	g := parse(t, `graph "g" (%x: float32[2,3], %i: int64[2], %w: float32[3]) -> (%loss) {
  %loss = SoftmaxCrossEntropyLoss(%x, %i, %w) "loss"
}
`)
	_, err := train.Differentiate(g, g.Value("loss"), []*ir.Value{g.Value("w")})
	require.ErrorIs(t, err, train.ErrNotDifferentiable)
	require.ErrorContains(t, err, `node "loss" (SoftmaxCrossEntropyLoss)`)
}

// What is not on the way need not be differentiable, and what has no influence has zeros.
func TestDifferentiateBesides(t *testing.T) {
	g := parse(t, `graph "g" (%x: float32[2,3], %n: float32[N,2], %k: float32[4]) -> (%loss, %best) {
  %best = ArgMax{axis=1}(%x) "argmax"
  %r = Round(%k) "round"
  %m = ReduceSum(%r) "rounded"
  %y = Mul(%x, %x) "square"
  %s = ReduceSum{keepdims=false}(%y) "sum"
  %loss = Add(%s, %m) "total"
}
`)
	x, y, n, k, loss := g.Value("x"), g.Value("y"), g.Value("n"), g.Value("k"), g.Value("loss")
	gradients, err := train.Differentiate(g, loss, []*ir.Value{x, n, k, y, loss, x})
	require.NoError(t, err)
	require.NoError(t, ir.Verify(g))
	require.Same(t, gradients[0], gradients[5])
	inputs := map[string]*tensor.Tensor{"x": tensor.Vector[float32](1, 2, 3, 4, 5, 6).Reshaped(2, 3),
		"n": tensor.New(tensor.Float32, 3, 2), "k": tensor.New(tensor.Float32, 4)}
	got, err := interpret(g, inputs, gradients...)
	require.NoError(t, err)
	require.Equal(t, []float32{2, 4, 6, 8, 10, 12}, tensor.Data[float32](got[0]))
	require.True(t, got[1].Equal(tensor.New(tensor.Float32, 3, 2)))
	require.True(t, got[2].Equal(tensor.New(tensor.Float32, 4)))
	require.Equal(t, []float32{1, 1, 1, 1, 1, 1}, tensor.Data[float32](got[3]))
	require.Equal(t, []float32{1}, tensor.Data[float32](got[4]))
}

// Every network of moderate size, taught in all its parameters, for a batch of any size.
func TestDifferentiateTheZoo(t *testing.T) {
	for _, name := range []string{"lenet5", "lenet5-relu", "cuda-convnet", "all-cnn-c", "googlenet", "squeezenet1_1", "mobilenet_v2", "shufflenet_v2", "efficientnet_b0", "densenet121"} {
		t.Run(name, func(t *testing.T) {
			g, err := zoo.Build(name, zoo.Options{Classes: 10})
			require.NoError(t, err)
			labels, err := g.AddInput("labels", ir.Type{DType: tensor.Int64, Shape: ir.Shape{ir.Symbol("N")}})
			require.NoError(t, err)
			g.SetOutputs(appendNode(t, g, ir.New[ops.SoftmaxCrossEntropyLoss](), g.Value("prob").Def().In(0), labels))
			_, err = train.Prepare(g, nil)
			require.NoError(t, err)
			params := train.Parameters(g)
			require.NotEmpty(t, params)
			_, err = train.Free(g, params...)
			require.NoError(t, err)
			gradients, err := train.Differentiate(g, g.Outputs()[0], params)
			require.NoError(t, err)
			require.NoError(t, ir.Verify(g))
			for i, d := range gradients {
				require.NotNil(t, d.Def(), "%s has no influence", params[i].Name())
				require.True(t, d.Type().Shape.Same(params[i].Type().Shape), "gradient of %s has type %v", params[i].Name(), d.Type())
			}
		})
	}
}

// Elements that are equal share the gradient of the greatest.
func TestGradientsOfEquals(t *testing.T) {
	g := parse(t, `graph "g" (%x: float32[4], %y: float32[4]) -> (%loss) {
  %m = Max(%x, %y) "max"
  %n = ReduceMax{keepdims=false}(%x) "greatest"
  %o = ReduceSum{keepdims=false}(%m) "sum"
  %loss = Add(%n, %o) "loss"
}
`)
	gradients, err := train.Differentiate(g, g.Value("loss"), g.Inputs())
	require.NoError(t, err)
	got, err := interpret(g, map[string]*tensor.Tensor{"x": tensor.Vector[float32](1, 2, 3, 3), "y": tensor.Vector[float32](1, 3, 3, 2)}, gradients...)
	require.NoError(t, err)
	require.Equal(t, []float32{0.5, 0, 1, 1.5}, tensor.Data[float32](got[0]))
	require.Equal(t, []float32{0.5, 1, 0.5, 0}, tensor.Data[float32](got[1]))
}

// The runtime gives what the references give, on a network with windows and normalizations of its own.
func TestGradientsByKernels(t *testing.T) {
	g, err := zoo.Build("cuda-convnet", zoo.Options{Classes: 10})
	require.NoError(t, err)
	labels, err := g.AddInput("labels", ir.Type{DType: tensor.Int64, Shape: ir.Shape{ir.Symbol("N")}})
	require.NoError(t, err)
	loss := appendNode(t, g, ir.New[ops.SoftmaxCrossEntropyLoss](), g.Value("prob").Def().In(0), labels)
	g.SetOutputs(loss)
	params := train.Parameters(g)
	held, err := train.Free(g, params...)
	require.NoError(t, err)
	gradients, err := train.Differentiate(g, loss, params)
	require.NoError(t, err)
	image := g.Inputs()[0]
	shape, _ := image.Type().Shape[1:].Ints()
	inputs := map[string]*tensor.Tensor{image.Name(): wave(1, 0.0137, 0.5, append([]int{1}, shape...)...), "labels": tensor.FromSlice([]int64{3}, 1)}
	for i, p := range params {
		inputs[p.Name()] = held[i]
	}
	want, err := interpret(g, inputs, gradients...)
	require.NoError(t, err)
	for i, got := range byKernels(t, g, inputs, gradients) {
		x, y := tensor.Data[float32](want[i]), tensor.Data[float32](got)
		for j := range x {
			require.InDelta(t, x[j], y[j], 1e-5*norm(x), params[i].Name())
		}
	}
}
