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

var logSoftmax = lanewise("LogSoftmax", "log(softmax(x))", func(a *LogSoftmax) int { return a.Axis },
	logSoftmaxLane[float32], logSoftmaxLane[float64])

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
