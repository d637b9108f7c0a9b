package train

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// Prepared is what Prepare gave a graph beyond what it had.
type Prepared struct {
	// Seed and Step are graph inputs, int64 scalars, that choose what Dropout drops; nil where there is no Dropout.
	Seed, Step *ir.Value
	// Statistics are the running statistics of BatchNormalization.
	Statistics []Statistic

	masks int // streams in use
}

// Statistic is a running mean or variance: what the model has for inference, and what takes its place after a step.
type Statistic struct{ Given, Next *ir.Value }

// Prepare turns what g computes for inference into what is computed while it is taught. Dropout drops, at its ratio, the
// elements that a counter-based generator says (ops.DropoutMask), and scales the others. BatchNormalization normalizes by
// the mean and the variance of the batch, and gives running statistics: given·momentum + batch·(1-momentum), the
// variance being that of a population as ONNX has it (PyTorch's running variance is that of a sample). Nodes for which
// frozen, if not nil, is true stay as they are, so that a Dropout drops nothing and a BatchNormalization keeps its
// statistics.
//
// Passes run afterwards: they remove a Dropout that drops nothing, and put a BatchNormalization into a layer's weights.
func Prepare(g *ir.Graph, frozen func(*ir.Node) bool) (*Prepared, error) {
	p := &Prepared{}
	rw := ir.NewRewriter(g)
	names := map[*ir.Node]string{} // of nodes whose predecessor has the name
	for _, n := range g.Nodes() {
		if frozen != nil && frozen(n) {
			continue
		}
		var err error
		switch op := n.Op.(type) {
		case *ops.Dropout:
			err = p.drop(rw, n)
		case *ops.BatchNormalization:
			if !op.TrainingMode {
				err = p.normalize(rw, n, op, names)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("train: %w", &ir.Error{Node: n.Name, Op: n.OpName(), Err: err})
		}
	}
	if err := rw.Done(); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	for n, name := range names {
		if err := g.RenameNode(n, name); err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
	}
	return p, nil
}

// normalize puts a BatchNormalization in training mode in n's place.
func (p *Prepared) normalize(rw *ir.Rewriter, n *ir.Node, op *ops.BatchNormalization, names map[*ir.Node]string) error {
	training := *op
	training.TrainingMode = true
	g := rw.Graph()
	mean, variance := g.FreshName(n.In(3).Name()+"/next"), g.FreshName(n.In(4).Name()+"/next")
	next, err := rw.InsertN(n, n.Name, &training, n.Inputs(), g.FreshName(n.Name), mean, variance)
	if err != nil {
		return err
	}
	p.Statistics = append(p.Statistics, Statistic{n.In(3), next.Out(1)}, Statistic{n.In(4), next.Out(2)})
	names[next] = n.Name
	return rw.Become(n.Out(0), next.Out(0))
}

// drop puts a product with a mask in the place of n, a Dropout.
func (p *Prepared) drop(rw *ir.Rewriter, n *ir.Node) error {
	g := rw.Graph()
	if p.Seed == nil {
		for _, in := range []struct {
			name string
			to   **ir.Value
		}{{"dropout/seed", &p.Seed}, {"dropout/step", &p.Step}} {
			v, err := g.AddInput(g.FreshName(in.name), ir.Type{DType: tensor.Int64, Shape: ir.Shape{}})
			if err != nil {
				return err
			}
			*in.to = v
		}
	}
	x, ratio := n.In(0), n.In(1)
	dt := x.Type().DType
	if ratio == nil {
		ratio = rw.Const(n.Name+"/ratio", number(dt, 0.5))
	}
	e := &emitter{rw: rw, at: n}
	if ratio.Type().DType != dt {
		ratio = e.emit("/ratio", castTo(dt), ratio)
	}
	shape := e.emit("/shape", ir.New[ops.Shape](), x)
	mask := e.emit("/mask", &ops.DropoutMask{Stream: p.masks}, shape, ratio, p.Seed, p.Step)
	p.masks++
	y := e.emit("", &ops.Mul{}, x, mask)
	if e.err != nil {
		return e.err
	}
	if kept := n.Out(1); kept != nil {
		bools := e.emit("/kept", castTo(tensor.Bool), mask)
		if e.err != nil {
			return e.err
		}
		if err := rw.Become(kept, bools); err != nil {
			return err
		}
	}
	return rw.Become(n.Out(0), y)
}

func castTo(dt tensor.DType) *ops.Cast {
	op := ir.New[ops.Cast]()
	op.To = dt
	return op
}

// emitter inserts nodes upstream of one, until one cannot be inserted.
type emitter struct {
	rw  *ir.Rewriter
	at  *ir.Node
	err error
}

func (e *emitter) emit(suffix string, op ir.Op, in ...*ir.Value) *ir.Value {
	if e.err != nil {
		return nil
	}
	var v *ir.Value
	v, e.err = e.rw.Insert(e.at, e.at.Name+suffix, op, in...)
	return v
}
