package ir

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/tensor"
)

// tensor reads the elements of a constant; nil after an error. Nothing is allocated that the text does not justify.
func (p *parser) tensor(typ Type) *tensor.Tensor {
	if p.err != nil {
		return nil
	}
	pos := p.tok.pos
	shape, ok := typ.Shape.Ints()
	if !ok {
		p.fail("a constant of type %v has no known shape", typ)
		return nil
	}
	n, err := tensor.Count(typ.DType, shape)
	if err != nil {
		p.failAt(pos, err)
		return nil
	}
	var t *tensor.Tensor
	switch {
	case p.at("..."):
		p.fail("the constant's elements were left out when the text was written")
	case p.accept("splat"):
		t = p.splatTensor(typ.DType, n)
	case p.at("hex"):
		t = p.hexTensor(typ.DType, n)
	case len(shape) == 0:
		e := p.elements(typ.DType)
		e.read(p)
		t = e.tensor()
	default:
		e := p.elements(typ.DType)
		p.list("[", "]", func() { e.read(p) })
		t = e.tensor()
	}
	if p.err == nil && t.Len() != n {
		p.failAt(pos, fmt.Errorf("%d elements do not fill %v", t.Len(), typ))
	}
	if p.err != nil {
		return nil
	}
	return t.Reshaped(shape...)
}

func (p *parser) splatTensor(dt tensor.DType, n int) *tensor.Tensor {
	pos := p.tok.pos
	e := p.elements(dt)
	p.expect("(")
	e.read(p)
	p.expect(")")
	if n > maxSplat || splatBytes(dt, n) > p.splat {
		p.failAt(pos, fmt.Errorf("the splats of a text stand for at most %d bytes", maxSplat))
	}
	if p.err != nil {
		return nil
	}
	p.splat -= splatBytes(dt, n)
	t := tensor.New(dt, n)
	if dt == tensor.String {
		for i := range n {
			tensor.Data[string](t)[i] = e.strs[0]
		}
	}
	for at := 0; at < len(t.Bytes()); at += dt.Size() {
		copy(t.Bytes()[at:], e.bytes)
	}
	return t
}

func (p *parser) hexTensor(dt tensor.DType, n int) *tensor.Tensor {
	pos := p.advance().pos
	digits := p.take(tokString, "hexadecimal digits in quotes").text
	size := dt.Size()
	if p.err == nil && (size == 0 || len(digits)%(2*size) != 0 || len(digits)/(2*size) != n) {
		p.failAt(pos, fmt.Errorf("%d hexadecimal digits do not make %d elements of %s", len(digits), n, dt))
	}
	if p.err != nil {
		return nil
	}
	t := tensor.New(dt, n)
	if _, err := hex.Decode(t.Bytes(), []byte(digits)); err != nil {
		p.failAt(pos, err)
		return nil
	}
	if most, narrow := byteRange[dt]; narrow {
		for _, b := range t.Bytes() {
			if int(int8(b)) < most[0] || int(int8(b)) > most[1] {
				p.failAt(pos, fmt.Errorf("byte %#02x is not a %s", b, dt))
			}
		}
	}
	return t
}

// byteRange is the least and greatest values of the types that use less than the byte which an element takes.
var byteRange = map[tensor.DType][2]int{
	tensor.Bool: {0, 1}, tensor.Uint4: {0, 15}, tensor.Int4: {-8, 7}, tensor.Uint2: {0, 3}, tensor.Int2: {-2, 1},
	tensor.Float4E2M1: {0, 15},
}

// elements collects the elements of a list.
type elements struct {
	dt    tensor.DType
	bytes []byte
	strs  []string
}

func (p *parser) elements(dt tensor.DType) *elements { return &elements{dt: dt} }

func (e *elements) tensor() *tensor.Tensor {
	if e.dt == tensor.String {
		return tensor.FromSlice(e.strs, len(e.strs))
	}
	t := tensor.New(e.dt, len(e.bytes)/e.dt.Size())
	copy(t.Bytes(), e.bytes)
	return t
}

func (e *elements) read(p *parser) {
	t := p.tok
	switch {
	case e.dt == tensor.String:
		e.strs = append(e.strs, p.take(tokString, "a string").text)
		return
	case e.dt == tensor.Complex64 || e.dt == tensor.Complex128:
		p.expect("(")
		e.number(p)
		p.expect(",")
		e.number(p)
		p.expect(")")
		return
	case e.dt == tensor.Bool && (p.accept("true") || p.accept("false")):
		bit := byte(0)
		if t.text == "true" {
			bit = 1
		}
		e.bytes = append(e.bytes, bit)
		return
	}
	e.number(p)
}

func (e *elements) number(p *parser) {
	t := p.tok
	if t.kind != tokNumber && !p.at("nan") && !p.at("inf") {
		p.fail("expected an element of %s, found %v", e.dt, t)
		return
	}
	p.advance()
	var err error
	if e.bytes, err = appendNumber(e.bytes, e.dt, t.text); err != nil {
		p.failAt(t.pos, fmt.Errorf("%v is not an element of %s", t, e.dt))
	}
}

var errElement = errors.New("not an element")

// appendNumber appends the bytes of a number, or of one component of a complex one.
func appendNumber(b []byte, dt tensor.DType, s string) ([]byte, error) {
	le := binary.LittleEndian
	switch dt {
	case tensor.Float32, tensor.Complex64:
		f, err := parseFloat32(s)
		return le.AppendUint32(b, math.Float32bits(f)), err
	case tensor.Float64, tensor.Complex128:
		bits, err := parseBits(s, 64, func(f float64) uint64 { return math.Float64bits(f) })
		return le.AppendUint64(b, bits), err
	case tensor.Float16:
		bits, err := parseBits(s, 16, func(f float64) uint64 { return uint64(tensor.ToF16(float32(f))) })
		return le.AppendUint16(b, uint16(bits)), err
	case tensor.BFloat16:
		bits, err := parseBits(s, 16, func(f float64) uint64 { return uint64(tensor.ToBF16(float32(f))) })
		return le.AppendUint16(b, uint16(bits)), err
	case tensor.Uint64:
		n, err := strconv.ParseUint(s, 10, 64)
		return le.AppendUint64(b, n), err
	case tensor.Uint32, tensor.Uint16, tensor.Uint8:
		n, err := strconv.ParseUint(s, 10, dt.Size()*8)
		return le.AppendUint64(b, n)[:len(b)+dt.Size()], err
	case tensor.Int64, tensor.Int32, tensor.Int16, tensor.Int8:
		n, err := strconv.ParseInt(s, 10, dt.Size()*8)
		return le.AppendUint64(b, uint64(n))[:len(b)+dt.Size()], err
	}
	return appendByte(b, dt, s)
}

// appendByte appends an element of the types that have no more than 8 bits and are not int8 or uint8: an integer, or the
// bits of a float after 0x.
func appendByte(b []byte, dt tensor.DType, s string) ([]byte, error) {
	n, err := strconv.ParseInt(s, 0, 16)
	least, most := 0, math.MaxUint8
	if r, narrow := byteRange[dt]; narrow {
		least, most = r[0], r[1]
	}
	isInt := dt == tensor.Uint4 || dt == tensor.Int4 || dt == tensor.Uint2 || dt == tensor.Int2
	if err != nil || int(n) < least || int(n) > most || isInt == strings.HasPrefix(s, "0x") || dt == tensor.Bool {
		return b, errElement
	}
	return append(b, byte(n)), nil
}

func parseFloat32(s string) (float32, error) {
	bits, err := parseBits(s, 32, func(f float64) uint64 { return uint64(math.Float32bits(float32(f))) })
	return math.Float32frombits(uint32(bits)), err
}

// parseBits reads a float of a size in bits: a number, or its bits after 0x.
func parseBits(s string, size int, bits func(float64) uint64) (uint64, error) {
	if len(s) > 2 && s[:2] == "0x" {
		return strconv.ParseUint(s[2:], 16, size)
	}
	f, err := strconv.ParseFloat(s, max(size, 32))
	return bits(f), err
}
