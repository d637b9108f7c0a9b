package lower

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/internal/kernel"
)

// ConvKernel is one of the algorithms of a convolution on blocked data.
type ConvKernel interface {
	tasked
	packer
	Run(task int, y, x, residual, scratch []float32)
	RunPacked(task int, y, x, packed, residual, scratch []float32)
}

// Candidate is an algorithm that a convolution could have.
type Candidate struct {
	Name string
	Cost kernel.Cost
	Spec kernel.BlockedConvSpec
	Make func(kernel.BlockedConvSpec) (ConvKernel, error)
}

// light is the kernel without weights, which tells all but what they are.
func (c Candidate) light() (ConvKernel, error) {
	spec := c.Spec
	spec.Packed, spec.Weights, spec.Bias = true, nil, nil
	return c.Make(spec)
}

// chooseConv is the algorithm of a convolution that is measured, or else estimated, to be the fastest.
func (s *selector) chooseConv(spec kernel.BlockedConvSpec) (Candidate, error) {
	candidates := convCandidates(spec)
	if len(candidates) > 1 && s.opts.Choose != nil && measurable(spec) {
		i, err := s.opts.Choose(s.ctx, convKey(spec, s.opts.Threads), candidates)
		return candidates[max(0, i)], err
	}
	best := candidates[0]
	for _, c := range candidates[1:] {
		if c.Cost.Time(s.opts.Threads) < best.Cost.Time(s.opts.Threads) {
			best = c
		}
	}
	return best, nil
}

// convCandidates lists the algorithms that fit, the direct one first. Winograd's would compute tile after tile by the
// definition where weights are not finite.
func convCandidates(spec kernel.BlockedConvSpec) []Candidate {
	list := []Candidate{{"direct", kernel.DirectCost(spec), spec, func(s kernel.BlockedConvSpec) (ConvKernel, error) { return kernel.NewBlockedConv(s) }}}
	if cost, ok := kernel.NarrowCost(spec); ok {
		list = append(list, Candidate{"narrow", cost, spec, func(s kernel.BlockedConvSpec) (ConvKernel, error) { return kernel.NewNarrowConv(s) }})
	}
	others := len(list)
	for form := range kernel.WinogradForms {
		if cost, ok := kernel.WinogradCost(spec, form); ok {
			list = append(list, Candidate{fmt.Sprintf("winograd%d", form), cost, spec, func(s kernel.BlockedConvSpec) (ConvKernel, error) {
				return kernel.NewWinograd(s, form)
			}})
		}
	}
	if len(list) > others && slices.ContainsFunc(spec.Weights, func(w float32) bool { return w-w != 0 }) {
		list = list[:others]
	}
	return list
}

// depthwiseCandidate is the algorithm of a convolution of each channel by itself.
func depthwiseCandidate(spec kernel.BlockedConvSpec) Candidate {
	return Candidate{"depthwise", kernel.DirectCost(spec), spec, func(c kernel.BlockedConvSpec) (ConvKernel, error) {
		k, err := kernel.NewDepthwise(kernel.DepthwiseSpec{
			N: c.N, C: c.C, Spatial: c.Spatial, Weights: c.Weights, Bias: c.Bias, Packed: c.Packed, Act: c.Act, Split: c.Split, Set: c.Set, Packs: c.Packs,
		})
		return depthwise{k}, err
	}}
}

// depthwise is a kernel without residual and scratch.
type depthwise struct{ *kernel.Depthwise }

func (d depthwise) Run(task int, y, x, _, _ []float32) { d.Depthwise.Run(task, y, x) }
func (d depthwise) RunPacked(task int, y, x, packed, _, _ []float32) {
	d.Depthwise.RunPacked(task, y, x, packed)
}

// convKey names a convolution for the tuner: everything that its time depends on.
func convKey(s kernel.BlockedConvSpec, threads int) string {
	return fmt.Sprintf("%v n%d c%d m%d g%d in%v k%v s%v d%v p%v out%v r%v t%d", s.Set, s.N, s.C, s.OutC, s.Group,
		s.In, s.Kernel, s.Strides, s.Dilations, s.Pads, s.Out, s.Residual, threads)
}

// measurable reports whether a convolution, whose arrays do not swell, is small enough to be measured on some of its own.
func measurable(s kernel.BlockedConvSpec) bool {
	const most = 1 << 28 // elements: the estimate is good for those that take seconds
	return BlockedLen(s.N, s.C, product(s.In))+BlockedLen(s.N, s.OutC, product(s.Out)) <= most
}
