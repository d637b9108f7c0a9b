package ops

import "github.com/onnxrun/onnxrun/ir"

// Swish is x · sigmoid(Alpha·x) (Ramachandran et al., 2017).
type Swish struct {
	Alpha float32 `attr:"alpha,default=1"`
}

func (*Swish) Def() *ir.Def { return swish }

var swish = pointwise("Swish", "x · sigmoid(alpha·x)", []int{24}, (*Swish).function)

func (a *Swish) function() func(float64) float64 {
	alpha := float64(a.Alpha)
	return func(x float64) float64 { return x * logistic(alpha*x) }
}
