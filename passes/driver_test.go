package passes

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

func TestTable(t *testing.T) {
	require.NoError(t, checkTable(Table(), constraints()))
	for _, p := range Table() {
		require.NotEmpty(t, p.Doc, p.Name)
		require.NotNil(t, p.Run, p.Name)
		require.NotContains(t, p.Name, "/", "the debug grammar has names before a slash")
	}
	table := []Pass{{Name: "a"}, {Name: "b"}}
	require.ErrorContains(t, checkTable(table, []constraint{{"b", "a", "so it is"}}), `"b" must come before "a": so it is`)
	require.ErrorContains(t, checkTable(table, []constraint{{"a", "c", ""}}), `"a" and "c"`)
	require.ErrorContains(t, checkTable(append(table, table[0]), nil), `pass "a": stands in the table twice`)
}

func TestSelected(t *testing.T) {
	names := func(opts Options) []string {
		list, err := Selected(opts)
		require.NoError(t, err)
		names := []string{}
		for _, p := range list {
			names = append(names, p.Name)
		}
		return names
	}
	var exact, running []string
	for _, p := range Table() {
		if p.Kind == Exact {
			exact = append(exact, p.Name)
		}
		if p.Kind <= Inference {
			running = append(running, p.Name)
		}
	}
	require.Empty(t, names(Options{}))
	require.Equal(t, exact, names(Options{Level: O1}))
	require.Equal(t, running, names(Options{Level: O2}))
	require.Equal(t, running, names(Options{Level: O2, With: []string{running[1], running[0]}}), "the table's order holds")
	require.Equal(t, running[1:], names(Options{Level: O2, Without: running[:1]}))
	require.Equal(t, running[:2], names(Options{Level: O2, StopAfter: 2}))
	require.Equal(t, running, names(Options{Level: O2, StopAfter: 1000}))
	require.Empty(t, names(Options{Level: O2, StopAfter: -1}))

	for want, opts := range map[string]Options{
		`passes: pass "flod": unknown; nearest: "fold"`:                            {With: []string{"flod"}},
		`passes: pass "linar": unknown; nearest: "linear"`:                         {Without: []string{"linar"}},
		`passes: pass "linear": is of kind inference, which -O1 excludes; use -O2`: {Level: O1, With: []string{"linear"}},
		`passes: pass "fold": is of kind exact, which -O0 excludes; use -O1`:       {With: []string{"fold"}},
		`passes: pass "fold": is both asked for and excluded`:                      {Level: O1, With: []string{"fold"}, Without: []string{"fold"}},
	} {
		_, err := Selected(opts)
		require.ErrorContains(t, err, want)
		var pass *PassError
		require.ErrorAs(t, err, &pass)
	}
}

func TestExtraPasses(t *testing.T) {
	extra := []Pass{{Name: "late", Kind: Inference}, {Name: "one", Kind: Exact}, {Name: "two", Kind: Approximate}}
	for level, want := range map[Level]string{
		O1: "recognize-layernorm gemm one two slices-to-split", // of which "late" is left out
		O2: "recognize-layernorm gemm one two linear affine-into-weights affine-into-next fuse-attention fuse-residual simplify-residual fuse-activation slices-to-split fold-again late",
	} {
		list, err := Selected(Options{Level: level, Extra: extra[O2-level:]})
		require.NoError(t, err)
		require.True(t, strings.HasSuffix(strings.Join(namesOf(list), " "), want), namesOf(list))
	}
	list, err := Selected(Options{Extra: extra[2:]})
	require.NoError(t, err)
	require.Equal(t, []string{"two"}, namesOf(list))
	_, err = Selected(Options{Level: O1, Extra: extra})
	require.ErrorContains(t, err, `passes: pass "late": is of kind inference, which -O1 excludes; use -O2`)
	_, err = Selected(Options{Level: O1, Extra: []Pass{{Name: "fold"}}})
	require.ErrorContains(t, err, `passes: pass "fold": stands in the table twice`)
	_, err = Selected(Options{Level: O1, Extra: extra[1:], Without: []string{"one"}})
	require.ErrorContains(t, err, `passes: pass "one": is both asked for and excluded`)
	require.Equal(t, Table()[0].Name, "fold", "the table is not changed")
}

// A group is repeated until none of its passes changes anything, but not for ever; other passes run once.
func TestGroupsAreRepeated(t *testing.T) {
	for _, c := range []struct{ hits, group, rounds int }{{0, 9, 1}, {3, 9, 4}, {1000, 9, maxRounds}, {3, 0, 1}} {
		var calls []string
		left := c.hits
		extra := []Pass{
			{Name: "first", Kind: Exact, Group: c.group, Run: func(*Context) error { calls = append(calls, "first"); return nil }},
			{Name: "hits", Kind: Exact, Group: c.group, Run: func(ctx *Context) error {
				if calls = append(calls, "hits"); left > 0 {
					left--
					ctx.Hit()
				}
				return nil
			}},
			{Name: "alone", Kind: Exact, Run: func(*Context) error { calls = append(calls, "alone"); return nil }},
		}
		stats, err := Optimize(t.Context(), parse(t, `graph "g" opset 21 (%x: float32[1]) -> (%y) {
  %y = Relu(%x) "y"
}`), Options{Level: O1, Extra: extra})
		require.NoError(t, err)
		require.Equal(t, append(slices.Repeat([]string{"first", "hits"}, c.rounds), "alone"), calls)
		for _, s := range stats {
			if s.Pass == "hits" {
				require.Equal(t, min(c.hits, c.rounds), s.Hits)
			}
		}
	}
}

// runOne runs a pass that need not be in the table.
func runOne(g *ir.Graph, p Pass, opts Options) (Stat, error) {
	var s Stat
	_, err := runPass(context.Background(), g, p, opts, nil, &s)
	return s, err
}

func TestPassFaults(t *testing.T) {
	g := parse(t, `graph "g" opset 21 (%x: float32[1]) -> (%y) {
  %y = Relu(%x) "y"
}`)
	_, err := runOne(g, Pass{Name: "bad", Run: func(*Context) error { panic("oh") }}, Options{})
	require.ErrorContains(t, err, `passes: pass "bad": internal fault: oh`)
	no := errors.New("no")
	_, err = runOne(g, Pass{Name: "bad", Run: func(*Context) error { return no }}, Options{})
	require.ErrorIs(t, err, no)
	_, err = Optimize(t.Context(), g, Options{Level: O2, After: func(p Pass, _ *ir.Graph) error {
		if p.Name == "linear" {
			return no
		}
		return nil
	}})
	require.ErrorIs(t, err, no)
}

func parse(t *testing.T, text string) *ir.Graph {
	g, err := ir.Parse(text, ops.LookupFused)
	require.NoError(t, err)
	return g
}

func TestDebug(t *testing.T) {
	const text = `graph "g" opset 21 (%x: float32[1,2,3,3]) -> (%y, %a) {
  %w: float32[2,2,1,1] = const splat(0.5)
  %i = Identity(%x) "i"
  %a = Conv(%i, %w) "a"
  %y = Relu(%a) "y"
}`
	optimize := func(directives string) string {
		var out strings.Builder
		d, err := ParseDebug(directives, &out)
		require.NoError(t, err)
		_, err = Optimize(t.Context(), parse(t, text), Options{Level: O2, Debug: d})
		require.NoError(t, err)
		return out.String()
	}
	require.Empty(t, optimize("check"))
	require.Regexp(t, `^simplify +1 hits +3 → 2 nodes\n$`, optimize("simplify/stats"))
	require.Regexp(t, `^fuse-activation +0 hits +2 → 2 nodes\n +1 left: what it reads is a graph output\n$`, optimize("fuse-activation/stats"))
	require.Regexp(t, `^fuse-activation +0 hits +2 → 2 nodes\n +1 left: .*\n$`, optimize("simplify/off, fuse-activation/stats"))
	require.Contains(t, optimize("simplify/dump"), "# after simplify\ngraph \"g\"")
	list, err := Selected(Options{Level: O2})
	require.NoError(t, err)
	require.GreaterOrEqual(t, strings.Count(optimize("all/dump,all/stats"), "# after "), len(list))

	for text, want := range map[string]string{
		"flod/dump": `pass "flod": unknown; nearest: "fold"`, "fold": `"fold" is no directive`, "fold/print": "no directive", "all/off": "no directive",
	} {
		_, err := ParseDebug(text, nil)
		require.ErrorContains(t, err, want)
	}
}

// A graph that a pass breaks is found by check, at the pass that broke it.
func TestDebugCheck(t *testing.T) {
	d, err := ParseDebug("check", nil)
	require.NoError(t, err)
	g := parse(t, `graph "g" opset 21 (%x: float32[1]) -> (%y) {
  %y = Relu(%x) "y"
}`)
	_, err = runOne(g, Pass{Name: "bad", Run: func(c *Context) error { c.Graph.Nodes()[0].Op = ir.New[ops.Concat](); return nil }}, Options{Debug: d})
	require.NoError(t, err, "a Concat of one value is the same type")
	_, err = runOne(g, Pass{Name: "bad", Run: func(c *Context) error { c.Graph.Nodes()[0].Op = ir.New[ops.Conv](); return nil }}, Options{Debug: d})
	require.ErrorContains(t, err, `pass "bad"`)
}

// A pass that writes where it may only read is found by check.
func TestDebugCheckSealsConstants(t *testing.T) {
	d, err := ParseDebug("check", nil)
	require.NoError(t, err)
	g := parse(t, `graph "g" opset 21 (%x: float32[2]) -> (%z) {
  %a: float32[2] = const [1, 2]
  %z = Add(%x, %a) "z"
}`)
	vandal := func(c *Context) error {
		tensor.Data[float32](c.Graph.Value("a").Const())[0]++
		return nil
	}
	_, err = runOne(g, Pass{Name: "vandal", Run: vandal}, Options{Debug: d, seal: d.seal(g)})
	var broken *ir.SealError
	require.ErrorAs(t, err, &broken)
	require.Equal(t, "a", broken.Value)
	var pass *PassError
	require.ErrorAs(t, err, &pass)
	require.Equal(t, "vandal", pass.Pass)
}
