//go:build !noasm

package kernel

// vectorUnary computes op of 16·n elements, n = len(x)/16; it reports false where impl has no function for it.
func vectorUnary(impl Impl, op UnaryOp, alpha, beta float32, y, x []float32) bool {
	if impl == Generic || len(x) < Block {
		return false
	}
	n := len(x) / Block
	py, px := &y[:n*Block][0], &x[0]
	if impl == AVX512 {
		switch op {
		case UnaryExp:
			vecExpAVX512(py, px, n, alpha, beta)
		case UnarySigmoid:
			vecSigmoidAVX512(py, px, n, alpha, beta)
		case UnarySwish:
			vecSwishAVX512(py, px, n, alpha, beta)
		case UnaryTanh:
			vecTanhAVX512(py, px, n, alpha, beta)
		case UnaryErf:
			vecErfAVX512(py, px, n, alpha, beta)
		case UnaryGelu:
			vecGeluAVX512(py, px, n, alpha, beta)
		case UnaryRelu:
			vecReluAVX512(py, px, n, alpha, beta)
		case UnaryClip:
			vecClipAVX512(py, px, n, alpha, beta)
		case UnaryHardSigmoid:
			vecHardSigmoidAVX512(py, px, n, alpha, beta)
		case UnaryHardSwish:
			vecHardSwishAVX512(py, px, n, alpha, beta)
		case UnaryNeg:
			vecNegAVX512(py, px, n, alpha, beta)
		case UnarySqrt:
			vecSqrtAVX512(py, px, n, alpha, beta)
		case UnaryPow:
			return vectorPowerAVX512(py, px, n, alpha)
		default:
			return false
		}
		return true
	}
	switch op {
	case UnaryExp:
		vecExpAVX2(py, px, n, alpha, beta)
	case UnarySigmoid:
		vecSigmoidAVX2(py, px, n, alpha, beta)
	case UnarySwish:
		vecSwishAVX2(py, px, n, alpha, beta)
	case UnaryTanh:
		vecTanhAVX2(py, px, n, alpha, beta)
	case UnaryErf:
		vecErfAVX2(py, px, n, alpha, beta)
	case UnaryGelu:
		vecGeluAVX2(py, px, n, alpha, beta)
	case UnaryRelu:
		vecReluAVX2(py, px, n, alpha, beta)
	case UnaryClip:
		vecClipAVX2(py, px, n, alpha, beta)
	case UnaryHardSigmoid:
		vecHardSigmoidAVX2(py, px, n, alpha, beta)
	case UnaryHardSwish:
		vecHardSwishAVX2(py, px, n, alpha, beta)
	case UnaryNeg:
		vecNegAVX2(py, px, n, alpha, beta)
	case UnarySqrt:
		vecSqrtAVX2(py, px, n, alpha, beta)
	case UnaryPow:
		return vectorPowerAVX2(py, px, n, alpha)
	default:
		return false
	}
	return true
}

// vectorPowerAVX512 computes the powers that are made of square roots.
func vectorPowerAVX512(y, x *float32, n int, p float32) bool {
	switch 4 * p {
	case 1:
		vecPower1AVX512(y, x, n, 0, 0)
	case 2:
		vecPower2AVX512(y, x, n, 0, 0)
	case 3:
		vecPower3AVX512(y, x, n, 0, 0)
	case -1:
		vecPowerMinus1AVX512(y, x, n, 0, 0)
	case -2:
		vecPowerMinus2AVX512(y, x, n, 0, 0)
	case -3:
		vecPowerMinus3AVX512(y, x, n, 0, 0)
	default:
		return false
	}
	return true
}

// vectorPowerAVX2 computes the powers that are made of square roots.
func vectorPowerAVX2(y, x *float32, n int, p float32) bool {
	switch 4 * p {
	case 1:
		vecPower1AVX2(y, x, n, 0, 0)
	case 2:
		vecPower2AVX2(y, x, n, 0, 0)
	case 3:
		vecPower3AVX2(y, x, n, 0, 0)
	case -1:
		vecPowerMinus1AVX2(y, x, n, 0, 0)
	case -2:
		vecPowerMinus2AVX2(y, x, n, 0, 0)
	case -3:
		vecPowerMinus3AVX2(y, x, n, 0, 0)
	default:
		return false
	}
	return true
}

// vectorBinary computes op of 16·n elements, n = len(y)/16; it reports false where impl has no function for it.
func vectorBinary(impl Impl, op BinaryOp, y, a, b []float32) bool {
	n := len(y) / Block
	if impl == Generic || n == 0 {
		return false
	}
	py, pa, pb := &y[0], &a[:n*Block][0], &b[:n*Block][0]
	switch {
	case impl == AVX512 && op == Add:
		vecAddAVX512(py, pa, pb, n)
	case op == Add && impl == AVX2:
		vecAddAVX2(py, pa, pb, n)
	case impl == AVX512 && op == Sub:
		vecSubAVX512(py, pa, pb, n)
	case op == Sub && impl == AVX2:
		vecSubAVX2(py, pa, pb, n)
	case impl == AVX512 && op == Mul:
		vecMulAVX512(py, pa, pb, n)
	case op == Mul && impl == AVX2:
		vecMulAVX2(py, pa, pb, n)
	case impl == AVX512 && op == Div:
		vecDivAVX512(py, pa, pb, n)
	case op == Div && impl == AVX2:
		vecDivAVX2(py, pa, pb, n)
	default:
		return false
	}
	return true
}

// vectorAffine computes x·scale + shift of 16·n elements, n = len(x)/16.
func vectorAffine(impl Impl, y, x []float32, scale, shift float32) bool {
	n := len(x) / Block
	if impl == Generic || n == 0 {
		return false
	}
	if impl == AVX512 {
		vecAffineAVX512(&y[:n*Block][0], &x[0], n, scale, shift)
	} else {
		vecAffineAVX2(&y[:n*Block][0], &x[0], n, scale, shift)
	}
	return true
}

// The functions below take whole rows of 16·n > 0 elements; they are called for AVX2 and better.

func rowMax(impl Impl, x []float32) float32 {
	if impl == AVX512 {
		return vecMaxAVX512(&x[0], len(x)/Block, -inf, 0)
	}
	return vecMaxAVX2(&x[0], len(x)/Block, -inf, 0)
}

func rowSum(impl Impl, x []float32) float32 {
	if impl == AVX512 {
		return vecSumAVX512(&x[0], len(x)/Block, 0, 0)
	}
	return vecSumAVX2(&x[0], len(x)/Block, 0, 0)
}

// rowSquares is Σ (x-mean)².
func rowSquares(impl Impl, x []float32, mean float32) float32 {
	if impl == AVX512 {
		return vecSquaresAVX512(&x[0], len(x)/Block, 0, mean)
	}
	return vecSquaresAVX2(&x[0], len(x)/Block, 0, mean)
}

// rowExp computes y = e^(x-top) and its sum.
func rowExp(impl Impl, y, x []float32, top float32) float32 {
	if impl == AVX512 {
		return vecExpSumAVX512(&y[:len(x)][0], &x[0], len(x)/Block, top)
	}
	return vecExpSumAVX2(&y[:len(x)][0], &x[0], len(x)/Block, top)
}

// rowNormalize computes (x-mean)·factor·scale + shift.
func rowNormalize(impl Impl, y, x, scale, shift []float32, mean, factor float32) {
	n := len(x)
	py, ps, pb := &y[:n][0], &scale[:n][0], &shift[:n][0]
	if impl == AVX512 {
		vecNormalizeAVX512(py, &x[0], ps, pb, n/Block, mean, factor)
	} else {
		vecNormalizeAVX2(py, &x[0], ps, pb, n/Block, mean, factor)
	}
}
