package ir

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/tensor"
)

// maxListed is the number of elements above which a tensor of numbers is written as bytes.
const maxListed = 64

func (p *printer) tensor(t *tensor.Tensor) {
	element := elementText(t)
	switch {
	case p.elide > 0 && t.Len() > p.elide:
		p.text("...")
	case t.Rank() == 0:
		p.text(element(0))
	case t.Len() > 4 && uniform(t) && splatBytes(t.DType(), t.Len()) <= p.splat:
		p.splat -= splatBytes(t.DType(), t.Len())
		p.text("splat(", element(0), ")")
	case t.Len() <= maxListed || t.DType() == tensor.String:
		p.text("[")
		for i := range t.Len() {
			p.text(comma(i), element(i))
		}
		p.text("]")
	default:
		p.text(`hex"`)
		_, _ = hex.NewEncoder(p.w).Write(t.Bytes())
		p.text(`"`)
	}
}

// splatBytes is the memory that n elements take.
func splatBytes(dt tensor.DType, n int) int {
	if dt == tensor.String {
		return n * 16
	}
	return n * dt.Size()
}

func uniform(t *tensor.Tensor) bool {
	if t.DType() == tensor.String {
		s := tensor.Data[string](t)
		return !slices.ContainsFunc(s, func(x string) bool { return x != s[0] })
	}
	b, size := t.Bytes(), t.DType().Size()
	return bytes.Equal(b[size:], b[:len(b)-size])
}

// elementText is how an element is written, by its number.
func elementText(t *tensor.Tensor) func(int) string {
	switch t.DType() {
	case tensor.Float32:
		return textOf(t, float32Text)
	case tensor.Float64:
		return textOf(t, float64Text)
	case tensor.Float16:
		return textOf(t, func(h tensor.F16) string { return halfText(h.Float32(), uint16(h), uint16(tensor.ToF16(nan32))) })
	case tensor.BFloat16:
		return textOf(t, func(h tensor.BF16) string { return halfText(h.Float32(), uint16(h), uint16(tensor.ToBF16(nan32))) })
	case tensor.Bool:
		b := t.Bytes()
		return func(i int) string { return strconv.FormatBool(b[i] != 0) }
	case tensor.String:
		return textOf(t, strconv.Quote)
	case tensor.Complex64:
		return textOf(t, func(c complex64) string { return pairText(float32Text(real(c)), float32Text(imag(c))) })
	case tensor.Complex128:
		return textOf(t, func(c complex128) string { return pairText(float64Text(real(c)), float64Text(imag(c))) })
	case tensor.Int64:
		return textOf(t, func(n int64) string { return strconv.FormatInt(n, 10) })
	case tensor.Int32:
		return textOf(t, func(n int32) string { return strconv.Itoa(int(n)) })
	case tensor.Int16:
		return textOf(t, func(n int16) string { return strconv.Itoa(int(n)) })
	case tensor.Uint64:
		return textOf(t, func(n uint64) string { return strconv.FormatUint(n, 10) })
	case tensor.Uint32:
		return textOf(t, func(n uint32) string { return strconv.FormatUint(uint64(n), 10) })
	case tensor.Uint16:
		return textOf(t, func(n uint16) string { return strconv.Itoa(int(n)) })
	case tensor.Int8, tensor.Int4, tensor.Int2:
		b := t.Bytes()
		return func(i int) string { return strconv.Itoa(int(int8(b[i]))) }
	case tensor.Uint8, tensor.Uint4, tensor.Uint2:
		b := t.Bytes()
		return func(i int) string { return strconv.Itoa(int(b[i])) }
	default: // the 8-bit floats and float4
		b := t.Bytes()
		return func(i int) string { return fmt.Sprintf("0x%02x", b[i]) }
	}
}

func textOf[T tensor.Elem](t *tensor.Tensor, text func(T) string) func(int) string {
	data := tensor.Data[T](t)
	return func(i int) string { return text(data[i]) }
}

var nan32 = float32(math.NaN())

func float32Text(f float32) string {
	if f != f && math.Float32bits(f) != math.Float32bits(nan32) {
		return fmt.Sprintf("0x%08x", math.Float32bits(f))
	}
	return floatText(float64(f), 32)
}

func float64Text(f float64) string {
	if f != f && math.Float64bits(f) != math.Float64bits(math.NaN()) {
		return fmt.Sprintf("0x%016x", math.Float64bits(f))
	}
	return floatText(f, 64)
}

func halfText(f float32, bits, nan uint16) string {
	if f != f && bits != nan {
		return fmt.Sprintf("0x%04x", bits)
	}
	return floatText(float64(f), 32)
}

// floatText is the shortest text that gives f back; it never looks like an integer.
func floatText(f float64, bits int) string {
	switch {
	case f != f:
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	s := strconv.FormatFloat(f, 'g', -1, bits)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

func pairText(a, b string) string { return "(" + a + ", " + b + ")" }
