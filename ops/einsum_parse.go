package ops

import (
	"fmt"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/ir"
)

// summation is a parsed equation: labels are numbers, "..." has been resolved to some of them.
type summation struct {
	terms [][]int
	out   []int
	sizes []ir.Dim // by label
}

// parse resolves the equation for operands of the shapes; nil when one of them is not known.
func (e *Einsum) parse(shapes []ir.Shape) (*summation, error) {
	bad := func(format string, args ...any) error {
		return &ir.AttrError{Attr: "equation", Msg: fmt.Sprintf("%q: ", e.Equation) + fmt.Sprintf(format, args...)}
	}
	left, right, explicit := strings.Cut(strings.ReplaceAll(e.Equation, " ", ""), "->")
	texts := strings.Split(left, ",")
	if len(texts) != len(shapes) {
		return nil, bad("has %d terms for %d inputs", len(texts), len(shapes))
	}
	for _, text := range append(slices.Clone(texts), right) {
		rest := strings.Replace(text, "...", "", 1)
		if i := strings.IndexFunc(rest, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }); i >= 0 {
			return nil, bad("unexpected %q", rest[i:])
		}
	}
	if slices.ContainsFunc(shapes, func(s ir.Shape) bool { return s == nil }) {
		return nil, nil
	}
	sum := &summation{}
	labels, broadcastDims := map[byte]int{}, 0
	for i, text := range texts {
		letters := strings.Replace(text, "...", "", 1)
		dots := len(shapes[i]) - len(letters)
		if dots < 0 || dots > 0 && letters == text {
			return nil, bad("term %q does not fit to the shape %v of input %d", text, shapes[i], i)
		}
		broadcastDims = max(broadcastDims, dots)
	}
	sum.sizes = slices.Repeat([]ir.Dim{ir.Known(1)}, broadcastDims) // the first labels are the broadcast dimensions
	for i, text := range texts {
		dots := len(shapes[i]) - len(strings.Replace(text, "...", "", 1))
		term := sum.labels(text, labels, broadcastDims-dots, broadcastDims)
		for d, l := range term {
			size, err := broadcast(ir.Shape{sum.sizes[l]}, ir.Shape{shapes[i][d]})
			if err != nil {
				return nil, bad("dimension %d of input %d is %v, expects %v", d, i, shapes[i][d], sum.sizes[l])
			}
			sum.sizes[l] = size[0]
		}
		sum.terms = append(sum.terms, term)
	}
	if !explicit {
		right = implicitOutput(left)
	}
	known := len(sum.sizes)
	sum.out = sum.labels(right, labels, 0, broadcastDims)
	if len(sum.sizes) > known {
		return nil, bad("the output has a label that no input has")
	}
	if len(union(nil, sum.out)) < len(sum.out) {
		return nil, bad("the output has a label twice")
	}
	return sum, nil
}

// labels turns a term's letters into numbers, new ones where needed, and its dots into from to to-1.
func (s *summation) labels(text string, seen map[byte]int, from, to int) []int {
	term := []int{}
	before, after, dots := strings.Cut(text, "...")
	add := func(letters string) {
		for _, r := range []byte(letters) {
			l, ok := seen[r]
			if !ok {
				l = len(s.sizes)
				seen[r] = l
				s.sizes = append(s.sizes, ir.Known(1))
			}
			term = append(term, l)
		}
	}
	add(before)
	if dots {
		for l := from; l < to; l++ {
			term = append(term, l)
		}
		add(after)
	}
	return term
}

// implicitOutput is the output term of an equation that has none.
func implicitOutput(left string) string {
	out := ""
	if strings.Contains(left, "...") {
		out = "..."
	}
	for r := byte('A'); r <= 'z'; r++ {
		if strings.Count(left, string(r)) == 1 {
			out += string(r)
		}
	}
	return out
}

// keep is which of the labels of done, the product so far, and of term i the output or a later term still need.
func (s *summation) keep(i int, done []int) []int {
	need := s.out
	for _, t := range s.terms[i+1:] {
		need = union(need, t)
	}
	return slices.DeleteFunc(union(done, s.terms[i]), func(l int) bool { return !slices.Contains(need, l) })
}
