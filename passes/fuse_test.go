package passes

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

const weights = `
  %w: float32[2,2,1,1] = const splat(0.0)
  %g: float32[2,1,1,1] = const splat(0.0)
  %k: float32[2,2,3,3] = const splat(0.0)
  %halves: float32[4,2,1,1] = const splat(0.0)
  %l: float32[4,4] = const splat(0.0)
  %n: float32[4,2] = const splat(0.0)
  %square: float32[2,2] = const splat(0.0)
  %v: float32[2] = const splat(0.0)
  %bias: float32[2] = const splat(0.0)
  %mean: float32[2] = const splat(0.0)
  %var: float32[2] = const splat(0.0)
  %full: float32[2,2,3,4] = const splat(0.0)
  %slope: float32[1] = const splat(0.25)
  %slopes: float32[2,1,1] = const splat(0.0)
  %low: float32[] = const -0.5
  %high: float32[] = const 0.75
`

const fuseHead = `graph "g" opset 21 (%x: float32[2,2,3,4], %s: float32[2,1,3,4]) -> (%y) {` + weights

// checkFused applies a pass to a graph of two inputs; no left stands for the nodes that were there.
func checkFused(t *testing.T, nodes string, left []string, pass func(*Context) error) {
	text := fuseHead + nodes + "\n}"
	if left == nil {
		left = rewritten(t, text, 0, func(*Context) error { return nil })
	}
	require.Equal(t, left, rewritten(t, text, 1e-5, pass))
}

func TestFuseResidual(t *testing.T) {
	const two = "%a = Conv(%x, %w) \"a\"\n%b = Relu(%a) \"b\"\n%c = Conv(%b, %w) \"c\"\n"
	const transposed = "%a = onnxrun.FusedLinear(%b, %square) \"a\"\n%t = Transpose{perm=[0, 3, 1, 2]}(%a) \"t\"\n"
	const rows = "%b = Reshape(%x, %last) \"b\"\n"
	checkRewrites(t, fuseHead+"%last: int64[4] = const [2, 3, 4, 2]\n", fuseResidual, map[string]rewrite{
		"convolution":        {"%a = Conv(%x, %w) \"a\"\n%y = Add(%a, %x) \"y\"", []string{"%y = onnxrun.FusedConv(%x, %w, _, %x)"}},
		"second operand":     {"%a = Conv(%x, %w, %v) \"a\"\n%y = Add(%x, %a) \"y\"", []string{"%y = onnxrun.FusedConv(%x, %w, %v, %x)"}},
		"linear":             {"%a = onnxrun.FusedLinear(%x, %l) \"a\"\n%y = Add(%a, %x) \"y\"", []string{"%y = onnxrun.FusedLinear(%x, %l, _, %x)"}},
		"sum of two":         {"%a = Conv(%x, %w) \"a\"\n%y = Sum(%a, %x) \"y\"", []string{"%y = onnxrun.FusedConv(%x, %w, _, %x)"}},
		"the later of two":   {two + "%d = Conv(%x, %w) \"d\"\n%y = Add(%c, %d) \"y\"", []string{"%a = Conv(%x, %w)", "%b = Relu(%a)", "%c = Conv(%b, %w)", "%y = onnxrun.FusedConv(%x, %w, _, %c)"}},
		"the later, in turn": {two + "%d = Conv(%x, %w) \"d\"\n%y = Add(%d, %c) \"y\"", []string{"%a = Conv(%x, %w)", "%b = Relu(%a)", "%c = Conv(%b, %w)", "%y = onnxrun.FusedConv(%x, %w, _, %c)"}},
		"a summand that is read twice": {two + "%d = Neg(%c) \"d\"\n%e = Conv(%x, %w) \"e\"\n%f = Add(%c, %e) \"f\"\n%y = Mul(%f, %d) \"y\"",
			[]string{"%a = Conv(%x, %w)", "%b = Relu(%a)", "%c = Conv(%b, %w)", "%d = Neg(%c)", "%f = onnxrun.FusedConv(%x, %w, _, %c)", "%y = Mul(%f, %d)"}},
		"computed in between": {"%a = Conv(%x, %w) \"a\"\n%b = Relu(%x) \"b\"\n%y = Add(%a, %b) \"y\"",
			[]string{"%b = Relu(%x)", "%y = onnxrun.FusedConv(%x, %w, _, %b)"}},
		"attributes": {"%a = Conv{dilations=[1, 2], pads=[1, 2, 1, 2]}(%x, %k) \"a\"\n%y = Add(%a, %x) \"y\"",
			[]string{"%y = onnxrun.FusedConv{dilations=[1, 2], pads=[1, 2, 1, 2]}(%x, %k, _, %x)"}},
		"groups":      {"%q = Concat{axis=1}(%x, %x) \"q\"\n%a = Conv{group=2}(%q, %halves) \"a\"\n%z = Add(%a, %q) \"z\"\n%y = Flatten(%z) \"y\"", []string{"%q = Concat{axis=1}(%x, %x)", "%z = onnxrun.FusedConv{group=2}(%q, %halves, _, %q)", "%y = Flatten(%z)"}},
		"one channel": {"%a = Conv(%s, %g) \"a\"\n%y = Add(%a, %x) \"y\"", []string{"%y = onnxrun.FusedConv(%s, %g, _, %x)"}},
		"downstream of a transpose": {rows + transposed + "%y = Add(%x, %t) \"y\"",
			[]string{"%b = Reshape(%x, %last)", "%y.residual = Transpose{perm=[0, 2, 3, 1]}(%x)", "%a = onnxrun.FusedLinear(%b, %square, _, %y.residual)", "%y = Transpose{perm=[0, 3, 1, 2]}(%a)"}},

		"itself":                                 {"%a = Conv(%x, %w) \"a\"\n%y = Add(%a, %a) \"y\"", nil},
		"read twice":                             {"%a = Conv(%x, %w) \"a\"\n%b = Add(%a, %x) \"b\"\n%y = Mul(%b, %a) \"y\"", nil},
		"broadcast":                              {"%a = Conv(%x, %w) \"a\"\n%y = Add(%a, %s) \"y\"", nil},
		"constant":                               {"%a = Conv(%x, %w) \"a\"\n%y = Add(%a, %full) \"y\"", nil},
		"sum of three":                           {"%a = Conv(%x, %w) \"a\"\n%y = Sum(%a, %x, %s) \"y\"", nil},
		"product":                                {"%a = Conv(%x, %w) \"a\"\n%y = Mul(%a, %x) \"y\"", nil},
		"depthwise":                              {"%a = Conv{group=2}(%x, %g) \"a\"\n%y = Add(%a, %x) \"y\"", nil},
		"another activation first":               {"%a = onnxrun.FusedConv{activation=\"relu\"}(%x, %w) \"a\"\n%y = Add(%a, %x) \"y\"", nil},
		"another residual":                       {"%a = onnxrun.FusedConv(%x, %w, _, %x) \"a\"\n%y = Add(%a, %x) \"y\"", nil},
		"a transposed convolution":               {"%a = Conv(%x, %w) \"a\"\n%t = Transpose{perm=[0, 1, 2, 3]}(%a) \"t\"\n%y = Add(%t, %x) \"y\"", nil},
		"a transposed input":                     {"%t = Transpose{perm=[0, 1, 2, 3]}(%x) \"t\"\n%y = Add(%t, %x) \"y\"", nil},
		"channels stay last":                     {"%a = onnxrun.FusedLinear(%x, %l) \"a\"\n%t = Transpose{perm=[1, 0, 2, 3]}(%a) \"t\"\n%y = Add(%t, %x) \"y\"", nil},
		"a transpose of a constant residual":     {rows + transposed + "%y = Add(%full, %t) \"y\"", nil},
		"a transpose that is read twice":         {rows + transposed + "%z = Add(%x, %t) \"z\"\n%y = Mul(%z, %t) \"y\"", nil},
		"a layer read upstream of its transpose": {rows + transposed + "%z = Add(%x, %t) \"z\"\n%m = ReduceMax(%a) \"m\"\n%y = Mul(%z, %m) \"y\"", nil},
	}, map[string]string{
		"itself": escapes, "read twice": escapes, "broadcast": "the residual is broadcast, or a shape is not known", "constant": "the residual is constant",
		"a summand that is read twice": escapes, "depthwise": "a depthwise convolution adds no residual",
		"another activation first": "an activation stands between the layer and the sum", "another residual": "the layer has a residual already",
		"a transpose of a constant residual": "the residual is constant", "a transpose that is read twice": escapes, "a layer read upstream of its transpose": escapes,
	})
}

func TestFuseActivation(t *testing.T) {
	for activation, epilogue := range map[string]string{
		"Relu(%a)": `activation="relu"`, "LeakyRelu{alpha=0.3}(%a)": `activation="leakyrelu", act_alpha=0.3`,
		"PRelu(%a, %slope)": `activation="leakyrelu", act_alpha=0.25`, "Clip(%a, %low, %high)": `activation="clip", act_alpha=-0.5, act_beta=0.75`,
		"Clip(%a, _, %high)": `activation="clip", act_alpha=-inf, act_beta=0.75`, "Clip(%a, %low)": `activation="clip", act_alpha=-0.5, act_beta=inf`,
		"HardSwish(%a)": `activation="hardswish"`, "Swish(%a)": `activation="silu"`, "Sigmoid(%a)": `activation="sigmoid"`,
		"HardSigmoid{alpha=0.3}(%a)": `activation="hardsigmoid", act_alpha=0.3, act_beta=0.5`, "Tanh(%a)": `activation="tanh"`,
		"Gelu(%a)": `activation="gelu"`,
	} {
		t.Run(activation, func(t *testing.T) {
			checkFused(t, "%a = Conv(%x, %w) \"a\"\n%y = "+activation+" \"y\"", []string{"%y = onnxrun.FusedConv{" + epilogue + "}(%x, %w)"}, fuseActivation)
		})
	}
	const relu = `{activation="relu"}`
	const other = "the activation's parameters are not constant numbers, or not those of a fused one"
	checkRewrites(t, fuseHead+"%bad: float32[2] = const [1.0, inf]\n%planes: int64[3] = const [2, 2, 12]\n", fuseActivation, map[string]rewrite{
		"after a residual": {"%a = onnxrun.FusedConv(%x, %w, _, %x) \"a\"\n%y = Relu(%a) \"y\"", []string{"%y = onnxrun.FusedConv" + relu + "(%x, %w, _, %x)"}},
		"linear":           {"%a = onnxrun.FusedLinear{transB=1}(%x, %l) \"a\"\n%y = Relu(%a) \"y\"", []string{"%y = onnxrun.FusedLinear{transB=true, activation=\"relu\"}(%x, %l)"}},
		"attributes": {"%a = Conv{dilations=[1, 2], pads=[1, 2, 1, 2]}(%x, %k) \"a\"\n%y = Relu(%a) \"y\"",
			[]string{`%y = onnxrun.FusedConv{dilations=[1, 2], pads=[1, 2, 1, 2], activation="relu"}(%x, %k)`}},
		"of moved elements": {"%a = Conv(%x, %w) \"a\"\n%b = Transpose(%a) \"b\"\n%c = Flatten(%b) \"c\"\n%y = Relu(%c) \"y\"",
			[]string{"%a = onnxrun.FusedConv" + relu + "(%x, %w)", "%b = Transpose(%a)", "%y = Flatten(%b)"}},
		"norm": {"%a = BatchNormalization(%x, %v, %bias, %mean, %var) \"a\"\n%y = Relu(%a) \"y\"", []string{"%y = onnxrun.FusedConv{group=2, activation=\"relu\"}(%x, %a.scale, %a.bias)"}},

		"read twice":               {"%a = Conv(%x, %w) \"a\"\n%b = Relu(%a) \"b\"\n%y = Mul(%b, %a) \"y\"", nil},
		"moved, read too":          {"%a = Conv(%x, %w) \"a\"\n%b = Transpose{perm=[0, 1, 2, 3]}(%a) \"b\"\n%c = Relu(%b) \"c\"\n%y = Mul(%c, %a) \"y\"", nil},
		"slopes":                   {"%a = Conv(%x, %w) \"a\"\n%y = PRelu(%a, %slopes) \"y\"", nil},
		"bounds that vary":         {"%a = Conv(%x, %w) \"a\"\n%m = ReduceMax{keepdims=0}(%x) \"m\"\n%y = Clip(%a, _, %m) \"y\"", nil},
		"another form":             {"%a = Conv(%x, %w) \"a\"\n%y = Gelu{approximate=\"tanh\"}(%a) \"y\"", nil},
		"another alpha":            {"%a = Conv(%x, %w) \"a\"\n%y = Swish{alpha=2.0}(%a) \"y\"", nil},
		"another one":              {"%a = onnxrun.FusedConv{activation=\"tanh\"}(%x, %w) \"a\"\n%y = Relu(%a) \"y\"", nil},
		"no activation":            {"%a = Conv(%x, %w) \"a\"\n%y = Neg(%a) \"y\"", nil},
		"no layer":                 {"%a = Flatten(%x) \"a\"\n%y = Relu(%a) \"y\"", nil},
		"norm of batch":            {"%a, %m, %q = BatchNormalization{training_mode=1}(%x, %v, %bias, %mean, %var) \"a\"\n%y = Relu(%a) \"y\"", nil},
		"norm of rows":             {"%p = Reshape(%x, %planes) \"p\"\n%a = BatchNormalization(%p, %v, %bias, %mean, %var) \"a\"\n%y = Relu(%a) \"y\"", nil},
		"norm in half":             {"%h = Cast{to=float16}(%x) \"h\"\n%a = BatchNormalization(%h, %v, %bias, %mean, %var) \"a\"\n%r = Relu(%a) \"r\"\n%y = Cast{to=float32}(%r) \"y\"", nil},
		"norm of infinite scale":   {"%a = BatchNormalization(%x, %bad, %bias, %mean, %var) \"a\"\n%y = Relu(%a) \"y\"", nil},
		"norm of infinite bias":    {"%a = BatchNormalization(%x, %v, %bad, %mean, %var) \"a\"\n%y = Relu(%a) \"y\"", nil},
		"a product with a channel": {"%a = Mul(%x, %slopes) \"a\"\n%y = Relu(%a) \"y\"", nil},
	}, map[string]string{
		"read twice": escapes, "moved, read too": escapes, "slopes": other, "bounds that vary": other, "another form": other, "another alpha": other,
		"another one": "the layer has an activation already",
	})
}

// A normalization is a convolution of as many groups as it has channels, where that is known.
func TestNormOfUnknownChannels(t *testing.T) {
	for channels, left := range map[string]int{"C": 2, "2": 1} {
		g := parse(t, `graph "g" opset 21 (%x: float32[2,`+channels+`,3,4]) -> (%y) {
  %v: float32[2] = const [1.0, -2.0]
  %s: float32[2] = const [1.0, 2.0]
  %a = BatchNormalization(%x, %v, %v, %v, %s) "a"
  %y = Relu(%a) "y"
}`)
		require.NoError(t, fuseActivation(&Context{Graph: g}))
		require.Len(t, g.Nodes(), left, channels)
	}
}

// Shapes that are symbols are as good as numbers, as long as they are the same.
func TestFuseResidualOfSymbols(t *testing.T) {
	for shape, left := range map[string]int{"N,2,H,W": 1, "N,2,H,V": 2, "N,2,?,W": 2} {
		g, err := ir.Parse(`graph "g" opset 21 (%x: float32[N,2,H,W], %r: float32[`+shape+`]) -> (%y) {
  %w: float32[2,2,1,1] = const splat(1.0)
  %a = Conv(%x, %w) "a"
  %y = Add(%a, %r) "y"
}`, ops.Lookup)
		require.NoError(t, err)
		require.NoError(t, fuseResidual(&Context{Graph: g}))
		require.NoError(t, ir.Verify(g))
		require.Len(t, g.Nodes(), left, shape)
	}
}

func TestLinearFromMatMul(t *testing.T) {
	const (
		scaled   = "a Gemm with transA, alpha or beta"
		addend   = "the addend is no constant vector along the columns"
		operands = "the second operand is no constant float32 matrix, or the rank of the first one is below 2 or not known"
	)
	cases := map[string]rewrite{
		"matmul":              {"%y = MatMul(%x, %n) \"y\"", []string{"%y = onnxrun.FusedLinear(%x, %n)"}},
		"gemm":                {"%y = Gemm(%f, %n, %v) \"y\"", []string{"%y = onnxrun.FusedLinear(%f, %n, %v)"}},
		"gemm, by rows":       {"%y = Gemm{transB=1}(%f, %l) \"y\"", []string{"%y = onnxrun.FusedLinear{transB=true}(%f, %l)"}},
		"a row":               {"%y = Gemm(%f, %n, %row) \"y\"", []string{"%y = onnxrun.FusedLinear(%f, %n, %row_1)"}},
		"a number":            {"%y = Gemm(%f, %n, %slope) \"y\"", []string{"%y = onnxrun.FusedLinear(%f, %n, %slope_1)"}},
		"beta without addend": {"%y = Gemm{beta=2.0}(%f, %n) \"y\"", []string{"%y = onnxrun.FusedLinear(%f, %n)"}},

		"alpha":                 {"%y = Gemm{alpha=2.0}(%f, %n) \"y\"", nil},
		"beta":                  {"%y = Gemm{beta=2.0}(%f, %n, %v) \"y\"", nil},
		"a column":              {"%y = Gemm(%f, %n, %column) \"y\"", nil},
		"transposed":            {"%y = Gemm{transA=1}(%f, %twelve) \"y\"", nil},
		"no constant":           {"%y = MatMul(%x, %t) \"y\"", nil},
		"a stack of matrices":   {"%y = MatMul(%x, %stack) \"y\"", nil},
		"a vector":              {"%y = MatMul(%x, %four) \"y\"", nil},
		"of a vector":           {"%y = MatMul(%m, %n) \"y\"", nil},
		"of a constant":         {"%y = MatMul(%l, %n) \"y\"", nil},
		"an addend that varies": {"%y = Gemm(%f, %l, %f) \"y\"", nil},
	}
	for name, c := range cases {
		if c.left != nil {
			c.left = append([]string{"%f = Reshape(%x, %rows)", "%t = Transpose{perm=[0, 1, 3, 2]}(%x)", "%m = ReduceMax{keepdims=false}(%f, %zeroth)"}, c.left...)
			cases[name] = c
		}
	}
	checkRewrites(t, fuseHead+"%rows: int64[2] = const [12, 4]\n%row: float32[1,2] = const splat(0.0)\n%column: float32[12,1] = const splat(0.0)\n"+
		"%stack: float32[2,4,3] = const splat(0.0)\n%four: float32[4] = const splat(0.0)\n%twelve: float32[12,2] = const splat(0.0)\n%zeroth: int64[1] = const [0]\n"+
		"%f = Reshape(%x, %rows) \"f\"\n%t = Transpose{perm=[0, 1, 3, 2]}(%x) \"t\"\n%m = ReduceMax{keepdims=0}(%f, %zeroth) \"m\"\n", linearFromMatMul, cases, map[string]string{
		"alpha": scaled, "beta": scaled, "transposed": scaled, "a column": addend, "an addend that varies": addend,
		"no constant": operands, "a stack of matrices": operands, "a vector": operands, "of a vector": operands, "of a constant": operands,
	})
}
