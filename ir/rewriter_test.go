package ir

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/onnxrun/onnxrun/tensor"
)

const chain = `graph "g" (%x: float32[N,2]) -> (%z) {
  %y: float32[N,2] = Relu(%x) "first"
  %c: float32[1,2] = const [1.0, 2.0]
  %z: float32[N,2] = Add(%y, %c) "second"
}
`

// rewrite applies edits to a text and compares the outcome with another.
func rewrite(t *testing.T, before, after string, edit func(r *Rewriter, g *Graph)) {
	t.Helper()
	g := parse(t, before)
	r := NewRewriter(g)
	edit(r, g)
	require.NoError(t, r.Done())
	require.NoError(t, Verify(g))
	require.Equal(t, after, printed(t, g))
}

func TestReplaceMovesUsesAndRemovesWhatIsDead(t *testing.T) {
	rewrite(t, chain, `graph "g" (%x: float32[N,2]) -> (%z) {
  %c: float32[1,2] = const [1.0, 2.0]
  %z: float32[N,2] = Add(%x, %c) "second"
}
`, func(r *Rewriter, g *Graph) {
		require.NoError(t, r.Replace(g.Value("y"), g.Value("x")))
	})
}

func TestReplaceOfAGraphOutputTakesItsNameAndPlace(t *testing.T) {
	rewrite(t, chain, `graph "g" (%x: float32[N,2]) -> (%z) {
  %z: float32[N,2] = Relu(%x) "first"
}
`, func(r *Rewriter, g *Graph) {
		require.NoError(t, r.Replace(g.Value("z"), g.Value("y")))
	})
	rewrite(t, `graph "g" () -> (%b) {
  %a: float32[2] = const [1.0, 2.0]
  %b: float32[2] = Relu(%a) "r"
}
`, `graph "g" () -> (%b) {
  %b: float32[2] = const [1.0, 4.0]
}
`, func(r *Rewriter, g *Graph) {
		require.NoError(t, r.Replace(g.Value("b"), r.Const("folded", tensor.Vector[float32](1, 4))))
	})
}

// What has become another value goes by its name, be it an output or not.
func TestBecome(t *testing.T) {
	rewrite(t, `graph "g" (%x: float32[N,2]) -> (%z) {
  %a: float32[N,2] = Relu(%x) "first"
  %b: float32[N,2] = Relu(%a) "second"
  %z: float32[N,2] = Relu(%b) "third"
}
`, `graph "g" (%x: float32[N,2]) -> (%z) {
  %b: float32[N,2] = Relu(%x) "first"
  %z: float32[N,2] = Relu(%b) "third"
}
`, func(r *Rewriter, g *Graph) {
		require.NoError(t, r.Become(g.Value("b"), g.Value("a")))
	})
	rewrite(t, chain, `graph "g" (%x: float32[N,2]) -> (%z) {
  %c: float32[1,2] = const [1.0, 2.0]
  %z: float32[N,2] = Add(%x, %c) "second"
}
`, func(r *Rewriter, g *Graph) {
		require.NoError(t, r.Become(g.Value("y"), g.Value("x")))
	})
	rewrite(t, chain, `graph "g" (%x: float32[N,2]) -> (%z) {
  %z: float32[N,2] = Relu(%x) "first"
}
`, func(r *Rewriter, g *Graph) {
		require.NoError(t, r.Become(g.Value("z"), g.Value("y")))
	})
}

func TestInsertBehindAValue(t *testing.T) {
	rewrite(t, chain, `graph "g" (%x: float32[N,2]) -> (%z) {
  %y: float32[N,2] = Relu(%x) "first"
  %y_1: float32[N,2] = Relu(%y) "y"
  %y_2: float32[N,2] = Relu(%y_1) "y_1"
  %c: float32[1,2] = const [1.0, 2.0]
  %z: float32[N,2] = Add(%y_2, %c) "second"
}
`, func(r *Rewriter, g *Graph) {
		y := g.Value("y")
		a, err := r.Insert(g.Nodes()[1], "y", New[tRelu](), y)
		require.NoError(t, err)
		b, err := r.Insert(g.Nodes()[1], "y", New[tRelu](), a)
		require.NoError(t, err)
		require.NoError(t, r.Replace(y, b))
	})
	rewrite(t, chain, `graph "g" (%x: float32[N,2]) -> (%z) {
  %y: float32[N,2] = Relu(%x) "first"
  %c: float32[1,2] = const [1.0, 2.0]
  %z_1: float32[N,2] = Add(%y, %c) "second"
  %z: float32[N,2] = Relu(%z_1) "z"
}
`, func(r *Rewriter, g *Graph) {
		v, err := r.Insert(nil, "z", New[tRelu](), g.Value("z"))
		require.NoError(t, err)
		require.NoError(t, r.Replace(g.Value("z"), v))
	})
}

// What is inserted too late, or out of order, is put in order by Done.
func TestDoneSortsNodes(t *testing.T) {
	rewrite(t, chain, `graph "g" (%x: float32[N,2]) -> (%z) {
  %last: float32[N,2] = Relu(%x) "last"
  %c: float32[1,2] = const [1.0, 2.0]
  %z: float32[N,2] = Add(%last, %c) "second"
}
`, func(r *Rewriter, g *Graph) {
		v, err := r.Insert(nil, "last", New[tRelu](), g.Value("x"))
		require.NoError(t, err)
		require.NoError(t, r.Replace(g.Value("y"), v))
	})
}

func TestDoneFindsCycles(t *testing.T) {
	g := parse(t, chain)
	r := NewRewriter(g)
	require.NoError(t, r.SetInput(g.Nodes()[0], 0, g.Value("z")))
	require.EqualError(t, r.Done(), `node "first" (Relu): depends on itself`)
}

func TestSetNode(t *testing.T) {
	rewrite(t, chain, `graph "g" (%x: float32[N,2]) -> (%z) {
  %y: float32[N,2] = Relu(%x) "first"
  %z: float32[N,2] = Relu(%y) "second"
}
`, func(r *Rewriter, g *Graph) {
		require.NoError(t, r.SetNode(g.Nodes()[1], New[tRelu](), g.Value("y"), nil))
	})
	rewrite(t, chain, `graph "g" (%x: float32[N,2]) -> (%z) {
  %z: float32[N,2] = Add(%x, %x, %x) "second"
}
`, func(r *Rewriter, g *Graph) {
		x := g.Value("x")
		require.NoError(t, r.SetInputs(g.Nodes()[1], x, x))
		require.NoError(t, r.SetInput(g.Nodes()[1], 2, x))
		require.Len(t, x.Uses(), 4)
	})
}

// A change of types reaches all that depends on it.
func TestDoneInfersTypes(t *testing.T) {
	rewrite(t, `graph "g" (%x: float32[N,2], %u: float32[...]) -> (%z) {
  %y: float32[...] = Relu(%u) "first"
  %z: float32[...] = Relu(%y) "second"
}
`, `graph "g" (%x: float32[N,2], %u: float32[...]) -> (%z) {
  %z: float32[N,2] = Relu(%x) "second"
}
`, func(r *Rewriter, g *Graph) {
		require.NoError(t, r.Replace(g.Value("y"), g.Value("x")))
	})
}

func TestDropOutputAndRemove(t *testing.T) {
	rewrite(t, `graph "g" (%x: float32[N]) -> (%y) {
  %y: float32[N], %mask: int64[N] = com.example.Pool(%x) "pool"
  %r: float32[N] = Relu(%x) "dead"
  %unused: float32[] = const 1.0
}
`, `graph "g" (%x: float32[N]) -> (%y) {
  %y: float32[N] = com.example.Pool(%x) "pool"
  %unused: float32[] = const 1.0
}
`, func(r *Rewriter, g *Graph) {
		pool, dead := g.Nodes()[0], g.Nodes()[1]
		require.EqualError(t, r.DropOutput(pool, 0), `node "pool" (com.example.Pool): output 0 is used`)
		require.EqualError(t, r.DropOutput(dead, 0), `node "dead" (Relu): output 0 is not optional`)
		require.EqualError(t, r.Remove(pool), `node "pool" (com.example.Pool): cannot be removed: an output is used`)
		require.NoError(t, r.DropOutput(pool, 1))
		require.NoError(t, r.DropOutput(pool, 1))
		require.NoError(t, r.Remove(dead))
		require.True(t, r.Removed(dead))
		require.False(t, r.Removed(pool))
	})
}

func TestRemoveDead(t *testing.T) {
	dead := `graph "g" (%x: float32[N], %unused_input: float32[N]) -> (%y) {
  %y: float32[N] = Relu(%x) "live"
  %a: float32[N] = Relu(%x) "a"
  %c: float32[1] = const [1.0]
  %b: float32[N] = Add(%a, %c) "b"
  %d: float32[] = const 1.0
}
`
	rewrite(t, dead, dead, func(*Rewriter, *Graph) {})
	rewrite(t, dead, `graph "g" (%x: float32[N], %unused_input: float32[N]) -> (%y) {
  %y: float32[N] = Relu(%x) "live"
}
`, func(r *Rewriter, g *Graph) { r.RemoveDead() })
}

// What a pass made and then did not use leaves no trace.
func TestUnusedInsertionsVanish(t *testing.T) {
	rewrite(t, chain, chain, func(r *Rewriter, g *Graph) {
		_, err := r.Insert(g.Nodes()[0], "new", New[tAdd](), g.Value("x"), r.Const("c", tensor.New(tensor.Float32, 1, 1)))
		require.NoError(t, err)
	})
}

func TestRewriterRefuses(t *testing.T) {
	g := parse(t, `graph "g" (%x: float32[N,2], %i: int64[], %io: float32[N,2]) -> (%y, %z, %io) {
  %y: float32[N,2] = Relu(%x) "a"
  %z: float32[N,2] = Relu(%y) "b"
  %s: int64[2] = const [3, 3]
  %v: float32[3,3] = Fill(%s) "fill"
}`)
	other := parse(t, chain)
	before := printed(t, g)
	r := NewRewriter(g)
	x, y, z := g.Value("x"), g.Value("y"), g.Value("z")
	require.EqualError(t, r.Replace(y, g.Value("i")), `ir: value "i" cannot take the place of "y": its type is int64[], not float32[N,2]`)
	require.EqualError(t, r.Replace(y, g.Value("v")), `ir: value "v" cannot take the place of "y": its type is float32[3,3], not float32[N,2]`)
	require.EqualError(t, r.Replace(y, x), `ir: value "x" cannot take the place of "y": a graph input cannot be a graph output under another name`)
	require.EqualError(t, r.Replace(z, y), `ir: value "y" cannot take the place of "z": it is a graph output of its own`)
	require.EqualError(t, r.Replace(g.Value("io"), y), `ir: value "y" cannot take the place of "io": that is a graph input and a graph output`)
	require.EqualError(t, r.Replace(y, other.Value("y")), `ir: value "y" cannot take the place of "y": both must be of the graph`)
	require.EqualError(t, r.SetNode(y.Def(), New[tShape](), x), `node "a" (Relu): output 0: as Shape its type is int64[2], not float32[N,2]`)
	require.EqualError(t, r.SetInputs(y.Def(), other.Value("y")), `node "a" (Relu): input 0: value "y" is not of this graph`)
	require.EqualError(t, r.SetInputs(y.Def()), `node "a" (Relu): has 0 inputs, expects 1: input 0 (X) is missing`)
	_, err := r.Insert(other.Nodes()[0], "new", New[tRelu](), x)
	require.EqualError(t, err, `ir: node "first" is not in the graph`)
	_, err = r.InsertN(nil, "new", New[tRelu](), []*Value{x}, "z")
	require.EqualError(t, err, `node "new" (Relu): output 0: value "z" is defined twice`)
	require.NoError(t, r.Done())
	require.NoError(t, Verify(g))
	require.Equal(t, before, printed(t, g))
}

// Any edits that the Rewriter accepts leave a sound graph with the same inputs and names of outputs.
func TestRandomEdits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := randomGraph(t)
		inputs, outputs := names(g.Inputs()), names(g.Outputs())
		r := NewRewriter(g)
		for range rapid.IntRange(0, 8).Draw(t, "edits") {
			values := g.Values()
			value := func() *Value { return rapid.SampledFrom(values).Draw(t, "value") }
			var anchor *Node
			if len(g.Nodes()) > 0 {
				if anchor = rapid.SampledFrom(g.Nodes()).Draw(t, "node"); r.Removed(anchor) {
					anchor = nil
				}
			}
			switch rapid.IntRange(0, 5).Draw(t, "edit") {
			case 0, 1:
				_ = r.Replace(value(), value())
			case 2:
				if v, err := r.Insert(anchor, "new", New[tRelu](), value()); err == nil {
					_ = r.Replace(value(), v)
				}
			case 3:
				if anchor != nil {
					_ = r.SetInput(anchor, 0, value())
				}
			case 4:
				r.Prune()
			default:
				r.RemoveDead()
			}
		}
		if err := r.Done(); err != nil {
			if strings.Contains(err.Error(), "depends on itself") {
				return
			}
			t.Fatal(err)
		}
		if err := Verify(g); err != nil {
			t.Fatal(err)
		}
		if got := names(g.Inputs()); got != inputs {
			t.Fatalf("inputs %s became %s", inputs, got)
		}
		if got := names(g.Outputs()); got != outputs {
			t.Fatalf("outputs %s became %s", outputs, got)
		}
	})
}

func names(values []*Value) string {
	var s []string
	for _, v := range values {
		s = append(s, v.Name())
	}
	return fmt.Sprintf("%q", s)
}

func TestFree(t *testing.T) {
	g := parse(t, `graph "g" (%x: float32[2]) -> (%y) {
  %k: float32[2] = const [0.5, 1.5]
  %y = Add(%x, %k) "add"
}
`)
	k := g.Value("k")
	rw := NewRewriter(g)
	held, err := rw.Free(k)
	require.NoError(t, err)
	require.NoError(t, rw.Done())
	require.NoError(t, Verify(g))
	require.Equal(t, []float32{0.5, 1.5}, tensor.Data[float32](held))
	require.Equal(t, []*Value{g.Value("x"), k}, g.Inputs())
	require.Nil(t, k.Const())
	for _, v := range []*Value{k, g.Value("y"), g.Clone().Value("k")} {
		_, err := rw.Free(v)
		require.ErrorContains(t, err, "is not a constant of the graph")
	}
}

// A retyper changes types, and what stands behind follows.
func TestRetyper(t *testing.T) {
	g := parse(t, chain)
	x := g.Value("x")
	require.NoError(t, g.SetInputType(x, Type{tensor.Float32, Shape{Symbol("N"), Known(3)}}))
	wide := tensor.Vector[float32](1, 2, 3).Reshaped(1, 3)
	require.EqualError(t, NewRewriter(g).SetConst(g.Value("c"), wide), `ir: value "c": its type is float32[1,2], not float32[1,3]`)
	r := NewRetyper(g)
	require.EqualError(t, r.SetConst(x, wide), `ir: value "x": is not a constant of the graph`)
	require.NoError(t, r.Replace(g.Value("y"), x))
	require.NoError(t, r.SetConst(g.Value("c"), wide))
	require.NoError(t, r.SetNode(g.Value("z").Def(), g.Value("z").Def().Op, x, g.Value("c")))
	require.NoError(t, r.Done())
	require.NoError(t, Verify(g))
	require.Equal(t, `graph "g" (%x: float32[N,3]) -> (%z) {
  %c: float32[1,3] = const [1.0, 2.0, 3.0]
  %z: float32[N,3] = Add(%x, %c) "second"
}
`, printed(t, g))
	require.NoError(t, NewRewriter(g).SetConst(g.Value("c"), tensor.Vector[float32](4, 5, 6).Reshaped(1, 3)))
}
