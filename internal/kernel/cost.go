package kernel

// Cost is what an algorithm of a convolution needs.
type Cost struct {
	FLOPs  float64 // operations, those of transforms included
	Stream float64 // bytes that come from memory once: weights
}

// The rates of a present-day server core, and of its memory for all cores. Only their proportion matters, which differs
// little from machine to machine: 118 GFLOP/s and 25 GB/s on Zen 4, 232 and 36 on Zen 5.
const (
	costFLOPS  = 118e9
	costMemory = 28e9
)

// Time estimates the seconds that threads take.
func (c Cost) Time(threads int) float64 {
	return c.FLOPs/(costFLOPS*float64(max(1, threads))) + c.Stream/costMemory
}

// slowness is how many times as long as the set's tile plain Go takes for operations of a family, where it is what the set
// has for them.
func (s *Set) slowness(f Family) float64 {
	if s = s.orBest(); s.Has(FamilyTile) && !s.Has(f) {
		return 32
	}
	return 1
}

// DirectCost estimates a direct convolution.
func DirectCost(s BlockedConvSpec) Cost {
	weights := float64(s.C/max(1, s.Group)) * float64(roundUp(s.OutC, Block)) * float64(product(s.Kernel))
	return Cost{2 * weights * float64(s.N*product(s.Out)) / 0.93, weights * floatBytes}
}

// WinogradCost estimates a convolution by form number form; ok is false where that does not fit.
func WinogradCost(s BlockedConvSpec, form int) (cost Cost, ok bool) {
	f := &winogradForms[form]
	if s.complete("conv") != nil || !f.fits(&s) || s.C/s.Group < Block {
		return Cost{}, false
	}
	points, tiles := float64(f.t*f.t), float64(s.N*ceilDiv(s.Out[0], f.m)*ceilDiv(s.Out[1], f.m))
	in, out := float64(Blocks(s.C/s.Group)*s.Group), float64(Blocks(s.OutC/s.Group)*s.Group)
	weights := points * float64(s.C/s.Group) * out * Block
	// A tile with few others beside it does not fill the micro-kernel; transforms take about seven instructions a point,
	// of which each is as dear as a multiply-add of 16 elements.
	efficiency := 0.9 * min(1, 0.55+tiles/28)
	transforms := 7 * points * tiles * (in + out) * Block * 2 * s.Set.slowness(FamilyWinograd)
	return Cost{2*weights*tiles/efficiency + transforms, weights * floatBytes}, true
}

// Cost estimates the direct gradient by the input, packing left out: every input pixel is reached by those taps that are alike
// modulo the strides, borders included.
func (s ConvGradDataSpec) Cost() Cost {
	c := DirectCost(BlockedConvSpec{N: s.N, C: s.OutC, OutC: s.C, Group: s.Group, Spatial: Spatial{Kernel: s.Kernel, Out: s.In}})
	c.FLOPs /= float64(max(1, product(s.Strides)))
	return c
}

// WinogradCost estimates the gradient by form number form; ok is false where that does not fit.
func (s ConvGradDataSpec) WinogradCost(form int) (cost Cost, ok bool) {
	b, err := s.exchanged("gradient by data")
	if err != nil {
		return Cost{}, false
	}
	b.Strides, b.Dilations = s.Strides, s.Dilations
	return WinogradCost(b, form)
}

// NarrowCost estimates the gradient with pixels in the lanes; ok is false where that does not fit.
func (s ConvGradDataSpec) NarrowCost() (cost Cost, ok bool) {
	b, err := s.narrow()
	if err != nil {
		return Cost{}, false
	}
	return NarrowCost(b)
}

// Cost estimates the direct gradient by the weights.
func (s ConvGradWeightsSpec) Cost() Cost {
	c := DirectCost(*s.forward())
	return Cost{FLOPs: c.FLOPs * s.Set.slowness(FamilyGrad)}
}

// WinogradCost estimates the gradient by form number form; ok is false where that does not fit.
func (s ConvGradWeightsSpec) WinogradCost(form int) (cost Cost, ok bool) {
	f := &winogradForms[form]
	if s.complete("gradient by weights") != nil || !f.fits(s.forward()) || min(s.C, s.OutC)/s.Group < Block {
		return Cost{}, false
	}
	points, tiles := float64(f.t*f.t), float64(s.N*ceilDiv(s.Out[0], f.m)*ceilDiv(s.Out[1], f.m))
	weights := float64(s.C/s.Group) * float64(Blocks(s.OutC/s.Group)*Block*s.Group)
	transformed := points * tiles * float64((Blocks(s.C/s.Group)+Blocks(s.OutC/s.Group))*Block*s.Group)
	// Transforms as in WinogradCost; sums are begun and ended for every eight channels, which counts where tiles are few.
	products := 2 * points * weights * (tiles/0.9 + 8) * s.Set.slowness(FamilyGrad)
	transforms := (14*transformed + 8*points*weights) * s.Set.slowness(FamilyWinograd)
	return Cost{products + transforms, 2 * transformed * floatBytes}, true
}

// NarrowCost estimates a convolution with pixels in the lanes; ok is false where that does not fit.
func NarrowCost(s BlockedConvSpec) (cost Cost, ok bool) {
	if s.complete("conv") != nil || !fitsNarrow(&s) {
		return Cost{}, false
	}
	run := s.Set.orBest().narrow.pixels
	pixels := s.N * s.Out[0] * roundUp(s.Out[1], run)
	if s.narrowRows(run) {
		pixels = s.N * s.Out[0] * (s.Out[1] + (s.Kernel[1]-1)*s.Dilations[1])
	}
	const efficiency = 0.7 // rows are copied and transposed
	flops := 2 * float64(s.C*product(s.Kernel)) * float64(s.OutC*pixels) / efficiency * s.Set.slowness(FamilyNarrow)
	return Cost{flops, float64(s.OutC*s.C*product(s.Kernel)) * floatBytes}, true
}
