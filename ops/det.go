package ops

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/ir"
)

// Det is the determinants of the square matrices in the last two dimensions, by elimination with partial pivoting.
type Det struct{}

func (*Det) Def() *ir.Def { return det }

var det = &ir.Def{
	Name: "Det", Doc: "determinants", Since: []int{11, 22},
	New:   func() ir.Op { return ir.New[Det]() },
	Ins:   []ir.Param{{Name: "X", Type: "T"}},
	Outs:  []ir.Param{{Name: "Y", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": floatTypes},
	Infer: func(c *ir.InferCtx) error {
		x := c.Shape(0)
		if x == nil {
			return nil
		}
		if err := checkSquare(x); err != nil {
			return err
		}
		c.SetShape(0, x[:len(x)-2])
		return nil
	},
	Eval: viaFloat32(func(c *ir.EvalCtx) error {
		x := c.In[0]
		if err := checkSquare(shapeOf(c, 0)); err != nil {
			return err
		}
		n := x.Dim(-1)
		s, shape := &scratch{c: c}, x.Shape()[:x.Rank()-2]
		data, out := s.floats(x.Len()), s.floats(shape...)
		if s.err != nil {
			return s.err
		}
		copy(data, asFloat64(x))
		for i := range out {
			out[i] = determinant(c, data[i*n*n:(i+1)*n*n], n)
		}
		return outputFloat64(c, 0, x.DType(), out, shape)
	}),
}

func checkSquare(x ir.Shape) error {
	if len(x) < 2 || differ(x[len(x)-1], x[len(x)-2]) {
		return fmt.Errorf("input has shape %v, expects square matrices", x)
	}
	return nil
}

// determinant overwrites a, n×n.
func determinant(c *ir.EvalCtx, a []float64, n int) float64 {
	result := 1.0
	for k := range n {
		pivot := k
		for i := k + 1; i < n; i++ {
			if math.Abs(a[i*n+k]) > math.Abs(a[pivot*n+k]) {
				pivot = i
			}
		}
		if pivot != k {
			result = -result
			for j := range n {
				a[k*n+j], a[pivot*n+j] = a[pivot*n+j], a[k*n+j]
			}
		}
		p := a[k*n+k]
		result *= p
		if p == 0 {
			return result
		}
		for i := k + 1; i < n; i++ {
			c.Spend(n - k)
			f := a[i*n+k] / p
			for j := k; j < n; j++ {
				a[i*n+j] -= f * a[k*n+j]
			}
		}
	}
	return result
}
