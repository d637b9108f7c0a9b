package kernel

// newGeneric is plain Go: every slot that has such a form.
func newGeneric() *Set {
	s := &Set{name: "generic"}
	s.tile = tileKernel{run: tileGeneric, pixels: 4, blocks: 1}
	s.narrow = narrowKernel{run: func(a *narrowArgs) { narrowGeneric(8, a) }, pixels: 8, channels: 8}
	s.grad = gradKernel{tile: gradTileGeneric, depthwise: gradDepthwiseGeneric, channels: 4, blocks: 1}
	for op := range slideOp(len(s.slide.window)) {
		s.slide.window[op] = func(a *windowArgs) { windowGeneric(op, a) }
	}
	s.slide.plane = planeSumGeneric
	s.elementwise.affine = affineGeneric
	for i, pixels := range [...]int{1, softmaxPixels} {
		s.softmax.exponentials[i] = func(x *float32, step, blocks int, scale float32, factor *float32) {
			exponentialsGeneric(pixels, x, step, blocks, scale, factor)
		}
	}
	s.softmax.scale = pixelScaleGeneric
	for i, pixels := range [...]int{1, normPixels} {
		s.norm.sums[i] = func(y, x *float32, step, blocks int) { normSumsGeneric(pixels, y, x, step, blocks) }
		s.norm.squares[i] = func(y, x *float32, step, blocks int, mean *float32) {
			normSquaresGeneric(pixels, y, x, step, blocks, mean)
		}
		s.norm.apply[i] = func(y, x *float32, step, blocks int, mean, factor, scale, shift *float32) {
			normApplyGeneric(pixels, y, x, step, blocks, mean, factor, scale, shift)
		}
	}
	s.lrn = lrnPixelGeneric
	for i := range winogradForms {
		f := &winogradForms[i]
		s.winograd[i] = winogradKernel{f.inputGeneric, f.filtersGeneric, f.spreadGeneric, f.collectGeneric, f.outputGeneric}
	}
	s.gradients.clamp = gradClampGeneric
	for kind := range PoolKind(len(s.gradients.pool)) {
		s.gradients.pool[kind] = func(a *poolGrad) { gradPoolGeneric(kind, a) }
	}
	s.gradients.plane = planeMomentsGeneric
	s.gradients.moments, s.gradients.affine = gradMomentsGeneric, gradAffineGeneric
	s.gradients.slope = slopeGeneric
	s.update.squares = squaresGeneric
	s.limits.fma, s.limits.flopsPerRound = func(rounds int) { limitFMAGeneric(rounds) }, 16*2
	s.limits.read = func(p *byte, rounds int) { limitReadGeneric(p, rounds) }
	return s
}
