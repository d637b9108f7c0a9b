package vision

import "math"

// Filter is how a resized image is made of its source.
type Filter string

// The filters of Pillow, by the same names.
const (
	Nearest  Filter = "nearest"
	Box      Filter = "box"
	Bilinear Filter = "bilinear"
	Bicubic  Filter = "bicubic"
	Lanczos  Filter = "lanczos"
)

// kernel is a filter's function and how far it reaches.
func (f Filter) kernel() (support float64, at func(float64) float64, ok bool) {
	switch f {
	case Box:
		return 0.5, func(x float64) float64 {
			if x > -0.5 && x <= 0.5 {
				return 1
			}
			return 0
		}, true
	case Bilinear:
		return 1, func(x float64) float64 { return max(0, 1-math.Abs(x)) }, true
	case Bicubic:
		return 2, cubic, true
	case Lanczos:
		return 3, func(x float64) float64 {
			if x < -3 || x >= 3 {
				return 0
			}
			return sinc(x) * sinc(x/3)
		}, true
	}
	return 0, nil, f == Nearest
}

// cubic is the convolution kernel of Keys (1981) with a = -0.5.
func cubic(x float64) float64 {
	const a = -0.5
	switch x = math.Abs(x); {
	case x < 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return (((x-5)*x+8)*x - 4) * a
	}
	return 0
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}

// Resize is the image at another size. Where it shrinks, the filter is widened so that every source pixel counts
// (antialiasing). Rows are resampled first, then columns, each pass rounded to 8 bits with fixed-point weights, which is
// what Pillow does.
func (m *Image) Resize(width, height int, f Filter) *Image {
	support, kernel, ok := f.kernel()
	if !ok {
		panic("vision: unknown filter " + string(f))
	}
	if width == m.Width && height == m.Height {
		return m
	}
	if kernel == nil {
		return m.nearest(width, height)
	}
	out := m
	if width != m.Width {
		out = out.resampleRows(newWeights(m.Width, width, support, kernel))
	}
	if height != m.Height {
		out = out.resampleColumns(newWeights(m.Height, height, support, kernel))
	}
	return out
}

func (m *Image) nearest(width, height int) *Image {
	out := NewImage(width, height, m.Channels)
	for y := range height {
		sy := min(int((float64(y)+0.5)*float64(m.Height)/float64(height)), m.Height-1)
		for x := range width {
			sx := min(int((float64(x)+0.5)*float64(m.Width)/float64(width)), m.Width-1)
			copy(out.Pix[(y*width+x)*m.Channels:][:m.Channels], m.Pix[(sy*m.Width+sx)*m.Channels:])
		}
	}
	return out
}

// precision is how many fractional bits a fixed-point weight has.
const precision = 32 - 8 - 2

// weights gives, for every position of the output, the first position of the input that it is made of, and the weights of
// that one and those after it.
type weights struct {
	first   []int
	factors [][]int32
}

func newWeights(in, out int, support float64, kernel func(float64) float64) weights {
	w := weights{make([]int, out), make([][]int32, out)}
	scale := float64(in) / float64(out)
	stretch := max(scale, 1)
	support *= stretch
	for i := range out {
		center := (float64(i) + 0.5) * scale
		lo := max(int(center-support+0.5), 0)
		hi := min(int(center+support+0.5), in)
		values := make([]float64, hi-lo)
		sum := 0.0
		for k := range values {
			values[k] = kernel((float64(lo+k) - center + 0.5) / stretch)
			sum += values[k]
		}
		w.first[i], w.factors[i] = lo, make([]int32, len(values))
		for k, v := range values {
			if sum != 0 {
				v /= sum
			}
			w.factors[i][k] = int32(math.Round(v * (1 << precision)))
		}
	}
	return w
}

func (m *Image) resampleRows(w weights) *Image {
	ch := m.Channels
	out := NewImage(len(w.first), m.Height, ch)
	for y := range m.Height {
		row, dst := m.Pix[y*m.Width*ch:(y+1)*m.Width*ch], out.Pix[y*out.Width*ch:]
		for x, factors := range w.factors {
			src := row[w.first[x]*ch:]
			if ch == 3 {
				r, g, b := int32(1<<(precision-1)), int32(1<<(precision-1)), int32(1<<(precision-1))
				for k, f := range factors {
					p := src[3*k : 3*k+3 : 3*k+3]
					r += f * int32(p[0])
					g += f * int32(p[1])
					b += f * int32(p[2])
				}
				dst[3*x], dst[3*x+1], dst[3*x+2] = clip8(r), clip8(g), clip8(b)
				continue
			}
			sum := int32(1 << (precision - 1))
			for k, f := range factors {
				sum += f * int32(src[k])
			}
			dst[x] = clip8(sum)
		}
	}
	return out
}

func (m *Image) resampleColumns(w weights) *Image {
	width := m.Width * m.Channels
	out := NewImage(m.Width, len(w.first), m.Channels)
	sums := make([]int32, width)
	for y, factors := range w.factors {
		for i := range sums {
			sums[i] = 1 << (precision - 1)
		}
		for k, f := range factors {
			for i, v := range m.Pix[(w.first[y]+k)*width:][:width] {
				sums[i] += f * int32(v)
			}
		}
		for i, s := range sums {
			out.Pix[y*width+i] = clip8(s)
		}
	}
	return out
}

func clip8(sum int32) byte { return byte(min(max(sum>>precision, 0), 255)) }
