package exporter

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/internal/mapped"
)

// maxFile is protobuf's bound on a message.
const maxFile = math.MaxInt32

// model is a file: its messages, and the weights that are written apart from them, so that they are not copied.
type model struct {
	head    *onnxpb.ModelProto // without graph
	graph   *onnxpb.GraphProto // without weights
	weights []weight
	files   mapped.Files // that the weights lie in
}

// watched is a function that writes, and fails where a file that weights lie in has changed.
func (m *model) watched(write func(io.Writer) error) func(io.Writer) error {
	return func(w io.Writer) (err error) {
		defer m.files.Guard(&err)()
		err = write(w)
		if changed := m.files.Check(); changed != nil {
			return changed
		}
		return err
	}
}

// weight is an initializer whose elements are written apart.
type weight struct {
	proto *onnxpb.TensorProto // without elements
	raw   []byte              // none where they are in another file
}

// tooLarge reports whether the weights do not fit into one file, with room for the rest.
func (m *model) tooLarge() bool {
	size := proto.Size(m.head) + proto.Size(m.graph)
	for _, w := range m.weights {
		size += proto.Size(w.proto) + len(w.raw) + 32
	}
	return size > maxFile
}

// Numbers of the fields that are written by hand.
const (
	fieldGraph       protowire.Number = 7 // of ModelProto
	fieldInitializer protowire.Number = 5 // of GraphProto
	fieldRawData     protowire.Number = 9 // of TensorProto
)

// write writes the file. Protobuf lets the fields of a message stand in any order: the weights come last.
func (m *model) write(w io.Writer) error {
	deterministic := proto.MarshalOptions{Deterministic: true}
	head, err := deterministic.Marshal(m.head)
	if err != nil {
		return err
	}
	graph, err := deterministic.Marshal(m.graph)
	if err != nil {
		return err
	}
	size := len(graph)
	heads := make([][]byte, len(m.weights))
	for i, wt := range m.weights {
		if heads[i], err = wt.header(); err != nil {
			return err
		}
		size += len(heads[i]) + len(wt.raw)
		if size > maxFile-len(head) {
			return ErrTooLarge
		}
	}
	b := bufio.NewWriterSize(w, 1<<16)
	b.Write(head)
	b.Write(protowire.AppendVarint(protowire.AppendTag(nil, fieldGraph, protowire.BytesType), uint64(size)))
	b.Write(graph)
	for i, wt := range m.weights {
		b.Write(heads[i])
		b.Write(wt.raw)
	}
	return b.Flush()
}

// header is what stands before the elements.
func (w weight) header() ([]byte, error) {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(w.proto)
	if err != nil {
		return nil, fmt.Errorf("initializer %q: %w", w.proto.Name, err)
	}
	if w.proto.DataLocation != onnxpb.TensorProto_EXTERNAL {
		body = protowire.AppendTag(body, fieldRawData, protowire.BytesType)
		body = protowire.AppendVarint(body, uint64(len(w.raw)))
	}
	out := protowire.AppendTag(nil, fieldInitializer, protowire.BytesType)
	out = protowire.AppendVarint(out, uint64(len(body)+len(w.raw)))
	return append(out, body...), nil
}

const (
	// minExternal is the least bytes that go into another file: tools read small constants, shapes for one, anyhow.
	minExternal = 1 << 10
	// externalAlign lets readers map a tensor of that file into memory by pages.
	externalAlign = 1 << 12
)

// external moves the larger weights out, into a file of that name beside the model.
func (m *model) external(name string) *externalData {
	data, at := &externalData{}, 0
	for i := range m.weights {
		w := &m.weights[i]
		if len(w.raw) < minExternal {
			continue
		}
		at = (at + externalAlign - 1) / externalAlign * externalAlign
		w.proto.DataLocation = onnxpb.TensorProto_EXTERNAL
		w.proto.ExternalData = []*onnxpb.StringStringEntryProto{
			{Key: "location", Value: name}, {Key: "offset", Value: strconv.Itoa(at)}, {Key: "length", Value: strconv.Itoa(len(w.raw))},
		}
		data.offsets, data.parts = append(data.offsets, at), append(data.parts, w.raw)
		at += len(w.raw)
		w.raw = nil
	}
	return data
}

// externalData is a file of weights.
type externalData struct {
	offsets []int
	parts   [][]byte
}

func (d *externalData) write(w io.Writer) error {
	var gap [externalAlign]byte
	at := 0
	for i, part := range d.parts {
		if _, err := w.Write(gap[:d.offsets[i]-at]); err != nil {
			return err
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
		at = d.offsets[i] + len(part)
	}
	return nil
}
