package kernel

import (
	"errors"
	"math"
)

// Slope is a derivative that is a polynomial between two bounds and constant beyond:
//
//	Below where v ≤ Lo, Above where v ≥ Hi, else Constant + Linear·v + Square·v²
//
// NaN lies between the bounds, of which NaN is none.
type Slope struct{ Lo, Hi, Below, Above, Constant, Linear, Square float32 }

// PointwiseGradSpec describes dx = dy·f'(v) of Len elements in any layout. One of the three says what f' is.
type PointwiseGradSpec struct {
	Slope    *Slope
	Op       *UnaryOp // UnarySwish of Alpha, or UnaryGelu; v is what the function was applied to
	Alpha    float32
	Function func(v float64) float64 // any
	Len      int
	Split    int
	Set      *Set
}

// PointwiseGrad is a prepared gradient of an elementwise function.
type PointwiseGrad struct {
	spec PointwiseGradSpec
	chunks
}

// NewPointwiseGrad prepares a gradient.
func NewPointwiseGrad(spec PointwiseGradSpec) (*PointwiseGrad, error) {
	if _, err := count("gradient of a function", spec.Len); err != nil {
		return nil, err
	}
	cost := 1
	switch {
	case spec.Slope != nil:
	case spec.Op != nil && (*spec.Op == UnarySwish || *spec.Op == UnaryGelu), spec.Function != nil:
		cost = 8
	default:
		return nil, errors.New("kernel: gradient of a function: none is given that there is")
	}
	spec.Set = spec.Set.orBest()
	return &PointwiseGrad{spec, newChunks(ceilDiv(spec.Len, Block), spec.Split, grain/Block/cost)}, nil
}

// Algorithm names how it is computed.
func (k *PointwiseGrad) Algorithm() string { return "grad-pointwise" }

// Run computes one task of dx, which may be dy.
func (k *PointwiseGrad) Run(task int, dx, dy, v []float32) {
	lo, hi := k.bounds(task)
	lo, hi = lo*Block, min(hi*Block, k.spec.Len)
	k.Part(dx[lo:hi], dy[lo:hi], v[lo:hi])
}

// Part computes some elements.
func (k *PointwiseGrad) Part(dx, dy, v []float32) {
	switch {
	case k.spec.Slope != nil:
		k.slope(dx, dy, v)
	case k.spec.Op != nil:
		k.smooth(dx, dy, v)
	default:
		for i, x := range v {
			dx[i] = float32(float64(dy[i]) * k.spec.Function(float64(x)))
		}
	}
}

// slope computes whole blocks, and a last one that is not.
func (k *PointwiseGrad) slope(dx, dy, v []float32) {
	run := k.spec.Set.gradients.slope
	if n := len(dx) / Block; n > 0 {
		run(noescape(&slopeArgs{&dx[0], &dy[0], &v[0], n, *k.spec.Slope}))
		dx, dy, v = dx[n*Block:], dy[n*Block:], v[n*Block:]
	}
	if len(dx) > 0 {
		var to, a, b [Block]float32
		copy(a[:], dy)
		copy(b[:], v)
		run(noescape(&slopeArgs{&to[0], &a[0], &b[0], 1, *k.spec.Slope}))
		copy(dx, to[:])
	}
}

// smoothStrip is how many elements are computed at once.
const smoothStrip = 16 * Block

// smooth makes derivatives of the vectorized functions.
func (k *PointwiseGrad) smooth(dx, dy, v []float32) {
	var s, t [smoothStrip]float32
	for len(v) > 0 {
		n := min(len(v), smoothStrip)
		s, t := s[:n], t[:n]
		if *k.spec.Op == UnarySwish {
			alpha := k.spec.Alpha
			for i, x := range v[:n] {
				s[i] = alpha * x
			}
			unary(k.spec.Set, UnarySigmoid, 0, 0, t, s)
			for i, f := range t {
				dx[i] = dy[i] * (f + s[i]*f*(1-f))
			}
		} else {
			for i, x := range v[:n] {
				s[i], t[i] = x*(1/math.Sqrt2), -0.5*x*x
			}
			unary(k.spec.Set, UnaryErf, 0, 0, s, s)
			unary(k.spec.Set, UnaryExp, 0, 0, t, t)
			for i, x := range v[:n] {
				f := 0.5*(1+s[i]) + x*t[i]*(1/math.Sqrt2/(math.SqrtPi))
				dx[i] = dy[i] * f
			}
		}
		dx, dy, v = dx[n:], dy[n:], v[n:]
	}
}
