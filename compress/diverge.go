package compress

import (
	"context"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

// diverge finds the first node of b that computes what a does not, for the inputs on which d is worst; from are the values
// of b that were compared.
func diverge(ctx context.Context, a, b *ir.Graph, from []*ir.Value, d *Difference, inputs [][]*tensor.Tensor, order []int, tolerance float64, how runtime.Options) (*Divergence, error) {
	worst := d.WorstOutput()
	in := oneRow(a, inputs[worst.set], worst.At)
	want, err := everyValue(ctx, a, in, how)
	if err != nil {
		return nil, err
	}
	got, err := everyValue(ctx, b, reorder([][]*tensor.Tensor{in}, order)[0], how)
	if err != nil {
		return nil, err
	}
	s := &search{want: want, got: got, tolerance: tolerance, agreed: map[*ir.Value]bool{}, position: map[*ir.Node]int{}}
	for i, n := range b.Nodes() {
		s.position[n] = i
	}
	for _, v := range from {
		s.visit(v)
	}
	if s.first == nil {
		return nil, nil
	}
	n := s.first.Def()
	e := math.MaxFloat64
	if t := want[s.first.Name()]; t != nil {
		e = tensorDifference(t, got[s.first.Name()]).Error
	}
	return &Divergence{s.first.Name(), n.Name, n.OpName(), e}, nil
}

// oneRow is the row of the inputs to which an output's element belongs, where the model leaves the number of rows open.
func oneRow(g *ir.Graph, in []*tensor.Tensor, at []int) []*tensor.Tensor {
	if len(at) == 0 {
		return in
	}
	row := at[0]
	out := slices.Clone(in)
	for i, v := range g.Inputs() {
		s := v.Type().Shape
		if len(s) < 2 || s[0].IsKnown() || row >= in[i].Dim(0) || !modelinfo.Floating(in[i].DType()) {
			return in
		}
		size := len(in[i].Bytes()) / in[i].Dim(0)
		t := tensor.New(in[i].DType(), append([]int{1}, in[i].Shape()[1:]...)...)
		copy(t.Bytes(), in[i].Bytes()[row*size:(row+1)*size])
		out[i] = t
	}
	return out
}

// everyValue is what every node of a graph computes, by name.
func everyValue(ctx context.Context, g *ir.Graph, in []*tensor.Tensor, how runtime.Options) (map[string]*tensor.Tensor, error) {
	computed := slices.DeleteFunc(g.Values(), func(v *ir.Value) bool { return v.Def() == nil })
	out, err := results(ctx, g, computed, [][]*tensor.Tensor{in}, unoptimized(how))
	if err != nil {
		return nil, err
	}
	named := make(map[string]*tensor.Tensor, len(computed))
	for i, v := range computed {
		named[v.Name()] = out[0][i]
	}
	return named, nil
}

// search walks from a graph's outputs back to where it left another one. A value is right if it is near the one of the
// same name; since an edit may change what a name stands for, also if it is near any other.
type search struct {
	want, got map[string]*tensor.Tensor
	tolerance float64
	agreed    map[*ir.Value]bool
	position  map[*ir.Node]int
	first     *ir.Value // the wrong value, all of whose inputs are right, whose node comes first
}

// right reports whether v is as it should be; inputs and constants are.
func (s *search) right(v *ir.Value) bool {
	if v == nil || v.Def() == nil {
		return true
	}
	t := s.got[v.Name()]
	if w := s.want[v.Name()]; w != nil && tensorDifference(w, t).Error <= s.tolerance {
		return true
	}
	for _, w := range s.want {
		if w.DType() == t.DType() && slices.Equal(w.Shape(), t.Shape()) && tensorDifference(w, t).Error <= s.tolerance {
			return true
		}
	}
	return false
}

// visit looks at a value once, and goes on to its node's inputs if it is wrong. It reports whether it is right.
func (s *search) visit(v *ir.Value) bool {
	if right, seen := s.agreed[v]; seen {
		return right
	}
	s.agreed[v] = s.right(v)
	if s.agreed[v] {
		return true
	}
	origin := true
	for _, in := range v.Def().Inputs() {
		origin = s.visit(in) && origin
	}
	if origin && (s.first == nil || s.position[v.Def()] < s.position[s.first.Def()]) {
		s.first = v
	}
	return false
}
