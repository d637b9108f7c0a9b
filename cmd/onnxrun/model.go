package main

import (
	"bytes"
	"maps"
	"slices"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/internal/hostfile"
	"github.com/onnxrun/onnxrun/ir"
)

// maxModel bounds the bytes of a model that is read from standard input: as many as protobuf allows.
const maxModel = 2 << 30

// source is a MODEL argument: a file, or "-" for standard input, whose bytes are kept so that it can be opened again.
type source struct {
	path string
	data []byte
}

func (a *app) source(arg string) (source, error) {
	if arg != "-" {
		return source{path: arg}, nil
	}
	in, err := a.standardInput("MODEL")
	if err != nil {
		return source{}, err
	}
	data, err := hostfile.ReadAll(in, maxModel)
	return source{arg, data}, err
}

// open reads the model; each time afresh, into memory that no graph before has.
func (s source) open() (*ir.Graph, error) {
	if s.path == "-" {
		return importer.ReadBytes(bytes.Clone(s.data))
	}
	return importer.Open(s.path)
}

// loadGraph reads the MODEL argument.
func (a *app) loadGraph(arg string) (*ir.Graph, error) {
	if arg == "-" {
		in, err := a.standardInput("MODEL")
		if err != nil {
			return nil, err
		}
		return importer.Read(in)
	}
	return importer.Open(arg)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
