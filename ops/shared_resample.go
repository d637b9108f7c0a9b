package ops

import (
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// source is the coordinate in the input that position o of the output stands for (ONNX, Resize,
// coordinate_transformation_mode). What is not resized stays where it is.
func (a *Resize) source(p resizeAxis, o int) float32 {
	x, in, out := float32(o), float32(p.in), float32(p.out)
	if p.scale == 1 && p.in == p.out && a.CoordinateTransformationMode != "tf_crop_and_resize" {
		return x
	}
	halfPixel := float32(float32(x+0.5)/p.scale) - 0.5
	switch a.CoordinateTransformationMode {
	case "half_pixel_symmetric":
		adjustment := out / p.width
		return float32(in/2*(1-adjustment)) + halfPixel
	case "pytorch_half_pixel":
		if p.out == 1 {
			return 0
		}
		return halfPixel
	case "align_corners":
		if p.out == 1 {
			return 0
		}
		return float32(x*(in-1)) / (p.width - 1)
	case "asymmetric":
		return x / p.scale
	case "tf_half_pixel_for_nn":
		return float32(x+0.5) / p.scale
	case "tf_crop_and_resize":
		if p.out == 1 {
			return 0.5 * (p.roiStart + p.roiEnd) * (in - 1)
		}
		return float32(p.roiStart*(in-1)) + float32(x*(p.roiEnd-p.roiStart)*(in-1))/(out-1)
	}
	return halfPixel
}

// nearest is the element of n that is nearest to x by the nearest_mode.
func (a *Resize) nearest(x float32, n int) int {
	low := math.Floor(float64(x))
	rest := float64(x) - low
	up := false
	switch a.NearestMode {
	case "round_prefer_floor":
		up = rest > 0.5
	case "round_prefer_ceil":
		up = rest >= 0.5
	case "ceil":
		up = rest > 0
	}
	if up {
		low++
	}
	return clampIndex(low, n)
}

// clampIndex is x, a whole number or not a number at all, moved into 0 … n-1.
func clampIndex(x float64, n int) int {
	switch {
	case !(x > 0):
		return 0
	case x >= float64(n):
		return n - 1
	}
	return int(x)
}

// weighted is an element and its share in a sample.
type weighted struct {
	index  int
	weight float64
}

// sample is the elements that make up position o; nil where the coordinate is outside and extrapolated.
func (a *Resize) sample(p resizeAxis, o int) []weighted {
	x := a.source(p, o)
	if a.CoordinateTransformationMode == "tf_crop_and_resize" && !(x >= 0 && x <= float32(p.in-1)) {
		return nil
	}
	if a.Mode == "nearest" {
		return []weighted{{a.nearest(x, p.in), 1}}
	}
	kernel, support := linearKernel, 1.0
	if a.Mode == "cubic" {
		kernel, support = a.cubicKernel, 2
	}
	shrink := 1.0 // how much an antialiasing filter is widened
	if a.Antialias {
		shrink = min(float64(p.scale), 1)
	}
	left := math.Ceil(float64(x)) - 1 // the elements on the left of x, or at most at x, begin here
	reach := math.Floor(support / shrink)
	if reach == support/shrink {
		reach--
	}
	var taps []weighted
	total := 0.0
	for i := left - reach; i <= left+1+reach; i++ {
		w := kernel((i - float64(x)) * shrink)
		if a.ExcludeOutside && (i < 0 || i > float64(p.in-1)) {
			continue
		}
		total += w
		taps = append(taps, weighted{clampIndex(i, p.in), w})
	}
	if total == 0 {
		return []weighted{{clampIndex(math.Round(float64(x)), p.in), 1}}
	}
	for i := range taps {
		taps[i].weight /= total
	}
	return taps
}

func linearKernel(x float64) float64 { return max(1-math.Abs(x), 0) }

// cubicKernel is the cubic convolution of Keys 1981 with the coefficient a.
func (a *Resize) cubicKernel(x float64) float64 {
	return keys(float64(a.CubicCoeffA), math.Abs(x))
}

func keys(a, x float64) float64 {
	switch {
	case x <= 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return ((a*x-5*a)*x+8*a)*x - 4*a
	}
	return 0
}

// resample sets out to x resampled along every dimension in turn.
func (a *Resize) resample(c *ir.EvalCtx, out, x *tensor.Tensor, plan []resizeAxis) error {
	s := &scratch{c: c}
	switch x.DType() {
	case tensor.Float32, tensor.Float16, tensor.BFloat16:
		if s.reserve(x, tensor.Float32); s.err != nil {
			return s.err
		}
		data, _ := x.AsFloat32()
		if data = resampled(s, a, data, x.Shape(), plan); s.err == nil {
			out.CopyFrom(tensor.FromFloat32(tensor.FromSlice(data, out.Shape()...), x.DType()))
		}
	case tensor.Float64:
		copy(tensor.Data[float64](out), resampled(s, a, tensor.Data[float64](x), x.Shape(), plan))
	case tensor.Int8:
		resampleInts[int8](s, a, out, x, plan)
	case tensor.Int16:
		resampleInts[int16](s, a, out, x, plan)
	case tensor.Int32:
		resampleInts[int32](s, a, out, x, plan)
	case tensor.Int64:
		resampleInts[int64](s, a, out, x, plan)
	case tensor.Uint8:
		resampleInts[uint8](s, a, out, x, plan)
	case tensor.Uint16:
		resampleInts[uint16](s, a, out, x, plan)
	case tensor.Uint32:
		resampleInts[uint32](s, a, out, x, plan)
	default:
		resampleInts[uint64](s, a, out, x, plan)
	}
	return s.err
}

func resampleInts[T tensor.Integer](s *scratch, a *Resize, out, x *tensor.Tensor, plan []resizeAxis) {
	wide := s.floats(x.Len())
	if s.err != nil {
		return
	}
	for i, v := range tensor.Data[T](x) {
		wide[i] = float64(v)
	}
	dst := tensor.Data[T](out)
	for i, v := range resampled(s, a, wide, x.Shape(), plan) {
		dst[i] = truncated[T](v)
	}
}

// truncated is v without its fraction, and the nearest limit where T cannot hold it.
func truncated[T tensor.Integer](v float64) T {
	least, most := limits[T]()
	switch {
	case v != v:
		return 0
	case v <= float64(least):
		return least
	case v >= float64(most):
		return most
	}
	return T(v)
}

// limits is the least and the greatest number of T.
func limits[T tensor.Integer]() (least, most T) {
	if ones := ^T(0); ones > 0 {
		return 0, ones
	}
	bits := tensor.TypeOf[T]().Size() * 8
	least = T(1) << (bits - 1)
	return least, ^least
}

// resampled applies plan to data, one dimension after the other.
func resampled[T tensor.Float](s *scratch, a *Resize, data []T, shape []int, plan []resizeAxis) []T {
	shape = slices.Clone(shape)
	for d, p := range plan {
		samples, identity := take[[]weighted](s, p.out), p.in == p.out
		if s.err != nil {
			return nil
		}
		for o := range samples {
			samples[o] = a.sample(p, o)
			identity = identity && sampleIs(samples[o], o)
		}
		if identity {
			continue
		}
		inner := product(shape[d+1:])
		outer := len(data) / (p.in * inner)
		next := take[T](s, outer, p.out, inner)
		if s.err != nil {
			return nil
		}
		for i := range outer {
			src := data[i*p.in*inner:][:p.in*inner]
			for o, taps := range samples {
				s.c.Spend((1 + len(taps)) * inner)
				mix(next[(i*p.out+o)*inner:][:inner], src, taps, T(a.ExtrapolationValue))
			}
		}
		shape[d] = p.out
		data = next
	}
	return data
}

// sampleIs reports whether a sample is element o and nothing else.
func sampleIs(taps []weighted, o int) bool {
	for _, t := range taps {
		if (t.index == o) != (t.weight == 1) || t.index != o && t.weight != 0 {
			return false
		}
	}
	return taps != nil
}

// mix sets row to the weighted sum of rows of src, or to the fill where there is none.
func mix[T tensor.Float](row, src []T, taps []weighted, fill T) {
	if taps == nil {
		for i := range row {
			row[i] = fill
		}
	}
	for _, t := range taps {
		if t.weight == 0 {
			continue
		}
		w := T(t.weight)
		for i, v := range src[t.index*len(row):][:len(row)] {
			row[i] += w * v
		}
	}
}
