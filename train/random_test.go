package train_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

const side = 3

// Whatever smooth operators a graph is made of, however its values are shared, and whether sizes are known or not, its
// gradients are those that finite differences give, before and after the passes.
func TestGradientsOfRandomGraphs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &randomGraph{T: t, g: ir.NewGraph("g"), inputs: map[string]*tensor.Tensor{}}
		batch := rapid.SampledFrom([]ir.Dim{ir.Known(2), ir.Symbol("N"), ir.UnknownDim}).Draw(t, "batch")
		r.values = []*ir.Value{r.input(batch, "x", 2, side, side, side)}
		for range rapid.IntRange(1, 7).Draw(t, "nodes") {
			r.grow()
		}
		last := r.values[len(r.values)-1]
		if other := r.value(); other != last {
			last = appendNode(t, r.g, &ops.Mul{}, last, appendNode(t, r.g, &ops.Sigmoid{}, other))
		}
		loss := appendNode(t, r.g, &ops.ReduceMean{}, appendNode(t, r.g, &ops.Mul{}, last, r.constant(side, side)))
		compare(t, r.g, r.inputs, r.g.Inputs(), loss)
	})
}

// randomGraph has values of N×side×side×side.
type randomGraph struct {
	*rapid.T
	g      *ir.Graph
	inputs map[string]*tensor.Tensor
	values []*ir.Value
	seed   uint64
}

func (r *randomGraph) input(batch ir.Dim, name string, shape ...int) *ir.Value {
	dims := ir.Dims(shape...)
	dims[0] = batch
	v, err := r.g.AddInput(r.g.FreshName(name), ir.Type{DType: tensor.Float64, Shape: dims})
	require.NoError(r, err)
	r.seed++
	r.inputs[v.Name()] = random(r.seed, 1, shape...)
	return v
}

// parameter is a graph input of known size.
func (r *randomGraph) parameter(shape ...int) *ir.Value {
	return r.input(ir.Known(shape[0]), "p", shape...)
}

func (r *randomGraph) constant(shape ...int) *ir.Value {
	r.seed++
	return constant(r, r.g, random(r.seed, 1, shape...))
}

func (r *randomGraph) value() *ir.Value { return rapid.SampledFrom(r.values).Draw(r.T, "value") }

func (r *randomGraph) node(op ir.Op, in ...*ir.Value) *ir.Value { return appendNode(r, r.g, op, in...) }

// grow adds a node or a few, which make one more value.
func (r *randomGraph) grow() {
	x := r.value()
	var y *ir.Value
	switch rapid.IntRange(0, 13).Draw(r.T, "kind") {
	case 0:
		y = r.node(&ops.Add{}, x, r.value())
	case 1:
		y = r.node(&ops.Mul{}, x, r.value())
	case 2:
		y = r.node(&ops.Sub{}, x, r.parameter(side, 1, 1))
	case 3:
		y = r.node(&ops.Tanh{}, x)
	case 4:
		y = r.node(ir.New[ops.Gelu](), x)
	case 5:
		op := set(func(a *ops.Conv) { a.Pads = []int{1, 1, 1, 1} })
		y = r.node(op, x, r.parameter(side, side, 3, 3), r.parameter(side))
	case 6:
		op := set(func(a *ops.AveragePool) { a.KernelShape, a.AutoPad = []int{2, 2}, "SAME_UPPER" })
		y = r.node(op, x)
	case 7:
		op := set(func(a *ops.BatchNormalization) { a.TrainingMode, a.Epsilon = true, 0.1 })
		y = r.node(op, x, r.parameter(side), r.parameter(side), r.constant(side), r.constant(side))
	case 8:
		perms := [][]int{{0, 1, 3, 2}, {0, 3, 1, 2}, {0, 2, 1, 3}}
		y = r.node(&ops.Transpose{Perm: rapid.SampledFrom(perms).Draw(r.T, "perm")}, x)
	case 9:
		y = r.node(&ops.MatMul{}, x, r.value())
	case 10:
		y = r.node(&ops.MatMul{}, x, r.parameter(side, side))
	case 11:
		both := r.node(&ops.Concat{Axis: 1}, x, r.value())
		y = r.node(&ops.Slice{}, both, constant(r, r.g, ints(1)), constant(r, r.g, ints(1+side)), constant(r, r.g, ints(1)))
	case 12:
		y = r.node(&ops.Softmax{Axis: rapid.IntRange(1, 3).Draw(r.T, "axis")}, x)
	case 13:
		mean := r.node(&ops.ReduceMean{Reducing: ops.Reducing{KeepDims: true}}, x, constant(r, r.g, ints(2, 3)))
		y = r.node(&ops.Mul{}, x, r.node(&ops.Sigmoid{}, mean))
	}
	r.values = append(r.values, y)
}
