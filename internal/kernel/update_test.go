package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUpdate(t *testing.T) {
	r := newRand()
	nan := float32(math.NaN())
	for kind := Descent; kind <= Adam; kind++ {
		for _, n := range []int{0, 1, 16, 37, 9000} {
			for _, decoupled := range []bool{false, kind == Adam} {
				s := UpdateSpec{Kind: kind, N: n, Beta1: 0.9, Beta2: 0.99, Epsilon: 1e-6, Decay: 0.1, Decoupled: decoupled}
				w, dw, m, v := random(r, n), random(r, n), random(r, n), random(r, n)
				if kind == Adam {
					for i := range v {
						v[i] *= v[i]
					}
				}
				for _, s.Set = range Sets() {
					var first [3][]float32
					for _, s.Split = range []int{1, 7} {
						k, err := NewUpdate(s)
						require.NoError(t, err)
						toW, toM, toV := newGuarded(n), newGuarded(n), newGuarded(n)
						step := UpdateStep{W: w, DW: dw, M: m, V: v, ToW: toW.data, ToM: toM.data, ToV: toV.data, Rate: 0.1, Scale: 0.5, Number: 3}
						runAll(k, func(task int, _ []float32) { k.Run(task, &step) })
						toW.check(t)
						toM.check(t)
						toV.check(t)
						requireUpdated(t, &s, &step)
						got := [3][]float32{toW.data, toM.data, toV.data}
						if first[0] != nil {
							require.Equal(t, first, got)
						}
						first = got

						inPlace := UpdateStep{W: append([]float32(nil), w...), M: append([]float32(nil), m...), V: append([]float32(nil), v...), DW: dw, Rate: 0.1, Scale: 0.5, Number: 3}
						inPlace.ToW, inPlace.ToM, inPlace.ToV = inPlace.W, inPlace.M, inPlace.V
						runAll(k, func(task int, _ []float32) { k.Run(task, &inPlace) })
						require.True(t, n == 0 || sameBits(toW.data, inPlace.W))
						inPlace.Scale = nan
						before := append([]float32(nil), inPlace.W...)
						runAll(k, func(task int, _ []float32) { k.Run(task, &inPlace) })
						require.True(t, n == 0 || sameBits(before, inPlace.W))
					}
				}
			}
		}
	}
	_, err := NewUpdate(UpdateSpec{Kind: Momentum, Decoupled: true})
	require.ErrorContains(t, err, "decoupled")
	_, err = NewUpdate(UpdateSpec{N: -1})
	require.ErrorContains(t, err, "negative")
}

func sameBits(a, b []float32) bool {
	for i, v := range a {
		if math.Float32bits(v) != math.Float32bits(b[i]) {
			return false
		}
	}
	return len(a) == len(b)
}

// requireUpdated checks a step by its definition, in double precision.
func requireUpdated(t *testing.T, s *UpdateSpec, u *UpdateStep) {
	b1, b2, decay, rate := float64(s.Beta1), float64(s.Beta2), float64(s.Decay), float64(u.Rate)
	for i := range u.W {
		w, g := float64(u.W[i]), float64(u.Scale)*float64(u.DW[i])
		if s.Decoupled {
			w -= rate * decay * w
		} else {
			g += decay * w
		}
		d := g
		switch s.Kind {
		case Momentum, Nesterov:
			d = b1*float64(u.V[i]) + g
			require.InDelta(t, d, u.ToV[i], 1e-6)
			if s.Kind == Nesterov {
				d = g + b1*d
			}
		case Adam:
			m, v := b1*float64(u.M[i])+(1-b1)*g, b2*float64(u.V[i])+(1-b2)*g*g
			require.InDelta(t, m, u.ToM[i], 1e-6)
			require.InDelta(t, v, u.ToV[i], 1e-6)
			n := float64(u.Number)
			d = m / (1 - math.Pow(b1, n)) / (math.Sqrt(v/(1-math.Pow(b2, n))) + float64(s.Epsilon))
		}
		require.InDelta(t, w-rate*d, u.ToW[i], 1e-6+1e-6*math.Abs(rate*d))
	}
}

func TestSquareSum(t *testing.T) {
	r := newRand()
	for _, set := range allSets(t) {
		for _, n := range []int{0, 1, 15, 16, 4096, 4097, 30000} {
			x := random(r, n)
			var first []float64
			for _, split := range []int{1, 5} {
				k, err := NewSquareSum(n, split, set)
				require.NoError(t, err)
				parts := make([]float64, k.Parts())
				runAll(k, func(task int, _ []float32) { k.Run(task, parts, x) })
				sum, want := 0.0, 0.0
				for _, v := range parts {
					sum += v
				}
				for _, v := range x {
					want += float64(v) * float64(v)
				}
				require.InDelta(t, want, sum, 1e-6*want)
				if first != nil {
					require.Equal(t, first, parts)
				}
				first = parts
			}
		}
	}
}
