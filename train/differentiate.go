// Package train teaches models: a step, from the images to the changed weights, is a graph like any other, so that passes,
// planner and kernels serve training as they serve inference.
//
// New makes a Trainer of a model, a Loss and an Optimizer. Trainer.Step makes one step, for a loop of one's own; Trainer.Fit
// goes through the epochs of a Source, by a Schedule, with validation, early stopping and checkpoints from which a run goes on
// to the same bits. Trainer.Model is the model as it is by now.
//
// Classifier, ReplaceClassifier, Reinit, Drop and AddDropout change a pretrained model before it is taught; FrozenUpTo, SplitAt
// and Features let its frozen part run once for each image. Differentiate, Parameters, Free and Prepare are what a step is
// made with. The front door of package onnxrun (Teach, Adapt) puts all of it together.
package train

import (
	"errors"
	"fmt"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// ErrNotDifferentiable is what stands between a loss and a value and has no gradient; errors.Is finds it, and errors.As the
// *ir.Error with node and operator.
var ErrNotDifferentiable = errors.New("is not differentiable")

// Differentiate appends to g the backward pass of loss, a floating-point value of one element, and returns the gradients
// with respect to the values, which have their types: reverse accumulation, one node after another (Griewank and Walther
// 2008, chapter 3). What does not influence the loss has a gradient of zeros; what lies on the way and is not
// differentiable is an error that names all such nodes, and g is unchanged then; a form of an operator that is not is told
// when the way back has come to it, and g is of no further use, as after any other error.
func Differentiate(g *ir.Graph, loss *ir.Value, values []*ir.Value) ([]*ir.Value, error) {
	if err := check(g, loss, values); err != nil {
		return nil, err
	}
	b := &backward{g: g, gradients: make([]*ir.Value, g.NumValues())}
	b.mark(loss, values)
	if err := b.checkPath(); err != nil {
		return nil, err
	}
	if err := b.run(loss); err != nil {
		return nil, err
	}
	out := make([]*ir.Value, len(values))
	for i, v := range values {
		if out[i] = b.gradients[v.ID()]; out[i] == nil {
			zeros, err := b.zeros(v)
			if err != nil {
				return nil, fmt.Errorf("train: value %q: %w", v.Name(), err)
			}
			out[i] = zeros
		}
	}
	return out, nil
}

// check refuses what has no gradient, whatever the nodes.
func check(g *ir.Graph, loss *ir.Value, values []*ir.Value) error {
	for i, v := range append([]*ir.Value{loss}, values...) {
		what := "the loss"
		if i > 0 {
			what = fmt.Sprintf("value %d", i-1)
		}
		switch {
		case v == nil || g.Value(v.Name()) != v:
			return fmt.Errorf("train: %s is not a value of the graph", what)
		case !modelinfo.IsFloating(v):
			return fmt.Errorf("train: value %q: is of type %v, and only floating-point values have gradients", v.Name(), v.Type())
		}
	}
	if loss.Type().Shape.Count() != ir.Known(1) {
		return fmt.Errorf("train: value %q: has type %v, a loss has one element: reduce it to its mean or sum", loss.Name(), loss.Type())
	}
	return nil
}

// backward is a way back through a graph.
type backward struct {
	g         *ir.Graph
	path      []*ir.Node  // what lies between the values and the loss, in the graph's order
	varies    []bool      // by value id: depends on the values
	gradients []*ir.Value // by value id: summed up as far as the way back has come
}

// mark finds the path: the nodes that depend on the values by floating-point numbers and that the loss depends on.
func (b *backward) mark(loss *ir.Value, values []*ir.Value) {
	b.varies = make([]bool, b.g.NumValues())
	for _, v := range values {
		b.varies[v.ID()] = true
	}
	for _, n := range b.g.Nodes() {
		for _, in := range n.Inputs() {
			if in == nil || !b.varies[in.ID()] {
				continue
			}
			for _, out := range n.Outputs() {
				if out != nil && modelinfo.IsFloating(out) {
					b.varies[out.ID()] = true
				}
			}
			break
		}
	}
	matters := make([]bool, b.g.NumValues())
	matters[loss.ID()] = true
	nodes := b.g.Nodes()
	for i := len(nodes) - 1; i >= 0; i-- {
		on := false
		for _, out := range nodes[i].Outputs() {
			on = on || out != nil && matters[out.ID()] && b.varies[out.ID()]
		}
		if !on || !b.anyVaries(nodes[i]) {
			continue
		}
		b.path = append(b.path, nodes[i])
		for _, in := range nodes[i].Inputs() {
			if in != nil {
				matters[in.ID()] = true
			}
		}
	}
}

func (b *backward) anyVaries(n *ir.Node) bool {
	for _, in := range n.Inputs() {
		if in != nil && b.varies[in.ID()] {
			return true
		}
	}
	return false
}

// checkPath reports all nodes of the path that are not differentiable.
func (b *backward) checkPath() error {
	var problems []error
	for i := len(b.path) - 1; i >= 0; i-- {
		if n := b.path[i]; n.Op.Def().Grad == nil {
			problems = append(problems, fmt.Errorf("train: %w", &ir.Error{Node: n.Name, Op: n.OpName(), Err: ErrNotDifferentiable}))
		}
	}
	return errors.Join(problems...)
}

// run goes back through the path, from the loss, whose gradient is 1.
func (b *backward) run(loss *ir.Value) error {
	shape, _ := loss.Type().Shape.Ints()
	one, err := b.g.AddConst(b.g.FreshName(loss.Name()+"/grad"), number(loss.Type().DType, 1).Reshaped(shape...))
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	b.gradients[loss.ID()] = one
	for _, n := range b.path {
		if err := b.through(n); err != nil {
			return fmt.Errorf("train: %w", &ir.Error{Node: n.Name, Op: n.OpName(), Err: err})
		}
	}
	return nil
}

// through adds what goes back through a node to the gradients of its inputs.
func (b *backward) through(n *ir.Node) error {
	outs, wants, any := make([]*ir.Value, len(n.Outputs())), make([]bool, len(n.Inputs())), false
	for o, v := range n.Outputs() {
		if v != nil {
			outs[o] = b.gradients[v.ID()]
			any = any || outs[o] != nil
		}
	}
	if !any { // operators downstream of it gave none: it is flat
		return nil
	}
	for i, v := range n.Inputs() {
		wants[i] = v != nil && modelinfo.IsFloating(v) && b.varies[v.ID()]
	}
	d := ir.NewGradient(n, outs, wants)
	if err := n.Op.Def().Grad(d); err != nil {
		return fmt.Errorf("%w: %w", ErrNotDifferentiable, err)
	}
	for i, part := range d.Given() {
		if !wants[i] || part == nil {
			continue
		}
		v := n.In(i)
		if !v.Type().Accepts(part.Type()) {
			return fmt.Errorf("the gradient of input %d has type %v, not %v", i, part.Type(), v.Type())
		}
		if err := b.add(d, v, part); err != nil {
			return err
		}
	}
	return nil
}

// add adds part to the gradient of v.
func (b *backward) add(d *ir.Gradient, v, part *ir.Value) error {
	sum := b.gradients[v.ID()]
	if sum == nil {
		b.gradients[v.ID()] = part
		return nil
	}
	sum, err := d.Emit(&ops.Add{}, sum, part)
	b.gradients[v.ID()] = sum
	return err
}

// zeros is zeros of the type of v.
func (b *backward) zeros(v *ir.Value) (*ir.Value, error) {
	name := v.Name() + "/grad"
	if shape, ok := v.Type().Shape.Ints(); ok {
		return b.g.AddConst(b.g.FreshName(name), tensor.New(v.Type().DType, shape...))
	}
	size, err := b.g.Append(name+"/Shape", ir.New[ops.Shape](), []*ir.Value{v}, []string{b.g.FreshName(name + "/Shape")})
	if err != nil {
		return nil, err
	}
	zero, err := b.g.AddConst(b.g.FreshName(name+"/const"), number(v.Type().DType, 0))
	if err != nil {
		return nil, err
	}
	n, err := b.g.Append(name+"/Expand", &ops.Expand{}, []*ir.Value{zero, size.Out(0)}, []string{b.g.FreshName(name)})
	if err != nil {
		return nil, err
	}
	return n.Out(0), nil
}

// number is a scalar of a floating-point type.
func number(dt tensor.DType, v float64) *tensor.Tensor {
	if dt == tensor.Float64 {
		return tensor.Scalar(v)
	}
	return tensor.FromFloat32(tensor.Scalar(float32(v)), dt)
}
