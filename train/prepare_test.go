package train_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
)

const regularized = `graph "g" (%x: float32[N,2,3]) -> (%z, %kept) {
  %scale: float32[2] = const [1.0, 2.0]
  %shift: float32[2] = const [0.0, 1.0]
  %mean: float32[2] = const [0.0, 0.0]
  %var: float32[2] = const [1.0, 1.0]
  %ratio: float32[] = const 0.25
  %y = BatchNormalization(%x, %scale, %shift, %mean, %var) "bn"
  %d, %m = Dropout(%y, %ratio) "drop"
  %e = Dropout(%d) "again"
  %z = Relu(%e) "relu"
  %kept = Identity(%m) "id"
}
`

func TestPrepare(t *testing.T) {
	g := parse(t, regularized)
	p, err := train.Prepare(g, nil)
	require.NoError(t, err)
	require.NoError(t, ir.Verify(g))
	require.Len(t, p.Statistics, 2)
	require.Equal(t, "mean", p.Statistics[0].Given.Name())
	require.Equal(t, "var", p.Statistics[1].Given.Name())
	bn := p.Statistics[0].Next.Def()
	require.Equal(t, "bn", bn.Name)
	require.Equal(t, "y", bn.Out(0).Name())

	x := wave(1, 1.3, 0, 50, 2, 3)
	inputs := func(seed, step int64) map[string]*tensor.Tensor {
		return map[string]*tensor.Tensor{"x": x, p.Seed.Name(): tensor.Scalar(seed), p.Step.Name(): tensor.Scalar(step)}
	}
	run := func(seed, step int64) []*tensor.Tensor {
		out, err := interpret(g, inputs(seed, step), g.Value("y"), g.Value("d"), g.Value("e"), g.Value("kept"), p.Statistics[0].Next, p.Statistics[1].Next)
		require.NoError(t, err)
		return out
	}
	out := run(1, 0)
	y, d, e, kept := tensor.Data[float32](out[0]), tensor.Data[float32](out[1]), tensor.Data[float32](out[2]), tensor.Data[bool](out[3])
	dropped := 0
	for i := range y {
		if kept[i] {
			require.InDelta(t, y[i]/0.75, d[i], 1e-6)
		} else {
			require.Zero(t, d[i])
			dropped++
		}
		require.True(t, e[i] == 0 || e[i] == 2*d[i])
	}
	require.InDelta(t, 0.25, float64(dropped)/float64(len(y)), 0.08)
	require.True(t, out[1].Equal(run(1, 0)[1]))
	require.False(t, out[1].Equal(run(1, 1)[1]))
	require.False(t, out[1].Equal(run(2, 0)[1]))

	for ch := range 2 {
		sum, squares := 0.0, 0.0
		for i := range y {
			if i/3%2 == ch {
				v := float64(tensor.Data[float32](x)[i])
				sum, squares = sum+v/150, squares+v*v/150
			}
		}
		require.InDelta(t, 0.1*sum, tensor.Data[float32](out[4])[ch], 1e-6)
		require.InDelta(t, 0.9+0.1*(squares-sum*sum), tensor.Data[float32](out[5])[ch], 1e-6)
	}
	require.False(t, math.IsNaN(float64(y[0])))
}

func TestPrepareLeavesWhatIsFrozen(t *testing.T) {
	g := parse(t, regularized)
	before := print(t, g)
	p, err := train.Prepare(g, func(*ir.Node) bool { return true })
	require.NoError(t, err)
	require.Equal(t, &train.Prepared{}, p)
	require.Equal(t, before, print(t, g))
}

func TestParameters(t *testing.T) {
	g := parse(t, `graph "g" (%x: float32[N,3]) -> (%z) {
  %first: float32[3] = const [1.0, 2.0, 3.0]
  %w: float32[3,2] = const [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
  %b: float32[2] = const [1.0, 2.0]
  %two: float32[] = const 2.0
  %shape: int64[2] = const [-1, 2]
  %c = Mul(%x, %first) "preprocess"
  %h = MatMul(%c, %w) "fc"
  %i = Add(%h, %b) "bias"
  %j = Mul(%i, %two) "double"
  %mask: float32[1,2] = const [0.0, -100.0]
  %k = Add(%j, %b) "again"
  %masked = Add(%k, %mask) "hide"
  %z = Reshape(%masked, %shape) "reshape"
}
`)
	params := train.Parameters(g)
	require.Len(t, params, 2)
	require.Equal(t, "w", params[0].Name())
	require.Equal(t, "b", params[1].Name())
	held, err := train.Free(g, params...)
	require.NoError(t, err)
	require.NoError(t, ir.Verify(g))
	require.Equal(t, []float32{1, 2}, tensor.Data[float32](held[1]))
	require.Equal(t, []*ir.Value{g.Value("x"), g.Value("w"), g.Value("b")}, g.Inputs())
	_, err = train.Free(g, params[0])
	require.EqualError(t, err, `train: ir: value "w": is not a constant of the graph`)
	_, err = train.Free(g, nil)
	require.ErrorContains(t, err, "constant 0 is nil")
}
