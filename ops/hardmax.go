package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Hardmax is 1 for the first of the greatest elements along an axis, 0 for the others.
type Hardmax struct {
	Axis int `attr:"axis,default=-1"`
}

func (*Hardmax) Def() *ir.Def { return hardmax }

var hardmax = lanewise("Hardmax", "1 for the first greatest element, else 0", func(a *Hardmax) int { return a.Axis },
	hardmaxLane[float32], hardmaxLane[float64])

func hardmaxLane[T tensor.Float](dst, src []T) {
	best := 0
	for i, x := range src {
		if x > src[best] {
			best = i
		}
	}
	clear(dst)
	dst[best] = 1
}
