package train_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/zoo"
)

const normalized = `graph "g" (%x: float32[N,2,4,4]) -> (%y) {
  %w1: float32[2,2,1,1] = const [1.0, 2.0, 3.0, 4.0]
  %w2: float32[2,2,1,1] = const [5.0, 6.0, 7.0, 8.0]
  %b: float32[2] = const [1.0, 2.0]
  %slope: float32[2,1,1] = const [1.0, 2.0]
  %w3: float32[2,3] = const [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
  %b3: float32[3] = const [1.0, 2.0, 3.0]
  %h1 = Conv(%x, %w1, %b) "conv1"
  %n1 = BatchNormalization(%h1, %b, %b, %b, %b) "norm1"
  %h2 = Conv(%n1, %w2, %b) "conv2"
  %n2 = BatchNormalization(%h2, %b, %b, %b, %b) "norm2"
  %r2 = PRelu(%n2, %slope) "prelu2"
  %sum = Add(%r2, %n1) "sum"
  %n3 = BatchNormalization(%sum, %b, %b, %b, %b) "norm3"
  %p = GlobalAveragePool(%n3) "pool"
  %f = Flatten(%p) "flatten"
  %m = MatMul(%f, %w3) "fc"
  %y = Add(%m, %b3) "bias"
}
`

func TestReinit(t *testing.T) {
	g := parse(t, normalized)
	names, err := train.Reinit(g, 2, 9)
	require.NoError(t, err)
	require.NoError(t, ir.Verify(g))
	require.Equal(t, []string{"conv2", "norm2", "prelu2", "fc", "bias"}, names)
	held := func(value string, input int) []float32 {
		data, ok := g.Value(value).Def().In(input).Const().AsFloat32()
		require.True(t, ok)
		return data
	}
	require.Equal(t, []float32{1, 2, 3, 4}, held("h1", 1))
	require.NotEqual(t, []float32{5, 6, 7, 8}, held("h2", 1))
	require.Equal(t, []float32{0, 0}, held("h2", 2))
	for i, want := range [][]float32{{1, 1}, {0, 0}, {0, 0}, {1, 1}} {
		require.Equal(t, []float32{1, 2}, held("n1", i+1))
		require.Equal(t, want, held("n2", i+1))
		require.Equal(t, []float32{1, 2}, held("n3", i+1)) // what it reads has not restarted alone
	}
	require.Equal(t, []float32{0.25, 0.25}, held("r2", 1))
	require.Equal(t, []float32{0, 0, 0}, held("y", 1))

	names, err = train.Reinit(g, 3, 9)
	require.NoError(t, err)
	require.Equal(t, []string{"conv1", "norm1", "conv2", "norm2", "prelu2", "norm3", "fc", "bias"}, names)
	require.NoError(t, err)
	_, err = train.Reinit(g, 4, 9)
	require.EqualError(t, err, "train: 4 layers to restart, expects 0 to the model's 3")
}

// A network that is restarted as a whole is the one that the zoo builds.
func TestReinitIsTheZoos(t *testing.T) {
	for name, layers := range map[string]int{"lenet5": 5, "lenet5-relu": 5, "resnet18": 21, "squeezenet1_1": 26} {
		g, err := zoo.Build(name, zoo.Options{Seed: 1})
		require.NoError(t, err)
		want, err := zoo.Build(name, zoo.Options{Seed: 2})
		require.NoError(t, err)
		_, err = train.Reinit(g, layers, 2)
		require.NoError(t, err)
		_, err = train.Reinit(g.Clone(), layers+1, 2)
		require.Error(t, err, "the network has %d layers", layers)
		for _, v := range train.Parameters(want) {
			got := g.Value(v.Name()).Const()
			require.True(t, v.Const().Equal(got), "%s: %s", name, v.Name())
		}
	}
}

func TestDrop(t *testing.T) {
	const body = `graph "g" (%x: float32[N,2,4,4]) -> (%y) {
  %w1: float32[3,2,1,1] = const [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
  %b1: float32[3] = const [1.0, 2.0, 3.0]
  %w2: float32[3,1,1,1] = const [1.0, 2.0, 3.0]
  %w3: float32[2,3,1,1] = const [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
  %shape: int64[2] = const [-1, 8]
  %w4: float32[8,2] = const splat(1.0)
  %a = Conv(%x, %w1, %b1) "expand"
  %n = BatchNormalization(%a, %b1, %b1, %b1, %b1) "norm"
  %r = Relu(%n) "relu"
  %d = Conv{group=3}(%r, %w2, %b1) "depthwise"
  %p = Conv(%d, %w3) "project"
  %s = Add(%p, %x) "sum"
  %m = MaxPool{kernel_shape=[2, 2], strides=[2, 2]}(%s) "pool"
  %f = Reshape(%m, %shape) "flatten"
  %y = MatMul(%f, %w4) "fc"
}
`
	for _, c := range []struct {
		name  string
		nodes []string
		fresh []string
		want  map[string]string // value: type
		gone  []string
	}{
		{"same shape", []string{"relu"}, nil, map[string]string{"n": "float32[N,3,4,4]"}, []string{"r"}},
		{"by value", []string{"r", "relu"}, nil, map[string]string{"n": "float32[N,3,4,4]"}, []string{"r"}},
		{"other channels", []string{"expand"}, []string{"norm", "depthwise", "project"},
			map[string]string{"n": "float32[N,2,4,4]", "d": "float32[N,2,4,4]", "w2": "float32[2,1,1,1]", "w3": "float32[2,2,1,1]"}, []string{"a", "w1"}},
		{"other size", []string{"pool"}, []string{"fc"}, map[string]string{"f": "float32[N,32]", "w4": "float32[32,2]"}, []string{"m"}},
		{"a sum leaves a branch", []string{"sum"}, nil, map[string]string{"p": "float32[N,2,4,4]"}, []string{"s"}},
		{"several", []string{"expand", "norm", "relu", "depthwise", "project"}, nil, map[string]string{"s": "float32[N,2,4,4]"}, []string{"w1", "w2", "w3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := parse(t, body)
			fresh, err := train.Drop(g, c.nodes, 0)
			require.NoError(t, err)
			require.NoError(t, ir.Verify(g))
			require.Equal(t, c.fresh, fresh)
			for name, want := range c.want {
				require.Equal(t, want, g.Value(name).Type().String())
			}
			for _, name := range c.gone {
				require.Nil(t, g.Value(name), name)
			}
			_, err = interpret(g, map[string]*tensor.Tensor{"x": noise(1, 3, 2, 4, 4)}, g.Outputs()...)
			require.NoError(t, err)
		})
	}
	for nodes, want := range map[string]string{
		"expnd":   `train: node "expnd": not found; nearest: "expand", "n", "d"`,
		"project": `train: what comes before it has another shape now: node "sum" (Add): `,
	} {
		_, err := train.Drop(parse(t, body), []string{nodes}, 0)
		require.ErrorContains(t, err, want)
	}
}

func TestAddDropout(t *testing.T) {
	for name, want := range map[string]int{"lenet5": 2, "alexnet-torch": 1, "squeezenet1_1": 0, "resnet18": 1} {
		g, err := zoo.Build(name, zoo.Options{})
		require.NoError(t, err)
		n, err := train.AddDropout(g, 0.3)
		require.NoError(t, err)
		require.Equal(t, want, n, name)
		require.NoError(t, ir.Verify(g))
		again, err := train.AddDropout(g, 0.3)
		require.NoError(t, err)
		require.Zero(t, again)
	}
	_, err := train.AddDropout(parse(t, residual), 1)
	require.EqualError(t, err, "train: dropout ratio 1, expects at least 0 and less than 1")
}
