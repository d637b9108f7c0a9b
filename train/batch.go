package train

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// FreeBatch lets a model whose input is of a fixed number of images take any number, as teaching needs it, and reports
// whether it had to: the first dimension becomes a symbol, and Reshapes that state the number keep the dimension that they
// find. A model that knows the number in other ways is an error.
func FreeBatch(g *ir.Graph) (freed bool, err error) {
	if len(g.Inputs()) != 1 {
		return false, nil
	}
	x := g.Inputs()[0]
	shape := x.Type().Shape
	if len(shape) < 2 || !shape[0].IsKnown() {
		return false, nil
	}
	batch := shape[0]
	rw := ir.NewRetyper(g)
	for _, n := range g.Nodes() {
		if err := freeReshape(rw, n, batch.N); err != nil {
			return false, fmt.Errorf("train: %w", &ir.Error{Node: n.Name, Op: n.OpName(), Err: err})
		}
	}
	if err := rw.Done(); err != nil {
		return false, fmt.Errorf("train: %w", err)
	}
	symbol := append(ir.Shape{ir.Symbol("N")}, shape[1:]...)
	if err := g.SetInputType(x, ir.Type{DType: x.Type().DType, Shape: symbol}); err != nil {
		return false, fmt.Errorf("train: %w", err)
	}
	refuse := func(why error) error {
		return fmt.Errorf("train: input %q: the model takes %d images and no other number: %w: export it with a dynamic batch", x.Name(), batch.N, why)
	}
	if err := g.InferAll(); err != nil {
		return false, refuse(err)
	}
	for _, v := range g.Outputs() {
		if s := v.Type().Shape; len(s) > 0 && !s[0].Same(symbol[0]) {
			return false, refuse(fmt.Errorf("output %q has type %v", v.Name(), v.Type()))
		}
	}
	return true, nil
}

// freeReshape lets a Reshape of something with that batch, which states it, keep the dimension that it finds.
func freeReshape(rw *ir.Rewriter, n *ir.Node, batch int) error {
	op, ok := n.Op.(*ops.Reshape)
	if !ok || op.AllowZero || n.In(1).Const() == nil {
		return nil
	}
	from := n.In(0).Type().Shape
	to, _ := n.In(1).Const().AsInts()
	if len(from) == 0 || !from[0].Same(ir.Known(batch)) || len(to) == 0 || to[0] != batch {
		return nil
	}
	sizes := make([]int64, len(to))
	for i, v := range slices.Concat([]int{0}, to[1:]) {
		sizes[i] = int64(v)
	}
	return rw.SetInput(n, 1, rw.Const(n.In(1).Name(), tensor.FromSlice(sizes, len(sizes))))
}
