package kernel

import "fmt"

// axis is one spatial axis of a sliding window: tap t of output o reads input o·stride + off[t].
type axis struct {
	in, out, stride int
	off             []int
	lo, hi          []int // by tap: the outputs whose input lies inside are lo ≤ o < hi
}

func newAxis(in, out, stride int, off []int) axis {
	a := axis{in: in, out: out, stride: stride, off: off, lo: make([]int, len(off)), hi: make([]int, len(off))}
	for t, f := range off {
		a.lo[t] = min(ceilDiv(max(0, -f), stride), out)
		a.hi[t] = max(a.lo[t], min(ceilDiv(max(0, in-f), stride), out))
	}
	return a
}

// window is a sliding window over up to three spatial axes; missing leading ones have size 1.
type window [3]axis

func (w *window) inputs() int  { return w[0].in * w[1].in * w[2].in }
func (w *window) outputs() int { return w[0].out * w[1].out * w[2].out }
func (w *window) taps() int    { return len(w[0].off) * len(w[1].off) * len(w[2].off) }

// pointwise reports whether output i reads input i and no other.
func (w *window) pointwise() bool {
	for _, a := range w {
		if a.stride != 1 || len(a.off) != 1 || a.off[0] != 0 || a.in != a.out {
			return false
		}
	}
	return true
}

// whole reports whether the one output reads each input once, in order.
func (w *window) whole() bool {
	for _, a := range w {
		if a.out != 1 || len(a.off) != a.in || a.off[0] != 0 || a.off[a.in-1] != a.in-1 {
			return false
		}
	}
	return true
}

// gather writes one row of the im2col matrix, from column j0 on: the inputs that tap k%taps of channel k/taps reads for
// successive outputs, 0 where they lie outside.
func (w *window) gather(dst, src []float32, k, j0 int) {
	d, h, x := &w[0], &w[1], &w[2]
	tx := k % len(x.off)
	k /= len(x.off)
	ty := k % len(h.off)
	k /= len(h.off)
	tz := k % len(d.off)
	channel := src[k/len(d.off)*w.inputs():]

	line, ox := j0/x.out, j0%x.out
	oz, oy := line/h.out, line%h.out
	for len(dst) > 0 {
		end := min(x.out, ox+len(dst))
		seg := dst[:end-ox]
		dst = dst[end-ox:]
		iz, iy := oz*d.stride+d.off[tz], oy*h.stride+h.off[ty]
		if uint(iz) >= uint(d.in) || uint(iy) >= uint(h.in) {
			clear(seg)
		} else {
			from := min(max(x.lo[tx], ox), end)
			to := max(min(x.hi[tx], end), from)
			clear(seg[:from-ox])
			clear(seg[to-ox:])
			if from < to {
				in := channel[(iz*h.in+iy)*x.in:][:x.in]
				copyStrided(seg[from-ox:to-ox], in[from*x.stride+x.off[tx]:], x.stride)
			}
		}
		ox = 0
		if oy++; oy == h.out {
			oy = 0
			oz++
		}
	}
}

func copyStrided(dst, src []float32, stride int) {
	if stride == 1 {
		copy(dst, src)
		return
	}
	for i, j := 0, 0; i < len(dst) && j < len(src); i, j = i+1, j+stride {
		dst[i] = src[j]
	}
}

// copyPadded copies what output rows r0…r1-1 read of planes, whose pixels have size elements, to planes of padH×padW
// pixels that begin where the first tap of the first output lies, with zeros beyond the input.
func (w *window) copyPadded(dst, src []float32, planes, size, padH, padW, r0, r1 int) {
	y, x := &w[1], &w[2]
	y0, x0 := r0*y.stride+y.off[0], x.off[0]
	rows := (r1-r0-1)*y.stride + y.off[len(y.off)-1] - y.off[0] + 1
	left := min(max(0, -x0), padW)
	right := max(left, min(padW, x.in-x0))
	const short = 64 // elements of a line: clearing them all is quicker than two ends
	whole := padW*size <= short
	if whole {
		clear(dst[:planes*padH*padW*size])
	}
	for p := range planes {
		plane := src[p*y.in*x.in*size:][:y.in*x.in*size]
		for r := range rows {
			line := dst[(p*padH+r)*padW*size:][:padW*size]
			iy := y0 + r
			inside := iy >= 0 && iy < y.in && left < right
			if inside {
				copy(line[left*size:right*size], plane[(iy*x.in+x0+left)*size:])
			}
			switch {
			case whole:
			case inside:
				clear(line[:left*size])
				clear(line[right*size:])
			default:
				clear(line)
			}
		}
	}
}

// Spatial describes a window over one to three spatial axes as ONNX does, one element an axis. Empty Strides and
// Dilations are ones, empty Pads zeros.
type Spatial struct {
	In, Out, Kernel    []int
	Strides, Dilations []int
	Pads               []int // at the beginning of each axis; what lies at the end follows from Out
}

// complete fills in defaults and checks.
func (s *Spatial) complete(what string) error {
	rank := len(s.In)
	if rank < 1 || rank > 3 {
		return fmt.Errorf("kernel: %s: %d spatial axes, want 1 to 3", what, rank)
	}
	for _, f := range []struct {
		name   string
		p      *[]int
		absent int
		least  int
		most   int
	}{
		{"input", &s.In, -1, 0, maxSize}, {"output", &s.Out, -1, 0, maxSize}, {"kernel", &s.Kernel, -1, 1, maxTaps},
		{"strides", &s.Strides, 1, 1, maxSize}, {"dilations", &s.Dilations, 1, 1, maxSize},
		{"pads", &s.Pads, 0, -maxSize, maxSize},
	} {
		if len(*f.p) == 0 && f.absent >= 0 {
			*f.p = []int{f.absent, f.absent, f.absent}[:rank]
		}
		if len(*f.p) != rank {
			return fmt.Errorf("kernel: %s: %s %v for %d spatial axes", what, f.name, *f.p, rank)
		}
		for _, v := range *f.p {
			if v < f.least || v > f.most {
				return fmt.Errorf("kernel: %s: unsupported %s %v", what, f.name, *f.p)
			}
		}
	}
	for _, sizes := range [][]int{s.In, s.Out, s.Kernel} {
		if _, err := count(what, sizes...); err != nil {
			return err
		}
	}
	return nil
}

const (
	maxSize = 1 << 30 // of sizes, strides and pads, so that no position overflows
	maxTaps = 1 << 20 // of kernels, so that tables of taps stay small
)

// axes returns the axes of s filled up to three, each made by f.
func (s *Spatial) axes(f func(in, out, kernel, stride, dilation, pad int) axis) (w window) {
	lead := 3 - len(s.In)
	for d := range w {
		if d < lead {
			w[d] = f(1, 1, 1, 1, 1, 0)
			continue
		}
		i := d - lead
		w[d] = f(s.In[i], s.Out[i], s.Kernel[i], s.Strides[i], s.Dilations[i], s.Pads[i])
	}
	return w
}

// window is the window of a convolution or pooling.
func (s *Spatial) window() window {
	return s.axes(func(in, out, kernel, stride, dilation, pad int) axis {
		off := make([]int, kernel)
		for t := range off {
			off[t] = t*dilation - pad
		}
		return newAxis(in, out, stride, off)
	})
}
