package ops

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// ConvTranspose is a transposed convolution: the gradient of a Conv by its input. Each element of X, N×C×spatial, adds
// its multiple of the filters W, C×M/Group×kernel, to the output, N×M×…; neighbouring elements are Strides apart there,
// and Pads are cut off from the result. OutputShape, the spatial sizes, and AutoPad tell the pads instead.
type ConvTranspose struct {
	AutoPad       string `attr:"auto_pad,default=NOTSET,oneof=NOTSET|SAME_UPPER|SAME_LOWER|VALID"`
	Dilations     []int  `attr:"dilations"`
	Group         int    `attr:"group,default=1"`
	KernelShape   []int  `attr:"kernel_shape"`
	OutputPadding []int  `attr:"output_padding"`
	OutputShape   []int  `attr:"output_shape"`
	Pads          []int  `attr:"pads"`
	Strides       []int  `attr:"strides"`
}

func (*ConvTranspose) Def() *ir.Def { return convTranspose }

var convTranspose = &ir.Def{
	Name: "ConvTranspose", Family: ir.Convolution, Doc: "transposed convolution, with groups and a bias", Since: []int{1, 11, 22},
	New:   func() ir.Op { return ir.New[ConvTranspose]() },
	Ins:   []ir.Param{{Name: "X", Type: "T"}, {Name: "W", Type: "T"}, {Name: "B", Type: "T", Kind: ir.Optional}},
	Outs:  []ir.Param{{Name: "Y", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Infer: func(c *ir.InferCtx) error {
		out, err := c.Node.Op.(*ConvTranspose).shape(c.Shape(0), c.Shape(1), c.Shape(2))
		c.SetShape(0, out)
		return err
	},
	Eval: floatEval(convTransposeOf[float32], convTransposeOf[float64]),
	Grad: backward(gradConvTranspose),
	MACs: func(n *ir.Node) int64 { return convMACs(n.In(0), n.In(1)) },
}

// Window resolves the window for the spatial sizes of X and of W: Out is the larger side, that of the output.
func (a *ConvTranspose) Window(in, kernel []int) (Window, error) {
	rank := len(in)
	if err := a.check(rank, ir.Dims(kernel...)); err != nil {
		return Window{}, err
	}
	w := Window{In: slices.Clone(in), Kernel: slices.Clone(kernel), Out: make([]int, rank),
		Stride: orOnes(a.Strides, rank), Dilation: orOnes(a.Dilations, rank),
		PadBegin: make([]int, rank), PadEnd: make([]int, rank)}
	for d := range rank {
		var err error
		if w.PadBegin[d], w.PadEnd[d], w.Out[d], err = a.along(d, rank, in[d], kernel[d]); err != nil {
			return Window{}, err
		}
	}
	return w, nil
}

func (a *ConvTranspose) sliding() sliding {
	return sliding{autoPad: a.AutoPad, pads: a.Pads, strides: a.Strides, dilations: a.Dilations}
}

// along resolves dimension d for an input of size n: the pads cut off and the output size.
func (a *ConvTranspose) along(d, rank, n, kernel int) (begin, end, out int, err error) {
	s := a.sliding()
	stride := orOnes(s.strides, rank)[d]
	if n > maxWindowSize {
		return 0, 0, 0, fmt.Errorf("input dimension %d is too large: %d", d+2, n)
	}
	full := max(n-1, 0)*stride + s.extent(d, rank, kernel)
	if a.OutputPadding != nil {
		full += a.OutputPadding[d]
	}
	switch {
	case n == 0:
		return 0, 0, 0, fmt.Errorf("spatial dimension %d of the input is empty", d)
	case a.OutputShape != nil:
		out = a.OutputShape[d]
	case s.same():
		out = n * stride
	default:
		if a.Pads != nil {
			begin, end = a.Pads[d], a.Pads[rank+d]
		}
		if out = full - begin - end; out < 0 {
			return 0, 0, 0, &ir.AttrError{Attr: "pads", Msg: fmt.Sprintf("%v leave nothing of the %d elements of spatial dimension %d", a.Pads, full, d)}
		}
		return begin, end, out, nil
	}
	begin, end = splitPad(max(full-out, 0), a.AutoPad == "SAME_UPPER")
	return begin, end, out, nil
}

func (a *ConvTranspose) check(rank int, kernel ir.Shape) error {
	if err := a.sliding().check(rank, kernel); err != nil {
		return err
	}
	if a.sliding().same() && a.OutputShape == nil && slices.ContainsFunc(a.Pads, func(p int) bool { return p != 0 }) {
		return &ir.AttrError{Attr: "pads", Msg: fmt.Sprintf("%v contradicts auto_pad %s", a.Pads, a.AutoPad)}
	}
	if a.OutputShape != nil && len(a.OutputShape) != rank || a.OutputPadding != nil && len(a.OutputPadding) != rank {
		return fmt.Errorf("output_shape %v and output_padding %v expect %d values", a.OutputShape, a.OutputPadding, rank)
	}
	for _, v := range a.OutputShape {
		if v < 1 || v > maxWindowSize {
			return ir.Unsupported("output_shape", a.OutputShape)
		}
	}
	for _, v := range a.OutputPadding {
		if v < 0 || v > maxWindowSize {
			return ir.Unsupported("output_padding", a.OutputPadding)
		}
	}
	return nil
}

// shape is the shape of the output.
func (a *ConvTranspose) shape(x, w, bias ir.Shape) (ir.Shape, error) {
	x, w, err := convShapes(x, w, a.KernelShape)
	if err != nil || x == nil {
		return nil, err
	}
	if a.Group < 1 || a.Group > maxWindowSize {
		return nil, ir.Unsupported("group", a.Group)
	}
	if differ(x[1], w[0]) {
		return nil, fmt.Errorf("input has %v channels, filters of shape %v expect %v", x[1], w, w[0])
	}
	if w[0].IsKnown() && w[0].N%a.Group != 0 {
		return nil, &ir.AttrError{Attr: "group", Msg: fmt.Sprintf("%d does not divide the %d channels", a.Group, w[0].N)}
	}
	filters := w[1].Mul(ir.Known(a.Group))
	if err := checkVector("bias", bias, filters); err != nil {
		return nil, err
	}
	rank := len(x) - 2
	if err := a.check(rank, w[2:]); err != nil {
		return nil, err
	}
	out := slices.Concat(ir.Shape{x[0], filters}, ir.UnknownShape(rank))
	for d := range rank {
		switch in, kernel := x[2+d], w[2+d]; {
		case a.OutputShape != nil:
			out[2+d] = ir.Known(a.OutputShape[d])
		case in.IsKnown() && kernel.IsKnown():
			_, _, n, err := a.along(d, rank, in.N, kernel.N)
			if err != nil {
				return nil, err
			}
			out[2+d] = ir.Known(n)
		case kernel.IsKnown():
			out[2+d] = a.symbolic(d, rank, in, kernel.N)
		}
	}
	return out, nil
}

// symbolic is the output size for a symbolic input size n: stride·n plus a number, which must be 0.
func (a *ConvTranspose) symbolic(d, rank int, n ir.Dim, kernel int) ir.Dim {
	stride := orOnes(a.Strides, rank)[d]
	_, _, one, err := a.along(d, rank, 1, kernel)
	if err != nil || one != stride {
		return ir.UnknownDim
	}
	return n.Mul(ir.Known(stride))
}

// convTransposeOf multiplies the filters with what all channels have at a position, and adds the result to the output
// where the window, which slides over it, lies.
func convTransposeOf[T tensor.Float](c *ir.EvalCtx) error {
	a := c.Op.(*ConvTranspose)
	shape, err := a.shape(shapeOf(c, 0), shapeOf(c, 1), shapeOf(c, 2))
	if err != nil {
		return err
	}
	out, err := outputShaped(c, 0, c.In[0].DType(), shape)
	if err != nil || out.Len() == 0 {
		return err
	}
	win, err := a.Window(c.In[0].Shape()[2:], c.In[1].Shape()[2:])
	if err != nil {
		return err
	}
	x, w, y := tensor.Data[T](c.In[0]), tensor.Data[T](c.In[1]), tensor.Data[T](out)
	inPlane, outPlane, kernel := product(win.In), product(win.Out), product(win.Kernel)
	cg, mg := c.In[0].Dim(1)/a.Group, c.In[1].Dim(1)
	patch, err := ir.Scratch[T](c, mg, kernel)
	if err != nil {
		return err
	}
	win.In, win.Out = win.Out, win.In
	if len(x) == 0 { // sums of nothing
		win.Out[0] = 0
	}
	win.each(c, func(pos int, taps []tap) {
		for ng := range c.In[0].Dim(0) * a.Group {
			clear(patch)
			for i := range cg {
				c.Spend(len(patch))
				v := x[(ng*cg+i)*inPlane+pos]
				for j, f := range w[(ng%a.Group*cg+i)*len(patch):][:len(patch)] {
					patch[j] += v * f
				}
			}
			for m := range mg {
				c.Spend(len(taps))
				dst := y[(ng*mg+m)*outPlane:][:outPlane]
				for _, t := range taps {
					dst[t.in] += patch[m*kernel+t.kernel]
				}
			}
		}
	})
	if c.Has(2) {
		addBias(y, tensor.Data[T](c.In[2]), outPlane)
	}
	return nil
}

// gradConvTranspose is a convolution, whose gradient this operator is, of the gradient.
func gradConvTranspose(g *gradient) {
	a, dy := g.Node.Op.(*ConvTranspose), g.Of(0)
	if g.Wants(2) {
		g.give(2, g.perChannel(dy))
	}
	if !g.Wants(0) && !g.Wants(1) {
		return
	}
	conv := Conv{AutoPad: "NOTSET", Dilations: a.Dilations, Group: a.Group, KernelShape: a.KernelShape, Pads: a.Pads, Strides: a.Strides}
	if !a.plain() {
		if dy = g.unpadded(a, dy, &conv); g.err != nil {
			return
		}
	}
	if g.Wants(0) {
		g.give(0, g.do(&conv, dy, g.In(1)))
	}
	if g.Wants(1) {
		g.give(1, g.do(&ConvGradWeights{conv}, g.In(0), dy, g.shape(g.In(1))))
	}
}

// plain reports whether the convolution that undoes it has the same pads whatever the sizes.
func (a *ConvTranspose) plain() bool {
	strides := orOnes(a.Strides, len(a.OutputPadding))
	for d, p := range a.OutputPadding {
		if p >= strides[d] { // another window would fit
			return false
		}
	}
	return !a.sliding().same() && a.OutputShape == nil
}

// unpadded is dy without the elements that no window covers; conv has the pads that make up for it. The spatial sizes
// must be known.
func (g *gradient) unpadded(a *ConvTranspose, dy *ir.Value, conv *Conv) *ir.Value {
	x, known := g.In(0).Type().Shape, g.In(1).Type().Shape
	if x == nil || known == nil {
		g.fail("input of shape %v and filters of shape %v: sizes must be known", x, known)
		return nil
	}
	in, ok := x[2:].Ints()
	kernel, ok2 := known[2:].Ints()
	if !ok || !ok2 {
		g.fail("input of shape %v and filters of shape %v: spatial sizes must be known where pads follow from them", x, known)
		return nil
	}
	w, err := a.Window(in, kernel)
	if err != nil {
		g.fail("%w", err)
		return nil
	}
	rank := len(in)
	cut := make([]int, 2*(rank+2))
	conv.Pads = make([]int, 2*rank)
	for d := range rank {
		// the windows end here, seen from the beginning of dy
		end := (in[d]-1)*w.Stride[d] - w.PadBegin[d] + (kernel[d]-1)*w.Dilation[d] + 1
		conv.Pads[d], conv.Pads[rank+d] = w.PadBegin[d], max(end-w.Out[d], 0)
		cut[rank+4+d] = min(end-w.Out[d], 0)
	}
	if slices.Max(cut) == slices.Min(cut) {
		return dy
	}
	return g.do(ir.New[Pad](), dy, g.ints(cut...))
}
