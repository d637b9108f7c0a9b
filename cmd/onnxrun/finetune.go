package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/teach"
	"github.com/onnxrun/onnxrun/train"
)

// finetuneFlags are the flags that finetune has beyond those of all that teaches.
type finetuneFlags struct {
	teachFlags
	image   imageFlags
	adapt   teach.AdaptOptions
	teacher string
	distill train.Distillation
}

func (a *app) finetuneCommand() *cobra.Command {
	var f finetuneFlags
	cmd := &cobra.Command{
		Use:   "finetune MODEL DATASET -o OUT",
		Short: "Teach a pretrained model the classes of a data set",
		Long: `Teach a pretrained ONNX model your own classes: its classifier is replaced by one
of as many classes as DATASET has, and the weights go on from what they are.
Models made for inference, with BatchNormalization folded and Dropout removed, can
be taught too.

  --freeze none    all layers learn (the default)
  --freeze NODE    what NODE is computed from, and itself, stays as it is
  --freeze all     only the classifier learns

Where images are not augmented (--augment none; --freeze all implies it), what is
frozen runs once for each image, and its results are kept on disk: an epoch then
takes milliseconds. Few images? Begin with --freeze all; docs/transfer.md says what
to take for how many.

DATASET, OUT and what stands beside it are as in "onnxrun train". A NODE is named as
"onnxrun info MODEL" lists it, or by a value that it computes.`,
		Example: `  onnxrun finetune resnet18.onnx flowers/ -o flowers.onnx
  onnxrun finetune resnet18.onnx flowers/ -o flowers.onnx --freeze all
  onnxrun finetune vgg16.onnx flowers.tar -o f.onnx --freeze pool5 --augment none
  onnxrun finetune small.onnx flowers/ -o s.onnx --distill flowers.onnx`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return a.finetune(cmd, &f, args[0], args[1]) },
	}
	f.add(cmd, teach.Finetune())
	f.image.addPreprocess(cmd)
	p := cmd.Flags()
	p.StringVar(&f.recipe.Freeze, "freeze", "none", "what does not learn: all (but the classifier), none, or all up to a NODE")
	p.StringVar(&f.adapt.Head, "head", "", "the node that classifies; empty: it is found")
	p.BoolVar(&f.adapt.Keep, "keep-head", false, "keep the classifier's weights where it has as many classes")
	p.IntVar(&f.adapt.Reinit, "reinit", 0, "how many of the last layers restart, beside the classifier")
	p.StringSliceVar(&f.adapt.Drop, "drop", nil, "nodes to remove before teaching")
	p.Float32Var(&f.adapt.Dropout, "dropout", 0, "put Dropout of this ratio before the classifier and the linear layers before it")
	p.StringVar(&f.teacher, "distill", "", "a model of the same classes to learn from, beside the labels")
	p.Float64Var(&f.distill.Weight, "distill-weight", 0.7, "how much the teacher's scores count, 0 to 1; the labels have the rest")
	p.Float64Var(&f.distill.Temperature, "distill-temperature", 4, "what scores are divided by")
	p.StringSliceVar(&f.distill.Features, "distill-features", nil, "values, of the same name and type in both models, that are to be alike")
	p.Float64Var(&f.distill.FeatureWeight, "distill-feature-weight", 1, "how much their mean squared difference counts")
	return cmd
}

func (a *app) finetune(cmd *cobra.Command, f *finetuneFlags, model, dataset string) error {
	data, err := openClasses(dataset)
	if err != nil {
		return err
	}
	defer data.Close()
	if err := f.claim(a, data, model, dataset, f.teacher); err != nil {
		return err
	}
	given, err := a.loadGraph(model)
	if err != nil {
		return err
	}
	f.adapt.Seed, f.recipe.Head = f.recipe.Seed, f.adapt.Head
	g, notes, err := teach.Adapt(cmd.Context(), given, len(data.Classes()), f.adapt)
	if err != nil {
		return err
	}
	for _, n := range notes {
		a.note("note: %s", n)
	}
	opts, err := f.options(a, cmd)
	if err != nil {
		return err
	}
	if opts.Spec, err = f.image.spec(cmd, g); err != nil {
		return err
	}
	for _, flag := range []string{"distill-weight", "distill-temperature", "distill-features", "distill-feature-weight"} {
		if f.teacher == "" && cmd.Flags().Changed(flag) {
			return fmt.Errorf("--%s: there is no teacher (--distill MODEL)", flag)
		}
	}
	if f.teacher != "" {
		if opts.Teacher, err = a.loadGraph(f.teacher); err != nil {
			return err
		}
		opts.Recipe.Distill = &f.distill
	}
	return a.teach(cmd, &f.teachFlags, g, data, opts)
}
