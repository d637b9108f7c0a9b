package lower

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// loss selects how what only a step of training has beside gradients is computed.
func (s *selector) loss(n *ir.Node) (bool, error) {
	switch op := n.Op.(type) {
	case *ops.DropoutMask:
		return s.dropoutMask(n, op)
	case *ops.ClipScale:
		return s.clipScale(n, op)
	}
	return false, nil
}

// maskGrain is how many elements of a mask are worth a task.
const maskGrain = 1024

// dropoutMask divides the mask into tasks: an element follows from its place alone.
func (s *selector) dropoutMask(n *ir.Node, op *ops.DropoutMask) (bool, error) {
	for _, v := range n.Inputs()[1:] {
		if product(sizes(v)) != 1 {
			return false, nil
		}
	}
	size := product(sizes(n.Out(0)))
	ratio, seed, step := s.array(n.In(1), Plain), s.array(n.In(2), Plain), s.array(n.In(3), Plain)
	y := s.array(n.Out(0), Plain)
	dropped := func(m *Memory) float64 { return float64(m.F32(ratio)[0]) }
	s.add(&Step{Nodes: []*ir.Node{n}, Algorithm: "mask", Reads: s.readAll(n), Writes: s.writeAll(n), Phases: []Phase{
		{Once: func(m *Memory) error {
			if d := dropped(m); !(d >= 0 && d <= 1) {
				return fmt.Errorf("ratio is %v, expects 0 to 1", d)
			}
			return nil
		}},
		{Tasks: (size + maskGrain - 1) / maskGrain, Task: func(m *Memory, task, _ int) {
			source := ops.Philox{
				Seed: uint64(elements[int64](m, seed)[0]), Stream: uint32(op.Stream), Step: uint32(elements[int64](m, step)[0]),
			}
			from := task * maskGrain
			source.Mask(m.F32(y)[from:min(from+maskGrain, size)], from, dropped(m))
		}},
	}})
	return true, nil
}

// squares is a task of the sum of the squares of an array, and where its parts begin.
type squares struct {
	k    *kernel.SquareSum
	task int
	x    *Array
	from int
}

// clipScale sums squares in parts of a fixed size and adds these up in order.
func (s *selector) clipScale(n *ir.Node, op *ops.ClipScale) (bool, error) {
	var parts []squares
	total := 0
	if op.Limit > 0 {
		for _, v := range n.Inputs()[1:] {
			k, err := kernel.NewSquareSum(product(sizes(v)), s.split(), s.opts.Set)
			if err != nil {
				return false, err
			}
			for task := range k.Tasks() {
				parts = append(parts, squares{k, task, s.array(v, Plain), total})
			}
			total += k.Parts()
		}
	}
	loss, y, sums := s.array(n.In(0), Plain), s.array(n.Out(0), Plain), s.temporary("squares", tensor.Float64, total)
	s.add(&Step{Nodes: []*ir.Node{n}, Algorithm: "clip-scale", Reads: s.readAll(n), Writes: append(s.writeAll(n), sums), Phases: []Phase{
		{Tasks: len(parts), Task: func(m *Memory, task, _ int) {
			c := parts[task]
			c.k.Run(c.task, elements[float64](m, sums)[c.from:c.from+c.k.Parts()], m.F32(c.x))
		}},
		{Once: func(m *Memory) error {
			m.F32(y)[0] = clipScale(m.F32(loss)[0], float64(op.Limit), elements[float64](m, sums))
			return nil
		}},
	}})
	return true, nil
}

// clipScale is what gradients are multiplied by, given the parts of the sum of their squares.
func clipScale(loss float32, limit float64, squares []float64) float32 {
	if l := float64(loss); math.IsNaN(l) || math.IsInf(l, 0) {
		return float32(math.NaN())
	}
	if limit <= 0 {
		return 1
	}
	sum := 0.0
	for _, v := range squares {
		sum += v
	}
	if math.IsInf(sum, 0) {
		return float32(math.NaN())
	}
	return float32(min(1, limit/(math.Sqrt(sum)+1e-6)))
}
