package passes

import (
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// movedStride is how a convolution does the work of a pooling downstream of it by its stride.
type movedStride struct {
	conv  *ir.Node
	chain []*ir.Node // between the two, the first one first
	op    *ops.Conv
}

// moveStride looks for the convolution upstream of a pooling that nothing else reads, with at most activations and
// normalizations of single positions between them; why says what stands against it.
func moveStride(pool *ir.Node, win *ops.Window) (m *movedStride, why string) {
	m = &movedStride{}
	reader := pool
	for x := pool.In(0); ; x = reader.In(0) {
		n := x.Def()
		if n == nil || !inner(reader, x) {
			return nil, "the value before it is read elsewhere, or not computed by a convolution"
		}
		if conv, ok := n.Op.(*ops.Conv); ok {
			m.conv = n
			if m.op = stridedConv(n, conv, win); m.op == nil {
				return nil, "no padding of the convolution before it gives the same size"
			}
			return m, ""
		}
		if !positionwise(n) {
			return nil, "there is a " + n.OpName() + " between it and a convolution"
		}
		m.chain = append([]*ir.Node{n}, m.chain...)
		reader = n
	}
}

// positionwise reports whether n computes each position of its first input alone, all others being constant.
func positionwise(n *ir.Node) bool {
	for _, v := range n.Inputs()[1:] {
		if v != nil && v.Const() == nil {
			return false
		}
	}
	if len(n.Outputs()) > 1 && slices.ContainsFunc(n.Outputs()[1:], func(v *ir.Value) bool { return v != nil }) {
		return false
	}
	switch op := n.Op.(type) {
	case *ops.Relu, *ops.LeakyRelu, *ops.Elu, *ops.Selu, *ops.Celu, *ops.Tanh, *ops.Sigmoid, *ops.Softplus, *ops.Softsign,
		*ops.HardSigmoid, *ops.HardSwish, *ops.Gelu, *ops.Swish, *ops.Mish, *ops.Clip, *ops.Identity, *ops.Dropout, *ops.LRN:
		return true
	case *ops.BatchNormalization:
		return !op.TrainingMode
	}
	return false
}

// stridedConv is the convolution with the stride of both, at positions in the middle of the pooling's windows as far as
// its padding allows; nil where the output cannot have the pooling's size.
func stridedConv(n *ir.Node, conv *ops.Conv, pool *ops.Window) *ops.Conv {
	x, w := n.In(0).Type().Shape, n.In(1).Type().Shape
	size, known := x[2:].Ints()
	kernel, constant := w[2:].Ints()
	if !known || !constant || len(size) != 2 {
		return nil
	}
	win, err := conv.Window(size, kernel)
	if err != nil {
		return nil
	}
	out := *conv
	out.AutoPad, out.Strides, out.Pads = "NOTSET", make([]int, 2), make([]int, 4)
	for d := range 2 {
		stride := win.Stride[d] * pool.Stride[d]
		middle := (pool.Kernel[d] - 1) * pool.Dilation[d] / 2
		shift := min(middle-pool.PadBegin[d], win.PadBegin[d]/win.Stride[d]) // in positions of the convolution
		extent := (win.Kernel[d]-1)*win.Dilation[d] + 1
		begin := min(win.PadBegin[d]-shift*win.Stride[d], pool.Out[d]*stride-1-win.In[d]+extent) // else there is one output more
		end := max((pool.Out[d]-1)*stride+extent-win.In[d]-begin, 0)
		if begin < 0 {
			return nil
		}
		out.Strides[d], out.Pads[d], out.Pads[2+d] = stride, begin, end
	}
	return &out
}

// apply rewrites a graph and returns what stands for the pooling's output.
func (s *movedStride) apply(pool *ir.Node) (*ir.Value, error) {
	g := pool.Graph()
	rw := ir.NewRewriter(g)
	var x *ir.Value
	var err error
	for i, n := range append([]*ir.Node{s.conv}, s.chain...) {
		op, in := n.Op, slices.Clone(n.Inputs())
		if i == 0 {
			op = s.op
		} else {
			in[0] = x
		}
		if x, err = rw.Insert(pool, n.Name, op, in...); err != nil {
			return nil, err
		}
	}
	if err := rw.Become(pool.Out(0), x); err != nil {
		return nil, err
	}
	return x, rw.Done()
}

// sampleMoved is what the moved stride gives, and what it should, at sampled positions.
func (m *maxPool) sampleMoved() (samples, error) {
	g := m.context.Graph.Clone()
	for _, n := range g.Nodes() {
		if n.Out(0) == nil || n.Out(0).Name() != m.node.Out(0).Name() {
			continue
		}
		moved, _ := moveStride(n, &m.window)
		x, err := moved.apply(n)
		if err != nil {
			return samples{}, err
		}
		s := newSampling(m.seed, m.plane(), m.a.images(), 2*m.channels)
		return m.a.sample(s, g, x, nil, m.original, m.original.Value(m.node.Out(0).Name()))
	}
	return samples{}, nil
}

func (m *maxPool) applyMoved(moved *movedStride, s samples) error {
	r := Rewrite{Form: poolStride, MACsBefore: macsOfImage(m.context.Graph)[moved.conv.Out(0).Name()]}
	if s.y.rows > 0 {
		r.Error = (*nonlinearity)(nil).relative(s.y, s.x)
	}
	old := append([]*ir.Node{moved.conv}, moved.chain...)
	names := make([][2]string, len(old))
	for i, n := range old {
		names[i] = [2]string{n.Name, n.Out(0).Name()}
	}
	x, err := moved.apply(m.node)
	if err != nil {
		return err
	}
	for i := len(names) - 1; i >= 0; i-- { // the names of what is gone
		n := x.Def()
		if err := m.context.Graph.RenameNode(n, names[i][0]); err != nil {
			return err
		}
		if m.context.Graph.Value(names[i][1]) == nil && !x.IsOutput() {
			if err := m.context.Graph.Rename(x, names[i][1]); err != nil {
				return err
			}
		}
		if x = n.In(0); i == 0 {
			r.MACsAfter = macsOfImage(m.context.Graph)[n.Out(0).Name()]
		}
	}
	m.done(r)
	return nil
}
