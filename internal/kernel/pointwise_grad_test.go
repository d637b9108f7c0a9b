package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPointwiseGrad(t *testing.T) {
	r := newRand()
	swish, gelu := UnarySwish, UnaryGelu
	logistic := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	for _, c := range []struct {
		spec PointwiseGradSpec
		f    func(x float64) float64
	}{
		{PointwiseGradSpec{Slope: &Slope{Lo: float32(math.NaN()), Hi: float32(math.NaN()), Constant: 1, Square: -1}}, func(y float64) float64 { return 1 - y*y }},
		{PointwiseGradSpec{Slope: &Slope{Lo: 0, Hi: float32(math.NaN()), Below: 0.25, Constant: 1}}, func(x float64) float64 {
			if x > 0 {
				return 1
			}
			return 0.25
		}},
		{PointwiseGradSpec{Slope: &Slope{Lo: -0.5, Hi: 0.5, Above: 1, Constant: 0.5, Linear: 0.25}}, func(x float64) float64 {
			switch {
			case x <= -0.5:
				return 0
			case x >= 0.5:
				return 1
			}
			return 0.5 + 0.25*x
		}},
		{PointwiseGradSpec{Op: &swish, Alpha: 1.5}, func(x float64) float64 {
			s := logistic(1.5 * x)
			return s + 1.5*x*s*(1-s)
		}},
		{PointwiseGradSpec{Op: &gelu}, func(x float64) float64 {
			return 0.5*(1+math.Erf(x/math.Sqrt2)) + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
		}},
		{PointwiseGradSpec{Function: math.Cos}, math.Cos},
	} {
		for _, c.spec.Set = range allSets(t) {
			for _, c.spec.Len = range []int{0, 1, 16, 37, 9000} {
				v, dy := random(r, c.spec.Len), random(r, c.spec.Len)
				for i := range v {
					v[i] = float32(math.Round(float64(v[i])*64) / 16) // some at the bounds
				}
				var first []float32
				for _, c.spec.Split = range []int{1, 5} {
					k, err := NewPointwiseGrad(c.spec)
					require.NoError(t, err)
					dx := newGuarded(c.spec.Len)
					runAll(k, func(task int, _ []float32) { k.Run(task, dx.data, dy, v) })
					dx.check(t)
					for i, x := range v {
						require.InDelta(t, float64(dy[i])*c.f(float64(x)), dx.data[i], 3e-6, "%v of %v", c.spec.Set, x)
					}
					if first != nil {
						require.Equal(t, first, dx.data)
					}
					first = dx.data
				}
			}
		}
	}
	_, err := NewPointwiseGrad(PointwiseGradSpec{Len: 1})
	require.ErrorContains(t, err, "none is given")
}
