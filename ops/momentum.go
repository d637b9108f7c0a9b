package ops

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Momentum is a step of gradient descent (Sutskever et al. 2013). With g = scale·dW + Decay·W and V beginning at 0,
//
//	V' = Momentum·V + g
//	W' = W - rate·RateFactor·(Nesterov ? g + Momentum·V' : V')
//
// Without V, V' is g. A scale that is NaN leaves W and V as they are.
type Momentum struct {
	Momentum   float32 `attr:"momentum"`
	Nesterov   bool    `attr:"nesterov"`
	Decay      float32 `attr:"decay"`
	RateFactor float32 `attr:"rate_factor,default=1"`
}

func (*Momentum) Def() *ir.Def { return momentum }

var momentum = &ir.Def{
	Name: "Momentum", Domain: fusedDomain, Doc: "step of gradient descent with momentum", Since: []int{1},
	New: func() ir.Op { return ir.New[Momentum]() },
	Ins: []ir.Param{{Name: "W", Type: "T"}, {Name: "dW", Type: "T"}, {Name: "rate", Type: "T"},
		{Name: "scale", Type: "T", Kind: ir.Optional}, {Name: "V", Type: "T", Kind: ir.Optional}},
	Outs:  []ir.Param{{Name: "W'", Type: "T"}, {Name: "V'", Type: "T", Kind: ir.Optional}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Infer: func(c *ir.InferCtx) error { return inferUpdate(c, []int{2, 3}, []int{4}) },
	Eval: func(c *ir.EvalCtx) error {
		a := c.Op.(*Momentum)
		u, err := newUpdate(c, 3)
		if err != nil {
			return err
		}
		v := u.state(c, 4)
		rate, mu, decay := u.scalar(c, 2)*float64(a.RateFactor), float64(a.Momentum), float64(a.Decay)
		if u.err != nil {
			return u.err
		}
		for i := range u.w {
			if u.still {
				break
			}
			g := u.scale*u.dw[i] + decay*u.w[i]
			v[i] = mu*v[i] + g
			if d := v[i]; a.Nesterov {
				u.w[i] -= rate * (g + mu*d)
			} else {
				u.w[i] -= rate * d
			}
		}
		return u.give(c, u.w, v)
	},
}

// inferUpdate gives the outputs of an update the shape of W, which dW and the states have too.
func inferUpdate(c *ir.InferCtx, scalars, states []int) error {
	for _, i := range scalars {
		if s := c.Shape(i); s != nil && differ(s.Count(), ir.Known(1)) {
			return fmt.Errorf("input %d has shape %v, expects a scalar", i, s)
		}
	}
	for _, i := range append([]int{1}, states...) {
		if err := checkGradient(c.Shape(i), c.Shape(0)); err != nil {
			return err
		}
	}
	for o := range c.NumOut() {
		c.SetShape(o, c.Shape(0))
	}
	return nil
}

// update is the numbers of an update, copies but for dw.
type update struct {
	w, dw []float64
	scale float64
	still bool // scale is NaN: nothing changes
	*scratch
}

// newUpdate reads W, dW, and the scale that input i is if present.
func newUpdate(c *ir.EvalCtx, i int) (*update, error) {
	if err := checkGradient(shapeOf(c, 1), shapeOf(c, 0)); err != nil {
		return nil, err
	}
	s := &scratch{c: c}
	u := &update{w: s.floats(c.In[0].Len()), dw: s.wide(c.In[1]), scale: 1, scratch: s}
	if s.err != nil {
		return nil, s.err
	}
	copy(u.w, asFloat64(c.In[0]))
	if c.Has(i) {
		u.scale = u.scalar(c, i)
		u.still = math.IsNaN(u.scale)
	}
	return u, u.err
}

// scalar is the one element of input i.
func (u *update) scalar(c *ir.EvalCtx, i int) float64 {
	if n := c.In[i].Len(); n != 1 {
		u.err = fmt.Errorf("input %d has %d elements, expects one", i, n)
		return 0
	}
	return asFloat64(c.In[i])[0]
}

// state is what input i holds, zeros where it is absent.
func (u *update) state(c *ir.EvalCtx, i int) []float64 {
	v := u.floats(len(u.w))
	copy(v, u.wide(c.Input(i)))
	return v
}

// give sets the outputs.
func (u *update) give(c *ir.EvalCtx, outs ...[]float64) error {
	for o := range outs {
		if err := outputFloat64(c, o, c.In[0].DType(), outs[o], c.In[0].Shape()); err != nil {
			return err
		}
	}
	return nil
}
