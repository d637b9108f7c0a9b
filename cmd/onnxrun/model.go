package main

import (
	"maps"
	"slices"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/ir"
)

// loadGraph reads the MODEL argument: a file, or "-" for standard input.
func (a *app) loadGraph(arg string) (*ir.Graph, error) {
	if arg == "-" {
		return importer.Read(a.in)
	}
	return importer.Open(arg)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
