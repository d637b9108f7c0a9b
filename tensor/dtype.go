// Package tensor holds dense, contiguous, row-major tensors and their element types.
package tensor

import "fmt"

// DType is an element type. The numbers are those of ONNX's TensorProto.DataType.
type DType uint8

const (
	Undefined      DType = 0
	Float32        DType = 1
	Uint8          DType = 2
	Int8           DType = 3
	Uint16         DType = 4
	Int16          DType = 5
	Int32          DType = 6
	Int64          DType = 7
	String         DType = 8
	Bool           DType = 9
	Float16        DType = 10
	Float64        DType = 11
	Uint32         DType = 12
	Uint64         DType = 13
	Complex64      DType = 14
	Complex128     DType = 15
	BFloat16       DType = 16
	Float8E4M3FN   DType = 17
	Float8E4M3FNUZ DType = 18
	Float8E5M2     DType = 19
	Float8E5M2FNUZ DType = 20
	Uint4          DType = 21
	Int4           DType = 22
	Float4E2M1     DType = 23
	Float8E8M0     DType = 24
	Uint2          DType = 25
	Int2           DType = 26
)

// dtypes is indexed by DType. Sub-byte types take one byte an element in memory.
var dtypes = [...]struct {
	name string
	size int
}{
	Undefined: {"undefined", 0},
	Float32:   {"float32", 4}, Uint8: {"uint8", 1}, Int8: {"int8", 1}, Uint16: {"uint16", 2}, Int16: {"int16", 2},
	Int32: {"int32", 4}, Int64: {"int64", 8}, String: {"string", 0}, Bool: {"bool", 1}, Float16: {"float16", 2},
	Float64: {"float64", 8}, Uint32: {"uint32", 4}, Uint64: {"uint64", 8}, Complex64: {"complex64", 8},
	Complex128: {"complex128", 16}, BFloat16: {"bfloat16", 2}, Float8E4M3FN: {"float8e4m3fn", 1},
	Float8E4M3FNUZ: {"float8e4m3fnuz", 1}, Float8E5M2: {"float8e5m2", 1}, Float8E5M2FNUZ: {"float8e5m2fnuz", 1},
	Uint4: {"uint4", 1}, Int4: {"int4", 1}, Float4E2M1: {"float4e2m1", 1}, Float8E8M0: {"float8e8m0", 1},
	Uint2: {"uint2", 1}, Int2: {"int2", 1},
}

// Valid reports whether d is a known element type.
func (d DType) Valid() bool { return d != Undefined && int(d) < len(dtypes) }

// Size is the bytes of one element in memory; 0 for String.
func (d DType) Size() int {
	if int(d) >= len(dtypes) {
		return 0
	}
	return dtypes[d].size
}

func (d DType) String() string {
	if int(d) >= len(dtypes) {
		return fmt.Sprintf("dtype(%d)", uint8(d))
	}
	return dtypes[d].name
}

// ParseDType is the inverse of String.
func ParseDType(name string) (DType, bool) {
	for i := range dtypes {
		if i > 0 && dtypes[i].name == name {
			return DType(i), true
		}
	}
	return Undefined, false
}

// Elem is the set of Go types that stand for element types.
type Elem interface {
	float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | bool | string |
		complex64 | complex128 | F16 | BF16 | F8E4M3FN | F8E4M3FNUZ | F8E5M2 | F8E5M2FNUZ | F8E8M0 | F4E2M1 |
		U4 | I4 | U2 | I2
}

// Integer elements, in the sense of the ONNX type lists.
type Integer interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

// Float elements that Go computes with itself; the shorter floats are computed with as float32.
type Float interface{ float32 | float64 }

// Real is Integer or Float.
type Real interface{ Integer | Float }

// Elements of the types that Go lacks, as their bit patterns (floats) or values (integers).
type (
	F16        uint16 // IEEE 754 binary16
	BF16       uint16 // the upper half of a binary32
	F8E4M3FN   uint8
	F8E4M3FNUZ uint8
	F8E5M2     uint8
	F8E5M2FNUZ uint8
	F8E8M0     uint8
	F4E2M1     uint8
	U4         uint8 // 0 … 15
	I4         int8  // -8 … 7
	U2         uint8 // 0 … 3
	I2         int8  // -2 … 1
)

// TypeOf is the element type that T stands for.
func TypeOf[T Elem]() DType {
	var z T
	switch any(z).(type) {
	case float32:
		return Float32
	case float64:
		return Float64
	case int8:
		return Int8
	case int16:
		return Int16
	case int32:
		return Int32
	case int64:
		return Int64
	case uint8:
		return Uint8
	case uint16:
		return Uint16
	case uint32:
		return Uint32
	case uint64:
		return Uint64
	case bool:
		return Bool
	case string:
		return String
	case complex64:
		return Complex64
	case complex128:
		return Complex128
	case F16:
		return Float16
	case BF16:
		return BFloat16
	case F8E4M3FN:
		return Float8E4M3FN
	case F8E4M3FNUZ:
		return Float8E4M3FNUZ
	case F8E5M2:
		return Float8E5M2
	case F8E5M2FNUZ:
		return Float8E5M2FNUZ
	case F8E8M0:
		return Float8E8M0
	case F4E2M1:
		return Float4E2M1
	case U4:
		return Uint4
	case I4:
		return Int4
	case U2:
		return Uint2
	case I2:
		return Int2
	}
	return Undefined
}
