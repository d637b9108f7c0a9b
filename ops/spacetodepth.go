package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
)

// SpaceToDepth moves Blocksize×Blocksize blocks of pixels into channels, of which the place in the block is the slower
// part: N×C×H×W gives N×C·b²×H/b×W/b.
type SpaceToDepth struct {
	Blocksize int `attr:"blocksize,required"`
}

func (*SpaceToDepth) Def() *ir.Def { return spaceToDepth }

var spaceToDepth = &ir.Def{
	Name: "SpaceToDepth", Family: ir.Shaping, Doc: "blocks of pixels to channels", Since: []int{1, 13},
	New:   func() ir.Op { return ir.New[SpaceToDepth]() },
	Ins:   []ir.Param{{Name: "input", Type: "T"}},
	Outs:  []ir.Param{{Name: "output", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": anyType},
	Infer: func(c *ir.InferCtx) error {
		out, err := c.Node.Op.(*SpaceToDepth).shape(c.Shape(0))
		c.SetShape(0, out)
		return err
	},
	Eval: evalSpaceToDepth,
	Grad: backward(moved),
}

func (a *SpaceToDepth) shape(x ir.Shape) (ir.Shape, error) {
	b := ir.Known(a.Blocksize)
	if err := checkBlock(x, a.Blocksize); err != nil || x == nil {
		return nil, err
	}
	for _, d := range x[2:] {
		if d.IsKnown() && d.N%a.Blocksize != 0 {
			return nil, &ir.AttrError{Attr: "blocksize", Msg: fmt.Sprintf("%d does not divide the height and the width of %v", a.Blocksize, x)}
		}
	}
	return ir.Shape{x[0], x[1].Mul(b.Mul(b)), x[2].Div(b), x[3].Div(b)}, nil
}

func evalSpaceToDepth(c *ir.EvalCtx) error {
	a := c.Op.(*SpaceToDepth)
	shape, err := a.shape(shapeOf(c, 0))
	if err != nil {
		return err
	}
	out, err := outputShaped(c, 0, c.In[0].DType(), shape)
	if err != nil {
		return err
	}
	b, ch, h, w := a.Blocksize, c.In[0].Dim(1), c.In[0].Dim(2), c.In[0].Dim(3)
	copyStrided(c, out, c.In[0], []int{out.Dim(0), b, b, ch, h / b, w / b}, []int{ch * h * w, w, 1, h * w, b * w, b})
	return nil
}
