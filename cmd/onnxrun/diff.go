package main

import (
	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/compress"
	"github.com/onnxrun/onnxrun/internal/plain"
)

func (a *app) diffCommand() *cobra.Command {
	var f materialFlags
	var on []string
	var tolerance toleranceFlag
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Run two models on the same inputs: worst error, top-1 agreement, first node that differs",
		Long: `Run two models on the same inputs, as they stand, and say how far their outputs
are apart and, beyond the tolerance, at which node of B they part. Inputs and
outputs belong together by name, or by place where the names are not the same.
Images are prepared as A wants them. Exit status 1 beyond the tolerance.`,
		Example: "  onnxrun diff resnet50.onnx small.onnx\n  onnxrun diff alexnet.onnx fast.onnx --on photos/ --json",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := tolerance.check(); err != nil {
				return err
			}
			g, err := a.loadGraph(args[0])
			if err != nil {
				return err
			}
			h, err := a.loadGraph(args[1])
			if err != nil {
				return err
			}
			inputs, what, err := f.inputs(a, cmd, g, on)
			if err != nil {
				return err
			}
			how, err := a.options()
			if err != nil {
				return err
			}
			doing, done := a.progress()
			doing("comparing on " + what)
			d, err := compress.Diff(cmd.Context(), g, h, inputs, compress.DiffOptions{Tolerance: tolerance.option(), Runtime: how})
			done()
			if err != nil {
				return err
			}
			return a.printDifference(d, what, float64(tolerance))
		},
	}
	f.add(cmd)
	cmd.Flags().StringArrayVar(&on, "on", []string{"random"}, "what to run them on: "+onHelp+"; may be repeated")
	tolerance.add(cmd)
	return cmd
}

func (a *app) printDifference(d *compress.Difference, on string, tolerance float64) error {
	if a.json {
		if err := a.printJSON(d); err != nil {
			return err
		}
	} else {
		plain.Fprintf(a.out, "on %s: %v\n", on, d)
		for _, o := range d.Outputs {
			if o.Error > 0 && len(d.Outputs) > 1 {
				plain.Fprintf(a.out, "output %q: element %v is off by %v\n", o.Output, o.At, o)
			}
		}
		if d.First != nil {
			plain.Fprintf(a.out, "they part at %v\n", d.First)
		}
	}
	if d.Error > tolerance {
		return errNo
	}
	return nil
}
