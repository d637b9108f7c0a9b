package ops

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// MatMul is numpy.matmul: the product of matrices, over broadcast leading dimensions. A vector is a row on the left and
// a column on the right, and that dimension is dropped from the result.
type MatMul struct{}

func (*MatMul) Def() *ir.Def { return matMul }

var matMul = &ir.Def{
	Name: "MatMul", Family: ir.Linear, Doc: "matrix product, over broadcast leading dimensions", Since: []int{1, 9, 13},
	New:     func() ir.Op { return ir.New[MatMul]() },
	Ins:     []ir.Param{{Name: "A", Type: "T"}, {Name: "B", Type: "T"}},
	Outs:    []ir.Param{{Name: "Y", Type: "T"}},
	Types:   map[string]ir.TypeSet{"T": productTypes},
	Widened: []ir.Widening{{Opset: 9, Var: "T", Types: integerTypes}},
	Infer: func(c *ir.InferCtx) error {
		out, err := matMulShape(c.Shape(0), c.Shape(1))
		c.SetShape(0, out)
		return err
	},
	Eval: viaFloat32(evalMatMul),
	Grad: backward(gradMatMul),
	MACs: func(n *ir.Node) int64 { return matMulMACs(n.Out(0), n.In(0)) },
}

// productTypes is the element types that matrix products take.
var productTypes = floatTypes | indexTypes | ir.TypesOf(tensor.Uint32, tensor.Uint64)

func matMulShape(a, b ir.Shape) (ir.Shape, error) {
	if a == nil || b == nil {
		return nil, nil
	}
	if len(a) == 0 || len(b) == 0 {
		return nil, fmt.Errorf("shapes %v and %v: a scalar cannot be multiplied as a matrix", a, b)
	}
	rowA, colB := a, b
	if len(a) == 1 {
		rowA = ir.Shape{ir.Known(1), a[0]}
	}
	if len(b) == 1 {
		colB = ir.Shape{b[0], ir.Known(1)}
	}
	ra, rb := len(rowA), len(colB)
	if differ(rowA[ra-1], colB[rb-2]) {
		return nil, fmt.Errorf("shapes %v and %v: inner dimensions %v and %v differ", a, b, rowA[ra-1], colB[rb-2])
	}
	out, err := broadcast(rowA[:ra-2], colB[:rb-2])
	if err != nil {
		return nil, err
	}
	if len(a) > 1 {
		out = append(out, rowA[ra-2])
	}
	if len(b) > 1 {
		out = append(out, colB[rb-1])
	}
	return out, nil
}

// matMulMACs is the multiply-accumulates of a product y of a and something: one inner dimension for each element.
func matMulMACs(y, a *ir.Value) int64 {
	shape := a.Type().Shape
	if len(shape) == 0 {
		return 0
	}
	return knownCount(y.Type().Shape.Count().Mul(shape[len(shape)-1]))
}

func evalMatMul(c *ir.EvalCtx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return matMulOf[float32, float64](c)
	case tensor.Float64:
		return matMulOf[float64, float64](c)
	case tensor.Int32:
		return matMulOf[int32, int32](c)
	case tensor.Uint32:
		return matMulOf[uint32, uint32](c)
	case tensor.Int64:
		return matMulOf[int64, int64](c)
	default:
		return matMulOf[uint64, uint64](c)
	}
}

func matMulOf[T, S tensor.Real](c *ir.EvalCtx) error {
	shape, err := matMulShape(shapeOf(c, 0), shapeOf(c, 1))
	if err != nil {
		return err
	}
	out, err := outputShaped(c, 0, c.In[0].DType(), shape)
	if err != nil || out.Len() == 0 {
		return err
	}
	a, b := c.In[0].Shape(), c.In[1].Shape()
	m, k, n := 1, a[len(a)-1], 1
	if len(a) > 1 {
		m = a[len(a)-2]
	}
	if len(b) > 1 {
		n = b[len(b)-1]
	}
	batchA, batchB := a[:max(len(a)-2, 0)], b[:max(len(b)-2, 0)]
	batch, err := broadcastInts(batchA, batchB)
	if err != nil {
		return err
	}
	strides := [][]int{broadcastStrides(batchA, batch), broadcastStrides(batchB, batch)}
	y, da, db := tensor.Data[T](out), tensor.Data[T](c.In[0]), tensor.Data[T](c.In[1])
	eachOffset(batch, strides, func(i int, offs []int) {
		multiply[T, S](c, y[i*m*n:][:m*n], da[offs[0]*m*k:][:m*k], db[offs[1]*k*n:][:k*n], m, k, n, false)
	})
	return nil
}

// multiply sets y, m×n, to the product of a, m×k, and b, k×n, or n×k if transB. Sums are of type S.
func multiply[T, S tensor.Real](c *ir.EvalCtx, y, a, b []T, m, k, n int, transB bool) {
	if transB {
		for i := range m {
			row := a[i*k:][:k]
			for j := range n {
				c.Spend(k)
				var sum S
				for p, v := range b[j*k:][:k] {
					sum += S(row[p]) * S(v)
				}
				y[i*n+j] = T(sum)
			}
		}
		return
	}
	sums := make([]S, n)
	for i := range m {
		clear(sums)
		for p, v := range a[i*k:][:k] {
			c.Spend(n)
			for j, w := range b[p*n:][:n] {
				sums[j] += S(v) * S(w)
			}
		}
		for j, s := range sums {
			y[i*n+j] = T(s)
		}
	}
}

// transposed is a matrix of rows×cols, transposed.
func transposed[T tensor.Elem](c *ir.EvalCtx, a []T, rows, cols int) []T {
	out := slices.Clone(a)
	for i := range rows {
		c.Spend(cols)
		for j := range cols {
			out[j*rows+i] = a[i*cols+j]
		}
	}
	return out
}

// gradMatMul is dy·Bᵀ and Aᵀ·dy, summed over what the leading dimensions stretched. Where B is one matrix for all, those of
// A are rows like the others.
func gradMatMul(g *gradient) {
	a, b, dy := g.In(0), g.In(1), g.Of(0)
	rankA, rankB := g.rank(a), g.rank(b)
	if g.err != nil {
		return
	}
	if rankB == 1 {
		b, dy = g.do(&Unsqueeze{}, b, g.ints(1)), g.do(&Unsqueeze{}, dy, g.ints(-1))
	}
	if rankA == 1 {
		a, dy = g.do(&Unsqueeze{}, a, g.ints(0)), g.do(&Unsqueeze{}, dy, g.ints(-2))
	}
	if g.Wants(0) {
		g.give(0, g.likewise(g.sumTo(g.do(&MatMul{}, dy, g.turned(b)), a), g.In(0)))
	}
	switch {
	case g.Wants(1) && rankB <= 2:
		rows := &Gemm{Alpha: 1, Beta: 1, TransA: true}
		g.give(1, g.likewise(g.do(rows, g.rowsOf(a), g.rowsOf(dy)), g.In(1)))
	case g.Wants(1):
		g.give(1, g.sumTo(g.do(&MatMul{}, g.turned(a), dy), b))
	}
}

// turned is v with its last two dimensions swapped.
func (g *gradient) turned(v *ir.Value) *ir.Value {
	perm := indexRange(make([]struct{}, g.rank(v)))
	if g.err != nil {
		return nil
	}
	last := len(perm) - 1
	perm[last], perm[last-1] = last-1, last
	return g.do(&Transpose{Perm: perm}, v)
}

// rowsOf is v as a matrix of its last dimension's rows.
func (g *gradient) rowsOf(v *ir.Value) *ir.Value {
	if g.rank(v) == 2 {
		return v
	}
	return g.do(&Flatten{Axis: -1}, v)
}
