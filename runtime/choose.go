package runtime

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/internal/kernel"
)

// chooseConv prepares the algorithm of a convolution that is measured, or else estimated, to be the fastest.
func (p *plan) chooseConv(spec kernel.BlockedConvSpec) (convKernel, error) {
	candidates := convCandidates(spec)
	if len(candidates) == 1 {
		return candidates[0].make()
	}
	if t := p.session.tuner; t != nil {
		return t.choose(p, convKey(spec, p.session.opts.Threads), candidates)
	}
	best := candidates[0]
	for _, c := range candidates[1:] {
		if c.cost.Time(p.session.opts.Threads) < best.cost.Time(p.session.opts.Threads) {
			best = c
		}
	}
	return best.make()
}

// candidate is an algorithm that a convolution could have.
type candidate struct {
	name string
	cost kernel.Cost
	make func() (convKernel, error)
	spec kernel.BlockedConvSpec
}

// convCandidates lists the algorithms that fit, the direct one first.
func convCandidates(spec kernel.BlockedConvSpec) []candidate {
	list := []candidate{{
		name: "direct", cost: kernel.DirectCost(spec), spec: spec,
		make: func() (convKernel, error) { return kernel.NewBlockedConv(spec) },
	}}
	if cost, ok := kernel.NarrowCost(spec); ok {
		list = append(list, candidate{
			name: "narrow", cost: cost, spec: spec,
			make: func() (convKernel, error) { return kernel.NewNarrowConv(spec) },
		})
	}
	for form := range kernel.WinogradForms {
		if cost, ok := kernel.WinogradCost(spec, form); ok {
			list = append(list, candidate{
				name: fmt.Sprintf("winograd%d", form), cost: cost, spec: spec,
				make: func() (convKernel, error) { return kernel.NewWinograd(spec, form) },
			})
		}
	}
	return list
}

// convKey names a convolution for the tuner: everything that its time depends on.
func convKey(s kernel.BlockedConvSpec, threads int) string {
	return fmt.Sprintf("%v n%d c%d m%d g%d in%v k%v s%v d%v p%v out%v r%v t%d", s.Impl, s.N, s.C, s.OutC, s.Group,
		s.In, s.Kernel, s.Strides, s.Dilations, s.Pads, s.Out, s.Residual, threads)
}

// inputSize and outputSize are the elements of a convolution's arrays, math.MaxInt where they are too many to measure.
func blockedSize(n, c int, plane []int) int {
	size := float64(n*kernel.Blocks(c)*kernel.Block) * float64(product(plane))
	if size > 1<<28 {
		return math.MaxInt
	}
	return int(size)
}
