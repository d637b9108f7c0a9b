package runtime

import (
	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
)

// Weights that come with each Run, as those that are being taught do, are packed by a step of their own.

// packer is a kernel whose weights come with each Run.
type packer interface {
	PackedSize() int
	PackTasks() int
	PackScratchSize() int
	Pack(task int, packed, weights, bias, scratch []float32)
}

// known reports whether the weights and the bias, if any, of a convolution are constants.
func known(n *ir.Node) bool {
	return constFloat32(n.In(1)) != nil && (n.In(2) == nil || constFloat32(n.In(2)) != nil)
}

// pack emits a step before n that packs weights and a bias, which may be absent, and returns the slot of what it makes.
func (p *plan) pack(n *ir.Node, k packer, weights, bias *ir.Value) (int, error) {
	for _, v := range []*ir.Value{weights, bias} {
		if err := p.needPlain(n, v); err != nil {
			return 0, err
		}
	}
	slot, w, b, tasks := p.newSlot(k.PackedSize()), id(weights), id(bias), k.PackTasks()
	p.scratch = max(p.scratch, k.PackScratchSize())
	task := func(f *frame, task, worker int) {
		k.Pack(task, f.float32s(slot), f.float32s(w), f.float32s(b), f.scratch[worker])
	}
	run := func(f *frame) error { return f.parallel(tasks, task) }
	p.emit(n, "pack weights", run, present([]*ir.Value{weights, bias}), []int{slot})
	p.steps[len(p.steps)-1].conversion = true
	return slot, nil
}

// convStep emits the step of a convolution of slot x, with another one added to it, or -1, to y.
func (p *plan) convStep(n *ir.Node, k convKernel, x, residual, y int) error {
	reads := []int{x}
	if residual >= 0 {
		reads = append(reads, residual)
	}
	run := func(f *frame, task, worker int) {
		k.Run(task, f.float32s(y), f.float32s(x), f.float32s(residual), f.scratch[worker])
	}
	if !known(n) {
		packed, err := p.pack(n, k, n.In(1), n.In(2))
		if err != nil {
			return err
		}
		reads = append(reads, packed)
		run = func(f *frame, task, worker int) {
			k.RunPacked(task, f.float32s(y), f.float32s(x), f.float32s(packed), f.float32s(residual), f.scratch[worker])
		}
	}
	_, err := p.blockedStep(n, k, reads, y, run)
	return err
}

// depthwiseStep emits the step of a convolution of each channel by itself.
func (p *plan) depthwiseStep(n *ir.Node, k *kernel.Depthwise, x, y int) error {
	reads := []int{x}
	run := func(f *frame, task, _ int) { k.Run(task, f.float32s(y), f.float32s(x)) }
	if !known(n) {
		packed, err := p.pack(n, k, n.In(1), n.In(2))
		if err != nil {
			return err
		}
		reads = append(reads, packed)
		run = func(f *frame, task, _ int) { k.RunPacked(task, f.float32s(y), f.float32s(x), f.float32s(packed)) }
	}
	_, err := p.blockedStep(n, k, reads, y, run)
	return err
}
