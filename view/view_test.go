package view

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

func parse(t *testing.T, text string) *ir.Graph {
	t.Helper()
	g, err := ir.Parse(text, ops.Lookup)
	require.NoError(t, err)
	return g
}

const small = `graph "small" opset 21 (%x: float32[N,3,8,8]) -> (%y) {
  meta "onnxrun.passes" "[]"
  %w: float32[4,3,3,3] = const splat(0.5)
  %c: float32[N,4,3,3] = Conv{strides=[2, 2]}(%x, %w, _) "conv"
  %r: float32[N,4,3,3] = Relu(%c) "relu"
  %k: int64[2] = const [0, -1]
  %k2: int64[2] = Identity(%k) "same"
  %f: float32[N,36] = Reshape(%r, %k2) "flat"
  %m: float32[36,2] = const splat(1.5)
  %y: float32[N,2] = MatMul(%f, %m) "fc"
}`

var smallCosts = map[string]cost{"conv": {108, 972}, "same": {2, 0}, "fc": {72, 72}}

func describe(t *testing.T, g *ir.Graph, title string, all bool) *Model {
	m, err := Describe(g, title, all)
	require.NoError(t, err)
	return m
}

func TestDescribe(t *testing.T) {
	m := newModel(parse(t, small), "", smallCosts, true)
	m.SetProfile([]Step{
		{"conv", "c", "onnxrun.FusedConv", "direct", 3}, {"conv", "c", "onnxrun.FusedConv", "from blocked", 1},
		{"other", "y", "onnxrun.FusedLinear", "gemv", 2}, {"lost", "lost", "Add", "kernel", 0.5}, {"relu_12", "fresh", "Relu", "kernel", 0.25},
	})
	got, err := json.MarshalIndent(m, "", " ")
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(`
{
 "title": "small",
 "name": "small",
 "opset": 21,
 "parameters": 182,
 "macs": 1044,
 "operators": 5,
 "hidden": 1,
 "us": 6.75,
 "us_elsewhere": 0.5,
 "nodes": [
  {
   "kind": "input",
   "name": "x",
   "op": "Input",
   "family": "io",
   "outputs": [
    {
     "name": "x",
     "type": "float32 N×3×8×8"
    }
   ]
  },
  {
   "kind": "node",
   "name": "conv",
   "op": "Conv",
   "family": "convolution",
   "facts": "3×3 /2",
   "attributes": [
    {
     "name": "strides",
     "value": "[2 2]"
    }
   ],
   "inputs": [
    {
     "role": "X",
     "name": "x",
     "type": "float32 N×3×8×8"
    },
    {
     "role": "W",
     "name": "w",
     "type": "float32 4×3×3×3",
     "constant": "…"
    }
   ],
   "outputs": [
    {
     "role": "Y",
     "name": "c",
     "type": "float32 N×4×3×3"
    }
   ],
   "parameters": 108,
   "macs": 972,
   "steps": [
    {
     "op": "onnxrun.FusedConv",
     "algorithm": "direct",
     "us": 3
    },
    {
     "op": "onnxrun.FusedConv",
     "algorithm": "from blocked",
     "us": 1
    }
   ],
   "us": 4
  },
  {
   "kind": "node",
   "name": "relu",
   "op": "Relu",
   "family": "activation",
   "inputs": [
    {
     "role": "X",
     "name": "c",
     "type": "float32 N×4×3×3"
    }
   ],
   "outputs": [
    {
     "role": "Y",
     "name": "r",
     "type": "float32 N×4×3×3"
    }
   ],
   "steps": [
    {
     "op": "Relu",
     "algorithm": "kernel",
     "us": 0.25
    }
   ],
   "us": 0.25
  },
  {
   "kind": "node",
   "name": "flat",
   "op": "Reshape",
   "family": "shape",
   "inputs": [
    {
     "role": "data",
     "name": "r",
     "type": "float32 N×4×3×3"
    },
    {
     "role": "shape",
     "name": "k2",
     "type": "int64 2"
    }
   ],
   "outputs": [
    {
     "role": "reshaped",
     "name": "f",
     "type": "float32 N×36"
    }
   ],
   "parameters": 2
  },
  {
   "kind": "node",
   "name": "fc",
   "op": "MatMul",
   "family": "linear",
   "facts": "36→2",
   "inputs": [
    {
     "role": "A",
     "name": "f",
     "type": "float32 N×36"
    },
    {
     "role": "B",
     "name": "m",
     "type": "float32 36×2",
     "constant": "…"
    }
   ],
   "outputs": [
    {
     "role": "Y",
     "name": "y",
     "type": "float32 N×2"
    }
   ],
   "parameters": 72,
   "macs": 72,
   "steps": [
    {
     "op": "onnxrun.FusedLinear",
     "algorithm": "gemv",
     "us": 2
    }
   ],
   "us": 2
  },
  {
   "kind": "output",
   "name": "y",
   "op": "Output",
   "family": "io",
   "inputs": [
    {
     "name": "y",
     "type": "float32 N×2"
    }
   ]
  }
 ],
 "metadata": [
  {
   "key": "onnxrun.passes",
   "value": "[]"
  }
 ]
}`), string(got))
	all := describe(t, parse(t, small), "", true)
	require.Len(t, all.Nodes, 7)
	require.Zero(t, all.Hidden)
}

// A graph without inputs is drawn whole, whatever is constant in it.
func TestConstantGraph(t *testing.T) {
	m := describe(t, parse(t, `graph "k" () -> (%b) {
  %k: float32[2] = const [1, 2]
  %a: float32[2] = Relu(%k) "a"
  %b: float32[2] = Abs(%a) "b"
  %c: float32[2] = Neg(%a) "c"
}`), "", false)
	require.Len(t, m.Nodes, 3)
	require.Equal(t, 1, m.Hidden)
	require.Equal(t, "[1 2]", m.Nodes[0].Inputs[0].Constant)
}

// pageJSON takes the data out of a page.
func pageJSON(t *testing.T, page string) (data struct {
	Models []struct {
		Nodes []Node
		Boxes [][4]int
	}
	Comparison *Comparison
}) {
	t.Helper()
	m := regexp.MustCompile(`<script type="application/json" id="data">(.*)</script>`).FindStringSubmatch(page)
	require.NotNil(t, m)
	require.NoError(t, json.Unmarshal([]byte(m[1]), &data))
	return data
}

const hostile = `</script><script>alert(1)</script><!--<svg onload=alert(2)>'"&amp;` + "\u2028"

// Names are foreign: none of them ends the element that holds the data, or becomes markup anywhere else.
func TestHostileNames(t *testing.T) {
	g := ir.NewGraph(hostile)
	g.SetMeta(hostile, hostile)
	x, err := g.AddInput(hostile+"x", ir.Type{DType: 1, Shape: ir.Shape{ir.Symbol("N"), ir.Known(3)}})
	require.NoError(t, err)
	n, err := g.Append(hostile, &ops.Relu{}, []*ir.Value{x}, []string{hostile + "y"})
	require.NoError(t, err)
	g.SetOutputs(n.Out(0))
	m := describe(t, g, hostile, false)
	var page bytes.Buffer
	require.NoError(t, Write(&page, m, m))
	text := page.String()
	require.Equal(t, 2, strings.Count(text, "</script>"))
	require.Equal(t, 2, strings.Count(text, "<script"))
	require.False(t, strings.Contains(text, "<svg"))
	require.Equal(t, 1, strings.Count(text, "<!--"))
	data := pageJSON(t, text)
	require.Equal(t, hostile, data.Models[0].Nodes[1].Name)
	require.Equal(t, hostile+"y", data.Models[1].Nodes[2].Name)
}

func TestPageNeedsNoNetwork(t *testing.T) {
	var page bytes.Buffer
	require.NoError(t, Write(&page, describe(t, parse(t, small), "", false)))
	require.True(t, strings.HasPrefix(page.String(), Marker))
	require.True(t, strings.Contains(page.String(), `content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-`))
	require.Empty(t, regexp.MustCompile(`(src|href)=|url\(|@import|import\(`).FindAllString(page.String(), -1))
	require.Equal(t, []string{"http://www.w3.org/2000/svg"}, regexp.MustCompile(`https?://[^"'\s]+`).FindAllString(page.String(), -1))
	require.ErrorContains(t, Write(&page), "not 0")
}

func TestTwoPagesAreTheSame(t *testing.T) {
	var a, b bytes.Buffer
	require.NoError(t, Write(&a, describe(t, parse(t, small), "", false)))
	require.NoError(t, Write(&b, describe(t, parse(t, small), "", false)))
	require.True(t, a.String() == b.String())
}
