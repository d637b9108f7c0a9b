package zoo

import (
	"fmt"

	"github.com/onnxrun/onnxrun/internal/initial"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// builder makes a graph layer by layer. A layer's node and its output have the layer's name. After the first error the
// layers do nothing.
type builder struct {
	g    *ir.Graph
	opt  Options
	init func(inputs, outputs int) float64 // of the weights, see weights
	err  error
}

func newBuilder(name string, opt Options) *builder {
	b := &builder{g: ir.NewGraph(name), opt: opt, init: initial.He}
	b.g.Opset = opset
	return b
}

// input is the graph input, N×channels×size×size.
func (b *builder) input(channels, size int) *ir.Value {
	shape := ir.Shape{ir.Symbol("N"), ir.Known(channels), ir.Known(size), ir.Known(size)}
	v, err := b.g.AddInput("image", ir.Type{DType: tensor.Float32, Shape: shape})
	b.fail(err)
	return v
}

// finish ends the graph with the probabilities of the classes, N×classes, of scores of that shape.
func (b *builder) finish(scores *ir.Value) (*ir.Graph, error) {
	prob := b.node("prob", &ops.Softmax{Axis: 1}, scores)
	if b.err != nil {
		return nil, fmt.Errorf("zoo: %s: %w", b.g.Name, b.err)
	}
	b.g.SetOutputs(prob)
	return b.g, nil
}

func (b *builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

func (b *builder) node(name string, op ir.Op, inputs ...*ir.Value) *ir.Value {
	if b.err != nil {
		return nil
	}
	n, err := b.g.Append(name, op, inputs, []string{name})
	if err != nil {
		b.fail(err)
		return nil
	}
	return n.Out(0)
}

func (b *builder) constant(name string, t *tensor.Tensor) *ir.Value {
	if b.err != nil {
		return nil
	}
	v, err := b.g.AddConst(name, t)
	b.fail(err)
	return v
}

// weights is a constant of random numbers, uniform between ±init(inputs, outputs), the numbers of values that one
// output is made from and that one input goes to.
func (b *builder) weights(name string, init func(inputs, outputs int) float64, inputs, outputs int, shape ...int) *ir.Value {
	if b.err != nil {
		return nil
	}
	if _, err := tensor.Count(tensor.Float32, shape); err != nil {
		b.fail(err)
		return nil
	}
	t := tensor.New(tensor.Float32, shape...)
	initial.Uniform(tensor.Data[float32](t), b.opt.Seed, name, float32(init(inputs, outputs)))
	return b.constant(name, t)
}

func (b *builder) filled(name string, n int, x float32) *ir.Value {
	t := tensor.New(tensor.Float32, n)
	for i := range n {
		tensor.Data[float32](t)[i] = x
	}
	return b.constant(name, t)
}

// dim is dimension d of x.
func (b *builder) dim(x *ir.Value, d int) int {
	if b.err != nil {
		return 1
	}
	return x.Type().Shape[d].N
}

// conv is a convolution with square filters; stride and group are 1 where they are 0.
type conv struct {
	out, kernel, stride, pad, group int
	noBias                          bool
}

func (b *builder) conv(name string, x *ir.Value, c conv) *ir.Value {
	group := max(c.group, 1)
	in := b.dim(x, 1) / group
	area := c.kernel * c.kernel
	inputs := []*ir.Value{x, b.weights(name+".weight", b.init, in*area, c.out/group*area, c.out, in, c.kernel, c.kernel)}
	if !c.noBias {
		inputs = append(inputs, b.filled(name+".bias", c.out, 0))
	}
	op := ir.New[ops.Conv]()
	op.KernelShape, op.Strides, op.Pads, op.Group = twice(c.kernel), twice(max(c.stride, 1)), pads(c.pad), group
	return b.node(name, op, inputs...)
}

// fc is a fully connected layer, of planes as well.
func (b *builder) fc(name string, x *ir.Value, out int) *ir.Value {
	return b.linear(name, x, out, b.init)
}

// classifier is the fully connected layer that gives the classes' scores.
func (b *builder) classifier(name string, x *ir.Value) *ir.Value {
	return b.linear(name, x, b.opt.Classes, initial.Glorot)
}

func (b *builder) linear(name string, x *ir.Value, out int, init func(inputs, outputs int) float64) *ir.Value {
	if b.err == nil && len(x.Type().Shape) > 2 {
		x = b.flatten(name+"/flatten", x)
	}
	in := b.dim(x, 1)
	op := ir.New[ops.Gemm]()
	op.TransB = true
	return b.node(name, op, x, b.weights(name+".weight", init, in, out, out, in), b.filled(name+".bias", out, 0))
}

// batchNorm is a batch normalization that as yet changes nothing.
func (b *builder) batchNorm(name string, x *ir.Value) *ir.Value {
	n := b.dim(x, 1)
	return b.node(name, ir.New[ops.BatchNormalization](), x, b.filled(name+".weight", n, 1), b.filled(name+".bias", n, 0),
		b.filled(name+".running_mean", n, 0), b.filled(name+".running_var", n, 1))
}

// pool is a pooling over square windows. With ceil a window may hang over the edge, and what is outside does not count.
type pool struct {
	kernel, stride, pad int
	ceil                bool
}

func (b *builder) maxPool(name string, x *ir.Value, p pool) *ir.Value {
	op := ir.New[ops.MaxPool]()
	op.KernelShape, op.Strides, op.Pads, op.CeilMode = twice(p.kernel), twice(p.stride), pads(p.pad), p.ceil
	return b.node(name, op, x)
}

func (b *builder) averagePool(name string, x *ir.Value, p pool) *ir.Value {
	op := ir.New[ops.AveragePool]()
	op.KernelShape, op.Strides, op.Pads, op.CeilMode = twice(p.kernel), twice(p.stride), pads(p.pad), p.ceil
	return b.node(name, op, x)
}

func (b *builder) globalAveragePool(name string, x *ir.Value) *ir.Value {
	return b.node(name, ir.New[ops.GlobalAveragePool](), x)
}

func (b *builder) relu(name string, x *ir.Value) *ir.Value {
	return b.node(name, ir.New[ops.Relu](), x)
}
func (b *builder) tanh(name string, x *ir.Value) *ir.Value {
	return b.node(name, ir.New[ops.Tanh](), x)
}
func (b *builder) flatten(name string, x *ir.Value) *ir.Value {
	return b.node(name, ir.New[ops.Flatten](), x)
}

// dropout does nothing but where a network is trained.
func (b *builder) dropout(name string, x *ir.Value, ratio float32) *ir.Value {
	return b.node(name, ir.New[ops.Dropout](), x, b.constant(name+".ratio", tensor.Scalar(ratio)))
}

func (b *builder) add(name string, x, y *ir.Value) *ir.Value {
	return b.node(name, ir.New[ops.Add](), x, y)
}

func (b *builder) concat(name string, x ...*ir.Value) *ir.Value {
	return b.node(name, &ops.Concat{Axis: 1}, x...)
}

func twice(n int) []int { return []int{n, n} }

func pads(n int) []int { return []int{n, n, n, n} }
