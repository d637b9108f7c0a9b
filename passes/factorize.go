package passes

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// The forms of a bottleneck.
const (
	formReduce    = "reduce"    // 1×1 to R channels, then k×k
	formTucker2   = "tucker2"   // 1×1, k×k between few channels, 1×1
	formProject   = "project"   // k×k to R channels, then 1×1
	formSeparable = "separable" // k×1 to R channels, then 1×k
	formTwo       = "two"       // a Gemm to R channels, then another one
)

// factorized is a convolution of two spatial dimensions, or a Gemm, that may become a chain of smaller ones.
type factorized struct {
	node     *ir.Node
	conv     *ops.Conv // nil: a Gemm
	weights  matrix    // outputs × (inputs·kernel)
	bias     []float64 // zeros where there is none
	inputs   int
	kernel   [2]int
	window   ops.Window // of the convolution
	act      *nonlinearity
	position int64 // of the output, in one image
}

// factorizedOf is n as a layer to factorize; why says what stands against it.
func factorizedOf(n *ir.Node) (l *factorized, why string) {
	w := n.In(1)
	switch {
	case w == nil || w.Const() == nil:
		return nil, "its weights are not constant"
	case w.Const().DType() != tensor.Float32:
		return nil, fmt.Sprintf("its weights are %v, not float32", w.Const().DType())
	case w.Const().Len() == 0 || !finite(floats(w)):
		return nil, "its weights are empty or not finite"
	}
	if _, ok := n.Op.(*ops.Gemm); ok {
		l, why = gemmLayer(n)
	} else {
		l, why = convLayer(n)
	}
	if why != "" {
		return nil, why
	}
	l.act = activationOf(onlyUse(n.Out(0)))
	return l, ""
}

func gemmLayer(n *ir.Node) (*factorized, string) {
	op, shape := n.Op.(*ops.Gemm), n.In(1).Const().Shape()
	w := matrix{shape[0], shape[1], floats(n.In(1))}
	if op.TransA {
		return nil, "its input is transposed"
	}
	if !op.TransB {
		w = w.transposed()
	}
	if op.Alpha != 1 {
		w.data = slices.Clone(w.data)
		for i := range w.data {
			w.data[i] *= op.Alpha
		}
	}
	l := &factorized{node: n, weights: w, bias: make([]float64, w.rows), inputs: w.cols, kernel: [2]int{1, 1}, position: 1}
	if c := n.In(2); c != nil && op.Beta != 0 {
		vector := vectorAlong(c, 2, 1, w.rows)
		if vector == nil {
			return nil, "its addend is not a constant vector"
		}
		for i, v := range vector {
			l.bias[i] = float64(v) * float64(op.Beta)
		}
	}
	return l, ""
}

func convLayer(n *ir.Node) (*factorized, string) {
	op, shape := n.Op.(*ops.Conv), n.In(1).Const().Shape()
	if len(shape) != 4 {
		return nil, fmt.Sprintf("it has %d spatial dimensions, expects 2", len(shape)-2)
	}
	if op.Group != 1 {
		return nil, fmt.Sprintf("it has %d groups", op.Group)
	}
	x := n.In(0).Type().Shape
	if len(x) != 4 || !x[2].IsKnown() || !x[3].IsKnown() {
		return nil, fmt.Sprintf("the size of its input is not known: %v", x)
	}
	win, err := op.Window([]int{x[2].N, x[3].N}, shape[2:])
	if err != nil {
		return nil, err.Error()
	}
	l := &factorized{node: n, conv: op, weights: matrix{shape[0], shape[1] * shape[2] * shape[3], floats(n.In(1))},
		bias: make([]float64, shape[0]), inputs: shape[1], kernel: [2]int{shape[2], shape[3]}, window: win,
		position: int64(win.Out[0] * win.Out[1])}
	if n.In(2) != nil {
		b := floats(n.In(2))
		if b == nil || !finite(b) {
			return nil, "its bias is not constant and finite"
		}
		for i, v := range b {
			l.bias[i] = float64(v)
		}
	}
	return l, ""
}

// outputs is the channels of the output.
func (l *factorized) outputs() int { return l.weights.rows }

func (l *factorized) name() string { return l.node.Name }

// full is the ranks at which the form is the layer itself; why says why it cannot take the form at all.
func (l *factorized) full(form string) (ranks []int, why string) {
	m, c, kh, kw := l.outputs(), l.inputs, l.kernel[0], l.kernel[1]
	if l.conv != nil && kh*kw == 1 && form != formProject {
		return nil, "it is a 1×1 convolution"
	}
	switch form {
	case formReduce:
		return []int{min(c, m*kh*kw)}, ""
	case formTucker2:
		return []int{min(c, m*kh*kw), min(m, c*kh*kw)}, ""
	case formSeparable:
		if kh == 1 || kw == 1 {
			return nil, fmt.Sprintf("its kernel is %d×%d already", kh, kw)
		}
		return []int{min(c*kh, m*kw)}, ""
	default:
		return []int{min(m, c*kh*kw)}, ""
	}
}

// candidate is a way to factorize a layer.
type candidate struct {
	form  string
	ranks []int
}

// stage is one node of the chain that takes a layer's place.
type stage struct {
	suffix  string
	op      ir.Op
	weights []int // their shape
	macs    int64
}

// stages is the chain that a candidate stands for; the layer itself where c is nil.
func (l *factorized) stages(c *candidate) []stage {
	m, ci := l.outputs(), l.inputs
	if l.conv == nil {
		gemm := func(suffix string, out, in int) stage {
			op := ir.New[ops.Gemm]()
			op.TransB = true
			return stage{suffix, op, []int{out, in}, int64(out) * int64(in)}
		}
		if c == nil {
			return []stage{gemm("", m, ci)}
		}
		return []stage{gemm(".reduce", c.ranks[0], ci), gemm("", m, c.ranks[0])}
	}
	in, out := l.window.In, l.window.Out
	whole, point := [2]bool{true, true}, [2]bool{}
	if c == nil {
		return []stage{l.convStage("", whole, out, m, ci)}
	}
	switch c.form {
	case formReduce:
		return []stage{l.convStage(".reduce", point, in, c.ranks[0], ci), l.convStage("", whole, out, m, c.ranks[0])}
	case formTucker2:
		return []stage{l.convStage(".reduce", point, in, c.ranks[0], ci), l.convStage(".core", whole, out, c.ranks[1], c.ranks[0]),
			l.convStage("", point, out, m, c.ranks[1])}
	case formSeparable:
		return []stage{l.convStage(".vertical", [2]bool{true, false}, []int{out[0], in[1]}, c.ranks[0], ci),
			l.convStage("", [2]bool{false, true}, out, m, c.ranks[0])}
	default:
		return []stage{l.convStage(".reduce", whole, out, c.ranks[0], ci), l.convStage("", point, out, m, c.ranks[0])}
	}
}

// convStage is a convolution that has the window of the layer along some dimensions, and is pointwise along the others.
func (l *factorized) convStage(suffix string, along [2]bool, size []int, filters, channels int) stage {
	op := ir.New[ops.Conv]()
	w, shape := &l.window, []int{filters, channels, 1, 1}
	op.Strides, op.Dilations, op.Pads = []int{1, 1}, []int{1, 1}, []int{0, 0, 0, 0}
	for d := range 2 {
		if along[d] {
			shape[2+d] = w.Kernel[d]
			op.Strides[d], op.Dilations[d], op.Pads[d], op.Pads[2+d] = w.Stride[d], w.Dilation[d], w.PadBegin[d], w.PadEnd[d]
		}
	}
	op.KernelShape = shape[2:]
	macs := int64(filters*channels*shape[2]*shape[3]) * int64(size[0]) * int64(size[1])
	return stage{suffix, op, shape, macs}
}

// macs is the multiplications of a candidate for one image.
func (l *factorized) macs(c *candidate) int64 {
	sum := int64(0)
	for _, s := range l.stages(c) {
		sum += s.macs
	}
	return sum
}

// factors is the weights of a candidate's stages, and the bias of the last one.
type factors struct {
	weights []*tensor.Tensor
	bias    []float64
}

// place puts a candidate where the layer is. Without factors, for a look at the time, weights are zeros.
func (l *factorized) place(rw *ir.Rewriter, n *ir.Node, c *candidate, f *factors) error {
	x := n.In(0)
	stages := l.stages(c)
	for i, s := range stages {
		w := (*tensor.Tensor)(nil)
		if f != nil {
			w = f.weights[i]
		} else {
			w = tensor.New(tensor.Float32, s.weights...)
		}
		in := []*ir.Value{x, rw.Const(n.Name+s.suffix+".weight", w)}
		if i < len(stages)-1 {
			var err error
			if x, err = rw.Insert(n, n.Name+s.suffix, s.op, in...); err != nil {
				return err
			}
			continue
		}
		bias := l.bias
		if f != nil {
			bias = f.bias
		}
		if slices.ContainsFunc(bias, func(b float64) bool { return b != 0 }) {
			in = append(in, rw.Const(n.Name+".bias", single64(bias)))
		}
		return rw.SetNode(n, s.op, in...)
	}
	return nil
}

func single64(v []float64) *tensor.Tensor {
	t := tensor.New(tensor.Float32, len(v))
	for i, x := range v {
		tensor.Data[float32](t)[i] = float32(x)
	}
	return t
}

// alone is a graph of the layer only, or of a candidate for it, to be timed.
func (l *factorized) alone(c *candidate) (*ir.Graph, error) {
	g := ir.NewGraph(l.node.Name)
	t := l.node.In(0).Type()
	t.Shape = t.Shape.Clone()
	t.Shape[0], t.Shape[1] = ir.Known(1), ir.Known(l.inputs)
	x, err := g.AddInput("x", t)
	if err != nil {
		return nil, err
	}
	w, err := g.AddConst("weight", tensor.FromSlice(l.weights.data, l.stages(nil)[0].weights...))
	if err != nil {
		return nil, err
	}
	b, err := g.AddConst("bias", single64(l.bias))
	if err != nil {
		return nil, err
	}
	n, err := g.Append(l.node.Name, l.stages(nil)[0].op, []*ir.Value{x, w, b}, []string{"y"})
	if err != nil {
		return nil, err
	}
	g.SetOutputs(n.Out(0))
	if c == nil {
		return g, nil
	}
	rw := ir.NewRewriter(g)
	if err := l.place(rw, n, c, nil); err != nil {
		return nil, err
	}
	return g, rw.Done()
}
