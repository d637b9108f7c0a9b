package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Where is X where the condition is true, else Y.
type Where struct{}

func (*Where) Def() *ir.Def { return whereOp }

var whereOp = &ir.Def{
	Name: "Where", Family: ir.Arithmetic, Doc: "X where a condition is true, else Y, elementwise with broadcasting", Since: []int{9, 16},
	New:   func() ir.Op { return ir.New[Where]() },
	Ins:   []ir.Param{{Name: "condition", Type: "bool"}, {Name: "X", Type: "T"}, {Name: "Y", Type: "T"}},
	Outs:  []ir.Param{{Name: "output", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": anyType},
	Infer: inferWhere,
	Eval:  evalWhere,
	Grad:  backward(gradWhere),
}

func inferWhere(c *ir.InferCtx) error {
	if err := inferBroadcast(c); err != nil {
		return err
	}
	condition := c.Const(0)
	if condition == nil || condition.Rank() > 1 || condition.Len() == 0 {
		return nil
	}
	chosen := tensor.Data[bool](condition)
	i := -1
	pick := func(x, y ir.Dim) ir.Dim {
		if i++; chosen[i%len(chosen)] {
			return x
		}
		return y
	}
	x, y := c.Dims(1), c.Dims(2)
	if len(chosen) > 1 && max(len(x), len(y)) == 1 { // the condition stretches both
		return nil
	}
	c.SetDims(0, combineDims(c.DType(1), x, y, pick))
	return nil
}

func evalWhere(c *ir.EvalCtx) error {
	out, err := broadcastOutput(c, c.In[1].DType())
	if err != nil {
		return err
	}
	x, y := c.In[1], c.In[2]
	choose := chooser{c, out, c.In[0], x, y}
	switch out.DType().Size() {
	case 0:
		chooseRows(choose, tensor.Data[string](out), tensor.Data[string](x), tensor.Data[string](y))
	case 1:
		chooseRows(choose, out.Bytes(), x.Bytes(), y.Bytes())
	case 2:
		chooseRows(choose, elements[[2]byte](out), elements[[2]byte](x), elements[[2]byte](y))
	case 4:
		chooseRows(choose, elements[[4]byte](out), elements[[4]byte](x), elements[[4]byte](y))
	case 8:
		chooseRows(choose, elements[[8]byte](out), elements[[8]byte](x), elements[[8]byte](y))
	case 16:
		chooseRows(choose, elements[[16]byte](out), elements[[16]byte](x), elements[[16]byte](y))
	}
	return nil
}

type chooser struct {
	ctx                  *ir.EvalCtx
	out, condition, x, y *tensor.Tensor
}

func chooseRows[E any](t chooser, out, x, y []E) {
	r := broadcastRows(t.out.Shape(), t.condition.Shape(), t.x.Shape(), t.y.Shape())
	condition := tensor.Data[bool](t.condition)
	steps := make([]int, 3)
	for k, n := range r.lengths {
		steps[k] = min(n-1, 1)
	}
	r.each(func(at int, offs []int) {
		t.ctx.Spend(r.length)
		c, i, j := offs[0], offs[1], offs[2]
		for k := range r.length {
			if condition[c] {
				out[at+k] = x[i]
			} else {
				out[at+k] = y[j]
			}
			c, i, j = c+steps[0], i+steps[1], j+steps[2]
		}
	})
}

func gradWhere(g *gradient) {
	zero := g.number(g.Of(0), 0)
	if g.Wants(1) {
		g.give(1, g.sumTo(g.do(&Where{}, g.In(0), g.Of(0), zero), g.In(1)))
	}
	if g.Wants(2) {
		g.give(2, g.sumTo(g.do(&Where{}, g.In(0), zero, g.Of(0)), g.In(2)))
	}
}
