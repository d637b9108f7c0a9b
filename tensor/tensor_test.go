package tensor

import (
	"math"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func TestNewIsAlignedAndZeroed(t *testing.T) {
	for _, n := range []int{0, 1, 3, 1000} {
		x := New(Float32, n)
		require.Len(t, Data[float32](x), n)
		if n > 0 {
			require.Zero(t, uintptr(unsafe.Pointer(&x.Bytes()[0]))%Align)
		}
	}
	require.Equal(t, []string{"", ""}, Data[string](New(String, 2)))
	require.Equal(t, 1, New(Int64).Len())
}

func TestCountRefusesHostileShapes(t *testing.T) {
	for _, shape := range [][]int{{-1}, {math.MaxInt, 2}, {1 << 40, 1 << 40}, {0, -2}, {1 << 62}} {
		_, err := Count(Float32, shape)
		var size *SizeError
		require.ErrorAs(t, err, &size, "%v", shape)
	}
	n, err := Count(Float32, []int{1 << 40, 0})
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestFromBytesNeedsNoAlignment(t *testing.T) {
	buf := make([]byte, 13)
	copy(buf[1:], New(Float32, 3).Bytes())
	buf[4] = 0x3f
	buf[3] = 0x80
	x, err := FromBytes(Float32, buf[1:], 3)
	require.NoError(t, err)
	require.Equal(t, []float32{1, 0, 0}, Data[float32](x))
	_, err = FromBytes(Float32, buf, 3)
	require.Error(t, err)
}

// Every binary16 survives the way to float32 and back, and rounding is to nearest even.
func TestF16RoundTrip(t *testing.T) {
	for i := range 1 << 16 {
		h := F16(i)
		f := h.Float32()
		if f != f {
			require.True(t, math.IsNaN(float64(ToF16(f).Float32())))
			continue
		}
		require.Equal(t, h, ToF16(f))
		b := BF16(i)
		if f := b.Float32(); f == f {
			require.Equal(t, b, ToBF16(f))
		}
	}
	require.Equal(t, F16(0x7c00), ToF16(65520))
	require.Equal(t, F16(0x7bff), ToF16(65519.99))
	require.Equal(t, F16(0x3c00), ToF16(1+0x1p-11))   // tie to even: down
	require.Equal(t, F16(0x3c02), ToF16(1+3*0x1p-11)) // tie to even: up
	require.Equal(t, F16(0), ToF16(0x1p-25))
	require.Equal(t, F16(0x8000), ToF16(float32(math.Copysign(0, -1))))
	require.Equal(t, float32(1.0078125), ToBF16(1.01).Float32())
}

func TestDTypeNames(t *testing.T) {
	for d := DType(1); d <= Int2; d++ {
		require.True(t, d.Valid())
		p, ok := ParseDType(d.String())
		require.True(t, ok)
		require.Equal(t, d, p)
	}
	_, ok := ParseDType("undefined")
	require.False(t, ok)
	require.Equal(t, Float16, TypeOf[F16]())
	require.Equal(t, Uint8, TypeOf[uint8]())
}
