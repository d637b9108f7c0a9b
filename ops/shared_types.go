package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Sets of element types that many operators share.
var (
	halfTypes     = ir.TypesOf(tensor.Float16, tensor.BFloat16)
	floatTypes    = halfTypes | ir.TypesOf(tensor.Float32, tensor.Float64)
	signedTypes   = ir.TypesOf(tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64)
	unsignedTypes = ir.TypesOf(tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64)
	integerTypes  = signedTypes | unsignedTypes
	numericTypes  = floatTypes | integerTypes
	indexTypes    = ir.TypesOf(tensor.Int32, tensor.Int64)
	boolType      = ir.TypesOf(tensor.Bool)
	shortTypes    = ir.TypesOf(tensor.Int8, tensor.Int16, tensor.Uint8, tensor.Uint16)
	complexTypes  = ir.TypesOf(tensor.Complex64, tensor.Complex128)
	float8Types   = ir.TypesOf(tensor.Float8E4M3FN, tensor.Float8E4M3FNUZ, tensor.Float8E5M2, tensor.Float8E5M2FNUZ, tensor.Float8E8M0)
	subByteTypes  = ir.TypesOf(tensor.Uint4, tensor.Int4, tensor.Float4E2M1, tensor.Uint2, tensor.Int2)
	// anyType is every element type: for operators that move elements and do not compute.
	anyType = numericTypes | boolType | complexTypes | float8Types | subByteTypes | ir.TypesOf(tensor.String)
)
