package conformance

import (
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/tensor"
)

// Tolerance is how far a computed element may be from the expected one: |got-want| ≤ Abs + Rel·|want|.
type Tolerance struct{ Rel, Abs float64 }

// DefaultTolerance is that of ONNX's own backend tests.
var DefaultTolerance = Tolerance{Rel: 1e-3, Abs: 1e-7}

// bfloat16Step is the relative distance of neighbouring bfloat16 numbers. ONNX's cases cut off what bfloat16 cannot hold,
// where runtimes (and later ONNX versions) round to the nearest: the results may be neighbours.
const bfloat16Step = 1. / 128

// Compare returns the worst absolute error of floating-point elements, and an error that names the first element that is
// out of tolerance, or the types if they differ. Other elements must be equal. NaN equals NaN.
func Compare(got, want *tensor.Tensor, tol Tolerance) (worst float64, err error) {
	if got.DType() != want.DType() || !slices.Equal(got.Shape(), want.Shape()) {
		return 0, fmt.Errorf("got %v, want %v", got, want)
	}
	a, isFloat := floats(got)
	if !isFloat {
		if i := firstDifference(got, want); i >= 0 {
			return 0, fmt.Errorf("element %v differs", index(i, got.Shape()))
		}
		return 0, nil
	}
	b, _ := floats(want)
	if got.DType() == tensor.BFloat16 {
		tol.Rel = max(tol.Rel, bfloat16Step)
	}
	for i := range a {
		if a[i] == b[i] || math.IsNaN(a[i]) && math.IsNaN(b[i]) {
			continue
		}
		d := math.Abs(a[i] - b[i])
		if !(d <= tol.Abs+tol.Rel*math.Abs(b[i])) || math.IsInf(d, 0) {
			if err == nil {
				err = fmt.Errorf("element %v: got %v, want %v", index(i, got.Shape()), a[i], b[i])
			}
		}
		if d > worst || math.IsNaN(d) {
			worst = d
		}
	}
	return worst, err
}

// floats is the elements of a real or complex floating-point tensor; complex ones as pairs.
func floats(t *tensor.Tensor) ([]float64, bool) {
	switch t.DType() {
	case tensor.Float64:
		return tensor.Data[float64](t), true
	case tensor.Complex64:
		var out []float64
		for _, c := range tensor.Data[complex64](t) {
			out = append(out, float64(real(c)), float64(imag(c)))
		}
		return out, true
	case tensor.Complex128:
		var out []float64
		for _, c := range tensor.Data[complex128](t) {
			out = append(out, real(c), imag(c))
		}
		return out, true
	}
	data, ok := t.AsFloat32()
	out := make([]float64, len(data))
	for i, v := range data {
		out[i] = float64(v)
	}
	return out, ok
}

func firstDifference(a, b *tensor.Tensor) int {
	if a.DType() == tensor.String {
		x, y := tensor.Data[string](a), tensor.Data[string](b)
		for i := range x {
			if x[i] != y[i] {
				return i
			}
		}
		return -1
	}
	x, y := a.Bytes(), b.Bytes()
	for i := range x {
		if x[i] != y[i] {
			return i / a.DType().Size()
		}
	}
	return -1
}

// index is element i's place in a tensor of a shape; of a complex tensor's pairs it is only near.
func index(i int, shape []int) []int {
	at := make([]int, len(shape))
	for d := len(shape) - 1; d >= 0; d-- {
		if shape[d] > 0 {
			at[d] = i % shape[d]
			i /= shape[d]
		}
	}
	return at
}
