package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
)

// Trilu keeps the upper triangle of the last two dimensions, or the lower one, from the k-th diagonal on; the rest is
// zero.
type Trilu struct {
	Upper bool `attr:"upper,default=1"`
}

func (*Trilu) Def() *ir.Def { return trilu }

var trilu = &ir.Def{
	Name: "Trilu", Doc: "a triangle of matrices", Since: []int{14},
	New:   func() ir.Op { return ir.New[Trilu]() },
	Ins:   []ir.Param{{Name: "input", Type: "T"}, {Name: "k", Type: "int64", Kind: ir.Optional}},
	Outs:  []ir.Param{{Name: "output", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": anyType},
	Infer: func(c *ir.InferCtx) error {
		c.SetShape(0, c.Shape(0))
		return checkMatrices(c.Shape(0))
	},
	Eval: evalTrilu,
}

func checkMatrices(x ir.Shape) error {
	if x != nil && len(x) < 2 {
		return fmt.Errorf("input has shape %v, expects matrices", x)
	}
	return nil
}

func evalTrilu(c *ir.EvalCtx) error {
	x, k := c.In[0], 0
	if err := checkMatrices(shapeOf(c, 0)); err != nil {
		return err
	}
	if c.Has(1) {
		ints, _ := c.In[1].AsInts()
		if len(ints) != 1 {
			return fmt.Errorf("k has %d elements, expects one", len(ints))
		}
		k = ints[0]
	}
	out, err := c.Output(0, x.DType(), x.Shape()...)
	if err != nil {
		return err
	}
	rows, cols := x.Dim(-2), x.Dim(-1)
	upper := c.Op.(*Trilu).Upper
	if err := c.Reserve(x.Len(), 8); err != nil {
		return err
	}
	var keep []int
	for i := range x.Len() {
		row, col := i/cols%rows, i%cols
		if upper && col-row >= k || !upper && col-row <= k {
			keep = append(keep, i)
		}
	}
	moveElements(c, out, x, keep, keep)
	return nil
}
