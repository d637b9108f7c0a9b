package importer

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Decoding a protobuf message copies its byte fields, so a model would take its size twice. Instead, skeletons are
// decoded: the message without the elements of its tensors, each of which carries in their place the number of a cut,
// a slice of the file.

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
	modelShape  = func() *shape {
		graph, attr, sparse := shape{}, shape{}, shape{1: &tensorShape, 2: &tensorShape}
		node := shape{5: &attr}
		attr[5], attr[10], attr[6], attr[11], attr[22], attr[23] = &tensorShape, &tensorShape, &graph, &graph, &sparse, &sparse
		graph[1], graph[5], graph[15] = &node, &tensorShape, &sparse
		function := shape{7: &node, 11: &attr}
		training := shape{1: &graph, 2: &graph}
		return &shape{7: &graph, 20: &training, 25: &function}
	}()
)

var errWire = errors.New("not a protobuf message")

// A message in a message takes two bytes in a file and some hundred in memory. Files have at most this many, and one for
// so many bytes of theirs.
const (
	maxMessages     = 1 << 20
	bytesPerMessage = 16
)

// skeleton copies message in without the elements of tensors, which are cuts.
func skeleton(s *shape, in []byte) (out []byte, cuts []cut, err error) {
	w := &walker{left: maxMessages + len(in)/bytesPerMessage}
	out, err = w.message(nil, s, in, 0)
	return out, w.cuts, err
}

type walker struct {
	cuts []cut
	left int // messages that may come
}

func (w *walker) message(out []byte, s *shape, in []byte, depth int) ([]byte, error) {
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
		inner, err := w.message(nil, sub, body, depth+1)
		if err != nil {
			return nil, err
		}
		out = protowire.AppendTag(out, num, typ)
		out = protowire.AppendBytes(out, inner)
		in = in[n+m:]
	}
	return out, nil
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
