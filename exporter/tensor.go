package exporter

import (
	"fmt"
	"io"
	"runtime"

	"google.golang.org/protobuf/proto"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/internal/atomicfile"
	"github.com/onnxrun/onnxrun/tensor"
)

// WriteTensor writes a tensor as a TensorProto file, as ONNX's test cases have them.
func WriteTensor(path, name string, t *tensor.Tensor) error {
	p, err := encodeTensor(t, name)
	if err != nil {
		return fmt.Errorf("exporter: %w", err)
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
	runtime.KeepAlive(t) // whose elements p aliases
	if err != nil {
		return fmt.Errorf("exporter: %w", err)
	}
	err = atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		return fmt.Errorf("exporter: %w", err)
	}
	return nil
}

func encodeTensor(t *tensor.Tensor, name string) (*onnxpb.TensorProto, error) {
	p := &onnxpb.TensorProto{Name: name, DataType: int32(t.DType()), Dims: dims64(t.Shape())}
	if t.DType() == tensor.String {
		for _, s := range tensor.Data[string](t) {
			p.StringData = append(p.StringData, []byte(s))
		}
		return p, nil
	}
	p.RawData = packed(t)
	if len(p.RawData) > maxFile/2 {
		return nil, ErrTooLarge
	}
	return p, nil
}

// packed is a tensor's elements as a file has them: as they lie, but sub-byte ones several to a byte, the first in the
// lowest bits.
func packed(t *tensor.Tensor) []byte {
	per := 1
	switch t.DType() {
	case tensor.Uint4, tensor.Int4, tensor.Float4E2M1:
		per = 2
	case tensor.Uint2, tensor.Int2:
		per = 4
	default:
		return t.Bytes()
	}
	width := 8 / per
	out := make([]byte, (t.Len()+per-1)/per)
	for i, b := range t.Bytes() {
		out[i/per] |= b & (1<<width - 1) << (i % per * width)
	}
	return out
}
