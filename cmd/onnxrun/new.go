package main

import (
	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun"
	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/zoo"
)

func (a *app) newCommand() *cobra.Command {
	var opts zoo.Options
	var out string
	var force bool
	var format exporter.Options
	cmd := &cobra.Command{
		Use:       "new ARCH -o OUT",
		Short:     "Write a classic architecture with fresh weights",
		Long:      "Write a classic architecture with fresh, seeded weights:\n  " + wrapped(zoo.Names(), 78),
		Example:   "  onnxrun new alexnet -o alexnet.onnx\n  onnxrun new resnet18 --classes 10 --seed 7 -o r.onnx",
		Args:      cobra.ExactArgs(1),
		ValidArgs: zoo.Names(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.claim(force, modelOutputs("-o", out, format.ExternalData, nil)...); err != nil {
				return err
			}
			g, err := zoo.Build(args[0], opts)
			if err != nil {
				return err
			}
			if err := a.claim(force, modelOutputs("-o", out, format.ExternalData, g)...); err != nil {
				return err
			}
			if err := a.keep(cmd.Context(), out, func() error { return exporter.WriteFile(g, out, format) }); err != nil {
				return err
			}
			info, err := onnxrun.Inspect(g)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(map[string]any{"file": out, "parameters": info.Parameters, "macs": info.MACs})
			}
			plain.Fprintf(a.out, "%s  %s parameters, %s MACs\n", out, grouped(info.Parameters), grouped(info.MACs))
			return nil
		},
	}
	cmd.Flags().IntVar(&opts.Classes, "classes", 0, "how many classes; 0 is the architecture's own number")
	cmd.Flags().Uint64Var(&opts.Seed, "seed", 0, "the seed of the weights")
	cmd.Flags().StringVarP(&out, "output", "o", "", "the file to write")
	forceFlag(cmd, &force)
	formatFlags(cmd, &format)
	cmd.MarkFlagRequired("output")
	return cmd
}
