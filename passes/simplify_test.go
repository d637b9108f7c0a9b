package passes

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// rewritten applies a pass to a graph and returns the nodes that it leaves, as text. The graph's outputs must stay as
// they are, within tolerance.
func rewritten(t *testing.T, text string, tolerance float64, pass func(*Context) error) []string {
	g, err := ir.Parse(text, ops.LookupFused)
	require.NoError(t, err)
	in := random(g)
	want := run(t, g, in)
	require.NoError(t, pass(&Context{Graph: g}))
	require.NoError(t, ir.Verify(g))
	for i, got := range run(t, g, in) {
		require.Equal(t, want[i].Shape(), got.Shape())
		require.InDeltaSlice(t, tensor.Data[float32](want[i]), tensor.Data[float32](got), tolerance)
	}
	again, err := ir.Parse(print(t, g), ops.LookupFused)
	require.NoError(t, err, "the text form reads back")
	require.Equal(t, print(t, g), print(t, again))
	return nodesOf(t, g)
}

// nodesOf is the nodes of a graph as text without types and names.
func nodesOf(t *testing.T, g *ir.Graph) []string {
	types := regexp.MustCompile(`: \w+\[.*?\]`)
	var left []string
	for _, line := range strings.Split(print(t, g), "\n") {
		if node, _, ok := strings.Cut(strings.TrimSpace(line), " \""); ok && strings.Contains(node, "(%") && !strings.Contains(node, "graph") {
			left = append(left, types.ReplaceAllString(node, ""))
		}
	}
	return left
}

func TestSimplify(t *testing.T) {
	for name, c := range map[string]struct {
		nodes string
		left  []string
	}{
		"identity": {`%a = Identity(%x) "a"
  %y = Relu(%a) "y"`, []string{"%y = Relu(%x)"}},
		"identity of an input that is an output": {`%y = Identity(%x) "a"`, []string{"%y = Identity(%x)"}},
		"identity that is an output":             {"%a = Relu(%x) \"a\"\n  %y = Identity(%a) \"y\"", []string{"%y = Relu(%x)"}},
		"dropout": {`%a = Relu(%x) "a"
  %y = Dropout(%a) "d"`, []string{"%y = Relu(%x)"}},
		"dropout of a mask nobody reads": {`%a = Relu(%x) "a"
  %y, %m = Dropout(%a) "d"`, []string{"%y = Relu(%x)"}},
		"dropout of none, in training": {"%a = Relu(%x) \"a\"\n%y, %m = Dropout(%a, %zero, %on) \"d\"", []string{"%y = Relu(%x)"}},
		"dropout of a mask that is read": {`%d, %m = Dropout(%x) "d"
  %f = Cast{to=float32}(%m) "f"
  %y = Add(%d, %f) "y"`, []string{"%d, %m = Dropout(%x)", `%f = Cast{to=float32}(%m)`, "%y = Add(%d, %f)"}},
		"cast to the same type": {`%a = Cast{to=float32}(%x) "a"
  %y = Relu(%a) "y"`, []string{"%y = Relu(%x)"}},
		"sum of one": {`%a = Sum(%x) "a"
  %y = Relu(%a) "y"`, []string{"%y = Relu(%x)"}},
		"transposes that cancel out": {`%a = Transpose{perm=[0, 3, 1, 2]}(%x) "a"
  %b = Transpose{perm=[0, 2, 3, 1]}(%a) "b"
  %y = Relu(%b) "y"`, []string{"%y = Relu(%x)"}},
		"transposes that do not": {`%a = Transpose{perm=[1, 0, 2, 3]}(%x) "a"
  %b = Transpose{perm=[2, 1, 0, 3]}(%a) "b"
  %y = Transpose(%b) "y"`, []string{"%y = Transpose{perm=[3, 1, 0, 2]}(%x)"}},
		"transpose that is read twice": {`%a = Transpose{perm=[0, 3, 1, 2]}(%x) "a"
  %b = Transpose{perm=[0, 2, 3, 1]}(%a) "b"
  %c = Relu(%a) "c"
  %d = Relu(%b) "d"
  %e = Flatten(%c) "e"
  %f = Flatten(%d) "f"
  %y = Add(%e, %f) "y"`, []string{"%a = Transpose{perm=[0, 3, 1, 2]}(%x)", "%c = Relu(%a)", "%d = Relu(%x)",
			"%e = Flatten(%c)", "%f = Flatten(%d)", "%y = Add(%e, %f)"}},
		"reshapes": {`%a = Flatten(%x) "a"
  %b = Unsqueeze(%a, %first) "b"
  %c = Reshape(%b, %s) "c"
  %y = Reshape(%c, %rest) "y"`, []string{"%y = Reshape(%x, %rest)"}},
		"a reshape that copies a dimension": {`%a = Flatten(%x) "a"
  %y = Reshape(%a, %copy) "y"`, []string{"%a = Flatten(%x)", "%y = Reshape(%a, %copy)"}},
		"pad of nothing":            {"%a = Pad(%x, %none) \"a\"\n%y = Relu(%a) \"y\"", []string{"%y = Relu(%x)"}},
		"pad of something":          {"%a = Pad(%x, %shift) \"a\"\n%y = Relu(%a) \"y\"", []string{"%a = Pad(%x, %shift)", "%y = Relu(%a)"}},
		"slice of all":              {"%a = Slice(%x, %first, %far) \"a\"\n%y = Relu(%a) \"y\"", []string{"%y = Relu(%x)"}},
		"slice backwards":           {"%a = Slice(%x, %back, %before, %first, %back) \"a\"\n%y = Relu(%a) \"y\"", []string{"%a = Slice(%x, %back, %before, %first, %back)", "%y = Relu(%a)"}},
		"tile by one":               {"%a = Tile(%x, %ones) \"a\"\n%y = Relu(%a) \"y\"", []string{"%y = Relu(%x)"}},
		"split into one":            {"%a = Split(%x) \"a\"\n%y = Relu(%a) \"y\"", []string{"%y = Relu(%x)"}},
		"product with one":          {"%a = Mul(%one, %x) \"a\"\n%y = Relu(%a) \"y\"", []string{"%y = Relu(%x)"}},
		"product that is broadcast": {"%a = Mul(%deep, %x) \"a\"\n%y = Relu(%a) \"y\"", []string{"%a = Mul(%deep, %x)", "%y = Relu(%a)"}},
		"quotient by one":           {"%a = Div(%x, %one) \"a\"\n%b = Pow(%a, %one) \"b\"\n%c = Sub(%b, %zero) \"c\"\n%y = Relu(%c) \"y\"", []string{"%y = Relu(%x)"}},
		"reciprocal":                {"%a = Div(%one, %x) \"a\"\n%y = Relu(%a) \"y\"", []string{"%a = Div(%one, %x)", "%y = Relu(%a)"}},
		"choice of all":             {"%a = Tanh(%x) \"a\"\n%b = Where(%yes, %x, %a) \"b\"\n%y = Relu(%b) \"y\"", []string{"%y = Relu(%x)"}},
		"choice of some":            {"%a = Tanh(%x) \"a\"\n%b = Where(%some, %x, %a) \"b\"\n%y = Relu(%b) \"y\"", []string{"%a = Tanh(%x)", "%b = Where(%some, %x, %a)", "%y = Relu(%b)"}},
		"casts that lose nothing":   {"%a = Cast{to=float64}(%x) \"a\"\n%b = Cast{to=float32}(%a) \"b\"\n%y = Relu(%b) \"y\"", []string{"%y = Relu(%x)"}},
		"casts that round":          {"%a = Cast{to=bfloat16}(%x) \"a\"\n%b = Cast{to=float32}(%a) \"b\"\n%y = Relu(%b) \"y\"", []string{"%a = Cast{to=bfloat16}(%x)", "%b = Cast{to=float32}(%a)", "%y = Relu(%b)"}},
		"casts to text":             {"%a = Cast{to=float64}(%x) \"a\"\n%b = Cast{to=string}(%a) \"b\"\n%y = Cast{to=float32}(%b) \"y\"", []string{"%a = Cast{to=float64}(%x)", "%b = Cast{to=string}(%a)", "%y = Cast{to=float32}(%b)"}},
		"reshapes back": {`%a = Flatten{axis=2}(%x) "a"
  %b = Reshape(%a, %same) "b"
  %y = Relu(%b) "y"`, []string{"%y = Relu(%x)"}},
	} {
		t.Run(name, func(t *testing.T) {
			left := rewritten(t, `graph "g" opset 21 (%x: float32[2,3,4,5]) -> (%y) {
  %first: int64[1] = const [0]
  %far: int64[1] = const [9223372036854775807]
  %back: int64[1] = const [-1]
  %before: int64[1] = const [-9223372036854775807]
  %none: int64[8] = const splat(0)
  %shift: int64[8] = const [1, 0, 0, 0, -1, 0, 0, 0]
  %ones: int64[4] = const splat(1)
  %one: float32[] = const 1
  %zero: float32[] = const 0
  %deep: float32[1,1,1,1,1] = const [1]
  %yes: bool[1] = const [true]
  %on: bool[] = const true
  %some: bool[5] = const [true, false, true, true, true]
  %s: int64[2] = const [8, 15]
  %rest: int64[2] = const [10, -1]
  %copy: int64[3] = const [0, 5, -1]
  %same: int64[4] = const [2, 3, 4, 5]
  `+c.nodes+"\n}", 0, simplify)
			require.Equal(t, c.left, left)
		})
	}
}

// Where sizes are not known, the first of two Reshapes may be what finds an input of a wrong size.
func TestSimplifyKeepsChecks(t *testing.T) {
	for dim, left := range map[string]int{"N": 2, "3": 1} {
		g, err := ir.Parse(`graph "g" opset 21 (%x: float32[`+dim+`,4]) -> (%y) {
  %a: int64[3] = const [3, 2, 2]
  %b: int64[2] = const [2, -1]
  %r = Reshape(%x, %a) "r"
  %y = Reshape(%r, %b) "y"
}`, ops.Lookup)
		require.NoError(t, err)
		require.NoError(t, simplify(&Context{Graph: g}))
		require.Len(t, g.Nodes(), left)
	}
}

// A Dropout does nothing, but for a model that is to be taught.
func TestDropoutStaysForTraining(t *testing.T) {
	const text = `graph "g" (%x: float32[N,3]) -> (%z) {
  %ratio: float32[] = const 0.5
  %y: float32[N,3] = Dropout(%x, %ratio) "drop"
  %z: float32[N,3] = Relu(%y) "relu"
}
`
	for training, nodes := range map[bool]int{false: 1, true: 2} {
		g := parse(t, text)
		_, err := Optimize(t.Context(), g, Options{Level: O1, Training: training})
		require.NoError(t, err)
		require.Len(t, g.Nodes(), nodes)
	}
}
