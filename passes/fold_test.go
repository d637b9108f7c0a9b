package passes

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// folded parses a graph, folds it and returns the names of the operators that are left.
func folded(t *testing.T, text string) (*ir.Graph, []string) {
	g, err := ir.Parse(text, ops.Lookup)
	require.NoError(t, err)
	require.NoError(t, fold(&Context{Graph: g}))
	require.NoError(t, ir.Verify(g))
	names := []string{}
	for _, n := range g.Nodes() {
		names = append(names, n.OpName())
	}
	return g, names
}

func TestFold(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		left []string
	}{
		"constants": {`graph "g" opset 21 (%x: float32[2]) -> (%y) {
  %a: float32[2] = const [1.0, 2.0]
  %b = Neg(%a) "b"
  %c = Add(%b, %a) "c"
  %y = Add(%x, %c) "y"
}`, []string{"Add"}},
		"known shapes": {`graph "g" opset 21 (%x: float32[2,3]) -> (%y) {
  %s = Shape(%x) "s"
  %y = Reshape(%x, %s) "y"
}`, []string{"Reshape"}},
		"symbolic shapes stay": {`graph "g" opset 21 (%x: float32[N,3]) -> (%y) {
  %s = Shape(%x) "s"
  %y = Reshape(%x, %s) "y"
}`, []string{"Shape", "Reshape"}},
		"dead code": {`graph "g" opset 21 (%x: float32[2]) -> (%y) {
  %d = Neg(%x) "d"
  %y = Relu(%x) "y"
}`, []string{"Relu"}},
		"large expansions stay": {`graph "g" opset 21 (%x: float32[1]) -> (%y) {
  %s: int64[2] = const [4000, 4000]
  %z: float32[1] = const [1.0]
  %e = Expand(%z, %s) "e"
  %y = Add(%x, %e) "y"
}`, []string{"Expand", "Add"}},
		"control flow stays": {`graph "g" opset 21 (%x: float32[]) -> (%y) {
  %m: int64[] = const 1000000000000
  %z: float32[] = const 0.0
  %l = Loop{
    body=graph "body" (%i: int64[], %go: bool[], %v: float32[]) -> (%go, %v) { }
  }(%m, _, %z) "l"
  %y = Add(%x, %l) "y"
}`, []string{"Loop", "Add"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, left := folded(t, c.text)
			require.Equal(t, c.left, left)
		})
	}
}

// What Equal gives of dimensions is constant where it holds for all sizes: exporters compare shapes with -1.
func TestFoldedEquality(t *testing.T) {
	for _, c := range []struct {
		shape, with string
		want        []bool // nil where that depends on the size
	}{
		{"N,3", "int64[2] = const [-1, 3]", []bool{false, true}},
		{"N,3", "int64[2] = const [-1, 4]", []bool{false, false}},
		{"N,3", "int64[1] = const [-1]", []bool{false, false}},
		{"N,3", "int64[2] = const [2, 3]", nil},
		{"N,3", "int64[2] = const [0, 3]", nil},
		{"?,3", "int64[2] = const [-1, 3]", nil},
		{"N", "int64[3] = const [-1, -2, -1]", []bool{false, false, false}},
		{"N", "int64[3] = const [-1, 0, -1]", nil},
	} {
		for _, node := range []string{"Equal(%s, %c)", "Equal(%c, %s)"} {
			g, left := folded(t, `graph "g" opset 21 (%x: float32[`+c.shape+`]) -> (%e) {
  %c: `+c.with+`
  %s = Shape(%x) "s"
  %e = `+node+` "e"
}`)
			if c.want == nil {
				require.Equal(t, []string{"Shape", "Equal"}, left, "%+v", c)
				continue
			}
			require.Empty(t, left, "%+v", c)
			require.Equal(t, c.want, tensor.Data[bool](g.Outputs()[0].Const()), "%+v", c)
		}
	}
	g, left := folded(t, `graph "g" opset 21 (%x: float32[N,M], %z: float32[N,M]) -> (%e) {
  %s = Shape(%x) "s"
  %t = Shape(%z) "t"
  %e = Equal(%s, %t) "e"
}`)
	require.Empty(t, left)
	require.Equal(t, []bool{true, true}, tensor.Data[bool](g.Outputs()[0].Const()))
	_, left = folded(t, `graph "g" opset 21 (%x: float32[N,M], %z: float32[M,N]) -> (%e) {
  %s = Shape(%x) "s"
  %t = Shape(%z) "t"
  %e = Equal(%s, %t) "e"
}`)
	require.Equal(t, []string{"Shape", "Shape", "Equal"}, left)
}

// A folded output keeps its name and place.
func TestFoldedOutput(t *testing.T) {
	g, left := folded(t, `graph "g" opset 21 (%x: float32[2,3]) -> (%s) {
  %s = Shape(%x) "s"
}`)
	require.Empty(t, left)
	require.Equal(t, "s", g.Outputs()[0].Name())
	require.True(t, g.Outputs()[0].Const().Equal(tensor.Vector[int64](2, 3)))
}

func TestFoldReportsTheNode(t *testing.T) {
	g, err := ir.Parse(`graph "g" opset 21 (%x: int32[1]) -> (%y) {
  %a: int32[1] = const [1]
  %z: int32[1] = const [0]
  %d = Div(%a, %z) "quotient"
  %y = Add(%x, %d) "y"
}`, ops.Lookup)
	require.NoError(t, err)
	var at *ir.Error
	require.ErrorAs(t, fold(&Context{Graph: g}), &at)
	require.Equal(t, "quotient", at.Node)
}
