package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// refUnary holds the formulas as the ONNX operator pages give them.
var refUnary = map[UnaryOp]func(x, alpha, beta float64) float64{
	UnaryRelu:      func(x, _, _ float64) float64 { return max(x, 0) },
	UnaryLeakyRelu: func(x, a, _ float64) float64 { return max(x, 0) + a*min(x, 0) },
	UnaryClip:      func(x, a, b float64) float64 { return min(max(x, a), b) },
	UnaryHardSigmoid: func(x, a, b float64) float64 {
		return max(0, min(1, a*x+b))
	},
	UnaryHardSwish:  func(x, _, _ float64) float64 { return x * max(0, min(1, x/6+0.5)) },
	UnaryNeg:        func(x, _, _ float64) float64 { return -x },
	UnaryAbs:        func(x, _, _ float64) float64 { return math.Abs(x) },
	UnarySqrt:       func(x, _, _ float64) float64 { return math.Sqrt(x) },
	UnaryReciprocal: func(x, _, _ float64) float64 { return 1 / x },
	UnaryFloor:      func(x, _, _ float64) float64 { return math.Floor(x) },
	UnaryCeil:       func(x, _, _ float64) float64 { return math.Ceil(x) },
	UnaryRound:      func(x, _, _ float64) float64 { return math.RoundToEven(x) },
	UnaryExp:        func(x, _, _ float64) float64 { return math.Exp(x) },
	UnaryLog:        func(x, _, _ float64) float64 { return math.Log(x) },
	UnarySigmoid:    func(x, _, _ float64) float64 { return 0.5 + 0.5*math.Tanh(x/2) },
	UnaryTanh:       func(x, _, _ float64) float64 { return math.Tanh(x) },
	UnaryErf:        func(x, _, _ float64) float64 { return math.Erf(x) },
	UnarySin:        func(x, _, _ float64) float64 { return math.Sin(x) },
	UnaryCos:        func(x, _, _ float64) float64 { return math.Cos(x) },
	UnarySoftplus:   func(x, _, _ float64) float64 { return math.Log(1 + math.Exp(x)) },
	UnarySoftsign:   func(x, _, _ float64) float64 { return x / (1 + math.Abs(x)) },
	UnaryElu: func(x, a, _ float64) float64 {
		if x < 0 {
			return a * (math.Exp(x) - 1)
		}
		return x
	},
	UnarySelu: func(x, a, b float64) float64 {
		if x <= 0 {
			return b * (a*math.Exp(x) - a)
		}
		return b * x
	},
	UnarySwish: func(x, a, _ float64) float64 { return x / (1 + math.Exp(-a*x)) },
	UnaryMish:  func(x, _, _ float64) float64 { return x * math.Tanh(math.Log(1+math.Exp(x))) },
	UnaryGelu:  func(x, _, _ float64) float64 { return 0.5 * x * (1 + math.Erf(x/math.Sqrt(2))) },
	UnaryGeluTanh: func(x, _, _ float64) float64 {
		return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*math.Pow(x, 3))))
	},
	UnaryPow: func(x, a, _ float64) float64 { return math.Pow(x, a) },
}

func TestUnary(t *testing.T) {
	require.Len(t, refUnary, int(numUnary))
	r := newRand()
	x := random(r, 9000)
	for i := range x {
		x[i] *= 12
	}
	finite := slices.Clone(x)
	special(r, x)
	for op, f := range refUnary {
		in := x
		switch op {
		case UnarySigmoid, UnarySoftplus, UnarySwish, UnaryMish, UnaryGelu, UnaryGeluTanh, UnarySelu:
			in = finite // Inf times 0, and Inf - Inf, in the textbook formula
		}
		const alpha, beta = 0.25, 0.75
		want := make([]float64, len(in))
		for i, v := range in {
			want[i] = f(float64(v), alpha, beta)
			if math.Abs(want[i]) > math.MaxFloat32 {
				want[i] = math.Copysign(math.Inf(1), want[i])
			}
		}
		forSplits(t, want, 1e-7, func(split int) (prepared, func(int, []float32)) {
			k, err := NewUnary(UnarySpec{Op: op, Alpha: alpha, Beta: beta, Len: len(in), Split: split, Set: generic()})
			require.NoError(t, err)
			return k, func(task int, y []float32) { k.Run(task, y, in) }
		})
	}
}

// Powers that are made of roots are those of math.Pow, at the limits, too; in assembly within three units of the last place.
func TestPowers(t *testing.T) {
	for _, set := range Sets() {
		t.Run(set.String(), func(t *testing.T) { testPowers(t, set) })
	}
}

func testPowers(t *testing.T, set *Set) {
	limit := 1.
	if set.Has(FamilyElementwise) {
		limit = 3
	}
	x := append(random(newRand(), 5000), 0, float32(math.Copysign(0, -1)), inf, -inf, float32(math.NaN()), 1e-45, math.MaxFloat32, -2)
	for _, p := range []float32{-4, -2.5, -1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1, 1.25, 2, 3.75, 4, 5, 0.3, -1.7} {
		k, err := NewUnary(UnarySpec{Op: UnaryPow, Alpha: p, Len: len(x), Set: set})
		require.NoError(t, err)
		y := make([]float32, len(x))
		for task := range k.Tasks() {
			k.Run(task, y, x)
		}
		for i, v := range x {
			want := float32(math.Pow(float64(v), float64(p)))
			if want != want {
				require.True(t, y[i] != y[i], "%v^%v", v, p)
			} else if !math.IsInf(float64(want), 0) && want != 0 {
				require.LessOrEqual(t, ulps(math.Pow(float64(v), float64(p)), y[i]), limit, "%v^%v", v, p)
			} else {
				require.Equal(t, math.Float32bits(want), math.Float32bits(y[i]), "%v^%v", v, p)
			}
		}
	}
}

// TestUnaryLimits are values that the textbook formulas get wrong.
func TestUnaryLimits(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		op      UnaryOp
		x, want float32
	}{
		{UnarySigmoid, -inf, 0}, {UnarySigmoid, inf, 1}, {UnarySigmoid, -1000, 0}, {UnarySigmoid, nan, nan},
		{UnarySoftplus, inf, inf}, {UnarySoftplus, -inf, 0}, {UnarySoftplus, 1000, 1000}, {UnarySoftplus, nan, nan},
		{UnaryMish, 1000, 1000}, {UnaryMish, inf, inf}, {UnaryMish, nan, nan}, {UnaryGelu, inf, inf}, {UnaryGelu, nan, nan},
		{UnarySwish, inf, inf}, {UnarySelu, -inf, -1}, {UnarySelu, nan, nan}, {UnaryRelu, nan, nan}, {UnaryClip, nan, nan},
	} {
		k, err := NewUnary(UnarySpec{Op: c.op, Alpha: 1, Beta: 1, Len: 1})
		require.NoError(t, err)
		y := []float32{7}
		k.Run(0, y, []float32{c.x})
		requireSame(t, []float32{c.want}, y)
	}
}

func refBinary(op BinaryOp, a, b float64) float64 {
	switch op {
	case Add:
		return a + b
	case Sub:
		return a - b
	case Mul:
		return a * b
	case Div:
		return a / b
	case Pow:
		return math.Pow(a, b)
	case Min:
		return min(a, b)
	case Max:
		return max(a, b)
	}
	if a < 0 {
		return a * b
	}
	return a
}

func TestBinaryProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := BinarySpec{Op: BinaryOp(rapid.IntRange(0, int(numBinary)-1).Draw(t, "op")),
			Act: Activation{Kind: ActivationKind(rapid.IntRange(0, 1).Draw(t, "act"))}}
		var shape []int
		for range rapid.IntRange(0, 5).Draw(t, "rank") {
			n := rapid.SampledFrom([]int{1, 2, 3, 5, 300}).Draw(t, "size")
			if product(shape)*n > 20000 {
				n = 1
			}
			shape = append(shape, n)
			s.ShapeA = append(s.ShapeA, rapid.SampledFrom([]int{1, n, n}).Draw(t, "a"))
			s.ShapeB = append(s.ShapeB, rapid.SampledFrom([]int{1, n, n}).Draw(t, "b"))
		}
		for d := range shape {
			shape[d] = max(s.ShapeA[d], s.ShapeB[d])
		}
		s.ShapeB = s.ShapeB[min(len(shape), rapid.IntRange(0, 2).Draw(t, "lead")):]
		for d := range len(shape) - len(s.ShapeB) {
			shape[d] = s.ShapeA[d]
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		a, b := special(r, random(r, product(s.ShapeA))), special(r, random(r, product(s.ShapeB)))
		if s.Op == PRelu {
			b = random(r, len(b)) // a slope of Inf or NaN is nobody's
		}
		rank := len(shape)
		fullA, fullB := padShape(s.ShapeA, rank), padShape(s.ShapeB, rank)
		want := make([]float64, product(shape))
		for i := range want {
			ia, ib, rest, stepA, stepB := 0, 0, i, 1, 1
			for d := rank - 1; d >= 0; d-- {
				ia += rest % shape[d] % fullA[d] * stepA
				ib += rest % shape[d] % fullB[d] * stepB
				stepA, stepB, rest = stepA*fullA[d], stepB*fullB[d], rest/shape[d]
			}
			want[i] = refActivate(s.Act, float64(float32(refBinary(s.Op, float64(a[ia]), float64(b[ib])))))
		}
		for _, split := range []int{1, 4} {
			s.Split = split
			k, err := NewBinary(s)
			require.NoError(t, err)
			y := newGuarded(len(want))
			runAll(k, func(task int, _ []float32) { k.Run(task, y.data, a, b) })
			y.check(t)
			requireClose(t, want, y.data, 0)
		}
	})
}

func TestElementwiseRefusesBadSpecs(t *testing.T) {
	_, err := NewBinary(BinarySpec{ShapeA: []int{2, 3}, ShapeB: []int{2}})
	require.EqualError(t, err, "kernel: binary: shapes [2 3] and [2] do not broadcast")
	_, err = NewBinary(BinarySpec{Op: numBinary})
	require.ErrorContains(t, err, "kernel: binary: unknown operation")
	_, err = NewUnary(UnarySpec{Op: numUnary})
	require.ErrorContains(t, err, "kernel: unary: unknown operation")
	_, err = NewUnary(UnarySpec{Len: -1})
	require.ErrorContains(t, err, "kernel: unary: negative size")
}

func TestBinaryAllocatesNothing(t *testing.T) {
	k, err := NewBinary(BinarySpec{Op: Mul, ShapeA: []int{2, 30, 70}, ShapeB: []int{30, 1}, Split: 3})
	require.NoError(t, err)
	a, b, y := make([]float32, 4200), make([]float32, 30), make([]float32, 4200)
	noAllocs(t, k, func(task int, _ []float32) { k.Run(task, y, a, b) })
}
