package mutant

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/onnxrun/onnxrun/tensor"
)

// draw makes a tensor of small numbers.
func draw(rng *rand.Rand, dt tensor.DType, shape []int) *tensor.Tensor {
	switch dt {
	case tensor.Float32, tensor.Float16, tensor.BFloat16, tensor.Float64:
		t := tensor.New(tensor.Float32, shape...)
		for i := range tensor.Data[float32](t) {
			tensor.Data[float32](t)[i] = float32(rng.NormFloat64())
		}
		return tensor.FromFloat32(t, dt)
	case tensor.Bool:
		t := tensor.New(dt, shape...)
		for i := range t.Bytes() {
			t.Bytes()[i] = byte(rng.IntN(2))
		}
		return t
	}
	t := tensor.New(dt, shape...)
	for i := 0; i < len(t.Bytes()); i += dt.Size() {
		t.Bytes()[i] = byte(rng.IntN(3))
	}
	return t
}

// nearby is tensors with floating-point numbers that differ by a few roundings.
func nearby(in []*tensor.Tensor) []*tensor.Tensor {
	out := slices.Clone(in)
	for i, t := range in {
		if t.DType() != tensor.Float32 {
			continue
		}
		out[i] = t.Clone()
		for j, v := range tensor.Data[float32](out[i]) {
			tensor.Data[float32](out[i])[j] = v * (1 + float32(j%5-2)*1e-6)
		}
	}
	return out
}

// tolerance is how far results of a type may be apart, as a share of the greatest magnitude, where the inputs' last places
// do not matter.
func tolerance(dt tensor.DType) float64 {
	switch dt {
	case tensor.Float16:
		return 1e-2
	case tensor.BFloat16:
		return 8e-2
	}
	return 1e-3
}

// differ says how got is not what it should be; "" where it is. Outputs that the last places of the inputs change as much
// are not compared: those of a Floor, or of what divides by all but zero.
func differ(want, apart, got []*tensor.Tensor) string {
	for i, w := range want {
		g := got[i]
		if w.DType() != g.DType() || !slices.Equal(w.Shape(), g.Shape()) {
			return fmt.Sprintf("output %d is %v, should be %v", i, g, w)
		}
		if w.Equal(g) {
			continue
		}
		steady, peak := distance(w, apart[i])
		if steady > tolerance(w.DType())/10 || peak > 1e18 {
			continue
		}
		if d, _ := distance(w, g); d > tolerance(w.DType()) {
			return fmt.Sprintf("output %d, %v, is off by %.3g of its greatest magnitude", i, w, d)
		}
	}
	return ""
}

// distance is the greatest difference of two tensors over the greatest magnitude, which is returned, too. Numbers that are
// not finite are no distance: what sums and products make of them depends on their order.
func distance(a, b *tensor.Tensor) (share, peak float64) {
	x, y := numbers(a), numbers(b)
	if x == nil || y == nil {
		if a.Equal(b) {
			return 0, 0
		}
		return math.Inf(1), 0
	}
	worst := 0.0
	peak = 1e-6
	for i, v := range x {
		if d := math.Abs(v - y[i]); !math.IsNaN(d) && !math.IsInf(d, 0) {
			worst, peak = max(worst, d), max(peak, math.Abs(v))
		} else if finite(v) != finite(y[i]) {
			return math.Inf(1), peak
		}
	}
	return worst / peak, peak
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// numbers is the elements of a floating-point tensor, nil for another.
func numbers(t *tensor.Tensor) []float64 {
	if t.DType() == tensor.Float64 {
		return tensor.Data[float64](t)
	}
	switch t.DType() {
	case tensor.Float32, tensor.Float16, tensor.BFloat16:
	default:
		return nil
	}
	out := make([]float64, t.Len())
	for i, v := range tensor.Data[float32](t.ToFloat32()) {
		out[i] = float64(v)
	}
	return out
}
