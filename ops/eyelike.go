package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// EyeLike is a matrix of the input's shape with ones on the K-th diagonal.
type EyeLike struct {
	DType tensor.DType `attr:"dtype"`
	K     int          `attr:"k"`
}

func (*EyeLike) Def() *ir.Def { return eyeLike }

var eyeLike = &ir.Def{
	Name: "EyeLike", Doc: "ones on a diagonal", Since: []int{9, 22},
	New:   func() ir.Op { return ir.New[EyeLike]() },
	Ins:   []ir.Param{{Name: "input", Type: "T1"}},
	Outs:  []ir.Param{{Name: "output", Type: "T2"}},
	Types: map[string]ir.TypeSet{"T1": numericTypes | boolType, "T2": numericTypes | boolType},
	Infer: func(c *ir.InferCtx) error {
		a := c.Node.Op.(*EyeLike)
		dt := a.DType
		if dt == tensor.Undefined {
			dt = c.DType(0)
		}
		if !(numericTypes | boolType).Has(dt) {
			return ir.Unsupported("dtype", dt)
		}
		if x := c.Shape(0); x != nil && len(x) != 2 {
			return fmt.Errorf("input has shape %v, expects a matrix", x)
		}
		c.SetDType(0, dt)
		c.SetShape(0, c.Shape(0))
		return nil
	},
	Eval: func(c *ir.EvalCtx) error {
		a, x := c.Op.(*EyeLike), c.In[0]
		dt := a.DType
		if dt == tensor.Undefined {
			dt = x.DType()
		}
		if x.Rank() != 2 {
			return fmt.Errorf("input is %v, expects a matrix", x)
		}
		out, err := c.Output(0, dt, x.Shape()...)
		if err != nil {
			return err
		}
		for i := range x.Dim(0) {
			if j := i + a.K; j >= 0 && j < x.Dim(1) {
				setOne(out, i*x.Dim(1)+j)
			}
		}
		return nil
	},
}

// setOne sets element i to one.
func setOne(t *tensor.Tensor, i int) {
	switch t.DType() {
	case tensor.Float32:
		tensor.Data[float32](t)[i] = 1
	case tensor.Float64:
		tensor.Data[float64](t)[i] = 1
	case tensor.Float16:
		tensor.Data[tensor.F16](t)[i] = tensor.ToF16(1)
	case tensor.BFloat16:
		tensor.Data[tensor.BF16](t)[i] = tensor.ToBF16(1)
	default: // integers and bool: the lowest byte is 1
		t.Bytes()[i*t.DType().Size()] = 1
	}
}
