package importer

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/internal/hostfile"
	"github.com/onnxrun/onnxrun/internal/mapped"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/tensor"
)

// ReadTensor reads a file that holds one TensorProto, and the name that it gives the tensor.
func ReadTensor(path string) (t *tensor.Tensor, name string, err error) {
	data, err := hostfile.Read(path, maxStream)
	if err != nil {
		return nil, "", fmt.Errorf("importer: %w", err)
	}
	t, name, err = DecodeTensor(data)
	if err != nil {
		return nil, "", plain.Error(fmt.Errorf("importer: %s: %w", plain.Text(path, plain.Name), err))
	}
	return t, name, nil
}

// DecodeTensor decodes a TensorProto, which the tensor then shares memory with.
func DecodeTensor(data []byte) (t *tensor.Tensor, name string, err error) {
	skel, err := skeleton(&tensorShape, data)
	if err != nil {
		return nil, "", err
	}
	var p onnxpb.TensorProto
	if err := proto.Unmarshal(skel.message, &p); err != nil {
		return nil, "", fmt.Errorf("%w: %w", errWire, err)
	}
	t, err = (&decoder{cuts: skel.cuts}).tensor(&p)
	return t, p.Name, err
}

// decoder turns the tensors of skeletons into tensors.
type decoder struct {
	file     *mapped.File // that the cuts are slices of; nil where their memory is not a mapping
	cuts     []cut
	external external
	spent    int
}

// Dense tensors made from sparse ones, and nodes made from functions, may be much larger than the file: all together
// they take at most a fixed size and a multiple of the size of the file.
const (
	maxExpansion  = 64 << 20
	expansionRate = 16
)

// files is what tensors may lie in, as far as has been read.
func (d *decoder) files() mapped.Files {
	files := mapped.Files{d.file}
	for _, f := range d.external.files {
		files = append(files, f)
	}
	return files
}

// spend counts n bytes that the file does not have.
func (d *decoder) spend(n int) error {
	limit := maxExpansion
	if d.file != nil {
		limit += expansionRate * min(len(d.file.Bytes()), math.MaxInt/expansionRate-maxExpansion)
	}
	if n > limit-d.spent {
		return fmt.Errorf("takes more memory than a file of this size may: %w", ErrUnsupported)
	}
	d.spent += n
	return nil
}

func (d *decoder) tensor(p *onnxpb.TensorProto) (*tensor.Tensor, error) {
	dt := tensor.DType(p.DataType)
	if p.DataType < 0 || p.DataType > math.MaxUint8 || !dt.Valid() {
		return nil, fmt.Errorf("unsupported element type %d", p.DataType)
	}
	if p.Segment != nil {
		return nil, fmt.Errorf("a tensor in segments is not supported")
	}
	shape := make([]int, len(p.Dims))
	for i, n := range p.Dims {
		if n < 0 || n > math.MaxInt {
			return nil, fmt.Errorf("dimensions %v: negative or too large", p.Dims)
		}
		shape[i] = int(n)
	}
	n, err := tensor.Count(dt, shape)
	if err != nil {
		return nil, err
	}
	raw, from, isRaw, err := d.raw(p, dt, n)
	switch {
	case err != nil:
		return nil, err
	case !isRaw:
		return fromFields(p, dt, n, shape)
	}
	t, err := fromRaw(dt, raw, n, shape)
	if err == nil && from != nil {
		t.KeepAlive(from)
	}
	return t, err
}

// raw is the tensor's elements as bytes in the layout of raw_data, if that is how the file has them, and the file that
// they lie in, if that is mapped.
func (d *decoder) raw(p *onnxpb.TensorProto, dt tensor.DType, n int) (data []byte, from *mapped.File, ok bool, err error) {
	if p.DataLocation == onnxpb.TensorProto_EXTERNAL {
		if dt == tensor.String {
			return nil, nil, false, fmt.Errorf("strings cannot lie in an external file")
		}
		data, from, err := d.external.data(p.ExternalData, rawSize(dt, n))
		return data, from, true, err
	}
	if p.Cut > 0 && p.Cut <= uint64(len(d.cuts)) {
		c := d.cuts[p.Cut-1]
		switch {
		case c.field == fieldRawData,
			c.field == fieldFloatData && (dt == tensor.Float32 || dt == tensor.Complex64),
			c.field == fieldDoubleData && (dt == tensor.Float64 || dt == tensor.Complex128):
			return c.data, d.file, true, nil
		}
		return nil, nil, false, fmt.Errorf("%s elements stand in the field of another type", dt)
	}
	return p.RawData, nil, p.RawData != nil, nil
}

// perByte is how many elements of a sub-byte type files pack into a byte.
func perByte(dt tensor.DType) int {
	switch dt {
	case tensor.Uint4, tensor.Int4, tensor.Float4E2M1:
		return 2
	case tensor.Uint2, tensor.Int2:
		return 4
	}
	return 1
}

// rawSize is the bytes of n elements in a file.
func rawSize(dt tensor.DType, n int) int {
	per := perByte(dt)
	return (n + per - 1) / per * dt.Size()
}

func fromRaw(dt tensor.DType, data []byte, n int, shape []int) (*tensor.Tensor, error) {
	if dt == tensor.String {
		return nil, fmt.Errorf("strings cannot stand in raw_data")
	}
	if want := rawSize(dt, n); len(data) != want {
		return nil, fmt.Errorf("%s%v needs %d bytes, the file has %d", dt, shape, want, len(data))
	}
	if per := perByte(dt); per > 1 {
		t := tensor.New(dt, shape...)
		unpack(t, data, per)
		return t, nil
	}
	if dt == tensor.Bool {
		for _, b := range data {
			if b > 1 { // Go's bool has two bit patterns
				data = slices.Clone(data)
				for i, b := range data {
					data[i] = min(b, 1)
				}
				break
			}
		}
	}
	if dt.Size() > 1 && bigEndian() {
		return nil, fmt.Errorf("big-endian machines are not supported")
	}
	return tensor.FromBytes(dt, data, shape...)
}

func bigEndian() bool {
	return binary.NativeEndian.Uint16([]byte{1, 0}) != 1
}

// unpack spreads packed elements, the first in the lowest bits, over a byte each; signed ones are sign-extended.
func unpack(t *tensor.Tensor, data []byte, per int) {
	width := 8 / per
	dst := t.Bytes()
	signed := t.DType() == tensor.Int4 || t.DType() == tensor.Int2
	for i := range dst {
		b := data[i/per] << (8 - width*(i%per+1))
		if signed {
			dst[i] = byte(int8(b) >> (8 - width))
		} else {
			dst[i] = b >> (8 - width)
		}
	}
}

// fromFields decodes elements that stand in a field for their type.
func fromFields(p *onnxpb.TensorProto, dt tensor.DType, n int, shape []int) (*tensor.Tensor, error) {
	count, want := 0, n
	switch dt {
	case tensor.Float32, tensor.Complex64:
		count = len(p.FloatData)
	case tensor.Float64, tensor.Complex128:
		count = len(p.DoubleData)
	case tensor.Int64:
		count = len(p.Int64Data)
	case tensor.Uint32, tensor.Uint64:
		count = len(p.Uint64Data)
	case tensor.String:
		count = len(p.StringData)
	default:
		count = len(p.Int32Data)
	}
	switch dt {
	case tensor.Complex64, tensor.Complex128:
		want = 2 * n
	default:
		want = (n + perByte(dt) - 1) / perByte(dt)
	}
	if count != want {
		return nil, fmt.Errorf("%s%v needs %d numbers, the file has %d", dt, shape, want, count)
	}
	t := tensor.New(dt, shape...)
	switch dt {
	case tensor.Float32:
		copy(tensor.Data[float32](t), p.FloatData)
	case tensor.Float64:
		copy(tensor.Data[float64](t), p.DoubleData)
	case tensor.Complex64:
		for i, dst := 0, tensor.Data[complex64](t); i < n; i++ {
			dst[i] = complex(p.FloatData[2*i], p.FloatData[2*i+1])
		}
	case tensor.Complex128:
		for i, dst := 0, tensor.Data[complex128](t); i < n; i++ {
			dst[i] = complex(p.DoubleData[2*i], p.DoubleData[2*i+1])
		}
	case tensor.Int64:
		copy(tensor.Data[int64](t), p.Int64Data)
	case tensor.Uint64:
		copy(tensor.Data[uint64](t), p.Uint64Data)
	case tensor.Uint32:
		for i, v := range p.Uint64Data {
			tensor.Data[uint32](t)[i] = uint32(v)
		}
	case tensor.String:
		for i, v := range p.StringData {
			tensor.Data[string](t)[i] = string(v)
		}
	default:
		fromInt32s(t, p.Int32Data)
	}
	return t, nil
}

// fromInt32s takes elements of at most four bytes from int32_data, which has them in the low bits.
func fromInt32s(t *tensor.Tensor, src []int32) {
	dst := t.Bytes()
	if per := perByte(t.DType()); per > 1 {
		packed := make([]byte, len(src))
		for i, v := range src {
			packed[i] = byte(v)
		}
		unpack(t, packed, per)
		return
	}
	for i, v := range src {
		switch t.DType().Size() {
		case 1:
			if t.DType() == tensor.Bool && v != 0 {
				v = 1
			}
			dst[i] = byte(v)
		case 2:
			binary.LittleEndian.PutUint16(dst[2*i:], uint16(v))
		case 4:
			binary.LittleEndian.PutUint32(dst[4*i:], uint32(v))
		}
	}
}
