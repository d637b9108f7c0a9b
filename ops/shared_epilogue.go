package ops

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Epilogue is how a fused operator finishes its result: a residual, its last input, is added, then the activation is
// applied. Alpha and Beta are those of the activation's own operator; of a clip they are the bounds.
type Epilogue struct {
	Activation string  `attr:"activation,default=none,oneof=none|relu|clip|leakyrelu|hardswish|silu|sigmoid|hardsigmoid|tanh|gelu"`
	Alpha      float32 `attr:"act_alpha"`
	Beta       float32 `attr:"act_beta"`
}

// fusedDomain is the domain of operators that passes and gradients make for the runtime; files do not have them.
const fusedDomain = "onnxrun"

// function is the activation; NaN stays NaN.
func (e *Epilogue) function() func(float64) float64 {
	switch e.Activation {
	case "relu":
		return reluOf[float64]
	case "clip":
		lo, hi := float64(e.Alpha), float64(e.Beta)
		return func(x float64) float64 {
			if x < lo { // a bound that is NaN limits nothing, as in Clip
				x = lo
			}
			if x > hi {
				x = hi
			}
			return x
		}
	case "leakyrelu":
		return (&LeakyRelu{Alpha: e.Alpha}).function()
	case "hardswish":
		return (&HardSwish{}).function()
	case "silu":
		return (&Swish{Alpha: 1}).function()
	case "sigmoid":
		return logistic
	case "hardsigmoid":
		return (&HardSigmoid{e.Alpha, e.Beta}).function()
	case "tanh":
		return math.Tanh
	case "gelu":
		return (&Gelu{}).function()
	}
	return nil
}

// finish adds the residual, nil for none, to output 0 and applies the activation.
func (e *Epilogue) finish(c *ir.EvalCtx, residual *tensor.Tensor) error {
	if c.Out[0].DType() == tensor.Float64 {
		return finishOf[float64](e, c.Out[0], residual)
	}
	return finishOf[float32](e, c.Out[0], residual)
}

func finishOf[T tensor.Float](e *Epilogue, out, residual *tensor.Tensor) error {
	y := tensor.Data[T](out)
	if residual != nil {
		r := tensor.Data[T](residual)
		if len(r) != len(y) {
			return fmt.Errorf("residual %v does not fit the result %v", residual, out)
		}
		for i := range y {
			y[i] += r[i]
		}
	}
	if f := e.function(); f != nil {
		for i, v := range y {
			y[i] = T(f(float64(v)))
		}
	}
	return nil
}

// checkResidual reports an error unless the residual's shape is that of the result, as far as known.
func checkResidual(residual, out ir.Shape) error {
	if residual == nil || out == nil {
		return nil
	}
	if len(residual) != len(out) {
		return fmt.Errorf("residual %v does not fit the result %v", residual, out)
	}
	for i := range out {
		if differ(residual[i], out[i]) {
			return fmt.Errorf("residual %v does not fit the result %v", residual, out)
		}
	}
	return nil
}

// emit builds what the epilogue of a fused operator stands for, downstream of y; residual is nil for none.
func (e *Epilogue) emit(s *steps, y, residual *ir.Value) *ir.Value {
	if residual != nil {
		y = s.do(&Add{}, y, residual)
	}
	switch e.Activation {
	case "relu":
		return s.do(&Relu{}, y)
	case "clip":
		return s.do(&Clip{}, y, s.number(y, float64(e.Alpha)), s.number(y, float64(e.Beta)))
	case "leakyrelu":
		return s.do(&LeakyRelu{Alpha: e.Alpha}, y)
	case "hardswish":
		return s.do(&HardSwish{}, y)
	case "silu":
		return s.do(&Swish{Alpha: 1}, y)
	case "sigmoid":
		return s.do(&Sigmoid{}, y)
	case "hardsigmoid":
		return s.do(&HardSigmoid{Alpha: e.Alpha, Beta: e.Beta}, y)
	case "tanh":
		return s.do(&Tanh{}, y)
	case "gelu":
		return s.do(ir.New[Gelu](), y)
	}
	return y
}
