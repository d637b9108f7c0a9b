package importer

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// valueType is the type of a value that a file describes. An absent type gives a zero element type.
func valueType(p *onnxpb.TypeProto) (ir.Type, error) {
	switch v := p.GetValue().(type) {
	case nil:
		return ir.Type{}, nil
	case *onnxpb.TypeProto_TensorType:
		dt := tensor.DType(v.TensorType.ElemType)
		if v.TensorType.ElemType < 0 || v.TensorType.ElemType > math.MaxUint8 || dt != tensor.Undefined && !dt.Valid() {
			return ir.Type{}, fmt.Errorf("element type %d is %w", v.TensorType.ElemType, ErrUnsupported)
		}
		s, err := valueShape(v.TensorType.Shape)
		return ir.Type{DType: dt, Shape: s}, err
	case *onnxpb.TypeProto_SequenceType:
		return ir.Type{}, fmt.Errorf("a sequence type is %w", ErrUnsupported)
	case *onnxpb.TypeProto_MapType:
		return ir.Type{}, fmt.Errorf("a map type is %w", ErrUnsupported)
	case *onnxpb.TypeProto_OptionalType:
		return ir.Type{}, fmt.Errorf("an optional type is %w", ErrUnsupported)
	default:
		return ir.Type{}, fmt.Errorf("a sparse tensor type is %w", ErrUnsupported)
	}
}

func valueShape(p *onnxpb.TensorShapeProto) (ir.Shape, error) {
	if p == nil {
		return nil, nil
	}
	s := make(ir.Shape, len(p.Dim))
	for i, d := range p.Dim {
		switch v := d.GetValue().(type) {
		case *onnxpb.TensorShapeProto_Dimension_DimValue:
			if v.DimValue < -1 || v.DimValue > math.MaxInt {
				return nil, fmt.Errorf("dimension %d is negative or too large: %d", i, v.DimValue)
			}
			s[i] = ir.Known(int(v.DimValue))
			if v.DimValue <= 0 && i == 0 || v.DimValue < 0 { // how some exporters write an unknown batch
				s[i] = ir.UnknownDim
			}
		case *onnxpb.TensorShapeProto_Dimension_DimParam:
			s[i] = ir.Symbol(v.DimParam)
		default:
			s[i] = ir.UnknownDim
		}
	}
	return s, nil
}
