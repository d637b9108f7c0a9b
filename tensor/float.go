package tensor

import "math"

// Float32 is the value of a binary16.
func (h F16) Float32() float32 {
	sign := uint32(h&0x8000) << 16
	exp, frac := uint32(h>>10)&0x1f, uint32(h&0x3ff)
	switch {
	case exp == 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	case exp == 0: // subnormal: frac × 2^-24
		f := float32(frac) * 0x1p-24
		return math.Float32frombits(sign | math.Float32bits(f))
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// ToF16 rounds to the nearest binary16, ties to even; overflow gives infinity.
func ToF16(f float32) F16 {
	b := math.Float32bits(f)
	sign := uint16(b>>16) & 0x8000
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000:
		return F16(sign | 0x7e00 | uint16(b>>13)&0x1ff)
	case b >= 0x477ff000: // 65520 and above round to infinity
		return F16(sign | 0x7c00)
	case b < 0x38800000: // below 2^-14: subnormal
		return F16(sign | uint16(math.RoundToEven(float64(math.Float32frombits(b))*0x1p24)))
	}
	b += 0xfff + b>>13&1
	return F16(sign | uint16((b-112<<23)>>13))
}

// Float32 is the value of a bfloat16.
func (h BF16) Float32() float32 { return math.Float32frombits(uint32(h) << 16) }

// ToBF16 rounds to the nearest bfloat16, ties to even.
func ToBF16(f float32) BF16 {
	b := math.Float32bits(f)
	if b&0x7fffffff > 0x7f800000 {
		return BF16(b>>16 | 0x40)
	}
	return BF16((b + 0x7fff + b>>16&1) >> 16)
}

// AsFloat32 is the elements of a floating-point tensor as float32: shared for Float32, converted for the others. ok is
// false for other types.
func (t *Tensor) AsFloat32() (data []float32, ok bool) {
	switch t.dtype {
	case Float32:
		return Data[float32](t), true
	case Float64:
		return convert(Data[float64](t), func(v float64) float32 { return float32(v) }), true
	case Float16:
		return convert(Data[F16](t), F16.Float32), true
	case BFloat16:
		return convert(Data[BF16](t), BF16.Float32), true
	case Float8E4M3FN:
		return convert(Data[F8E4M3FN](t), F8E4M3FN.Float32), true
	case Float8E4M3FNUZ:
		return convert(Data[F8E4M3FNUZ](t), F8E4M3FNUZ.Float32), true
	case Float8E5M2:
		return convert(Data[F8E5M2](t), F8E5M2.Float32), true
	case Float8E5M2FNUZ:
		return convert(Data[F8E5M2FNUZ](t), F8E5M2FNUZ.Float32), true
	case Float8E8M0:
		return convert(Data[F8E8M0](t), F8E8M0.Float32), true
	case Float4E2M1:
		return convert(Data[F4E2M1](t), F4E2M1.Float32), true
	}
	return nil, false
}

// AsInts is the elements of an integer tensor as int. ok is false for other types, and for values that int cannot hold.
func (t *Tensor) AsInts() (data []int, ok bool) {
	switch t.dtype {
	case Int64:
		return convert(Data[int64](t), func(v int64) int { return int(v) }), true
	case Int32:
		return convert(Data[int32](t), func(v int32) int { return int(v) }), true
	case Int16:
		return convert(Data[int16](t), func(v int16) int { return int(v) }), true
	case Int8:
		return convert(Data[int8](t), func(v int8) int { return int(v) }), true
	case Uint8:
		return convert(Data[uint8](t), func(v uint8) int { return int(v) }), true
	case Uint16:
		return convert(Data[uint16](t), func(v uint16) int { return int(v) }), true
	case Uint32:
		return convert(Data[uint32](t), func(v uint32) int { return int(v) }), true
	case Uint64:
		ok = true
		return convert(Data[uint64](t), func(v uint64) int { ok = ok && v <= math.MaxInt; return int(v) }), ok
	case Int4:
		return convert(Data[I4](t), func(v I4) int { return int(v) }), true
	case Uint4:
		return convert(Data[U4](t), func(v U4) int { return int(v) }), true
	case Int2:
		return convert(Data[I2](t), func(v I2) int { return int(v) }), true
	case Uint2:
		return convert(Data[U2](t), func(v U2) int { return int(v) }), true
	}
	return nil, false
}

// ToFloat32 is a Float32 tensor of the same shape; t itself when it is one. The tensor's type is one that AsFloat32 takes.
func (t *Tensor) ToFloat32() *Tensor {
	if t.dtype == Float32 {
		return t
	}
	data, ok := t.AsFloat32()
	if !ok {
		panic("tensor: " + t.dtype.String() + " is not a floating-point type")
	}
	return FromSlice(data, t.shape...)
}

// FromFloat32 converts a Float32 tensor to Float16, BFloat16 or Float64, rounding to nearest even.
func FromFloat32(t *Tensor, dt DType) *Tensor {
	src := Data[float32](t)
	switch dt {
	case Float32:
		return t
	case Float64:
		return FromSlice(convert(src, func(v float32) float64 { return float64(v) }), t.shape...)
	case Float16:
		return FromSlice(convert(src, ToF16), t.shape...)
	case BFloat16:
		return FromSlice(convert(src, ToBF16), t.shape...)
	}
	panic("tensor: cannot convert float32 to " + dt.String())
}

func convert[S, D any](src []S, f func(S) D) []D {
	dst := make([]D, len(src))
	for i, v := range src {
		dst[i] = f(v)
	}
	return dst
}
