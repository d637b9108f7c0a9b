package train_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/zoo"
)

func TestClassifierOfTheZoo(t *testing.T) {
	want := map[string]string{
		"lenet5": "OUTPUT", "lenet5-relu": "OUTPUT", "alexnet": "fc8", "alexnet-torch": "fc8", "vgg16": "fc8", "cuda-convnet": "fc10",
		"googlenet": "loss3/classifier", "all-cnn-c": "conv9", "resnet18": "fc", "resnet20": "fc", "airbench94": "fc", "resnet50": "fc", "squeezenet1_1": "conv10",
		"densenet121": "classifier", "mobilenet_v2": "fc", "shufflenet_v2": "fc", "efficientnet_b0": "fc", "vit_b_16": "head", "convnext_tiny": "fc",
	}
	for _, name := range zoo.Names() {
		t.Run(name, func(t *testing.T) {
			g, err := zoo.Build(name, zoo.Options{})
			require.NoError(t, err)
			scores, err := train.Scores(g)
			require.NoError(t, err)
			require.Equal(t, g.Value("prob").Def().In(0), scores)
			n, err := train.Classifier(g)
			require.NoError(t, err)
			require.Equal(t, want[name], n.Name)
			again, err := train.ReplaceClassifier(g, n, 7, 3)
			require.NoError(t, err)
			require.Equal(t, n, again)
			require.NoError(t, ir.Verify(g))
			require.Equal(t, ir.Shape{ir.Symbol("N"), ir.Known(7)}, g.Outputs()[0].Type().Shape)
			require.Equal(t, "prob", g.Outputs()[0].Name())

			// The network of that many classes and that seed is the same.
			fresh, err := zoo.Build(name, zoo.Options{Classes: 7, Seed: 3})
			require.NoError(t, err)
			w := n.Name + ".weight"
			require.True(t, fresh.Value(w).Const().Equal(g.Value(w).Const()))
		})
	}
}

// What stands behind a classifier fits the classes that it has now.
func TestReplaceClassifier(t *testing.T) {
	for _, c := range []struct {
		name, input, body string
		classes           int
		want              string // of the classifier's node
		consts            map[string]*tensor.Tensor
		out               ir.Shape
	}{
		{"matrix product, bias and a fixed shape", "[N,3]", `
  %w: float32[3,2] = const [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
  %b: float32[2] = const [1.0, 2.0]
  %s: float32[2] = const [1.0, 2.0]
  %shape: int64[3] = const [-1, 2, 1]
  %h = MatMul(%x, %w) "fc"
  %i = Add(%b, %h) "bias"
  %k = Mul(%i, %s) "scale"
  %l = Reshape(%k, %shape) "reshape"
  %y = Softmax{axis=1}(%l) "softmax"
`, 4, "fc", map[string]*tensor.Tensor{
			"b": tensor.New(tensor.Float32, 4), "s": tensor.Vector[float32](1, 1, 1, 1), "shape": tensor.Vector[int64](-1, 4, 1),
		}, ir.Shape{ir.Symbol("N"), ir.Known(4)}},
		{"a tied matrix keeps its other use", "[N,2]", `
  %w: float32[2,2] = const [1.0, 2.0, 3.0, 4.0]
  %b: float32[2] = const [1.0, 2.0]
  %h = Gemm{transB=true}(%x, %w, %b) "fc1"
  %r = Relu(%h) "relu"
  %y = Gemm(%r, %w, %b) "fc2"
`, 3, "fc2", map[string]*tensor.Tensor{
			"w": tensor.FromSlice([]float32{1, 2, 3, 4}, 2, 2), "b": tensor.Vector[float32](1, 2), "b_1": tensor.New(tensor.Float32, 3),
		}, ir.Shape{ir.Symbol("N"), ir.Known(3)}},
		{"convolution, normalization, pooling and other shapes", "[N,1,4,4]", `
  %w: float32[2,1,1,1] = const [1.0, 2.0]
  %scale: float32[2] = const [2.0, 2.0]
  %zero: float32[2] = const [0.0, 0.0]
  %var: float32[2] = const [3.0, 3.0]
  %axes: int64[2] = const [2, 3]
  %h = Conv(%x, %w) "conv"
  %n = BatchNormalization(%h, %scale, %zero, %zero, %var) "norm"
  %r = Relu(%n) "relu"
  %p = ReduceMean(%r, %axes) "mean"
  %f = Squeeze(%p, %axes) "squeeze"
  %y = Softmax(%f) "softmax"
`, 3, "conv", map[string]*tensor.Tensor{
			"scale": tensor.Vector[float32](1, 1, 1), "var": tensor.Vector[float32](1, 1, 1), "zero_1": tensor.New(tensor.Float32, 3), "zero_2": tensor.New(tensor.Float32, 3),
		}, ir.Shape{ir.Symbol("N"), ir.Known(3)}},
		{"scores of one pixel become rows", "[N,1,4,4]", `
  %w: float32[2,1,1,1] = const [1.0, 2.0]
  %h = Conv(%x, %w) "conv"
  %p = GlobalAveragePool(%h) "pool"
  %y = Softmax{axis=-3}(%p) "softmax"
`, 5, "conv", nil, ir.Shape{ir.Symbol("N"), ir.Known(5)}},
		{"an output of one pixel becomes rows", "[N,1,4,4]", `
  %w: float32[2,1,1,1] = const [1.0, 2.0]
  %h = Conv(%x, %w) "conv"
  %y = GlobalAveragePool(%h) "pool"
`, 5, "conv", nil, ir.Shape{ir.Symbol("N"), ir.Known(5)}},
		{"other shapes behind the probabilities go", "[N,1,4,4]", `
  %w: float32[2,1,1,1] = const [1.0, 2.0]
  %shape: int64[2] = const [0, 2]
  %h = Conv(%x, %w) "conv"
  %p = GlobalAveragePool(%h) "pool"
  %s = Softmax{axis=1}(%p) "softmax"
  %y = Reshape(%s, %shape) "reshape"
`, 5, "conv", nil, ir.Shape{ir.Symbol("N"), ir.Known(5)}},
		{"one image and fixed shapes", "[1,1,4,4]", `
  %w: float32[2,1,1,1] = const [1.0, 2.0]
  %b: float32[1,2,1,1] = const [1.0, 2.0]
  %shape: int64[2] = const [1, 2]
  %h = Conv(%x, %w) "conv"
  %i = Add(%h, %b) "bias"
  %p = AveragePool{kernel_shape=[4, 4]}(%i) "pool"
  %y = Reshape(%p, %shape) "reshape"
`, 5, "conv", map[string]*tensor.Tensor{"shape": tensor.Vector[int64](1, 5), "b": tensor.New(tensor.Float32, 1, 5, 1, 1)}, ir.Dims(1, 5)},
		{"transposed channels", "[N,4,4,3]", `
  %w: float32[3,2] = const [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
  %h = MatMul(%x, %w) "fc"
  %k = Transpose{perm=[0, 3, 1, 2]}(%h) "first"
  %p = GlobalAveragePool(%k) "pool"
  %y = Flatten(%p) "flatten"
`, 5, "fc", nil, ir.Shape{ir.Symbol("N"), ir.Known(5)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := parse(t, "graph \"g\" (%x: float32"+c.input+") -> (%y) {"+c.body+"}\n")
			n, err := train.Classifier(g)
			require.NoError(t, err)
			require.Equal(t, c.want, n.Name)
			_, err = train.ReplaceClassifier(g, n, c.classes, 0)
			require.NoError(t, err)
			require.NoError(t, ir.Verify(g))
			require.Equal(t, c.out, g.Outputs()[0].Type().Shape)
			for name, want := range c.consts {
				require.NotNil(t, g.Value(name), name)
				require.True(t, want.Equal(g.Value(name).Const()), "%s is %v", name, g.Value(name).Const())
			}
		})
	}
}

func TestNoClassifier(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{`
  %y = Relu(%x) "relu"
`, `train: value "x": no classifier found: the search back from the scores "y" ends here; name the layer`},
		{`
  %z = Relu(%x) "relu"
  %y = Add(%x, %z) "sum"
`, `train: node "sum" (Add): no classifier found: the search back from the scores "y" ends here; name the layer`},
		{`
  %z = Transpose(%x) "t"
  %y = Gemm(%x, %z) "product"
`, `train: node "product" (Gemm): no classifier found: its weights are not constant, or it has groups; name the layer`},
		{`
  %w: float32[4,2] = const [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
  %axes: int64[1] = const [1]
  %z = MatMul(%x, %w) "fc"
  %y = ReduceMean(%z, %axes) "mean"
`, `train: node "fc" (MatMul): no classifier found: it has 2 outputs, and there are 1 scores for an image; name the layer`},
	} {
		_, err := train.Classifier(parse(t, "graph \"g\" (%x: float32[N,4]) -> (%y) {"+c.body+"}\n"))
		require.ErrorIs(t, err, train.ErrNoClassifier)
		require.EqualError(t, err, c.want)
	}
	g := parse(t, `graph "g" (%x: float32[N,2]) -> (%y) {
  %y = Cast{to=int64}(%x) "cast"
}
`)
	_, err := train.Classifier(g)
	require.ErrorIs(t, err, train.ErrNoClassifier)
}

func TestReplaceClassifierErrors(t *testing.T) {
	const body = `graph "g" (%x: float32[N,2]) -> (%y) {
  %w: float32[2,2] = const [1.0, 2.0, 3.0, 4.0]
  %v: float32[2,2] = const [1.0, 2.0, 3.0, 4.0]
  %h = Gemm(%x, %w) "hidden"
  %r = Relu(%h) "relu"
  %y = Gemm(%r, %v) "fc"
}
`
	for _, c := range []struct {
		node    string
		classes int
		want    string
	}{
		{"y", 0, `train: node "fc" (Gemm): 0 classes, expects 1 to 1048576`},
		{"r", 3, `train: node "relu" (Relu): is no Gemm, MatMul or Conv of one group with constant weights: name another layer as classifier`},
		{"h", 3, `train: node "hidden" (Gemm): is not the classifier: with 3 outputs there are 2 scores for an image`},
	} {
		g := parse(t, body)
		_, err := train.ReplaceClassifier(g, g.Value(c.node).Def(), c.classes, 0)
		require.EqualError(t, err, c.want)
	}
}
