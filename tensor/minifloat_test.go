package tensor

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	inf = float32(math.Inf(1))
	nan = float32(math.NaN())
)

// The limits that ONNX's pages "Float stored in 8 bits" and "Float stored in 4 bits" state.
func TestMinifloatValues(t *testing.T) {
	for _, c := range []struct{ got, want float32 }{
		{F8E4M3FN(0x7e).Float32(), 448}, {F8E4M3FN(0x01).Float32(), 0x1p-9}, {F8E4M3FN(0x08).Float32(), 0x1p-6},
		{F8E4M3FN(0x38).Float32(), 1}, {F8E4M3FN(0xb9).Float32(), -1.125}, {F8E4M3FN(0x7f).Float32(), nan}, {F8E4M3FN(0xff).Float32(), nan},
		{F8E4M3FNUZ(0x7f).Float32(), 240}, {F8E4M3FNUZ(0x01).Float32(), 0x1p-10}, {F8E4M3FNUZ(0x40).Float32(), 1}, {F8E4M3FNUZ(0x80).Float32(), nan},
		{F8E5M2(0x7b).Float32(), 57344}, {F8E5M2(0x01).Float32(), 0x1p-16}, {F8E5M2(0x3c).Float32(), 1}, {F8E5M2(0x7c).Float32(), inf},
		{F8E5M2(0xfc).Float32(), -inf}, {F8E5M2(0x7d).Float32(), nan}, {F8E5M2(0xff).Float32(), nan},
		{F8E5M2FNUZ(0x7f).Float32(), 57344}, {F8E5M2FNUZ(0x01).Float32(), 0x1p-17}, {F8E5M2FNUZ(0x40).Float32(), 1}, {F8E5M2FNUZ(0x80).Float32(), nan},
		{F8E8M0(0).Float32(), 0x1p-127}, {F8E8M0(127).Float32(), 1}, {F8E8M0(254).Float32(), 0x1p127}, {F8E8M0(255).Float32(), nan},
		{F4E2M1(1).Float32(), 0.5}, {F4E2M1(3).Float32(), 1.5}, {F4E2M1(5).Float32(), 3}, {F4E2M1(7).Float32(), 6}, {F4E2M1(0xf).Float32(), -6},
	} {
		requireSame(t, c.want, c.got)
	}
	require.True(t, math.Signbit(float64(F8E4M3FN(0x80).Float32())))
	require.True(t, math.Signbit(float64(F4E2M1(8).Float32())))
}

// The tables "Cast" of the same pages.
func TestMinifloatOutOfRange(t *testing.T) {
	type codes [4]uint8 // E4M3FN, E4M3FNUZ, E5M2, E5M2FNUZ
	for _, c := range []struct {
		x                   float32
		saturated, infinite codes
	}{
		{0, codes{}, codes{}},
		{float32(math.Copysign(0, -1)), codes{0x80, 0, 0x80, 0}, codes{0x80, 0, 0x80, 0}},
		{nan, codes{0x7f, 0x80, 0x7f, 0x80}, codes{0x7f, 0x80, 0x7f, 0x80}},
		{inf, codes{0x7e, 0x80, 0x7b, 0x80}, codes{0x7f, 0x80, 0x7c, 0x80}},
		{-inf, codes{0xfe, 0x80, 0xfb, 0x80}, codes{0xff, 0x80, 0xfc, 0x80}},
		{1e9, codes{0x7e, 0x7f, 0x7b, 0x7f}, codes{0x7f, 0x80, 0x7c, 0x80}},
		{-1e9, codes{0xfe, 0xff, 0xfb, 0xff}, codes{0xff, 0x80, 0xfc, 0x80}},
		{-1e-9, codes{0x80, 0, 0x80, 0}, codes{0x80, 0, 0x80, 0}},
		{464, codes{0x7e, 0x7f, 0x5f, 0x63}, codes{0x7e, 0x80, 0x5f, 0x63}}, // the tie between 448 and 480, or infinity
		{465, codes{0x7e, 0x7f, 0x5f, 0x63}, codes{0x7f, 0x80, 0x5f, 0x63}},
	} {
		for i, got := range []codes{
			{uint8(ToF8E4M3FN(c.x, true)), uint8(ToF8E4M3FNUZ(c.x, true)), uint8(ToF8E5M2(c.x, true)), uint8(ToF8E5M2FNUZ(c.x, true))},
			{uint8(ToF8E4M3FN(c.x, false)), uint8(ToF8E4M3FNUZ(c.x, false)), uint8(ToF8E5M2(c.x, false)), uint8(ToF8E5M2FNUZ(c.x, false))},
		} {
			require.Equal(t, []codes{c.saturated, c.infinite}[i], got, "%v saturate=%v", c.x, i == 0)
		}
	}
	for x, want := range map[float32]F4E2M1{6: 7, 7: 7, -7: 0xf, inf: 7, -inf: 0xf, 0.25: 0, 0.75: 2, 5: 6, 3.5: 6, 2.5: 4, -0.3: 9} {
		require.Equal(t, want, ToF4E2M1(x), "%v", x)
	}
	require.Equal(t, F4E2M1(7), ToF4E2M1(nan))
}

// Every code is its own nearest, and what lies between two neighbours goes to the nearer one, or the even one.
func TestMinifloatRoundsToNearestEven(t *testing.T) {
	for name, f := range map[string]struct {
		last   uint8
		decode func(uint8) float32
		encode func(float32) uint8
	}{
		"e4m3fn":   {0x7e, func(c uint8) float32 { return F8E4M3FN(c).Float32() }, func(x float32) uint8 { return uint8(ToF8E4M3FN(x, true)) }},
		"e4m3fnuz": {0x7f, func(c uint8) float32 { return F8E4M3FNUZ(c).Float32() }, func(x float32) uint8 { return uint8(ToF8E4M3FNUZ(x, true)) }},
		"e5m2":     {0x7b, func(c uint8) float32 { return F8E5M2(c).Float32() }, func(x float32) uint8 { return uint8(ToF8E5M2(x, true)) }},
		"e5m2fnuz": {0x7f, func(c uint8) float32 { return F8E5M2FNUZ(c).Float32() }, func(x float32) uint8 { return uint8(ToF8E5M2FNUZ(x, true)) }},
		"e2m1":     {0x07, func(c uint8) float32 { return F4E2M1(c).Float32() }, func(x float32) uint8 { return uint8(ToF4E2M1(x)) }},
	} {
		for code := uint8(0); code <= f.last; code++ {
			v := f.decode(code)
			require.Equal(t, code, f.encode(v), "%s %#x", name, code)
			if code == 0 {
				continue
			}
			require.Equal(t, -v, f.decode(f.encode(-v)), "%s %#x", name, code)
			below := f.decode(code - 1)
			require.Greater(t, v, below, "%s %#x", name, code)
			middle := (v + below) / 2
			require.Equal(t, code&^1, f.encode(middle), "%s: tie below %#x", name, code)
			require.Equal(t, code, f.encode(math.Nextafter32(middle, v)), "%s: above the tie below %#x", name, code)
			require.Equal(t, code-1, f.encode(math.Nextafter32(middle, below)), "%s: below the tie below %#x", name, code)
		}
	}
}

func TestF8E8M0(t *testing.T) {
	for _, c := range []struct {
		x                 float32
		up, down, nearest F8E8M0
		loose             F8E8M0 // nearest, not saturated
	}{
		{1, 127, 127, 127, 127}, {1.25, 128, 127, 127, 127}, {1.5, 128, 127, 128, 128}, {3, 129, 128, 129, 129},
		{0x1p127, 254, 254, 254, 254}, {0x1.8p127, 254, 254, 254, 255}, {inf, 254, 254, 254, 255},
		{0x1p-127, 0, 0, 0, 0}, {0x1p-149, 0, 0, 0, 255}, {0, 0, 0, 0, 255}, {nan, 255, 255, 255, 255}, {-1, 255, 255, 255, 255},
	} {
		got := [4]F8E8M0{ToF8E8M0(c.x, true, RoundUp), ToF8E8M0(c.x, true, RoundDown), ToF8E8M0(c.x, true, RoundNearest), ToF8E8M0(c.x, false, RoundNearest)}
		require.Equal(t, [4]F8E8M0{c.up, c.down, c.nearest, c.loose}, got, "%v", c.x)
	}
}

func TestAsFloat32AndAsIntsOfShortTypes(t *testing.T) {
	for _, x := range []*Tensor{Vector[F8E4M3FN](0x38), Vector[F8E4M3FNUZ](0x40), Vector[F8E5M2](0x3c), Vector[F8E5M2FNUZ](0x40), Vector[F8E8M0](127), Vector[F4E2M1](2)} {
		data, ok := x.AsFloat32()
		require.True(t, ok)
		require.Equal(t, []float32{1}, data, x.DType())
	}
	for _, x := range []*Tensor{Vector[I4](-8, 7), Vector[I2](-2, 1), Vector[U4](15, 0), Vector[U2](3, 0)} {
		ints, ok := x.AsInts()
		require.True(t, ok)
		require.Equal(t, map[DType][]int{Int4: {-8, 7}, Int2: {-2, 1}, Uint4: {15, 0}, Uint2: {3, 0}}[x.DType()], ints)
	}
}

func requireSame(t *testing.T, want, got float32) {
	t.Helper()
	require.Equal(t, fmt.Sprint(want), fmt.Sprint(got))
}
