package ops

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Conv is a convolution (a cross-correlation) of X, N×C×spatial, with the filters W, M×C/Group×kernel, plus the bias B
// of M elements, over any number of spatial dimensions.
type Conv struct {
	AutoPad     string `attr:"auto_pad,default=NOTSET,oneof=NOTSET|SAME_UPPER|SAME_LOWER|VALID"`
	Dilations   []int  `attr:"dilations"`
	Group       int    `attr:"group,default=1"`
	KernelShape []int  `attr:"kernel_shape"`
	Pads        []int  `attr:"pads"`
	Strides     []int  `attr:"strides"`
}

func (*Conv) Def() *ir.Def { return conv }

var conv = &ir.Def{
	Name: "Conv", Family: ir.Convolution, Doc: "convolution, with groups and a bias", Since: []int{1, 11, 22},
	New:   func() ir.Op { return ir.New[Conv]() },
	Ins:   []ir.Param{{Name: "X", Type: "T"}, {Name: "W", Type: "T"}, {Name: "B", Type: "T", Kind: ir.Optional}},
	Outs:  []ir.Param{{Name: "Y", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Infer: inferConv,
	Eval:  floatEval(convOf[float32], convOf[float64]),
	Grad:  backward(gradConv),
	MACs:  func(n *ir.Node) int64 { return convMACs(n.Out(0), n.In(1)) },
}

// Window resolves the window for the spatial sizes of X and of W.
func (a *Conv) Window(in, kernel []int) (Window, error) { return a.sliding().resolve(in, kernel) }

func (a *Conv) sliding() sliding {
	return sliding{autoPad: a.AutoPad, pads: a.Pads, strides: a.Strides, dilations: a.Dilations}
}

func inferConv(c *ir.InferCtx) error {
	out, err := c.Node.Op.(*Conv).shape(c.Shape(0), c.Shape(1), c.Shape(2))
	c.SetShape(0, out)
	return err
}

// shape is the shape of the output.
func (a *Conv) shape(x, w, bias ir.Shape) (ir.Shape, error) {
	x, w, err := convShapes(x, w, a.KernelShape)
	if err != nil || x == nil {
		return nil, err
	}
	if a.Group < 1 || a.Group > maxWindowSize {
		return nil, ir.Unsupported("group", a.Group)
	}
	if cin := w[1].Mul(ir.Known(a.Group)); differ(x[1], cin) {
		return nil, fmt.Errorf("input has %v channels, filters of shape %v in %d groups expect %v", x[1], w, a.Group, cin)
	}
	if w[0].IsKnown() && w[0].N%a.Group != 0 {
		return nil, &ir.AttrError{Attr: "group", Msg: fmt.Sprintf("%d does not divide the %d filters", a.Group, w[0].N)}
	}
	if err := checkVector("bias", bias, w[0]); err != nil {
		return nil, err
	}
	out, err := a.sliding().infer(x[2:], w[2:])
	return slices.Concat(ir.Shape{x[0], w[0]}, out), err
}

// convShapes completes the shapes of a convolution's input and filters: where one is known, the other has its rank;
// kernel is the attribute that the filters' sizes must agree with. Both are nil when both are unknown.
func convShapes(x, w ir.Shape, kernel []int) (ir.Shape, ir.Shape, error) {
	switch {
	case x == nil && w == nil:
		return nil, nil, nil
	case x == nil:
		x = ir.UnknownShape(len(w))
	case w == nil:
		w = ir.UnknownShape(len(x))
	}
	if len(x) != len(w) || len(x) < 3 {
		return nil, nil, fmt.Errorf("input %v and filters %v must both have the same number of dimensions, at least 3", x, w)
	}
	if kernel == nil {
		return x, w, nil
	}
	if len(kernel) != len(w)-2 {
		return nil, nil, &ir.AttrError{Attr: "kernel_shape", Msg: fmt.Sprintf("has %d values, expects %d", len(kernel), len(w)-2)}
	}
	w = w.Clone()
	for i, k := range kernel {
		if d := w[i+2]; d.IsKnown() && d.N != k {
			return nil, nil, &ir.AttrError{Attr: "kernel_shape", Msg: fmt.Sprintf("%v contradicts the filters' shape %v", kernel, w)}
		}
		w[i+2] = ir.Known(k)
	}
	return x, w, nil
}

// convMACs is the multiply-accumulates of a convolution: each output element takes a filter.
func convMACs(y, w *ir.Value) int64 {
	shape := w.Type().Shape
	if shape == nil {
		return 0
	}
	return knownCount(y.Type().Shape.Count().Mul(shape[1:].Count()))
}

// convOf gathers, for each position, what the window sees into a column, and multiplies the filters with it. Sums are
// of float64.
func convOf[T tensor.Float](c *ir.EvalCtx) error {
	a := c.Op.(*Conv)
	shape, err := a.shape(shapeOf(c, 0), shapeOf(c, 1), shapeOf(c, 2))
	if err != nil {
		return err
	}
	y, err := outputShaped(c, 0, c.In[0].DType(), shape)
	if err != nil || y.Len() == 0 {
		return err
	}
	x, w := c.In[0].Shape(), c.In[1].Shape()
	win, err := a.Window(x[2:], w[2:])
	if err != nil {
		return err
	}
	if c.In[0].Len() > 0 { // else sums of nothing
		s := &scratch{c: c}
		column, weights := s.floats(w[1], product(win.Kernel)), s.floats(c.In[1].Len())
		if s.err != nil {
			return s.err
		}
		for i, v := range tensor.Data[T](c.In[1]) {
			weights[i] = float64(v)
		}
		convolve(c, tensor.Data[T](y), tensor.Data[T](c.In[0]), weights, column, win, x[0], x[1], w[0], a.Group)
	}
	if c.Has(2) {
		addBias(tensor.Data[T](y), tensor.Data[T](c.In[2]), product(win.Out))
	}
	return nil
}

// convolve computes a convolution without bias of batch images of channels, giving filters channels. Elements are taken
// as float64, which holds every product and sum of the quantized types exactly, too; column is of the size of a filter.
func convolve[T tensor.Float](c *ir.EvalCtx, y, x []T, weights, column []float64, win Window, batch, channels, filters, group int) {
	inPlane, outPlane, kernel := product(win.In), product(win.Out), product(win.Kernel)
	cg, mg := channels/group, filters/group
	win.each(c, func(pos int, taps []tap) {
		if len(taps) < kernel {
			clear(column)
		}
		for ng := range batch * group {
			for i := range cg {
				src, dst := x[(ng*cg+i)*inPlane:][:inPlane], column[i*kernel:]
				for _, t := range taps {
					dst[t.kernel] = float64(src[t.in])
				}
			}
			for m := range mg {
				c.Spend(len(column))
				row := weights[(ng%group*mg+m)*len(column):][:len(column)]
				sum := 0.0
				for i, v := range column {
					sum += v * row[i]
				}
				y[(ng*mg+m)*outPlane+pos] = T(sum)
			}
		}
	})
}

// addBias adds bias[i] to plane i of each image.
func addBias[T tensor.Real](y, bias []T, plane int) {
	for i := range len(y) / max(plane, 1) {
		b := bias[i%len(bias)]
		for j := range y[i*plane:][:plane] {
			y[i*plane+j] += b
		}
	}
}

func gradConv(g *gradient) {
	a, dy := *g.Node.Op.(*Conv), g.Of(0)
	if g.Wants(0) {
		g.give(0, g.do(&ConvGradInput{a}, dy, g.In(1), g.shape(g.In(0))))
	}
	if g.Wants(1) {
		g.give(1, g.do(&ConvGradWeights{a}, dy, g.In(0), g.shape(g.In(1))))
	}
	if g.Wants(2) {
		g.give(2, g.perChannel(dy))
	}
}

// perChannel is the sum of v, N×C×…, over all but the channels.
func (g *gradient) perChannel(v *ir.Value) *ir.Value {
	axes := indexRange(make([]struct{}, g.rank(v)))
	return g.sum(v, false, slices.DeleteFunc(axes, func(d int) bool { return d == 1 })...)
}
