package ops

import (
	"math"
	"math/cmplx"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

func TestDet(t *testing.T) {
	x := tensor.FromSlice([]float32{0, 1, 2, 3, 4, 5, 6, 7, 9 /**/, 2, 0, 0, 0, 3, 0, 0, 0, 4 /**/}, 2, 3, 3)
	require.InDeltaSlice(t, []float32{-3, 24}, tensor.Data[float32](eval(t, &Det{}, 1, x)[0]), 1e-5)
	require.ErrorContains(t, evalErr(t, &Det{}, 1, tensor.New(tensor.Float32, 2, 3)), "square matrices")
}

// The transform of a transform's result, inverse, is the signal; an impulse has a flat spectrum.
func TestDFT(t *testing.T) {
	x := tensor.FromSlice([]float32{1, -2, 3, 0.5, 4}, 1, 5, 1)
	axis := tensor.Scalar[int64](1)
	y := eval(t, &DFT{}, 1, x, nil, axis)[0]
	require.Equal(t, []int{1, 5, 2}, y.Shape())
	require.InDelta(t, 6.5, tensor.Data[float32](y)[0], 1e-5)
	back := eval(t, &DFT{Inverse: true}, 1, y, nil, axis)[0]
	require.InDeltaSlice(t, []float32{1, 0, -2, 0, 3, 0, 0.5, 0, 4, 0}, tensor.Data[float32](back), 1e-5)
	half := eval(t, &DFT{OneSided: true}, 1, x, tensor.Scalar[int64](8), axis)[0]
	require.Equal(t, []int{1, 5, 2}, half.Shape())
	for _, length := range []int64{0, 1 << 40} {
		require.ErrorContains(t, evalErr(t, &DFT{}, 1, x, tensor.Scalar(length), axis), "dft_length")
	}
	old := evalOld(t, "DFT", 17, []ir.Attr{{Name: "axis", Value: 1}}, 1, x)[0]
	require.True(t, y.Equal(old))
}

func TestSTFT(t *testing.T) {
	x := tensor.New(tensor.Float32, 1, 8, 1)
	signal, window := tensor.Data[float32](x), []float32{1, -2, 3, 0.5}
	copy(signal, []float32{2, -1, 4, 0.5, -3, 7, -6, 1.5})
	y := eval(t, &STFT{OneSided: true}, 1, x, tensor.Scalar[int64](2), tensor.Vector(window...))[0]
	require.Equal(t, []int{1, 3, 3, 2}, y.Shape())
	for frame := range 3 {
		for k := range 3 {
			var sum complex128
			for i, w := range window {
				sum += complex(float64(signal[2*frame+i]*w), 0) * cmplx.Exp(complex(0, -2*math.Pi*float64(k*i)/4))
			}
			at := tensor.Data[float32](y)[(frame*3+k)*2:]
			require.InDelta(t, real(sum), at[0], 1e-5)
			require.InDelta(t, imag(sum), at[1], 1e-5)
		}
	}
	require.ErrorContains(t, evalErr(t, &STFT{}, 1, x, tensor.Scalar[int64](0), tensor.Vector[float32](1)), "do not fit")
}

func TestWindowFunctions(t *testing.T) {
	newest := func(op ir.Op, periodic bool) ir.Op {
		p := 0
		if periodic {
			p = 1
		}
		require.NoError(t, ir.DecodeAttrs(op, []ir.Attr{{Name: "periodic", Value: p}}, false))
		return op
	}
	size := tensor.Scalar[int64](4)
	got := eval(t, newest(ir.New[HannWindow](), true), 1, size)[0]
	require.InDeltaSlice(t, []float32{0, 0.5, 1, 0.5}, tensor.Data[float32](got), 1e-6)
	got = eval(t, newest(ir.New[HannWindow](), false), 1, size)[0]
	require.InDeltaSlice(t, []float32{0, 0.75, 0.75, 0}, tensor.Data[float32](got), 1e-6)
	got = eval(t, newest(ir.New[BlackmanWindow](), true), 1, size)[0]
	require.InDeltaSlice(t, []float32{0, 0.34, 1, 0.34}, tensor.Data[float32](got), 1e-6)
	got = eval(t, newest(ir.New[HammingWindow](), true), 1, size)[0]
	require.InDelta(t, 25./46-21./46, tensor.Data[float32](got)[0], 1e-6)
	require.ErrorContains(t, evalErr(t, ir.New[HannWindow](), 1, tensor.Scalar[int64](-1)), "size")
	require.ErrorContains(t, evalErr(t, ir.New[HannWindow](), 1, tensor.Scalar[int64](1<<40)), "size is")
}

func TestMelWeightMatrixRefuses(t *testing.T) {
	n, hz := tensor.Scalar[int64], tensor.Scalar[float32]
	out := eval(t, ir.New[MelWeightMatrix](), 1, n(8), n(16), n(8192), hz(0), hz(4096))[0]
	require.Equal(t, []int{9, 8}, out.Shape())
	evalErr(t, ir.New[MelWeightMatrix](), 1, n(1<<40), n(16), n(8192), hz(0), hz(4096))
	evalErr(t, ir.New[MelWeightMatrix](), 1, n(8), n(16), n(8192), hz(0), hz(float32(math.NaN())))
}
