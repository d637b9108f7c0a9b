package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun"
	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/internal/hostfile"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/vision"
)

// labelFlags are the flags of label.
type labelFlags struct {
	image  imageFlags
	format exporter.Options
	out    string
	force  bool
}

func (a *app) labelCommand() *cobra.Command {
	var f labelFlags
	cmd := &cobra.Command{
		Use:   "label MODEL -o OUT",
		Short: "Write labels and preprocessing into a model, so that it needs no flags",
		Long: `Write the names of the classes (--labels) and how images are prepared (--preset,
--mean, --std, --size, --bgr) into the metadata of a model. What is not given
stays as it is. The words imagenet, cifar10 and digits stand for the labels of
these data sets.`,
		Example: "  onnxrun label resnet50.onnx --labels imagenet --preset imagenet -o resnet50-labelled.onnx\n  onnxrun label flowers.onnx --labels names.txt --preset imagenet --size 299 -o out.onnx",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.label(cmd, &f, args[0]) },
	}
	f.image.add(cmd)
	formatFlags(cmd, &f.format)
	cmd.Flags().StringVarP(&f.out, "output", "o", "", "the file to write")
	forceFlag(cmd, &f.force)
	cmd.MarkFlagRequired("output")
	return cmd
}

// label writes what flags say of a model into it.
func (a *app) label(cmd *cobra.Command, f *labelFlags, model string) error {
	given := func(name string) bool { return cmd.Flags().Changed(name) }
	prepared := given("preset") || given("mean") || given("std") || given("size") || given("bgr")
	if f.image.labels == "" && !prepared {
		return errors.New("label: give --labels, --preset or both")
	}
	if err := a.claim(f.force, modelOutputs("-o", f.out, f.format.ExternalData, nil)...); err != nil {
		return err
	}
	g, err := a.loadGraph(model)
	if err != nil {
		return err
	}
	if err := a.claim(f.force, modelOutputs("-o", f.out, f.format.ExternalData, g)...); err != nil {
		return err
	}
	labels, err := a.labelList(f.image.labels)
	if err != nil {
		return err
	}
	var spec *vision.Spec
	if prepared {
		if spec, err = f.image.spec(cmd, g); err != nil {
			return err
		}
	}
	if err := onnxrun.SetMetadata(g, spec, labels); err != nil {
		return err
	}
	if err := a.keep(cmd.Context(), f.out, func() error { return exporter.WriteFile(g, f.out, f.format) }); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"file": f.out, "labels": len(labels), "preprocess": spec})
	}
	if spec != nil {
		plain.Fprintf(a.out, "preprocessing: %v\n", *spec)
	}
	if labels != nil {
		plain.Fprintf(a.out, "labels: %d, %s\n", len(labels), plain.Text(fmt.Sprint(labels), 60))
	}
	plain.Fprintf(a.out, "%v\n", f.out)
	return nil
}

// maxLabels bounds the bytes of labels that are read from standard input.
const maxLabels = 16 << 20

// labelList reads the labels that a flag names: a file, "-" for standard input, or those of a data set.
func (a *app) labelList(name string) ([]string, error) {
	switch name {
	case "":
		return nil, nil
	case "imagenet":
		return vision.ImageNetLabels(), nil
	case "cifar10":
		return vision.CIFAR10Labels(), nil
	case "digits":
		return vision.DigitLabels(), nil
	}
	if name != "-" {
		return vision.ReadLabels(name)
	}
	in, err := a.standardInput("--labels")
	if err != nil {
		return nil, err
	}
	text, err := hostfile.ReadAll(in, maxLabels)
	if err != nil {
		return nil, fmt.Errorf("--labels: standard input: %w", err)
	}
	return vision.ParseLabels(string(text))
}
