package runtime

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/internal/kernel"
)

// chooseConv prepares the algorithm of a convolution that is measured, or else estimated, to be the fastest.
func (p *plan) chooseConv(spec kernel.BlockedConvSpec) (convKernel, error) {
	candidates := convCandidates(spec)
	if len(candidates) == 1 {
		return candidates[0].make()
	}
	if t := p.session.tuner; t != nil && measurable(spec) {
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

// convCandidates lists the algorithms that fit, the direct one first. Winograd's would compute tile after tile by the
// definition where weights are not finite.
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
	others := len(list)
	for form := range kernel.WinogradForms {
		if cost, ok := kernel.WinogradCost(spec, form); ok {
			list = append(list, candidate{
				name: fmt.Sprintf("winograd%d", form), cost: cost, spec: spec,
				make: func() (convKernel, error) { return kernel.NewWinograd(spec, form) },
			})
		}
	}
	if len(list) > others && slices.ContainsFunc(spec.Weights, func(w float32) bool { return w-w != 0 }) {
		list = list[:others]
	}
	return list
}

// convKey names a convolution for the tuner: everything that its time depends on.
func convKey(s kernel.BlockedConvSpec, threads int) string {
	return fmt.Sprintf("%v n%d c%d m%d g%d in%v k%v s%v d%v p%v out%v r%v t%d", s.Set, s.N, s.C, s.OutC, s.Group,
		s.In, s.Kernel, s.Strides, s.Dilations, s.Pads, s.Out, s.Residual, threads)
}

// blockedSize is the elements of an array in the blocked layout.
func blockedSize(n, c int, plane []int) int {
	return n * kernel.Blocks(c) * kernel.Block * product(plane)
}

// measurable reports whether a convolution, whose arrays do not swell, is small enough to be measured on some of its own.
func measurable(s kernel.BlockedConvSpec) bool {
	const most = 1 << 28 // elements: the estimate is good for those that take seconds
	return blockedSize(s.N, s.C, s.In)+blockedSize(s.N, s.OutC, s.Out) <= most
}
