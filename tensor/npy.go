package tensor

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/internal/plain"
)

// npyTypes is numpy's letters for the element types that it has (numpy.lib.format, "descr").
var npyTypes = []struct {
	descr string
	dtype DType
}{
	{"<f4", Float32}, {"<f8", Float64}, {"<f2", Float16}, {"|b1", Bool}, {"|u1", Uint8}, {"|i1", Int8},
	{"<u2", Uint16}, {"<i2", Int16}, {"<u4", Uint32}, {"<i4", Int32}, {"<u8", Uint64}, {"<i8", Int64},
	{"<c8", Complex64}, {"<c16", Complex128},
}

const npyMagic = "\x93NUMPY"

// maxNPYHeader bounds the header of a file that is read; numpy's own bound is 10,000 bytes.
const maxNPYHeader = 1 << 16

// maxNPYRank is numpy's own bound.
const maxNPYRank = 64

var npyHeader = regexp.MustCompile(`^\{\s*'descr':\s*'([^']*)',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([0-9L, ]*)\),?\s*\}\s*$`)

// ReadNPY reads one array of numpy's .npy format, version 1 to 3. Memory is taken as the data arrives, so a header that
// promises more than follows costs nothing.
func ReadNPY(r io.Reader) (*Tensor, error) {
	t, err := readNPY(r)
	if err != nil {
		return nil, fmt.Errorf("tensor: npy: %w", err)
	}
	return t, nil
}

func readNPY(r io.Reader) (*Tensor, error) {
	head, err := readNPYHeader(r)
	if err != nil {
		return nil, err
	}
	m := npyHeader.FindStringSubmatch(head)
	if m == nil {
		return nil, fmt.Errorf("header %.80q is not understood", head)
	}
	dt, swap, err := npyType(m[1])
	if err != nil {
		return nil, err
	}
	shape := []int{}
	for _, s := range strings.FieldsFunc(m[3], func(r rune) bool { return r == ',' || r == ' ' || r == 'L' }) {
		n, err := strconv.Atoi(s)
		if err != nil {
			return nil, fmt.Errorf("shape (%s): %w", plain.Text(m[3], plain.Name), err)
		}
		shape = append(shape, n)
	}
	if len(shape) > maxNPYRank {
		return nil, fmt.Errorf("%d dimensions, expects at most %d", len(shape), maxNPYRank)
	}
	n, err := Count(dt, shape)
	if err != nil {
		return nil, err
	}
	size := n * dt.Size()
	var buf bytes.Buffer
	if got, err := io.Copy(&buf, io.LimitReader(r, int64(size))); err != nil {
		return nil, err
	} else if got != int64(size) {
		return nil, fmt.Errorf("%s%v needs %d bytes, the file has %d: %w", dt, shape, size, got, io.ErrUnexpectedEOF)
	}
	data := buf.Bytes()
	if swap {
		swapBytes(data, dt)
	}
	if m[2] == "True" {
		return fortran(dt, data, shape)
	}
	t := New(dt, shape...)
	copy(t.data, data)
	return t, nil
}

func readNPYHeader(r io.Reader) (string, error) {
	var pre [8]byte
	if _, err := io.ReadFull(r, pre[:]); err != nil {
		return "", fmt.Errorf("not a .npy file: %w", err)
	}
	if string(pre[:6]) != npyMagic {
		return "", errors.New("not a .npy file: it does not begin with \\x93NUMPY")
	}
	var size uint32
	switch pre[6] {
	case 1:
		var n uint16
		if err := binary.Read(r, binary.LittleEndian, &n); err != nil {
			return "", err
		}
		size = uint32(n)
	case 2, 3:
		if err := binary.Read(r, binary.LittleEndian, &size); err != nil {
			return "", err
		}
	default:
		return "", fmt.Errorf("unsupported version %d.%d", pre[6], pre[7])
	}
	if size > maxNPYHeader {
		return "", fmt.Errorf("header of %d bytes is too long", size)
	}
	head := make([]byte, size)
	_, err := io.ReadFull(r, head)
	return string(head), err
}

func npyType(descr string) (dt DType, swap bool, err error) {
	for _, e := range npyTypes {
		switch {
		case descr == e.descr, e.dtype.Size() == 1 && len(descr) == 3 && descr[1:] == e.descr[1:]:
			return e.dtype, false, nil
		case len(descr) > 1 && descr[0] == '>' && descr[1:] == e.descr[1:]:
			return e.dtype, true, nil
		}
	}
	return Undefined, false, fmt.Errorf("unsupported element type %s", plain.Quote(descr, plain.Name))
}

// swapBytes turns big-endian elements into little-endian ones; a complex element is two.
func swapBytes(data []byte, dt DType) {
	size := dt.Size()
	if dt == Complex64 || dt == Complex128 {
		size /= 2
	}
	for i := 0; i+size <= len(data); i += size {
		slices.Reverse(data[i : i+size])
	}
}

// fortran turns column-major data into a tensor.
func fortran(dt DType, data []byte, shape []int) (*Tensor, error) {
	t := New(dt, shape...)
	size := dt.Size()
	index := make([]int, len(shape))
	strides := Strides(shape)
	for i := range t.n {
		at := 0
		for d, n := range index {
			at += n * strides[d]
		}
		copy(t.data[at*size:(at+1)*size], data[i*size:])
		for d := range index {
			if index[d]++; index[d] < shape[d] {
				break
			}
			index[d] = 0
		}
	}
	return t, nil
}

// WriteNPY writes t in numpy's .npy format, version 1. bfloat16 is widened to float32; types that numpy lacks are
// refused.
func WriteNPY(w io.Writer, t *Tensor) error {
	if t.dtype == BFloat16 {
		t = t.ToFloat32()
	}
	i := slices.IndexFunc(npyTypes, func(e struct {
		descr string
		dtype DType
	}) bool {
		return e.dtype == t.dtype
	})
	if i < 0 {
		return fmt.Errorf("tensor: npy: element type %s has no form in numpy", t.dtype)
	}
	dims := make([]string, len(t.shape))
	for d, n := range t.shape {
		dims[d] = strconv.Itoa(n)
	}
	shape := strings.Join(dims, ", ")
	if len(dims) == 1 {
		shape += ","
	}
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", npyTypes[i].descr, shape)
	pad := Align - (len(npyMagic)+4+len(head)+1)%Align
	head += strings.Repeat(" ", pad%Align) + "\n"
	b := bufio.NewWriter(w)
	b.WriteString(npyMagic + "\x01\x00")
	b.Write(binary.LittleEndian.AppendUint16(nil, uint16(len(head))))
	b.WriteString(head)
	b.Write(t.data)
	return b.Flush()
}
