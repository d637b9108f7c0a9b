package train_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/zoo"
)

// wave is the sines that testdata/torch_gradients.py makes its numbers of.
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
func resnet(t *testing.T) (*ir.Graph, *ir.Value) {
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
	return l.g, appendNode(t, l.g, &ops.Gemm{Alpha: 1, Beta: 1, TransB: true}, x, w, b)
}

func lenet5(t *testing.T) (*ir.Graph, *ir.Value) {
	g, err := zoo.Build("lenet5", zoo.Options{})
	require.NoError(t, err)
	return g, g.Value("prob").Def().In(0)
}

// Loss and every gradient are PyTorch's, by the references and by the kernels, for a batch of unknown size.
func TestGradientsArePyTorchs(t *testing.T) {
	var want map[string]struct {
		Loss      float64
		Gradients []struct {
			Shape []int
			Norm  float64
			Dots  []float64
		}
	}
	data, err := os.ReadFile("testdata/torch_gradients.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &want))
	for name, build := range map[string]func(*testing.T) (*ir.Graph, *ir.Value){"lenet5": lenet5, "resnet": resnet} {
		t.Run(name, func(t *testing.T) {
			g, scores := build(t)
			labels, err := g.AddInput("labels", ir.Type{DType: tensor.Int64, Shape: ir.Shape{ir.Symbol("N")}})
			require.NoError(t, err)
			loss := appendNode(t, g, ir.New[ops.SoftmaxCrossEntropyLoss](), scores, labels)
			g.SetOutputs(loss)
			_, err = train.Prepare(g, nil)
			require.NoError(t, err)
			loss = g.Outputs()[0]
			params := train.Parameters(g)
			_, err = train.Free(g, params...)
			require.NoError(t, err)
			gradients, err := train.Differentiate(g, loss, params)
			require.NoError(t, err)
			require.NoError(t, ir.Verify(g))

			require.Len(t, params, len(want[name].Gradients))
			inputs := map[string]*tensor.Tensor{}
			for k, p := range params {
				inputs[p.Name()] = parameter(k, p)
			}
			shape, _ := g.Inputs()[0].Type().Shape[1:].Ints()
			inputs["image"] = wave(1, 0.0137, 0.5, append([]int{4}, shape...)...)
			inputs["labels"] = tensor.FromSlice([]int64{0, 3, 6, 9}, 4)
			byReference, err := interpret(g, inputs, append([]*ir.Value{loss}, gradients...)...)
			require.NoError(t, err)
			for kind, got := range map[string][]*tensor.Tensor{"references": byReference, "kernels": byKernels(t, g, inputs, append([]*ir.Value{loss}, gradients...))} {
				value, _ := got[0].AsFloat32()
				require.InEpsilon(t, want[name].Loss, float64(value[0]), 1e-5, kind)
				for k, w := range want[name].Gradients {
					require.Equal(t, w.Shape, got[1+k].Shape())
					x := tensor.Data[float32](got[1+k])
					require.InDelta(t, w.Norm, norm(x), 1e-4*w.Norm, "%s: gradient of %s", kind, params[k].Name())
					for d, dot := range w.Dots {
						direction := wave(1, 0.7+0.3*float64(d), float64(d), len(x))
						sum := 0.0
						for i, v := range tensor.Data[float32](direction) {
							sum += float64(v) * float64(x[i])
						}
						require.InDelta(t, dot, sum, 1e-4*w.Norm, "%s: gradient of %s", kind, params[k].Name())
					}
				}
			}
		})
	}
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
		scale = 1 / math.Sqrt(float64(fan))
	}
	x := wave(scale, 1.7+0.01*float64(k), float64(k), shape...)
	if u := p.Uses()[0]; u.Index == 1 && u.Node.Op.Def().Name == "BatchNormalization" {
		for i := range shape[0] {
			tensor.Data[float32](x)[i] = float32(1 + scale*math.Sin((1.7+0.01*float64(k))*float64(i)+float64(k)))
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
	s, err := runtime.Compile(g.Extract(outputs...), runtime.Options{Threads: 2})
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
