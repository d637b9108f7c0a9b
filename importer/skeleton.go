package importer

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Decoding a protobuf message copies its byte fields, so a model would take twice its size. Therefore only its skeleton
// is decoded: the message without the elements of its tensors. Each tensor has the number of a cut, a slice of the
// file, in their place.

// cut is the elements that were taken out of a tensor: little-endian, of the width of the tensor's field.
type cut struct {
	field protowire.Number // raw_data, float_data or double_data
	data  []byte
}

// The fields of a TensorProto that are cut.
const (
	fieldFloatData  protowire.Number = 4
	fieldRawData    protowire.Number = 9
	fieldDoubleData protowire.Number = 10
	fieldCut        protowire.Number = 1000 // only in skeletons: one more than the index of the cut
)

// minCut is the number of bytes from which on cutting is worth it.
const minCut = 64

// maxDepth bounds how deep messages lie in one another.
const maxDepth = 64

// shape names the fields of a message that hold tensors, directly or deeper down.
type shape map[protowire.Number]*shape

var (
	tensorShape = shape{}
	graphShape  = &shape{}
	modelShape  = func() *shape {
		graph, attr, sparse := *graphShape, shape{}, shape{1: &tensorShape, 2: &tensorShape}
		node := shape{5: &attr}
		attr[5], attr[10], attr[6], attr[11], attr[22], attr[23] = &tensorShape, &tensorShape, graphShape, graphShape, &sparse, &sparse
		graph[1], graph[5], graph[15] = &node, &tensorShape, &sparse
		function := shape{7: &node, 11: &attr}
		training := shape{1: graphShape, 2: graphShape}
		return &shape{7: graphShape, 20: &training, 25: &function}
	}()
)

var errWire = errors.New("not a protobuf message")

// A nested message can be two bytes in a file and takes some hundred in memory. So a file may have at most maxMessages
// of them, and at most one for each bytesPerMessage of its bytes.
const (
	maxMessages     = 1 << 20
	bytesPerMessage = 16
)

// parts is a message that is a skeleton, and what was taken out of it.
type parts struct {
	message []byte
	cuts    []cut
	nodes   nodeList // of a model's graph
}

// skeleton takes message in apart.
func skeleton(s *shape, in []byte) (*parts, error) {
	w := &walker{left: maxMessages + len(in)/bytesPerMessage}
	var err error
	w.message, err = w.copy(nil, s, in, 0)
	return &w.parts, err
}

// maxRoom bounds what is set aside for nodes before their size is known.
const maxRoom = 64 << 20

type walker struct {
	parts
	left int // messages that may come
}

// copy appends to out what stays of a message of shape s.
func (w *walker) copy(out []byte, s *shape, in []byte, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("graphs lie more than %d deep in one another", maxDepth)
	}
	if s == &tensorShape {
		return w.tensor(out, in)
	}
	for len(in) > 0 {
		num, typ, n := protowire.ConsumeTag(in)
		if n < 0 {
			return nil, fmt.Errorf("%w: %w", errWire, protowire.ParseError(n))
		}
		m := protowire.ConsumeFieldValue(num, typ, in[n:])
		if m < 0 {
			return nil, fmt.Errorf("%w: %w", errWire, protowire.ParseError(m))
		}
		sub := (*s)[num]
		if sub == nil || typ != protowire.BytesType {
			out = append(out, in[:n+m]...)
			in = in[n+m:]
			continue
		}
		if w.left--; w.left < 0 {
			return nil, errors.New("has more nodes, attributes and tensors than a file of this size may")
		}
		body, _ := protowire.ConsumeBytes(in[n:])
		in = in[n+m:]
		var err error
		if depth == 1 && s == graphShape && num == 1 {
			if w.nodes.data == nil {
				w.nodes.data = make([]byte, 0, min(len(in)+len(body), maxRoom))
			}
			if w.nodes.data, err = w.field(w.nodes.data, num, sub, body, depth); err == nil {
				w.nodes.added()
			}
		} else {
			out, err = w.field(out, num, sub, body, depth)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// field appends to out what stays of a message that is a field of another.
func (w *walker) field(out []byte, num protowire.Number, s *shape, body []byte, depth int) ([]byte, error) {
	out = protowire.AppendTag(out, num, protowire.BytesType)
	at := len(out)
	out = protowire.AppendVarint(out, uint64(len(body)))
	start := len(out)
	out, err := w.copy(out, s, body, depth+1)
	if err == nil {
		putVarint(out[at:start], len(out)-start)
	}
	return out, err
}

// putVarint fills b with n as a varint, which may be longer than it need be.
func putVarint(b []byte, n int) {
	for i := range b {
		b[i] = byte(n>>(7*i)) | 0x80
	}
	b[len(b)-1] &= 0x7f
}

// tensor copies a TensorProto. A field that comes in several pieces is not cut; protobuf joins the pieces.
func (w *walker) tensor(out, in []byte) ([]byte, error) {
	pieces := map[protowire.Number]int{}
	for b := in; len(b) > 0; {
		num, _, n := protowire.ConsumeField(b)
		if n < 0 {
			return nil, fmt.Errorf("%w: %w", errWire, protowire.ParseError(n))
		}
		pieces[num]++
		b = b[n:]
	}
	for len(in) > 0 {
		num, typ, n := protowire.ConsumeTag(in)
		m := protowire.ConsumeFieldValue(num, typ, in[n:])
		switch {
		case num == fieldCut: // not a file's to set
		case typ == protowire.BytesType && m >= minCut && pieces[num] == 1 &&
			(num == fieldRawData || num == fieldFloatData || num == fieldDoubleData):
			data, _ := protowire.ConsumeBytes(in[n:])
			w.cuts = append(w.cuts, cut{num, data[:len(data):len(data)]})
			out = protowire.AppendTag(out, fieldCut, protowire.VarintType)
			out = protowire.AppendVarint(out, uint64(len(w.cuts)))
		default:
			out = append(out, in[:n+m]...)
		}
		in = in[n+m:]
	}
	return out, nil
}
