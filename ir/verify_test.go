package ir

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/tensor"
)

func TestVerifyFindsEveryFault(t *testing.T) {
	for name, c := range map[string]struct {
		fault func(g *Graph)
		want  []string
	}{
		"order": {func(g *Graph) { g.nodes[0], g.nodes[1] = g.nodes[1], g.nodes[0] },
			[]string{`ir: node "second" (Add): input 0: value "y" is computed by node "first", which does not come before`}},
		"cycle": {func(g *Graph) {
			n := g.nodes[0]
			n.inputs[0].uses = nil
			n.inputs[0] = n.outputs[0]
			n.outputs[0].uses = append(n.outputs[0].uses, Use{n, 0})
		}, []string{`ir: node "first" (Relu): input 0: value "y" is computed by node "first", which does not come before`}},
		"use missing":     {func(g *Graph) { g.Value("y").uses = nil }, []string{`ir: node "second" (Add): input 0: value "y" does not list the use`}},
		"use too many":    {func(g *Graph) { y := g.Value("y"); y.uses = append(y.uses, y.uses[0]) }, []string{`ir: value "y": lists a use as input 0 of node "second", which does not use it`}},
		"definition":      {func(g *Graph) { g.Value("y").index = 1 }, []string{`ir: node "first" (Relu): output 0: value "y" does not point back`, `ir: value "y": is not output 1 of node "first"`}},
		"no definition":   {func(g *Graph) { g.nodes = g.nodes[1:] }, []string{`ir: value "y": is computed by node "first", which is not in the graph`}},
		"two sources":     {func(g *Graph) { g.Value("y").konst = tensor.New(tensor.Float32, 1, 2) }, []string{`ir: value "y": is 2 of graph input, constant and result of a node, expects 1`}},
		"input's mark":    {func(g *Graph) { g.inputs = nil }, []string{`ir: value "x": is said to be a graph input and is none`}},
		"output's mark":   {func(g *Graph) { g.Value("x").outs = 2 }, []string{`ir: value "x": is 0 of the graph's outputs and said to be 2`}},
		"no source":       {func(g *Graph) { g.inputs, g.Value("x").input = nil, false }, []string{`ir: value "x": is 0 of graph input, constant and result of a node, expects 1`}},
		"constant's type": {func(g *Graph) { g.Value("c").konst = tensor.New(tensor.Float32, 2) }, []string{`ir: value "c": has type float32[1,2], its constant is float32[2]`}},
		"type":            {func(g *Graph) { g.Value("y").typ.Shape = Dims(1, 2) }, []string{`ir: node "first" (Relu): output 0: value "y" has type float32[1,2], inference gives float32[N,2]`}},
		"elements":        {func(g *Graph) { g.Value("y").dims = Dims(1) }, []string{`ir: node "first" (Relu): output 0: value "y" has elements [1], inference gives []`}},
		"bad dimension":   {func(g *Graph) { g.Value("x").typ.Shape[1] = Dim{-1, "N"} }, []string{`ir: value "x": shape [N,-1*N] has an invalid dimension`}},
		"arity":           {func(g *Graph) { n := g.nodes[0]; n.inputs[0].uses = nil; n.inputs = nil }, []string{`ir: node "first" (Relu): has 0 inputs, expects 1`}},
		"value name":      {func(g *Graph) { g.Value("y").name = "x" }, []string{`ir: value "x": name is empty or not unique`}},
		"node name":       {func(g *Graph) { g.nodes[1].Name = "first" }, []string{`ir: node "first" (Add): name is empty or not unique`}},
		"id":              {func(g *Graph) { g.Value("y").id = 0 }, []string{`ir: value "y": has id 0, stands at`}},
		"hole":            {func(g *Graph) { g.values = append(g.values, nil) }, []string{`ir: graph "g": no value has id 4 of 5`}},
		"foreign input":   {func(g *Graph) { g.inputs = append(g.inputs, &Value{name: "f"}) }, []string{`ir: graph "g": input 1 is not a value of the graph`}},
		"input twice":     {func(g *Graph) { g.inputs = append(g.inputs, g.inputs[0]) }, []string{`ir: value "x": is a graph input twice`}},
		"foreign output":  {func(g *Graph) { g.outputs[0] = &Value{name: "f"} }, []string{`ir: graph "g": output 0 is not a value of the graph`}},
		"no output":       {func(g *Graph) { g.outputs[0] = nil }, []string{`ir: graph "g": output 0 is not a value of the graph`}},
		"foreign value":   {func(g *Graph) { g.nodes[1].inputs[1] = &Value{name: "f"} }, []string{`ir: node "second" (Add): input 1: value "f" is not of this graph`}},
		"foreign node":    {func(g *Graph) { g.nodes[1].graph = nil }, []string{`ir: node "second" (Add): belongs to another graph`}},
		"node twice":      {func(g *Graph) { g.nodes = append(g.nodes, g.nodes[1]) }, []string{`ir: node "second" (Add): stands twice in the graph`}},
		"two faults": {func(g *Graph) { g.outputs[0] = nil; g.Value("y").dims = Dims(1) },
			[]string{`output 0 is not a value of the graph`, `value "y" has elements [1]`}},
	} {
		g := parse(t, chain)
		c.fault(g)
		err := Verify(g)
		require.Error(t, err, name)
		for _, want := range c.want {
			require.ErrorContains(t, err, want, name)
		}
	}
}

func TestVerifyLooksIntoBodies(t *testing.T) {
	g := parse(t, sample)
	body := g.Value("i").Def().Op.(*tIf).Then
	body.nodes[0].outputs[0].typ.DType = tensor.Int64
	err := Verify(g)
	require.ErrorContains(t, err, `ir: node "if" (If): attribute "then_branch": ir: node "relu" (Relu): output 0`)
	var located *Error
	require.True(t, errors.As(err, &located))
	require.Equal(t, "if", located.Node)
}

func TestCloneSharesNothingThatChanges(t *testing.T) {
	g := parse(t, sample)
	g.KeepAlive("mapping")
	c := g.Clone()
	require.NoError(t, Verify(c))
	require.Equal(t, g.full(), c.full())
	require.Equal(t, "mapping", c.Backing())
	require.Same(t, g.Value("k").Const(), c.Value("k").Const())
	require.Same(t, g.nodes[1].Op, c.nodes[1].Op)
	ifs := func(g *Graph) *tIf { return g.Value("i").Def().Op.(*tIf) }
	require.NotSame(t, ifs(g).Then, ifs(c).Then)

	text := g.full()
	r := NewRewriter(c)
	require.NoError(t, r.Replace(c.Value("y"), c.Value("x")))
	require.NoError(t, r.Done())
	require.NoError(t, c.Rename(c.Value("x"), "other"))
	c.SetMeta("key", "changed")
	ifs(c).Then.Name = "changed"
	require.NoError(t, c.SetInputType(c.Value("other"), Type{tensor.Float32, Dims(1)}))
	require.NoError(t, c.InferAll())
	require.NoError(t, Verify(g))
	require.Equal(t, text, g.full())
}

func TestExtractTakesOnlyWhatIsNeeded(t *testing.T) {
	g := parse(t, `graph "g" opset 17 (%x: float32[N], %other: float32[N]) -> (%z) {
  meta "key" "value"
  %a: float32[N] = Relu(%x) "a"
  %c: float32[1] = const [1.0]
  %y: float32[N], %side: float32[N] = Split(%a) "y"
  %z: float32[N] = Add(%y, %c, %other) "z"
}`)
	before := g.full()
	e := g.Extract(g.Value("y"), g.Value("a"))
	require.NoError(t, Verify(e))
	require.Equal(t, `graph "g" opset 17 (%x: float32[N]) -> (%y, %a) {
  meta "key" "value"
  %a: float32[N] = Relu(%x) "a"
  %y: float32[N], %side: float32[N] = Split(%a) "y"
}
`, e.full())
	require.Equal(t, "graph \"g\" opset 17 () -> (%c) {\n  meta \"key\" \"value\"\n  %c: float32[1] = const [1.0]\n}\n", g.Extract(g.Value("c")).full())
	require.Equal(t, before, g.full())
}

// InferAll forgets what was inferred from the old types.
func TestInferAllReplacesTypes(t *testing.T) {
	g := parse(t, `graph "g" (%x: float32[N,2]) -> (%f) {
  %s: int64[2] = Shape(%x) "s"
  %f: float32[N,2] = Fill(%s) "f"
}`)
	x := g.Inputs()[0]
	for _, want := range []string{"float32[3,2]", "float32[4]", "float32[...]", "float32[N,2]"} {
		shape := map[string]Shape{"float32[3,2]": Dims(3, 2), "float32[4]": Dims(4), "float32[N,2]": {Symbol("N"), Known(2)}}[want]
		require.NoError(t, g.SetInputType(x, Type{tensor.Float32, shape}))
		require.NoError(t, g.InferAll())
		require.Equal(t, want, g.Value("f").Type().String())
		require.NoError(t, Verify(g))
	}
	require.EqualError(t, g.SetInputType(g.Value("f"), x.Type()), `ir: value "f": is not a graph input`)
	require.EqualError(t, g.SetInputType(x, Type{}), `ir: value "x": element type undefined is not valid`)
	require.EqualError(t, g.SetInputType(x, Type{tensor.Float32, Dims(-1)}), `ir: value "x": shape [-1] has an invalid dimension`)

	g = parse(t, `graph "g" (%a: float32[N], %b: float32[N]) -> (%c) { %c = Add(%a, %b) "add" }`)
	require.NoError(t, g.SetInputType(g.Value("a"), Type{tensor.Float32, Dims(1, 1)}))
	require.EqualError(t, g.InferAll(), `node "add" (Add): shapes [1,1] and [N] differ`)
}
