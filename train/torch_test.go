package train_test

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/zoo"
)

// scatter is what testdata/torch_gradients.py makes its numbers of.
func scatter(scale, phase float64, shape ...int) *tensor.Tensor {
	x := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](x) {
		_, part := math.Modf(43758.5453 * (2 + math.Sin(12.9898*float64(i)+phase)))
		tensor.Data[float32](x)[i] = float32(2 * scale * (part - 0.5))
	}
	return x
}

// wave is sines.
func wave(scale, frequency, phase float64, shape ...int) *tensor.Tensor {
	x := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = float32(scale * math.Sin(frequency*float64(i)+phase))
	}
	return x
}

// layers builds a graph without parameters' values.
type layers struct {
	t *testing.T
	g *ir.Graph
}

func (l *layers) conv(x *ir.Value, out, kernel, stride, pad int) *ir.Value {
	w := constant(l.t, l.g, tensor.New(tensor.Float32, out, x.Type().Shape[1].N, kernel, kernel))
	op := set(func(a *ops.Conv) { a.Strides, a.Pads = []int{stride, stride}, []int{pad, pad, pad, pad} })
	return appendNode(l.t, l.g, op, x, w)
}

func (l *layers) norm(x *ir.Value) *ir.Value {
	in := []*ir.Value{x}
	for range 4 {
		in = append(in, constant(l.t, l.g, tensor.New(tensor.Float32, x.Type().Shape[1].N)))
	}
	return appendNode(l.t, l.g, ir.New[ops.BatchNormalization](), in...)
}

func (l *layers) relu(x *ir.Value) *ir.Value   { return appendNode(l.t, l.g, &ops.Relu{}, x) }
func (l *layers) add(x, y *ir.Value) *ir.Value { return appendNode(l.t, l.g, &ops.Add{}, x, y) }

// resnet is ResNet of testdata/torch_gradients.py.
func resnet(t *testing.T) *ir.Graph {
	l := &layers{t, ir.NewGraph("resnet")}
	x, err := l.g.AddInput("image", ir.Type{DType: tensor.Float32, Shape: ir.Shape{ir.Symbol("N"), ir.Known(3), ir.Known(16), ir.Known(16)}})
	require.NoError(t, err)
	x = l.relu(l.norm(l.conv(x, 8, 3, 1, 1)))
	x = appendNode(t, l.g, set(func(a *ops.MaxPool) { a.KernelShape, a.Strides, a.Pads = []int{3, 3}, []int{2, 2}, []int{1, 1, 1, 1} }), x)
	y := l.relu(l.norm(l.conv(x, 8, 3, 1, 1)))
	x = l.relu(l.add(x, l.norm(l.conv(y, 8, 3, 1, 1))))
	y = l.relu(l.norm(l.conv(x, 16, 3, 2, 1)))
	y = l.norm(l.conv(y, 16, 3, 1, 1))
	x = l.relu(l.add(l.norm(l.conv(x, 16, 1, 2, 0)), y))
	x = appendNode(t, l.g, ir.New[ops.Flatten](), appendNode(t, l.g, &ops.GlobalAveragePool{}, x))
	w, b := constant(t, l.g, tensor.New(tensor.Float32, 10, 16)), constant(t, l.g, tensor.New(tensor.Float32, 10))
	l.g.SetOutputs(appendNode(t, l.g, &ops.Gemm{Alpha: 1, Beta: 1, TransB: true}, x, w, b))
	return l.g
}

func lenet5(t *testing.T) *ir.Graph {
	g, err := zoo.Build("lenet5", zoo.Options{})
	require.NoError(t, err)
	return g
}

// alexnet is AlexNet of testdata/torch_gradients.py.
func alexnet(t *testing.T) *ir.Graph {
	l := &layers{t, ir.NewGraph("alexnet")}
	x, err := l.g.AddInput("image", ir.Type{DType: tensor.Float32, Shape: ir.Shape{ir.Symbol("N"), ir.Known(3), ir.Known(67), ir.Known(67)}})
	require.NoError(t, err)
	zeros := func(shape ...int) *ir.Value { return constant(t, l.g, tensor.New(tensor.Float32, shape...)) }
	conv := func(x *ir.Value, out, kernel, stride, pad, group int) *ir.Value {
		op := set(func(a *ops.Conv) {
			a.Strides, a.Pads, a.Group = []int{stride, stride}, []int{pad, pad, pad, pad}, group
		})
		return l.relu(appendNode(t, l.g, op, x, zeros(out, x.Type().Shape[1].N/group, kernel, kernel), zeros(out)))
	}
	pool := func(x *ir.Value) *ir.Value {
		return appendNode(t, l.g, set(func(a *ops.MaxPool) { a.KernelShape, a.Strides = []int{3, 3}, []int{2, 2} }), x)
	}
	lrn := func(x *ir.Value) *ir.Value { return appendNode(t, l.g, set(func(a *ops.LRN) { a.Size = 5 }), x) }
	linear := func(x *ir.Value, in, out int) *ir.Value {
		return appendNode(t, l.g, &ops.Gemm{Alpha: 1, Beta: 1, TransB: true}, x, zeros(out, in), zeros(out))
	}
	x = pool(lrn(conv(x, 10, 11, 4, 0, 1)))
	x = pool(lrn(conv(x, 26, 5, 1, 2, 2)))
	x = pool(conv(conv(conv(x, 38, 3, 1, 1, 1), 38, 3, 1, 1, 2), 26, 3, 1, 1, 2))
	x = appendNode(t, l.g, ir.New[ops.Flatten](), x)
	l.g.SetOutputs(linear(l.relu(linear(l.relu(linear(x, 26, 40)), 40, 40)), 40, 10))
	return l.g
}

// Losses and every gradient are PyTorch's over ten steps of gradient descent with momentum, and of Adam, both with weight
// decay.
func TestStepsArePyTorchs(t *testing.T) {
	type step struct {
		Loss      float64
		Gradients [][]float64 // the norm, then products with directions
	}
	var want map[string]map[string][]step
	data, err := os.ReadFile("testdata/torch_gradients.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &want))
	models := map[string]func(*testing.T) *ir.Graph{"alexnet": alexnet, "lenet5": lenet5, "resnet": resnet}
	optimizers := map[string]struct {
		train.Optimizer
		rate float64
	}{"sgd": {train.Optimizer{Momentum: 0.9, Decay: 1e-3}, 0.01}, "adam": {train.Optimizer{Kind: train.Adam, Decay: 1e-3}, 1e-3}}
	for name, build := range models {
		for method, optimizer := range optimizers {
			for _, kernels := range runtime.Kernels() {
				t.Run(name+"/"+method+"/"+kernels, func(t *testing.T) {
					g := build(t)
					begin(t, g)
					check, err := passes.ParseDebug("check", io.Discard)
					require.NoError(t, err)
					tr, err := train.New(t.Context(), g, train.Options{Optimizer: optimizer.Optimizer, Gradients: true, Runtime: runtime.Options{
						Kernels: kernels, Threads: 2, Passes: &passes.Options{Debug: check},
					}})
					require.NoError(t, err)
					defer tr.Close()
					order := names(train.Parameters(g))
					require.Len(t, want[name][method], 10)
					for i, w := range want[name][method] {
						got, err := tr.Step(t.Context(), optimizer.rate, batch(tr, g, i))
						require.NoError(t, err)
						require.InEpsilon(t, w.Loss, got.Loss, 1e-4)
						require.Len(t, w.Gradients, len(order))
						for k, figures := range w.Gradients {
							x := tensor.Data[float32](got.Gradients[order[k]])
							require.InDelta(t, figures[0], norm(x), 1e-4*figures[0], "step %d: gradient of %s", i, order[k])
							for d, dot := range figures[1:] {
								require.InDelta(t, dot, along(x, d), 1e-4*figures[0], "step %d: gradient of %s", i, order[k])
							}
						}
					}
				})
			}
		}
	}
}

// begin sets the parameters to what they are in the script.
func begin(t *testing.T, g *ir.Graph) {
	rw := ir.NewRewriter(g)
	for k, p := range train.Parameters(g) {
		require.NoError(t, rw.Become(p, rw.Const(p.Name(), parameter(k, p))))
	}
	for _, n := range g.Nodes() {
		if _, ok := n.Op.(*ops.BatchNormalization); ok {
			ones := tensor.New(tensor.Float32, n.In(4).Const().Len())
			for i := range tensor.Data[float32](ones) {
				tensor.Data[float32](ones)[i] = 1
			}
			require.NoError(t, rw.Become(n.In(4), rw.Const(n.In(4).Name(), ones)))
		}
	}
	require.NoError(t, rw.Done())
}

// batch is the script's batch of a step.
func batch(tr *train.Trainer, g *ir.Graph, step int) map[string]*tensor.Tensor {
	shape, _ := g.Inputs()[0].Type().Shape[1:].Ints()
	targets := tensor.New(tensor.Float32, 4, 10)
	for i := range 4 {
		tensor.Data[float32](targets)[10*i+(3*i+step)%10] = 1
	}
	return map[string]*tensor.Tensor{tr.Image(): scatter(1.7, 0.5+float64(step), append([]int{4}, shape...)...), train.Targets: targets}
}

// along is the product of x with direction d.
func along(x []float32, d int) (sum float64) {
	for i, v := range x {
		sum += math.Sin((0.7+0.3*float64(d))*float64(i)+float64(d)) * float64(v)
	}
	return sum
}

func names(values []*ir.Value) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v.Name()
	}
	return out
}

// parameter is what the script gives parameter k.
func parameter(k int, p *ir.Value) *tensor.Tensor {
	shape, _ := p.Type().Shape.Ints()
	scale := 0.1
	if len(shape) > 1 {
		fan := 1
		for _, n := range shape[1:] {
			fan *= n
		}
		scale = 1.7 / math.Sqrt(float64(fan))
	}
	x := scatter(scale, float64(k), shape...)
	if u := p.Uses()[0]; u.Index == 1 && u.Node.Op.Def().Name == "BatchNormalization" {
		for i := range tensor.Data[float32](x) {
			tensor.Data[float32](x)[i]++
		}
	}
	return x
}

func norm(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

func byKernels(t *testing.T, g *ir.Graph, inputs map[string]*tensor.Tensor, outputs []*ir.Value) []*tensor.Tensor {
	s, err := runtime.Compile(t.Context(), g.Extract(outputs...), runtime.Options{Threads: 2})
	require.NoError(t, err)
	defer s.Close()
	in := make([]*tensor.Tensor, len(s.Inputs()))
	for i, v := range s.Inputs() {
		in[i] = inputs[v.Name()]
	}
	got, err := s.Run(context.Background(), in...)
	require.NoError(t, err)
	return got
}
