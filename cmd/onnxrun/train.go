package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/internal/suggest"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/teach"
	"github.com/onnxrun/onnxrun/vision"
	"github.com/onnxrun/onnxrun/zoo"
)

func (a *app) trainCommand() *cobra.Command {
	var f teachFlags
	var image imageFlags
	cmd := &cobra.Command{
		Use:   "train ARCH|MODEL DATASET -o OUT",
		Short: "Teach a network from scratch the classes of a data set",
		Long: `Teach a network from scratch: an architecture,
  ` + wrapped(zoo.Names(), 78) + `
or that of an ONNX model, whose weights are made afresh. DATASET is a folder with a
folder for each class, a .tar of the same, IDX files or a .csv of path,label lines;
folders train, val and test above those of the classes split it. Without val, a
share of the training images validates.

The flags' values are good ones for sgd. Adam and adamw want a --rate of about
0.001; --find-rate draws how the loss goes with the rate. docs/training.md has more.

OUT is an ONNX model that knows its classes and how images are prepared. Beside it
stand OUT.jsonl, a line for each epoch, and OUT.png, the curves. A run that is
stopped, by Ctrl-C too, leaves OUT.checkpoint.onnx; with --resume it goes on to the
same weights, to the bit, and writes over its checkpoint, log and curves. Any other
file that exists needs --force.`,
		Example: `  onnxrun train lenet5 mnist/ -o lenet5.onnx
  onnxrun train lenet5 mnist/ -o lenet5.onnx --optimizer adam --rate 0.001
  onnxrun train resnet20 cifar10/ -o r20.onnx --epochs 30 --rate 0.1 --batch 128
  onnxrun train resnet18 flowers/ --find-rate rates.png
  onnxrun train resnet18 flowers/ -o flowers.onnx --resume`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := openClasses(args[1])
			if err != nil {
				return err
			}
			defer data.Close()
			if err := f.claim(a, data, args...); err != nil {
				return err
			}
			g, err := a.fresh(cmd.Context(), args[0], data, f.recipe.Seed)
			if err != nil {
				return err
			}
			opts, err := f.options(a, cmd)
			if err != nil {
				return err
			}
			if opts.Spec, err = image.spec(cmd, g); err != nil {
				return err
			}
			return a.teach(cmd, &f, g, data, opts)
		},
	}
	f.add(cmd, teach.FromScratch())
	image.addPreprocess(cmd)
	return cmd
}

// fresh is an architecture, or a model with weights made anew, with the classes of a data set.
func (a *app) fresh(ctx context.Context, arg string, data *vision.Dataset, seed uint64) (*ir.Graph, error) {
	n := len(data.Classes())
	if slices.Contains(zoo.Names(), arg) {
		return zoo.Build(arg, zoo.Options{Classes: max(n, 1), Seed: seed})
	}
	g, err := a.loadGraph(arg)
	if err != nil {
		return nil, fmt.Errorf("%w; as an architecture it is not known%s", err, suggest.Nearest(arg, zoo.Names()))
	}
	g, _, err = teach.Adapt(ctx, g, n, teach.AdaptOptions{Reinit: teach.ReinitAll, Seed: seed})
	return g, err
}

// wrapped is names with commas, in lines of up to so many characters, indented by two.
func wrapped(names []string, width int) string {
	var b strings.Builder
	column := 0
	for i, name := range names {
		if i > 0 {
			b.WriteString(",")
			if column += 2 + len(name); column > width {
				b.WriteString("\n  ")
				column = len(name)
			} else {
				b.WriteString(" ")
			}
		} else {
			column = len(name)
		}
		b.WriteString(name)
	}
	return b.String()
}
