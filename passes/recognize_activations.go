package passes

import (
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// recognizeActivations finds activations that are spelled out in simpler operators as a product of a number, x and a
// gate that x controls, the factors in any order: Swish, HardSwish, Mish, Gelu in both its forms, and HardSigmoid, which
// is the product of a number and the gate.
func recognizeActivations(c *Context) error {
	return c.EachNode(func(rw *ir.Rewriter, n *ir.Node) error {
		p := product{number: 1}
		if !p.root(n) {
			return nil
		}
		op, x := p.activation(c.Graph)
		if op == nil || x.Type().Shape == nil || len(x.Type().Shape) != len(n.Out(0).Type().Shape) {
			return nil
		}
		return rw.SetNode(n, op, x)
	})
}

// product is what a tree of products and quotients multiplies, each of which the next one alone reads.
type product struct {
	number float64
	values []*ir.Value // the first four
}

// root collects the factors of n; ok is false if it is no product.
func (p *product) root(n *ir.Node) (ok bool) {
	switch n.Op.(type) {
	case *ops.Mul:
		p.factor(n, 0)
		p.factor(n, 1)
	case *ops.Div:
		c, known := scalar(n.In(1))
		if !known {
			return false
		}
		p.factor(n, 0)
		p.number /= c
	default:
		return false
	}
	return true
}

// factor collects what input i of n is a product of.
func (p *product) factor(n *ir.Node, i int) {
	if c, ok := scalar(n.In(i)); ok {
		p.number *= c
		return
	}
	if len(p.values) > 3 { // more than any activation has
		return
	}
	if def := source(n, i); def == nil || !p.root(def) {
		p.values = append(p.values, n.In(i))
	}
}

// activation is the operator that gives the product from x, nil if there is none.
func (p *product) activation(g *ir.Graph) (op ir.Op, x *ir.Value) {
	for i, gate := range p.values {
		if onlyUse(gate) == nil || gate.Def() == nil {
			continue
		}
		switch len(p.values) {
		case 1:
			if x := sixthGate(gate.Def()); x != nil && near(p.number, 1./6) {
				return &ops.HardSigmoid{Alpha: 1. / 6, Beta: 0.5}, x
			}
		case 2:
			x := p.values[1-i]
			if op, number := gated(x, gate.Def()); op != nil && near(p.number, number) {
				return op, x
			}
		}
	}
	return nil, nil
}

// gated is the operator that gives number·x·gate from x, nil if there is none.
func gated(x *ir.Value, gate *ir.Node) (op ir.Op, number float64) {
	switch a := gate.Op.(type) {
	case *ops.Sigmoid:
		if gate.In(0) == x {
			return &ops.Swish{Alpha: 1}, 1
		}
		if c, ok := multipleOf(x, gate, 0); ok {
			return &ops.Swish{Alpha: float32(c)}, 1
		}
	case *ops.HardSigmoid:
		if gate.In(0) == x && near(float64(a.Alpha), 1./6) && a.Beta == 0.5 {
			return ir.New[ops.HardSwish](), 1
		}
	case *ops.Clip:
		if sixthGate(gate) == x {
			return ir.New[ops.HardSwish](), 1. / 6
		}
	case *ops.Tanh:
		if soft := source(gate, 0); soft != nil && isOp[*ops.Softplus](soft) && soft.In(0) == x {
			return ir.New[ops.Mish](), 1
		}
	case *ops.Add:
		return gelu(x, gate)
	}
	return nil, 0
}

// sixthGate is x where n computes min(max(x + 3, 0), 6).
func sixthGate(n *ir.Node) *ir.Value {
	if !isOp[*ops.Clip](n) {
		return nil
	}
	low, ok0 := scalar(n.In(1))
	high, ok6 := scalar(n.In(2))
	if !ok0 || !ok6 || low != 0 || high != 6 {
		return nil
	}
	return plus(3, source(n, 0))
}

// gelu is gated for a gate that is 1 + erf(x/√2), or 1 + tanh(√(2/π)·(x + 0.044715·x³)).
func gelu(x *ir.Value, gate *ir.Node) (op ir.Op, number float64) {
	v := plus(1, gate)
	if v == nil || v.Def() == nil || !inner(gate, v) {
		return nil, 0
	}
	f := v.Def()
	switch f.Op.(type) {
	case *ops.Erf:
		if c, ok := multipleOf(x, f, 0); ok && near(c, 1/math.Sqrt2) {
			return ir.New[ops.Gelu](), 0.5
		}
	case *ops.Tanh:
		p := product{number: 1}
		if arg := source(f, 0); arg == nil || !p.root(arg) || len(p.values) != 1 || !near(p.number, math.Sqrt(2/math.Pi)) {
			return nil, 0
		}
		if sum := p.values[0].Def(); sum != nil && isOp[*ops.Add](sum) &&
			(sum.In(0) == x && isCube(x, sum, 1) || sum.In(1) == x && isCube(x, sum, 0)) {
			return &ops.Gelu{Approximate: "tanh"}, 0.5
		}
	}
	return nil, 0
}

// isCube reports whether input i of n is 0.044715·x³, the third power as such or as a product.
func isCube(x *ir.Value, n *ir.Node, i int) bool {
	p := product{number: 1}
	if def := source(n, i); def == nil || !p.root(def) || !near(p.number, 0.044715) {
		return false
	}
	if len(p.values) == 3 {
		return p.values[0] == x && p.values[1] == x && p.values[2] == x
	}
	if len(p.values) != 1 || p.values[0].Def() == nil || !isOp[*ops.Pow](p.values[0].Def()) {
		return false
	}
	power := p.values[0].Def()
	three, ok := scalar(power.In(1))
	return ok && three == 3 && power.In(0) == x
}

// plus is what n adds the number c to, nil if it does not.
func plus(c float64, n *ir.Node) *ir.Value {
	if n == nil || !isOp[*ops.Add](n) {
		return nil
	}
	x, summand := constOperand(n)
	if v, ok := scalar(summand); !ok || v != c {
		return nil
	}
	return x
}

// multipleOf is c where input i of n, which alone reads it, is c·x.
func multipleOf(x *ir.Value, n *ir.Node, i int) (c float64, ok bool) {
	p := product{number: 1}
	def := source(n, i)
	ok = def != nil && p.root(def) && len(p.values) == 1 && p.values[0] == x
	return p.number, ok
}

// source is the node that computes input i of n, if n alone reads it.
func source(n *ir.Node, i int) *ir.Node {
	if n.In(i) == nil || !inner(n, n.In(i)) {
		return nil
	}
	return n.In(i).Def()
}

// isOp reports whether a node's operator is an O.
func isOp[O ir.Op](n *ir.Node) bool {
	_, ok := n.Op.(O)
	return ok
}

func near(x, y float64) bool { return math.Abs(x-y) <= 1e-5*math.Abs(y) }
