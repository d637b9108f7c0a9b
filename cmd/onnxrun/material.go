package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun"
	"github.com/onnxrun/onnxrun/compress"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/vision"
)

// materialFlags are the flags that say on what models are compared.
type materialFlags struct {
	image  imageFlags
	model  modelFlags
	images int
	noted  bool // how images are prepared has been told
}

func (f *materialFlags) add(cmd *cobra.Command) {
	f.image.addPreprocess(cmd)
	f.model.add(cmd)
	cmd.Flags().IntVar(&f.images, "images", 64, "how many images to take of a folder or data set, from all over it; 0 is all")
}

// onHelp says what an argument of inputs may be.
const onHelp = "images, folders of them, data sets (.tar, .csv, IDX), or random"

// toleranceFlag is how far results may be off.
type toleranceFlag float64

func (f *toleranceFlag) add(cmd *cobra.Command) {
	cmd.Flags().Float64Var((*float64)(f), "tolerance", compress.DefaultTolerance, "how far results may be off, as a share of the output's greatest magnitude; 0 is not at all")
}

func (f toleranceFlag) check() error {
	if !(f >= 0) {
		return fmt.Errorf("--tolerance %v: expects a number of 0 or more", float64(f))
	}
	return nil
}

// option is the tolerance as options of the library have it, where 0 is the default.
func (f toleranceFlag) option() float64 {
	if f == 0 {
		return compress.Exact
	}
	return float64(f)
}

// randomSets is how many random inputs are made.
const randomSets = 8

// inputs makes inputs of what a flag names, and says what they are.
func (f *materialFlags) inputs(a *app, cmd *cobra.Command, g *ir.Graph, names []string) (sets [][]*tensor.Tensor, what string, err error) {
	var found []string
	for _, name := range names {
		if name == "random" {
			for seed := range uint64(randomSets) {
				in, err := f.model.random(g.Inputs(), seed+1)
				if err != nil {
					return nil, "", err
				}
				sets = append(sets, in)
			}
			found = append(found, fmt.Sprintf("%d random inputs", randomSets))
			continue
		}
		batches, n, err := f.prepare(a, cmd, g, name, vision.Val, vision.Test)
		if err != nil {
			return nil, "", err
		}
		for _, x := range batches {
			sets = append(sets, []*tensor.Tensor{x})
		}
		found = append(found, fmt.Sprintf("%d images of %s", n, name))
	}
	return sets, strings.Join(found, ", "), nil
}

// prepare makes batches of the images that path names, of the first of the parts that there is.
func (f *materialFlags) prepare(a *app, cmd *cobra.Command, g *ir.Graph, path string, parts ...string) (batches []*tensor.Tensor, images int, err error) {
	if f.images < 0 {
		return nil, 0, fmt.Errorf("--images %d: must not be negative", f.images)
	}
	spec, guessed, err := f.image.preprocess(cmd, g)
	if err != nil {
		return nil, 0, err
	}
	if guessed != "" && !f.noted {
		a.noteGuess(guessed, spec)
		f.noted = true
	}
	opts := onnxrun.Options{Preprocess: &spec}
	if !f.image.given(cmd) {
		opts.Preprocess = nil
	}
	m, err := onnxrun.NewModel(g, opts)
	if err != nil {
		return nil, 0, err
	}
	defer m.Close()
	data, err := vision.OpenDataset(path)
	if err != nil {
		return nil, 0, err
	}
	defer data.Close()
	some := data.Prefer(parts...).Spread(f.images)
	batches, broken, err := m.Prepare(cmd.Context(), some)
	if len(broken) > 0 {
		a.note("note: %s: %d of %d images cannot be read and are left out; the first: %v", path, len(broken), some.Len(), broken[0])
	}
	for _, x := range batches {
		images += x.Dim(0)
	}
	return batches, images, err
}
