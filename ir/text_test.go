package ir

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/onnxrun/onnxrun/tensor"
)

const sample = `graph "sample \"1\"" opset 17 (%x: float32[N,2*N,?,"a b"], %c: bool[]) -> (%"two words", %k) {
  doc "first\nsecond"
  meta "key" "{\"a\": 1}"
  %y: float32[N,2*N,?,"a b"], _ = com.example.Pool{pads=[1, 2]}(%x) "pool/1"
  %k: float32[2] = const [0.5, -0.0]
  %"two words": float32[...] = All{i=-4, f=2.0, b=false, ints=[], floats=[1.0, nan, -inf], strings=["", "\x00"], dtype=float16, tensor=const int8[2,2] [1, 2, 3, -4], own=7}(%y, _, %k) "all"
  %i: float32[N,2*N,?,"a b"] = If{then_branch=graph "then" (%a: float32[N,2*N,?,"a b"]) -> (%b) {
    %b: float32[N,2*N,?,"a b"] = Relu(%a) "relu"
  }, else_branch=graph "else" (%a: float32[N,2*N,?,"a b"]) -> (%a) {
  }}(%c, %x) "if"
  () = If{then_branch=graph "" () -> () {
  }, else_branch=graph "" () -> () {
  }}(%c) "none"
  %unused: string[] = const "text"
}
`

func TestTextRoundTrip(t *testing.T) {
	g := parse(t, sample)
	require.Equal(t, sample, printed(t, g))
	require.Equal(t, sample, printed(t, g.Clone()))
	require.Equal(t, "first\nsecond", g.Doc)
	require.Equal(t, 17, g.Opset)
	all := g.Value("two words").Def().Op.(*tAll)
	require.Equal(t, 7, all.Own)
	require.NotNil(t, all.Is)
	require.Nil(t, all.PI)
	require.Equal(t, tensor.Float16, all.DT)
	require.True(t, math.Signbit(float64(tensor.Data[float32](g.Value("k").Const())[1])))
}

// One constant of every element type, with the values that text could lose.
func TestTextConstants(t *testing.T) {
	nan := math.Float32frombits(0xffc00001)
	inf := float32(math.Inf(1))
	for _, c := range []*tensor.Tensor{
		tensor.Vector(0, float32(math.Copysign(0, -1)), 1, 0.1, math.MaxFloat32, math.SmallestNonzeroFloat32, inf, -inf, nan, nan32, 1e20),
		tensor.Vector(0.1, math.MaxFloat64, math.Inf(-1), math.NaN(), math.Float64frombits(0x7ff0000000000001), 1e300),
		tensor.Vector(tensor.ToF16(0.1), 0x8000, 0x7c00, 0x7e00, 0x7e01, 1), tensor.Vector(tensor.ToBF16(0.1), 0xff80, 0x7fc0, 0x7fc1, 1),
		tensor.Vector[int8](-128, 127), tensor.Vector[int16](-32768), tensor.Vector[int32](math.MinInt32), tensor.Vector[int64](math.MinInt64, 1),
		tensor.Vector[uint8](255), tensor.Vector[uint16](65535), tensor.Vector[uint32](math.MaxUint32), tensor.Vector[uint64](math.MaxUint64),
		tensor.Vector(true, false), tensor.Vector("", "a\"b\n%\xff", "ü"),
		tensor.Vector(complex(float32(1), nan), complex(inf, -0.5)), tensor.Vector(complex(0.1, math.Inf(-1))),
		tensor.Vector[tensor.F8E4M3FN](0, 0x7f), tensor.Vector[tensor.F8E4M3FNUZ](0x80), tensor.Vector[tensor.F8E5M2](0xff),
		tensor.Vector[tensor.F8E5M2FNUZ](1), tensor.Vector[tensor.F8E8M0](9), tensor.Vector[tensor.F4E2M1](15), tensor.Vector[tensor.U4](15),
		tensor.Vector[tensor.I4](-8, 7), tensor.Vector[tensor.U2](3), tensor.Vector[tensor.I2](-2, 1),
		tensor.Scalar[float32](2), tensor.Scalar("s"), tensor.New(tensor.Float32, 0, 3), tensor.New(tensor.String, 0), tensor.New(tensor.Float32, 3, 1, 2),
		tensor.New(tensor.Int4, 1000), tensor.New(tensor.String, 100), tensor.New(tensor.Complex128, 5), tensor.New(tensor.Uint8, maxListed+1), ramp(maxListed), ramp(maxListed + 1), ramp(5),
	} {
		g := NewGraph("g")
		v, err := g.AddConst("c", c)
		require.NoError(t, err)
		g.SetOutputs(v)
		text := printed(t, g)
		back := parse(t, text)
		require.True(t, c.Equal(back.Value("c").Const()), text)
		require.Equal(t, text, printed(t, back))
	}
}

func ramp(n int) *tensor.Tensor {
	data := make([]float32, n)
	for i := range data {
		data[i] = float32(i) * 0.1
	}
	return tensor.FromSlice(data, n)
}

// Splats stop where their sum reaches the bound, and the rest is written in full.
func TestTextSplatBudget(t *testing.T) {
	g := NewGraph("g")
	for range 3 {
		_, err := g.AddConst("", tensor.New(tensor.Uint8, maxSplat/2))
		require.NoError(t, err)
	}
	text := printed(t, g)
	require.Equal(t, 2, strings.Count(text, "splat"))
	require.Equal(t, 1, strings.Count(text, "hex"))
	parse(t, text)
	_, err := Parse(strings.Replace(text, "const hex", "const splat(0) //", 1), lookupTest)
	require.ErrorContains(t, err, "the splats of a text stand for at most")
}

func TestElidedTextIsNotParsed(t *testing.T) {
	g := parse(t, `graph "g" () -> (%c) { %c: float32[9] = const splat(1.5) }`)
	require.Equal(t, "graph \"g\" () -> (%c) {\n  %c: float32[9] = const ...\n}\n", g.String())
	_, err := Parse(g.String(), lookupTest)
	require.EqualError(t, err, "ir: 2:26: the constant's elements were left out when the text was written")
}

func TestNodeString(t *testing.T) {
	g := parse(t, sample)
	require.Equal(t, `%y: float32[N,2*N,?,"a b"], _ = com.example.Pool{pads=[1, 2]}(%x) "pool/1"`, g.Nodes()[0].String())
	require.Equal(t, `%i: float32[N,2*N,?,"a b"] = If{then_branch=graph "then" …, else_branch=graph "else" …}(%c, %x) "if"`, g.Nodes()[2].String())
}

func TestParseLeavesTypesAndNamesToInference(t *testing.T) {
	g := parse(t, `graph "g" (%x: float32[2]) -> (%z) { // what inference gives may be left out
		%y = Relu(%x)
		%z = Relu(%y)
	}`)
	require.Equal(t, "float32[2]", g.Value("z").Type().String())
	require.Equal(t, "Relu_1", g.Nodes()[1].Name)
}

func TestParseErrors(t *testing.T) {
	body := func(lines string) string {
		return "graph \"g\" (%x: float32[2]) -> (%x) {\n" + lines + "\n}"
	}
	for text, want := range map[string]string{
		"":                                                             `1:1: expected graph, found the end`,
		"graph":                                                        `1:6: expected the graph's name in quotes, found the end`,
		`graph "g`:                                                     `1:7: a string does not end`,
		`graph "\q"`:                                                   `1:7: "\q" is not a string`,
		`graph "g" opset x`:                                            `1:17: expected an integer, found x`,
		`graph "g" opset 9999999999999999999999`:                       `1:17: 9999999999999999999999 is not an integer`,
		`graph "g" (%: float32[])`:                                     `1:12: a value name is empty`,
		`graph "g" (%x: float31[])`:                                    `1:16: float31 is not an element type`,
		`graph "g" (%x: float32[-1])`:                                  `1:23: shape [-1] has an invalid dimension`,
		`graph "g" (%x: float32[0*N])`:                                 `1:23: shape [0*N] has an invalid dimension`,
		`graph "g" (%x: float32["?"])`:                                 `1:24: "?" is not a symbol`,
		`graph "g" (%x: float32[...,1])`:                               `1:27: expected ], found ,`,
		`graph "g" (%x: float32[], %x: float32[])`:                     `1:27: ir: value "x": defined twice`,
		`graph "g" () -> (%x) {}`:                                      `1:18: value %x is not defined`,
		body("%y = Foo(%x)"):                                           `2:6: unknown operator Foo`,
		body("%y = Relu(%z)"):                                          `2:11: value %z is not defined`,
		body("%y = Relu()"):                                            `2:6: node "Relu" (Relu): has 0 inputs, expects 1: input 0 (X) is missing`,
		body("%y = Relu(_)"):                                           `2:6: node "Relu" (Relu): has 0 inputs, expects 1: input 0 (X) is missing`,
		body("%y = Relu(%x, %x)"):                                      `2:6: node "Relu" (Relu): has 2 inputs, expects 1`,
		body("%y, %z = Relu(%x)"):                                      `2:10: node "Relu" (Relu): has 2 outputs, expects 1`,
		body("%x = Relu(%x)"):                                          `2:6: node "Relu" (Relu): output 0: value "x" is defined twice`,
		body("%y: float32[3] = Relu(%x)"):                              `2:1: value "y" has type float32[2], the text says float32[3]`,
		body("%y = Relu{a=1}(%x)"):                                     `2:10: Relu: attribute "a": not an attribute of this operator, which has none`,
		body("%y = All{i=1.5}(%x)"):                                    `2:9: All: attribute "i": has a value of kind float32, expects int`,
		body("%y = All{mode=\"c\"}(%x)"):                               `2:9: All: attribute "mode": unsupported value c, expects one of a, b`,
		body("%y = All{i=}(%x)"):                                       `2:12: expected an attribute's value, found }`,
		body("%y = All{ints=[1, \"a\"]}()"):                            `2:15: the values of a list are of different kinds`,
		body("%y = Relu(%x) \"a\"\n%z = Relu(%x) \"a\""):               `3:15: node name "a" is empty or taken`,
		body("%c: float32[2] = const [1.0]"):                           `2:24: 1 elements do not fill float32[2]`,
		body("%c: float32[N] = const [1.0]"):                           `2:24: a constant of type float32[N] has no known shape`,
		body("%c: int8[1] = const [128]"):                              `2:22: 128 is not an element of int8`,
		body("%c: int4[1] = const [8]"):                                `2:22: 8 is not an element of int4`,
		body("%c: bool[1] = const [1]"):                                `2:22: 1 is not an element of bool`,
		body("%c: bool[1] = const hex\"02\""):                          `2:21: byte 0x02 is not a bool`,
		body("%c: float32[1] = const [x]"):                             `2:25: expected an element of float32, found x`,
		body("%c: float32[2] = const hex\"00\""):                       `2:24: 2 hexadecimal digits do not make 2 elements of float32`,
		body("%c: float32[1] = const hex\"0000000g\""):                 `2:24: encoding/hex: invalid byte: U+0067 'g'`,
		body("%c: uint8[99999999999] = const splat(0)"):                `2:37: the splats of a text stand for at most 67108864 bytes`,
		body("%c: uint8[99999999999, 99999999999] = const splat(0)"):   `2:45: tensor: uint8[99999999999 99999999999]: size is negative or too large`,
		body("%c = const 1"):                                           `2:12: a constant has one name, with its type`,
		body("") + "x":                                                 `3:2: expected the end of the text, found x`,
		`graph "" () -> () { = If{then_branch=`:                        `1:21: expected a value, _, doc, meta or }, found =`,
		strings.Repeat(`graph "" () -> () { () = If{then_branch=`, 40): `1:1281: bodies are nested more than 32 deep`,
	} {
		_, err := Parse(text, lookupTest)
		require.EqualError(t, err, "ir: "+want, text)
		var located *ParseError
		require.True(t, errors.As(err, &located))
	}
}

func TestTextOfRandomGraphs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := randomGraph(t)
		if err := Verify(g); err != nil {
			t.Fatal(err)
		}
		text := g.full()
		back, err := Parse(text, lookupTest)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if err := Verify(back); err != nil {
			t.Fatal(err)
		}
		if again := back.full(); again != text {
			t.Fatalf("printed\n%s\nparsed and printed again\n%s", text, again)
		}
	})
}

func (g *Graph) full() string {
	var s strings.Builder
	_ = Print(&s, g, PrintOptions{})
	return s.String()
}

// randomGraph is a graph of operators that take any shapes, names of any characters.
func randomGraph(t *rapid.T) *Graph {
	name := rapid.StringN(1, 5, -1)
	dim := rapid.OneOf(rapid.Map(rapid.IntRange(0, 9), Known), rapid.Map(name, Symbol), rapid.Just(UnknownDim),
		rapid.Custom(func(t *rapid.T) Dim {
			return Symbol(name.Draw(t, "symbol")).Mul(Known(rapid.IntRange(1, 4).Draw(t, "factor")))
		}))
	g := NewGraph(rapid.String().Draw(t, "name"))
	g.Doc = rapid.String().Draw(t, "doc")
	g.Opset = rapid.IntRange(0, 24).Draw(t, "opset")
	for range rapid.IntRange(0, 2).Draw(t, "metadata") {
		g.SetMeta(rapid.String().Draw(t, "key"), rapid.String().Draw(t, "value"))
	}
	var values []*Value
	for range rapid.IntRange(1, 3).Draw(t, "inputs") {
		shape := Shape(rapid.SliceOfN(dim, 0, 4).Draw(t, "shape"))
		if rapid.Bool().Draw(t, "unknown rank") {
			shape = nil
		}
		v, _ := g.AddInput(g.FreshName(name.Draw(t, "input")), Type{tensor.Float32, shape})
		values = append(values, v)
	}
	for range rapid.IntRange(0, 3).Draw(t, "constants") {
		data := rapid.SliceOfN(rapid.Map(rapid.Uint32(), math.Float32frombits), 0, 80).Draw(t, "data")
		v, _ := g.AddConst(g.FreshName(name.Draw(t, "constant")), tensor.FromSlice(data, len(data)))
		values = append(values, v)
	}
	pick := rapid.SampledFrom(values)
	for range rapid.IntRange(0, 6).Draw(t, "nodes") {
		in := func() *Value { return pick.Draw(t, "value") }
		outs := make([]string, 1, 3)
		outs[0] = g.FreshName(name.Draw(t, "output"))
		var op Op
		var inputs []*Value
		switch rapid.IntRange(0, 3).Draw(t, "operator") {
		case 0:
			op, inputs = New[tRelu](), []*Value{in()}
		case 1:
			op, inputs = New[tSplit](), []*Value{in()}
			outs = append(outs, "", g.FreshName(outs[0]+"'"))
		case 2:
			op, inputs = New[tShape](), []*Value{in()}
		default:
			all := New[tAll]()
			all.F, all.S = rapid.Map(rapid.Uint32(), math.Float32frombits).Draw(t, "f"), rapid.String().Draw(t, "s")
			all.Is, all.Ss = rapid.SliceOf(rapid.Int()).Draw(t, "ints"), rapid.SliceOf(rapid.String()).Draw(t, "strings")
			op, inputs = all, []*Value{in(), nil, in()}
		}
		n, err := g.Append(rapid.String().Draw(t, "node"), op, inputs, outs)
		if err != nil {
			t.Fatal(err)
		}
		if n.Outputs()[0].Type().DType == tensor.Float32 {
			values = append(values, n.Outputs()[0])
			pick = rapid.SampledFrom(values)
		}
	}
	g.SetOutputs(rapid.SliceOfN(pick, 0, 3).Draw(t, "outputs")...)
	return g
}

func TestParseManyUnnamedNodes(t *testing.T) {
	var s strings.Builder
	s.WriteString("graph \"g\" (%v0: float32[N]) -> (%v0) {\n")
	for i := range 20000 {
		fmt.Fprintf(&s, "%%v%d = Relu(%%v%d)\n", i+1, i)
	}
	s.WriteString("}")
	g := parse(t, s.String())
	require.Len(t, g.Nodes(), 20000)
	require.Equal(t, "Relu_19999", g.Nodes()[19999].Name)
}
