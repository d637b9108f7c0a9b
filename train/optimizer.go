package train

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// The kinds of Optimizer.
const (
	SGD   = "sgd"
	Adam  = "adam"
	AdamW = "adamw"
)

// Optimizer says how parameters go down the gradient. The zero value is plain stochastic gradient descent.
type Optimizer struct {
	Kind     string  `json:"kind"`               // SGD (or empty), Adam or AdamW
	Momentum float64 `json:"momentum,omitempty"` // of SGD
	Nesterov bool    `json:"nesterov,omitempty"`
	Beta1    float64 `json:"beta1,omitempty"`   // of Adam; 0 stands for 0.9
	Beta2    float64 `json:"beta2,omitempty"`   // of Adam; 0 stands for 0.999
	Epsilon  float64 `json:"epsilon,omitempty"` // of Adam; 0 stands for 1e-8
	// Decay is the weight decay of filters and matrices; all else, such as biases and normalizations, has none. AdamW's is
	// apart from the gradient (Loshchilov and Hutter 2019).
	Decay float64 `json:"decay,omitempty"`
	// Clip bounds the norm of all gradients together (Pascanu, Mikolov and Bengio 2013); 0: no bound.
	Clip float64 `json:"clip,omitempty"`
}

// Check refuses what makes no sense.
func (o Optimizer) Check() error {
	if !slices.Contains([]string{"", SGD, Adam, AdamW}, o.Kind) {
		return fmt.Errorf("train: optimizer %q: unknown, expects %s, %s or %s", o.Kind, SGD, Adam, AdamW)
	}
	for _, v := range []struct {
		name  string
		value float64
		below float64
	}{{"momentum", o.Momentum, 1}, {"beta1", o.Beta1, 1}, {"beta2", o.Beta2, 1}, {"epsilon", o.Epsilon, 1}, {"weight decay", o.Decay, 1e6}, {"clip", o.Clip, 1e30}} {
		if !(v.value >= 0 && v.value < v.below) {
			return fmt.Errorf("train: optimizer: %s is %v, expects 0 to %v", v.name, v.value, v.below)
		}
	}
	return nil
}

// states is the names of what the optimizer keeps for each parameter.
func (o Optimizer) states() []string {
	switch {
	case o.Kind == Adam || o.Kind == AdamW:
		return []string{"mean", "square"}
	case o.Momentum > 0:
		return []string{"velocity"}
	}
	return nil
}

// update appends the step of one parameter w, whose rate is factor times the common one; out is the new parameter, then its
// new states.
func (o Optimizer) update(b *Builder, factor float64, w, gradient, rate, step, scale *ir.Value, states []*ir.Value) (out []*ir.Value) {
	decay := o.Decay
	if !decays(w) {
		decay = 0
	}
	if o.Kind == Adam || o.Kind == AdamW {
		op := &ops.Adam{
			Beta1: or(o.Beta1, 0.9), Beta2: or(o.Beta2, 0.999), Epsilon: or(o.Epsilon, 1e-8),
			Decay: float32(decay), Decoupled: o.Kind == AdamW, RateFactor: float32(factor),
		}
		return b.DoN(op, 3, w, gradient, rate, step, states[0], states[1], scale)
	}
	op := &ops.Momentum{Momentum: float32(o.Momentum), Nesterov: o.Nesterov, Decay: float32(decay), RateFactor: float32(factor)}
	if len(states) == 0 {
		return b.DoN(op, 1, w, gradient, rate, scale)
	}
	return b.DoN(op, 2, w, gradient, rate, scale, states[0])
}

// decays reports whether a parameter is filters or a matrix.
func decays(p *ir.Value) bool {
	return len(p.Type().Shape) > 1 && slices.ContainsFunc(p.Uses(), func(u ir.Use) bool { return isLayer(u.Node) && u.Index < 2 })
}

// or is v, or what 0 stands for.
func or(v, otherwise float64) float32 { return float32(cmp.Or(v, otherwise)) }

// scalar is the type of a scalar.
func scalar(dt tensor.DType) ir.Type { return ir.Type{DType: dt, Shape: ir.Shape{}} }
