package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/vision"
)

func (a *app) featuresCommand() *cobra.Command {
	var flags imageFlags
	var layer, out string
	var force bool
	cmd := &cobra.Command{
		Use:   "features MODEL IMAGE… --layer NAME -o FILE",
		Short: "Write what a model computes at a layer for each image",
		Long: `Write the activations at any named value or node, for each image, as .npy, .csv
or .parquet. Nothing beyond the layer is computed. onnxrun info lists the names.`,
		Example: `  onnxrun features alexnet.onnx *.jpg --layer fc7 -o features.parquet
  onnxrun features lenet5.onnx testdata/seven.png --layer F6 -o f6.npy`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch ext := strings.ToLower(filepath.Ext(out)); ext {
			case ".npy", ".csv", ".parquet":
			default:
				return fmt.Errorf("-o %s: unknown kind of file %q, expects .npy, .csv or .parquet", out, ext)
			}
			if err := a.claim(force, output{flag: "-o", path: out}); err != nil {
				return err
			}
			m, err := flags.open(a, cmd, args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			images, err := a.images(args[1:])
			if err != nil {
				return err
			}
			set, err := m.Features(cmd.Context(), layer, images)
			if err != nil {
				return err
			}
			if err := a.keep(cmd.Context(), out, func() error { return set.Save(out) }); err != nil {
				return err
			}
			if a.json {
				return a.printJSON(map[string]any{"file": out, "layer": layer, "shape": set.Data.Shape()})
			}
			plain.Fprintf(a.out, "%s  %v\n", out, set.Data)
			return nil
		},
	}
	flags.add(cmd)
	forceFlag(cmd, &force)
	cmd.Flags().StringVar(&layer, "layer", "", "the value or node whose activations are written")
	cmd.Flags().StringVarP(&out, "output", "o", "", "the file to write: .npy, .csv or .parquet")
	cmd.MarkFlagRequired("layer")
	cmd.MarkFlagRequired("output")
	return cmd
}

// images is a data set of the IMAGE arguments, of which standard input is read at once.
func (a *app) images(args []string) (*vision.Dataset, error) {
	read := make([]*vision.Image, len(args))
	for i, arg := range args {
		if arg == "-" {
			var err error
			if read[i], err = a.readImage(arg); err != nil {
				return nil, err
			}
		}
	}
	return vision.NewDataset("images", args, func(i int) (*vision.Image, error) {
		if read[i] != nil {
			return read[i], nil
		}
		return vision.DecodeFile(args[i])
	}), nil
}
