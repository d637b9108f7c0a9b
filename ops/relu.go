package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Relu is max(x, 0); NaN stays NaN.
type Relu struct{}

func (*Relu) Def() *ir.Def { return relu }

var relu = &ir.Def{
	Name: "Relu", Family: ir.Activation, Doc: "max(x, 0), elementwise", Since: []int{1, 6, 13, 14},
	New:     func() ir.Op { return ir.New[Relu]() },
	Ins:     []ir.Param{{Name: "X", Type: "T"}},
	Outs:    []ir.Param{{Name: "Y", Type: "T"}},
	Types:   map[string]ir.TypeSet{"T": floatTypes | signedTypes},
	Upgrade: dropConsumedInputs,
	Widened: []ir.Widening{{Opset: 14, Var: "T", Types: integerTypes}},
	Infer:   sameShape,
	Eval:    viaFloat32(evalRelu),
	Grad:    backward(gradPointwise),
}

func evalRelu(c *ir.EvalCtx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return mapElements(c, reluOf[float32])
	case tensor.Float64:
		return mapElements(c, reluOf[float64])
	case tensor.Int8:
		return mapElements(c, reluOf[int8])
	case tensor.Int16:
		return mapElements(c, reluOf[int16])
	case tensor.Int32:
		return mapElements(c, reluOf[int32])
	default:
		return mapElements(c, reluOf[int64])
	}
}

func reluOf[T tensor.Real](x T) T {
	if x < 0 {
		return 0
	}
	return x
}

func (*Relu) derivative() func(float64) float64 {
	return func(x float64) float64 {
		if x <= 0 { // NaN lets through, as in PyTorch
			return 0
		}
		return 1
	}
}

func (a *Relu) derivativeAt(y float64) float64 { return a.derivative()(y) }
