package train

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/internal/suggest"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

// UnknownError is a name that there is not.
type UnknownError struct {
	What, Name string
	Known      []string
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("train: %s %s: not found%s", e.What, plain.Quote(e.Name, plain.Name), suggest.Nearest(e.Name, e.Known))
}

// NonFiniteError is a loss, or a parameter, that became infinite or not a number.
type NonFiniteError struct {
	Step int64 // the first is 1
	Rate float64
	// Node and Op compute the first value that is not finite; where a parameter or an input of the step is the first,
	// there is no Op and Node is its name. Gradient says that it is the gradient of parameter Node.
	Node, Op string
	Gradient bool
}

func (e *NonFiniteError) Error() string {
	at := "value " + plain.Quote(e.Node, plain.Name)
	switch {
	case e.Gradient:
		at = "the gradient of parameter " + plain.Quote(e.Node, plain.Name)
	case e.Op != "":
		at = "node " + plain.Quote(e.Node, plain.Name) + " (" + plain.Text(e.Op, plain.Name) + ")"
	}
	return fmt.Sprintf("train: step %d: numbers that are not finite, first those of %s; the learning rate is %.4g: try a smaller one, or clipping", e.Step, at, e.Rate)
}

// blame finds the first value that is not finite in a step: on the way forward, else among the gradients.
func (t *Trainer) blame(ctx context.Context, rate float64) error {
	e := &NonFiniteError{Step: t.step + 1, Rate: rate, Node: "loss"}
	for _, v := range t.forward.Inputs() {
		if !finite(t.inputs[t.places[v.Name()]]) {
			e.Node = v.Name()
			return e
		}
	}
	var outputs []string
	var nodes []*ir.Node
	for _, n := range t.forward.Nodes() {
		for _, v := range n.Outputs() {
			if v != nil && modelinfo.IsFloating(v) {
				outputs, nodes = append(outputs, v.Name()), append(nodes, n)
			}
		}
	}
	i, err := t.firstNotFinite(ctx, t.forward, outputs)
	if i >= 0 {
		e.Node, e.Op = nodes[i].Name, nodes[i].OpName()
		return e
	}
	if err == nil {
		i, err = t.firstNotFinite(ctx, t.graph, t.gradients)
	}
	if i >= 0 {
		e.Node, e.Gradient = t.params[i], true
	}
	if err != nil {
		return fmt.Errorf("%w (and looking for the node: %w)", e, err)
	}
	return e
}

// firstNotFinite runs a part of a step, as it stands, and returns which of the values is the first with a number that is not
// finite, -1 if there is none.
func (t *Trainer) firstNotFinite(ctx context.Context, g *ir.Graph, values []string) (int, error) {
	opts := t.opts.Runtime
	opts.Outputs, opts.Passes = values, &passes.Options{Level: passes.O0}
	session, err := runtime.Compile(ctx, g, opts)
	if err != nil {
		return -1, err
	}
	defer session.Close()
	in := make([]*tensor.Tensor, len(session.Inputs()))
	for i, v := range session.Inputs() {
		in[i] = t.inputs[t.places[v.Name()]]
	}
	out, err := session.Run(context.WithoutCancel(ctx), in...)
	if err != nil {
		return -1, err
	}
	return slices.IndexFunc(out, func(x *tensor.Tensor) bool { return !finite(x) }), nil
}

// sound refuses state with numbers that are not finite: a gradient can overflow where the loss does not, and such a step is
// made.
func (t *Trainer) sound(rate float64) error {
	for _, s := range t.state {
		if !finite(s.Tensor) {
			return &NonFiniteError{Step: t.step, Rate: rate, Node: s.Name}
		}
	}
	return nil
}

// finite reports whether all elements of a float32 tensor are; other tensors are.
func finite(t *tensor.Tensor) bool {
	if t.DType() != tensor.Float32 {
		return true
	}
	for _, v := range tensor.Data[float32](t) {
		if d := float64(v); math.IsNaN(d) || math.IsInf(d, 0) {
			return false
		}
	}
	return true
}
