package train_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/zoo"
)

// stepGraph is a step of gradient descent of a network of the zoo, and its inputs.
func stepGraph(t testing.TB, name string, batch int) (*ir.Graph, []*tensor.Tensor) {
	g, err := zoo.Build(name, zoo.Options{})
	require.NoError(t, err)
	scores := g.Value("prob").Def().In(0)
	labels, err := g.AddInput("labels", ir.Type{DType: tensor.Int64, Shape: ir.Shape{ir.Symbol("N")}})
	require.NoError(t, err)
	add := func(op ir.Op, in ...*ir.Value) *ir.Value {
		n, err := g.Append(g.FreshName("step"), op, in, []string{g.FreshName("step")})
		require.NoError(t, err)
		return n.Out(0)
	}
	g.SetOutputs(add(ir.New[ops.SoftmaxCrossEntropyLoss](), scores, labels))
	_, err = train.Prepare(g, nil)
	require.NoError(t, err)
	loss, params := g.Outputs()[0], train.Parameters(g)
	held, err := train.Free(g, params...)
	require.NoError(t, err)
	gradients, err := train.Differentiate(g, loss, params)
	require.NoError(t, err)
	rate, err := g.AddConst("rate", tensor.Scalar(float32(0.01)))
	require.NoError(t, err)
	outputs := []*ir.Value{loss}
	for i, p := range params {
		outputs = append(outputs, add(&ops.Sub{}, p, add(&ops.Mul{}, gradients[i], rate)))
	}
	g = g.Extract(outputs...)
	given := map[string]*tensor.Tensor{"labels": tensor.New(tensor.Int64, batch), "dropout/seed": tensor.Scalar(int64(1)), "dropout/step": tensor.Scalar(int64(1))}
	for i, p := range params {
		given[p.Name()] = held[i]
	}
	var in []*tensor.Tensor
	for _, v := range g.Inputs() {
		if given[v.Name()] == nil {
			shape, _ := v.Type().Shape[1:].Ints()
			given[v.Name()] = wave(1, 0.0137, 0.5, append([]int{batch}, shape...)...)
		}
		in = append(in, given[v.Name()])
	}
	return g, in
}

// BenchmarkStep measures whole steps of training: the way forward, the way back, new parameters. With -v it tells what the
// nodes take.
func BenchmarkStep(b *testing.B) {
	for _, m := range []struct {
		name  string
		batch int
	}{{"lenet5", 64}, {"resnet18", 16}, {"alexnet-torch", 32}, {"mobilenet_v2", 16}} {
		b.Run(fmt.Sprintf("%s/%d", m.name, m.batch), func(b *testing.B) {
			g, in := stepGraph(b, m.name, m.batch)
			s, err := runtime.Compile(g, runtime.Options{})
			require.NoError(b, err)
			defer s.Close()
			out := make([]*tensor.Tensor, len(s.Outputs()))
			require.NoError(b, s.RunInto(context.Background(), in, out))
			for b.Loop() {
				require.NoError(b, s.RunInto(context.Background(), in, out))
			}
			b.ReportMetric(float64(m.batch*b.N)/b.Elapsed().Seconds(), "img/s")
			if testing.Verbose() {
				steps, err := s.Profile(context.Background(), 3, in...)
				require.NoError(b, err)
				b.Log(profileTable(steps))
			}
		})
	}
}

// profileTable tells what steps take, by operator and algorithm, and the slowest ones.
func profileTable(steps []runtime.StepProfile) string {
	var sb strings.Builder
	total, of := time.Duration(0), map[string]time.Duration{}
	for _, s := range steps {
		total += s.Time
		of[s.Node.OpName()+" "+s.Algorithm] += s.Time
	}
	kinds := []string{}
	for kind := range of {
		kinds = append(kinds, kind)
	}
	slices.SortFunc(kinds, func(a, b string) int { return cmp.Compare(of[b], of[a]) })
	fmt.Fprintln(&sb, "total", total)
	for _, kind := range kinds {
		fmt.Fprintf(&sb, "%12v %s\n", of[kind].Round(time.Microsecond), kind)
	}
	slices.SortStableFunc(steps, func(a, b runtime.StepProfile) int { return cmp.Compare(b.Time, a.Time) })
	for _, s := range steps[:min(60, len(steps))] {
		fmt.Fprintf(&sb, "%12v %7.1f GFLOP/s %s %s %s %v\n", s.Time.Round(time.Microsecond), 2*float64(s.MACs)/s.Time.Seconds()/1e9, s.Node.Name, s.Node.OpName(), s.Algorithm, s.Node.In(0).Type())
	}
	return sb.String()
}
