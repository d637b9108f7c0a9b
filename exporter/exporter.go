// Package exporter writes graphs as ONNX files: standard operators of a chosen opset, the same bytes for the same graph.
package exporter

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/internal/atomicfile"
	"github.com/onnxrun/onnxrun/internal/mapped"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// producer names the project in files of graphs that come from no other.
const producer = "onnxrun"

// OldestOpset is the oldest opset that is written; the newest is ops.Opset.
const OldestOpset = 7

// DataSuffix is what the name of a model's file of weights adds to the model's name.
const DataSuffix = ".data"

// defaultOpset is that of graphs that come from no file.
const defaultOpset = 21

// Options say how a model is written.
type Options struct {
	// Opset is the opset to write, from OldestOpset to ops.Opset; a node that it cannot express is an *ir.OpsetError.
	// 0 stands for the graph's own, or a newer one where a node needs it.
	Opset int
	// ExternalData has WriteFile write the weights into a file of their own, the model's path and ".data". It
	// does so without being told where the model would not fit into one file of 2 GB.
	ExternalData bool
}

// opset is the one to begin with.
func (o Options) opset(g *ir.Graph) (int, error) {
	switch {
	case o.Opset == 0:
		return min(max(cmp.Or(g.Opset, defaultOpset), OldestOpset), ops.Opset), nil
	case o.Opset < OldestOpset || o.Opset > ops.Opset:
		return 0, fmt.Errorf("opset %d cannot be written, choose one from %d to %d", o.Opset, OldestOpset, ops.Opset)
	}
	return o.Opset, nil
}

// ErrTooLarge says that a model does not fit into one file.
var ErrTooLarge = errors.New("the model has more than 2 GB of weights, which do not fit into one ONNX file")

// WriteFile writes a model through a temporary file that is renamed, so that path is the whole model or what it was; so
// is the file of its weights, if there is one. Devices and pipes are written to as they are, links are followed.
func WriteFile(g *ir.Graph, path string, opts Options) error {
	return write(g, opts, func(m *model) error {
		if opts.ExternalData || m.tooLarge() {
			return m.writeExternal(path)
		}
		return atomicfile.Write(path, m.watched(m.write))
	})
}

// write encodes a graph and hands it to where it is to go.
func write(g *ir.Graph, opts Options, to func(*model) error) (err error) {
	defer func() { err = plain.Error(wrap(err)) }()
	files := mapped.Of(g.Backing())
	defer files.Guard(&err)()
	m, err := encode(g, opts)
	if err != nil {
		return err
	}
	m.files = files
	err = to(m)
	runtime.KeepAlive(g) // and with it the mapping that weights may lie in
	return err
}

// writeExternal writes the weights first: the model that speaks of them must not be there without.
func (m *model) writeExternal(path string) error {
	if kind, err := atomicfile.Look(path); err != nil {
		return err
	} else if kind == atomicfile.Stream {
		return fmt.Errorf("%s is a device or a pipe: weights in a file of their own (external data) go with a model that is a file", path)
	}
	data := m.external(filepath.Base(path) + DataSuffix)
	return atomicfile.WriteAll([]atomicfile.File{{Path: path + DataSuffix, Write: m.watched(data.write)}, {Path: path, Write: m.watched(m.write)}})
}

// Write writes a model into one file, whatever Options.ExternalData. Weights go straight from their tensors to w.
func Write(w io.Writer, g *ir.Graph, opts Options) error {
	return write(g, opts, func(m *model) error { return m.watched(m.write)(w) })
}

func wrap(err error) error {
	if err == nil || strings.HasPrefix(err.Error(), "exporter: ") {
		return err
	}
	return fmt.Errorf("exporter: %w", err)
}

// encode makes the messages of a file. An opset that the caller leaves open is raised until every node can be expressed.
func encode(g *ir.Graph, opts Options) (*model, error) {
	opset, err := opts.opset(g)
	if err != nil {
		return nil, err
	}
	for {
		m, err := encodeAs(g, opset)
		var need *ir.OpsetError
		if opts.Opset != 0 || !errors.As(err, &need) || need.Needs <= opset {
			return m, err
		}
		opset = need.Needs
	}
}

func encodeAs(g *ir.Graph, opset int) (*model, error) {
	g = g.Clone() // for the nodes of downgrades
	e := &encoder{opset: opset, irVersion: irVersion(opset), used: map[string]bool{}}
	p, err := e.graph(g, newNames(g, nil, nil, false), false)
	if err != nil {
		return nil, err
	}
	p.DocString = g.Origin.GraphDoc
	head := &onnxpb.ModelProto{
		IrVersion: e.irVersion, DocString: g.Doc, Domain: g.Origin.Domain, ModelVersion: int64(g.Origin.Version),
		ProducerName: cmp.Or(g.Origin.Producer, producer), ProducerVersion: g.Origin.ProducerVersion,
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: int64(opset)}},
	}
	for _, kv := range g.Metadata {
		head.MetadataProps = append(head.MetadataProps, &onnxpb.StringStringEntryProto{Key: kv.Key, Value: kv.Value})
	}
	return &model{head: head, graph: p, weights: e.weights}, nil
}
