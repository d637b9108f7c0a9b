package passes

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// Attention of 2 images of 3 places, 2 heads of 16 channels, as models spell it out.
const attentionConsts = `
  %c0: int64[1] = const [0]
  %c32: int64[1] = const [32]
  %c64: int64[1] = const [64]
  %c96: int64[1] = const [96]
  %last: int64[1] = const [-1]
  %first: int64[] = const 0
  %second: int64[] = const 1
  %minus1: int64[] = const -1
  %byPart: int64[4] = const [3, 2, 3, 32]
  %rows: int64[3] = const [2, 3, 96]
  %minus: float32[] = const -0.25
  %great: float32[] = const 1.0e31
  %wide: float32[96,2] = const splat(0.0)
  %within: int64[4] = const [0, 0, 16, 2]
  %small: int64[4] = const [0, 0, 4, 8]
  %folds: int64[4] = const [0, 2, 3, 16]
  %heads: int64[4] = const [0, 0, 2, 16]
  %joined: int64[3] = const [0, 0, -1]
  %folded: int64[3] = const [3, 4, 16]
  %flat: int64[2] = const [-1, 32]
  %thirds: int64[3] = const [32, 32, 32]
  %factor: float32[] = const 0.25
  %root: float32[1] = const [0.5]
  %vector: float32[3] = const [0.25, 0.5, 0.25]
  %mask: float32[3,3] = const [0.0, -1.0, -1.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0]
`

const (
	parts = `%qs = Slice(%x, %c0, %c32, %last) "qs"
  %ks = Slice(%x, %c32, %c64, %last) "ks"
  %vs = Slice(%x, %c64, %c96, %last) "vs"
  `
	divided = `%qh = Reshape(%qs, %heads) "qh"
  %kh = Reshape(%ks, %heads) "kh"
  %vh = Reshape(%vs, %heads) "vh"
  %q = Transpose{perm=[0, 2, 1, 3]}(%qh) "q"
  %k = Transpose{perm=[0, 2, 3, 1]}(%kh) "k"
  %v = Transpose{perm=[0, 2, 1, 3]}(%vh) "v"
  `
	scaling = `%qf = Mul(%q, %factor) "qf"
  `
	scores = scaling + `%s = MatMul(%qf, %k) "s"
  `
	weighted = `%p = Softmax(%s) "p"
  %o = MatMul(%p, %v) "o"
  %ot = Transpose{perm=[0, 2, 1, 3]}(%o) "ot"
  %y = Reshape(%ot, %joined) "y"`
	attends = parts + divided + scores + weighted

	// The way of torch, with places before images.
	torch = `%u = Reshape(%x, %byPart) "u"
  %w = Transpose{perm=[2, 0, 1, 3]}(%u) "w"
  %qs = Gather(%w, %first) "qs"
  %ks = Gather(%w, %second) "ks"
  %vs = Gather(%w, %minus1) "vs"
  %qr = Reshape(%qs, %folded) "qr"
  %kr = Reshape(%ks, %folded) "kr"
  %vr = Reshape(%vs, %folded) "vr"
  %q = Transpose{perm=[1, 0, 2]}(%qr) "q"
  %k = Transpose{perm=[1, 2, 0]}(%kr) "k"
  %v = Transpose{perm=[1, 0, 2]}(%vr) "v"
  %qf = Mul(%q, %root) "qf"
  %kf = Mul(%root, %k) "kf"
  %s = MatMul(%qf, %kf) "s"
  %p = Softmax(%s) "p"
  %o = MatMul(%p, %v) "o"
  %ot = Transpose{perm=[1, 0, 2]}(%o) "ot"
  %y = Reshape(%ot, %flat) "y"`
)

func attentionGraph(nodes, x, outputs string) string {
	return `graph "g" opset 21 (%x: float32[` + x + `]) -> (` + outputs + `) {` + attentionConsts + "  " + nodes + "\n}"
}

// with is the usual attention with some of its text replaced.
func with(oldnew ...string) string {
	s := attends
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(s, oldnew[i]) {
			panic(oldnew[i])
		}
		s = strings.ReplaceAll(s, oldnew[i], oldnew[i+1])
	}
	return s
}

func TestFuseAttention(t *testing.T) {
	const usual = "heads=2, scale=0.25"
	fused := func(attrs string) []string { return []string{"%y = onnxrun.FusedAttention{" + attrs + "}(%x)"} }
	const (
		order   = "queries, keys, values or the result lie in another order"
		noScore = "the scores are no product, read elsewhere, or something is added to them"
		noScale = "the scale or type is not one that attention has"
		parted  = "queries, keys and values are not parts of one value"
		blocks  = "heads are not whole blocks of channels"
		unlike  = "sizes are not those of attention"
	)
	for name, c := range map[string]struct {
		nodes, x string
		left     []string
		why      string // where nothing is left: the reason, if the pattern stands
	}{
		"usual":                   {attends, "2,3,96", fused(usual), ""},
		"scores divided":          {with(scaling, "", "MatMul(%qf, %k) \"s\"", "MatMul(%q, %k) \"s\"\n  %sd = Div(%s, %root) \"sd\"", "Softmax(%s)", "Softmax(%sd)"), "2,3,96", fused("heads=2, scale=2.0"), ""},
		"two factors":             {with("%s = MatMul(%qf, %k)", "%kf = Mul(%root, %k) \"kf\"\n  %s = MatMul(%qf, %kf)"), "2,3,96", fused("heads=2, scale=0.125"), ""},
		"factor before the heads": {with(scaling, "", "%qh = Reshape(%qs", "%qsf = Mul(%qs, %factor) \"qsf\"\n  %qh = Reshape(%qsf", "MatMul(%qf", "MatMul(%q"), "2,3,96", fused(usual), ""},
		"no factor":               {with(scaling, "", "MatMul(%qf", "MatMul(%q"), "2,3,96", fused("heads=2, scale=1.0"), ""},
		"split":                   {with(parts, "%qs, %ks, %vs = Split{axis=-1}(%x, %thirds) \"split\"\n  "), "2,3,96", fused(usual), ""},
		"one image":               {attends, "1,7,96", fused(usual), ""},
		"one place":               {attends, "3,1,96", fused(usual), ""},
		"values read elsewhere too": {with("%y = Reshape(%ot, %joined) \"y\"", "%j = Reshape(%ot, %joined) \"j\"\n  %y = Add(%j, %vs) \"y\""), "2,3,96",
			[]string{"%vs = Slice(%x, %c64, %c96, %last)", "%j = onnxrun.FusedAttention{heads=2, scale=0.25}(%x)", "%y = Add(%j, %vs)"}, ""},
		"rows of all images": {"%x3 = Reshape(%x, %rows) \"x3\"\n  " + with("Slice(%x,", "Slice(%x3,"), "6,96",
			[]string{"%y.rows = Reshape(%x, %y.rows_shape)", "%y = onnxrun.FusedAttention{heads=2, scale=0.25}(%y.rows)"}, ""},
		"places first": {torch, "3,2,96",
			[]string{"%y.attention = onnxrun.FusedAttention{heads=2, scale=0.25, time_first=true}(%x)", "%y = Reshape(%y.attention, %y.shape)"}, ""},

		"another axis":        {with("Softmax(", "Softmax{axis=2}("), "2,3,96", nil, "the softmax is not over the last axis"},
		"mask":                {with("Softmax(%s)", "Softmax(%sm)", "  %p = ", "  %sm = Add(%s, %mask) \"sm\"\n  %p = "), "2,3,96", nil, noScore},
		"factor of each key":  {with("Softmax(%s)", "Softmax(%sm)", "  %p = ", "  %sm = Mul(%s, %vector) \"sm\"\n  %p = "), "2,3,96", nil, noScore},
		"factor not constant": {with("Mul(%q, %factor)", "Mul(%q, %q)"), "2,3,96", nil, parted},
		"negative factor":     {with("Mul(%q, %factor)", "Mul(%q, %minus)"), "2,3,96", nil, noScale},
		"factor divided by":   {with("Mul(%q, %factor)", "Div(%factor, %q)"), "2,3,96", nil, parted},
		"values scaled":       {with("%o = MatMul(%p, %v)", "%vf = Mul(%v, %factor) \"vf\"\n  %o = MatMul(%p, %vf)"), "2,3,96", nil, noScale},
		"keys and values swapped": {with("%ks = Slice(%x, %c32, %c64", "%ks = Slice(%x, %C64, %C96", "%vs = Slice(%x, %c64, %c96", "%vs = Slice(%x, %c32, %c64", "%C", "%c"),
			"2,3,96", nil, order},
		"queries and keys swapped": {with("%ks = Slice(%x, %c32, %c64", "%ks = Slice(%x, %c0, %C32", "%qs = Slice(%x, %c0, %c32", "%qs = Slice(%x, %c32, %c64", "%C", "%c"),
			"2,3,96", nil, order},
		"result not transposed":   {with("Transpose{perm=[0, 2, 1, 3]}(%o)", "Identity(%o)"), "2,3,96", nil, order},
		"values of another":       {with("%vs = Slice(%x,", "%r = Relu(%x) \"r\"\n  %vs = Slice(%r,"), "2,3,96", nil, parted},
		"heads within channels":   {with("%heads", "%within", "perm=[0, 2, 1, 3]}(%qh", "perm=[0, 3, 1, 2]}(%qh", "perm=[0, 2, 3, 1]}(%kh", "perm=[0, 3, 2, 1]}(%kh", "perm=[0, 2, 1, 3]}(%vh", "perm=[0, 3, 1, 2]}(%vh", "%ot = Transpose{perm=[0, 2, 1, 3]}", "%ot = Transpose{perm=[0, 2, 3, 1]}"), "2,3,96", nil, order},
		"other heads of values":   {with("%vh = Reshape(%vs, %heads)", "%vh = Reshape(%vs, %folds)", "perm=[0, 2, 1, 3]}(%vh", "perm=[0, 1, 2, 3]}(%vh"), "2,3,96", nil, parted},
		"heads of 8 channels":     {with("%heads", "%small"), "2,3,96", nil, blocks},
		"keys are the queries":    {with("%ks = Slice(%x, %c32, %c64", "%ks = Slice(%x, %c0, %c32"), "2,3,96", nil, order},
		"values are the keys":     {with("%vs = Slice(%x, %c64, %c96", "%vs = Slice(%x, %c32, %c64"), "2,3,96", nil, order},
		"queries of another":      {with("%qs = Slice(%x,", "%r = Relu(%x) \"r\"\n  %qs = Slice(%r,"), "2,3,96", nil, parted},
		"keys of another":         {with("%ks = Slice(%x,", "%r = Relu(%x) \"r\"\n  %ks = Slice(%r,"), "2,3,96", nil, parted},
		"infinite factor":         {with("Mul(%q, %factor)", "Mul(%q, %great)"), "2,3,96", nil, noScale},
		"more channels":           {attends, "2,3,97", nil, blocks},
		"twice as many":           {attends, "2,3,192", nil, unlike},
		"softmax of an input":     {"%p = Softmax(%x) \"p\"\n  %y = MatMul(%p, %wide) \"y\"", "2,3,96", nil, noScore},
		"softmax that is moved":   {with("MatMul(%p, %v)", "MatMul(%pr, %v)", "  %o = ", "  %pr = Relu(%p) \"pr\"\n  %o = "), "2,3,96", nil, ""},
		"a product with an input": {"%y = MatMul(%x, %wide) \"y\"", "2,3,96", nil, ""},
		"places in another order": {with("%qs = Slice(%x,", "%t = Transpose{perm=[1, 0, 2]}(%x) \"t\"\n  %qs = Slice(%t,"), "3,3,96", nil, order},
	} {
		t.Run(name, func(t *testing.T) {
			text := attentionGraph(c.nodes, c.x, "%y")
			if c.left == nil {
				c.left = rewritten(t, text, 0, func(*Context) error { return nil })
			}
			var found map[string]int
			require.Equal(t, c.left, rewritten(t, text, 1e-5, func(ctx *Context) error {
				defer func() { found = ctx.misses }()
				return fuseAttention(ctx)
			}))
			want := map[string]int{c.why: 1}
			if c.why == "" {
				want = nil
			}
			require.Equal(t, want, found)
		})
	}
	// Queries may be read elsewhere, and so may what is the attention in another shape.
	for escaping, fuses := range map[string]bool{"%qf": true, "%s": false, "%p": false, "%o": false, "%ot": true} {
		t.Run("escapes "+escaping, func(t *testing.T) {
			text := attentionGraph(attends, "2,3,96", "%y, "+escaping)
			want := rewritten(t, text, 0, func(*Context) error { return nil })
			require.Equal(t, fuses, !slices.Equal(want, rewritten(t, text, 1e-5, fuseAttention)))
		})
	}
}

func TestFuseAttentionWaitsForSizes(t *testing.T) {
	g, err := ir.Parse(attentionGraph(attends, "N,3,96", "%y"), ops.LookupFused)
	require.NoError(t, err)
	c := &Context{Graph: g}
	require.NoError(t, fuseAttention(c))
	require.Equal(t, map[string]int{"sizes are not known yet": 1}, c.misses)
}

// A view says of each element where it comes from, whatever moved it.
func TestViewIsWhatMovesDo(t *testing.T) {
	tried, followed := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		draw := func(lo, hi int, what string) int { return rapid.IntRange(lo, hi).Draw(t, what) }
		g := ir.NewGraph("g")
		shape := []int{draw(1, 3, "size"), draw(1, 4, "size"), 12}
		x, err := g.AddInput("x", ir.Type{DType: tensor.Float32, Shape: ir.Dims(shape...)})
		require.NoError(t, err)
		v := x
		ints := func(n ...int) *ir.Value {
			k, err := g.AddConst("", tensor.FromSlice(castInts[int64](n), len(n)))
			require.NoError(t, err)
			return k
		}
		for range draw(1, 6, "nodes") {
			shape := sizesOf(v)
			if len(shape) == 0 {
				break
			}
			axis := draw(0, len(shape)-1, "axis")
			size, node, output := shape[axis], (*ir.Node)(nil), 0
			add := func(op ir.Op, outputs int, in ...*ir.Value) {
				names := make([]string, outputs)
				for i := range names {
					names[i] = fmt.Sprintf("v%d.%d", len(g.Nodes()), i)
				}
				node, err = g.Append("", op, in, names)
				require.NoError(t, err)
			}
			switch draw(0, 5, "node") {
			case 0:
				order := make([]int, len(shape))
				for i := range order {
					order[i] = i
				}
				add(&ops.Transpose{Perm: rapid.Permutation(order).Draw(t, "perm")}, 1, v)
			case 1:
				start := draw(0, size-1, "start")
				add(&ops.Slice{}, 1, v, ints(start-size*draw(0, 1, "from the end")), ints(draw(start+1, size+2, "end")), ints(axis))
			case 2:
				if size > 1 {
					cut := draw(1, size-1, "cut")
					output = draw(0, 1, "output")
					add(&ops.Split{Axis: axis}, 2, v, ints(cut, size-cut))
				}
			case 3:
				index, err := g.AddConst("", tensor.Scalar(int64(draw(-size, size-1, "index"))))
				require.NoError(t, err)
				add(&ops.Gather{Axis: axis - len(shape)*draw(0, 1, "from the end")}, 1, v, index)
			case 4:
				if divisor := draw(1, size, "divisor"); size%divisor == 0 {
					add(ir.New[ops.Reshape](), 1, v, ints(slices.Concat(shape[:axis], []int{divisor, size / divisor}, shape[axis+1:])...))
				}
			case 5:
				if axis > 0 {
					add(ir.New[ops.Reshape](), 1, v, ints(slices.Concat(shape[:axis-1], []int{shape[axis-1] * size}, shape[axis+1:])...))
				}
			}
			if node != nil {
				v = node.Out(output)
			}
		}
		if v == x {
			return
		}
		g.SetOutputs(v)
		tried++
		in := counted(shape...)
		w := viewOf(v)
		if w.source != x {
			return
		}
		followed++
		require.Equal(t, tensor.Data[float32](run(t, g, []*tensor.Tensor{in})[0]), elementsOf(w))
		for i, dim := range w.dims {
			require.Equal(t, sizesOf(v)[i], length(dim))
		}
	})
	require.Greater(t, followed, tried/2)
}

// counted is 0, 1, 2 ….
func counted(shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](t) {
		tensor.Data[float32](t)[i] = float32(i)
	}
	return t
}

// elementsOf is what a view gives of counted.
func elementsOf(w view) []float32 {
	at := []float32{float32(w.offset)}
	for _, f := range w.flat() {
		var next []float32
		for _, a := range at {
			for i := range f.size {
				next = append(next, a+float32(i*f.stride))
			}
		}
		at = next
	}
	for i := range at {
		at[i] *= float32(w.scale)
	}
	return at
}

// What can be told of a node is told, and no more.
func TestViewOf(t *testing.T) {
	const followed, stays = true, false
	// A dimension of three times two places, the two of them 36 apart.
	const merged = `%t = Transpose{perm=[1, 0, 2]}(%x) "t"` + "\n" + `%m = Reshape(%t, %sixes) "m"` + "\n"
	for nodes, want := range map[string]bool{
		`%y = Identity(%x) "y"`:                                                          followed,
		`%y = Flatten(%x) "y"`:                                                           followed,
		`%y = Unsqueeze(%x, %one) "y"`:                                                   followed,
		`%y = Transpose{perm=[2, 0, 1]}(%x) "y"`:                                         followed,
		`%y = Slice(%x, %one, %two) "y"`:                                                 followed, // no axes
		`%y = Slice(%x, %ones, %twos) "y"`:                                               followed,
		`%y = Slice(%x, %ones, %twos, %last2) "y"`:                                       followed,
		`%y = Slice(%x, %minus, %far, %zero) "y"`:                                        followed,
		`%y = Slice(%x, %below, %two, %one, %one) "y"`:                                   followed,
		`%y = Slice(%x, %beyond, %far, %two) "y"`:                                        stays, // nothing is left
		`%y = Slice(%x, %zero, %far, %two, %two) "y"`:                                    stays, // every second
		`%y = Slice(%x, %minus, %below, %two, %minus) "y"`:                               stays, // backwards
		`%y, %b = Split{axis=2}(%x, %parts) "y"`:                                         followed,
		`%a, %y = Split{axis=-1}(%x, %parts) "y"`:                                        followed,
		`%a, %b, %y = Split{axis=1}(%x, %three) "y"`:                                     followed,
		`%y = Gather(%x, %second) "y"`:                                                   followed,
		`%y = Gather{axis=-1}(%x, %fromEnd) "y"`:                                         followed,
		`%y = Gather{axis=1}(%x, %one) "y"`:                                              followed,
		`%y = Gather{axis=1}(%x, %twos) "y"`:                                             stays, // two places
		`%y = Gather{axis=1}(%x, %i) "y"`:                                                stays, // any place
		`%y = Mul(%x, %half) "y"`:                                                        followed,
		`%y = Mul(%half, %x) "y"`:                                                        followed,
		`%y = Div(%x, %half) "y"`:                                                        followed,
		`%m = Mul(%x, %half) "m"` + "\n" + `%y = Div(%m, %quarter) "y"`:                  followed,
		`%y = Div(%half, %x) "y"`:                                                        stays,
		`%y = Div(%x, %none) "y"`:                                                        stays,
		`%y = Mul(%x, %deep) "y"`:                                                        stays, // of another rank
		`%y = Mul(%x, %vector) "y"`:                                                      stays,
		`%y = Mul(%x, %x) "y"`:                                                           stays,
		`%y = Add(%x, %half) "y"`:                                                        stays,
		`%y = Relu(%x) "y"`:                                                              stays,
		`%t = Transpose(%x) "t"` + "\n" + `%y = Flatten(%t) "y"`:                         followed,
		`%t = Transpose(%x) "t"` + "\n" + `%y = Reshape(%t, %across) "y"`:                stays,    // a dimension across two
		merged + `%y = Slice(%m, %two, %four, %zero) "y"`:                                followed, // the second half
		merged + `%y = Slice(%m, %one, %two, %zero) "y"`:                                 followed, // within a half
		merged + `%y = Slice(%m, %two, %three1, %zero) "y"`:                              followed,
		merged + `%y = Slice(%m, %one, %three1, %zero) "y"`:                              stays, // of two halves
		merged + `%y = Gather(%m, %fromEnd) "y"`:                                         followed,
		`%f = Flatten{axis=2}(%x) "f"` + "\n" + `%y = Slice(%f, %two, %four, %zero) "y"`: followed,
		`%f = Flatten{axis=2}(%x) "f"` + "\n" + `%y = Slice(%f, %one, %four, %zero) "y"`: followed,
		`%t = Transpose(%x) "t"` + "\n" + `%f = Flatten{axis=1}(%t) "f"` + "\n" + `%y = Slice(%f, %one, %two, %one) "y"`: followed,
	} {
		t.Run(nodes, func(t *testing.T) {
			g := parse(t, `graph "g" opset 21 (%x: float32[2,3,12], %i: int64[]) -> (%y) {
  %zero: int64[1] = const [0]
  %one: int64[1] = const [1]
  %two: int64[1] = const [2]
  %minus: int64[1] = const [-1]
  %far: int64[1] = const [100]
  %below: int64[1] = const [-100]
  %beyond: int64[1] = const [50]
  %ones: int64[2] = const [1, 1]
  %twos: int64[2] = const [2, 2]
  %last2: int64[2] = const [-1, 0]
  %parts: int64[2] = const [5, 7]
  %three: int64[3] = const [1, 1, 1]
  %sixes: int64[2] = const [6, 12]
  %three1: int64[1] = const [3]
  %four: int64[1] = const [4]
  %second: int64[] = const 1
  %fromEnd: int64[] = const -2
  %across: int64[2] = const [8, 9]
  %half: float32[] = const 0.5
  %quarter: float32[1] = const [0.25]
  %none: float32[] = const 0
  %deep: float32[1,1,1,1] = const [2.0]
  %vector: float32[12] = const splat(2.0)
`+nodes+"\n}")
			x, y := g.Inputs()[0], g.Outputs()[0]
			w := viewOf(y)
			if want == stays {
				require.Same(t, y, w.source)
				return
			}
			require.Same(t, x, w.source)
			require.Equal(t, tensor.Data[float32](run(t, g, []*tensor.Tensor{counted(2, 3, 12), tensor.Scalar[int64](0)})[0]), elementsOf(w))
			sizes := make([]int, len(w.dims))
			for i, dim := range w.dims {
				sizes[i] = length(dim)
			}
			require.Equal(t, sizesOf(y), sizes)
		})
	}
}

// Of what has no known size nothing is told.
func TestViewOfUnknownSizes(t *testing.T) {
	g := parse(t, `graph "g" opset 21 (%x: float32[N,4], %z: float32[...]) -> (%y, %v) {
  %half: float32[] = const 0.5
  %y = Transpose(%x) "y"
  %v = Mul(%z, %half) "v"
}`)
	require.Equal(t, view{source: g.Outputs()[0], scale: 1}, viewOf(g.Outputs()[0]))
	require.Equal(t, view{source: g.Outputs()[1], scale: 1}, viewOf(g.Outputs()[1]))
}
