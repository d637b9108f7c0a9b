package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// scatter gives output 0 as a copy of x with updates written to places.
func scatter(c *ir.EvalCtx, x, updates *tensor.Tensor, places []int, reduction string) error {
	if len(places) != updates.Len() {
		return fmt.Errorf("updates %v do not fit %d places", updates, len(places))
	}
	out, err := c.Output(0, x.DType(), x.Shape()...)
	if err != nil {
		return err
	}
	out.CopyFrom(x)
	if reduction == "none" {
		moveElements(c, out, updates, places, nil)
		return nil
	}
	switch x.DType() {
	case tensor.Float32:
		return scatterReduce[float32](out, updates, places, reduction)
	case tensor.Float64:
		return scatterReduce[float64](out, updates, places, reduction)
	case tensor.Int8:
		return scatterReduce[int8](out, updates, places, reduction)
	case tensor.Int16:
		return scatterReduce[int16](out, updates, places, reduction)
	case tensor.Int32:
		return scatterReduce[int32](out, updates, places, reduction)
	case tensor.Int64:
		return scatterReduce[int64](out, updates, places, reduction)
	case tensor.Uint8:
		return scatterReduce[uint8](out, updates, places, reduction)
	case tensor.Uint16:
		return scatterReduce[uint16](out, updates, places, reduction)
	case tensor.Uint32:
		return scatterReduce[uint32](out, updates, places, reduction)
	case tensor.Uint64:
		return scatterReduce[uint64](out, updates, places, reduction)
	}
	return &ir.AttrError{Attr: "reduction", Msg: fmt.Sprintf("%s is not supported for %s", reduction, x.DType())}
}

func scatterReduce[T tensor.Real](out, updates *tensor.Tensor, places []int, reduction string) error {
	dst := tensor.Data[T](out)
	for i, v := range tensor.Data[T](updates) {
		d := &dst[places[i]]
		switch reduction {
		case "add":
			*d += v
		case "mul":
			*d *= v
		case "max":
			*d = max(*d, v)
		case "min":
			*d = min(*d, v)
		}
	}
	return nil
}

// newReductions refuses the reductions that came with opset 18.
func newReductions(l *ir.Legacy) error {
	if r, _ := l.Attr("reduction").(string); l.Opset < 18 && (r == "max" || r == "min") {
		return l.Needs(18, `attribute "reduction" `+r)
	}
	return nil
}
