package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// OneHot spreads each index over a new axis of depth places: the on value where the index is, the off value elsewhere,
// and everywhere for an index out of range. Negative indices count from the end.
type OneHot struct {
	Axis int `attr:"axis,default=-1"`
}

func (*OneHot) Def() *ir.Def { return oneHot }

var oneHot = &ir.Def{
	Name: "OneHot", Doc: "indices as rows of which one element is on", Since: []int{9, 11},
	New:   func() ir.Op { return ir.New[OneHot]() },
	Ins:   []ir.Param{{Name: "indices", Type: "T1", Learned: ir.Never}, {Name: "depth", Type: "T2", Learned: ir.Never}, {Name: "values", Type: "T3", Learned: ir.Never}},
	Outs:  []ir.Param{{Name: "output", Type: "T3"}},
	Types: map[string]ir.TypeSet{"T1": numericTypes, "T2": numericTypes, "T3": anyType},
	Downgrade: func(l *ir.Legacy) error {
		if l.Node.Op.(*OneHot).Axis == -1 { // the default, of old
			return nil
		}
		return axisFromFront(l, 1)
	},
	Infer: func(c *ir.InferCtx) error {
		at := c.Shape(0)
		if at == nil {
			return nil
		}
		axis, err := axisOf(c.Node.Op.(*OneHot).Axis, len(at)+1)
		if err != nil {
			return &ir.AttrError{Attr: "axis", Msg: err.Error()}
		}
		depth := ir.UnknownDim
		if t := c.Const(1); t != nil {
			n, err := oneHotDepth(t)
			if err != nil {
				return err
			}
			depth = ir.Known(n)
		}
		c.SetShape(0, slices.Insert(at.Clone(), axis, depth))
		return nil
	},
	Eval: evalOneHot,
}

func oneHotDepth(t *tensor.Tensor) (int, error) {
	if t.Len() != 1 {
		return 0, fmt.Errorf("depth has %d elements, expects one", t.Len())
	}
	n := asFloat64(t)[0]
	if !(n >= 0 && n <= maxWindowSize) {
		return 0, fmt.Errorf("depth is %v, out of range", n)
	}
	return int(n), nil
}

func evalOneHot(c *ir.EvalCtx) error {
	axis, err := axisOf(c.Op.(*OneHot).Axis, c.In[0].Rank()+1)
	if err != nil {
		return err
	}
	depth, err := oneHotDepth(c.In[1])
	if err != nil {
		return err
	}
	if c.In[2].Len() != 2 {
		return fmt.Errorf("values has %d elements, expects the off and the on value", c.In[2].Len())
	}
	out, err := c.Output(0, c.In[2].DType(), slices.Insert(slices.Clone(c.In[0].Shape()), axis, depth)...)
	if err != nil {
		return err
	}
	copyStrided(c, out, c.In[2], out.Shape(), make([]int, out.Rank()))
	inner := 1
	for _, n := range c.In[0].Shape()[axis:] {
		inner *= n
	}
	s := &scratch{c: c}
	wide, on, ones := s.wide(c.In[0]), take[int](s, c.In[0].Len())[:0], take[int](s, c.In[0].Len())
	if s.err != nil {
		return s.err
	}
	fill(ones, 1)
	for i, v := range wide {
		v = math.Trunc(v)
		if v < 0 {
			v += float64(depth)
		}
		if v >= 0 && v < float64(depth) {
			on = append(on, (i/inner*depth+int(v))*inner+i%inner)
		}
	}
	moveElements(c, out, c.In[2], on, ones[:len(on)])
	return nil
}
