package ir

import (
	"fmt"
	"iter"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/onnxrun/onnxrun/tensor"
)

// Attr is an attribute between a file (or the text form) and a typed operator. Value is one of int, float32, string,
// []int, []float32, []string, *tensor.Tensor, *Graph.
type Attr struct {
	Name  string
	Value any
}

// New is an operator with the default attributes that its struct's tags state.
//
// Fields are int, *int, float32, *float32, bool, string, []int, []float32, []string, tensor.DType, *tensor.Tensor or
// *Graph, tagged `attr:"name,…"` with
//
//	default=V    the value when absent; without it the zero value, which for pointers and lists means absent
//	required     must be present
//	oneof=A|B    the strings or ints that are supported
//	internal     not part of ONNX: kept in the text form, refused in files
//	since=N      came with that opset: files of older ones cannot have another value than the default
func New[T any]() *T {
	op := new(T)
	v := reflect.ValueOf(op).Elem()
	for _, f := range attrFields(v.Type()) {
		if f.hasDefault {
			if err := setField(v.FieldByIndex(f.index), f, parseDefault(v.FieldByIndex(f.index).Type(), f.def)); err != nil {
				panic(fmt.Sprintf("ir: %T: %v", op, err))
			}
		}
	}
	return op
}

type attrField struct {
	index              []int
	name, def          string
	hasDefault         bool
	required, internal bool
	oneof              []string
	since              int
}

// knownFields is attrFields of types, kept: every operator has one type and many nodes.
var knownFields sync.Map

func attrFields(t reflect.Type) []attrField {
	if known, ok := knownFields.Load(t); ok {
		return known.([]attrField)
	}
	fields := readFields(t)
	knownFields.Store(t, fields)
	return fields
}

func readFields(t reflect.Type) []attrField {
	var fields []attrField
	for _, sf := range reflect.VisibleFields(t) { // those of embedded structs included
		tag, ok := sf.Tag.Lookup("attr")
		if !ok {
			continue
		}
		parts := strings.Split(tag, ",")
		f := attrField{index: sf.Index, name: parts[0]}
		for _, p := range parts[1:] {
			key, val, _ := strings.Cut(p, "=")
			switch key {
			case "default":
				f.def, f.hasDefault = val, true
			case "required":
				f.required = true
			case "internal":
				f.internal = true
			case "since":
				f.since, _ = strconv.Atoi(val)
			case "oneof":
				f.oneof = strings.Split(val, "|")
			default:
				panic("ir: attribute tag " + tag)
			}
		}
		fields = append(fields, f)
	}
	return fields
}

func parseDefault(t reflect.Type, s string) any {
	switch t.Kind() {
	case reflect.Float32:
		v, err := strconv.ParseFloat(s, 32)
		if err == nil {
			return float32(v)
		}
	case reflect.String:
		return s
	default:
		v, err := strconv.Atoi(s)
		if err == nil {
			return v
		}
	}
	panic(fmt.Sprintf("ir: default %q of a %s attribute", s, t))
}

// DecodeAttrs sets op's fields from attrs, on top of the defaults. An attribute that op does not have, a wrong kind and
// a value outside oneof are errors. Internal attributes are accepted only when internal is true.
func DecodeAttrs(op Op, attrs []Attr, internal bool) error {
	v := reflect.ValueOf(op).Elem()
	seen := map[string]bool{}
	fields := attrFields(v.Type())
	for _, a := range attrs {
		i := slices.IndexFunc(fields, func(f attrField) bool { return f.name == a.Name && (internal || !f.internal) })
		if i < 0 {
			return &AttrError{a.Name, "not an attribute of this operator" + knownAttrs(fields)}
		}
		if seen[a.Name] {
			return &AttrError{a.Name, "given twice"}
		}
		seen[a.Name] = true
		if err := setField(v.FieldByIndex(fields[i].index), fields[i], a.Value); err != nil {
			return err
		}
	}
	for _, f := range fields {
		if f.required && !seen[f.name] {
			return &AttrError{f.name, "is required"}
		}
	}
	return nil
}

func knownAttrs(fields []attrField) string {
	if len(fields) == 0 {
		return ", which has none"
	}
	var names []string
	for _, f := range fields {
		if !f.internal {
			names = append(names, f.name)
		}
	}
	return ", which has " + strings.Join(names, ", ")
}

func setField(f reflect.Value, d attrField, value any) error {
	wrong := func() error {
		return &AttrError{d.name, fmt.Sprintf("has a value of kind %s, expects %s", attrKind(value), strings.TrimPrefix(f.Type().String(), "*"))}
	}
	if len(d.oneof) > 0 && !slices.Contains(d.oneof, fmt.Sprint(value)) {
		return &AttrError{d.name, fmt.Sprintf("unsupported value %v, expects one of %s", value, strings.Join(d.oneof, ", "))}
	}
	switch p := f.Addr().Interface().(type) {
	case *bool:
		n, ok := value.(int)
		if !ok {
			return wrong()
		}
		*p = n != 0
	case *tensor.DType:
		n, ok := value.(int)
		if !ok {
			return wrong()
		}
		if n < 0 || n > math.MaxUint8 || n != 0 && !tensor.DType(n).Valid() {
			return Unsupported(d.name, n)
		}
		*p = tensor.DType(n)
	default:
		if f.Kind() == reflect.Pointer && (f.Type().Elem().Kind() == reflect.Int || f.Type().Elem().Kind() == reflect.Float32) {
			f.Set(reflect.New(f.Type().Elem()))
			f = f.Elem()
		}
		v := reflect.ValueOf(value)
		if n, ok := value.(int); ok && f.Kind() == reflect.Float32 {
			v = reflect.ValueOf(float32(n))
		}
		if v.IsValid() && v.Kind() == reflect.Slice && v.Len() == 0 && f.Kind() == reflect.Slice {
			v = reflect.MakeSlice(f.Type(), 0, 0)
		}
		if ints, ok := value.([]int); ok && f.Type() == reflect.TypeFor[[]float32]() {
			v = reflect.ValueOf(toFloats(ints))
		}
		if !v.IsValid() || v.Type() != f.Type() {
			return wrong()
		}
		f.Set(v)
	}
	return nil
}

func toFloats(ints []int) []float32 {
	out := make([]float32, len(ints))
	for i, n := range ints {
		out[i] = float32(n)
	}
	return out
}

func attrKind(value any) string {
	switch value.(type) {
	case *tensor.Tensor:
		return "tensor"
	case *Graph:
		return "graph"
	}
	return fmt.Sprintf("%T", value)
}

// EncodeAttrs is op's attributes that differ from their defaults or are required, in the order of the struct's fields.
func EncodeAttrs(op Op, internal bool) []Attr {
	var attrs []Attr
	for f, v := range encodedFields(op, internal) {
		attrs = append(attrs, Attr{f.name, attrValue(v)})
	}
	return attrs
}

func encodedFields(op Op, internal bool) iter.Seq2[attrField, reflect.Value] {
	return func(yield func(attrField, reflect.Value) bool) {
		v := reflect.ValueOf(op).Elem()
		defaults := reflect.ValueOf(op.Def().New()).Elem()
		for _, f := range attrFields(v.Type()) {
			field := v.FieldByIndex(f.index)
			if f.internal && !internal || !f.required && sameBits(field.Interface(), defaults.FieldByIndex(f.index).Interface()) {
				continue
			}
			if !yield(f, field) {
				return
			}
		}
	}
}

// sameBits is reflect.DeepEqual that tells -0 from 0.
func sameBits(a, b any) bool {
	if x, ok := a.(float32); ok {
		return math.Float32bits(x) == math.Float32bits(b.(float32))
	}
	return reflect.DeepEqual(a, b)
}

func attrValue(f reflect.Value) any {
	switch x := f.Interface().(type) {
	case bool:
		if x {
			return 1
		}
		return 0
	case tensor.DType:
		return int(x)
	case *int:
		return *x
	case *float32:
		return *x
	default:
		return x
	}
}

// AttrNames is the names of the attributes that a file may give op.
func AttrNames(op Op) []string {
	var names []string
	for _, f := range attrFields(reflect.TypeOf(op).Elem()) {
		if !f.internal {
			names = append(names, f.name)
		}
	}
	return names
}

// AttrSince is the opset that an attribute of op came with, as its tag says; 0 where it is as old as the operator.
func AttrSince(op Op, name string) int {
	for _, f := range attrFields(reflect.TypeOf(op).Elem()) {
		if f.name == name {
			return f.since
		}
	}
	return 0
}

// IsDefault reports whether a file may leave out an attribute of op that has that value.
func IsDefault(op Op, name string, value any) bool {
	v := reflect.ValueOf(op.Def().New()).Elem()
	for _, f := range attrFields(v.Type()) {
		if f.name == name {
			field := v.FieldByIndex(f.index)
			return !f.required && !(field.Kind() == reflect.Pointer && field.IsNil()) && reflect.DeepEqual(attrValue(field), value)
		}
	}
	return false
}
