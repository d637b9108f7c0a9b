//go:build !noasm

package kernel

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/cpu"
)

func nativeSets(generic *Set) []*Set {
	x := &cpu.X86
	var all []*Set
	if x.HasAVX2 && x.HasFMA {
		all = append(all, generic.extend("amd64-avx2", avx2))
	}
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL {
		all = append(all, generic.extend("amd64-avx512", avx2, avx512))
	}
	return all
}

// avx2 is AVX2 and FMA.
func avx2(s *Set) {
	s.tile = tileKernel{run: tileAVX2, pixels: 6, blocks: 1}
	s.narrow = narrowKernel{run: narrowAVX2, pixels: 16, channels: 6}
	s.grad = gradKernel{tile: gradTileAVX2, depthwise: gradDepthwiseAVX2, channels: 4, blocks: 1}
	s.dot.products[0] = [2]dotVector{dot1x1AVX2, dot1x4AVX2}
	s.dot.products[1] = [2]dotVector{dot2x1AVX2, dot2x4AVX2}
	s.dot.lines = dotLinesAVX2
	s.slide.window = [3]func(*windowArgs){slideMax: windowMaxAVX2, slideSum: windowSumAVX2, slideFMA: windowFMAAVX2}
	s.slide.plane = planeSumAVX2
	s.elementwise.unary = [numUnary]unaryVector{
		UnaryExp:         vecExpAVX2,
		UnarySigmoid:     vecSigmoidAVX2,
		UnarySwish:       vecSwishAVX2,
		UnaryTanh:        vecTanhAVX2,
		UnaryErf:         vecErfAVX2,
		UnaryGelu:        vecGeluAVX2,
		UnaryRelu:        vecReluAVX2,
		UnaryClip:        vecClipAVX2,
		UnaryHardSigmoid: vecHardSigmoidAVX2,
		UnaryHardSwish:   vecHardSwishAVX2,
		UnaryNeg:         vecNegAVX2,
		UnarySqrt:        vecSqrtAVX2,
	}
	s.elementwise.power = [7]unaryVector{vecPowerMinus3AVX2, vecPowerMinus2AVX2, vecPowerMinus1AVX2, nil, vecPower1AVX2, vecPower2AVX2, vecPower3AVX2}
	s.elementwise.binary = [numBinary]binaryVector{Add: vecAddAVX2, Sub: vecSubAVX2, Mul: vecMulAVX2, Div: vecDivAVX2}
	s.elementwise.affine = vecAffineAVX2
	s.rows.max, s.rows.sum, s.rows.squares = vecMaxAVX2, vecSumAVX2, vecSquaresAVX2
	s.rows.exp, s.rows.normalize = vecExpSumAVX2, vecNormalizeAVX2
	s.softmax.exponentials[0], s.softmax.exponentials[1], s.softmax.scale = vecSoftmax1AVX2, vecSoftmax4AVX2, vecPixelScaleAVX2
	s.norm.sums[0], s.norm.sums[1] = normSums1AVX2, normSums4AVX2
	s.norm.squares[0], s.norm.squares[1] = normSquares1AVX2, normSquares4AVX2
	s.norm.apply[0], s.norm.apply[1] = normApply1AVX2, normApply4AVX2
	s.lrn = lrnPixelAVX2
	s.winograd = [WinogradForms]winogradKernel{
		{winogradInput4AVX2, winogradWeights4x3AVX2, winogradSpread4x2AVX2, winogradCollect4x3AVX2, winogradOutput4x2AVX2},
		{winogradInput6AVX2, winogradWeights6x3AVX2, winogradSpread6x4AVX2, winogradCollect6x3AVX2, winogradOutput6x4AVX2},
		{winogradInput6AVX2, winogradWeights6x5AVX2, winogradSpread6x2AVX2, winogradCollect6x5AVX2, winogradOutput6x2AVX2},
	}
	s.gradients.clamp, s.gradients.slope, s.gradients.lrn = gradClampAVX2, slopeAVX2, lrnGradAVX2
	s.gradients.pool = [2]func(*poolGrad){MaxPool: gradMaxAVX2, AveragePool: gradAverageAVX2}
	s.gradients.plane, s.gradients.moments, s.gradients.affine = planeMomentsAVX2, gradMomentsAVX2, gradAffineAVX2
	s.update.step = [...]func(*updateArgs){Descent: descentAVX2, Momentum: momentumAVX2, Nesterov: nesterovAVX2, Adam: adamAVX2}
	s.update.squares = squaresAVX2
	s.transpose = transpose8AVX2
	s.limits.fma, s.limits.flopsPerRound, s.limits.read = limitFMAAVX2, 12*8*2, limitReadAVX2
}

// avx512 is AVX-512 F, BW, DQ and VL, over avx2.
func avx512(s *Set) {
	s.tile = tileKernel{run: tileAVX512, pixels: 14, blocks: 2}
	s.narrow = narrowKernel{run: narrowAVX512, pixels: 32, channels: 8}
	s.grad = gradKernel{tile: gradTileAVX512, depthwise: gradDepthwiseAVX512, channels: 8, blocks: 3}
	s.dot.products[0] = [2]dotVector{dot1x1AVX512, dot1x4AVX512}
	s.dot.products[1] = [2]dotVector{dot2x1AVX512, dot2x4AVX512}
	s.dot.products[2] = [2]dotVector{dot4x1AVX512, dot4x4AVX512}
	s.dot.lines = dotLinesAVX512
	s.slide.window = [3]func(*windowArgs){slideMax: windowMaxAVX512, slideSum: windowSumAVX512, slideFMA: windowFMAAVX512}
	s.slide.plane = planeSumAVX512
	s.elementwise.unary = [numUnary]unaryVector{
		UnaryExp:         vecExpAVX512,
		UnarySigmoid:     vecSigmoidAVX512,
		UnarySwish:       vecSwishAVX512,
		UnaryTanh:        vecTanhAVX512,
		UnaryErf:         vecErfAVX512,
		UnaryGelu:        vecGeluAVX512,
		UnaryRelu:        vecReluAVX512,
		UnaryClip:        vecClipAVX512,
		UnaryHardSigmoid: vecHardSigmoidAVX512,
		UnaryHardSwish:   vecHardSwishAVX512,
		UnaryNeg:         vecNegAVX512,
		UnarySqrt:        vecSqrtAVX512,
	}
	s.elementwise.power = [7]unaryVector{vecPowerMinus3AVX512, vecPowerMinus2AVX512, vecPowerMinus1AVX512, nil, vecPower1AVX512, vecPower2AVX512, vecPower3AVX512}
	s.elementwise.binary = [numBinary]binaryVector{Add: vecAddAVX512, Sub: vecSubAVX512, Mul: vecMulAVX512, Div: vecDivAVX512}
	s.elementwise.affine = vecAffineAVX512
	s.rows.max, s.rows.sum, s.rows.squares = vecMaxAVX512, vecSumAVX512, vecSquaresAVX512
	s.rows.exp, s.rows.normalize = vecExpSumAVX512, vecNormalizeAVX512
	s.softmax.exponentials[0], s.softmax.exponentials[1], s.softmax.scale = vecSoftmax1AVX512, vecSoftmax4AVX512, vecPixelScaleAVX512
	s.norm.sums[0], s.norm.sums[1] = normSums1AVX512, normSums4AVX512
	s.norm.squares[0], s.norm.squares[1] = normSquares1AVX512, normSquares4AVX512
	s.norm.apply[0], s.norm.apply[1] = normApply1AVX512, normApply4AVX512
	s.lrn = lrnPixelAVX512
	s.winograd = [WinogradForms]winogradKernel{
		{winogradInput4AVX512, winogradWeights4x3AVX512, winogradSpread4x2AVX512, winogradCollect4x3AVX512, winogradOutput4x2AVX512},
		{winogradInput6AVX512, winogradWeights6x3AVX512, winogradSpread6x4AVX512, winogradCollect6x3AVX512, winogradOutput6x4AVX512},
		{winogradInput6AVX512, winogradWeights6x5AVX512, winogradSpread6x2AVX512, winogradCollect6x5AVX512, winogradOutput6x2AVX512},
	}
	s.gradients.clamp, s.gradients.slope, s.gradients.lrn = gradClampAVX512, slopeAVX512, lrnGradAVX512
	s.gradients.pool = [2]func(*poolGrad){MaxPool: gradMaxAVX512, AveragePool: gradAverageAVX512}
	s.gradients.plane, s.gradients.moments, s.gradients.affine = planeMomentsAVX512, gradMomentsAVX512, gradAffineAVX512
	s.update.step = [...]func(*updateArgs){Descent: descentAVX512, Momentum: momentumAVX512, Nesterov: nesterovAVX512, Adam: adamAVX512}
	s.update.squares = squaresAVX512
	s.limits.fma, s.limits.flopsPerRound, s.limits.read = limitFMAAVX512, 24*16*2, limitReadAVX512
}

// Processor tells processors apart for which other algorithms may be the fastest.
func Processor() string {
	x := &cpu.X86
	return fmt.Sprintf("amd64 %v %v %v %v %d", x.HasAVX512F, x.HasAVX512VNNI, x.HasAVX512BF16, x.HasAMXTile, runtime.NumCPU()) + modelName()
}

// modelName is the processor's name where the system tells it.
func modelName() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if strings.HasPrefix(line, "model name") || strings.HasPrefix(line, "model\t") {
			return line
		}
	}
	return ""
}
