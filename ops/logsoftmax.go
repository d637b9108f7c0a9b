package ops

import (
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// LogSoftmax is the logarithm of Softmax.
type LogSoftmax struct {
	Axis int `attr:"axis,default=-1"`
}

func (*LogSoftmax) Def() *ir.Def { return logSoftmax }

var logSoftmax = differentiable(lanewise("LogSoftmax", "log(softmax(x))", func(a *LogSoftmax) int { return a.Axis },
	logSoftmaxLane[float32], logSoftmaxLane[float64]), gradLogSoftmax)

func logSoftmaxLane[T tensor.Float](dst, src []T) {
	greatest := float64(slices.Max(src))
	sum := 0.0
	for _, x := range src {
		sum += math.Exp(float64(x) - greatest)
	}
	for i, x := range src {
		dst[i] = T(float64(x) - greatest - math.Log(sum))
	}
}

func gradLogSoftmax(g *gradient) {
	g.give(0, g.throughLogSoftmax(g.Of(0), g.Out(0), g.Node.Op.(*LogSoftmax).Axis))
}

// throughLogSoftmax is the gradient of what y is the logarithm of the softmax of.
func (g *gradient) throughLogSoftmax(dy, y *ir.Value, axis int) *ir.Value {
	return g.sub(dy, g.mul(g.do(ir.New[Exp](), y), g.sum(dy, true, axis)))
}
