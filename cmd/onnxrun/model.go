package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
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
	info os.FileInfo // of the file as it was opened first
}

func (a *app) source(arg string) (source, error) {
	if arg != "-" {
		info, _ := os.Stat(arg) // what is wrong with it, opening says
		return source{path: arg, info: info}, nil
	}
	in, err := a.standardInput("MODEL")
	if err != nil {
		return source{}, err
	}
	data, err := hostfile.ReadAll(in, maxModel)
	return source{path: arg, data: data}, err
}

// again is open for the model that was opened first; that another stands in its place by now is an error.
func (s source) again() (*ir.Graph, error) {
	if s.path != "-" {
		info, err := os.Stat(s.path)
		if err != nil || s.info == nil || !os.SameFile(info, s.info) || info.Size() != s.info.Size() || !info.ModTime().Equal(s.info.ModTime()) {
			return nil, fmt.Errorf("%s has changed while it was in use, so that nothing can be compared with it: nothing is written", s.path)
		}
	}
	return s.open()
}

// open reads the model: each time afresh, into memory that no other graph has.
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
