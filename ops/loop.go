package ops

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Loop runs a body up to a number of times and while a condition is true. The body takes the iteration, the condition and
// the carried values, and gives the condition, the carried values and values that are stacked over the iterations. The
// last Captures inputs are what the body captures.
type Loop struct {
	Body     *ir.Graph `attr:"body,required"`
	Captures int       `attr:"captures,internal"`
}

func (*Loop) Def() *ir.Def { return loop }

var loop = &ir.Def{
	Name: "Loop", Family: ir.Control, Doc: "a body over and over", Since: []int{1, 11, 13, 16, 19, 21, 23, 24},
	New: func() ir.Op { return ir.New[Loop]() },
	Ins: []ir.Param{{Name: "M", Type: "int64", Kind: ir.Optional}, {Name: "cond", Type: "bool", Kind: ir.Optional},
		{Name: "v_initial", Type: "V", Kind: ir.VariadicAny}},
	Outs:  []ir.Param{{Name: "v_final_and_scan_outputs", Type: "V", Kind: ir.VariadicAny}},
	Types: map[string]ir.TypeSet{"V": anyType},
	Infer: inferLoop,
	Eval:  evalLoop,
}

// carried is how many values go from one iteration to the next.
func (a *Loop) carried(ins int) (int, error) {
	n := ins - 2 - a.Captures
	if a.Captures < 0 || n < 0 || len(a.Body.Outputs()) < n+1 {
		return 0, fmt.Errorf("body %q does not fit %d inputs, of which it captures %d", a.Body.Name, ins, a.Captures)
	}
	return n, nil
}

func inferLoop(c *ir.InferCtx) error {
	a := c.Node.Op.(*Loop)
	n, err := a.carried(max(c.NumIn(), 2))
	if err != nil {
		return err
	}
	if err := checkBody(a.Body, 2+n+a.Captures, 1+c.NumOut()); err != nil {
		return err
	}
	for o := range c.NumOut() {
		t := a.Body.Outputs()[1+o].Type()
		c.SetDType(o, t.DType)
		switch {
		case o < n: // of any iteration, or none
			c.SetShape(o, commonShape(t.Shape, c.Shape(2+o)))
		case t.Shape != nil:
			c.SetShape(o, append(ir.Shape{ir.UnknownDim}, t.Shape...))
		}
	}
	return nil
}

func evalLoop(c *ir.EvalCtx) error {
	a := c.Op.(*Loop)
	n, err := a.carried(max(len(c.In), 2))
	if err != nil {
		return err
	}
	limit, more, err := loopStart(c)
	if err != nil {
		return err
	}
	var values, captured []*tensor.Tensor
	if len(c.In) > 2 {
		values, captured = slices.Clone(c.In[2:2+n]), c.In[2+n:]
	}
	stacks := make([][]*tensor.Tensor, len(a.Body.Outputs())-1-n)
	carried := 0
	for i := int64(0); more && (limit < 0 || i < limit); i++ {
		c.Interrupt()
		out, err := c.RunBody(a.Body, slices.Concat([]*tensor.Tensor{tensor.Scalar(i), tensor.Scalar(true)}, values, captured))
		if err != nil {
			return err
		}
		if out[0].DType() != tensor.Bool || out[0].Len() != 1 {
			return fmt.Errorf("the body's condition is %v, expects one bool", out[0])
		}
		more = tensor.Data[bool](out[0])[0]
		if err := holdIteration(c, out[1:], n, &carried); err != nil {
			return err
		}
		values = out[1 : 1+n]
		for k := range stacks {
			stacks[k] = append(stacks[k], out[1+n+k])
		}
	}
	for o, t := range values {
		c.SetOutput(o, t)
	}
	for k, parts := range stacks {
		if err := stack(c, n+k, parts, a.Body.Outputs()[1+n+k].Type(), 0, false); err != nil {
			return err
		}
	}
	return nil
}

// loopStart is the greatest number of iterations, -1 for none, and whether there is a first one.
func loopStart(c *ir.EvalCtx) (limit int64, first bool, err error) {
	limit, first = -1, true
	if c.Has(0) {
		if c.In[0].Len() != 1 {
			return 0, false, fmt.Errorf("input M has %d elements, expects one", c.In[0].Len())
		}
		limit = max(tensor.Data[int64](c.In[0])[0], 0)
	}
	if c.Has(1) {
		if c.In[1].Len() != 1 {
			return 0, false, fmt.Errorf("cond has %d elements, expects one", c.In[1].Len())
		}
		first = tensor.Data[bool](c.In[1])[0]
	}
	return limit, first, nil
}

// holdIteration counts the bytes that an iteration keeps: those of the values that are stacked, and those of the n
// values that are carried on, which replace the carried bytes of the iteration before.
func holdIteration(c *ir.EvalCtx, out []*tensor.Tensor, n int, carried *int) error {
	const overhead = 256 // of a tensor, about, beside its elements
	sum := func(list []*tensor.Tensor) (bytes int) {
		for _, t := range list {
			bytes += overhead + len(t.Bytes())
			if t.DType() == tensor.String {
				for _, s := range tensor.Data[string](t) {
					bytes += 16 + len(s)
				}
			}
		}
		return bytes
	}
	before := *carried
	*carried = sum(out[:n])
	return c.Hold(sum(out[n:]) + *carried - before)
}

// stack gives output o as parts side by side along a new axis, the last first if reversed. Without parts the output is
// empty, of the type that the body gives.
func stack(c *ir.EvalCtx, o int, parts []*tensor.Tensor, t ir.Type, axis int, reversed bool) error {
	shape := make([]int, len(t.Shape))
	if len(parts) > 0 {
		shape = parts[0].Shape()
	} else {
		for d, n := range t.Shape {
			if n.IsKnown() {
				shape[d] = n.N
			}
		}
	}
	axis, err := axisOf(axis, len(shape)+1)
	if err != nil {
		return err
	}
	out, err := c.Output(o, t.DType, slices.Insert(slices.Clone(shape), axis, len(parts))...)
	if err != nil {
		return err
	}
	one := slices.Insert(slices.Clone(shape), axis, 1)
	for i, p := range parts {
		if !slices.Equal(p.Shape(), shape) || p.DType() != t.DType {
			return fmt.Errorf("output %d is %v in iteration %d and %v%v in the first", o, p, i, t.DType, shape)
		}
		to := i
		if reversed {
			to = len(parts) - 1 - i
		}
		copySlab(c, out, p.Reshaped(one...), axis, to, 0, 1)
	}
	return nil
}
