package ops

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// extremeTypes is the element types of greatest and least elements.
var extremeTypes = reduceTypes | ir.TypesOf(tensor.Int8, tensor.Uint8, tensor.Bool)

// reduceExtreme folds to the greatest or the least element. Of no elements that is the other end of the type's range.
func reduceExtreme(c *ir.EvalCtx, r reducer, greatest bool) error {
	switch r.x.DType() {
	case tensor.Float32:
		return extreme(c, r, greatest, float32(math.Inf(-1)), float32(math.Inf(1)))
	case tensor.Float64:
		return extreme(c, r, greatest, math.Inf(-1), math.Inf(1))
	case tensor.Int8:
		return extreme[int8](c, r, greatest, math.MinInt8, math.MaxInt8)
	case tensor.Int32:
		return extreme[int32](c, r, greatest, math.MinInt32, math.MaxInt32)
	case tensor.Int64:
		return extreme[int64](c, r, greatest, math.MinInt64, math.MaxInt64)
	case tensor.Uint8:
		return extreme[uint8](c, r, greatest, 0, math.MaxUint8)
	case tensor.Uint32:
		return extreme[uint32](c, r, greatest, 0, math.MaxUint32)
	case tensor.Uint64:
		return extreme[uint64](c, r, greatest, 0, math.MaxUint64)
	case tensor.Bool:
		return extremeBool(c, r, greatest)
	}
	return fmt.Errorf("element type %s is not supported", r.x.DType())
}

func extreme[T tensor.Real](c *ir.EvalCtx, r reducer, greatest bool, lowest, highest T) error {
	if greatest {
		return fold(c, r, lowest, func(acc, x T) T {
			if x > acc || x != x {
				return x
			}
			return acc
		}, asIs)
	}
	return fold(c, r, highest, func(acc, x T) T {
		if x < acc || x != x {
			return x
		}
		return acc
	}, asIs)
}

// extremeBool is or, or and.
func extremeBool(c *ir.EvalCtx, r reducer, greatest bool) error {
	if r.noop {
		c.SetOutput(0, r.x)
		return nil
	}
	out, err := c.Output(0, tensor.Bool, r.shape...)
	if err != nil {
		return err
	}
	src, dst := tensor.Data[bool](r.x), tensor.Data[bool](out)
	for i, base := range r.kept {
		dst[i] = !greatest
		for _, o := range r.inner {
			if src[base+o] == greatest {
				dst[i] = greatest
				break
			}
		}
	}
	return nil
}
