package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Floor is the greatest integer not above x.
type Floor struct{}

func (*Floor) Def() *ir.Def { return floorOp }

var floorOp = pointwise("Floor", ir.Arithmetic, "rounding down", []int{1, 6, 13}, func(*Floor) func(float64) float64 { return math.Floor })

func (*Floor) derivative() func(float64) float64 { return func(float64) float64 { return 0 } }
