package ir

import (
	"bufio"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/tensor"
)

// PrintOptions says how Print writes.
type PrintOptions struct {
	// Elide is the number of elements above which a constant is written as "...", which Parse refuses; 0 writes all.
	Elide int
}

// Print writes a graph as text, of which Parse makes the same graph:
//
//	graph "lenet5" opset 17 (%x: float32[N,1,28,28]) -> (%y) {
//	  doc "…"
//	  meta "key" "value"
//	  %w: float32[6,1,5,5] = const [0.5, -1.25, …]
//	  %c1: float32[N,6,24,24] = Conv{pads=[2, 2, 2, 2]}(%x, %w, _) "C1"
//	  …
//	}
//
// A name of other characters than letters, digits and _ . / - $ is quoted as in Go: %"a b". An absent input or output is
// _, a dimension a number, a symbol, a multiple of one (2*N) or ?, the shape of an unknown rank [...]. A constant stands
// before its first use, as a list of all its elements, splat(element), or hex"…", the bytes of its elements (little
// endian). An element is a number, true, false or a string, a pair (real, imaginary), nan, inf or -inf, or 0x… where
// the bits of a float say more. Attributes of value graph nest.
func Print(w io.Writer, g *Graph, opts PrintOptions) error {
	p := &printer{w: bufio.NewWriter(w), elide: opts.Elide, splat: maxSplat, seen: map[*Value]bool{}}
	p.graph(g, 0)
	p.text("\n")
	return p.w.Flush()
}

// String is the text form with long constants elided.
func (g *Graph) String() string {
	var s strings.Builder
	_ = Print(&s, g, PrintOptions{Elide: 8})
	return s.String()
}

// String is the node's line of the text form, with long constants and bodies elided.
func (n *Node) String() string {
	var s strings.Builder
	p := &printer{w: bufio.NewWriter(&s), elide: 8, line: true}
	p.node(n, 0)
	_ = p.w.Flush()
	return s.String()
}

// maxSplat bounds the bytes that all splats of a text stand for: what a small text can make Parse allocate.
const maxSplat = 64 << 20

type printer struct {
	w     *bufio.Writer // its error is kept until Flush
	elide int
	splat int  // bytes left to splats
	line  bool // one node is printed on one line
	seen  map[*Value]bool
}

func (p *printer) text(parts ...string) {
	for _, s := range parts {
		_, _ = p.w.WriteString(s)
	}
}

func (p *printer) newline(indent int) { p.text("\n", strings.Repeat("  ", indent)) }

func (p *printer) graph(g *Graph, indent int) {
	p.text("graph ", strconv.Quote(g.Name))
	if g.Opset != 0 {
		p.text(" opset ", strconv.Itoa(g.Opset))
	}
	p.text(" (")
	for i, v := range g.inputs {
		p.text(comma(i), nameText(v), ": ", typeText(v.typ))
	}
	p.text(") -> (")
	for i, v := range g.outputs {
		p.text(comma(i), nameText(v))
	}
	p.text(") {")
	if g.Doc != "" {
		p.newline(indent + 1)
		p.text("doc ", strconv.Quote(g.Doc))
	}
	for _, kv := range g.Metadata {
		p.newline(indent + 1)
		p.text("meta ", strconv.Quote(kv.Key), " ", strconv.Quote(kv.Value))
	}
	for _, n := range g.nodes {
		for _, v := range n.inputs {
			p.constant(v, indent+1)
		}
		p.newline(indent + 1)
		p.node(n, indent+1)
	}
	for _, v := range g.values {
		p.constant(v, indent+1)
	}
	p.newline(indent)
	p.text("}")
}

// constant writes the line of a constant that has none yet.
func (p *printer) constant(v *Value, indent int) {
	if v == nil || v.konst == nil || p.seen[v] {
		return
	}
	p.seen[v] = true
	p.newline(indent)
	p.text(nameText(v), ": ", typeText(v.typ), " = const ")
	p.tensor(v.konst)
}

func (p *printer) node(n *Node, indent int) {
	if len(n.outputs) == 0 {
		p.text("()")
	}
	for i, v := range n.outputs {
		p.text(comma(i), nameText(v))
		if v != nil {
			p.text(": ", typeText(v.typ))
		}
	}
	p.text(" = ", identText(n.OpName()))
	attrs := 0
	for f, v := range encodedFields(n.Op, true) {
		if attrs == 0 {
			p.text("{")
		}
		p.text(comma(attrs), identText(f.name), "=")
		p.attr(v, indent)
		attrs++
	}
	if attrs > 0 {
		p.text("}")
	}
	p.text("(")
	for i, v := range n.inputs {
		p.text(comma(i), nameText(v))
	}
	p.text(") ", strconv.Quote(n.Name))
}

func (p *printer) attr(v reflect.Value, indent int) {
	switch x := v.Interface().(type) {
	case bool:
		p.text(strconv.FormatBool(x))
	case tensor.DType:
		if x.Valid() {
			p.text(x.String())
		} else {
			p.text(strconv.Itoa(int(x)))
		}
	case *tensor.Tensor:
		p.text("const ", typeText(TensorType(x)), " ")
		p.tensor(x)
	case *Graph:
		if p.line {
			p.text("graph ", strconv.Quote(x.Name), " …")
		} else {
			p.graph(x, indent)
		}
	default:
		p.plainAttr(attrValue(v))
	}
}

func (p *printer) plainAttr(value any) {
	switch x := value.(type) {
	case int:
		p.text(strconv.Itoa(x))
	case float32:
		p.text(float32Text(x))
	case string:
		p.text(strconv.Quote(x))
	case []int:
		printList(p, x, strconv.Itoa)
	case []float32:
		printList(p, x, float32Text)
	case []string:
		printList(p, x, strconv.Quote)
	default:
		panic(fmt.Sprintf("ir: attribute of type %T", value))
	}
}

func printList[T any](p *printer, list []T, text func(T) string) {
	p.text("[")
	for i, x := range list {
		p.text(comma(i), text(x))
	}
	p.text("]")
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ", "
}

func nameText(v *Value) string {
	switch {
	case v == nil:
		return "_"
	case v.name != "" && strings.IndexFunc(v.name, func(r rune) bool { return !isNameRune(r) }) < 0:
		return "%" + v.name
	}
	return "%" + strconv.Quote(v.name)
}

// identText is s where it is an identifier, else quoted.
func identText(s string) string {
	for i, r := range s {
		if !isIdentRune(r) || i == 0 && (isDigit(r) || r == '.') {
			return strconv.Quote(s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}

func typeText(t Type) string {
	if t.Shape == nil {
		return t.DType.String() + "[...]"
	}
	parts := make([]string, len(t.Shape))
	for i, d := range t.Shape {
		switch {
		case d.IsKnown() || d.IsUnknown():
			parts[i] = d.String()
		case d.N == 1:
			parts[i] = identText(d.Sym)
		default:
			parts[i] = strconv.Itoa(d.N) + "*" + identText(d.Sym)
		}
	}
	return t.DType.String() + "[" + strings.Join(parts, ",") + "]"
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func isIdentRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || isDigit(r) || r == '_' || r == '.'
}

func isNameRune(r rune) bool { return isIdentRune(r) || r == '/' || r == '-' || r == '$' }
