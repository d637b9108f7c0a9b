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
	argMax,
	argMin,
	asin,
	asinh,
	atan,
	atanh,
	averagePool,
	batchNormalization,
	castOp,
	castLike,
	ceilOp,
	celu,
	centerCropPad,
	clipOp,
	concat,
	constantOp,
	constantOfShape,
	conv,
	convTranspose,
	cos,
	cosh,
	cumSum,
	depthToSpace,
	divOp,
	dropout,
	einsum,
	elu,
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
	gridSample,
	groupNormalization,
	hardSigmoid,
	hardSwish,
	hardmax,
	identityOp,
	instanceNormalization,
	lrn,
	layerNormalization,
	leakyRelu,
	logOp,
	logSoftmax,
	lpNormalization,
	lpPool,
	matMul,
	maxOp,
	maxPool,
	maxUnpool,
	meanOp,
	meanVarianceNormalization,
	minOp,
	mish,
	mulOp,
	negOp,
	negativeLogLikelihoodLoss,
	nonMaxSuppression,
	pad,
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
	roiAlign,
	roundOp,
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
	unsqueeze,
	upsample,
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

// All is every operator, sorted by name.
func All() []*ir.Def { return slices.Clone(table[:]) }
