package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// HardSwish is x · max(0, min(1, x/6 + 1/2)) (Howard et al., MobileNetV3, 2019).
type HardSwish struct{}

func (*HardSwish) Def() *ir.Def { return hardSwish }

var hardSwish = late(older(pointwise("HardSwish", ir.Activation, "x · max(0, min(1, x/6 + 1/2))", []int{14, 22}, (*HardSwish).function), downgradeHardSwish), ir.Widening{Opset: 22, Var: "T", Types: ir.TypesOf(tensor.BFloat16)})

func (*HardSwish) function() func(float64) float64 {
	return func(x float64) float64 { return x * min(max(x/6+0.5, 0), 1) }
}

// Before opset 14 it is spelled out.
func downgradeHardSwish(l *ir.Legacy) error {
	if l.Opset >= 14 {
		return nil
	}
	s, x := steps{l: l}, l.In(0)
	return s.end(s.do(&Mul{}, x, s.do(&HardSigmoid{Alpha: 1.0 / 6, Beta: 0.5}, x)))
}

func (*HardSwish) derivative() func(float64) float64 {
	return func(x float64) float64 {
		switch {
		case x < -3:
			return 0
		case x > 3:
			return 1
		}
		return x/3 + 0.5
	}
}
