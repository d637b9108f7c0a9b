package train

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// adapter makes the nodes downstream of values whose types change fit: where their weights and vectors need another shape,
// these begin anew.
type adapter struct {
	g    *ir.Graph
	rw   *ir.Rewriter
	seed uint64
	was  map[ir.Use]ir.Type // what was read, where that is not of this type any more
	// fresh is the names of the nodes with new constants, in the order of the graph.
	fresh []string
}

func newAdapter(g *ir.Graph, seed uint64) *adapter {
	return &adapter{g: g, rw: ir.NewRetyper(g), seed: seed, was: map[ir.Use]ir.Type{}}
}

// changes notes that what reads v will read something of another type.
func (a *adapter) changes(v *ir.Value, from ir.Type) {
	for _, u := range v.Uses() {
		if _, twice := a.was[u]; !twice {
			a.was[u] = from
		}
	}
}

// finish goes through the graph, makes fit what has to, and ends the change.
func (a *adapter) finish() error {
	a.rw.Prune()
	for _, n := range a.g.Nodes() {
		if a.rw.Removed(n) || !slices.ContainsFunc(n.Inputs(), func(v *ir.Value) bool { return a.changed(n, v) }) {
			continue
		}
		if err := a.fit(n); err != nil {
			return fmt.Errorf("train: what comes before it has another shape now: %w", err)
		}
	}
	if err := a.rw.Done(); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	for _, v := range a.g.Outputs() {
		t := a.g.OutputType(v)
		for i := 1; i < min(len(t.Shape), len(v.Type().Shape)); i++ {
			t.Shape[i] = v.Type().Shape[i]
		}
		a.g.Declare(v.Name(), t)
	}
	return nil
}

// changed reports whether v, an input of n, is of another type than n read before.
func (a *adapter) changed(n *ir.Node, v *ir.Value) bool {
	i := slices.Index(n.Inputs(), v)
	_, ok := a.was[ir.Use{Node: n, Index: i}]
	return ok && v != nil
}

// set turns n into another node and notes how its outputs change.
func (a *adapter) set(n *ir.Node, op ir.Op, inputs []*ir.Value) error {
	before := make([]ir.Type, len(n.Outputs()))
	for i, v := range n.Outputs() {
		if v != nil {
			before[i] = v.Type()
		}
	}
	if err := a.rw.SetNode(n, op, inputs...); err != nil {
		return err
	}
	for i, v := range n.Outputs() {
		if v != nil && !slices.Equal(v.Type().Shape, before[i].Shape) {
			a.changes(v, before[i])
		}
	}
	return nil
}

// constant puts t in the place of inputs[i], a constant, which keeps its name unless others read it too.
func (a *adapter) constant(inputs []*ir.Value, i int, t *tensor.Tensor) error {
	v := inputs[i]
	if len(v.Uses()) == 1 && !v.IsOutput() {
		return a.rw.SetConst(v, t)
	}
	inputs[i] = a.rw.Const(v.Name(), t)
	return nil
}

// remake gives a layer, which becomes op, weights of a shape and a bias of zeros.
func (a *adapter) remake(n *ir.Node, op ir.Op, shape []int) error {
	inputs, outputs := slices.Clone(n.Inputs()), width(n)
	w := freshWeights(n, op, shape, a.seed)
	if err := a.constant(inputs, 1, w); err != nil {
		return err
	}
	if i := biasOf(n); i > 0 && n.In(i) != nil && n.In(i).Const() != nil {
		out, _ := axes(n)
		bias := slices.Clone(n.In(i).Const().Shape())
		for d := range bias {
			if bias[d] == outputs && d == len(bias)-1 {
				bias[d] = shape[out]
				if _, ok := op.(*ops.ConvTranspose); ok {
					bias[d] *= groups(op)
				}
			}
		}
		if err := a.constant(inputs, i, tensor.New(n.In(i).Type().DType, bias...)); err != nil {
			return err
		}
	}
	a.fresh = append(a.fresh, n.Name)
	return a.set(n, op, inputs)
}

// fit makes a node fit the types of its inputs.
func (a *adapter) fit(n *ir.Node) error {
	inputs, err := slices.Clone(n.Inputs()), error(nil)
	switch op := n.Op.(type) {
	case *ops.Conv, *ops.ConvTranspose, *ops.Gemm, *ops.MatMul:
		if weightsOf(n) != nil && a.changed(n, n.In(0)) {
			return a.fitLayer(n)
		}
	case *ops.BatchNormalization, *ops.InstanceNormalization, *ops.GroupNormalization:
		err = a.fitVectors(n, inputs, 1)
	case *ops.LayerNormalization:
		axis := op.Axis
		if axis < 0 {
			axis += len(n.In(0).Type().Shape)
		}
		err = a.fitVectors(n, inputs, axis)
	case *ops.Add, *ops.Sub:
		err = a.fitOperand(n, inputs, 0)
	case *ops.Mul, *ops.Div:
		err = a.fitOperand(n, inputs, 1)
	case *ops.PRelu:
		err = a.fitOperand(n, inputs, prelu)
	case *ops.Reshape:
		err = a.fitReshape(n, inputs)
	case *ops.Slice, *ops.Split:
		err = a.checkPart(n)
	}
	if err != nil {
		return &ir.Error{Node: n.Name, Op: n.OpName(), Err: err}
	}
	return a.set(n, n.Op, inputs)
}

// prelu is the slope that PRelu begins with (He et al. 2015, section 2.1).
const prelu = 0.25

// fitLayer gives a layer weights for the channels that it reads now. A depthwise convolution stays one.
func (a *adapter) fitLayer(n *ir.Node) error {
	op, x, axis := n.Op, n.In(0).Type().Shape, 1
	switch op := op.(type) {
	case *ops.Gemm:
		if op.TransA {
			axis = 0
		}
	case *ops.MatMul:
		axis = len(x) - 1
	}
	shape := slices.Clone(n.In(1).Const().Shape())
	_, in := axes(n)
	group := 1
	if _, ok := op.(*ops.Conv); ok {
		group = max(groups(op), 1)
	}
	if axis < 0 || axis >= len(x) || !x[axis].IsKnown() || x[axis].N == shape[in]*group {
		return a.set(n, op, slices.Clone(n.Inputs()))
	}
	channels := x[axis].N
	switch {
	case group > 1 && shape[in] == 1:
		depthwise := *op.(*ops.Conv)
		depthwise.Group = channels
		shape[0] = shape[0] / group * channels
		op = &depthwise
	case channels%group != 0:
		return &ir.Error{Node: n.Name, Op: n.OpName(), Err: fmt.Errorf("%d channels cannot be parted into %d groups", channels, group)}
	default:
		shape[in] = channels / group
	}
	return a.remake(n, op, shape)
}

// fitVectors gives a normalization vectors of the sizes that its input has from axis on: of scale 1, shift 0, mean 0,
// variance 1.
func (a *adapter) fitVectors(n *ir.Node, inputs []*ir.Value, axis int) error {
	x, made := n.In(0).Type().Shape, false
	for i := 1; i < len(inputs); i++ {
		v := inputs[i]
		if v == nil || v.Const() == nil || axis+v.Const().Rank() > len(x) {
			continue
		}
		shape, ok := x[axis:][:v.Const().Rank()].Ints()
		if !ok || slices.Equal(shape, v.Const().Shape()) {
			continue
		}
		if err := a.constant(inputs, i, filled(v.Type().DType, neutral(i), shape...)); err != nil {
			return err
		}
		made = true
	}
	if made {
		a.fresh = append(a.fresh, n.Name)
	}
	return nil
}

// neutral is what input i of a normalization begins with: scale, shift, mean, variance.
func neutral(i int) float32 { return [...]float32{1: 1, 2: 0, 3: 0, 4: 1}[i] }

// fitOperand gives arithmetic with a constant one of the sizes that the other operand has now: all
// its elements are what those of the old one were if these were equal, else x.
func (a *adapter) fitOperand(n *ir.Node, inputs []*ir.Value, x float32) error {
	for i, v := range inputs {
		other := ir.Use{Node: n, Index: 1 - i}
		was, changed := a.was[other]
		if v.Const() == nil || !changed || !modelinfo.IsFloating(v) {
			continue
		}
		now, shape := inputs[1-i].Type().Shape, slices.Clone(v.Const().Shape())
		if len(was.Shape) != len(now) || len(shape) > len(now) {
			continue
		}
		lead := len(now) - len(shape)
		for d, size := range shape {
			if size != 1 && was.Shape[lead+d] == ir.Known(size) && now[lead+d].IsKnown() {
				shape[d] = now[lead+d].N
			}
		}
		if slices.Equal(shape, v.Const().Shape()) {
			continue
		}
		data, _ := v.Const().AsFloat32()
		if equal := len(data) > 0 && slices.Max(data) == slices.Min(data); equal {
			x = data[0]
		}
		if err := a.constant(inputs, i, filled(v.Type().DType, x, shape...)); err != nil {
			return err
		}
		a.fresh = append(a.fresh, n.Name)
	}
	return nil
}

// checkPart refuses to take a part of an axis whose size has changed: which one is not known.
func (a *adapter) checkPart(n *ir.Node) error {
	was, changed := a.was[ir.Use{Node: n, Index: 0}]
	now := n.In(0).Type().Shape
	if !changed || len(was.Shape) != len(now) {
		return nil
	}
	for d := range now {
		if was.Shape[d] != now[d] && a.parts(n, d, len(now)) {
			return fmt.Errorf("takes parts of axis %d, whose size was %v and is %v", d, was.Shape[d], now[d])
		}
	}
	return nil
}

// parts reports whether n, a Slice or Split, takes parts of an axis of its input by their places.
func (a *adapter) parts(n *ir.Node, axis, rank int) bool {
	if op, ok := n.Op.(*ops.Split); ok {
		return (op.Axis == axis || op.Axis+rank == axis) && n.In(1) != nil
	}
	list := n.In(3)
	if list == nil || list.Const() == nil {
		return true
	}
	axes, _ := list.Const().AsInts()
	return slices.Contains(axes, axis) || slices.Contains(axes, axis-rank)
}
