package ops

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

func evalUpdate(t *testing.T, op ir.Op, outs int, in ...*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	g := ir.NewGraph("g")
	args := make([]*ir.Value, len(in))
	names := []string{"a", "b", "c", "d", "e", "f", "g"}
	for i, x := range in {
		if x != nil {
			v, err := g.AddInput(names[i], ir.TensorType(x))
			require.NoError(t, err)
			args[i] = v
		}
	}
	n, err := g.Append("n", op, args, []string{"o0", "o1", "o2"}[:outs])
	require.NoError(t, err)
	out, err := ir.Eval(t.Context(), n, in, ir.Host{})
	require.NoError(t, err)
	for o, v := range n.Outputs() {
		require.True(t, v.Type().Accepts(ir.TensorType(out[o])))
	}
	return out
}

func vec(v ...float32) *tensor.Tensor { return tensor.FromSlice(v, len(v)) }

// By hand, from the formulas of the papers.
func TestUpdates(t *testing.T) {
	near := func(x *tensor.Tensor, want ...float64) {
		t.Helper()
		for i, v := range tensor.Data[float32](x) {
			require.InDelta(t, want[i], float64(v), 1e-6)
		}
	}
	w, g, rate := vec(1, -2), vec(0.5, 0.25), tensor.Scalar(float32(0.1))
	out := evalUpdate(t, &Momentum{RateFactor: 1}, 1, w, g, rate)
	near(out[0], 0.95, -2.025)
	out = evalUpdate(t, &Momentum{Momentum: 0.9, Decay: 0.1, RateFactor: 2}, 2, w, g, rate, tensor.Scalar(float32(0.5)), vec(1, 0))
	near(out[1], 0.9+0.25+0.1, 0.125-0.2) // V' = 0.9·V + 0.5·g + 0.1·w
	near(out[0], 1-0.2*1.25, -2+0.2*0.075)
	out = evalUpdate(t, &Momentum{Momentum: 0.9, Nesterov: true, RateFactor: 1}, 2, w, g, rate, nil, vec(1, 0))
	near(out[0], 1-0.1*(0.5+0.9*1.4), -2-0.1*(0.25+0.9*0.25))

	step := tensor.Scalar(int64(1))
	zero := vec(0, 0)
	adam := ir.New[Adam]()
	out = evalUpdate(t, adam, 3, w, g, rate, step, zero, zero)
	near(out[0], 0.9, -2.1) // the first step is the rate, whatever the gradient
	near(out[1], 0.05, 0.025)
	near(out[2], 0.00025, 0.0000625)
	decoupled := &Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, Decay: 0.5, Decoupled: true, RateFactor: 1}
	out = evalUpdate(t, decoupled, 3, w, g, rate, step, zero, zero)
	near(out[0], 0.95-0.1, -1.9-0.1)
	out = evalUpdate(t, adam, 3, w, g, rate, tensor.Scalar(int64(3)), vec(0.1, 0.2), vec(0.01, 0.04))
	want := func(w, g, m, v float64) float64 {
		m, v = 0.9*m+0.1*g, 0.999*v+0.001*g*g
		return w - 0.1/(1-math.Pow(0.9, 3))*m/(math.Sqrt(v/(1-math.Pow(0.999, 3)))+1e-8)
	}
	near(out[0], want(1, 0.5, 0.1, 0.01), want(-2, 0.25, 0.2, 0.04))
}

// A loss that is not finite leaves everything as it is.
func TestUpdatesStandStill(t *testing.T) {
	w, g, rate, nan := vec(1, -2), vec(0.5, float32(math.NaN())), tensor.Scalar(float32(0.1)), tensor.Scalar(float32(math.NaN()))
	for _, out := range [][]*tensor.Tensor{
		evalUpdate(t, &Momentum{Momentum: 0.9, RateFactor: 1}, 2, w, g, rate, nan, vec(1, -2)),
		evalUpdate(t, ir.New[Adam](), 3, w, g, rate, tensor.Scalar(int64(1)), vec(1, -2), vec(1, -2), nan),
	} {
		for _, x := range out {
			require.Equal(t, []float32{1, -2}, tensor.Data[float32](x))
		}
	}
}

func TestClipScale(t *testing.T) {
	one := tensor.Scalar(float32(1))
	scale := func(op *ClipScale, in ...*tensor.Tensor) float32 {
		return tensor.Data[float32](evalUpdate(t, op, 1, in...)[0])[0]
	}
	require.Equal(t, float32(1), scale(&ClipScale{}, one))
	require.Equal(t, float32(1), scale(&ClipScale{Limit: 6}, one, vec(3), vec(0, 4)))
	require.InDelta(t, 0.5, scale(&ClipScale{Limit: 2.5}, one, vec(3), vec(0, 4)), 1e-6)
	for _, far := range []float64{math.Inf(1), math.Inf(-1), math.NaN()} {
		require.True(t, math.IsNaN(float64(scale(&ClipScale{Limit: 1}, tensor.Scalar(float32(far)), vec(3)))))
		require.True(t, math.IsNaN(float64(scale(&ClipScale{Limit: 1}, one, vec(3), vec(float32(far))))))
	}
}
