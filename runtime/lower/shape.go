package lower

import (
	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// isBlockable reports whether a value can have the blocked layout.
func (s *selector) isBlockable(v *ir.Value) bool {
	return v != nil && len(v.Type().Shape) == 4 && v.Type().DType == tensor.Float32 && s.Slots[v.ID()].Kind != Dynamic
}

// swells reports whether an array is so large that its channels, filled up to whole blocks, might not fit in the memory
// that a Run may take.
func (s *selector) swells(shape []int) bool {
	size := 4.0 * kernel.Block * float64(kernel.Blocks(shape[1]))
	for d, n := range shape {
		if d != 1 {
			size *= float64(n)
		}
	}
	return size > float64(s.opts.MaxMemory)/4
}

// blocks reports whether a node of one output may be computed on blocked data: where the kernels make that fast.
func (s *selector) blocks(n *ir.Node) bool {
	return s.opts.Set.Has(kernel.FamilyTile) && len(n.Outputs()) == 1 && s.isBlockable(n.In(0)) && s.isBlockable(n.Out(0))
}

// followsBlocked is blocks for operators that do as their input is.
func (s *selector) followsBlocked(n *ir.Node) bool { return s.blocks(n) && s.anyBlocked(n) }

// anyBlocked reports whether an input of n has been computed in the blocked layout.
func (s *selector) anyBlocked(n *ir.Node) bool {
	for _, v := range n.Inputs() {
		if s.isIn(v, Blocked) {
			return true
		}
	}
	return false
}

// rowable reports whether a node of one output may be computed on rows.
func (s *selector) rowable(n *ir.Node) bool {
	_, _, _, ok := s.rowSizes(n.Out(0))
	return ok && s.opts.Set.Has(kernel.FamilyTile) && len(n.Outputs()) == 1
}

// followsRows is rowable for operators that do as their input is.
func (s *selector) followsRows(n *ir.Node) bool {
	return s.rowable(n) && (s.isIn(n.In(0), Rows) || s.isIn(n.In(1), Rows))
}

// rowSizes is how many images, pixels of each and channels a value has whose channels are the last dimension; ok is false if
// it cannot have that layout. Linear layers then are convolutions of one tap, and a Transpose between N×C×H×W and N×H×W×C
// costs nothing.
func (s *selector) rowSizes(v *ir.Value) (n, plane, c int, ok bool) {
	if v == nil || v.Type().DType != tensor.Float32 || s.Slots[v.ID()].Kind == Dynamic {
		return 0, 0, 0, false
	}
	shape := sizes(v)
	if len(shape) < 2 || len(shape) > 4 {
		return 0, 0, 0, false
	}
	n, plane, c = rowDims(shape)
	return n, plane, c, true
}

// rowDims is rowSizes of a shape of two to four dimensions.
func rowDims(shape []int) (n, plane, c int) {
	if len(shape) == 4 {
		return shape[0], shape[1] * shape[2], shape[3]
	}
	return 1, product(shape[:len(shape)-1]), shape[len(shape)-1]
}

// constFloat32 is the elements of a constant, nil for other values.
func constFloat32(v *ir.Value) []float32 {
	if v == nil || v.Const() == nil {
		return nil
	}
	return tensor.Data[float32](v.Const())
}

// sizes is a value's shape, which is known.
func sizes(v *ir.Value) []int {
	n, _ := v.Type().Shape.Ints()
	return n
}

func product(sizes []int) int {
	n := 1
	for _, s := range sizes {
		n *= s
	}
	return n
}

// spatial is a window in the kernels' terms.
func spatial(w ops.Window) kernel.Spatial {
	return kernel.Spatial{In: w.In, Out: w.Out, Kernel: w.Kernel, Strides: w.Stride, Dilations: w.Dilation, Pads: w.PadBegin}
}

// windowOf is the window of an operator over an input of the given spatial sizes.
type windowOf func(in []int) (ops.Window, error)

// hasSpatial reports whether the spatial dimensions of a shape are as many as kernels on plain arrays take.
func hasSpatial(shape []int) bool { return len(shape) >= 3 && len(shape) <= 5 }

// BlockedLen is the elements of an array in the blocked layout, of n images of c channels of so many pixels.
func BlockedLen(n, c, pixels int) int { return n * kernel.Blocks(c) * kernel.Block * pixels }
