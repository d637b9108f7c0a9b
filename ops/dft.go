package ops

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// DFT is the discrete Fourier transform along an axis of real (last dimension 1) or complex (last dimension 2: real and
// imaginary part) numbers, cut or filled with zeros to a length. OneSided leaves out the half that symmetry tells.
type DFT struct {
	Inverse  bool `attr:"inverse"`
	OneSided bool `attr:"onesided"`
}

func (*DFT) Def() *ir.Def { return dft }

var dft = &ir.Def{
	Name: "DFT", Doc: "discrete Fourier transform", Since: []int{17, 20},
	New: func() ir.Op { return ir.New[DFT]() },
	Ins: []ir.Param{{Name: "input", Type: "T1"}, {Name: "dft_length", Type: "T2", Kind: ir.Optional},
		{Name: "axis", Type: "int64", Kind: ir.Optional}},
	Outs:      []ir.Param{{Name: "output", Type: "T1"}},
	Types:     map[string]ir.TypeSet{"T1": floatTypes, "T2": indexTypes},
	Upgrade:   upgradeDFT,
	Downgrade: downgradeDFT,
	Infer:     inferDFT,
	Eval:      viaFloat32(evalDFT),
}

// Before opset 20 the axis was an attribute, 1 by default.
func upgradeDFT(l *ir.Legacy) error {
	if l.Opset >= 20 {
		return nil
	}
	axis, ok, err := l.TakeInt("axis")
	if err != nil {
		return err
	}
	if !ok {
		axis = 1
	}
	l.SetIn(2, l.Const(tensor.Scalar(int64(axis))))
	return nil
}

// shape is the output's shape and the axis for a known axis; length is nil for the input's own.
func (a *DFT) shape(x ir.Shape, axis int, length []int) (ir.Shape, int, error) {
	last := len(x) - 1
	axis, err := axisOf(axis, len(x))
	switch {
	case err != nil:
		return nil, 0, err
	case axis == last:
		return nil, 0, fmt.Errorf("axis %d is the dimension of real and imaginary parts", axis)
	case x[last].IsKnown() && x[last].N != 1 && x[last].N != 2:
		return nil, 0, fmt.Errorf("input has shape %v, expects 1 or 2 in the last dimension", x)
	case length != nil && (len(length) != 1 || length[0] < 1 || length[0] > maxTransform):
		return nil, 0, fmt.Errorf("dft_length is %v, expects one positive number", length)
	case a.OneSided && a.Inverse:
		return nil, 0, &ir.AttrError{Attr: "onesided", Msg: "together with inverse is not supported"}
	case a.OneSided && x[last] == ir.Known(2):
		return nil, 0, &ir.AttrError{Attr: "onesided", Msg: "is for real input"}
	}
	out := x.Clone()
	out[last] = ir.Known(2)
	if length != nil {
		out[axis] = ir.Known(length[0])
	}
	if a.OneSided {
		if out[axis].IsKnown() {
			out[axis] = ir.Known(out[axis].N/2 + 1)
		} else {
			out[axis] = ir.UnknownDim
		}
	}
	return out, axis, nil
}

func inferDFT(c *ir.InferCtx) error {
	x := c.Shape(0)
	if err := checkOneElement("axis", c.Shape(2)); err != nil || x == nil {
		return err
	}
	axis, length := []int{-2}, []int(nil)
	known := true
	if c.Has(2) {
		axis, known = c.Ints(2)
	}
	if c.Has(1) && known {
		length, known = c.Ints(1)
	}
	if !known || len(axis) != 1 {
		c.SetShape(0, ir.UnknownShape(len(x)))
		return nil
	}
	out, _, err := c.Node.Op.(*DFT).shape(x, axis[0], length)
	c.SetShape(0, out)
	return err
}

func evalDFT(c *ir.EvalCtx) error {
	a, x := c.Op.(*DFT), c.In[0]
	at, length := -2, []int(nil)
	if c.Has(2) {
		ints, _ := c.In[2].AsInts()
		if len(ints) != 1 {
			return fmt.Errorf("axis has %d elements, expects one", len(ints))
		}
		at = ints[0]
	}
	if c.Has(1) {
		length, _ = c.In[1].AsInts()
	}
	shape, axis, err := a.shape(shapeOf(c, 0), at, length)
	if err != nil {
		return err
	}
	n := x.Dim(axis)
	if length != nil {
		n = length[0]
	}
	ints, _ := shape.Ints()
	s := &scratch{c: c}
	src, dst, parts := s.wide(x), s.floats(ints...), x.Dim(-1)
	outStride := tensor.Strides(ints)[axis] / 2
	t := newTransform(s, n, min(n, x.Dim(axis)), ints[axis], a.Inverse)
	if s.err != nil {
		return s.err
	}
	eachLine(x.Shape()[:x.Rank()-1], axis, func(i, start, stride int) {
		for k := range t.line {
			t.line[k] = complexAt(src, start+k*stride, parts)
		}
		to := i/outStride*ints[axis]*outStride + i%outStride
		for k, v := range t.run() {
			dst[2*(to+k*outStride)], dst[2*(to+k*outStride)+1] = real(v), imag(v)
		}
	})
	return outputFloat64(c, 0, x.DType(), dst, ints)
}

// maxTransform bounds the length of a transform, whose time grows with its square.
const maxTransform = 1 << 20

// complexAt is number i of interleaved ones of one or two parts.
func complexAt(data []float64, i, parts int) complex128 {
	if parts == 1 {
		return complex(data[i], 0)
	}
	return complex(data[2*i], data[2*i+1])
}

// transform is the Fourier transform of lines of n numbers, by its definition. Only the numbers in line are given; the
// others are 0.
type transform struct {
	c                *ir.EvalCtx
	line, roots, out []complex128
	scale            complex128
}

// newTransform is one of lines of used numbers that gives the first outs terms.
func newTransform(s *scratch, n, used, outs int, inverse bool) *transform {
	t := &transform{s.c, take[complex128](s, used), take[complex128](s, n), take[complex128](s, outs), 1}
	turn := -2 * math.Pi / float64(n)
	if inverse {
		turn, t.scale = -turn, complex(1/float64(n), 0)
	}
	for k := range t.roots {
		sin, cos := math.Sincos(turn * float64(k))
		t.roots[k] = complex(cos, sin)
	}
	return t
}

// run is the terms of line, good until the next run.
func (t *transform) run() []complex128 {
	for k := range t.out {
		t.c.Spend(len(t.line))
		at, sum := 0, complex128(0)
		for _, v := range t.line {
			sum += v * t.roots[at]
			at = (at + k) % len(t.roots)
		}
		t.out[k] = sum * t.scale
	}
	return t.out
}

func downgradeDFT(l *ir.Legacy) error {
	if l.Opset >= 20 {
		return nil
	}
	axis := -2
	if v := l.In(2); v != nil {
		if v.Const() == nil {
			return l.Needs(20, "input 2 (axis), which is computed,")
		}
		ints, _ := v.Const().AsInts()
		axis = ints[0]
		l.Inputs = l.Inputs[:2]
	}
	if x := l.In(0).Type().Shape; axis < 0 && x != nil {
		axis += len(x)
	}
	l.Set("axis", axis)
	return nil
}
