package passes

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// nonlinearity is an activation r of single numbers, with what a fit downstream of it needs. nil is the identity.
type nonlinearity struct {
	f     func(float64) float64
	slope func(x, fx float64) float64
	relu  bool
}

// activationOf is the activation that n is, nil for anything else.
func activationOf(n *ir.Node) *nonlinearity {
	if n == nil {
		return nil
	}
	switch op := n.Op.(type) {
	case *ops.Relu:
		return &nonlinearity{f: func(x float64) float64 { return max(x, 0) }, relu: true}
	case *ops.LeakyRelu:
		alpha := float64(op.Alpha)
		leak := func(x float64) float64 { // 1 or alpha
			if x < 0 {
				return alpha
			}
			return 1
		}
		return &nonlinearity{f: func(x float64) float64 { return x * leak(x) }, slope: func(x, _ float64) float64 { return leak(x) }}
	case *ops.Tanh:
		return &nonlinearity{f: math.Tanh, slope: func(_, t float64) float64 { return 1 - t*t }}
	case *ops.Sigmoid:
		return &nonlinearity{f: func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, slope: func(_, s float64) float64 { return s * (1 - s) }}
	}
	return nil
}

// of is r(x).
func (r *nonlinearity) of(x float32) float64 {
	if r == nil {
		return float64(x)
	}
	return r.f(float64(x))
}

// distance is the sum of the squares of r(y) - r(out).
func (r *nonlinearity) distance(y, out matrix) float64 {
	sum := 0.0
	for i, v := range y.data {
		d := r.of(v) - r.of(out.data[i])
		sum += d * d
	}
	return sum
}

// relative is the root of distance over the sum of the squares of r(y).
func (r *nonlinearity) relative(y, out matrix) float64 {
	sum := 0.0
	for _, v := range y.data {
		f := r.of(v)
		sum += f * f
	}
	return math.Sqrt(r.distance(y, out) / max(sum, math.SmallestNonzeroFloat64))
}

// between sets z to what makes (r(y) - r(z))² + penalty·(z - out)² least: for a rectifier the better one of the two
// sides' minima, for others a Gauss-Newton step from out.
func (r *nonlinearity) between(z, y, out matrix, penalty float64) {
	for i, v := range out.data {
		target, o := r.of(y.data[i]), float64(v)
		if r.relu {
			z.data[i] = float32(betweenRelu(target, o, penalty))
			continue
		}
		f := r.f(o)
		s := r.slope(o, f)
		z.data[i] = float32(o + s*(target-f)/(penalty+s*s))
	}
}

func betweenRelu(target, out, penalty float64) float64 {
	low, high := min(0, out), max(0, (penalty*out+target)/(penalty+1))
	cost := func(z float64) float64 {
		a, b := target-max(z, 0), z-out
		return a*a + penalty*b*b
	}
	if cost(low) < cost(high) {
		return low
	}
	return high
}
