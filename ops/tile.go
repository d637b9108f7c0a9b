package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Tile repeats a tensor along each dimension.
type Tile struct{}

func (*Tile) Def() *ir.Def { return tile }

var tile = &ir.Def{
	Name: "Tile", Family: ir.Shaping, Doc: "repeats along each dimension", Since: []int{1, 6, 13},
	New:     func() ir.Op { return ir.New[Tile]() },
	Ins:     []ir.Param{{Name: "input", Type: "T"}, {Name: "repeats", Type: "int64"}},
	Outs:    []ir.Param{{Name: "output", Type: "T"}},
	Types:   map[string]ir.TypeSet{"T": anyType},
	Upgrade: upgradeTile,
	Infer: func(c *ir.InferCtx) error {
		x, repeats := c.Shape(0), c.Dims(1)
		switch {
		case x == nil:
			return nil
		case repeats == nil:
			c.SetShape(0, ir.UnknownShape(len(x)))
			return nil
		}
		out, err := tiled(x, repeats)
		c.SetShape(0, out)
		return err
	},
	Eval: func(c *ir.EvalCtx) error {
		x := c.In[0]
		repeats, _ := c.In[1].AsInts()
		shape, err := tiled(shapeOf(c, 0), ir.Dims(repeats...))
		if err != nil {
			return err
		}
		out, err := outputShaped(c, 0, x.DType(), shape)
		if err != nil || out.Len() == 0 {
			return err
		}
		offsets, strides := make([][]int, x.Rank()), tensor.Strides(x.Shape())
		for d := range offsets {
			for range repeats[d] {
				offsets[d] = append(offsets[d], places(0, x.Dim(d), 1, strides[d])...)
			}
		}
		copyMapped(c, out, x, offsets)
		return nil
	},
	Grad: backward(moved),
}

// Opset 1 had a number of tiles and an axis, each a tensor of one element.
func upgradeTile(l *ir.Legacy) error {
	if l.Opset >= 6 {
		return nil
	}
	for i, name := range []string{"tiles", "axis"} {
		if l.In(i+1) == nil || l.In(i+1).Const() == nil || l.In(i+1).Const().Len() != 1 {
			return fmt.Errorf("input %d (%s): only a constant of one element is supported in opset 1", i+1, name)
		}
	}
	x := l.In(0).Type().Shape
	if x == nil {
		return fmt.Errorf("an input of unknown rank is not supported in opset 1")
	}
	numbers := make([]int, 2)
	for i := range numbers {
		data, ok := l.In(i + 1).Const().AsFloat32()
		if ok {
			numbers[i] = int(data[0])
			continue
		}
		ints, _ := l.In(i + 1).Const().AsInts()
		numbers[i] = ints[0]
	}
	axis, err := axisOf(numbers[1], len(x))
	if err != nil {
		return err
	}
	repeats := make([]int, len(x))
	for d := range repeats {
		repeats[d] = 1
	}
	repeats[axis] = numbers[0]
	l.Inputs = []*ir.Value{l.In(0), l.Ints(repeats...)}
	return nil
}

func tiled(x ir.Shape, repeats []ir.Dim) (ir.Shape, error) {
	if len(repeats) != len(x) {
		return nil, fmt.Errorf("%d repeats for a tensor of %d dimensions", len(repeats), len(x))
	}
	if err := checkSizes("repeats", repeats); err != nil {
		return nil, err
	}
	out := make(ir.Shape, len(x))
	for d := range x {
		out[d] = x[d].Mul(repeats[d])
	}
	return out, nil
}
