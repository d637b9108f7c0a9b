package ops

import (
	"errors"
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Quantized elements stand for real numbers: (q - zero point)·scale. Scale and zero point, of one shape, hold for the
// whole tensor (one element), for each index of an axis (a vector), or for each block along the axis (a tensor that is
// smaller by the size of the blocks there, rounded up).

// quantAttrs is the attributes that say what a scale holds for.
type quantAttrs struct {
	Axis      int `attr:"axis,default=1,since=13"`
	BlockSize int `attr:"block_size,default=0,since=21"` // 0: no blocks
}

// quantTypes is the element types that can be quantized to.
var quantTypes = ir.TypesOf(tensor.Int8, tensor.Uint8, tensor.Int16, tensor.Uint16, tensor.Int4, tensor.Uint4, tensor.Int2, tensor.Uint2,
	tensor.Float8E4M3FN, tensor.Float8E4M3FNUZ, tensor.Float8E5M2, tensor.Float8E5M2FNUZ, tensor.Float4E2M1)

// scaleTypes is the element types of scales.
var scaleTypes = floatTypes&^ir.TypesOf(tensor.Float64) | ir.TypesOf(tensor.Float8E8M0)

// check refuses shapes of x, scale and zero point, nil where absent or unknown, that do not fit together.
func (a quantAttrs) check(x, scale, zero ir.Shape) error {
	if a.BlockSize < 0 || a.BlockSize > maxWindowSize {
		return ir.Unsupported("block_size", a.BlockSize)
	}
	if scale == nil {
		return nil
	}
	if zero != nil && (len(zero) != len(scale) || differ(zero.Count(), scale.Count())) && !(oneElement(zero) && oneElement(scale)) {
		return fmt.Errorf("zero point of shape %v does not fit to the scale's shape %v", zero, scale)
	}
	if x == nil || oneElement(scale) && a.BlockSize == 0 {
		return nil
	}
	axis, err := axisOf(a.Axis, len(x))
	if err != nil && len(scale) == 1 && !scale[0].IsKnown() { // it may have one element
		return nil
	} else if err != nil {
		return &ir.AttrError{Attr: "axis", Msg: err.Error()}
	}
	if a.BlockSize == 0 {
		if len(scale) != 1 || differ(scale[0], x[axis]) && scale[0] != ir.Known(1) {
			return fmt.Errorf("scale of shape %v is neither one number nor one for each of the %v indices of axis %d", scale, x[axis], axis)
		}
		return nil
	}
	if len(scale) != len(x) {
		return fmt.Errorf("scale of shape %v has not as many dimensions as the tensor of shape %v that has blocks", scale, x)
	}
	for i, d := range x {
		if i == axis && d.IsKnown() {
			d = ir.Known(ceilDiv(d.N, a.BlockSize))
		} else if i == axis {
			continue
		}
		if differ(d, scale[i]) {
			return fmt.Errorf("scale of shape %v does not fit to shape %v with blocks of %d along axis %d", scale, x, a.BlockSize, axis)
		}
	}
	return nil
}

func oneElement(s ir.Shape) bool { return s.Count() == ir.Known(1) && len(s) <= 1 }

// each calls f for runs of elements of a tensor with the given shape: a run is n elements beginning at at; the first
// one has the scale with the index scale, the following ones those step apart.
func (a quantAttrs) each(shape, scales []int, f func(at, n, scale, step int)) {
	total := product(shape)
	if total == 0 {
		return
	}
	if product(scales) == 1 && a.BlockSize == 0 {
		f(0, total, 0, 0)
		return
	}
	axis, _ := axisOf(a.Axis, len(shape))
	n, inner := shape[axis], product(shape[axis+1:])
	for run := range total / inner {
		if a.BlockSize == 0 {
			f(run*inner, inner, run%n, 0)
			continue
		}
		block := run/n*ceilDiv(n, a.BlockSize) + run%n/a.BlockSize
		f(run*inner, inner, block*inner, 1)
	}
}

// integerRange is the least and greatest value of an integer type of at most 32 bits.
func integerRange(dt tensor.DType) (low, high float64, ok bool) {
	bits := map[tensor.DType]int{tensor.Int2: 2, tensor.Int4: 4, tensor.Int8: 8, tensor.Int16: 16, tensor.Int32: 32}[dt]
	if bits > 0 {
		return -math.Ldexp(1, bits-1), math.Ldexp(1, bits-1) - 1, true
	}
	bits = map[tensor.DType]int{tensor.Uint2: 2, tensor.Uint4: 4, tensor.Uint8: 8, tensor.Uint16: 16, tensor.Uint32: 32}[dt]
	return 0, math.Ldexp(1, bits) - 1, bits > 0
}

// zeroPoints is the elements of a zero point; nil, for 0, where it is absent.
func zeroPoints(c *ir.EvalCtx, t *tensor.Tensor) ([]float64, error) {
	if t == nil {
		return nil, nil
	}
	return numbers(c, t)
}

// numbers is the elements of a tensor of any numeric type.
func numbers(c *ir.EvalCtx, t *tensor.Tensor) ([]float64, error) {
	if err := c.Reserve(t.Len(), 8); err != nil {
		return nil, err
	}
	wide := tensor.New(tensor.Float64, t.Shape()...)
	if err := (converter{}).convert(wide, t); err != nil {
		return nil, err
	}
	return tensor.Data[float64](wide), nil
}

// quantizer puts real numbers, already divided by their scale, into a tensor of a quantized type.
type quantizer struct {
	out       *tensor.Tensor
	low, high float64
	integer   bool
	saturate  bool // for the float8 types, where values need no zero point
}

func newQuantizer(out *tensor.Tensor, saturate bool) quantizer {
	q := quantizer{out: out, saturate: saturate}
	q.low, q.high, q.integer = integerRange(out.DType())
	return q
}

// fill sets every element to the number that f gives, rounded, plus its zero point.
func (q quantizer) fill(c *ir.EvalCtx, f func(set func(i int, v, zero float64))) error {
	codes, err := ir.Scratch[float64](c, q.out.Len())
	if err != nil {
		return err
	}
	var failed error
	f(func(i int, v, zero float64) {
		if !q.integer {
			if zero != 0 {
				failed = errors.New("zero point of a floating-point type is not 0")
			}
			codes[i] = v
			return
		}
		if v != v {
			v = 0
		}
		codes[i] = min(max(math.RoundToEven(v)+zero, q.low), q.high)
	})
	if failed != nil {
		return failed
	}
	return converter{saturate: q.saturate}.convert(q.out, tensor.FromSlice(codes, q.out.Shape()...))
}

// downgradeQuantization drops the attributes that do not matter, since older opsets lack them.
func downgradeQuantization(l *ir.Legacy) error {
	if oneElement(l.In(1).Type().Shape) && l.Attr("block_size") == nil {
		l.Take("axis")
	}
	switch op := l.Node.Op.(type) {
	case *QuantizeLinear:
		if !float8Types.Has(l.Node.Out(0).Type().DType) {
			l.Take("saturate")
		}
		if l.In(2) != nil || op.OutputDType == tensor.Uint8 { // which the zero point tells, or is the default
			l.Take("output_dtype")
		}
	case *DequantizeLinear:
		if op.OutputDType == l.In(1).Type().DType {
			l.Take("output_dtype")
		}
	}
	return nil
}
