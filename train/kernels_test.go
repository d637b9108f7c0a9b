package train_test

import (
	"context"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
)

// network is a graph in training whose parameters are inputs.
type network struct {
	tester
	g      *ir.Graph
	inputs map[string]*tensor.Tensor
	taught []*ir.Value
}

func newNetwork(t tester) *network {
	return &network{tester: t, g: ir.NewGraph("network"), inputs: map[string]*tensor.Tensor{}}
}

// input adds an input that the loss is differentiated by.
func (n *network) input(shape ...int) *ir.Value {
	v, err := n.g.AddInput(n.g.FreshName("in"), ir.Type{DType: tensor.Float32, Shape: ir.Dims(shape...)})
	require.NoError(n, err)
	n.inputs[v.Name()] = noise(uint64(len(n.taught)), shape...)
	n.taught = append(n.taught, v)
	return v
}

func (n *network) node(op ir.Op, in ...*ir.Value) *ir.Value { return appendNode(n, n.g, op, in...) }

// conv adds a convolution with weights, and a bias if wanted.
func (n *network) conv(op *ops.Conv, x *ir.Value, out int, bias bool, kernel ...int) *ir.Value {
	in := []*ir.Value{x, n.input(append([]int{out, x.Type().Shape[1].N / op.Group}, kernel...)...)}
	if bias {
		in = append(in, n.input(out))
	}
	return n.node(op, in...)
}

// noise is numbers between -1 and 1.
func noise(seed uint64, shape ...int) *tensor.Tensor {
	x, r := tensor.New(tensor.Float32, shape...), rand.New(rand.NewPCG(seed, 7))
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = 2*r.Float32() - 1
	}
	return x
}

// differentiate makes the loss, the sum of tanh(y) times some numbers, and its gradients the outputs.
func (n *network) differentiate(y *ir.Value) {
	shape, _ := y.Type().Shape.Ints()
	loss := n.node(&ops.ReduceSum{}, n.node(&ops.Mul{}, n.node(&ops.Tanh{}, y), constant(n, n.g, noise(99, shape...))))
	gradients, err := train.Differentiate(n.g, loss, n.taught)
	require.NoError(n, err)
	n.g.SetOutputs(append(gradients, loss)...)
	require.NoError(n, ir.Verify(n.g))
}

// agree checks that the outputs are the same by the references and by all kernels, and to the bit in each run.
func (n *network) agree() {
	want, err := interpret(n.g, n.inputs, n.g.Outputs()...)
	require.NoError(n, err)
	for _, set := range kernel.Sets() {
		n.agreeBy(want, runtime.Options{Threads: 2, Kernels: set.String(), Strict: true}, 2e-5)
		if set.Has(kernel.FamilyTile) {
			n.agreeBy(want, runtime.Options{Threads: 2, Kernels: set.String()}, 1e-4) // one minimal filtering after another
		}
	}
}

func (n *network) agreeBy(want []*tensor.Tensor, opts runtime.Options, tolerance float64) {
	check, err := passes.ParseDebug("check", io.Discard)
	require.NoError(n, err)
	opts.Passes = &passes.Options{Level: passes.O2, Debug: check}
	s, err := runtime.Compile(context.Background(), n.g, opts)
	require.NoError(n, err)
	defer s.Close()
	in := make([]*tensor.Tensor, len(s.Inputs()))
	for i, v := range s.Inputs() {
		in[i] = n.inputs[v.Name()]
	}
	first, err := s.Run(context.Background(), in...)
	require.NoError(n, err)
	again, err := s.Run(context.Background(), in...)
	require.NoError(n, err)
	for i := range want[:len(want)-1] { // the loss is a sum of many
		requireSimilar(n, tensor.Data[float32](want[i]), tensor.Data[float32](first[i]), tolerance)
		require.Equal(n, first[i].Bytes(), again[i].Bytes())
	}
}

// requireSimilar checks that errors are small beside the greatest.
func requireSimilar(t tester, want, got []float32, tolerance float64) {
	require.Len(t, got, len(want))
	largest := 1.0
	for _, v := range want {
		largest = max(largest, math.Abs(float64(v)))
	}
	for i, v := range want {
		require.InDelta(t, v, got[i], tolerance*largest, "element %d", i)
	}
}

// Convolutions of all forms, with weights that are taught, have the same gradients by kernels as by references.
func TestKernelsOfConvolutions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		between := func(from, to int, name string) int { return rapid.IntRange(from, to).Draw(t, name) }
		n := newNetwork(t)
		op := ir.New[ops.Conv]()
		c, m := between(1, 40, "c"), between(1, 40, "m")
		switch rapid.SampledFrom([]string{"any", "few", "groups", "odd groups", "depthwise"}).Draw(t, "form") {
		case "few":
			c = between(1, 4, "few")
		case "groups":
			op.Group, c, m = 2, 32, 16*between(2, 4, "blocks")/2*2
		case "odd groups":
			op.Group, c, m = 2, 6, 4
		case "depthwise":
			op.Group, m = c, c
		}
		shape, kernel := []int{between(0, 3, "n"), c}, []int{}
		op.Pads = make([]int, 4)
		simple := rapid.Bool().Draw(t, "simple") // has Winograd's form
		for d := range 2 {
			k, dilation, stride := between(1, 5, "k"), between(1, 2, "dilation"), between(1, 3, "stride")
			if simple {
				k, dilation, stride = 3, 1, 1
			}
			op.Pads[d], op.Pads[d+2] = between(0, 2, "pad"), between(0, 2, "pad")
			kernel, op.Strides, op.Dilations = append(kernel, k), append(op.Strides, stride), append(op.Dilations, dilation)
			shape = append(shape, max(1, (k-1)*dilation+1-op.Pads[d]-op.Pads[d+2])+between(0, 9, "more"))
		}
		y := n.conv(op, n.input(shape...), m, rapid.Bool().Draw(t, "bias"), kernel...)
		switch between(0, 3, "then") {
		case 1:
			y = n.node(&ops.Tanh{}, y)
		case 2:
			y = n.conv(ir.New[ops.Conv](), n.node(&ops.Tanh{}, y), 20, true, 1, 1)
		case 3:
			three := set(func(a *ops.Conv) { a.Pads = []int{1, 1, 1, 1} })
			y = n.node(&ops.Add{}, y, n.conv(three, n.node(&ops.Tanh{}, y), m, false, 3, 3))
		}
		n.differentiate(y)
		n.agree()
	})
}

// Each form has its kernels; what they do not have is computed by the reference.
func TestKernelsOfTraining(t *testing.T) {
	for name, c := range map[string]struct {
		x, w    []int
		change  func(*ops.Conv)
		kernels string // of the convolution and its gradients, in any order
	}{
		"strides":   {[]int{2, 16, 9, 9}, []int{32, 16, 3, 3}, func(a *ops.Conv) { a.Strides = []int{2, 2} }, "direct grad-data grad-weights channel-sum"},
		"winograd":  {[]int{4, 64, 16, 16}, []int{64, 64, 3, 3}, func(a *ops.Conv) { a.Pads = []int{1, 1, 1, 1} }, "winograd-4x4-3x3 grad-weights-winograd-4x4-3x3 channel-sum"},
		"few":       {[]int{2, 3, 9, 9}, []int{32, 3, 3, 3}, func(*ops.Conv) {}, "direct-plain narrow grad-weights channel-sum"},
		"pointwise": {[]int{2, 40, 9, 9}, []int{32, 40, 1, 1}, func(*ops.Conv) {}, "pointwise grad-data grad-weights channel-sum"},
		"groups":    {[]int{2, 32, 9, 9}, []int{64, 16, 3, 3}, func(a *ops.Conv) { a.Group, a.Dilations = 2, []int{2, 2} }, "direct grad-data grad-weights channel-sum"},
		"depthwise": {[]int{2, 40, 9, 9}, []int{40, 1, 3, 3}, func(a *ops.Conv) { a.Group = 40 }, "depthwise grad-data-depthwise grad-weights-depthwise channel-sum"},
		"whole":     {[]int{5, 20, 4, 5}, []int{30, 20, 4, 5}, func(*ops.Conv) {}, "direct gemm grad-weights channel-sum"},
		"odd":       {[]int{2, 6, 9, 9}, []int{4, 3, 3, 3}, func(a *ops.Conv) { a.Group = 2 }, "kernel reference"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			y := n.conv(set(c.change), n.input(c.x...), c.w[0], true, c.w[2:]...)
			n.differentiate(y)
			n.agree()
			s, err := runtime.Compile(context.Background(), n.g, runtime.Options{Threads: 2})
			require.NoError(t, err)
			defer s.Close()
			in := make([]*tensor.Tensor, len(s.Inputs()))
			for i, v := range s.Inputs() {
				in[i] = n.inputs[v.Name()]
			}
			steps, err := s.Profile(context.Background(), 1, in...)
			require.NoError(t, err)
			if len(kernel.Sets()) == 1 {
				t.Skip("no kernels on blocked data on this processor")
			}
			found := map[string]bool{}
			for _, st := range steps {
				if strings.Contains(st.Node.OpName(), "Conv") || st.Node.OpName() == "ReduceSum" && len(st.Node.Out(0).Type().Shape) == 1 {
					found[st.Algorithm] = true
				}
			}
			for _, name := range strings.Fields(c.kernels) {
				require.True(t, found[name], "%s among %v", name, found)
			}
			require.Equal(t, strings.Contains(c.kernels, "reference"), found["reference"])
		})
	}
}
