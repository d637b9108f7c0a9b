package train_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/zoo"
)

// execute runs a graph by the runtime.
func execute(t *testing.T, g *ir.Graph, x *tensor.Tensor) *tensor.Tensor {
	t.Helper()
	s, err := runtime.Compile(t.Context(), g, runtime.Options{})
	require.NoError(t, err)
	defer s.Close()
	out, err := s.Run(context.Background(), x)
	require.NoError(t, err)
	return out[0]
}

// blank is an input of a graph, one image of noise.
func blank(g *ir.Graph) *tensor.Tensor {
	shape := []int{1}
	for _, d := range g.Inputs()[0].Type().Shape[1:] {
		shape = append(shape, d.N)
	}
	return noise(5, shape...)
}

// A model in two parts computes what it computes whole, and joined again it is what it was.
func TestSplitAndJoin(t *testing.T) {
	for name, at := range map[string]string{
		"lenet5": "S4", "cuda-convnet": "pool2", "resnet18": "pool5", "squeezenet1_1": "fire5/concat", "mobilenet_v2": "flatten",
	} {
		t.Run(name, func(t *testing.T) {
			g, err := zoo.Build(name, zoo.Options{})
			require.NoError(t, err)
			before := print(t, g)
			_, boundary, err := train.FrozenUpTo(g, at)
			require.NoError(t, err)
			require.Len(t, boundary, 1)
			front, back, err := train.SplitAt(g, boundary[0])
			require.NoError(t, err)
			require.NoError(t, ir.Verify(front))
			require.NoError(t, ir.Verify(back))
			require.Equal(t, before, print(t, g))
			require.Equal(t, len(g.Nodes()), len(front.Nodes())+len(back.Nodes()))

			x := blank(g)
			want := execute(t, g, x)
			got := execute(t, back, execute(t, front, x))
			require.InDeltaSlice(t, tensor.Data[float32](want), tensor.Data[float32](got), 1e-6)

			joined, err := train.Join(front, back)
			require.NoError(t, err)
			require.NoError(t, ir.Verify(joined))
			require.Equal(t, before, print(t, joined))
		})
	}
}

const residual = `graph "g" (%x: float32[N,2]) -> (%y) {
  %w: float32[2,2] = const [1.0, 2.0, 3.0, 4.0]
  %v: float32[2,3] = const [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
  %a = MatMul(%x, %w) "first"
  %b = Relu(%a) "relu"
  %c = MatMul(%b, %w) "second"
  %d = Add(%c, %a) "sum"
  %e = MatMul(%d, %v) "fc"
  %y = Softmax{axis=1}(%e) "softmax"
}
`

func TestFrozenUpTo(t *testing.T) {
	for _, c := range []struct {
		node             string
		frozen, boundary []string
	}{
		{"first", []string{"first"}, []string{"a"}},
		{"relu", []string{"first", "relu"}, []string{"a", "b"}},
		{"c", []string{"first", "relu", "second"}, []string{"a", "c"}},
		{"sum", []string{"first", "relu", "second", "sum"}, []string{"d"}},
		{"softmax", []string{"first", "relu", "second", "sum", "fc", "softmax"}, []string{"y"}},
	} {
		g := parse(t, residual)
		frozen, boundary, err := train.FrozenUpTo(g, c.node)
		require.NoError(t, err)
		var nodes, values []string
		for _, n := range g.Nodes() {
			if frozen[n] {
				nodes = append(nodes, n.Name)
			}
		}
		for _, v := range boundary {
			values = append(values, v.Name())
		}
		require.Equal(t, c.frozen, nodes)
		require.Equal(t, c.boundary, values)
	}
	_, _, err := train.FrozenUpTo(parse(t, residual), "secnd")
	require.EqualError(t, err, `train: node "secnd": not found; nearest: "second", "relu", "sum"`)
	var unknown *train.UnknownError
	require.ErrorAs(t, err, &unknown)
}

func TestSplitErrors(t *testing.T) {
	for at, want := range map[string]string{
		"x": `train: value "x": no node computes it, there is nothing in front of it`,
		"b": `train: value "b": the graph cannot be parted there: what is behind it reads %x: float32[N,2] as well`,
		"y": `train: value "y": is an output of the graph, there is nothing behind it`,
	} {
		g := parse(t, residual)
		_, _, err := train.SplitAt(g, g.Value(at))
		require.EqualError(t, err, want)
	}
	g := parse(t, residual)
	_, _, err := train.SplitAt(g, parse(t, residual).Value("d"))
	require.EqualError(t, err, `train: where to part graph "g" is not a value of it`)
	front, _, err := train.SplitAt(g, g.Value("a"))
	require.NoError(t, err)
	_, back, err := train.SplitAt(g, g.Value("d"))
	require.NoError(t, err)
	_, err = train.Join(front, back)
	require.EqualError(t, err, `train: value "d": the front has no such value of type float32[N,2] to join the back to`)
}

// Names that both parts have for different things stay apart.
func TestJoinOfStrangers(t *testing.T) {
	front := parse(t, `graph "f" (%x: float32[N,2]) -> (%h) {
  %c: float32[2] = const [1.0, 2.0]
  %y = Add(%x, %c) "n"
  %h = Relu(%y) "relu"
  meta "a" "front"
  meta "b" "front"
}
`)
	back := parse(t, `graph "b" (%h: float32[N,2]) -> (%y) {
  %c: float32[2] = const [3.0, 4.0]
  %x = Mul(%h, %c) "n"
  %y = Relu(%x) "last"
  meta "b" "back"
}
`)
	g, err := train.Join(front, back)
	require.NoError(t, err)
	require.NoError(t, ir.Verify(g))
	require.Equal(t, `graph "f" (%x: float32[N,2]) -> (%y) {
  meta "a" "front"
  meta "b" "back"
  %c: float32[2] = const [1.0, 2.0]
  %y_1: float32[N,2] = Add(%x, %c) "n"
  %h: float32[N,2] = Relu(%y_1) "relu"
  %c_1: float32[2] = const [3.0, 4.0]
  %x_1: float32[N,2] = Mul(%h, %c_1) "n_1"
  %y: float32[N,2] = Relu(%x_1) "last"
}
`, print(t, g))
}
