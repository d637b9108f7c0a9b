package ops

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// WindowFunction is the attributes of the window functions: with Periodic they are to be repeated, else symmetric.
type WindowFunction struct {
	OutputDatatype tensor.DType `attr:"output_datatype,default=1"`
	Periodic       bool         `attr:"periodic,default=1"`
}

// windowFunction makes the Def of a sum of cosines: Σ (-1)ᵏ·terms[k]·cos(2πkn/N).
func windowFunction(name, doc string, newOp func() ir.Op, params func(ir.Op) WindowFunction, terms ...float64) *ir.Def {
	return &ir.Def{
		Name: name, Doc: doc, Since: []int{17}, New: newOp,
		Ins:   []ir.Param{{Name: "size", Type: "T1"}},
		Outs:  []ir.Param{{Name: "output", Type: "T2"}},
		Types: map[string]ir.TypeSet{"T1": indexTypes, "T2": numericTypes},
		Infer: func(c *ir.InferCtx) error {
			dt := params(c.Node.Op).OutputDatatype
			if !numericTypes.Has(dt) {
				return ir.Unsupported("output_datatype", dt)
			}
			c.SetDType(0, dt)
			c.SetShape(0, ir.UnknownShape(1))
			if d := c.Dims(0); len(d) == 1 {
				if err := checkSizes("size", d); err != nil {
					return err
				}
				c.SetShape(0, ir.Shape{d[0]})
			}
			return nil
		},
		Eval: func(c *ir.EvalCtx) error {
			a := params(c.Op)
			size, _ := c.In[0].AsInts()
			if len(size) != 1 || size[0] < 0 || size[0] > maxTransform {
				return fmt.Errorf("size is %v, expects one number that is a size", size)
			}
			out := tensor.New(tensor.Float32, size[0])
			n := float64(size[0])
			if !a.Periodic {
				n--
			}
			for i := range tensor.Data[float32](out) {
				v, sign := 0.0, 1.0
				for k, t := range terms {
					v += sign * t * math.Cos(2*math.Pi*float64(k)*float64(i)/max(n, 1))
					sign = -sign
				}
				tensor.Data[float32](out)[i] = float32(v)
			}
			return setConverted(c, out, a.OutputDatatype)
		},
	}
}

// setConverted gives output 0 as a float32 tensor converted to dt.
func setConverted(c *ir.EvalCtx, t *tensor.Tensor, dt tensor.DType) error {
	inner := c.Part(castTo(dt), t)
	if err := castOp.Eval(inner); err != nil {
		return err
	}
	c.SetOutput(0, inner.Out[0])
	return nil
}

func castTo(dt tensor.DType) ir.Op {
	op := ir.New[Cast]()
	op.To = dt
	return op
}
