package passes

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
)

// What takes more than its budget to fold is left to the run, whatever it is that takes it.
func TestFoldHasABudget(t *testing.T) {
	const product = `graph "g" opset 21 (%x: float32[300,300]) -> (%y) {
  %a: float32[300,300] = const splat(1.0)
  %b: float32[300,300] = const splat(2.0)
  %c = MatMul(%a, %b) "c"
  %y = Add(%x, %c) "y"
}`
	for _, c := range []struct {
		budget ir.Budget
		nodes  int
	}{
		{ir.Budget{Work: 1 << 25, Bytes: 1 << 20}, 1},
		{ir.Budget{Work: 1 << 24, Bytes: 1 << 20}, 2},
		{ir.Budget{Work: 1 << 25, Bytes: 1 << 18}, 2},
	} {
		g := parse(t, product)
		require.NoError(t, fold(&Context{Ctx: t.Context(), Graph: g, Budget: &c.budget}))
		require.Len(t, g.Nodes(), c.nodes, "%+v", c.budget)
		require.NoError(t, ir.Verify(g))
	}
}

// Constants that double a hundred times do not fill the memory.
func TestFoldDoesNotSwell(t *testing.T) {
	var text strings.Builder
	text.WriteString("graph \"g\" opset 21 (%x: float32[1]) -> (%y) {\n  %c0: float32[1024] = const splat(1.0)\n")
	for i := range 24 {
		fmt.Fprintf(&text, "  %%c%d = Concat{axis=0}(%%c%d, %%c%d) \"c%d\"\n", i+1, i, i, i+1)
	}
	text.WriteString("  %s = ReduceSum(%c24) \"s\"\n  %y = Add(%x, %s) \"y\"\n}")
	g := parse(t, text.String())
	_, err := Optimize(t.Context(), g, Options{Level: O1})
	require.NoError(t, err)
	bytes := 0
	for _, v := range g.Values() {
		if v.Const() != nil {
			bytes += len(v.Const().Bytes())
		}
	}
	require.Less(t, bytes, maxFoldBytes)
	require.Greater(t, len(g.Nodes()), 3)
}

// A context that ends ends folding in the midst of a node, and nobody is to blame.
func TestFoldHonoursContext(t *testing.T) {
	g := parse(t, `graph "g" opset 21 (%x: float32[900,900]) -> (%y) {
  %a: float32[900,900] = const splat(1.0)
  %c = MatMul(%a, %a) "c"
  %y = Add(%x, %c) "y"
}`)
	ctx := &endsAfter{Context: t.Context(), looks: 100}
	_, err := Optimize(ctx, g, Options{Level: O1})
	require.Equal(t, context.Canceled, err)
}

// endsAfter is a context that ends when it has been asked a number of times.
type endsAfter struct {
	context.Context
	looks int
}

func (c *endsAfter) Err() error {
	if c.looks--; c.looks < 0 {
		return context.Canceled
	}
	return nil
}
