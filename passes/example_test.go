package passes_test

import (
	"context"
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/passes"
)

// A pass of one's own: what is negated twice is as it was.
func Example() {
	double := passes.Pass{Name: "double-negation", Kind: passes.Exact, Doc: "remove pairs of Neg", Run: func(c *passes.Context) error {
		return c.EachNode(func(rw *ir.Rewriter, n *ir.Node) error {
			inner := n.In(0).Def()
			if _, neg := n.Op.(*ops.Neg); !neg || inner == nil {
				return nil
			}
			if _, neg := inner.Op.(*ops.Neg); !neg || !c.Alone(n, n.In(0)) {
				return nil
			}
			return rw.Replace(n.Out(0), inner.In(0))
		})
	}}
	g, err := ir.Parse(`graph "g" opset 21 (%x: float32[N]) -> (%y, %z) {
  %a = Neg(%x) "a"
  %b = Neg(%a) "b"
  %y = Relu(%b) "y"
  %c = Neg(%y) "c"
  %d = Neg(%c) "d"
  %z = Add(%c, %d) "z"
}`, ops.Lookup)
	if err != nil {
		fmt.Println(err)
		return
	}
	stats, err := passes.Optimize(context.Background(), g, passes.Options{Level: passes.O1, Extra: []passes.Pass{double}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range stats {
		if s.Pass == double.Name {
			fmt.Println(s.Pass, s.Hits, s.Misses)
		}
	}
	for _, n := range g.Nodes() {
		fmt.Println(n.OpName(), n.In(0).Name())
	}
	// Output:
	// double-negation 1 map[what it reads is read elsewhere too:1]
	// Relu x
	// Neg y
	// Neg c
	// Add c
}
