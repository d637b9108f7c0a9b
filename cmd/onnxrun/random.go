package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

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
func (a *app) openRandom(path string, f modelFlags) (*runtime.Session, []*tensor.Tensor, error) {
	g, err := a.loadGraph(path)
	if err != nil {
		return nil, nil, err
	}
	opts, err := a.options()
	if err != nil {
		return nil, nil, err
	}
	s, err := runtime.Compile(g, opts)
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

func (f *modelFlags) inputs(values []*ir.Value) ([]*tensor.Tensor, error) {
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
	rng := rand.New(rand.NewPCG(1, 1))
	var in []*tensor.Tensor
	for _, v := range values {
		shape := given[v.Name()]
		delete(given, v.Name())
		if shape == nil {
			for d, dim := range v.Type().Shape {
				switch {
				case dim.IsKnown():
					shape = append(shape, dim.N)
				case d == 0:
					shape = append(shape, f.batch)
				default:
					return nil, fmt.Errorf("input %q is %v: give its shape with --shape", v.Name(), v.Type())
				}
			}
		}
		if _, err := tensor.Count(v.Type().DType, shape); err != nil {
			return nil, err
		}
		t := tensor.New(v.Type().DType, shape...)
		if v.Type().DType == tensor.Float32 {
			for i := range tensor.Data[float32](t) {
				tensor.Data[float32](t)[i] = rng.Float32()
			}
		}
		in = append(in, t)
	}
	for name := range given {
		return nil, fmt.Errorf("--shape %s: the model has no such input", name)
	}
	return in, nil
}
