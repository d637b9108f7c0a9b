package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
)

// DepthToSpace moves channels into Blocksize×Blocksize blocks of pixels: N×C×H×W gives N×C/b²×H·b×W·b. In mode DCR the
// place in the block is the slower part of the channel's number, in mode CRD (sub-pixel convolution) the faster.
type DepthToSpace struct {
	Blocksize int    `attr:"blocksize,required"`
	Mode      string `attr:"mode,default=DCR,oneof=DCR|CRD,since=11"`
}

func (*DepthToSpace) Def() *ir.Def { return depthToSpace }

var depthToSpace = &ir.Def{
	Name: "DepthToSpace", Family: ir.Shaping, Doc: "channels to blocks of pixels", Since: []int{1, 11, 13},
	New:   func() ir.Op { return ir.New[DepthToSpace]() },
	Ins:   []ir.Param{{Name: "input", Type: "T"}},
	Outs:  []ir.Param{{Name: "output", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": anyType},
	Infer: func(c *ir.InferCtx) error {
		out, err := c.Node.Op.(*DepthToSpace).shape(c.Shape(0))
		c.SetShape(0, out)
		return err
	},
	Eval: evalDepthToSpace,
	Grad: backward(moved),
}

func (a *DepthToSpace) shape(x ir.Shape) (ir.Shape, error) {
	b := ir.Known(a.Blocksize)
	if err := checkBlock(x, a.Blocksize); err != nil || x == nil {
		return nil, err
	}
	if x[1].IsKnown() && x[1].N%(a.Blocksize*a.Blocksize) != 0 {
		return nil, &ir.AttrError{Attr: "blocksize", Msg: fmt.Sprintf("the square of %d does not divide the %d channels", a.Blocksize, x[1].N)}
	}
	return ir.Shape{x[0], x[1].Div(b.Mul(b)), x[2].Mul(b), x[3].Mul(b)}, nil
}

// checkBlock refuses a block size that is out of range and a shape that is not N×C×H×W.
func checkBlock(x ir.Shape, size int) error {
	if size < 1 || size > maxWindowSize {
		return ir.Unsupported("blocksize", size)
	}
	if x != nil && len(x) != 4 {
		return fmt.Errorf("input has shape %v, expects N×C×H×W", x)
	}
	return nil
}

func evalDepthToSpace(c *ir.EvalCtx) error {
	a := c.Op.(*DepthToSpace)
	shape, err := a.shape(shapeOf(c, 0))
	if err != nil {
		return err
	}
	out, err := outputShaped(c, 0, c.In[0].DType(), shape)
	if err != nil {
		return err
	}
	b, ch, h, w := a.Blocksize, out.Dim(1), c.In[0].Dim(2), c.In[0].Dim(3)
	plane := h * w
	channel, block := plane, ch*plane // DCR: the channel's number is (row in block, column in block, channel)
	if a.Mode == "CRD" {
		channel, block = b*b*plane, plane
	}
	copyStrided(c, out, c.In[0], []int{out.Dim(0), ch, h, b, w, b}, []int{ch * b * b * plane, channel, w, b * block, 1, block})
	return nil
}
