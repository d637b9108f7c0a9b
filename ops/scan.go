package ops

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Scan runs a body once for every place along an axis of its scanned inputs. The body takes the states and a slice of each
// scanned input, and gives the states and values that are stacked. The last Captures inputs are what the body captures.
type Scan struct {
	Body             *ir.Graph `attr:"body,required"`
	NumScanInputs    int       `attr:"num_scan_inputs,required"`
	InputAxes        []int     `attr:"scan_input_axes"`
	InputDirections  []int     `attr:"scan_input_directions"`
	OutputAxes       []int     `attr:"scan_output_axes"`
	OutputDirections []int     `attr:"scan_output_directions"`
	Captures         int       `attr:"captures,internal"`
}

func (*Scan) Def() *ir.Def { return scan }

var scan = &ir.Def{
	Name: "Scan", Family: ir.Control, Doc: "a body over the places of an axis", Since: []int{8, 9, 11, 16, 19, 21, 23, 24},
	New:     func() ir.Op { return ir.New[Scan]() },
	Ins:     []ir.Param{{Name: "initial_state_and_scan_inputs", Type: "V", Kind: ir.VariadicAny}},
	Outs:    []ir.Param{{Name: "final_state_and_scan_outputs", Type: "V", Kind: ir.VariadicAny}},
	Types:   map[string]ir.TypeSet{"V": anyType},
	Upgrade: upgradeScan,
	Downgrade: func(l *ir.Legacy) error {
		if l.Opset < 9 {
			return l.Needs(9, "the operator without a batch")
		}
		return nil
	},
	Infer: inferScan,
	Eval:  evalScan,
}

// Opset 8 had lengths of the sequences as first input, a batch in front of all, and directions by another name. It
// becomes a Scan over the batch whose body is a Scan over the sequence.
func upgradeScan(l *ir.Legacy) error {
	if l.Opset >= 9 {
		return nil
	}
	if l.In(0) != nil {
		return fmt.Errorf("input 0 (sequence_lens) is %w", ir.ErrUnsupported)
	}
	if d := l.Take("directions"); d != nil {
		l.Set("scan_input_directions", d)
	}
	inner := ir.New[Scan]()
	if err := ir.DecodeAttrs(inner, l.Attrs, true); err != nil {
		return err
	}
	ins := l.Inputs[min(1, len(l.Inputs)):]
	sliced := len(ins) - inner.Captures
	if sliced < 1 || slices.Contains(ins, nil) {
		return fmt.Errorf("has no inputs, or absent ones")
	}
	body, err := batchBody(inner, l.Name, ins, sliced)
	if err != nil {
		return err
	}
	outs, err := l.EmitN(&Scan{Body: body, NumScanInputs: sliced, Captures: inner.Captures}, l.NumOuts, ins...)
	if err != nil {
		return err
	}
	l.Replace(outs...)
	return nil
}

// batchBody is a graph that runs scan on one element of a batch; the first sliced inputs have the batch in front.
func batchBody(scan *Scan, name string, ins []*ir.Value, sliced int) (*ir.Graph, error) {
	g := ir.NewGraph(scan.Body.Name + "_batch")
	formals := make([]*ir.Value, len(ins))
	for i, v := range ins {
		t := ir.Type{DType: v.Type().DType, Shape: v.Type().Shape.Clone()}
		if i < sliced && t.Shape != nil {
			if len(t.Shape) == 0 {
				return nil, fmt.Errorf("input %d is %v, expects a batch in front", i, v.Type())
			}
			t.Shape = t.Shape[1:]
		}
		var err error
		if formals[i], err = g.AddInput(g.FreshName(v.Name()), t); err != nil {
			return nil, err
		}
	}
	outs := make([]string, len(scan.Body.Outputs()))
	for i, v := range scan.Body.Outputs() {
		outs[i] = g.FreshName(fmt.Sprintf("%s_%d", v.Name(), i))
	}
	n, err := g.Append(name, scan, formals, outs)
	if err != nil {
		return nil, err
	}
	g.SetOutputs(n.Outputs()...)
	return g, nil
}

// counts is how many states, scanned inputs and scanned outputs there are.
func (a *Scan) counts(ins int) (states, scans, outs int, err error) {
	scans = a.NumScanInputs
	states = ins - scans - a.Captures
	outs = len(a.Body.Outputs()) - states
	if scans < 1 || a.Captures < 0 || states < 0 || outs < 0 || len(a.Body.Inputs()) != ins {
		return 0, 0, 0, fmt.Errorf("body %q does not fit %d inputs, of which %d are scanned and %d captured", a.Body.Name, ins, scans, a.Captures)
	}
	for _, list := range []struct {
		name   string
		values []int
		want   int
	}{{"scan_input_axes", a.InputAxes, scans}, {"scan_input_directions", a.InputDirections, scans},
		{"scan_output_axes", a.OutputAxes, outs}, {"scan_output_directions", a.OutputDirections, outs}} {
		if list.values != nil && len(list.values) != list.want {
			return 0, 0, 0, &ir.AttrError{Attr: list.name, Msg: fmt.Sprintf("has %d values, expects %d", len(list.values), list.want)}
		}
	}
	return states, scans, outs, nil
}

// nth is element i of a list that may be absent.
func nth(list []int, i int) int {
	if list == nil {
		return 0
	}
	return list[i]
}

func inferScan(c *ir.InferCtx) error {
	a := c.Node.Op.(*Scan)
	states, scans, outs, err := a.counts(c.NumIn())
	if err != nil {
		return err
	}
	if c.NumOut() > states+outs {
		return fmt.Errorf("has %d outputs, the body gives %d", c.NumOut(), states+outs)
	}
	length := ir.UnknownDim
	for i := range scans {
		if x := c.Shape(states + i); x != nil {
			axis, err := axisOf(nth(a.InputAxes, i), len(x))
			if err != nil {
				return &ir.AttrError{Attr: "scan_input_axes", Msg: err.Error()}
			}
			length = x[axis]
		}
	}
	for o := range c.NumOut() {
		t := a.Body.Outputs()[o].Type()
		c.SetDType(o, t.DType)
		switch {
		case t.Shape == nil:
		case o < states:
			c.SetShape(o, commonShape(t.Shape, c.Shape(o)))
		default:
			axis, err := axisOf(nth(a.OutputAxes, o-states), len(t.Shape)+1)
			if err != nil {
				return &ir.AttrError{Attr: "scan_output_axes", Msg: err.Error()}
			}
			c.SetShape(o, slices.Insert(t.Shape.Clone(), axis, length))
		}
	}
	return nil
}

// slab is place i along axis, without the axis.
func slab(c *ir.EvalCtx, x *tensor.Tensor, axis, i int) *tensor.Tensor {
	shape := slices.Clone(x.Shape())
	shape[axis] = 1
	out := tensor.New(x.DType(), shape...)
	copySlab(c, out, x, axis, 0, i, 1)
	return out.Reshaped(slices.Delete(shape, axis, axis+1)...)
}

// maxHollow bounds the iterations over an input without elements, which no memory bounds.
const maxHollow = 1 << 16

func evalScan(c *ir.EvalCtx) error {
	a, in := c.Op.(*Scan), c.In
	states, scans, outs, err := a.counts(len(in))
	if err != nil {
		return err
	}
	length, axes := -1, make([]int, scans)
	for i := range scans {
		x := in[states+i]
		if axes[i], err = axisOf(nth(a.InputAxes, i), x.Rank()); err != nil {
			return err
		}
		if length >= 0 && x.Dim(axes[i]) != length {
			return fmt.Errorf("scanned input %d is %v, expects %d places along axis %d", i, x, length, axes[i])
		}
		length = x.Dim(axes[i])
	}
	if length > maxHollow && slices.ContainsFunc(in[states:][:scans], func(x *tensor.Tensor) bool { return x.Len() == 0 }) {
		return fmt.Errorf("scans %d places that have no elements, more than %d", length, maxHollow)
	}
	values, captured := slices.Clone(in[:states]), in[states+scans:]
	stacks := make([][]*tensor.Tensor, outs)
	carried := 0
	for k := range length {
		c.Interrupt()
		args := slices.Clone(values)
		for i := range scans {
			at := k
			if nth(a.InputDirections, i) != 0 {
				at = length - 1 - k
			}
			args = append(args, slab(c, in[states+i], axes[i], at))
		}
		out, err := c.RunBody(a.Body, append(args, captured...))
		if err != nil {
			return err
		}
		if err := holdIteration(c, out, states, &carried); err != nil {
			return err
		}
		values = out[:states]
		for o := range stacks {
			stacks[o] = append(stacks[o], out[states+o])
		}
	}
	for o, t := range values {
		c.SetOutput(o, t)
	}
	for o, parts := range stacks {
		t := a.Body.Outputs()[states+o].Type()
		if err := stack(c, states+o, parts, t, nth(a.OutputAxes, o), nth(a.OutputDirections, o) != 0); err != nil {
			return err
		}
	}
	return nil
}
