package passes

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
)

const numbers = `
  %half: float32[] = const 0.5
  %one: float32[] = const 1
  %two: float32[] = const 2
  %three: float32[] = const 3
  %six: float32[] = const 6
  %sixth: float32[] = const 0.16666667
  %zero: float32[] = const 0
  %root: float32[] = const 1.4142135
  %inverse: float32[] = const 0.70710677
  %k: float32[] = const 0.7978846
  %cubic: float32[] = const 0.044715
  %quick: float32[] = const 1.702
  %deep: float32[1,1,1,1] = const splat(0.5)
  %wide: float64[] = const 0.5
  %eps: float32[] = const 0.00001
  %last: int64[1] = const [-1]
  %last2: int64[2] = const [1, 2]
  %first: int64[1] = const [1]
  %c: float32[6] = const splat(0.0)
  %c2: float32[4,6] = const splat(0.0)
  %column: float32[4,1] = const splat(0.0)
  %row: float32[1,1,6] = const splat(0.0)
  %deeprow: float32[1,1,1,6] = const splat(0.0)
`

func TestRecognizeActivations(t *testing.T) {
	erf := "%d = Div(%x, %root) \"d\"\n%e = Erf(%d) \"e\"\n%p = Add(%e, %one) \"p\"\n"
	tanh := "%q = Add(%x, %q0) \"q\"\n%r = Mul(%k, %q) \"r\"\n%th = Tanh(%r) \"th\"\n%p = Add(%th, %one) \"p\"\n%m = Mul(%x, %p) \"m\"\n%y = Mul(%m, %half) \"y\""
	cube := "%x3 = Pow(%x, %three) \"x3\"\n%q0 = Mul(%x3, %cubic) \"q0\"\n"
	threeFactors := func(a, b, c string) string {
		return "%n = Neg(%x) \"n\"\n%x2 = Mul(" + a + ", " + b + ") \"x2\"\n%x3 = Mul(%cubic, %x2) \"x3\"\n%q0 = Mul(%x3, " + c + ") \"q0\"\n"
	}
	hard := "%a = Add(%x, %three) \"a\"\n%b = Clip(%a, %zero, %six) \"b\"\n"
	for name, c := range map[string]struct {
		nodes string
		left  []string // nil: nothing changes
	}{
		"gelu":                            {erf + "%m = Mul(%x, %p) \"m\"\n%y = Mul(%m, %half) \"y\"", []string{"%y = Gelu(%x)"}},
		"gelu, half first":                {erf + "%m = Mul(%half, %x) \"m\"\n%y = Mul(%p, %m) \"y\"", []string{"%y = Gelu(%x)"}},
		"gelu, half of the gate":          {erf + "%m = Mul(%half, %p) \"m\"\n%y = Mul(%x, %m) \"y\"", []string{"%y = Gelu(%x)"}},
		"gelu by two":                     {erf + "%m = Mul(%x, %p) \"m\"\n%y = Div(%m, %two) \"y\"", []string{"%y = Gelu(%x)"}},
		"gelu, x times the inverse":       {"%d = Mul(%inverse, %x) \"d\"\n%e = Erf(%d) \"e\"\n%p = Add(%one, %e) \"p\"\n%m = Mul(%p, %x) \"m\"\n%y = Mul(%m, %half) \"y\"", []string{"%y = Gelu(%x)"}},
		"gelu by tanh":                    {"%x3 = Pow(%x, %three) \"x3\"\n%q0 = Mul(%x3, %cubic) \"q0\"\n" + tanh, []string{`%y = Gelu{approximate="tanh"}(%x)`}},
		"gelu by tanh, with a cube":       {"%x2 = Mul(%x, %x) \"x2\"\n%x3 = Mul(%cubic, %x2) \"x3\"\n%q0 = Mul(%x3, %x) \"q0\"\n" + tanh, []string{`%y = Gelu{approximate="tanh"}(%x)`}},
		"gelu by tanh, not a cube":        {"%x2 = Mul(%x, %x) \"x2\"\n%x4 = Mul(%x, %x) \"x4\"\n%x3 = Mul(%x2, %x4) \"x3\"\n%q0 = Mul(%x3, %cubic) \"q0\"\n" + tanh, nil},
		"swish":                           {"%s = Sigmoid(%x) \"s\"\n%y = Mul(%s, %x) \"y\"", []string{"%y = Swish(%x)"}},
		"swish with a factor":             {"%q = Mul(%x, %quick) \"q\"\n%s = Sigmoid(%q) \"s\"\n%y = Mul(%x, %s) \"y\"", []string{"%y = Swish{alpha=1.702}(%x)"}},
		"mish":                            {"%q = Softplus(%x) \"q\"\n%s = Tanh(%q) \"s\"\n%y = Mul(%x, %s) \"y\"", []string{"%y = Mish(%x)"}},
		"hard swish":                      {"%s = HardSigmoid{alpha=0.16666667}(%x) \"s\"\n%y = Mul(%x, %s) \"y\"", []string{"%y = HardSwish(%x)"}},
		"hard swish of a clip":            {hard + "%d = Div(%b, %six) \"d\"\n%y = Mul(%x, %d) \"y\"", []string{"%y = HardSwish(%x)"}},
		"hard swish, division last":       {hard + "%d = Mul(%x, %b) \"d\"\n%y = Div(%d, %six) \"y\"", []string{"%y = HardSwish(%x)"}},
		"hard swish, by a sixth":          {hard + "%d = Mul(%x, %b) \"d\"\n%y = Mul(%d, %sixth) \"y\"", []string{"%y = HardSwish(%x)"}},
		"hard sigmoid":                    {hard + "%y = Div(%b, %six) \"y\"", []string{"%y = HardSigmoid{alpha=0.16666667}(%x)"}},
		"hard sigmoid of another x":       {hard + "%d = Div(%b, %six) \"d\"\n%n = Neg(%x) \"n\"\n%y = Mul(%n, %d) \"y\"", []string{"%d = HardSigmoid{alpha=0.16666667}(%x)", "%n = Neg(%x)", "%y = Mul(%n, %d)"}},
		"gelu of another divisor":         {"%d = Div(%x, %two) \"d\"\n%e = Erf(%d) \"e\"\n%p = Add(%e, %one) \"p\"\n%m = Mul(%x, %p) \"m\"\n%y = Mul(%m, %half) \"y\"", nil},
		"gelu without half":               {erf + "%y = Mul(%x, %p) \"y\"", nil},
		"gelu of two values":              {erf + "%n = Neg(%x) \"n\"\n%m = Mul(%n, %p) \"m\"\n%y = Mul(%m, %half) \"y\"", nil},
		"gelu whose gate is read":         {erf + "%m = Mul(%x, %p) \"m\"\n%h = Mul(%m, %half) \"h\"\n%y = Add(%h, %p) \"y\"", nil},
		"gelu whose erf is read":          {erf + "%m = Mul(%x, %p) \"m\"\n%h = Mul(%m, %half) \"h\"\n%y = Add(%h, %e) \"y\"", nil},
		"gelu of another rank":            {erf + "%m = Mul(%x, %p) \"m\"\n%h = Mul(%m, %deep) \"h\"\n%y = Squeeze(%h, %zeroth) \"y\"", nil},
		"gelu by tanh, x last":            {"%x3 = Pow(%x, %three) \"x3\"\n%q0 = Mul(%x3, %cubic) \"q0\"\n" + strings.Replace(tanh, "Add(%x, %q0)", "Add(%q0, %x)", 1), []string{`%y = Gelu{approximate="tanh"}(%x)`}},
		"gelu by tanh, another factor":    {cube + strings.Replace(tanh, "Mul(%k, %q)", "Mul(%half, %q)", 1), nil},
		"gelu by tanh, no factor":         {cube + strings.Replace(tanh, "Mul(%k, %q)", "Identity(%q)", 1), nil},
		"gelu by tanh, two values":        {cube + "%kx = Mul(%k, %x) \"kx\"\n" + strings.Replace(tanh, "Mul(%k, %q)", "Mul(%kx, %q)", 1), nil},
		"gelu by tanh, a difference":      {cube + strings.Replace(tanh, "Add(%x, %q0)", "Sub(%x, %q0)", 1), nil},
		"gelu by tanh, of an input":       {strings.Replace(tanh, "%q = Add(%x, %q0) \"q\"\n%r = Mul(%k, %q)", "%r = Mul(%k, %x)", 1), nil},
		"gelu by tanh, another summand":   {cube + "%n = Neg(%x) \"n\"\n" + strings.Replace(tanh, "Add(%x, %q0)", "Add(%n, %q0)", 1), nil},
		"gelu by tanh, summand last":      {cube + "%n = Neg(%x) \"n\"\n" + strings.Replace(tanh, "Add(%x, %q0)", "Add(%q0, %n)", 1), nil},
		"gelu by tanh, twice x":           {strings.Replace(tanh, "Add(%x, %q0)", "Add(%x, %x)", 1), nil},
		"gelu by tanh, another cubic":     {strings.Replace(cube, "%cubic", "%half", 1) + tanh, nil},
		"gelu by tanh, a cube alone":      {"%q0 = Pow(%x, %three) \"q0\"\n" + tanh, nil},
		"gelu by tanh, a square":          {strings.Replace(cube, "%three", "%two", 1) + tanh, nil},
		"gelu by tanh, a cube of another": {"%n = Neg(%x) \"n\"\n" + strings.Replace(cube, "Pow(%x", "Pow(%n", 1) + tanh, nil},
		"gelu by tanh, no cube":           {"%q0 = Mul(%x, %cubic) \"q0\"\n" + tanh, nil},
		"gelu by tanh, no power":          {strings.Replace(cube, "Pow(%x, %three)", "Relu(%x)", 1) + tanh, nil},
		"gelu by tanh, another first":     {threeFactors("%n", "%x", "%x") + tanh, nil},
		"gelu by tanh, another second":    {threeFactors("%x", "%n", "%x") + tanh, nil},
		"gelu by tanh, another third":     {threeFactors("%x", "%x", "%n") + tanh, nil},
		"hard sigmoid by a third":         {hard + "%y = Div(%b, %three) \"y\"", nil},
		"hard sigmoid without a bound":    {"%a = Add(%x, %three) \"a\"\n%b = Clip(%a, _, %six) \"b\"\n%y = Div(%b, %six) \"y\"", nil},
		"hard sigmoid to another bound":   {"%a = Add(%x, %three) \"a\"\n%b = Clip(%a, %zero, %three) \"b\"\n%y = Div(%b, %six) \"y\"", nil},
		"hard sigmoid of another sum":     {"%a = Add(%x, %two) \"a\"\n%b = Clip(%a, %zero, %six) \"b\"\n%y = Div(%b, %six) \"y\"", nil},
		"hard swish of two values":        {hard + "%n = Neg(%x) \"n\"\n%d = Mul(%n, %b) \"d\"\n%y = Div(%d, %six) \"y\"", []string{"%a = Add(%x, %three)", "%b = Clip(%a, %zero, %six)", "%n = Neg(%x)", "%d = Mul(%n, %b)", "%y = Div(%d, %six)"}},
		"hard swish of another shift":     {"%s = HardSigmoid{alpha=0.16666667, beta=0.4}(%x) \"s\"\n%y = Mul(%x, %s) \"y\"", nil},
		"mish without softplus":           {"%s = Tanh(%x) \"s\"\n%y = Mul(%x, %s) \"y\"", nil},
		"mish of another function":        {"%q = Softsign(%x) \"q\"\n%s = Tanh(%q) \"s\"\n%y = Mul(%x, %s) \"y\"", nil},
		"mish of two values":              {"%n = Neg(%x) \"n\"\n%q = Softplus(%n) \"q\"\n%s = Tanh(%q) \"s\"\n%y = Mul(%x, %s) \"y\"", nil},
		"a product in float64":            {"%d = Cast{to=float64}(%x) \"d\"\n%s = Sigmoid(%d) \"s\"\n%m = Mul(%s, %wide) \"m\"\n%y = Cast{to=float32}(%m) \"y\"", nil},
		"swish whose gate is read":        {"%s = Sigmoid(%x) \"s\"\n%m = Mul(%s, %x) \"m\"\n%y = Add(%m, %s) \"y\"", nil},
		"swish of three":                  {"%s = Sigmoid(%x) \"s\"\n%m = Mul(%c, %s) \"m\"\n%y = Mul(%m, %x) \"y\"", nil},
		"sigmoid of another value":        {"%n = Neg(%x) \"n\"\n%s = Sigmoid(%n) \"s\"\n%y = Mul(%s, %x) \"y\"", nil},
		"hard swish of other slopes":      {"%s = HardSigmoid{alpha=0.25}(%x) \"s\"\n%y = Mul(%x, %s) \"y\"", nil},
		"clip to other bounds":            {"%a = Add(%x, %three) \"a\"\n%b = Clip(%a, %one, %six) \"b\"\n%y = Div(%b, %six) \"y\"", nil},
	} {
		t.Run(name, func(t *testing.T) { check(t, c.nodes, c.left, recognizeActivations) })
	}
}

// check applies a pass to a graph of one input, %x: float32[2,4,6], and compares the nodes that it leaves; nil stands for
// those that were there.
func check(t *testing.T, nodes string, left []string, pass func(*Context) error) {
	text := `graph "g" opset 21 (%x: float32[2,4,6]) -> (%y) {` + numbers + "  %zeroth: int64[1] = const [0]\n" + nodes + "\n}"
	if left == nil {
		left = rewritten(t, text, 0, func(*Context) error { return nil })
	}
	require.Equal(t, left, rewritten(t, text, 1e-5, pass))
}

func TestRecognizeLayerNorm(t *testing.T) {
	norm := func(axes, square string) string {
		return "%mean = ReduceMean(%x, " + axes + ") \"mean\"\n%d = Sub(%x, %mean) \"d\"\n%q = " + square + " \"q\"\n" +
			"%v = ReduceMean(%q, " + axes + ") \"v\"\n%ve = Add(%v, %eps) \"ve\"\n%r = Sqrt(%ve) \"r\"\n"
	}
	const pow = "Pow(%d, %two)"
	// other is the norm, with one of its nodes replaced.
	other := func(old, new string) string {
		text := norm("%last", pow) + "%y = Div(%d, %r) \"n\""
		require.Contains(t, text, old)
		return strings.Replace(text, old, new, 1)
	}
	left := func(last string) []string { return []string{"%n = LayerNormalization(%x, %n.scale, %n.bias)", last} }
	for name, c := range map[string]struct {
		nodes string
		left  []string
	}{
		"scale and bias": {norm("%last", pow) + "%n = Div(%d, %r) \"n\"\n%m = Mul(%c, %n) \"m\"\n%y = Add(%m, %c) \"y\"",
			[]string{"%y = LayerNormalization(%x, %n.scale, %n.bias)"}},
		"a square by product, a row as scale": {norm("%last", "Mul(%d, %d)") + "%n = Div(%d, %r) \"n\"\n%y = Mul(%n, %row) \"y\"",
			[]string{"%y = LayerNormalization(%x, %n.scale, %n.bias)"}},
		"bare": {norm("%last", pow) + "%y = Div(%d, %r) \"n\"", []string{"%y = LayerNormalization(%x, %n.scale, %n.bias)"}},
		"bias alone": {norm("%last", pow) + "%n = Div(%d, %r) \"n\"\n%y = Add(%c, %n) \"y\"",
			[]string{"%y = LayerNormalization(%x, %n.scale, %n.bias)"}},
		"two dimensions": {norm("%last2", pow) + "%n = Div(%d, %r) \"n\"\n%m = Mul(%c2, %n) \"m\"\n%y = Add(%m, %c2) \"y\"",
			[]string{"%y = LayerNormalization{axis=-2}(%x, %n.scale, %n.bias)"}},
		"a scale that is no row": {norm("%last", pow) + "%n = Div(%d, %r) \"n\"\n%y = Mul(%n, %column) \"y\"",
			[]string{"%n = LayerNormalization(%x, %n.scale, %n.bias)", "%y = Mul(%n, %column)"}},
		"a result that is read twice": {norm("%last", pow) + "%n = Div(%d, %r) \"n\"\n%m = Mul(%c, %n) \"m\"\n%y = Add(%m, %n) \"y\"",
			[]string{"%n = LayerNormalization(%x, %n.scale, %n.bias)", "%m = Mul(%c, %n)", "%y = Add(%m, %n)"}},

		"a scale of two dimensions": {norm("%last", pow) + "%n = Div(%d, %r) \"n\"\n%y = Mul(%n, %c2) \"y\"", left("%y = Mul(%n, %c2)")},
		"a scale of another rank":   {norm("%last", pow) + "%n = Div(%d, %r) \"n\"\n%m = Mul(%n, %deeprow) \"m\"\n%y = Squeeze(%m, %zeroth) \"y\"", append(left("%m = Mul(%n, %deeprow)"), "%y = Squeeze(%m, %zeroth)")},
		"a scale that varies":       {norm("%last", pow) + "%n = Div(%d, %r) \"n\"\n%m = Tanh(%n) \"m\"\n%y = Mul(%m, %m) \"y\"", append(left("%m = Tanh(%n)"), "%y = Mul(%m, %m)")},
		"times itself":              {norm("%last", pow) + "%n = Div(%d, %r) \"n\"\n%y = Mul(%n, %n) \"y\"", left("%y = Mul(%n, %n)")},

		"no root":                        {other("Sqrt(%ve)", "Exp(%ve)"), nil},
		"a sum in place of a difference": {other("Sub(%x, %mean)", "Add(%x, %mean)"), nil},
		"a product with epsilon":         {other("Add(%v, %eps)", "Mul(%v, %eps)"), nil},
		"several epsilons":               {other("Add(%v, %eps)", "Add(%v, %c)"), nil},
		"epsilon that varies":            {other("Add(%v, %eps)", "Add(%v, %v)"), nil},
		"mean of another value":          {"%u = Neg(%x) \"u\"\n" + other("ReduceMean(%x, %last)", "ReduceMean(%u, %last)"), nil},
		"no mean":                        {other("ReduceMean(%x, %last)", "ReduceMax(%x, %last)"), nil},
		"no variance":                    {other("ReduceMean(%q, %last)", "ReduceMax(%q, %last)"), nil},
		"variance over other axes":       {other("ReduceMean(%q, %last)", "ReduceMean(%q, %last2)"), nil},
		"mean over other axes":           {other("ReduceMean(%x, %last)", "ReduceMean(%x, %last2)"), nil},
		"mean over all axes":             {other("ReduceMean(%x, %last)", "ReduceMean(%x)"), nil},
		"a product with x":               {other(pow, "Mul(%d, %x)"), nil},
		"a product of x":                 {other(pow, "Mul(%x, %d)"), nil},
		"a variance that's read":         {norm("%last", pow) + "%n = Div(%d, %r) \"n\"\n%y = Add(%n, %v) \"y\"", nil},
		"a square that's read":           {norm("%last", pow) + "%n = Div(%d, %r) \"n\"\n%y = Add(%n, %q) \"y\"", nil},
		"a product with the root":        {other("Div(%d, %r)", "Mul(%d, %r)"), nil},
		"not the last":                   {norm("%first", pow) + "%y = Div(%d, %r) \"n\"", nil},
		"another power":                  {norm("%last", "Pow(%d, %three)") + "%y = Div(%d, %r) \"n\"", nil},
		"of another value":               {norm("%last", "Pow(%x, %two)") + "%y = Div(%d, %r) \"n\"", nil},
		"a mean that's read":             {norm("%last", pow) + "%n = Div(%d, %r) \"n\"\n%y = Add(%n, %mean) \"y\"", nil},
		"a root that's read":             {norm("%last", pow) + "%n = Div(%d, %r) \"n\"\n%y = Add(%n, %r) \"y\"", nil},
		"centered, too":                  {norm("%last", pow) + "%n = Div(%d, %r) \"n\"\n%y = Add(%n, %d) \"y\"", nil},
	} {
		t.Run(name, func(t *testing.T) { check(t, c.nodes, c.left, recognizeLayerNorm) })
	}
}

// A norm stays spelled out where it is of unknown or no size, where its means lose their dimension, and where what it is
// made of is a graph output.
func TestRecognizeLayerNormOf(t *testing.T) {
	for name, c := range map[string]struct {
		shape, attrs, outputs string
		nodes                 int
	}{
		"numbers":          {"4,4,4", "", "%y", 1},
		"a symbolic batch": {"N,4,4", "", "%y", 1},
		"symbolic rows":    {"4,4,N", "", "%y", 7},
		"no rows":          {"4,4,0", "", "%y", 7},
		"lost dimensions":  {"4,4,4", "{keepdims=0}", "%y", 7},
		"a graph output":   {"4,4,4", "", "%y, %d", 7},
		"the mean as well": {"4,4,4", "", "%y, %mean", 7},
		"the root as well": {"4,4,4", "", "%y, %r", 7},
	} {
		g := parse(t, `graph "g" opset 21 (%x: float32[`+c.shape+`]) -> (`+c.outputs+`) {
  %last: int64[1] = const [-1]
  %two: float32[] = const 2
  %eps: float32[] = const 0.00001
  %mean = ReduceMean`+c.attrs+`(%x, %last) "mean"
  %d = Sub(%x, %mean) "d"
  %q = Pow(%d, %two) "q"
  %v = ReduceMean`+c.attrs+`(%q, %last) "v"
  %ve = Add(%v, %eps) "ve"
  %r = Sqrt(%ve) "r"
  %y = Div(%d, %r) "y"
}`)
		require.NoError(t, recognizeLayerNorm(&Context{Graph: g}))
		require.NoError(t, ir.Verify(g))
		require.Len(t, g.Nodes(), c.nodes, name)
	}
}
