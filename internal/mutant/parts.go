package mutant

import (
	"encoding/binary"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// attribute changes an attribute of a node, removes one or adds one.
func (m *mutator) attribute(n *onnxpb.NodeProto) {
	if n == nil {
		return
	}
	i := m.IntN(len(n.Attribute) + 1)
	if i == len(n.Attribute) {
		n.Attribute = append(n.Attribute, m.newAttribute(n))
		return
	}
	a := n.Attribute[i]
	switch m.IntN(12) {
	case 0:
		n.Attribute = slices.Delete(n.Attribute, i, i+1)
	case 1:
		n.Attribute = append(n.Attribute, proto.Clone(a).(*onnxpb.AttributeProto))
	case 2:
		a.Type = onnxpb.AttributeProto_AttributeType(m.IntN(15))
	case 3:
		a.Name = pick(m.Rand, []string{"", "axis", "axes", "pads", "strides", "perm", "to", "body", "value", a.Name + "x"})
	default:
		m.attributeValue(a)
	}
}

// newAttribute is one that the operator has, else any.
func (m *mutator) newAttribute(n *onnxpb.NodeProto) *onnxpb.AttributeProto {
	a := &onnxpb.AttributeProto{Name: pick(m.Rand, []string{"axis", "axes", "pads", "alpha", "mode", "keepdims", "group"}), Type: onnxpb.AttributeProto_INT}
	if def := ops.Lookup(n.Domain, n.OpType); def != nil {
		if attrs := ir.EncodeAttrs(def.New(), true); len(attrs) > 0 {
			a.Name = pick(m.Rand, attrs).Name
		}
	}
	a.Type = pick(m.Rand, []onnxpb.AttributeProto_AttributeType{onnxpb.AttributeProto_INT, onnxpb.AttributeProto_FLOAT, onnxpb.AttributeProto_STRING, onnxpb.AttributeProto_INTS, onnxpb.AttributeProto_FLOATS})
	m.attributeValue(a)
	return a
}

func (m *mutator) attributeValue(a *onnxpb.AttributeProto) {
	switch a.Type {
	case onnxpb.AttributeProto_INT:
		a.I = proto.Int64(m.integer(a.GetI()))
	case onnxpb.AttributeProto_FLOAT:
		a.F = proto.Float32(pick(m.Rand, floats))
	case onnxpb.AttributeProto_STRING:
		a.S = []byte(pick(m.Rand, texts))
	case onnxpb.AttributeProto_INTS:
		a.Ints = list(m, a.Ints, m.integer)
	case onnxpb.AttributeProto_FLOATS:
		a.Floats = list(m, a.Floats, func(float32) float32 { return pick(m.Rand, floats) })
	case onnxpb.AttributeProto_STRINGS:
		a.Strings = list(m, a.Strings, func([]byte) []byte { return []byte(pick(m.Rand, texts)) })
	case onnxpb.AttributeProto_TENSOR:
		if a.T == nil {
			a.T = &onnxpb.TensorProto{}
		}
		m.tensor(a.T)
	case onnxpb.AttributeProto_GRAPH:
		a.G = proto.Clone(pick(m.Rand, m.graphs)).(*onnxpb.GraphProto)
	}
}

// integer is one near the one there was, or one at which code breaks.
func (m *mutator) integer(was int64) int64 {
	if m.IntN(2) == 0 {
		return was + int64(m.IntN(5)) - 2
	}
	return pick(m.Rand, integers)
}

// list changes an element of a list, or how many there are.
func list[T any](m *mutator, l []T, change func(T) T) []T {
	var zero T
	switch i := m.IntN(len(l) + 1); {
	case m.IntN(8) == 0:
		return nil
	case i == len(l) || m.IntN(4) == 0:
		return slices.Insert(slices.Clone(l), i, change(zero))
	case m.IntN(4) == 0:
		return slices.Delete(slices.Clone(l), i, i+1)
	default:
		l = slices.Clone(l)
		l[i] = change(l[i])
		return l
	}
}

// value changes the type of an input or output.
func (m *mutator) value(v *onnxpb.ValueInfoProto) {
	if v == nil {
		return
	}
	t := v.GetType().GetTensorType()
	if t == nil || m.IntN(12) == 0 {
		v.Type = tensorType(int32(m.IntN(27)), list(m, []int64{1, 2, 3}, func(int64) int64 { return pick(m.Rand, dims) }))
		return
	}
	shape := t.Shape
	switch k := m.IntN(8); {
	case k == 0:
		t.ElemType = int32(m.IntN(27))
	case k == 1:
		t.Shape = nil
	case k == 2:
		v.Name = pick(m.Rand, m.names())
	case shape == nil || len(shape.Dim) == 0 || k == 3:
		t.Shape = &onnxpb.TensorShapeProto{Dim: append(shape.GetDim(), &onnxpb.TensorShapeProto_Dimension{})}
	case k == 4:
		i := m.IntN(len(shape.Dim))
		shape.Dim = slices.Delete(shape.Dim, i, i+1)
	case k == 5:
		shape.Dim[m.IntN(len(shape.Dim))] = &onnxpb.TensorShapeProto_Dimension{Value: &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: pick(m.Rand, []string{"N", "M", ""})}}
	default:
		shape.Dim[m.IntN(len(shape.Dim))] = &onnxpb.TensorShapeProto_Dimension{Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: pick(m.Rand, dims)}}
	}
}

// tensor changes the type, the shape or the elements of weights.
func (m *mutator) tensor(t *onnxpb.TensorProto) {
	if t == nil {
		return
	}
	switch k := m.IntN(10); {
	case k == 0:
		t.DataType = int32(m.IntN(27))
	case k == 1:
		m.Shuffle(len(t.Dims), func(i, j int) { t.Dims[i], t.Dims[j] = t.Dims[j], t.Dims[i] })
	case k < 4:
		t.Dims = list(m, t.Dims, func(int64) int64 { return pick(m.Rand, dims) })
	case k == 4:
		t.RawData = t.RawData[:m.IntN(len(t.RawData)+1)]
	case k == 5:
		t.Dims, t.RawData, t.FloatData, t.Int64Data = []int64{0}, []byte{}, nil, nil
	case k == 6:
		t.ExternalData = []*onnxpb.StringStringEntryProto{{Key: "location", Value: pick(m.Rand, []string{"../x", "/dev/zero", "x"})}}
		t.DataLocation = onnxpb.TensorProto_EXTERNAL
	case len(t.Int64Data) > 0:
		t.Int64Data[m.IntN(len(t.Int64Data))] = m.integer(1)
	case len(t.FloatData) > 0:
		t.FloatData[m.IntN(len(t.FloatData))] = pick(m.Rand, floats)
	default:
		m.element(t)
	}
}

// element writes an element of raw data: a number at which code breaks, or any.
func (m *mutator) element(t *onnxpb.TensorProto) {
	if len(t.RawData) == 0 {
		return
	}
	t.RawData = slices.Clone(t.RawData)
	switch at := m.IntN(len(t.RawData)); {
	case t.DataType == 1 && at/4*4+4 <= len(t.RawData):
		binary.LittleEndian.PutUint32(t.RawData[at/4*4:], math.Float32bits(pick(m.Rand, floats)))
	case t.DataType == 7 && at/8*8+8 <= len(t.RawData):
		binary.LittleEndian.PutUint64(t.RawData[at/8*8:], uint64(m.integer(2)))
	default:
		t.RawData[at] = byte(m.IntN(256))
	}
}
