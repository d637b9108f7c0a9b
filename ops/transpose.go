package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Transpose permutes the dimensions: output dimension i is input dimension Perm[i]. Without Perm they are reversed.
type Transpose struct {
	Perm []int `attr:"perm"`
}

func (*Transpose) Def() *ir.Def { return transpose }

var transpose = &ir.Def{
	Name: "Transpose", Family: ir.Shaping, Doc: "permutes the dimensions", Since: []int{1, 13, 21, 23, 24},
	New:   func() ir.Op { return ir.New[Transpose]() },
	Ins:   []ir.Param{{Name: "data", Type: "T"}},
	Outs:  []ir.Param{{Name: "transposed", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": anyType},
	Infer: func(c *ir.InferCtx) error {
		x := c.Shape(0)
		if x == nil {
			return nil
		}
		perm, err := c.Node.Op.(*Transpose).Permutation(len(x))
		if err != nil {
			return err
		}
		out := make(ir.Shape, len(x))
		for i, p := range perm {
			out[i] = x[p]
		}
		c.SetShape(0, out)
		return nil
	},
	Eval: func(c *ir.EvalCtx) error {
		x := c.In[0]
		perm, err := c.Op.(*Transpose).Permutation(x.Rank())
		if err != nil {
			return err
		}
		shape, strides := make([]int, len(perm)), make([]int, len(perm))
		all := tensor.Strides(x.Shape())
		for i, p := range perm {
			shape[i], strides[i] = x.Dim(p), all[p]
		}
		out, err := c.Output(0, x.DType(), shape...)
		if err != nil {
			return err
		}
		copyStrided(c, out, x, shape, strides)
		return nil
	},
	Grad: backward(gradTranspose),
}

// Permutation is Perm, resolved for a tensor of rank dimensions.
func (a *Transpose) Permutation(rank int) ([]int, error) {
	perm := a.Perm
	if perm == nil {
		for i := range rank {
			perm = append(perm, rank-1-i)
		}
	}
	if len(perm) != rank {
		return nil, &ir.AttrError{Attr: "perm", Msg: fmt.Sprintf("has %d values for a tensor of %d dimensions", len(perm), rank)}
	}
	perm, err := axesOf(perm, rank)
	if err != nil {
		return nil, &ir.AttrError{Attr: "perm", Msg: err.Error()}
	}
	return perm, nil
}

func gradTranspose(g *gradient) {
	perm, err := g.Node.Op.(*Transpose).Permutation(g.rank(g.Of(0)))
	if err != nil {
		g.fail("%w", err)
		return
	}
	inverse := make([]int, len(perm))
	for i, p := range perm {
		inverse[p] = i
	}
	g.give(0, g.do(&Transpose{Perm: inverse}, g.Of(0)))
}
