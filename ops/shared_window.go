package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
)

// Window is how a kernel slides over the spatial dimensions of its input, with every size resolved; slices have one
// entry a dimension. For each k below Kernel, position o of the output reads the input at o*Stride - PadBegin +
// k*Dilation, if that lies inside. In a transposed convolution input and output change places: each position of the
// input writes to those of the output.
type Window struct {
	In, Kernel, Stride, Dilation []int
	PadBegin, PadEnd             []int
	Out                          []int
}

// sliding is the attributes that convolutions and poolings share; nil lists mean their defaults.
type sliding struct {
	autoPad                  string
	pads, strides, dilations []int
	ceil                     bool
}

// maxWindowSize bounds kernels, strides, dilations and pads, so that their arithmetic cannot overflow.
const maxWindowSize = math.MaxInt32

// resolve gives the window over an input of the spatial sizes in.
func (s sliding) resolve(in, kernel []int) (Window, error) {
	rank := len(in)
	if err := s.check(rank, ir.Dims(kernel...)); err != nil {
		return Window{}, err
	}
	w := Window{In: slices.Clone(in), Kernel: slices.Clone(kernel), Out: make([]int, rank),
		Stride: orOnes(s.strides, rank), Dilation: orOnes(s.dilations, rank),
		PadBegin: make([]int, rank), PadEnd: make([]int, rank)}
	for d := range rank {
		var err error
		if w.PadBegin[d], w.PadEnd[d], w.Out[d], err = s.along(d, rank, in[d], kernel[d]); err != nil {
			return Window{}, err
		}
	}
	return w, nil
}

// infer is the spatial dimensions of the output.
func (s sliding) infer(in, kernel ir.Shape) (ir.Shape, error) {
	rank := len(in)
	if err := s.check(rank, kernel); err != nil {
		return nil, err
	}
	out := ir.UnknownShape(rank)
	for d := range rank {
		switch {
		case !kernel[d].IsKnown():
		case in[d].IsKnown():
			_, _, n, err := s.along(d, rank, in[d].N, kernel[d].N)
			if err != nil {
				return nil, err
			}
			out[d] = ir.Known(n)
		case !in[d].IsUnknown():
			out[d] = s.symbolic(d, rank, in[d], kernel[d].N)
		}
	}
	return out, nil
}

// symbolic is the output size for a symbolic input size n where that is n divided by the stride. In general it is
// floor((n+r)/stride) + 1; this is n/stride if the stride divides n and floor(r/stride) is -1.
func (s sliding) symbolic(d, rank int, n ir.Dim, kernel int) ir.Dim {
	stride := orOnes(s.strides, rank)[d]
	exact := n.Div(ir.Known(stride))
	if s.same() {
		return exact
	}
	rest := -s.extent(d, rank, kernel)
	if s.pads != nil {
		rest += s.pads[d] + s.pads[rank+d]
	}
	if s.ceil {
		rest += stride - 1
	}
	if rest < 0 && rest >= -stride {
		return exact
	}
	return ir.UnknownDim
}

func (s sliding) same() bool { return s.autoPad == "SAME_UPPER" || s.autoPad == "SAME_LOWER" }

// extent is the input elements that a kernel spans with its dilation.
func (s sliding) extent(d, rank, kernel int) int {
	return (kernel-1)*orOnes(s.dilations, rank)[d] + 1
}

// along resolves dimension d for an input of size n: the pads and the number of positions.
func (s sliding) along(d, rank, n, kernel int) (begin, end, out int, err error) {
	stride, extent := orOnes(s.strides, rank)[d], s.extent(d, rank, kernel)
	if n > math.MaxInt/4 {
		return 0, 0, 0, fmt.Errorf("input dimension %d is too large: %d", d+2, n)
	}
	if s.pads != nil {
		begin, end = s.pads[d], s.pads[rank+d]
	}
	if s.same() {
		out = ceilDiv(n, stride)
		b, e := splitPad(max((out-1)*stride+extent-n, 0), s.autoPad == "SAME_UPPER")
		if (begin != 0 || end != 0) && (begin != b || end != e) {
			return 0, 0, 0, &ir.AttrError{Attr: "pads", Msg: fmt.Sprintf("%v contradicts auto_pad %s, which gives %d and %d in dimension %d", s.pads, s.autoPad, b, e, d)}
		}
		return b, e, out, nil
	}
	room := n + begin + end - extent
	if room < 0 {
		return 0, 0, 0, fmt.Errorf("a kernel of size %d and dilation %d does not fit into the %d elements of spatial dimension %d with pads %d and %d",
			kernel, orOnes(s.dilations, rank)[d], n, d, begin, end)
	}
	out = room/stride + 1
	if s.ceil && room%stride != 0 && out*stride < n+begin {
		out++ // a last window that hangs over the end, but starts inside
	}
	return begin, end, out, nil
}

// splitPad halves a padding; of an odd one the larger part is at the end if upper, else at the beginning.
func splitPad(total int, upper bool) (begin, end int) {
	if upper {
		return total / 2, total - total/2
	}
	return total - total/2, total / 2
}

// check refuses attributes that do not fit to the rank, or are out of range.
func (s sliding) check(rank int, kernel ir.Shape) error {
	for _, a := range []struct {
		name        string
		values      []int
		want, least int
	}{{"strides", s.strides, rank, 1}, {"dilations", s.dilations, rank, 1}, {"pads", s.pads, 2 * rank, 0}} {
		if a.values == nil {
			continue
		}
		if len(a.values) != a.want {
			return &ir.AttrError{Attr: a.name, Msg: fmt.Sprintf("has %d values, expects %d for %d spatial dimensions", len(a.values), a.want, rank)}
		}
		for _, v := range a.values {
			if v < a.least || v > maxWindowSize {
				return ir.Unsupported(a.name, a.values)
			}
		}
	}
	if len(kernel) != rank {
		return &ir.AttrError{Attr: "kernel_shape", Msg: fmt.Sprintf("has %d values, expects %d for %d spatial dimensions", len(kernel), rank, rank)}
	}
	for _, k := range kernel {
		if k.IsKnown() && (k.N < 1 || k.N > maxWindowSize) {
			return &ir.AttrError{Attr: "kernel_shape", Msg: fmt.Sprintf("unsupported size %d", k.N)}
		}
	}
	switch s.autoPad {
	case "NOTSET", "SAME_UPPER", "SAME_LOWER":
	case "VALID":
		if slices.ContainsFunc(s.pads, func(p int) bool { return p != 0 }) {
			return &ir.AttrError{Attr: "pads", Msg: fmt.Sprintf("%v contradicts auto_pad VALID", s.pads)}
		}
	default:
		return ir.Unsupported("auto_pad", fmt.Sprintf("%q", s.autoPad))
	}
	return nil
}

// tap is an element of a kernel that lies inside of the input: its offsets in the kernel and in the input's plane.
type tap struct{ kernel, in int }

// each calls f for every position of the output, in row-major order, with the taps that lie inside of the input, in
// row-major order of the kernel. f must not keep taps.
func (w Window) each(c *ir.EvalCtx, f func(out int, taps []tap)) {
	bufs := make([][]tap, len(w.In))
	w.walk(c, 0, 0, []tap{{}}, bufs, f)
}

func (w Window) walk(c *ir.EvalCtx, d, out int, outer []tap, bufs [][]tap, f func(int, []tap)) {
	if d == len(w.In) {
		c.Spend(1 + len(outer))
		f(out, outer)
		return
	}
	for o := range w.Out[d] {
		base := o*w.Stride[d] - w.PadBegin[d]
		lo, hi := w.inside(d, o, 0, w.In[d])
		taps := bufs[d][:0]
		for _, t := range outer {
			for k := lo; k < hi; k++ {
				taps = append(taps, tap{t.kernel*w.Kernel[d] + k, t.in*w.In[d] + base + k*w.Dilation[d]})
			}
		}
		bufs[d] = taps
		w.walk(c, d+1, out*w.Out[d]+o, taps, bufs, f)
	}
}

// inside is the range of kernel elements that position o of dimension d reads between from and to.
func (w Window) inside(d, o, from, to int) (lo, hi int) {
	base := o*w.Stride[d] - w.PadBegin[d]
	lo = ceilDiv(max(from-base, 0), w.Dilation[d])
	hi = min(ceilDiv(max(to-base, 0), w.Dilation[d]), w.Kernel[d])
	return min(lo, hi), hi
}

// padded is, for each position of the output, the number of taps inside of the padded input: all of the kernel's, but
// for a window that hangs over the end by ceil_mode.
func (w Window) padded() []int {
	counts := []int{1}
	for d := range w.In {
		next := make([]int, 0, len(counts)*w.Out[d])
		for _, c := range counts {
			for o := range w.Out[d] {
				lo, hi := w.inside(d, o, -w.PadBegin[d], w.In[d]+w.PadEnd[d])
				next = append(next, c*(hi-lo))
			}
		}
		counts = next
	}
	return counts
}

// ceilDiv is n/m rounded up, for n ≥ 0 and m > 0.
func ceilDiv(n, m int) int {
	if n == 0 {
		return 0
	}
	return (n-1)/m + 1
}

// orOnes is list, or n ones where it is absent.
func orOnes(list []int, n int) []int {
	if list == nil {
		return slices.Repeat([]int{1}, n)
	}
	return list
}

// product is the product of sizes that are known not to overflow.
func product(sizes []int) int {
	n := 1
	for _, d := range sizes {
		n *= d
	}
	return n
}
