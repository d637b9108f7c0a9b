package runtime

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// lowerSumTo sums over the dimensions that broadcasting stretched.
func (p *plan) lowerSumTo(n *ir.Node) (lowered, error) {
	in, out := sizes(n.In(0)), sizes(n.Out(0))
	reduced := make([]bool, len(in))
	for d := range in {
		o := d - len(in) + len(out)
		reduced[d] = o < 0 || out[o] != in[d]
	}
	if !slices.Contains(reduced, true) {
		return lowered{}, nil
	}
	return p.reduceStep(n, kernel.ReduceSum, reduced)
}

// maskGrain is how many elements of a mask are worth a task.
const maskGrain = 1024

// lowerDropoutMask divides the mask into tasks: an element follows from its place alone.
func (p *plan) lowerDropoutMask(n *ir.Node, op *ops.DropoutMask) (lowered, error) {
	if n.In(1).Type().DType != tensor.Float32 {
		return lowered{}, nil
	}
	for _, v := range n.Inputs()[1:] {
		if product(sizes(v)) != 1 {
			return lowered{}, nil
		}
	}
	size := product(sizes(n.Out(0)))
	tasks := (size + maskGrain - 1) / maskGrain
	ratio, seed, step, y := id(n.In(1)), id(n.In(2)), id(n.In(3)), id(n.Out(0))
	return lowered{algorithm: "mask", run: func(f *frame) error {
		dropped := float64(f.float32s(ratio)[0])
		if !(dropped >= 0 && dropped <= 1) {
			return fmt.Errorf("ratio is %v, expects 0 to 1", dropped)
		}
		source := ops.Philox{
			Seed: uint64(tensor.Data[int64](f.vals[seed])[0]), Stream: uint32(op.Stream), Step: uint32(tensor.Data[int64](f.vals[step])[0]),
		}
		return f.parallel(tasks, func(f *frame, task, _ int) {
			from := task * maskGrain
			source.Mask(f.float32s(y)[from:min(from+maskGrain, size)], from, dropped)
		})
	}}, nil
}
