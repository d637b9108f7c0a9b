package modelinfo

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

func parse(t testing.TB, text string) *ir.Graph {
	g, err := ir.Parse(text, ops.Lookup)
	require.NoError(t, err)
	return g
}

func TestRandomInputs(t *testing.T) {
	g := parse(t, `graph "g" (%x: float32[N,2], %n: int64[3], %h: float16[2]) -> (%x) {}`)
	in, err := RandomInputs(g.Inputs(), 4, nil, 1)
	require.NoError(t, err)
	require.Equal(t, []int{4, 2}, in[0].Shape())
	require.NotZero(t, tensor.Data[float32](in[0])[0])
	require.Equal(t, []int64{0, 0, 0}, tensor.Data[int64](in[1]))
	require.Equal(t, tensor.Float16, in[2].DType())
	open := parse(t, `graph "g" (%x: float32[1,H]) -> (%x) {}`)
	_, err = RandomInputs(open.Inputs(), 1, nil, 1)
	require.ErrorContains(t, err, "give its shape")
	in, err = RandomInputs(open.Inputs(), 1, map[string][]int{"x": {1, 5}}, 1)
	require.NoError(t, err)
	require.Equal(t, []int{1, 5}, in[0].Shape())
	_, err = RandomInputs(open.Inputs(), 1, map[string][]int{"z": {1}}, 1)
	require.ErrorContains(t, err, "no such input")
}

// Weights, biases, scales and slopes are counted, whatever their type, once each; bounds, statistics, sizes and single numbers
// are not.
func TestCount(t *testing.T) {
	for want, text := range map[int64]string{
		4 + 4: `
  %s: float32[4] = const splat(0.5)
  %m: float32[4] = const splat(0.25)
  %b: float32[4] = const splat(0.125)
  %v: float32[4] = const splat(2.0)
  %y = BatchNormalization(%x, %s, %b, %m, %v) "bn"`,
		2 * 4 * 3: `
  %w: int8[2,4,3,1] = const splat(3)
  %s: float32[2] = const splat(0.5)
  %d = DequantizeLinear{axis=0}(%w, %s) "weights"
  %y = Conv(%x, %d) "conv"`,
		4: `
  %low: float32[] = const -0.5
  %a: float32[1,4,1,1] = const splat(0.5)
  %half: float32[] = const 0.5
  %c = Clip(%x, %low) "clip"
  %m = Mul(%c, %half) "half"
  %p = Add(%m, %a) "shift"
  %y = Add(%p, %a) "again"`,
		0: `
  %scales: float32[4] = const [1.0, 1.0, 2.0, 2.0]
  %y = Resize(%x, _, %scales) "resize"`,
	} {
		g := parse(t, `graph "g" opset 21 (%x: float32[N,4,6,6]) -> (%y) {`+text+"\n}")
		c, err := Count(g)
		require.NoError(t, err)
		require.Equal(t, want, c.Parameters, text)
		require.Zero(t, c.Uncounted)
	}
}

// A layer is called as the value that it computes, or as its node; a value comes first, but for inputs and constants.
func TestLayer(t *testing.T) {
	g := parse(t, `graph "g" opset 21 (%relu: float32[N,4]) -> (%y) {
  %a = Relu(%relu) "relu"
  %b = Neg(%a) "a"
  %y = Abs(%b) "abs"
}`)
	for name, want := range map[string]string{"relu": "a", "a": "a", "b": "b", "abs": "y"} {
		require.Equal(t, want, Layer(g, name).Name(), name)
	}
	require.Nil(t, Layer(g, "c"))
	require.Equal(t, []string{"relu", "a", "abs", "a", "b", "y"}, LayerNames(g))
}

// The output that scores is the first of floating-point numbers; its scores are what its Softmax reads.
func TestEnds(t *testing.T) {
	g := parse(t, `graph "g" opset 21 (%x: float32[N,3,8,8]) -> (%top, %p, %f) {
  %f = GlobalAveragePool(%x) "pool"
  %s = Softmax{axis=1}(%f) "softmax"
  %p = Flatten(%s) "flat"
  %top = ArgMax{axis=1}(%p) "top"
}`)
	in, err := Input(g)
	require.NoError(t, err)
	require.Equal(t, "x", in.Name())
	require.Equal(t, "p", Output(g).Name())
	require.Equal(t, "f", Scores(g).Name())
	require.Equal(t, 3, Classes(Output(g)))
	_, err = Input(parse(t, `graph "g" opset 21 (%x: float32[N,3,8,8], %z: int64[]) -> (%x) {}`))
	require.EqualError(t, err, "onnxrun: the model does not take one image: its inputs are %x: float32[N,3,8,8], %z: int64[]")
}

// Scores are what a Softmax at the end reads, unless that has no row for each of the output's.
func TestScores(t *testing.T) {
	for want, text := range map[string]string{
		"x": `graph "g" (%x: float32[N,3,1,1]) -> (%y) {
  %p = Softmax{axis=1}(%x) "softmax"
  %y = Flatten(%p) "flatten"
}`,
		"y": `graph "g" (%x: float32[1,4,3]) -> (%y) {
  %p = Softmax{axis=2}(%x) "softmax"
  %axes: int64[1] = const [0]
  %y = Squeeze(%p, %axes) "squeeze"
}`,
		"r": `graph "g" (%x: float32[N,3]) -> (%r) {
  %p = Softmax{axis=1}(%x) "softmax"
  %r = Relu(%p) "relu"
}`,
	} {
		g := parse(t, text)
		require.Equal(t, want, Scores(g).Name())
	}
	require.Nil(t, Scores(parse(t, `graph "g" (%n: int64[3]) -> (%n) {}`)))
}
