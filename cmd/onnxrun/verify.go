package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/compress"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/passes"
)

func (a *app) verifyCommand() *cobra.Command {
	var f materialFlags
	var level int
	var on, without []string
	var tolerance toleranceFlag
	cmd := &cobra.Command{
		Use:   "verify MODEL",
		Short: "Run a model after each pass, and name the first pass and node that leave the tolerance",
		Long: `Run a model as it stands, then after each prefix of the table of passes, and at
last as a session runs it, on the same inputs. If the results leave the tolerance,
say after which pass and at which node, and exit with status 1.`,
		Example: "  onnxrun verify resnet50.onnx\n  onnxrun verify model.onnx --on photos/ --images 16 --tolerance 1e-5",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := tolerance.check(); err != nil {
				return err
			}
			if level < 0 || level > 2 {
				return fmt.Errorf("-O%d: expects -O0, -O1 or -O2", level)
			}
			g, err := a.loadGraph(args[0])
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
			v, err := compress.Verify(cmd.Context(), g, inputs, compress.VerifyOptions{
				Level: passes.Level(level), Without: without, Tolerance: tolerance.option(), Runtime: how, Progress: doing,
			})
			done()
			if err != nil {
				return err
			}
			return a.printVerification(v, what)
		},
	}
	f.add(cmd)
	cmd.Flags().StringArrayVar(&on, "on", []string{"random"}, "what to run it on: "+onHelp+"; may be repeated")
	cmd.Flags().IntVarP(&level, "level", "O", 2, "which passes run: -O0 none, -O1 exact ones, -O2 those for inference too")
	cmd.Flags().StringArrayVar(&without, "no-pass", nil, "a pass to leave out; may be repeated")
	tolerance.add(cmd)
	return cmd
}

func (a *app) printVerification(v *compress.Verification, on string) error {
	if a.json {
		if err := a.printJSON(v); err != nil {
			return err
		}
	} else {
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		plain.Cells(w, "PASS\tNODES\tWORST ERROR\tTOP-1\n")
		for _, s := range v.Steps {
			if !s.Changed {
				plain.Cells(w, "%s\t%d\t(changed nothing)\t\n", s.Pass, s.Nodes)
				continue
			}
			plain.Cells(w, "%s\t%d\t%v\t%d of %d\n", s.Pass, s.Nodes, s.Worst, s.Agree, s.Rows)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	switch f := v.Failure; {
	case f == nil:
		if !a.json {
			plain.Fprintf(a.out, "ok on %s: within the tolerance of %.3g\n", on, v.Tolerance)
		}
		return nil
	case a.json:
	case f.At != nil:
		plain.Fprintf(a.out, "pass %q leaves the tolerance of %.3g at %v: output %q, element %v is off by %v\n", f.Pass, v.Tolerance, f.At, f.Worst.Output, f.Worst.At, f.Worst)
	default:
		plain.Fprintf(a.out, "%q leaves the tolerance of %.3g: output %q, element %v is off by %v\n", f.Pass, v.Tolerance, f.Worst.Output, f.Worst.At, f.Worst)
	}
	return errNo
}
