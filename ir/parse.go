package ir

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/tensor"
)

// maxNesting bounds how deep bodies lie in bodies.
const maxNesting = 32

// Parse reads the text form (see Print). lookup finds an operator, nil if there is none. The type that a text gives for
// the result of a node may be left out, as may the node's name; it must be the type that inference gives. Errors are
// *ParseError; the text may come from anywhere.
func Parse(text string, lookup func(domain, name string) *Def) (*Graph, error) {
	p := &parser{lexer: lexer{src: text}, lookup: lookup, splat: maxSplat}
	p.advance()
	g := p.graph()
	if p.err == nil && p.tok.kind != tokEOF {
		p.fail("expected the end of the text, found %v", p.tok)
	}
	if p.err != nil {
		return nil, p.err
	}
	return g, nil
}

// parser is one token ahead. After the first error every token is the end, so that callers need not look.
type parser struct {
	lexer
	tok    token
	err    error
	lookup func(domain, name string) *Def
	depth  int
	splat  int // bytes left to splats
}

func (p *parser) advance() token {
	was := p.tok
	if p.err == nil {
		p.tok, p.err = p.next()
	}
	if p.err != nil {
		p.tok = token{kind: tokEOF, pos: len(p.src)}
	}
	return was
}

func (p *parser) failAt(pos int, err error) {
	if p.err == nil {
		p.err = p.errorAt(pos, err)
		p.tok = token{kind: tokEOF, pos: len(p.src)}
	}
}

func (p *parser) fail(format string, args ...any) { p.failAt(p.tok.pos, fmt.Errorf(format, args...)) }

func (p *parser) at(text string) bool {
	return (p.tok.kind == tokPunct || p.tok.kind == tokIdent) && p.tok.text == text
}

func (p *parser) accept(text string) bool {
	if !p.at(text) {
		return false
	}
	p.advance()
	return p.err == nil
}

func (p *parser) expect(text string) {
	if !p.accept(text) {
		p.fail("expected %s, found %v", text, p.tok)
	}
}

func (p *parser) take(kind tokenKind, what string) token {
	if p.tok.kind != kind {
		p.fail("expected %s, found %v", what, p.tok)
	}
	return p.advance()
}

func (p *parser) identifier(what string) token {
	if p.tok.kind == tokString {
		return p.advance()
	}
	return p.take(tokIdent, what)
}

// list reads what stands between open and close, with commas between.
func (p *parser) list(open, close string, element func()) {
	p.expect(open)
	for first := true; p.err == nil && !p.accept(close); first = false {
		if !first {
			p.expect(",")
		}
		element()
	}
}

func (p *parser) graph() *Graph {
	if p.depth++; p.depth > maxNesting {
		p.fail("bodies are nested more than %d deep", maxNesting)
	}
	defer func() { p.depth-- }()
	p.expect("graph")
	g := NewGraph(p.take(tokString, "the graph's name in quotes").text)
	if p.accept("opset") {
		g.Opset = p.int()
	}
	p.list("(", ")", func() {
		name := p.take(tokValue, "an input")
		p.expect(":")
		typ := p.typ()
		if _, err := g.AddInput(name.text, typ); err != nil {
			p.failAt(name.pos, err)
		}
	})
	p.expect("->")
	var outputs []token
	p.list("(", ")", func() { outputs = append(outputs, p.take(tokValue, "an output")) })
	p.expect("{")
	for p.err == nil && !p.accept("}") {
		p.line(g)
	}
	for _, name := range outputs {
		g.addOutput(p.value(g, name))
	}
	return g
}

func (p *parser) line(g *Graph) {
	switch {
	case p.accept("doc"):
		g.Doc = p.take(tokString, "a string").text
	case p.accept("meta"):
		key := p.take(tokString, "a string").text
		g.Metadata = append(g.Metadata, KeyValue{key, p.take(tokString, "a string").text})
	default:
		outs := p.results()
		p.expect("=")
		if p.accept("const") {
			p.constant(g, outs)
		} else {
			p.node(g, outs)
		}
	}
}

// result is what stands before the = of a line.
type result struct {
	name  token // text is "" when absent
	typ   Type  // if given
	typed bool
}

func (p *parser) results() []result {
	if p.accept("(") {
		p.expect(")")
		return nil
	}
	var outs []result
	for more := true; more && p.err == nil; more = p.accept(",") {
		if p.at("_") {
			p.advance()
			outs = append(outs, result{})
			continue
		}
		r := result{name: p.take(tokValue, "a value, _, doc, meta or }")}
		if p.accept(":") {
			r.typ, r.typed = p.typ(), true
		}
		outs = append(outs, r)
	}
	return outs
}

func (p *parser) constant(g *Graph, outs []result) {
	if p.err == nil && (len(outs) != 1 || !outs[0].typed) {
		p.fail("a constant has one name, with its type")
	}
	if p.err != nil {
		return
	}
	if t := p.tensor(outs[0].typ); t != nil {
		if _, err := g.AddConst(outs[0].name.text, t); err != nil {
			p.failAt(outs[0].name.pos, err)
		}
	}
}

func (p *parser) node(g *Graph, outs []result) {
	opName := p.identifier("an operator")
	domain, name := "", opName.text
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		domain, name = name[:dot], name[dot+1:]
	}
	if p.err != nil {
		return
	}
	def := p.lookup(domain, name)
	if def == nil {
		p.failAt(opName.pos, fmt.Errorf("unknown operator %s", shorten(opName.text)))
		return
	}
	op := def.New()
	if p.at("{") {
		p.attrs(op)
	}
	var inputs []*Value
	p.list("(", ")", func() {
		if p.accept("_") {
			inputs = append(inputs, nil)
			return
		}
		inputs = append(inputs, p.value(g, p.take(tokValue, "a value or _")))
	})
	nodeName := ""
	if p.tok.kind == tokString {
		if nodeName = p.tok.text; nodeName == "" || g.nodeNames.has(nodeName) {
			p.fail("node name %q is empty or taken", nodeName)
		}
		p.advance()
	}
	if p.err != nil {
		return
	}
	names := make([]string, len(outs))
	for i, out := range outs {
		names[i] = out.name.text
	}
	n, err := g.Append(nodeName, op, inputs, names)
	if err != nil {
		p.failAt(opName.pos, err)
		return
	}
	for i, out := range outs {
		if v := n.outputs[i]; out.typed && !equalTypes(v.typ, out.typ) {
			p.failAt(out.name.pos, fmt.Errorf("value %q has type %v, the text says %v", v.name, v.typ, out.typ))
		}
	}
}

func (p *parser) value(g *Graph, name token) *Value {
	v := g.Value(name.text)
	if v == nil && p.err == nil {
		p.failAt(name.pos, fmt.Errorf("value %v is not defined", name))
	}
	return v
}

func (p *parser) int() int {
	t := p.take(tokNumber, "an integer")
	n, err := strconv.Atoi(t.text)
	if err != nil {
		p.failAt(t.pos, fmt.Errorf("%v is not an integer", t))
	}
	return n
}

func (p *parser) typ() Type {
	t := p.take(tokIdent, "an element type")
	dt, ok := tensor.ParseDType(t.text)
	if !ok {
		p.failAt(t.pos, fmt.Errorf("%v is not an element type", t))
	}
	typ := Type{DType: dt, Shape: Shape{}}
	pos := p.tok.pos
	p.list("[", "]", func() {
		if p.at("...") && typ.Shape != nil && len(typ.Shape) == 0 {
			p.advance()
			typ.Shape = nil
			if !p.at("]") {
				p.fail("expected ], found %v", p.tok)
			}
			return
		}
		typ.Shape = append(typ.Shape, p.dim())
	})
	if err := checkType(typ); err != nil {
		p.failAt(pos, err)
	}
	return typ
}

func (p *parser) dim() Dim {
	if p.accept("?") {
		return UnknownDim
	}
	d := Known(1)
	if p.tok.kind == tokNumber {
		if d = Known(p.int()); !p.accept("*") {
			return d
		}
	}
	sym := p.identifier("a dimension")
	if sym.text == "" || sym.text == UnknownDim.Sym {
		p.failAt(sym.pos, fmt.Errorf("%v is not a symbol", sym))
	}
	d.Sym = sym.text
	return d
}

func (p *parser) attrs(op Op) {
	var attrs []Attr
	pos := p.tok.pos
	p.list("{", "}", func() {
		name := p.identifier("an attribute").text
		p.expect("=")
		attrs = append(attrs, Attr{name, p.attrValue()})
	})
	if p.err != nil {
		return
	}
	if err := DecodeAttrs(op, attrs, true); err != nil {
		p.failAt(pos, fmt.Errorf("%s: %w", op.Def().FullName(), err))
	}
}

func (p *parser) attrValue() any {
	if p.at("[") {
		return p.attrList()
	}
	switch {
	case p.at("graph"):
		return p.graph()
	case p.accept("const"):
		return p.tensor(p.typ())
	}
	return p.attrScalar()
}

func (p *parser) attrScalar() any {
	t := p.tok
	switch p.advance(); t.kind {
	case tokString:
		return t.text
	case tokNumber:
		if n, err := strconv.Atoi(t.text); err == nil {
			return n
		}
		if f, err := parseFloat32(t.text); err == nil {
			return f
		}
	case tokIdent:
		switch dt, ok := tensor.ParseDType(t.text); {
		case ok:
			return int(dt)
		case t.text == "true":
			return 1
		case t.text == "false":
			return 0
		case t.text == "nan" || t.text == "inf":
			f, _ := parseFloat32(t.text)
			return f
		}
	}
	p.failAt(t.pos, fmt.Errorf("expected an attribute's value, found %v", t))
	return nil
}

// attrList reads a list of values of one kind; an empty one fits every kind of list.
func (p *parser) attrList() any {
	ints, floats, strs := []int{}, []float32{}, []string{}
	pos, n := p.tok.pos, 0
	p.list("[", "]", func() {
		n++
		switch x := p.attrScalar().(type) {
		case int:
			ints = append(ints, x)
		case float32:
			floats = append(floats, x)
		case string:
			strs = append(strs, x)
		}
	})
	switch n {
	case len(ints):
		return ints
	case len(floats):
		return floats
	case len(strs):
		return strs
	}
	p.failAt(pos, errors.New("the values of a list are of different kinds"))
	return nil
}
