package ir

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/onnxrun/onnxrun/tensor"
)

// Whatever the arithmetic says of dimensions is true of every size that the symbols may stand for.
func TestDimArithmeticIsSound(t *testing.T) {
	dim := rapid.Custom(func(t *rapid.T) Dim {
		n := rapid.IntRange(-6, 6).Draw(t, "n")
		if sym := rapid.SampledFrom([]string{"", "N", "M", "?"}).Draw(t, "symbol"); sym != "" {
			return Symbol(sym).Mul(Known(n))
		}
		return Known(n)
	})
	rapid.Check(t, func(t *rapid.T) {
		d, e := dim.Draw(t, "d"), dim.Draw(t, "e")
		size := map[string]int{"": 1, "N": rapid.IntRange(1, 9).Draw(t, "N"), "M": rapid.IntRange(1, 9).Draw(t, "M")}
		value := func(d Dim) int { return d.N * size[d.Sym] }
		check := func(name string, got Dim, want int) {
			if !got.IsUnknown() && value(got) != want {
				t.Fatalf("%v %s %v = %v, expects %d", d, name, e, got, want)
			}
		}
		if d.IsUnknown() || e.IsUnknown() {
			for _, got := range []Dim{d.Add(e), d.Sub(e), d.Mul(e), d.Div(e)} {
				if !got.IsUnknown() && d != Known(0) && e != Known(0) {
					t.Fatalf("%v and %v gave %v", d, e, got)
				}
			}
			if d.Same(e) {
				t.Fatalf("unknown dimensions are the same")
			}
			return
		}
		check("+", d.Add(e), value(d)+value(e))
		check("-", d.Sub(e), value(d)-value(e))
		check("*", d.Mul(e), value(d)*value(e))
		if e.N != 0 && value(d)%value(e) == 0 {
			check("/", d.Div(e), value(d)/value(e))
		}
		if d.Same(e) && value(d) != value(e) {
			t.Fatalf("%v is not %v", d, e)
		}
		if d.Add(e) != e.Add(d) || d.Mul(e) != e.Mul(d) {
			t.Fatalf("%v and %v do not commute", d, e)
		}
	})
}

func TestDimArithmetic(t *testing.T) {
	n, m := Symbol("N"), Symbol("M")
	for _, c := range []struct{ got, want Dim }{
		{n.Add(n), Dim{2, "N"}}, {n.Add(m), UnknownDim}, {n.Add(Known(1)), UnknownDim}, {n.Sub(n), Known(0)},
		{n.Mul(Known(3)).Mul(Known(2)), Dim{6, "N"}}, {n.Mul(m), UnknownDim}, {UnknownDim.Mul(Known(0)), Known(0)},
		{Dim{6, "N"}.Div(Known(3)), Dim{2, "N"}}, {Dim{6, "N"}.Div(n), Known(6)}, {Known(7).Div(Known(2)), UnknownDim},
		{n.Div(Known(0)), UnknownDim}, {Known(math.MaxInt).Mul(Known(2)), UnknownDim}, {Known(math.MaxInt).Add(Known(1)), UnknownDim},
		{Known(math.MinInt).Mul(Known(2)), UnknownDim}, {Known(math.MinInt).Sub(Known(1)), UnknownDim},
		{Known(math.MinInt).Div(Known(-1)), UnknownDim}, {Known(0).Sub(Known(math.MinInt)), UnknownDim}, {Symbol(""), UnknownDim}, {Symbol("?"), UnknownDim},
	} {
		require.Equal(t, c.want, c.got)
	}
}

func TestShape(t *testing.T) {
	s := Shape{Symbol("N"), Known(3)}
	require.Equal(t, Dim{3, "N"}, s.Count())
	require.Equal(t, UnknownDim, Shape(nil).Count())
	require.Equal(t, Known(1), Shape{}.Count())
	_, ok := s.Ints()
	require.False(t, ok)
	_, ok = Shape(nil).Ints()
	require.False(t, ok)
	n, ok := Dims(2, 3).Ints()
	require.True(t, ok)
	require.Equal(t, []int{2, 3}, n)
	require.True(t, s.Same(s.Clone()))
	require.False(t, Shape(nil).Same(nil))
	require.False(t, UnknownShape(1).Same(UnknownShape(1)))
	require.Nil(t, Shape(nil).Clone())
	require.NotNil(t, Shape{}.Clone())
	require.Equal(t, "[...]", Shape(nil).String())
	require.Equal(t, "[N,3,?,2*N]", append(s, UnknownDim, Dim{2, "N"}).String())
}

func TestTypeAccepts(t *testing.T) {
	f := func(s Shape) Type { return Type{tensor.Float32, s} }
	n := Shape{Symbol("N"), Known(2)}
	require.True(t, f(n).Accepts(f(Dims(7, 2))))
	require.True(t, f(nil).Accepts(f(n)))
	require.True(t, f(n).Accepts(f(nil)))
	require.False(t, f(n).Accepts(f(Dims(7, 3))))
	require.False(t, f(n).Accepts(f(Dims(7))))
	require.False(t, f(n).Accepts(Type{tensor.Int64, n}))
}

func TestTypeSet(t *testing.T) {
	s := TypesOf(tensor.Float32, tensor.Int2)
	require.True(t, s.Has(tensor.Int2))
	require.False(t, s.Has(tensor.Undefined))
	require.Equal(t, "float32, int2", s.String())
}
