// Package modelinfo says of a model what all who use it need: which input takes images, which output scores classes, which
// value a layer's name stands for, how many parameters and multiplications it has, what its metadata tell.
package modelinfo

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// Input is the input that takes images: the only one, of four dimensions as far as is known. Else the error is an
// *InputsError.
func Input(g *ir.Graph) (*ir.Value, error) {
	if in := g.Inputs(); len(in) == 1 && (in[0].Type().Shape == nil || len(in[0].Type().Shape) == 4) {
		return in[0], nil
	}
	return nil, &InputsError{g.Inputs()}
}

// Output is the output that scores classes, the first of floating-point numbers; nil where there is none.
func Output(g *ir.Graph) *ir.Value {
	if i := slices.IndexFunc(g.Outputs(), IsFloating); i >= 0 {
		return g.Outputs()[i]
	}
	return nil
}

// Scores is the value whose softmax is the probabilities of the classes: what the Softmax at the end of Output reads, or
// Output itself; nil where there is none. It has a row for each of Output's; its dimensions after that of the classes, if any,
// are of size 1.
func Scores(g *ir.Graph) *ir.Value {
	out := Output(g)
	for v := out; v != nil && v.Def() != nil; v = v.Def().In(0) {
		switch v.Def().Op.(type) {
		case *ops.Softmax, *ops.LogSoftmax, *ops.Sigmoid:
			in := v.Def().In(0)
			if a, b := in.Type().Shape, out.Type().Shape; len(a) > 0 && len(b) > 0 && !a[0].Same(b[0]) {
				return out
			}
			return in
		case *ops.Identity, *ops.Cast, *ops.Flatten, *ops.Reshape, *ops.Squeeze, *ops.Unsqueeze:
		default:
			return out
		}
	}
	return out
}

// Classes is how many numbers a value has for each image, -1 if not known.
func Classes(v *ir.Value) int {
	if len(v.Type().Shape) < 2 {
		return -1
	}
	if n := v.Type().Shape[1:].Count(); n.IsKnown() {
		return n.N
	}
	return -1
}

// Sizes is a value's shape with -1 for what is not a number; nil where the rank is not known.
func Sizes(v *ir.Value) []int {
	if v.Type().Shape == nil {
		return nil
	}
	sizes := make([]int, len(v.Type().Shape))
	for i, d := range v.Type().Shape {
		sizes[i] = -1
		if d.IsKnown() {
			sizes[i] = d.N
		}
	}
	return sizes
}

// Layer is the value that a layer's name stands for: one that a node computes, called by its own name or, of several
// outputs the first, by that of its node; or an input or a constant. It is nil where the name is none of these.
func Layer(g *ir.Graph, name string) *ir.Value {
	v := g.Value(name)
	if v != nil && v.Def() != nil {
		return v
	}
	for _, n := range g.Nodes() {
		if n.Name != name {
			continue
		}
		for _, out := range n.Outputs() {
			if out != nil {
				return out
			}
		}
	}
	return v
}

// LayerNames is the names that Layer knows of what nodes compute: those of the nodes, then those of the values.
func LayerNames(g *ir.Graph) []string {
	names := NodeNames(g)
	for _, n := range g.Nodes() {
		for _, v := range n.Outputs() {
			if v != nil && v.Name() != n.Name {
				names = append(names, v.Name())
			}
		}
	}
	return names
}

// NodeNames is the names of all nodes.
func NodeNames(g *ir.Graph) []string {
	var names []string
	for _, n := range g.Nodes() {
		names = append(names, n.Name)
	}
	return names
}

// ValueNames is the names of all values.
func ValueNames(g *ir.Graph) []string {
	var names []string
	for _, v := range g.Values() {
		names = append(names, v.Name())
	}
	return names
}

// IsFloating reports whether a value is of floating-point numbers.
func IsFloating(v *ir.Value) bool { return Floating(v.Type().DType) }

// Floating reports whether dt is a type of floating-point numbers that arithmetic knows: those of images and scores.
func Floating(dt tensor.DType) bool {
	switch dt {
	case tensor.Float32, tensor.Float16, tensor.BFloat16, tensor.Float64:
		return true
	}
	return false
}

// Convert converts between float32 and the other floating-point types.
func Convert(t *tensor.Tensor, dt tensor.DType) (*tensor.Tensor, error) {
	switch {
	case t.DType() == dt:
		return t, nil
	case dt == tensor.Float32 && Floating(t.DType()):
		return t.ToFloat32(), nil
	case t.DType() == tensor.Float32 && Floating(dt):
		return tensor.FromFloat32(t, dt), nil
	}
	return nil, fmt.Errorf("element type %s is not a floating-point type", t.DType())
}
