package passes

import (
	"math"
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
		"pad of nothing":             {"%a = Pad(%x, %none) \"a\"\n%y = Relu(%a) \"y\"", []string{"%y = Relu(%x)"}},
		"pad of something":           {"%a = Pad(%x, %shift) \"a\"\n%y = Relu(%a) \"y\"", []string{"%a = Pad(%x, %shift)", "%y = Relu(%a)"}},
		"slice of all":               {"%a = Slice(%x, %first, %far) \"a\"\n%y = Relu(%a) \"y\"", []string{"%y = Relu(%x)"}},
		"slice backwards":            {"%a = Slice(%x, %back, %before, %first, %back) \"a\"\n%y = Relu(%a) \"y\"", []string{"%a = Slice(%x, %back, %before, %first, %back)", "%y = Relu(%a)"}},
		"tile by one":                {"%a = Tile(%x, %ones) \"a\"\n%y = Relu(%a) \"y\"", []string{"%y = Relu(%x)"}},
		"split into one":             {"%a = Split(%x) \"a\"\n%y = Relu(%a) \"y\"", []string{"%y = Relu(%x)"}},
		"product with one":           {"%a = Mul(%one, %x) \"a\"\n%y = Relu(%a) \"y\"", []string{"%y = Relu(%x)"}},
		"product that is broadcast":  {"%a = Mul(%deep, %x) \"a\"\n%y = Relu(%a) \"y\"", []string{"%a = Mul(%deep, %x)", "%y = Relu(%a)"}},
		"quotient by one":            {"%a = Div(%x, %one) \"a\"\n%b = Pow(%a, %one) \"b\"\n%c = Sub(%b, %zero) \"c\"\n%y = Relu(%c) \"y\"", []string{"%y = Relu(%x)"}},
		"product with two":           {"%a = Mul(%two, %x) \"a\"\n%y = Relu(%a) \"y\"", []string{"%a = Mul(%two, %x)", "%y = Relu(%a)"}},
		"product with ones":          {"%a = Mul(%row, %x) \"a\"\n%y = Relu(%a) \"y\"", []string{"%a = Mul(%row, %x)", "%y = Relu(%a)"}},
		"quotient by two":            {"%a = Div(%x, %two) \"a\"\n%y = Relu(%a) \"y\"", []string{"%a = Div(%x, %two)", "%y = Relu(%a)"}},
		"quotient that is broadcast": {"%a = Div(%x, %deep) \"a\"\n%y = Relu(%a) \"y\"", []string{"%a = Div(%x, %deep)", "%y = Relu(%a)"}},
		"square":                     {"%a = Pow(%x, %two) \"a\"\n%y = Relu(%a) \"y\"", []string{"%a = Pow(%x, %two)", "%y = Relu(%a)"}},
		"difference with one":        {"%a = Sub(%x, %one) \"a\"\n%y = Relu(%a) \"y\"", []string{"%a = Sub(%x, %one)", "%y = Relu(%a)"}},
		"difference with minus zero": {"%a = Sub(%x, %negative) \"a\"\n%y = Relu(%a) \"y\"", []string{"%a = Sub(%x, %negative)", "%y = Relu(%a)"}},
		"sum with zero":              {"%a = Add(%x, %zero) \"a\"\n%y = Relu(%a) \"y\"", []string{"%a = Add(%x, %zero)", "%y = Relu(%a)"}},
		"sum of two":                 {"%a = Sum(%x, %one) \"a\"\n%y = Relu(%a) \"y\"", []string{"%a = Sum(%x, %one)", "%y = Relu(%a)"}},
		"transpose in order":         {"%a = Transpose{perm=[0, 1, 2, 3]}(%x) \"a\"\n%y = Relu(%a) \"y\"", []string{"%y = Relu(%x)"}},
		"transpose":                  {"%a = Transpose{perm=[0, 1, 3, 2]}(%x) \"a\"\n%y = Relu(%a) \"y\"", []string{"%a = Transpose{perm=[0, 1, 3, 2]}(%x)", "%y = Relu(%a)"}},
		"expand to the same":         {"%a = Expand(%x, %same) \"a\"\n%y = Relu(%a) \"y\"", []string{"%y = Relu(%x)"}},
		"expand to more":             {"%a = Expand(%x, %more) \"a\"\n%y = Relu(%a) \"y\"", []string{"%a = Expand(%x, %more)", "%y = Relu(%a)"}},
		"tile by two":                {"%a = Tile(%x, %twice) \"a\"\n%y = Relu(%a) \"y\"", []string{"%a = Tile(%x, %twice)", "%y = Relu(%a)"}},
		"slice of all, step by step": {"%a = Slice(%x, %first, %far, %first, %ones1) \"a\"\n%y = Relu(%a) \"y\"", []string{"%y = Relu(%x)"}},
		"slice of a part":            {"%a = Slice(%x, %ones1, %far) \"a\"\n%y = Relu(%a) \"y\"", []string{"%a = Slice(%x, %ones1, %far)", "%y = Relu(%a)"}},
		"split into two":             {"%a, %b = Split{axis=2}(%x) \"a\"\n%y = Sub(%a, %b) \"y\"", []string{"%a, %b = Split{axis=2}(%x)", "%y = Sub(%a, %b)"}},
		"choice of none":             {"%a = Tanh(%x) \"a\"\n%b = Where(%no, %x, %a) \"b\"\n%y = Relu(%b) \"y\"", []string{"%a = Tanh(%x)", "%y = Relu(%a)"}},
		"choice that is broadcast":   {"%a = Tanh(%x) \"a\"\n%b = Where(%yes5, %x, %a) \"b\"\n%y = Relu(%b) \"y\"", []string{"%a = Tanh(%x)", "%b = Where(%yes5, %x, %a)", "%y = Relu(%b)"}},
		"reciprocal":                 {"%a = Div(%one, %x) \"a\"\n%y = Relu(%a) \"y\"", []string{"%a = Div(%one, %x)", "%y = Relu(%a)"}},
		"choice of all":              {"%a = Tanh(%x) \"a\"\n%b = Where(%yes, %x, %a) \"b\"\n%y = Relu(%b) \"y\"", []string{"%y = Relu(%x)"}},
		"choice of some":             {"%a = Tanh(%x) \"a\"\n%b = Where(%some, %x, %a) \"b\"\n%y = Relu(%b) \"y\"", []string{"%a = Tanh(%x)", "%b = Where(%some, %x, %a)", "%y = Relu(%b)"}},
		"casts that lose nothing":    {"%a = Cast{to=float64}(%x) \"a\"\n%b = Cast{to=float32}(%a) \"b\"\n%y = Relu(%b) \"y\"", []string{"%y = Relu(%x)"}},
		"casts that round":           {"%a = Cast{to=bfloat16}(%x) \"a\"\n%b = Cast{to=float32}(%a) \"b\"\n%y = Relu(%b) \"y\"", []string{"%a = Cast{to=bfloat16}(%x)", "%b = Cast{to=float32}(%a)", "%y = Relu(%b)"}},
		"casts to text":              {"%a = Cast{to=float64}(%x) \"a\"\n%b = Cast{to=string}(%a) \"b\"\n%y = Cast{to=float32}(%b) \"y\"", []string{"%a = Cast{to=float64}(%x)", "%b = Cast{to=string}(%a)", "%y = Cast{to=float32}(%b)"}},
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
  %two: float32[] = const 2
  %row: float32[5] = const splat(1.0)
  %negative: float32[] = const -0.0
  %more: int64[5] = const [2, 2, 3, 4, 5]
  %twice: int64[4] = const [1, 1, 2, 1]
  %ones1: int64[1] = const [1]
  %no: bool[1] = const [false]
  %yes5: bool[1,1,1,1,1] = const [true]
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

// A type keeps all values of another if its extremes and its finest steps are numbers of the other, too.
func TestKeepsAll(t *testing.T) {
	type format struct {
		bits      int // of the significand
		low, high float64
		step      float64 // the least positive number
	}
	whole := func(bits int, low, high float64) format { return format{bits, low, high, 1} }
	float := func(bits, least, exponent int) format {
		high := math.Ldexp(2-math.Ldexp(1, 1-bits), exponent)
		return format{bits, -high, high, math.Ldexp(1, least)}
	}
	formats := map[tensor.DType]format{
		tensor.Float16: float(11, -24, 15), tensor.BFloat16: float(8, -133, 127), tensor.Float32: float(24, -149, 127), tensor.Float64: float(53, -1074, 1023),
		tensor.Int8: whole(7, -1<<7, 1<<7-1), tensor.Int16: whole(15, -1<<15, 1<<15-1), tensor.Int32: whole(31, -1<<31, 1<<31-1), tensor.Int64: whole(63, -1<<63, 1<<63),
		tensor.Uint8: whole(8, 0, 1<<8-1), tensor.Uint16: whole(16, 0, 1<<16-1), tensor.Uint32: whole(32, 0, 1<<32-1), tensor.Uint64: whole(64, 0, 1<<64),
		tensor.Bool: whole(1, 0, 1),
	}
	for from, f := range formats {
		for to, g := range formats {
			want := f.bits <= g.bits && f.low >= g.low && f.high <= g.high && f.step >= g.step && (to != tensor.Bool || from == tensor.Bool)
			require.Equal(t, want, keepsAll(from, to), "%v in %v", from, to)
		}
		require.False(t, keepsAll(from, tensor.String) || keepsAll(tensor.String, from), from)
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
