package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

// modelFlags are the flags of commands that run a model on random input.
type modelFlags struct {
	batch  int
	shapes []string
}

func (f *modelFlags) add(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.batch, "batch", 1, "how many images at once, where the model leaves it open")
	cmd.Flags().StringArrayVar(&f.shapes, "shape", nil, "the shape of an input, NAME=1x3x224x224")
}

// openRandom compiles a model and makes random inputs for it.
func (a *app) openRandom(ctx context.Context, path string, f modelFlags) (*runtime.Session, []*tensor.Tensor, error) {
	g, err := a.loadGraph(path)
	if err != nil {
		return nil, nil, err
	}
	opts, err := a.options()
	if err != nil {
		return nil, nil, err
	}
	s, err := runtime.Compile(ctx, g, opts)
	if err != nil {
		return nil, nil, err
	}
	in, err := f.inputs(s.Inputs())
	if err != nil {
		s.Close()
		return nil, nil, err
	}
	return s, in, nil
}

func (f *modelFlags) inputs(values []*ir.Value) ([]*tensor.Tensor, error) { return f.random(values, 1) }

func (f *modelFlags) random(values []*ir.Value, seed uint64) ([]*tensor.Tensor, error) {
	given := map[string][]int{}
	for _, flag := range f.shapes {
		name, text, ok := strings.Cut(flag, "=")
		if !ok {
			return nil, fmt.Errorf("--shape %s: expects NAME=1x3x224x224", flag)
		}
		for _, part := range strings.Split(text, "x") {
			n, err := strconv.Atoi(part)
			if err != nil || n < 0 {
				return nil, fmt.Errorf("--shape %s: %q is not a size", flag, part)
			}
			given[name] = append(given[name], n)
		}
	}
	return modelinfo.RandomInputs(values, f.batch, given, seed)
}
