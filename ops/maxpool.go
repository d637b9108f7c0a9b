package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// MaxPool is the greatest element under each position of a window over X, N×C×spatial. Pads never win; a window of
// pads alone gives the least number. NaN wins. The second output is the winner's index in the whole of X; among equals
// the first wins. StorageOrder 1 makes that index column-major within a plane.
type MaxPool struct {
	AutoPad      string `attr:"auto_pad,default=NOTSET,oneof=NOTSET|SAME_UPPER|SAME_LOWER|VALID"`
	CeilMode     bool   `attr:"ceil_mode"`
	Dilations    []int  `attr:"dilations,since=10"`
	KernelShape  []int  `attr:"kernel_shape,required"`
	Pads         []int  `attr:"pads"`
	StorageOrder int    `attr:"storage_order,oneof=0|1,since=8"`
	Strides      []int  `attr:"strides"`
}

func (*MaxPool) Def() *ir.Def { return maxPool }

var maxPool = &ir.Def{
	Name: "MaxPool", Family: ir.Pooling, Doc: "maximum under a sliding window", Since: []int{1, 8, 10, 11, 12, 22},
	New:     func() ir.Op { return ir.New[MaxPool]() },
	Ins:     []ir.Param{{Name: "X", Type: "T"}},
	Outs:    []ir.Param{{Name: "Y", Type: "T"}, {Name: "Indices", Type: "int64", Kind: ir.Optional}},
	Types:   map[string]ir.TypeSet{"T": floatTypes | ir.TypesOf(tensor.Int8, tensor.Uint8)},
	Widened: []ir.Widening{{Opset: 12, Var: "T", Types: ir.TypesOf(tensor.Int8, tensor.Uint8)}},
	Downgrade: func(l *ir.Legacy) error {
		if l.Opset < 8 && l.Node.Out(1) != nil {
			return l.Needs(8, "output 1 (Indices)")
		}
		takeOnes(l, "dilations")
		a := l.Node.Op.(*MaxPool)
		return dropCeil(l, a.sliding(), a.KernelShape, false)
	},
	Infer: func(c *ir.InferCtx) error {
		a := c.Node.Op.(*MaxPool)
		out, err := a.sliding().pooled(c.Shape(0), a.KernelShape)
		c.SetShape(0, out)
		c.SetShape(1, out)
		return err
	},
	Eval: viaFloat32(evalMaxPool),
	Grad: backward(gradMaxPool),
}

// Window resolves the window for the spatial sizes of X.
func (a *MaxPool) Window(in []int) (Window, error) { return a.sliding().resolve(in, a.KernelShape) }

func (a *MaxPool) sliding() sliding {
	return sliding{autoPad: a.AutoPad, pads: a.Pads, strides: a.Strides, dilations: a.Dilations, ceil: a.CeilMode}
}

// pooled is the output shape of a pooling of x.
func (s sliding) pooled(x ir.Shape, kernel []int) (ir.Shape, error) {
	if x == nil {
		return nil, s.check(len(kernel), ir.Dims(kernel...))
	}
	if err := checkPooled(x); err != nil {
		return nil, err
	}
	out, err := s.infer(x[2:], ir.Dims(kernel...))
	return slices.Concat(x[:2], out), err
}

// checkPooled refuses what is not N×C×spatial.
func checkPooled(x ir.Shape) error {
	if x != nil && len(x) < 3 {
		return fmt.Errorf("input of shape %v has no spatial dimensions, expects N×C×spatial", x)
	}
	return nil
}

func evalMaxPool(c *ir.EvalCtx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return maxPoolOf(c, float32(math.Inf(-1)))
	case tensor.Float64:
		return maxPoolOf(c, math.Inf(-1))
	case tensor.Int8:
		return maxPoolOf[int8](c, math.MinInt8)
	default:
		return maxPoolOf[uint8](c, 0)
	}
}

func maxPoolOf[T tensor.Real](c *ir.EvalCtx, least T) error {
	a := c.Op.(*MaxPool)
	y, win, err := poolOutput(c, a.sliding(), a.KernelShape)
	if err != nil || y.Len() == 0 {
		return err
	}
	var indices []int64
	if c.Wants(1) {
		t, err := c.Output(1, tensor.Int64, y.Shape()...)
		if err != nil {
			return err
		}
		indices = tensor.Data[int64](t)
	}
	src, dst := tensor.Data[T](c.In[0]), tensor.Data[T](y)
	inPlane, outPlane := product(win.In), product(win.Out)
	win.each(c, func(pos int, taps []tap) {
		for p := range len(dst) / outPlane {
			c.Spend(len(taps))
			plane, best, at := src[p*inPlane:][:inPlane], least, -1
			for _, t := range taps {
				if v := plane[t.in]; at < 0 || v > best || v != v && best == best {
					best, at = v, t.in
				}
			}
			dst[p*outPlane+pos] = best
			if indices != nil {
				indices[p*outPlane+pos] = int64(p*inPlane + a.stored(max(at, 0), win.In))
			}
		}
	})
	return nil
}

// poolOutput creates output 0 of a pooling and resolves its window.
func poolOutput(c *ir.EvalCtx, s sliding, kernel []int) (*tensor.Tensor, Window, error) {
	shape, err := s.pooled(shapeOf(c, 0), kernel)
	if err != nil {
		return nil, Window{}, err
	}
	y, err := outputShaped(c, 0, c.In[0].DType(), shape)
	if err != nil {
		return nil, Window{}, err
	}
	win, err := s.resolve(c.In[0].Shape()[2:], kernel)
	return y, win, err
}

// stored is the offset within a plane, in the storage order asked for, of the row-major offset at.
func (a *MaxPool) stored(at int, plane []int) int {
	if a.StorageOrder == 0 {
		return at
	}
	offset, stride := 0, product(plane)
	for d := len(plane) - 1; d >= 0; d-- {
		stride /= plane[d]
		offset += at % plane[d] * stride
		at /= plane[d]
	}
	return offset
}

func gradMaxPool(g *gradient) {
	g.give(0, g.do(&MaxPoolGrad{*g.Node.Op.(*MaxPool)}, g.Of(0), g.In(0)))
}
