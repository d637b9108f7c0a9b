package passes

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
)

// rewrite is a case of a table: nodes of a graph, and what a pass leaves of them; no left stands for all.
type rewrite struct {
	nodes string
	left  []string
}

// checkRewrites applies a pass to graphs that begin with head and end with a case's nodes. Where misses name a reason for
// a case, the pass must tell it, else it must tell none.
func checkRewrites(t *testing.T, head string, pass func(*Context) error, cases map[string]rewrite, misses map[string]string) {
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			text := head + c.nodes + "\n}"
			left := c.left
			if left == nil {
				left = rewritten(t, text, 0, func(*Context) error { return nil })
			}
			var found map[string]int
			require.Equal(t, left, rewritten(t, text, 1e-4, func(ctx *Context) error {
				defer func() { found = ctx.misses }()
				return pass(ctx)
			}))
			if why := misses[name]; why != "" {
				require.Contains(t, found, why)
			}
			if misses[name] == "" {
				require.Empty(t, found)
			}
		})
	}
}

const (
	escapes = "what it reads is read elsewhere too"
	output  = "what it reads is a graph output"
)

func TestDeduplicate(t *testing.T) {
	checkRewrites(t, `graph "g" opset 21 (%x: float32[2,3,4,4]) -> (%y) {
  %w: float32[3,3,1,1] = const splat(0.0)
  %v: float32[3,3,1,1] = const splat(0.0)
  %two: float32[] = const 2
  %deux: float32[] = const 2
  %twos: float32[1] = const [2.0]
  %bits: int32[] = const 1073741824
  %three: float32[] = const 3
  %split: int64[2] = const [1, 2]
`, deduplicate, map[string]rewrite{
		"same": {"%a = Relu(%x) \"a\"\n%b = Relu(%x) \"b\"\n%y = Add(%a, %b) \"y\"", []string{"%a = Relu(%x)", "%y = Add(%a, %a)"}},
		"in turn": {"%a = Relu(%x) \"a\"\n%b = Relu(%x) \"b\"\n%c = Tanh(%a) \"c\"\n%d = Tanh(%b) \"d\"\n%y = Add(%c, %d) \"y\"",
			[]string{"%a = Relu(%x)", "%c = Tanh(%a)", "%y = Add(%c, %c)"}},
		"constants of one content": {"%a = Mul(%x, %two) \"a\"\n%b = Mul(%x, %deux) \"b\"\n%y = Add(%a, %b) \"y\"", []string{"%a = Mul(%x, %two)", "%y = Add(%a, %a)"}},
		"one constant":             {"%a = Conv(%x, %w) \"a\"\n%b = Conv(%x, %w) \"b\"\n%y = Add(%a, %b) \"y\"", []string{"%a = Conv(%x, %w)", "%y = Add(%a, %a)"}},
		"several outputs": {"%a, %b = Split{axis=1}(%x, %split) \"a\"\n%c, %d = Split{axis=1}(%x, %split) \"c\"\n%y = Concat{axis=1}(%a, %d) \"y\"",
			[]string{"%a, %b = Split{axis=1}(%x, %split)", "%y = Concat{axis=1}(%a, %b)"}},
		"a graph output": {"%a = Relu(%x) \"a\"\n%y = Relu(%x) \"b\"\n%c = Tanh(%a) \"c\"", []string{"%y = Relu(%x)", "%c = Tanh(%y)"}},

		"fewer outputs": {"%a, %i = MaxPool{kernel_shape=[2, 2]}(%x) \"a\"\n%b = MaxPool{kernel_shape=[2, 2]}(%x) \"b\"\n%c = Cast{to=float32}(%i) \"c\"\n%d = Mul(%a, %b) \"d\"\n%y = Add(%d, %c) \"y\"",
			[]string{"%a, %i = MaxPool{kernel_shape=[2, 2]}(%x)", "%c = Cast{to=float32}(%i)", "%d = Mul(%a, %a)", "%y = Add(%d, %c)"}},

		"more outputs":               {"%b = MaxPool{kernel_shape=[2, 2]}(%x) \"b\"\n%a, %i = MaxPool{kernel_shape=[2, 2]}(%x) \"a\"\n%c = Cast{to=float32}(%i) \"c\"\n%d = Mul(%a, %b) \"d\"\n%y = Add(%d, %c) \"y\"", nil},
		"constants of another shape": {"%a = Mul(%x, %two) \"a\"\n%b = Mul(%x, %twos) \"b\"\n%y = Add(%a, %b) \"y\"", nil},
		"constants of another type":  {"%a = Cast{to=float32}(%bits) \"a\"\n%b = Cast{to=float32}(%two) \"b\"\n%c = Add(%a, %b) \"c\"\n%y = Add(%x, %c) \"y\"", nil},
		"another operator":           {"%a = Relu(%x) \"a\"\n%b = Tanh(%x) \"b\"\n%y = Add(%a, %b) \"y\"", nil},
		"another attribute":          {"%a = LeakyRelu{alpha=0.1}(%x) \"a\"\n%b = LeakyRelu{alpha=0.2}(%x) \"b\"\n%y = Add(%a, %b) \"y\"", nil},
		"another constant":           {"%a = Mul(%x, %two) \"a\"\n%b = Mul(%x, %three) \"b\"\n%y = Add(%a, %b) \"y\"", nil},
		"other weights":              {"%a = Conv(%x, %w) \"a\"\n%b = Conv(%x, %v) \"b\"\n%y = Add(%a, %b) \"y\"", nil},
		"another order":              {"%a = Sub(%x, %two) \"a\"\n%b = Sub(%two, %x) \"b\"\n%y = Add(%a, %b) \"y\"", nil},
	}, nil)
	checkRewrites(t, `graph "g" opset 21 (%x: float32[2]) -> (%y, %z) {
`, deduplicate, map[string]rewrite{"two graph outputs": {"%y = Relu(%x) \"y\"\n%z = Relu(%x) \"z\"", nil}},
		map[string]string{"two graph outputs": "both results are graph outputs"})
}

// Constants are compared by content up to a size, and strings as well.
func TestDeduplicateByContent(t *testing.T) {
	const n = maxCompared / 4
	for name, c := range map[string]struct {
		v, w string
		left int
	}{
		"large":         {fmt.Sprintf("float32[%d] = const splat(2.0)", n), fmt.Sprintf("float32[%d] = const splat(2.0)", n), 2},
		"too large":     {fmt.Sprintf("float32[%d] = const splat(2.0)", n+1), fmt.Sprintf("float32[%d] = const splat(2.0)", n+1), 3},
		"strings":       {`string[2] = const ["a", "b"]`, `string[2] = const ["a", "b"]`, 2},
		"other strings": {`string[2] = const ["a", "b"]`, `string[2] = const ["a", "c"]`, 3},
	} {
		g := parse(t, `graph "g" opset 21 (%i: int64[1]) -> (%y) {
  %v: `+c.v+`
  %w: `+c.w+`
  %a = Gather(%v, %i) "a"
  %b = Gather(%w, %i) "b"
  %y = Equal(%a, %b) "y"
}`)
		require.NoError(t, deduplicate(&Context{Graph: g}))
		require.NoError(t, ir.Verify(g))
		require.Len(t, g.Nodes(), c.left, name)
	}
}

func TestCancelTransposes(t *testing.T) {
	const down, up = "Transpose{perm=[0, 3, 1, 2]}", "Transpose{perm=[0, 2, 3, 1]}"
	const stays = "not fewer Transposes, or what lies between is read elsewhere or cannot be moved"
	checkRewrites(t, `graph "g" opset 21 (%x: float32[2,3,4,5], %z: float32[2,5,3,4], %short: float32[3,4]) -> (%y) {
  %two: float32[] = const 2
  %row: float32[4] = const splat(0.0)
  %channel: float32[5,1,1] = const splat(0.0)
`, cancelTransposes, map[string]rewrite{
		"unary":    {"%a = " + down + "(%x) \"a\"\n%b = Relu(%a) \"b\"\n%y = " + up + "(%b) \"y\"", []string{"%y = Relu(%x)"}},
		"constant": {"%a = " + down + "(%x) \"a\"\n%b = Mul(%a, %two) \"b\"\n%y = " + up + "(%b) \"y\"", []string{"%y = Mul(%x, %two)"}},
		"vectors": {"%a = " + down + "(%x) \"a\"\n%b = Mul(%a, %channel) \"b\"\n%c = Add(%row, %b) \"c\"\n%y = " + up + "(%c) \"y\"",
			[]string{"%row.transposed = Transpose{perm=[0, 2, 3, 1]}(%row_1)", "%channel.transposed = Transpose{perm=[0, 2, 3, 1]}(%channel_1)",
				"%b_1 = Mul(%x, %channel.transposed)", "%y = Add(%row.transposed, %b_1)"}},
		"concat": {"%a = " + down + "(%x) \"a\"\n%b = " + down + "(%x) \"b\"\n%c = Concat{axis=1}(%a, %b) \"c\"\n%y = " + up + "(%c) \"y\"", []string{"%y = Concat{axis=3}(%x, %x)"}},
		"two and one": {"%a = " + down + "(%x) \"a\"\n%b = Add(%a, %z) \"b\"\n%y = " + up + "(%b) \"y\"",
			[]string{"%z.transposed = Transpose{perm=[0, 2, 3, 1]}(%z)", "%y = Add(%x, %z.transposed)"}},

		"concat from the end": {"%a = " + down + "(%x) \"a\"\n%b = Neg(%a) \"b\"\n%c = Concat{axis=-3}(%a, %b) \"c\"\n%y = " + up + "(%c) \"y\"",
			[]string{"%b_1 = Neg(%x)", "%y = Concat{axis=3}(%x, %b_1)"}},
		"an absent operand": {"%a = " + down + "(%x) \"a\"\n%b = Clip(%a, _, %two) \"b\"\n%y = " + up + "(%b) \"y\"", []string{"%y = Clip(%x, _, %two)"}},

		"another rank":            {"%a = " + down + "(%x) \"a\"\n%b = Add(%a, %short) \"b\"\n%y = " + up + "(%b) \"y\"", nil},
		"read elsewhere, and one": {"%a = " + down + "(%x) \"a\"\n%b = Add(%a, %z) \"b\"\n%c = " + up + "(%b) \"c\"\n%d = Flatten(%a) \"d\"\n%e = Flatten(%c) \"e\"\n%y = Add(%d, %e) \"y\"", nil},
		"reduction further up":    {"%a = " + down + "(%x) \"a\"\n%s = Softmax{axis=1}(%a) \"s\"\n%b = Relu(%s) \"b\"\n%y = " + up + "(%b) \"y\"", nil},
		"another permutation":     {"%a = " + down + "(%x) \"a\"\n%b = Relu(%a) \"b\"\n%y = Transpose{perm=[0, 3, 1, 2]}(%b) \"y\"", nil},
		"read elsewhere":          {"%a = " + down + "(%x) \"a\"\n%b = Relu(%a) \"b\"\n%c = " + up + "(%b) \"c\"\n%d = Flatten(%b) \"d\"\n%e = Flatten(%c) \"e\"\n%y = Add(%d, %e) \"y\"", nil},
		"as many":                 {"%a = " + down + "(%x) \"a\"\n%b = Relu(%z) \"b\"\n%c = Add(%a, %b) \"c\"\n%d = Mul(%c, %z) \"d\"\n%y = " + up + "(%d) \"y\"", nil},
		"reduction":               {"%a = " + down + "(%x) \"a\"\n%b = Softmax{axis=1}(%a) \"b\"\n%y = " + up + "(%b) \"y\"", nil},
	}, map[string]string{"as many": stays, "another rank": stays, "read elsewhere, and one": stays})
}

// A region has a bounded number of nodes, and its rank must be known.
func TestCancelTransposesBounds(t *testing.T) {
	for _, c := range []struct {
		shape   string
		between int
		left    int
	}{{"2,3", maxRegion, maxRegion}, {"2,3", maxRegion + 1, maxRegion + 3}, {"...", 1, 3}} {
		var text strings.Builder
		text.WriteString("graph \"g\" opset 21 (%x: float32[" + c.shape + "]) -> (%y) {\n%v0 = Transpose{perm=[1, 0]}(%x) \"t\"\n")
		for i := range c.between {
			fmt.Fprintf(&text, "%%v%d = Neg(%%v%d) \"v%d\"\n", i+1, i, i+1)
		}
		fmt.Fprintf(&text, "%%y = Transpose{perm=[1, 0]}(%%v%d) \"y\"\n}", c.between)
		g := parse(t, text.String())
		require.NoError(t, cancelTransposes(&Context{Graph: g}))
		require.NoError(t, ir.Verify(g))
		require.Len(t, g.Nodes(), c.left, "%+v", c)
	}
}

func TestPadIntoWindow(t *testing.T) {
	checkRewrites(t, `graph "g" opset 21 (%x: float32[2,3,6,6], %v: float32[], %k: float32[4,3,1,1]) -> (%y) {
  %w: float32[4,3,3,3] = const splat(0.0)
  %pads: int64[8] = const [0, 0, 1, 0, 0, 0, 1, 2]
  %batch: int64[8] = const [1, 0, 1, 0, 0, 0, 1, 2]
  %batch2: int64[8] = const [0, 0, 1, 0, 1, 0, 1, 2]
  %channels: int64[8] = const [0, 0, 1, 0, 0, 1, 1, 2]
  %channels2: int64[8] = const [0, 1, 1, 0, 0, 0, 1, 2]
  %deep: float32[4,4,3,3] = const splat(0.0)
  %cut: int64[8] = const [0, 0, -1, 0, 0, 0, 1, 2]
  %cut2: int64[8] = const [0, 0, 1, 0, 0, 0, 1, -2]
  %wide: int64[8] = const [0, 0, 3, 0, 0, 0, 1, 2]
  %some: int64[2] = const [1, 2]
  %axes: int64[1] = const [-1]
  %zero: float32[] = const 0
  %one: float32[] = const 1
  %least: float32[] = const -inf
  %minus: float32[] = const -1
`, padIntoWindow, map[string]rewrite{
		"convolution": {"%a = Pad(%x, %pads) \"a\"\n%y = Conv{pads=[1, 1, 1, 1]}(%a, %w) \"y\"", []string{"%y = Conv{pads=[2, 1, 2, 3]}(%x, %w)"}},
		"of axes":     {"%a = Pad(%x, %some, %zero, %axes) \"a\"\n%y = Conv{auto_pad=\"VALID\"}(%a, %w) \"y\"", []string{"%y = Conv{pads=[0, 1, 0, 2]}(%x, %w)"}},
		"average": {"%a = Pad(%x, %pads) \"a\"\n%y = AveragePool{kernel_shape=[3, 3]}(%a) \"y\"",
			[]string{"%y = AveragePool{count_include_pad=true, kernel_shape=[3, 3], pads=[1, 0, 1, 2]}(%x)"}},
		"maximum": {"%a = Pad(%x, %pads, %least) \"a\"\n%y = MaxPool{kernel_shape=[3, 3]}(%a) \"y\"", []string{"%y = MaxPool{kernel_shape=[3, 3], pads=[1, 0, 1, 2]}(%x)"}},
		"maximum of what is not negative": {"%r = Relu(%x) \"r\"\n%a = Pad(%r, %pads) \"a\"\n%y = MaxPool{kernel_shape=[3, 3]}(%a) \"y\"",
			[]string{"%r = Relu(%x)", "%y = MaxPool{kernel_shape=[3, 3], pads=[1, 0, 1, 2]}(%r)"}},
		"read elsewhere": {"%a = Pad(%x, %pads) \"a\"\n%b = Conv(%a, %w) \"b\"\n%c = Conv(%a, %w) \"c\"\n%y = Add(%b, %c) \"y\"",
			[]string{"%b = Conv{pads=[1, 0, 1, 2]}(%x, %w)", "%c = Conv{pads=[1, 0, 1, 2]}(%x, %w)", "%y = Add(%b, %c)"}},

		"average of counted pads": {"%a = Pad(%x, %pads) \"a\"\n%y = AveragePool{count_include_pad=1, kernel_shape=[4, 4], pads=[1, 1, 1, 1]}(%a) \"y\"",
			[]string{"%y = AveragePool{count_include_pad=true, kernel_shape=[4, 4], pads=[2, 1, 2, 3]}(%x)"}},
		"maximum of what is clipped": {"%r = Clip(%x, %zero, %one) \"r\"\n%a = Pad(%r, %pads) \"a\"\n%y = MaxPool{kernel_shape=[3, 3]}(%a) \"y\"",
			[]string{"%r = Clip(%x, %zero, %one)", "%y = MaxPool{kernel_shape=[3, 3], pads=[1, 0, 1, 2]}(%r)"}},
		"maximum of what has a lower bound": {"%r = Clip(%x, %one) \"r\"\n%i = Identity(%r) \"i\"\n%a = Pad(%i, %pads) \"a\"\n%y = MaxPool{kernel_shape=[3, 3]}(%a) \"y\"",
			[]string{"%r = Clip(%x, %one)", "%i = Identity(%r)", "%y = MaxPool{kernel_shape=[3, 3], pads=[1, 0, 1, 2]}(%i)"}},

		"average of ones":            {"%a = Pad(%x, %pads, %one) \"a\"\n%y = AveragePool{kernel_shape=[3, 3]}(%a) \"y\"", nil},
		"average of pads alone":      {"%a = Pad(%x, %wide) \"a\"\n%y = AveragePool{kernel_shape=[3, 3]}(%a) \"y\"", nil},
		"maximum, rounded up":        {"%a = Pad(%x, %pads, %least) \"a\"\n%y = MaxPool{kernel_shape=[3, 3], ceil_mode=1}(%a) \"y\"", nil},
		"maximum and where it is":    {"%a = Pad(%x, %pads, %least) \"a\"\n%y, %i = MaxPool{kernel_shape=[3, 3]}(%a) \"y\"", nil},
		"maximum of a lower bound":   {"%r = Clip(%x, %minus) \"r\"\n%a = Pad(%r, %pads) \"a\"\n%y = MaxPool{kernel_shape=[3, 3]}(%a) \"y\"", nil},
		"maximum of no lower bound":  {"%r = Clip(%x, _, %one) \"r\"\n%a = Pad(%r, %pads) \"a\"\n%y = MaxPool{kernel_shape=[3, 3]}(%a) \"y\"", nil},
		"maximum of an upper bound":  {"%r = Clip(%x, %zero, %minus) \"r\"\n%a = Pad(%r, %pads) \"a\"\n%y = MaxPool{kernel_shape=[3, 3]}(%a) \"y\"", nil},
		"maximum of a varying bound": {"%r = Clip(%x, %zero, %v) \"r\"\n%a = Pad(%r, %pads) \"a\"\n%y = MaxPool{kernel_shape=[3, 3]}(%a) \"y\"", nil},
		"maximum of a negation":      {"%r = Relu(%x) \"r\"\n%m = Neg(%r) \"m\"\n%a = Pad(%m, %pads) \"a\"\n%y = MaxPool{kernel_shape=[3, 3]}(%a) \"y\"", nil},
		"no window":                  {"%a = Pad(%x, %pads) \"a\"\n%y = Relu(%a) \"y\"", nil},
		"weights that are padded":    {"%a = Pad(%k, %pads) \"a\"\n%y = Conv(%x, %a) \"y\"", nil},
		"ones":                       {"%a = Pad(%x, %pads, %one) \"a\"\n%y = Conv(%a, %w) \"y\"", nil},
		"a value that is not known":  {"%a = Pad(%x, %pads, %v) \"a\"\n%y = Conv(%a, %w) \"y\"", nil},
		"the edge":                   {"%a = Pad{mode=\"edge\"}(%x, %pads) \"a\"\n%y = Conv(%a, %w) \"y\"", nil},
		"the last channels":          {"%a = Pad(%x, %channels) \"a\"\n%y = Conv(%a, %deep) \"y\"", nil},
		"the first channels":         {"%a = Pad(%x, %channels2) \"a\"\n%y = Conv(%a, %deep) \"y\"", nil},
		"the end of the batch":       {"%a = Pad(%x, %batch2) \"a\"\n%y = Conv(%a, %w) \"y\"", nil},
		"the end that is cut off":    {"%a = Pad(%x, %cut2) \"a\"\n%y = Conv(%a, %w) \"y\"", nil},
		"the batch":                  {"%a = Pad(%x, %batch) \"a\"\n%y = Conv(%a, %w) \"y\"", nil},
		"pads that cut off":          {"%a = Pad(%x, %cut) \"a\"\n%y = Conv(%a, %w) \"y\"", nil},
		"auto_pad":                   {"%a = Pad(%x, %pads) \"a\"\n%y = Conv{auto_pad=\"SAME_UPPER\"}(%a, %w) \"y\"", nil},
		"average of other pads":      {"%a = Pad(%x, %pads) \"a\"\n%y = AveragePool{kernel_shape=[3, 3], pads=[1, 1, 1, 1]}(%a) \"y\"", nil},
		"average, rounded up":        {"%a = Pad(%x, %pads) \"a\"\n%y = AveragePool{kernel_shape=[3, 3], ceil_mode=1}(%a) \"y\"", nil},
		"maximum of pads alone":      {"%a = Pad(%x, %wide, %least) \"a\"\n%b = MaxPool{kernel_shape=[3, 3]}(%a) \"b\"\n%y = Clip(%b, %zero) \"y\"", nil},
		"maximum of zeros":           {"%a = Pad(%x, %pads) \"a\"\n%y = MaxPool{kernel_shape=[3, 3]}(%a) \"y\"", nil},
		"maximum, with a dilation":   {"%a = Pad(%x, %pads, %least) \"a\"\n%y = MaxPool{kernel_shape=[3, 3], dilations=[2, 2]}(%a) \"y\"", nil},
	}, map[string]string{
		"ones": "a convolution pads with zeros only", "the edge": "a convolution pads with zeros only", "a value that is not known": "a convolution pads with zeros only",
		"the last channels": "images or channels are padded", "the first channels": "images or channels are padded", "the end of the batch": "images or channels are padded",
		"the end that is cut off": "the pads cut off",
		"the batch":               "images or channels are padded", "pads that cut off": "the pads cut off", "auto_pad": "the window has auto_pad",
		"average of other pads":    "the pooling rounds up or has pads of its own, which do not count",
		"average, rounded up":      "the pooling rounds up or has pads of its own, which do not count",
		"maximum of pads alone":    "a window may see pads alone",
		"maximum of zeros":         "the pads may be the maximum",
		"maximum of a lower bound": "the pads may be the maximum", "maximum of no lower bound": "the pads may be the maximum",
		"maximum of an upper bound": "the pads may be the maximum", "maximum of a varying bound": "the pads may be the maximum",
		"maximum of a negation": "the pads may be the maximum", "maximum, rounded up": "the pooling rounds up or gives indices",
		"maximum and where it is": "the pooling rounds up or gives indices", "average of ones": "average pooling pads with zeros only",
		"average of pads alone":    "a window may see pads alone",
		"maximum, with a dilation": "a window may see pads alone",
	})
}

// Pads stay where they, or what they are added to, are not known.
func TestPadsThatAreNotKnown(t *testing.T) {
	for name, c := range map[string]struct {
		x, pads string
		why     string
	}{
		"known":     {"2,3,6,6", "%pads", ""},
		"a batch":   {"N,3,6,6", "%pads", ""},
		"pads":      {"2,3,6,6", "%p", "the pads, or the rank of what is padded, are not known"},
		"a height":  {"2,3,H,6", "%pads", "a dimension of the image is 0 or not known"},
		"a width":   {"2,3,6,W", "%pads", "a dimension of the image is 0 or not known"},
		"no pixels": {"2,3,0,6", "%pads", "a dimension of the image is 0 or not known"},
		"a rank":    {"...", "%pads", "the pads, or the rank of what is padded, are not known"},
	} {
		g := parse(t, `graph "g" opset 21 (%x: float32[`+c.x+`], %p: int64[8]) -> (%y) {
  %w: float32[4,3,1,1] = const splat(0.5)
  %pads: int64[8] = const [0, 0, 1, 0, 0, 0, 1, 2]
  %a = Pad(%x, `+c.pads+`) "a"
  %y = Conv(%a, %w) "y"
}`)
		ctx := &Context{Graph: g}
		require.NoError(t, padIntoWindow(ctx))
		require.NoError(t, ir.Verify(g))
		if c.why == "" {
			require.Len(t, g.Nodes(), 1, name)
			continue
		}
		require.Len(t, g.Nodes(), 2, name)
		require.Equal(t, map[string]int{c.why: 1}, ctx.misses, name)
	}
}

func TestSlicesToSplit(t *testing.T) {
	const gap = "the Slices overlap or leave something out"
	checkRewrites(t, `graph "g" opset 21 (%x: float32[2,3,6], %m: float32[1,2,6]) -> (%y) {
  %zero: int64[1] = const [0]
  %one: int64[1] = const [1]
  %two: int64[1] = const [2]
  %far: int64[1] = const [9223372036854775807]
  %last: int64[1] = const [-1]
  %before: int64[1] = const [-2]
`, slicesToSplit, map[string]rewrite{
		"two": {"%a = Slice(%x, %zero, %one, %one) \"a\"\n%b = Slice(%x, %one, %far, %before, %one) \"b\"\n%c = Add(%a, %b) \"c\"\n%y = Relu(%c) \"y\"",
			[]string{"%a.part, %b.part = Split{axis=1}(%x, %a.split)", "%c = Add(%a.part, %b.part)", "%y = Relu(%c)"}},
		"in another order, of the first axis": {"%b = Slice(%x, %last, %far) \"b\"\n%a = Slice(%x, %zero, %last) \"a\"\n%y = Sub(%a, %b) \"y\"",
			[]string{"%a.part, %b.part = Split(%x, %b.split)", "%y = Sub(%a.part, %b.part)"}},

		"a gap":          {"%a = Slice(%x, %zero, %one, %one) \"a\"\n%b = Slice(%x, %two, %far, %one) \"b\"\n%y = Add(%a, %b) \"y\"", nil},
		"an overlap":     {"%a = Slice(%x, %zero, %two, %one) \"a\"\n%b = Slice(%x, %one, %far, %one) \"b\"\n%y = Add(%a, %b) \"y\"", nil},
		"the end is not": {"%a = Slice(%x, %zero, %one, %one) \"a\"\n%b = Slice(%x, %one, %two, %one) \"b\"\n%y = Add(%a, %b) \"y\"", nil},
		"nothing":        {"%a = Slice(%x, %zero, %zero, %one) \"a\"\n%b = Slice(%x, %zero, %far, %one) \"b\"\n%y = Concat{axis=1}(%a, %b) \"y\"", nil},
		"steps":          {"%a = Slice(%x, %zero, %far, %last, %two) \"a\"\n%b = Slice(%x, %one, %far, %last, %two) \"b\"\n%y = Add(%a, %b) \"y\"", nil},
		"other axes":     {"%a = Slice(%x, %zero, %one, %zero) \"a\"\n%b = Slice(%x, %one, %far, %one) \"b\"\n%c = ReduceSum(%a) \"c\"\n%d = ReduceSum(%b) \"d\"\n%y = Add(%c, %d) \"y\"", nil},
		"one":            {"%y = Slice(%x, %zero, %one, %one) \"y\"", nil},
	}, map[string]string{"a gap": gap, "an overlap": gap, "the end is not": gap, "nothing": gap})
}

func TestGemmFromMatMul(t *testing.T) {
	const vector = "the addend is neither a vector along the columns nor a constant that fits the product"
	checkRewrites(t, `graph "g" opset 21 (%x: float32[4,3], %z: float32[4,5], %d: float32[2,4,3], %e: float32[2,3,5], %row: float32[5], %number: float32[], %single: float32[1], %matrix: float32[1,5]) -> (%y) {
  %w: float32[3,5] = const splat(0.0)
  %b: float32[5] = const splat(0.0)
  %column: float32[4,1] = const splat(0.0)
  %full: float32[4,5] = const splat(0.0)
  %two: float32[] = const 2
  %deep: float32[2,1,5] = const splat(0.0)
  %narrow: float32[3,1] = const splat(0.0)
`, gemmFromMatMul, map[string]rewrite{
		"vector":        {"%a = MatMul(%x, %w) \"a\"\n%y = Add(%a, %b) \"y\"", []string{"%y = Gemm(%x, %w, %b)"}},
		"vector before": {"%a = MatMul(%x, %w) \"a\"\n%y = Add(%b, %a) \"y\"", []string{"%y = Gemm(%x, %w, %b)"}},
		"number":        {"%a = MatMul(%x, %w) \"a\"\n%y = Add(%a, %two) \"y\"", []string{"%y = Gemm(%x, %w, %two)"}},
		"matrix":        {"%a = MatMul(%x, %w) \"a\"\n%y = Add(%a, %full) \"y\"", []string{"%y = Gemm(%x, %w, %full)"}},
		"column":        {"%a = MatMul(%x, %w) \"a\"\n%y = Add(%a, %column) \"y\"", []string{"%y = Gemm(%x, %w, %column)"}},

		"a vector that varies":    {"%a = MatMul(%x, %w) \"a\"\n%y = Add(%a, %row) \"y\"", []string{"%y = Gemm(%x, %w, %row)"}},
		"a number that varies":    {"%a = MatMul(%x, %w) \"a\"\n%y = Add(%a, %number) \"y\"", []string{"%y = Gemm(%x, %w, %number)"}},
		"one element that varies": {"%a = MatMul(%x, %w) \"a\"\n%y = Add(%a, %single) \"y\"", []string{"%y = Gemm(%x, %w, %single)"}},
		"one column":              {"%a = MatMul(%x, %narrow) \"a\"\n%y = Add(%a, %row) \"y\"", nil},

		"a row of a matrix that varies": {"%a = MatMul(%x, %w) \"a\"\n%y = Add(%a, %matrix) \"y\"", nil},
		"itself":                        {"%a = MatMul(%x, %w) \"a\"\n%y = Add(%a, %a) \"y\"", nil},
		"no product of matrices":        {"%a = Mul(%z, %z) \"a\"\n%y = Add(%a, %b) \"y\"", nil},
		"second of a stack":             {"%a = MatMul(%x, %e) \"a\"\n%y = Add(%a, %b) \"y\"", nil},
		"residual":                      {"%a = MatMul(%x, %w) \"a\"\n%y = Add(%a, %z) \"y\"", nil},
		"larger":                        {"%a = MatMul(%x, %w) \"a\"\n%y = Add(%a, %deep) \"y\"", nil},
		"stack":                         {"%a = MatMul(%d, %w) \"a\"\n%y = Add(%a, %b) \"y\"", nil},
		"read elsewhere":                {"%a = MatMul(%x, %w) \"a\"\n%c = Add(%a, %b) \"c\"\n%y = Mul(%a, %c) \"y\"", nil},
		"difference":                    {"%a = MatMul(%x, %w) \"a\"\n%y = Sub(%a, %b) \"y\"", nil},
	}, map[string]string{
		"residual": vector, "larger": vector, "one column": vector, "a row of a matrix that varies": vector, "stack": "the operands are no matrices, or their ranks are not known",
		"second of a stack": "the operands are no matrices, or their ranks are not known", "read elsewhere": escapes,
	})
}

func TestAffineIntoNext(t *testing.T) {
	const norm = "BatchNormalization(%x, %v, %shift, %mean, %var)"
	const pads = "the layer pads, or is transposed, and a summand would be missing there"
	checkRewrites(t, `graph "g" opset 21 (%x: float32[2,4,5,6], %m: float32[]) -> (%y) {
  %w: float32[3,4,2,3] = const splat(0.0)
  %b: float32[3] = const splat(0.0)
  %half: float32[6,2,1,2] = const splat(0.0)
  %up: float32[4,3,2,1] = const splat(0.0)
  %l: float32[6,3] = const splat(0.0)
  %lt: float32[3,6] = const splat(0.0)
  %v: float32[4] = const splat(0.0)
  %shift: float32[4] = const splat(0.0)
  %mean: float32[4] = const splat(0.0)
  %var: float32[4] = const splat(0.0)
  %six: float32[6] = const splat(0.0)
  %along: float32[4,1,1] = const splat(0.0)
  %columns: float32[6] = const splat(0.0)
  %huge: float32[] = const 3.0e38
  %tiny: float32[] = const 1.0e-45
  %two: float32[] = const 2
  %one: float32[1,4,1,1] = const [1.25, -0.5, 0.75, -1.5]
  %positive: float32[1,4,1,1] = const [1.25, 0.5, 0.75, 1.5]
  %zeros: float32[1,4,1,1] = const [1.25, 0.0, 0.75, -0.0]
  %none: float32[4,1,1] = const [1.0, 0.0, -1.0, 2.0]
  %deepest: float32[3,4,1,6] = const splat(0.0)
  %axis: int64[1] = const [1]
  %shape: int64[4] = const [3, 4, 2, 3]
`, affineIntoNext, map[string]rewrite{
		"batch norm":                   {"%a = " + norm + " \"a\"\n%y = Conv(%a, %w, %b) \"y\"", []string{"%y = Conv(%x, %w_1, %y.bias)"}},
		"grouped":                      {"%a = Add(%x, %along) \"a\"\n%y = Conv{group=2}(%a, %half) \"y\"", []string{"%y = Conv{group=2}(%x, %half_1, %y.bias)"}},
		"factor and pads":              {"%a = Mul(%along, %x) \"a\"\n%y = Conv{pads=[1, 1, 1, 1]}(%a, %w) \"y\"", []string{"%y = Conv{pads=[1, 1, 1, 1]}(%x, %w_1)"}},
		"transposed":                   {"%a = Mul(%x, %along) \"a\"\n%y = ConvTranspose(%a, %up, %b) \"y\"", []string{"%y = ConvTranspose(%x, %up_1, %b)"}},
		"linear":                       {"%a = Sub(%x, %six) \"a\"\n%y = onnxrun.FusedLinear(%a, %l) \"y\"", []string{"%y = onnxrun.FusedLinear(%x, %l_1, %y.bias)"}},
		"linear by rows":               {"%a = Div(%x, %six) \"a\"\n%y = onnxrun.FusedLinear{transB=1}(%a, %lt, %b) \"y\"", []string{"%y = onnxrun.FusedLinear{transB=true}(%x, %lt_1, %y.bias)"}},
		"number":                       {"%a = Mul(%x, %two) \"a\"\n%y = Conv(%a, %w) \"y\"", []string{"%y = Conv(%x, %w_1, %y.bias)"}},
		"summand and pads":             {"%a = " + norm + " \"a\"\n%y = Conv{pads=[1, 1, 1, 1]}(%a, %w) \"y\"", nil},
		"auto_pad":                     {"%a = " + norm + " \"a\"\n%y = Conv{auto_pad=\"SAME_LOWER\"}(%a, %w) \"y\"", nil},
		"transposed, sum":              {"%a = Add(%x, %along) \"a\"\n%y = ConvTranspose(%a, %up) \"y\"", nil},
		"another axis":                 {"%a = Mul(%x, %columns) \"a\"\n%y = Conv(%a, %w) \"y\"", nil},
		"not constant":                 {"%a = Mul(%x, %m) \"a\"\n%y = Conv(%a, %w) \"y\"", nil},
		"read elsewhere":               {"%a = Mul(%x, %two) \"a\"\n%b2 = Conv(%a, %w) \"b\"\n%f = ReduceMean(%a) \"f\"\n%y = Add(%b2, %f) \"y\"", nil},
		"shared weights":               {"%a = Mul(%x, %two) \"a\"\n%b2 = Conv(%a, %w) \"b\"\n%c = Conv(%x, %w) \"c\"\n%y = Add(%b2, %c) \"y\"", nil},
		"overflow":                     {"%h = Mul(%x, %huge) \"h\"\n%y = Conv(%h, %one) \"y\"", nil},
		"underflow":                    {"%h = Mul(%x, %tiny) \"h\"\n%y = Conv(%h, %one) \"y\"", nil},
		"a bias that overflows":        {"%h = Add(%x, %huge) \"h\"\n%y = Conv(%h, %positive) \"y\"", nil},
		"zero weights":                 {"%a = Mul(%x, %two) \"a\"\n%y = Conv(%a, %zeros) \"y\"", []string{"%y = Conv(%x, %zeros_1, %y.bias)"}},
		"a factor of zero":             {"%a = Mul(%x, %none) \"a\"\n%y = Conv(%a, %w) \"y\"", []string{"%y = Conv(%x, %w_1, %y.bias)"}},
		"valid":                        {"%a = " + norm + " \"a\"\n%y = Conv{auto_pad=\"VALID\"}(%a, %w) \"y\"", []string{"%y = Conv{auto_pad=\"VALID\"}(%x, %w_1, %y.bias)"}},
		"as many columns as channels":  {"%a = Mul(%x, %six) \"a\"\n%y = Conv(%a, %deepest) \"y\"", nil},
		"an operand that is broadcast": {"%p = ReduceMax(%x, %axis) \"p\"\n%a = Mul(%p, %along) \"a\"\n%y = Conv(%a, %w) \"y\"", nil},
		"weights of a layer":           {"%h = Mul(%m, %two) \"h\"\n%g = Expand(%h, %shape) \"g\"\n%i = Mul(%g, %two) \"i\"\n%y = Conv(%x, %i) \"y\"", nil},
		"a layer of weights that vary": {"%g = Expand(%m, %shape) \"g\"\n%a = Mul(%x, %two) \"a\"\n%y = Conv(%a, %g) \"y\"", nil},
	}, map[string]string{
		"summand and pads": pads, "auto_pad": pads, "transposed, sum": pads, "another axis": notPerChannel, "shared weights": "the layer's weights are shared",
		"overflow": overflows, "underflow": overflows, "a bias that overflows": overflows, "read elsewhere": escapes, "as many columns as channels": notPerChannel,
		"an operand that is broadcast": "its operand is broadcast, or a shape is not known", "a layer of weights that vary": "the layer's weights are not constant, not float32 or empty",
	})
}

func TestFuseSiblings(t *testing.T) {
	const tail = "\n%d = Conv(%a, %ones) \"d\"\n%e = Conv(%c, %others) \"e\"\n%y = Add(%d, %e) \"y\""
	const a = "%a = Conv(%x, %v) \"a\"\n"
	// second is a graph whose second convolution is another one, of 32 channels and as large an output.
	second := func(conv string) rewrite { return rewrite{a + "%c = " + conv + " \"c\"" + tail, nil} }
	// both is the same of two convolutions with the same attributes, which join.
	both := func(attrs string) rewrite {
		return rewrite{"%a = Conv{" + attrs + "}(%x, %v) \"a\"\n%c = Conv{" + attrs + "}(%x, %w, %b) \"c\"" + tail,
			[]string{"%a.siblings = onnxrun.FusedConv{" + attrs + "}(%x, %v.siblings, %a.siblings.bias)", "%a.part, %c.part = Split{axis=1}(%a.siblings, %a.split)",
				"%d = Conv(%a.part, %ones)", "%e = Conv(%c.part, %others)", "%y = Add(%d, %e)"}}
	}
	join := both("pads=[0, 0, 0, 0], strides=[1, 1]")
	checkRewrites(t, `graph "g" opset 21 (%x: float32[2,3,4,4], %m: float32[32,3,1,1], %n: float32[32], %r: float32[2,32,4,4]) -> (%y) {
  %v: float32[16,3,1,1] = const splat(0.0)
  %w: float32[32,3,1,1] = const splat(0.0)
  %u: float32[17,3,1,1] = const splat(0.0)
  %k: float32[16,3,3,3] = const splat(0.0)
  %b: float32[32] = const splat(0.0)
  %tall: float32[32,3,3,1] = const splat(0.0)
  %third: float32[48,1,1,1] = const splat(0.0)
  %ones: float32[16,16,1,1] = const splat(0.0)
  %others: float32[16,32,1,1] = const splat(0.0)
  %groups: float32[16,48,1,1] = const splat(0.0)
  %odd: float32[16,17,1,1] = const splat(0.0)
  %rows: int64[3] = const [2, 3, 16]
  %flatv: float32[16,3,1] = const splat(0.0)
  %flatw: float32[32,3,1] = const splat(0.0)
`, fuseSiblings, map[string]rewrite{
		"two": {a + "%c = Conv(%x, %w, %b) \"c\"" + tail,
			[]string{"%a.siblings = onnxrun.FusedConv(%x, %v.siblings, %a.siblings.bias)", "%a.part, %c.part = Split{axis=1}(%a.siblings, %a.split)",
				"%d = Conv(%a.part, %ones)", "%e = Conv(%c.part, %others)", "%y = Add(%d, %e)"}},
		"pads and strides that are stated": join,

		"one":                {"%a = Conv(%x, %v) \"a\"\n%y = Relu(%a) \"y\"", nil},
		"another window":     {"%a = Conv(%x, %v) \"a\"\n%c = Conv{pads=[1, 1, 1, 1]}(%x, %k) \"c\"\n%y = Add(%a, %c) \"y\"", nil},
		"another activation": second(`onnxrun.FusedConv{activation="relu"}(%x, %w, %b)`),
		"a residual":         second("onnxrun.FusedConv(%x, %w, %b, %r)"),
		"weights that vary":  second("Conv(%x, %m, %b)"),
		"a bias that varies": second("Conv(%x, %w, %n)"),
		"auto_pad":           second(`Conv{auto_pad="SAME_UPPER"}(%x, %w, %b)`),
		"a column":           {a + "%c = Conv(%x, %tall, %b) \"c\"\n%d = Conv(%a, %ones) \"d\"\n%e = Conv(%c, %others) \"e\"\n%z = ReduceMax(%e) \"z\"\n%y = Add(%d, %z) \"y\"", nil},
		"strides":            {a + "%c = Conv{strides=[2, 2]}(%x, %w, %b) \"c\"\n%d = Conv(%a, %ones) \"d\"\n%e = Conv(%c, %others) \"e\"\n%z = ReduceMax(%e) \"z\"\n%y = Add(%d, %z) \"y\"", nil},
		"pads":               {a + "%c = Conv{pads=[1, 1, 1, 1]}(%x, %w, %b) \"c\"\n%d = Conv(%a, %ones) \"d\"\n%e = Conv(%c, %others) \"e\"\n%z = ReduceMax(%e) \"z\"\n%y = Add(%d, %z) \"y\"", nil},
		"groups":             {a + "%c = Conv{group=3}(%x, %third) \"c\"\n%d = Conv(%a, %ones) \"d\"\n%e = Conv(%c, %groups) \"e\"\n%y = Add(%d, %e) \"y\"", nil},
		"one dimension":      {"%p = Reshape(%x, %rows) \"p\"\n%a = Conv(%p, %flatv) \"a\"\n%c = Conv(%p, %flatw) \"c\"\n%d = ReduceMax(%a) \"d\"\n%y = Add(%d, %c) \"y\"", nil},
		"read by a concat":   {a + "%c = Conv(%x, %w, %b) \"c\"\n%y = Concat{axis=1}(%a, %c) \"y\"", nil},
		"a graph output":     {a + "%y = Conv(%x, %w, %b) \"c\"\n%d = Conv(%a, %ones) \"d\"", nil},
		"no whole block":     {a + "%c = Conv(%x, %u) \"c\"\n%d = Conv(%a, %ones) \"d\"\n%e = Conv(%c, %odd) \"e\"\n%y = Add(%d, %e) \"y\"", nil},
	}, map[string]string{"another activation": "the activations differ", "read by a concat": "a Concat has it computed in place", "a graph output": "a graph output"})
}

// The numbers of a constant shape: -1 for what is open, where as many elements go in as come out, 0 for what stays.
func TestOpenShape(t *testing.T) {
	n, k, two, six, none := ir.Symbol("N"), ir.Symbol("K"), ir.Known(2), ir.Known(6), ir.Known(0)
	for _, c := range []struct {
		in, out ir.Shape
		want    []int // nil where it stays
		why     string
	}{
		{ir.Shape{two, six}, ir.Shape{six, two}, []int{6, 2}, ""},
		{ir.Shape{n, six}, ir.Shape{n, two, ir.Known(3)}, []int{-1, 2, 3}, ""},
		{ir.Shape{n, six}, ir.Shape{n.Mul(two), ir.Known(3)}, []int{-1, 3}, ""},
		{ir.Shape{two, n}, ir.Shape{two, n}, []int{2, -1}, ""},
		{ir.Shape{n, k, six}, ir.Shape{n, k, two, ir.Known(3)}, []int{0, 0, 2, 3}, ""},
		{ir.Shape{n, six}, ir.Shape{n, two}, []int{0, 2}, ""}, // which fails when it runs
		{ir.Shape{six, n}, ir.Shape{two, n}, []int{2, 0}, ""},
		{ir.Shape{six, n}, ir.Shape{n, two}, nil, "several dimensions are open, or the number of elements may differ"},
		{ir.Shape{n}, ir.Shape{n, k}, nil, "several dimensions are open, or the number of elements may differ"},
		{ir.Shape{n, k}, ir.Shape{k, n}, nil, "several dimensions are open, or the number of elements may differ"},
		{ir.Shape{n, two}, ir.Shape{none, n}, nil, "a dimension is 0"},
		{ir.Shape{n, two}, ir.Shape{ir.UnknownDim, two}, nil, "a dimension of the shape is not known"},
		{nil, ir.Shape{n}, nil, "the shape, or that of the input, is not known"},
		{ir.Shape{n}, nil, nil, "the shape, or that of the input, is not known"},
	} {
		shape, why := openShape(c.in, c.out, c.out)
		require.Equal(t, c.why, why, "%v to %v", c.in, c.out)
		require.Equal(t, c.want, shape, "%v to %v", c.in, c.out)
	}
	_, why := openShape(ir.Shape{n}, nil, ir.Shape{n})
	require.Equal(t, "the shape, or that of the input, is not known", why)
}

// What the arithmetic of exporters makes of a symbolic batch is constant as far as can be.
func TestConstantShapes(t *testing.T) {
	for name, c := range map[string]struct {
		nodes string
		left  []string
	}{
		"batch": {"%a = Concat{axis=0}(%n, %twelve) \"a\"\n%y = Reshape(%x, %a) \"y\"", []string{"%y = Reshape(%x, %a_1)"}},
		"batch times heads": {"%m = Mul(%n, %two) \"m\"\n%a = Concat{axis=0}(%m, %six) \"a\"\n%y = Reshape(%x, %a) \"y\"",
			[]string{"%y = Reshape(%x, %a_1)"}},
		"kept in its place": {"%a = Concat{axis=0}(%n, %two, %six) \"a\"\n%b = Reshape(%x, %a) \"b\"\n%c = Shape(%b) \"c\"\n%y = Reshape(%b, %c) \"y\"",
			[]string{"%y = Reshape(%x, %c_1)"}},
		"an expansion": {"%a = Concat{axis=0}(%n, %minus, %minus) \"a\"\n%o = ConstantOfShape{value=const int64[1] [1]}(%three) \"o\"\n%m = Mul(%o, %minus) \"m\"\n%e = Equal(%a, %m) \"e\"\n%w = Where(%e, %o, %a) \"w\"\n%y = Expand(%token, %w) \"y\"",
			[]string{"%s = Shape(%x)", "%g = Gather(%s, %zero)", "%n = Unsqueeze(%g, %zeros)", "%a = Concat{axis=0}(%n, %minus, %minus)", "%w = Where(%e_1, %o_1, %a)", "%y = Expand(%token, %w)"}},

		"another number of elements": {"%a = Concat{axis=0}(%six, %n) \"a\"\n%y = Reshape(%x, %a) \"y\"",
			[]string{"%s = Shape(%x)", "%g = Gather(%s, %zero)", "%n = Unsqueeze(%g, %zeros)", "%a = Concat{axis=0}(%six, %n)", "%y = Reshape(%x, %a)"}},
		"two symbols": {"%a = Concat{axis=0}(%k, %n, %two, %six) \"a\"\n%y = Reshape(%x, %a) \"y\"",
			[]string{"%s = Shape(%x)", "%g = Gather(%s, %zero)", "%n = Unsqueeze(%g, %zeros)", "%k = Shape(%z)", "%a = Concat{axis=0}(%k, %n, %two, %six)", "%y = Reshape(%x, %a)"}},
		"no elements": {"%a = Concat{axis=0}(%n, %zeros) \"a\"\n%y = Reshape{allowzero=1}(%x, %a) \"y\"",
			[]string{"%s = Shape(%x)", "%g = Gather(%s, %zero)", "%n = Unsqueeze(%g, %zeros)", "%a = Concat{axis=0}(%n, %zeros)", "%y = Reshape{allowzero=true}(%x, %a)"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := parse(t, `graph "g" opset 21 (%x: float32[N,3,4], %z: float32[K]) -> (%y) {
  %zero: int64[] = const 0
  %zeros: int64[1] = const [0]
  %minus: int64[1] = const [-1]
  %two: int64[1] = const [2]
  %three: int64[1] = const [3]
  %six: int64[1] = const [6]
  %twelve: int64[1] = const [12]
  %token: float32[1,1,4] = const splat(1.0)
  %s = Shape(%x) "s"
  %g = Gather(%s, %zero) "g"
  %n = Unsqueeze(%g, %zeros) "n"
  %k = Shape(%z) "k"
`+c.nodes+"\n}")
			want := g.Outputs()[0].Type()
			_, err := Optimize(t.Context(), g, Options{Level: O1, After: func(_ Pass, g *ir.Graph) error { return ir.Verify(g) }})
			require.NoError(t, err)
			require.Equal(t, c.left, nodesOf(t, g))
			require.True(t, want.Accepts(g.Outputs()[0].Type()))
		})
	}
}
