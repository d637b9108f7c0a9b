package kernel

import (
	"fmt"
	"math"
)

// UnaryOp names a function of one number. Formulas are ONNX's.
type UnaryOp uint8

const (
	UnaryRelu        UnaryOp = iota
	UnaryLeakyRelu           // Alpha·x for x < 0
	UnaryClip                // min(max(x, Alpha), Beta)
	UnaryHardSigmoid         // max(0, min(1, Alpha·x + Beta))
	UnaryHardSwish           // x·max(0, min(1, x/6 + 1/2))
	UnaryNeg
	UnaryAbs
	UnarySqrt
	UnaryReciprocal
	UnaryFloor
	UnaryCeil
	UnaryRound // to even
	UnaryExp
	UnaryLog
	UnarySigmoid
	UnaryTanh
	UnaryErf
	UnarySin
	UnaryCos
	UnarySoftplus
	UnarySoftsign
	UnaryElu      // Alpha·(eˣ-1) for x < 0
	UnarySelu     // Beta·x, and Beta·Alpha·(eˣ-1) for x ≤ 0: Alpha and Beta are ONNX's alpha and gamma
	UnarySwish    // x·sigmoid(Alpha·x)
	UnaryMish     // x·tanh(softplus(x))
	UnaryGelu     // x·Φ(x)
	UnaryGeluTanh // the tanh approximation of UnaryGelu
	UnaryPow      // x to the power Alpha
	numUnary
)

// UnarySpec describes y = op(x) for Len elements.
type UnarySpec struct {
	Op          UnaryOp
	Alpha, Beta float32
	Len         int
	Split       int
	Set         *Set
}

// Unary is a prepared elementwise function.
type Unary struct {
	spec UnarySpec
	chunks
}

// NewUnary prepares an elementwise function. Transcendental functions are computed in float64 and rounded once.
func NewUnary(spec UnarySpec) (*Unary, error) {
	if spec.Op >= numUnary {
		return nil, fmt.Errorf("kernel: unary: unknown operation %d", spec.Op)
	}
	n, err := count("unary", spec.Len)
	if err != nil {
		return nil, err
	}
	k := &Unary{spec: spec, chunks: newChunks(n, spec.Split, grain)}
	k.spec.Set = spec.Set.orBest()
	if unaryFunc(spec.Op) != nil {
		k.chunks = newChunks(n, spec.Split, grain/8)
	}
	return k, nil
}

// Run computes a part of y, which may be x.
func (k *Unary) Run(task int, y, x []float32) {
	lo, hi := k.bounds(task)
	unary(k.spec.Set, k.spec.Op, k.spec.Alpha, k.spec.Beta, y[lo:hi], x[lo:hi])
}

// unary computes y = op(x); y may be x. An element's result does not depend on where it lies.
func unary(set *Set, op UnaryOp, alpha, beta float32, y, x []float32) {
	if vectorUnary(set, op, alpha, beta, y, x) {
		x, y = x[len(x)/Block*Block:], y[len(x)/Block*Block:]
		if len(x) == 0 {
			return
		}
	}
	var last [Block]float32
	if len(x) < Block {
		n := copy(last[:], x)
		if vectorUnary(set, op, alpha, beta, last[:], last[:]) {
			copy(y[:n], last[:])
			return
		}
	}
	if f := unaryFunc(op); f != nil {
		for i, v := range x {
			y[i] = float32(f(float64(v), float64(alpha), float64(beta)))
		}
		return
	}
	unaryLine(op, alpha, beta, y, x)
}

// unaryLine computes the functions that are a few float32 operations.
func unaryLine(op UnaryOp, alpha, beta float32, y, x []float32) {
	y = y[:len(x)]
	switch op {
	case UnaryRelu:
		for i, v := range x {
			bits := math.Float32bits(v) // a branch would be mispredicted half of the time
			if v < 0 {
				bits = 0
			}
			y[i] = math.Float32frombits(bits)
		}
	case UnaryLeakyRelu:
		for i, v := range x {
			y[i] = leaky(v, alpha)
		}
	case UnaryClip:
		for i, v := range x {
			y[i] = limit(v, alpha, beta)
		}
	case UnaryHardSigmoid:
		for i, v := range x {
			y[i] = max(0, min(1, alpha*v+beta))
		}
	case UnaryHardSwish:
		for i, v := range x {
			y[i] = v * max(0, min(1, v/6+0.5))
		}
	case UnaryNeg:
		for i, v := range x {
			y[i] = -v
		}
	case UnaryAbs:
		for i, v := range x {
			y[i] = math.Float32frombits(math.Float32bits(v) &^ (1 << 31))
		}
	case UnarySqrt:
		for i, v := range x {
			y[i] = float32(math.Sqrt(float64(v)))
		}
	case UnaryReciprocal:
		for i, v := range x {
			y[i] = 1 / v
		}
	case UnaryPow:
		powers(alpha, y, x)
	}
}

// powers computes x^p.
func powers(p float32, y, x []float32) {
	q, roots := asQuarters(p)
	for i, v := range x {
		if roots && v > 0 && v < inf {
			y[i] = float32(quarters(float64(v), q))
		} else {
			y[i] = float32(math.Pow(float64(v), float64(p)))
		}
	}
}

// leaky returns v, multiplied by slope where it is below zero. A branch would be mispredicted half of the time.
func leaky(v, slope float32) float32 {
	bits, product := math.Float32bits(v), math.Float32bits(v*slope)
	if v < 0 {
		bits = product
	}
	return math.Float32frombits(bits)
}

// limit returns v, lo where that is above, then hi where that is below. NaN stays, and limits nothing; so does the sign of a
// zero.
func limit(v, lo, hi float32) float32 {
	bits := math.Float32bits(v)
	if v < lo {
		bits = math.Float32bits(lo)
	}
	if math.Float32frombits(bits) > hi {
		bits = math.Float32bits(hi)
	}
	return math.Float32frombits(bits)
}

// unaryFunc returns the function of x, alpha and beta in float64, nil for those of unaryLine.
func unaryFunc(op UnaryOp) func(x, alpha, beta float64) float64 {
	switch op {
	case UnaryFloor:
		return func(x, _, _ float64) float64 { return math.Floor(x) }
	case UnaryCeil:
		return func(x, _, _ float64) float64 { return math.Ceil(x) }
	case UnaryRound:
		return func(x, _, _ float64) float64 { return math.RoundToEven(x) }
	case UnaryExp:
		return func(x, _, _ float64) float64 { return math.Exp(x) }
	case UnaryLog:
		return func(x, _, _ float64) float64 { return math.Log(x) }
	case UnarySigmoid:
		return func(x, _, _ float64) float64 { return sigmoid(x) }
	case UnaryTanh:
		return func(x, _, _ float64) float64 { return math.Tanh(x) }
	case UnaryErf:
		return func(x, _, _ float64) float64 { return math.Erf(x) }
	case UnarySin:
		return func(x, _, _ float64) float64 { return math.Sin(x) }
	case UnaryCos:
		return func(x, _, _ float64) float64 { return math.Cos(x) }
	case UnarySoftplus:
		return func(x, _, _ float64) float64 { return softplus(x) }
	case UnarySoftsign:
		return func(x, alpha, beta float64) float64 { return x / (1 + math.Abs(x)) }
	case UnaryElu:
		return func(x, alpha, beta float64) float64 {
			if x < 0 {
				return alpha * math.Expm1(x)
			}
			return x
		}
	case UnarySelu:
		return func(x, alpha, beta float64) float64 {
			if x <= 0 {
				return beta * alpha * math.Expm1(x)
			}
			return beta * x
		}
	case UnarySwish:
		return func(x, alpha, beta float64) float64 { return x * sigmoid(alpha*x) }
	case UnaryMish:
		return func(x, alpha, beta float64) float64 { return x * math.Tanh(softplus(x)) }
	case UnaryGelu:
		return func(x, alpha, beta float64) float64 { return 0.5 * x * math.Erfc(-x/math.Sqrt2) }
	case UnaryGeluTanh:
		return func(x, alpha, beta float64) float64 {
			return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
		}
	}
	return nil
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// softplus is ln(1+eˣ) without overflow.
func softplus(x float64) float64 {
	return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
}
