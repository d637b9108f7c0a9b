package tensor

import "math"

// minifloat is a floating-point format of at most 8 bits: sign, exponent, mant bits of mantissa, with subnormals.
// Sources: ONNX, "Float stored in 8 bits" and "Float stored in 4 bits".
type minifloat struct {
	sign uint8   // the bit of the sign
	mant int     // bits of the mantissa
	bias int     // of the exponent
	max  float64 // the greatest finite value
	nan  uint8   // the code of NaN
	inf  uint8   // the code of infinity; 0 where there is none
	uz   bool    // no negative zero: its code is NaN
}

var (
	formatE4M3FN   = &minifloat{sign: 0x80, mant: 3, bias: 7, max: 448, nan: 0x7f}
	formatE4M3FNUZ = &minifloat{sign: 0x80, mant: 3, bias: 8, max: 240, nan: 0x80, uz: true}
	formatE5M2     = &minifloat{sign: 0x80, mant: 2, bias: 15, max: 57344, nan: 0x7f, inf: 0x7c}
	formatE5M2FNUZ = &minifloat{sign: 0x80, mant: 2, bias: 16, max: 57344, nan: 0x80, uz: true}
	formatE2M1     = &minifloat{sign: 0x08, mant: 1, bias: 1, max: 6, nan: 0x07} // NaN becomes 6
)

func (m *minifloat) decode(code uint8) float32 {
	abs := code &^ m.sign & (m.sign<<1 - 1)
	switch {
	case m.uz && code == m.nan, m.inf == 0 && !m.uz && m.sign == 0x80 && abs == m.nan, m.inf != 0 && abs > m.inf:
		return float32(math.NaN())
	}
	exp, frac := int(abs)>>m.mant, float64(int(abs)&(1<<m.mant-1))
	var v float64
	switch {
	case m.inf != 0 && abs == m.inf:
		v = math.Inf(1)
	case exp == 0:
		v = math.Ldexp(frac, 1-m.bias-m.mant)
	default:
		v = math.Ldexp(frac+float64(int(1)<<m.mant), exp-m.bias-m.mant)
	}
	if code&m.sign != 0 {
		v = -v
	}
	return float32(v)
}

// encode rounds to the nearest code, ties to even. What is beyond the greatest value becomes that if saturate, else
// infinity, or NaN in formats without one.
func (m *minifloat) encode(f float32, saturate bool) uint8 {
	sign := uint8(0)
	if math.Signbit(float64(f)) {
		sign = m.sign
	}
	abs := math.Abs(float64(f))
	switch {
	case math.IsNaN(abs) || m.uz && math.IsInf(abs, 1):
		if m.uz {
			return m.nan
		}
		return m.nan | sign
	case abs == 0:
		if m.uz {
			return 0
		}
		return sign
	}
	code := m.round(abs)
	if code < 0 {
		switch {
		case saturate:
			code = m.round(m.max)
		case m.uz:
			return m.nan
		case m.inf != 0:
			code = int(m.inf)
		default:
			code = int(m.nan)
		}
	}
	if code == 0 && m.uz {
		return 0
	}
	return uint8(code) | sign
}

// round is the code nearest to a positive number, or -1 if the number rounds beyond the greatest one.
func (m *minifloat) round(abs float64) int {
	if abs > 2*m.max {
		return -1
	}
	_, exp := math.Frexp(abs)
	exp = max(exp-1, 1-m.bias) // abs = 1.f × 2^exp, or subnormal
	n := math.RoundToEven(math.Ldexp(abs, m.mant-exp))
	if math.Ldexp(n, exp-m.mant) > m.max {
		return -1
	}
	return int(n) + (exp+m.bias-1)<<m.mant // a carry out of n goes into the exponent
}

// Float32 is the value, which float32 holds exactly.
func (f F8E4M3FN) Float32() float32   { return formatE4M3FN.decode(uint8(f)) }
func (f F8E4M3FNUZ) Float32() float32 { return formatE4M3FNUZ.decode(uint8(f)) }
func (f F8E5M2) Float32() float32     { return formatE5M2.decode(uint8(f)) }
func (f F8E5M2FNUZ) Float32() float32 { return formatE5M2FNUZ.decode(uint8(f)) }
func (f F4E2M1) Float32() float32     { return formatE2M1.decode(uint8(f)) }

// ToF8E4M3FN, ToF8E4M3FNUZ, ToF8E5M2 and ToF8E5M2FNUZ round to nearest even. What is out of range becomes the greatest
// value if saturate (infinity, too, but NaN in the FNUZ formats), else infinity or, in formats without one, NaN.
func ToF8E4M3FN(f float32, saturate bool) F8E4M3FN { return F8E4M3FN(formatE4M3FN.encode(f, saturate)) }
func ToF8E4M3FNUZ(f float32, saturate bool) F8E4M3FNUZ {
	return F8E4M3FNUZ(formatE4M3FNUZ.encode(f, saturate))
}
func ToF8E5M2(f float32, saturate bool) F8E5M2 { return F8E5M2(formatE5M2.encode(f, saturate)) }
func ToF8E5M2FNUZ(f float32, saturate bool) F8E5M2FNUZ {
	return F8E5M2FNUZ(formatE5M2FNUZ.encode(f, saturate))
}

// ToF4E2M1 rounds to nearest even; what is out of range becomes ±6, as does NaN.
func ToF4E2M1(f float32) F4E2M1 { return F4E2M1(formatE2M1.encode(f, true)) }

// Float32 is the value 2^(f-127), or NaN for 255.
func (f F8E8M0) Float32() float32 {
	if f == 0xff {
		return float32(math.NaN())
	}
	return float32(math.Ldexp(1, int(f)-127))
}

// Rounding is a way to find a power of two for a number between two of them.
type Rounding uint8

const (
	RoundUp      Rounding = iota // the greater one
	RoundDown                    // the lesser one
	RoundNearest                 // the nearer one, the greater of two
)

// ToF8E8M0 rounds to a power of two. What is out of range, 0 included, becomes the least or greatest one if saturate,
// else NaN, as do negative numbers.
func ToF8E8M0(f float32, saturate bool, mode Rounding) F8E8M0 {
	v := float64(f)
	if math.IsNaN(v) || v < 0 {
		return 0xff
	}
	code := -1 // below the range
	switch {
	case math.IsInf(v, 1):
		code = 0xff
	case v > 0:
		frac, exp := math.Frexp(v) // v = 2·frac × 2^(exp-1), 2·frac from 1 up to 2
		if mode == RoundUp && frac > 0.5 || mode == RoundNearest && frac >= 0.75 {
			exp++
		}
		code = exp - 1 + 127
	}
	switch {
	case code >= 0 && code < 0xff:
		return F8E8M0(code)
	case !saturate:
		return 0xff
	case code < 0:
		return 0
	}
	return 0xfe
}
