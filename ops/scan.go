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
	// Batched is the form of opset 8: all inputs have a batch in front, over which the scan goes one by one.
	Batched bool `attr:"batched,internal"`
}

func (*Scan) Def() *ir.Def { return scan }

var scan = &ir.Def{
	Name: "Scan", Doc: "a body over the places of an axis", Since: []int{8, 9, 11, 16, 19, 21, 23, 24},
	New:     func() ir.Op { return ir.New[Scan]() },
	Ins:     []ir.Param{{Name: "initial_state_and_scan_inputs", Type: "V", Kind: ir.VariadicAny}},
	Outs:    []ir.Param{{Name: "final_state_and_scan_outputs", Type: "V", Kind: ir.VariadicAny}},
	Types:   map[string]ir.TypeSet{"V": anyType},
	Upgrade: upgradeScan,
	Infer:   inferScan,
	Eval:    evalScan,
}

// Opset 8 had lengths of the sequences as first input, a batch in front of all, and directions by another name.
func upgradeScan(l *ir.Legacy) error {
	if l.Opset >= 9 {
		return nil
	}
	if l.In(0) != nil {
		return fmt.Errorf("input 0 (sequence_lens) is %w", ir.ErrUnsupported)
	}
	if len(l.Inputs) > 0 {
		l.Inputs = l.Inputs[1:]
	}
	if d := l.Take("directions"); d != nil {
		l.Set("scan_input_directions", d)
	}
	l.Set("batched", 1)
	return nil
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
		if x := c.Shape(states + i); x != nil && !a.Batched {
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
		case t.Shape == nil || a.Batched:
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

func evalScan(c *ir.EvalCtx) error {
	a := c.Op.(*Scan)
	states, scans, _, err := a.counts(len(c.In))
	if err != nil {
		return err
	}
	if !a.Batched {
		return a.run(c, c.In)
	}
	batch := c.In[states].Dim(0)
	parts := make([][]*tensor.Tensor, len(a.Body.Outputs()))
	for b := range batch {
		in := slices.Clone(c.In)
		for i := range states + scans {
			if in[i].Rank() == 0 || in[i].Dim(0) != batch {
				return fmt.Errorf("input %d is %v, expects a batch of %d", i, in[i], batch)
			}
			in[i] = slab(in[i], 0, b)
		}
		one := &ir.EvalCtx{Ctx: c.Ctx, Op: a, Host: c.Host}
		one.Host.Alloc = nil
		if err := a.run(one, in); err != nil {
			return err
		}
		for o, t := range one.Out {
			parts[o] = append(parts[o], t)
		}
	}
	for o, p := range parts {
		if err := stack(c, o, p, a.Body.Outputs()[o].Type(), 0, false); err != nil {
			return err
		}
	}
	return nil
}

// slab is place i along axis, without the axis.
func slab(x *tensor.Tensor, axis, i int) *tensor.Tensor {
	shape := slices.Clone(x.Shape())
	shape[axis] = 1
	out := tensor.New(x.DType(), shape...)
	copySlab(out, x, axis, 0, i, 1)
	return out.Reshaped(slices.Delete(shape, axis, axis+1)...)
}

func (a *Scan) run(c *ir.EvalCtx, in []*tensor.Tensor) error {
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
	values, captured := slices.Clone(in[:states]), in[states+scans:]
	stacks := make([][]*tensor.Tensor, outs)
	for k := range length {
		args := slices.Clone(values)
		for i := range scans {
			at := k
			if nth(a.InputDirections, i) != 0 {
				at = length - 1 - k
			}
			args = append(args, slab(in[states+i], axes[i], at))
		}
		out, err := c.RunBody(a.Body, append(args, captured...))
		if err != nil {
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
