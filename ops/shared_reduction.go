package ops

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Reducing is the attributes that all reductions have: KeepDims leaves the reduced dimensions with size 1, and
// NoopWithEmptyAxes makes an absent or empty list of axes mean none of them instead of all.
type Reducing struct {
	KeepDims          bool `attr:"keepdims,default=1"`
	NoopWithEmptyAxes bool `attr:"noop_with_empty_axes"`
}

// reduction makes the Def of a reduction. The axes, an attribute before opset axesInput, are an input.
func reduction(name, doc string, since []int, axesInput int, types ir.TypeSet, newOp func() ir.Op,
	params func(ir.Op) Reducing, eval func(*ir.EvalCtx, reducer) error) *ir.Def {
	return &ir.Def{
		Name: name, Family: ir.Reduction, Doc: doc, Since: since, New: newOp,
		Ins:   []ir.Param{{Name: "data", Type: "T"}, {Name: "axes", Type: "int64", Kind: ir.Optional}},
		Outs:  []ir.Param{{Name: "reduced", Type: "T"}},
		Types: map[string]ir.TypeSet{"T": types},
		Upgrade: func(l *ir.Legacy) error {
			if l.Opset < axesInput {
				return l.IntsInput("axes", 1)
			}
			return nil
		},
		Downgrade: func(l *ir.Legacy) error {
			if l.Opset >= axesInput {
				return nil
			}
			return params(l.Node.Op).downgrade(l, axesInput)
		},
		Infer: func(c *ir.InferCtx) error { return inferReduction(c, params(c.Node.Op)) },
		Eval: viaFloat32(func(c *ir.EvalCtx) error {
			r, err := newReducer(c, params(c.Op))
			if err != nil {
				return err
			}
			return eval(c, r)
		}),
	}
}

func inferReduction(c *ir.InferCtx, a Reducing) error {
	x := c.Shape(0)
	if x == nil {
		return nil
	}
	axes, known := c.Ints(1)
	if c.Has(1) && !known {
		if a.KeepDims {
			c.SetShape(0, ir.UnknownShape(len(x)))
		} else if n, ok := length(c, 1); ok && 0 < n && n <= len(x) {
			c.SetShape(0, ir.UnknownShape(len(x)-n))
		}
		return nil
	}
	reduced, err := a.reduced(axes, len(x))
	if err != nil {
		return err
	}
	out := ir.Shape{}
	for d, n := range x {
		switch {
		case !reduced[d]:
			out = append(out, n)
		case a.KeepDims:
			out = append(out, ir.Known(1))
		}
	}
	c.SetShape(0, out)
	return nil
}

// reduced marks the dimensions that are reduced.
func (a Reducing) reduced(axes []int, rank int) ([]bool, error) {
	marks := make([]bool, rank)
	if len(axes) == 0 {
		return slices.Repeat([]bool{!a.NoopWithEmptyAxes}, rank), nil
	}
	axes, err := axesOf(axes, rank)
	for _, d := range axes {
		marks[d] = true
	}
	return marks, err
}

func (a Reducing) attributes() Reducing { return a }

// reducing is the attributes of a reduction.
func reducing(op ir.Op) Reducing { return op.(interface{ attributes() Reducing }).attributes() }

// Reduced marks the dimensions of a tensor of a rank that are reduced, given the node's axes.
func (a Reducing) Reduced(axes []int, rank int) ([]bool, error) { return a.reduced(axes, rank) }

// reducer knows which input elements make up each output element.
type reducer struct {
	x           *tensor.Tensor
	shape       []int // of the output
	kept, inner []int // offsets of the output elements, and from there of the elements of each
	noop        bool
}

func newReducer(c *ir.EvalCtx, a Reducing) (reducer, error) {
	x := c.In[0]
	var axes []int
	if c.Has(1) {
		axes, _ = c.In[1].AsInts()
	}
	marks, err := a.reduced(axes, x.Rank())
	if err != nil {
		return reducer{}, err
	}
	r := reducer{x: x, shape: []int{}, kept: []int{0}, inner: []int{0}, noop: !slices.Contains(marks, true) && a.NoopWithEmptyAxes}
	if x.Len() == 0 {
		r.inner = nil
	}
	strides := tensor.Strides(x.Shape())
	for d, n := range x.Shape() {
		if marks[d] {
			if r.inner, err = spread(c, r.inner, n, strides[d]); err != nil {
				return reducer{}, err
			}
			if a.KeepDims {
				r.shape = append(r.shape, 1)
			}
			continue
		}
		if r.kept, err = spread(c, r.kept, n, strides[d]); err != nil {
			return reducer{}, err
		}
		r.shape = append(r.shape, n)
	}
	return r, nil
}

// spread is the offsets of n places, stride apart, from each of the offsets.
func spread(c *ir.EvalCtx, offsets []int, n, stride int) ([]int, error) {
	if len(offsets) == 0 {
		return nil, nil
	}
	out, err := ir.Scratch[int](c, len(offsets), n)
	for i := range out {
		out[i] = offsets[i/n] + i%n*stride
	}
	return out, err
}

// fold computes each output as finish(the elements folded into init, their number).
func fold[T tensor.Real, A any](c *ir.EvalCtx, r reducer, init A, step func(A, T) A, finish func(A, int) T) error {
	if r.noop {
		c.SetOutput(0, r.x)
		return nil
	}
	out, err := c.Output(0, r.x.DType(), r.shape...)
	if err != nil {
		return err
	}
	src, dst := tensor.Data[T](r.x), tensor.Data[T](out)
	for i, base := range r.kept {
		acc := init
		c.Steps(len(r.inner), 1, func(from, to int) {
			for _, o := range r.inner[from:to] {
				acc = step(acc, src[base+o])
			}
		})
		dst[i] = finish(acc, len(r.inner))
	}
	return nil
}

// reduceNumbers folds floats in float64 and integers in int64, whose two's complement is right for uint64, too.
func reduceNumbers(init float64, step func(acc, x float64) float64, finish func(acc float64, n int) float64,
	intStep func(acc, x int64) int64, intFinish func(acc int64, n int) int64) func(*ir.EvalCtx, reducer) error {
	return func(c *ir.EvalCtx, r reducer) error {
		switch r.x.DType() {
		case tensor.Float32:
			return foldVia[float32](c, r, init, step, finish)
		case tensor.Float64:
			return foldVia[float64](c, r, init, step, finish)
		case tensor.Int32:
			return foldVia[int32](c, r, int64(init), intStep, intFinish)
		case tensor.Int64:
			return foldVia[int64](c, r, int64(init), intStep, intFinish)
		case tensor.Uint32:
			return foldVia[uint32](c, r, int64(init), intStep, intFinish)
		case tensor.Uint64:
			return foldVia[uint64](c, r, int64(init), intStep, intFinish)
		}
		return fmt.Errorf("element type %s is not supported", r.x.DType())
	}
}

// reduceFloats is reduceNumbers for functions that have no integer form: integers are folded in float64, too.
func reduceFloats(init float64, step func(acc, x float64) float64, finish func(acc float64, n int) float64) func(*ir.EvalCtx, reducer) error {
	return func(c *ir.EvalCtx, r reducer) error {
		switch r.x.DType() {
		case tensor.Float32:
			return foldVia[float32](c, r, init, step, finish)
		case tensor.Float64:
			return foldVia[float64](c, r, init, step, finish)
		case tensor.Int32:
			return foldVia[int32](c, r, init, step, finish)
		case tensor.Int64:
			return foldVia[int64](c, r, init, step, finish)
		case tensor.Uint32:
			return foldVia[uint32](c, r, init, step, finish)
		case tensor.Uint64:
			return foldVia[uint64](c, r, init, step, finish)
		}
		return fmt.Errorf("element type %s is not supported", r.x.DType())
	}
}

func foldVia[T tensor.Real, A float64 | int64](c *ir.EvalCtx, r reducer, init A, step func(acc, x A) A, finish func(acc A, n int) A) error {
	return fold(c, r, init, func(acc A, x T) A { return step(acc, A(x)) }, func(acc A, n int) T { return T(finish(acc, n)) })
}

// asIs is the finish of folds that have none.
func asIs[A any](acc A, _ int) A { return acc }

// reduceTypes is the element types of sums and the like.
var reduceTypes = floatTypes | ir.TypesOf(tensor.Int32, tensor.Int64, tensor.Uint32, tensor.Uint64)

// reduceSince is the opsets that changed most reductions.
var reduceSince = []int{1, 11, 13, 18}

// downgrade makes the axes an attribute, as they were before opset axesInput.
func (a Reducing) downgrade(l *ir.Legacy, axesInput int) error {
	x := l.In(0)
	if err := axesAttr(l, 1, axesInput, 0); err != nil {
		return err
	}
	if l.Take("noop_with_empty_axes"); a.NoopWithEmptyAxes && l.Attr("axes") == nil {
		l.Replace(x)
	}
	return nil
}

// gradReduce makes the Grad of a reduction. of computes the gradient of the input x from dy, the gradient of the
// output; result is the output. Both have a shape that broadcasts to that of x.
func gradReduce(of func(g *gradient, x, dy *ir.Value) *ir.Value) func(g *gradient) {
	return func(g *gradient) { g.give(0, g.stretch(of(g, g.In(0), g.unreduced(g.Of(0))), g.In(0))) }
}

// result is the output of a reduction in a form that stretches to the input.
func (g *gradient) result() *ir.Value { return g.unreduced(g.Out(0)) }

// unreduced is a result of the node with size 1 where dimensions have been reduced.
func (g *gradient) unreduced(v *ir.Value) *ir.Value {
	a := reducing(g.Node.Op)
	if a.KeepDims {
		return v
	}
	if axes := g.In(1); axes != nil {
		if shape := axes.Type().Shape; len(shape) == 1 && shape[0].IsKnown() && shape[0].N > 0 {
			return g.do(&Unsqueeze{}, v, axes)
		}
	}
	rank := g.rank(g.In(0))
	if a.NoopWithEmptyAxes && g.In(1) == nil {
		return v
	}
	if g.In(1) != nil && g.In(1).Const() == nil {
		g.fail("input 1 (axes) is computed, of a number that is not known")
		return nil
	}
	return g.do(ir.New[Reshape](), v, g.ints(orOnes(nil, rank)...))
}

// gradReduceExtreme lets elements that are equal share the gradient.
func gradReduceExtreme(g *gradient, x, dy *ir.Value) *ir.Value {
	won := g.cast(g.do(&Equal{}, x, g.result()), x)
	ties := &ReduceSum{Reducing{KeepDims: true, NoopWithEmptyAxes: reducing(g.Node.Op).NoopWithEmptyAxes}}
	return g.mul(won, g.div(dy, g.do(ties, won, g.In(1))))
}
