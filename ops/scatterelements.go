package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
)

// ScatterElements is the data with each update written to the place that GatherElements would read.
type ScatterElements struct {
	Axis      int    `attr:"axis,default=0"`
	Reduction string `attr:"reduction,default=none,oneof=none|add|mul|max|min,since=16"`
}

func (*ScatterElements) Def() *ir.Def { return scatterElements }

var scatterElements = &ir.Def{
	Name: "ScatterElements", Family: ir.Shaping, Doc: "writes elements by an index along an axis", Since: []int{11, 13, 16, 18},
	New:   func() ir.Op { return ir.New[ScatterElements]() },
	Ins:   []ir.Param{{Name: "data", Type: "T"}, {Name: "indices", Type: "Tind"}, {Name: "updates", Type: "T"}},
	Outs:  []ir.Param{{Name: "output", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": anyType, "Tind": indexTypes},
	Downgrade: func(l *ir.Legacy) error {
		if l.Opset < 9 {
			return l.Needs(9, "the operator")
		}
		if l.Opset < 11 {
			l.Type = "Scatter"
		}
		if err := newReductions(l); err != nil {
			return err
		}
		return downgradeAxis(l)
	},
	Infer: func(c *ir.InferCtx) error {
		c.SetShape(0, c.Shape(0))
		at, updates := c.Shape(1), c.Shape(2)
		if at != nil && updates != nil {
			if len(at) != len(updates) {
				return fmt.Errorf("indices %v and updates %v differ in shape", at, updates)
			}
			for d := range at {
				if differ(at[d], updates[d]) {
					return fmt.Errorf("indices %v and updates %v differ in shape", at, updates)
				}
			}
		}
		return checkElementwise(c.Shape(0), at, c.Node.Op.(*ScatterElements).Axis)
	},
	Eval: viaFloat32(func(c *ir.EvalCtx) error {
		a := c.Op.(*ScatterElements)
		places, err := elementPlaces(c, a.Axis)
		if err != nil {
			return err
		}
		return scatter(c, c.In[0], c.In[2], places, a.Reduction)
	}),
}
