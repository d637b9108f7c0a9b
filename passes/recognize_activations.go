package passes

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// RecognizeActivations finds activations that are spelled out in simpler operators: Swish and HardSwish as a product
// with a (hard) sigmoid, Gelu by way of Erf.
func RecognizeActivations(g *ir.Graph) error {
	return eachNode(g, func(rw *ir.Rewriter, n *ir.Node) error {
		if _, ok := n.Op.(*ops.Mul); !ok {
			return nil
		}
		for i := range 2 {
			x, gate := n.In(i), n.In(1-i)
			if gate.Def() == nil || !inner(n, gate) || gate.Def().In(0) != x {
				continue
			}
			switch op := gate.Def().Op.(type) {
			case *ops.Sigmoid:
				return rw.SetNode(n, &ops.Swish{Alpha: 1}, x)
			case *ops.HardSigmoid:
				if near(float64(op.Alpha), 1./6) && op.Beta == 0.5 {
					return rw.SetNode(n, ir.New[ops.HardSwish](), x)
				}
			}
		}
		if x := geluOperand(n); x != nil && x.Type().Shape.Same(n.Out(0).Type().Shape) {
			return rw.SetNode(n, ir.New[ops.Gelu](), x)
		}
		return nil
	})
}

func near(x, y float64) bool { return math.Abs(x-y) <= 1e-5*math.Abs(y) }

// geluOperand is x where n computes x · 0.5 · (1 + erf(x/√2)), the factors in any order.
func geluOperand(n *ir.Node) *ir.Value {
	factors := factorsOf(n, nil)
	half, x, one := 1.0, (*ir.Value)(nil), (*ir.Node)(nil)
	for _, f := range factors {
		if c, ok := scalar(f); ok {
			half *= c
			continue
		}
		if def := f.Def(); one == nil && def != nil && isOnePlusErf(def) {
			one = def
			continue
		}
		if x != nil {
			return nil
		}
		x = f
	}
	if one == nil || x == nil || !near(half, 0.5) || erfOperand(one) != x {
		return nil
	}
	return x
}

// factorsOf is what a tree of products multiplies, each product read by the next one alone.
func factorsOf(n *ir.Node, list []*ir.Value) []*ir.Value {
	for i := range 2 {
		v := n.In(i)
		if def := v.Def(); def != nil && inner(n, v) {
			if _, ok := def.Op.(*ops.Mul); ok {
				list = factorsOf(def, list)
				continue
			}
		}
		list = append(list, v)
	}
	return list
}

// isOnePlusErf reports whether n computes 1 + erf(…).
func isOnePlusErf(n *ir.Node) bool {
	if _, ok := n.Op.(*ops.Add); !ok {
		return false
	}
	x, c := constOperand(n)
	if x == nil || x.Def() == nil || !inner(n, x) {
		return false
	}
	one, ok := scalar(c)
	_, erf := x.Def().Op.(*ops.Erf)
	return ok && one == 1 && erf && len(n.Out(0).Uses()) == 1
}

// erfOperand is x where n computes 1 + erf(x/√2).
func erfOperand(n *ir.Node) *ir.Value {
	sum, _ := constOperand(n)
	arg := sum.Def().In(0)
	def := arg.Def()
	if def == nil || !inner(sum.Def(), arg) {
		return nil
	}
	switch def.Op.(type) {
	case *ops.Div:
		if c, ok := scalar(def.In(1)); ok && near(c, math.Sqrt2) {
			return def.In(0)
		}
	case *ops.Mul:
		x, c := constOperand(def)
		if v, ok := scalar(c); x != nil && ok && near(v, 1/math.Sqrt2) {
			return x
		}
	}
	return nil
}
