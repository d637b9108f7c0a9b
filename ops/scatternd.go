package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
)

// ScatterND is the data with slices written to where the last dimension of the indices names by its coordinates.
type ScatterND struct {
	Reduction string `attr:"reduction,default=none,oneof=none|add|mul|max|min,since=16"`
}

func (*ScatterND) Def() *ir.Def { return scatterND }

var scatterND = &ir.Def{
	Name: "ScatterND", Family: ir.Shaping, Doc: "writes slices by coordinates", Since: []int{11, 13, 16, 18},
	New:       func() ir.Op { return ir.New[ScatterND]() },
	Ins:       []ir.Param{{Name: "data", Type: "T"}, {Name: "indices", Type: "int64"}, {Name: "updates", Type: "T"}},
	Outs:      []ir.Param{{Name: "output", Type: "T"}},
	Types:     map[string]ir.TypeSet{"T": anyType},
	Downgrade: newReductions,
	Infer: func(c *ir.InferCtx) error {
		c.SetShape(0, c.Shape(0))
		return checkScatterND(c.Shape(0), c.Shape(1), c.Shape(2))
	},
	Eval: viaFloat32(func(c *ir.EvalCtx) error {
		if err := checkScatterND(shapeOf(c, 0), shapeOf(c, 1), shapeOf(c, 2)); err != nil {
			return err
		}
		places, err := slicePlaces(c, 0)
		if err != nil {
			return err
		}
		return scatter(c, c.In[0], c.In[2], places, c.Op.(*ScatterND).Reduction)
	}),
}

func checkScatterND(x, at, updates ir.Shape) error {
	want, err := (&GatherND{}).shape(x, at)
	if err != nil || want == nil || updates == nil {
		return err
	}
	if len(want) != len(updates) {
		return fmt.Errorf("updates have shape %v, the indices name %v", updates, want)
	}
	for d := range want {
		if differ(want[d], updates[d]) {
			return fmt.Errorf("updates have shape %v, the indices name %v", updates, want)
		}
	}
	return nil
}
