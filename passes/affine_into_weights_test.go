package passes

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

func TestAffineIntoWeights(t *testing.T) {
	const norm = "BatchNormalization(%a, %v, %b, %mean, %var)"
	const fixed = "the layer's weights are not constant, not float32 or empty"
	misses := map[string]string{
		"read twice": escapes, "another axis": notPerChannel, "norm of rows": notPerChannel, "after an activation": "an activation or a residual follows in the layer",
		"another rank": notPerChannel, "overflow": overflows, "underflow": overflows, "infinity": overflows, "not constant": fixed,
		"shared weights": "the layer's weights are shared", "stretched": notPerChannel, "as many columns as channels": notPerChannel,
		"as many channels as rows": notPerChannel, "a vector of another rank": notPerChannel, "a bias that overflows": overflows,
		"a bias that varies": fixed, "after a residual": "an activation or a residual follows in the layer",
		"a layer read upstream of its transpose": escapes,
	}
	for name, c := range map[string]struct {
		layer, rest string // %a is computed from %x: float32[2,4,5,6]
		left        []string
	}{
		"batch norm":          {"Conv(%x, %w)", "  %y = " + norm + ` "y"`, []string{"%y = Conv(%x, %w_1, %a.bias)"}},
		"grouped":             {"Conv{group=2}(%x, %half, %four)", "  %y = Mul(%a, %alongfour) \"y\"", []string{"%y = Conv{group=2}(%x, %half_1, %a.bias)"}},
		"transposed":          {"ConvTranspose(%x, %up)", "  %y = " + norm + ` "y"`, []string{"%y = ConvTranspose(%x, %up_1, %a.bias)"}},
		"transposed, grouped": {"ConvTranspose{group=2}(%x, %half, %four)", "  %y = Mul(%a, %alongfour) \"y\"", []string{"%y = ConvTranspose{group=2}(%x, %half_1, %a.bias)"}},
		"chain":               {"Conv(%x, %w)", "  %n = " + norm + " \"n\"\n  %c = Mul(%along, %n) \"c\"\n  %y = Add(%c, %along2) \"y\"", []string{"%y = Conv(%x, %w_1_1, %a.bias)"}},
		"sum alone":           {"Conv(%x, %w)", `  %y = Add(%along, %a) "y"`, []string{"%y = Conv(%x, %w, %a.bias)"}},
		"difference":          {"Conv(%x, %w, %v)", `  %y = Sub(%a, %along) "y"`, []string{"%y = Conv(%x, %w, %a.bias)"}},
		"difference 2":        {"Conv(%x, %w, %v)", `  %y = Sub(%along, %a) "y"`, []string{"%y = Conv(%x, %w_1, %a.bias)"}},
		"quotient":            {"Conv(%x, %w, %v)", `  %y = Div(%a, %along) "y"`, []string{"%y = Conv(%x, %w_1, %a.bias)"}},
		"number":              {"Conv(%x, %w, %v)", `  %y = Mul(%a, %two) "y"`, []string{"%y = Conv(%x, %w_1, %a.bias)"}},
		"linear":              {"onnxrun.FusedLinear(%x, %l)", `  %y = Mul(%a, %v) "y"`, []string{"%y = onnxrun.FusedLinear(%x, %l_1, %a.bias)"}},
		"linear by rows": {"onnxrun.FusedLinear{transB=1}(%x, %lt, %v)", `  %y = Mul(%v, %a) "y"`,
			[]string{"%y = onnxrun.FusedLinear{transB=true}(%x, %lt_1, %a.bias)"}},
		"downstream of a transpose": {"onnxrun.FusedLinear(%x, %l)", "  %t = Transpose{perm=[0, 3, 1, 2]}(%a) \"t\"\n  %y = Mul(%t, %along) \"y\"",
			[]string{"%a = onnxrun.FusedLinear(%x, %l_1, %a.bias)", "%y = Transpose{perm=[0, 3, 1, 2]}(%a)"}},
		"sum of a transposed convolution": {"Conv(%x, %w)", "  %t = Transpose{perm=[0, 2, 3, 1]}(%a) \"t\"\n  %y = Add(%t, %v) \"y\"",
			[]string{"%a = Conv(%x, %w, %a.bias)", "%y = Transpose{perm=[0, 2, 3, 1]}(%a)"}},
		"norm downstream of a transpose": {"onnxrun.FusedLinear(%x, %l)", "  %t = Transpose{perm=[0, 3, 1, 2]}(%a) \"t\"\n  %y = BatchNormalization(%t, %v, %b, %mean, %var) \"y\"",
			[]string{"%a = onnxrun.FusedLinear(%x, %l_1, %a.bias)", "%y = Transpose{perm=[0, 3, 1, 2]}(%a)"}},

		"reciprocal": {"Conv(%x, %w)", `  %y = Div(%two, %a) "y"`, []string{"%a = Conv(%x, %w)", "%y = Div(%two, %a)"}},
		"read twice": {"Conv(%x, %w)", "  %n = " + norm + " \"n\"\n  %y = Mul(%a, %n) \"y\"",
			[]string{"%a = Conv(%x, %w)", "%n = " + norm, "%y = Mul(%a, %n)"}},
		"another axis": {"Conv(%x, %w)", `  %y = Mul(%a, %columns) "y"`, []string{"%a = Conv(%x, %w)", "%y = Mul(%a, %columns)"}},
		"norm of rows": {"onnxrun.FusedLinear(%x, %l)", "  %y = BatchNormalization(%a, %four, %four2, %four3, %four4) \"y\"",
			[]string{"%a = onnxrun.FusedLinear(%x, %l)", "%y = BatchNormalization(%a, %four, %four2, %four3, %four4)"}},
		"after an activation": {`onnxrun.FusedLinear{activation="relu"}(%x, %l)`, `  %y = Mul(%a, %v) "y"`,
			[]string{`%a = onnxrun.FusedLinear{activation="relu"}(%x, %l)`, "%y = Mul(%a, %v)"}},
		"stretched":    {"Conv(%x, %single)", `  %y = Mul(%a, %along) "y"`, []string{"%a = Conv(%x, %single)", "%y = Mul(%a, %along)"}},
		"another rank": {"Conv(%x, %w)", `  %y = Mul(%a, %deep) "y"`, []string{"%a = Conv(%x, %w)", "%y = Mul(%a, %deep)"}},
		"overflow":     {"Conv(%x, %one)", `  %y = Mul(%a, %huge) "y"`, []string{"%a = Conv(%x, %one)", "%y = Mul(%a, %huge)"}},
		"underflow":    {"Conv(%x, %one)", `  %y = Mul(%a, %tiny) "y"`, []string{"%a = Conv(%x, %one)", "%y = Mul(%a, %tiny)"}},
		"infinity":     {"Conv(%x, %one)", `  %y = Mul(%a, %inf) "y"`, []string{"%a = Conv(%x, %one)", "%y = Mul(%a, %inf)"}},
		"not constant": {"Conv(%x, %x2)", `  %y = Mul(%a, %two) "y"`, []string{"%x2 = Reshape(%x, %shape)", "%a = Conv(%x, %x2)", "%y = Mul(%a, %two)"}},
		"shared weights": {"Conv(%x, %w)", "  %m = Mul(%a, %along) \"m\"\n  %c = Conv(%x, %w) \"c\"\n  %y = Add(%m, %c) \"y\"",
			[]string{"%a = Conv(%x, %w)", "%m = Mul(%a, %along)", "%c = Conv(%x, %w)", "%y = Add(%m, %c)"}},
		"not constant either": {"Conv(%x, %w)", "  %m = ReduceMax{keepdims=0}(%x) \"m\"\n  %y = Mul(%a, %m) \"y\"",
			[]string{"%a = Conv(%x, %w)", "%m = ReduceMax{keepdims=false}(%x)", "%y = Mul(%a, %m)"}},
		"zero weights":                {"Conv(%x, %zeros)", `  %y = Mul(%a, %two) "y"`, []string{"%y = Conv(%x, %zeros_1, %a.bias)"}},
		"a factor of zero":            {"Conv(%x, %w)", `  %y = Mul(%a, %none) "y"`, []string{"%y = Conv(%x, %w_1, %a.bias)"}},
		"a number of the same rank":   {"Conv(%x, %w)", `  %y = Mul(%a, %same) "y"`, []string{"%y = Conv(%x, %w_1, %a.bias)"}},
		"as many columns as channels": {"Conv(%x, %wide)", `  %y = Mul(%a, %four) "y"`, []string{"%a = Conv(%x, %wide)", "%y = Mul(%a, %four)"}},
		"as many channels as rows": {"onnxrun.FusedLinear(%x, %l4)", "  %y = BatchNormalization(%a, %four, %four2, %four3, %four4) \"y\"",
			[]string{"%a = onnxrun.FusedLinear(%x, %l4)", "%y = BatchNormalization(%a, %four, %four2, %four3, %four4)"}},
		"a vector of another rank": {"Conv(%x, %w)", `  %y = Mul(%a, %deepalong) "y"`, []string{"%a = Conv(%x, %w)", "%y = Mul(%a, %deepalong)"}},
		"a bias that overflows":    {"Conv(%x, %one, %big)", `  %y = Add(%a, %huge) "y"`, []string{"%a = Conv(%x, %one, %big)", "%y = Add(%a, %huge)"}},
		"a bias that varies":       {"Conv(%x, %one, %b2)", `  %y = Add(%a, %two) "y"`, []string{"%x2 = ReduceMax{keepdims=false}(%x)", "%b2 = Reshape(%x2, %single_shape)", "%a = Conv(%x, %one, %b2)", "%y = Add(%a, %two)"}},
		"after a residual":         {"onnxrun.FusedLinear(%x, %l6, _, %x)", `  %y = Mul(%a, %two) "y"`, []string{"%a = onnxrun.FusedLinear(%x, %l6, _, %x)", "%y = Mul(%a, %two)"}},
		"a transposed input":       {"Transpose{perm=[0, 3, 1, 2]}(%x)", `  %y = Mul(%a, %two) "y"`, []string{"%a = Transpose{perm=[0, 3, 1, 2]}(%x)", "%y = Mul(%a, %two)"}},
		"a layer read upstream of its transpose": {"onnxrun.FusedLinear(%x, %l)", "  %t = Transpose{perm=[0, 3, 1, 2]}(%a) \"t\"\n  %m = Mul(%t, %along) \"m\"\n  %q = ReduceMax(%a) \"q\"\n  %y = Add(%m, %q) \"y\"",
			[]string{"%a = onnxrun.FusedLinear(%x, %l)", "%t = Transpose{perm=[0, 3, 1, 2]}(%a)", "%m = Mul(%t, %along)", "%q = ReduceMax(%a)", "%y = Add(%m, %q)"}},
		"training": {"Conv(%x, %w)", "  %y, %m, %s = BatchNormalization{training_mode=1}(%a, %v, %b, %mean, %var) \"y\"",
			[]string{"%a = Conv(%x, %w)", "%y, %m, %s = BatchNormalization{training_mode=true}(%a, %v, %b, %mean, %var)"}},
	} {
		t.Run(name, func(t *testing.T) {
			pre := ""
			switch name {
			case "not constant":
				pre = "  %x2 = Reshape(%x, %shape) \"x2\"\n"
			case "a bias that varies":
				pre = "  %x2 = ReduceMax{keepdims=0}(%x) \"x2\"\n  %b2 = Reshape(%x2, %single_shape) \"b2\"\n"
			}
			var found map[string]int
			left := rewritten(t, `graph "g" opset 21 (%x: float32[2,4,5,6]) -> (%y) {
  %w: float32[3,4,2,3] = const splat(0.0)
  %single: float32[1,4,2,3] = const splat(0.0)
  %half: float32[4,2,3,2] = const splat(0.0)
  %up: float32[4,3,2,1] = const splat(0.0)
  %one: float32[1,4,1,1] = const [1.25, -0.5, 0.75, -1.5]
  %l: float32[6,3] = const splat(0.0)
  %lt: float32[3,6] = const splat(0.0)
  %v: float32[3] = const splat(0.0)
  %b: float32[3] = const splat(0.0)
  %mean: float32[3] = const splat(0.0)
  %var: float32[3] = const splat(0.0)
  %four: float32[4] = const splat(0.0)
  %four2: float32[4] = const splat(0.0)
  %four3: float32[4] = const splat(0.0)
  %four4: float32[4] = const splat(0.0)
  %along: float32[3,1,1] = const splat(0.0)
  %along2: float32[3,1,1] = const splat(0.0)
  %alongfour: float32[4,1,1] = const splat(0.0)
  %columns: float32[4] = const splat(0.0)
  %deep: float32[1,1,1,1,1] = const splat(2.0)
  %two: float32[] = const 2
  %huge: float32[] = const 3.0e38
  %inf: float32[] = const inf
  %tiny: float32[] = const 1.0e-45
  %shape: int64[4] = const [60, 4, 1, 1]
  %single_shape: int64[1] = const [1]
  %zeros: float32[1,4,1,1] = const [1.25, 0.0, 0.75, -0.0]
  %none: float32[3,1,1] = const [1.0, 0.0, -1.0]
  %same: float32[1,1,1,1] = const [-2.0]
  %wide: float32[4,4,2,3] = const splat(0.0)
  %l4: float32[6,4] = const splat(0.0)
  %l6: float32[6,6] = const splat(0.0)
  %deepalong: float32[1,1,3,1,1] = const splat(0.0)
  %big: float32[1] = const [1.0e38]
`+pre+"  %a = "+c.layer+" \"a\"\n"+c.rest+"\n}", 1e-3, func(ctx *Context) error {
				defer func() { found = ctx.misses }()
				return affineIntoWeights(ctx)
			})
			require.Equal(t, c.left, left)
			if why := misses[name]; why != "" {
				require.Contains(t, found, why)
			} else {
				require.Empty(t, found)
			}
		})
	}
}

// What a layer gives may be of a size that is known only when it runs.
func TestAffineOfSymbols(t *testing.T) {
	g, err := ir.Parse(`graph "g" opset 21 (%x: float32[?,2,H,W]) -> (%y) {
  %w: float32[3,2,1,1] = const splat(1.0)
  %v: float32[3] = const splat(1.0)
  %k: float32[3,1,1] = const splat(1.0)
  %a = Conv(%x, %w) "a"
  %b = BatchNormalization(%a, %v, %v, %v, %v) "b"
  %y = Mul(%b, %k) "y"
}`, ops.Lookup)
	require.NoError(t, err)
	require.NoError(t, affineIntoWeights(&Context{Graph: g}))
	require.NoError(t, ir.Verify(g))
	require.Len(t, g.Nodes(), 1)
}

// A graph output stays what it is, with its name, even where it is between a layer and what would go into it.
func TestAffineOfOutputs(t *testing.T) {
	left := rewritten(t, `graph "g" opset 21 (%x: float32[1,2,3,3]) -> (%y, %a) {
  %w: float32[3,2,1,1] = const splat(0.0)
  %two: float32[] = const 2
  %a = Conv(%x, %w) "a"
  %y = Mul(%a, %two) "y"
}`, 0, affineIntoWeights)
	require.Equal(t, []string{"%a = Conv(%x, %w)", "%y = Mul(%a, %two)"}, left)
}

// Nothing is nothing, however it is scaled; and what has no size does not divide by it.
func TestAffineOfNothing(t *testing.T) {
	for _, pass := range []func(*Context) error{affineIntoWeights, affineIntoNext, fuseActivation, fuseResidual, simplify} {
		g, err := ir.Parse(`graph "g" opset 21 (%x: float32[2,0,3,3]) -> (%y) {
  %w: float32[0,0,1,1] = const []
  %v: float32[0] = const []
  %a = Conv(%x, %w) "a"
  %b = BatchNormalization(%a, %v, %v, %v, %v) "b"
  %c = Relu(%b) "c"
  %d = Conv(%c, %w) "d"
  %y = Add(%d, %x) "y"
}`, ops.Lookup)
		require.NoError(t, err)
		require.NoError(t, pass(&Context{Graph: g}))
		require.NoError(t, ir.Verify(g))
	}
}
