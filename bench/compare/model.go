package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun"
	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/zoo"
)

// model is a file to run, with a batch size.
type model struct {
	name, path string
	batch      int
	graph      *ir.Graph
	macs       int64 // of one image
	weights    int64 // bytes
}

// open finds the model that an argument names.
func (c *config) open(arg string) (*model, error) {
	m := &model{name: arg, batch: 1}
	name, batch, ok := strings.Cut(arg, "@")
	if ok {
		n, err := strconv.Atoi(batch)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%s: %q is not a batch size", arg, batch)
		}
		m.batch = n
	}
	m.path = name
	if slices.Contains(zoo.Names(), name) {
		if err := c.build(m, name); err != nil {
			return nil, err
		}
	} else {
		m.name = strings.Replace(arg, name, strings.TrimSuffix(filepath.Base(name), ".onnx"), 1)
	}
	g, err := importer.Open(m.path)
	if err != nil {
		return nil, err
	}
	info, err := onnxrun.Inspect(g)
	if err != nil {
		return nil, err
	}
	m.graph, m.macs, m.weights = g, info.MACs, 4*info.Parameters
	return m, nil
}

// build writes a model of the zoo, unless it is there.
func (c *config) build(m *model, name string) error {
	if c.cache == "" {
		dir, err := os.MkdirTemp("", "onnxrun-bench")
		if err != nil {
			return err
		}
		c.cache = dir
	}
	m.path = filepath.Join(c.cache, name+".onnx")
	if _, err := os.Stat(m.path); err == nil {
		return nil
	}
	g, err := zoo.Build(name, zoo.Options{})
	if err != nil {
		return err
	}
	return exporter.WriteFile(g, m.path, exporter.Options{})
}
