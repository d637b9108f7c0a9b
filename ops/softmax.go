package ops

import (
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Softmax is exp(x) over the sum of exp along an axis.
type Softmax struct {
	Axis int `attr:"axis,default=-1"`
}

func (*Softmax) Def() *ir.Def { return softmax }

var softmax = differentiable(lanewise("Softmax", "exp(x)/sum(exp(x))", func(a *Softmax) int { return a.Axis },
	softmaxLane[float32], softmaxLane[float64]), gradSoftmax)

func softmaxLane[T tensor.Float](dst, src []T) {
	greatest := float64(slices.Max(src))
	sum := 0.0
	for i, x := range src {
		e := math.Exp(float64(x) - greatest)
		dst[i] = T(e)
		sum += e
	}
	for i := range dst {
		dst[i] = T(float64(dst[i]) / sum)
	}
}

func gradSoftmax(g *gradient) {
	product := g.mul(g.Of(0), g.Out(0))
	g.give(0, g.sub(product, g.mul(g.Out(0), g.sum(product, true, g.Node.Op.(*Softmax).Axis))))
}
