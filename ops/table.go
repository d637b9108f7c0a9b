// Package ops is what onnxrun knows of ONNX's operators: one file each, with the attributes, the forms of older opsets,
// type and shape inference and a clear reference evaluation.
package ops

import (
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/ir"
)

// table lists every operator, sorted by name.
var table = [...]*ir.Def{
	absOp,
	acos,
	acosh,
	addOp,
	andOp,
	argMax,
	argMin,
	asin,
	asinh,
	atan,
	atanh,
	averagePool,
	batchNormalization,
	bitShift,
	bitwiseAnd,
	bitwiseNot,
	bitwiseOr,
	bitwiseXor,
	blackmanWindow,
	castOp,
	castLike,
	ceilOp,
	celu,
	centerCropPad,
	clipOp,
	compress,
	concat,
	constantOp,
	constantOfShape,
	conv,
	convInteger,
	convTranspose,
	cos,
	cosh,
	cumSum,
	dft,
	depthToSpace,
	dequantizeLinear,
	det,
	divOp,
	dropout,
	dynamicQuantizeLinear,
	einsum,
	elu,
	equalOp,
	erf,
	expOp,
	expand,
	eyeLike,
	flatten,
	floorOp,
	gather,
	gatherElements,
	gatherND,
	gelu,
	gemm,
	globalAveragePool,
	globalLpPool,
	globalMaxPool,
	greaterOp,
	greaterOrEqual,
	gridSample,
	groupNormalization,
	hammingWindow,
	hannWindow,
	hardSigmoid,
	hardSwish,
	hardmax,
	identityOp,
	ifOp,
	instanceNormalization,
	isInf,
	isNaN,
	lrn,
	layerNormalization,
	leakyRelu,
	lessOp,
	lessOrEqual,
	logOp,
	logSoftmax,
	loop,
	lpNormalization,
	lpPool,
	matMul,
	matMulInteger,
	maxOp,
	maxPool,
	maxUnpool,
	meanOp,
	meanVarianceNormalization,
	melWeightMatrix,
	minOp,
	mish,
	modOp,
	mulOp,
	negOp,
	negativeLogLikelihoodLoss,
	nonMaxSuppression,
	nonZero,
	notOp,
	oneHot,
	orOp,
	pRelu,
	pad,
	powOp,
	qLinearConv,
	qLinearMatMul,
	quantizeLinear,
	rmsNormalization,
	rangeOp,
	reciprocal,
	reduceL1,
	reduceL2,
	reduceLogSum,
	reduceLogSumExp,
	reduceMax,
	reduceMean,
	reduceMin,
	reduceProd,
	reduceSum,
	reduceSumSquare,
	relu,
	reshape,
	resize,
	reverseSequence,
	roiAlign,
	roundOp,
	stft,
	scan,
	scatterOld,
	scatterElements,
	scatterND,
	selu,
	shapeOp,
	shrink,
	sigmoid,
	signOp,
	sin,
	sinh,
	sizeOp,
	slice,
	softmax,
	softmaxCrossEntropyLoss,
	softplus,
	softsign,
	spaceToDepth,
	split,
	sqrt,
	squeeze,
	subOp,
	sumOp,
	swish,
	tan,
	tanh,
	thresholdedRelu,
	tile,
	topK,
	transpose,
	trilu,
	unique,
	unsqueeze,
	upsample,
	whereOp,
	xorOp,
}

// Opset is the newest opset of ONNX's default domain whose forms the table knows.
const Opset = 24

// Lookup is the Def of an operator, or nil. The domains "" and "ai.onnx" are the same.
func Lookup(domain, name string) *ir.Def {
	if domain == "ai.onnx" {
		domain = ""
	}
	i, ok := slices.BinarySearchFunc(table[:], name, func(d *ir.Def, name string) int { return strings.Compare(d.Name, name) })
	if !ok || table[i].Domain != domain {
		return nil
	}
	return table[i]
}

// fused lists the operators that passes make, which no file has.
var fused = [...]*ir.Def{fusedAttention, fusedConv, fusedLinear}

// taught lists the operators that graphs have while they are taught, for gradients above all; no file has them.
var taught = [...]*ir.Def{
	adam,
	averagePoolGrad,
	batchNormalizationGrad,
	classLossGrad,
	clipScale,
	convGradInput,
	convGradWeights,
	dropoutMask,
	lrnGrad,
	lpPoolGrad,
	maxPoolGrad,
	momentum,
	pointwiseGrad,
	resizeGrad,
	standardizeGrad,
	sumToOp,
}

// LookupFused is Lookup with the operators that no file has.
func LookupFused(domain, name string) *ir.Def {
	for _, d := range Made() {
		if domain == d.Domain && name == d.Name {
			return d
		}
	}
	return Lookup(domain, name)
}

// All is every operator, sorted by name.
func All() []*ir.Def { return slices.Clone(table[:]) }

// Made is every operator that no file has.
func Made() []*ir.Def { return slices.Concat(fused[:], taught[:]) }
