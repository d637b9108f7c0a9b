package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Constant is a tensor that the model states. The importer makes it a constant of the graph, whichever of its forms the
// file has: value, or one of value_float, value_floats, value_int, value_ints, value_string and value_strings.
type Constant struct {
	Value *tensor.Tensor `attr:"value,required"`
}

func (*Constant) Def() *ir.Def { return constantOp }

var constantOp = &ir.Def{
	Name: "Constant", Family: ir.Shaping, Doc: "a tensor that the model states", Since: []int{1, 9, 11, 12, 13, 19, 21, 23, 24},
	New:     func() ir.Op { return ir.New[Constant]() },
	Outs:    []ir.Param{{Name: "output", Type: "T"}},
	Types:   map[string]ir.TypeSet{"T": anyType},
	Upgrade: upgradeConstant,
	Infer: func(c *ir.InferCtx) error {
		value := c.Node.Op.(*Constant).Value
		if value == nil {
			return &ir.AttrError{Attr: "value", Msg: "is required"}
		}
		t := ir.TensorType(value)
		c.SetDType(0, t.DType)
		c.SetShape(0, t.Shape)
		return nil
	},
	Eval: func(c *ir.EvalCtx) error {
		c.SetOutput(0, c.Op.(*Constant).Value)
		return nil
	},
}

func upgradeConstant(l *ir.Legacy) error {
	if len(l.Attrs) != 1 {
		return fmt.Errorf("has %d attributes, expects one: value or another form of it", len(l.Attrs))
	}
	t, err := constantTensor(l.Attrs[0])
	if err == nil {
		l.Replace(l.Const(t))
	}
	return err
}

func constantTensor(a ir.Attr) (*tensor.Tensor, error) {
	switch v := a.Value.(type) {
	case *tensor.Tensor:
		if a.Name == "value" {
			return v, nil
		}
	case float32:
		if a.Name == "value_float" {
			return tensor.Scalar(v), nil
		}
	case []float32:
		if a.Name == "value_floats" {
			return tensor.Vector(v...), nil
		}
	case int:
		if a.Name == "value_int" {
			return tensor.Scalar(int64(v)), nil
		}
	case []int:
		switch a.Name {
		case "value_ints":
			return int64Vector(v), nil
		case "value_floats": // an empty list has no kind
			if len(v) == 0 {
				return tensor.New(tensor.Float32, 0), nil
			}
		case "value_strings":
			if len(v) == 0 {
				return tensor.New(tensor.String, 0), nil
			}
		}
	case string:
		if a.Name == "value_string" {
			return tensor.Scalar(v), nil
		}
	case []string:
		if a.Name == "value_strings" {
			return tensor.Vector(v...), nil
		}
	}
	return nil, &ir.AttrError{Attr: a.Name, Msg: fmt.Sprintf("with a value of kind %T is not supported; expects value, value_float(s), value_int(s) or value_string(s)", a.Value)}
}

func int64Vector(ints []int) *tensor.Tensor {
	out := make([]int64, len(ints))
	for i, n := range ints {
		out[i] = int64(n)
	}
	return tensor.Vector(out...)
}
