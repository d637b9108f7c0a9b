package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Dropout gives its input, and a mask that is true everywhere: what it does in inference. Dropping elements at random,
// which training_mode asks for, is not supported; with a ratio of 0 it drops none.
type Dropout struct {
	Seed *int `attr:"seed"`
}

func (*Dropout) Def() *ir.Def { return dropout }

var dropout = &ir.Def{
	Name: "Dropout", Family: ir.Shaping, Doc: "its input: dropping elements is for training", Since: []int{1, 6, 7, 10, 12, 13, 22},
	New: func() ir.Op { return ir.New[Dropout]() },
	Ins: []ir.Param{{Name: "data", Type: "T"}, {Name: "ratio", Type: "T1", Kind: ir.Optional},
		{Name: "training_mode", Type: "bool", Kind: ir.Optional}},
	Outs:      []ir.Param{{Name: "output", Type: "T"}, {Name: "mask", Type: "bool", Kind: ir.Optional}},
	Types:     map[string]ir.TypeSet{"T": floatTypes | float8Types, "T1": floatTypes},
	Upgrade:   upgradeDropout,
	Downgrade: downgradeDropout,
	Infer: func(c *ir.InferCtx) error {
		c.SetShape(0, c.Shape(0))
		c.SetShape(1, c.Shape(0))
		for i, name := range []string{1: "ratio", 2: "training_mode"} {
			if err := checkOneElement(name, c.Shape(i)); i > 0 && err != nil {
				return err
			}
		}
		if training := c.Const(2); training != nil && (!c.Has(1) || c.Const(1) != nil) {
			return refuseTraining(c.Const(1), training)
		}
		return nil
	},
	Eval:   evalDropout,
	Shares: func(n *ir.Node) bool { return n.Out(1) == nil && n.In(2) == nil }, // as it does but in training
	Grad:   backward(func(g *gradient) { g.give(0, g.Of(0)) }),
}

// Before opset 12 the ratio was an attribute, before 10 the mask had the type of the data, and before 7 an attribute
// said whether the model is used for inference, which here it always is.
func upgradeDropout(l *ir.Legacy) error {
	if err := dropConsumedInputs(l); err != nil || l.Opset >= 12 {
		return err
	}
	if l.Opset < 7 {
		l.Take("is_test")
	}
	ratio, ok, err := l.TakeFloat("ratio")
	if err != nil {
		return err
	}
	if ok {
		l.SetIn(1, l.Const(tensor.Scalar(ratio)))
	}
	if l.Opset >= 10 || l.NumOuts < 2 || l.In(0) == nil {
		return nil
	}
	outs, err := l.EmitN(ir.New[Dropout](), 2, l.Inputs...)
	if err != nil {
		return err
	}
	mask, err := l.Emit(&Cast{To: l.In(0).Type().DType, Saturate: true, RoundMode: "up"}, outs[1])
	if err == nil {
		l.Replace(outs[0], mask)
	}
	return err
}

// refuseTraining refuses to drop elements: if training_mode is set and ratio, nil where absent, is not 0.
func refuseTraining(ratio, training *tensor.Tensor) error {
	if training == nil || training.Len() != 1 || !tensor.Data[bool](training)[0] {
		return nil
	}
	if ratio != nil && ratio.Len() == 1 && asFloat64(ratio)[0] == 0 {
		return nil
	}
	return fmt.Errorf("training_mode with a ratio other than 0, which drops elements at random, is %w", ir.ErrUnsupported)
}

func evalDropout(c *ir.EvalCtx) error {
	if err := refuseTraining(c.Input(1), c.Input(2)); err != nil {
		return err
	}
	c.SetOutput(0, c.In[0])
	if len(c.Node.Outputs()) < 2 {
		return nil
	}
	mask, err := c.Output(1, tensor.Bool, c.In[0].Shape()...)
	if err != nil {
		return err
	}
	fill(tensor.Data[bool](mask), true)
	return nil
}

func fill[T any](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

func constOf(v *ir.Value) *tensor.Tensor {
	if v == nil {
		return nil
	}
	return v.Const()
}

// Before opset 12 the ratio was an attribute, and the mask another one.
func downgradeDropout(l *ir.Legacy) error {
	if l.Opset >= 12 {
		return nil
	}
	if l.Node.Out(1) != nil { // of which older opsets do not say what it is in inference
		return l.Needs(12, "output 1 (mask)")
	}
	if training := l.In(2); training != nil && (training.Const() == nil || refuseTraining(constOf(l.In(1)), training.Const()) != nil) {
		return l.Needs(12, "input 2 (training_mode)")
	}
	l.Take("seed")
	if ratio := l.In(1); ratio != nil {
		if v, ok := float32Of(ratio); ok {
			l.Set("ratio", v)
		}
	}
	l.Inputs = l.Inputs[:1]
	return nil
}
