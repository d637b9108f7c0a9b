package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun"
	"github.com/onnxrun/onnxrun/compress"
	"github.com/onnxrun/onnxrun/internal/plain"
)

func (a *app) infoCommand() *cobra.Command {
	var nodes bool
	cmd := &cobra.Command{
		Use:     "info MODEL",
		Short:   "Say what a model is: inputs, outputs, parameters, multiply-accumulates",
		Example: "  onnxrun info resnet50.onnx\n  onnxrun info resnet50.onnx --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			g, err := a.loadGraph(args[0])
			if err != nil {
				return err
			}
			info, err := onnxrun.Inspect(g)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(info)
			}
			return a.printInfo(info, nodes && !a.quiet)
		},
	}
	cmd.Flags().BoolVar(&nodes, "nodes", true, "print the table of nodes")
	return cmd
}

func (a *app) printInfo(info *onnxrun.Info, nodes bool) error {
	plain.Fprintf(a.out, "model       %s (opset %d)\n", info.Name, info.Opset)
	for _, v := range info.Inputs {
		plain.Fprintf(a.out, "input       %s\n", describe(v))
	}
	for _, v := range info.Outputs {
		plain.Fprintf(a.out, "output      %s\n", describe(v))
	}
	plain.Fprintf(a.out, "parameters  %s\n", grouped(info.Parameters))
	macs := grouped(info.MACs)
	if info.Uncounted > 0 {
		macs += fmt.Sprintf(", and those of %d nodes whose shapes are not known", info.Uncounted)
	}
	plain.Fprintf(a.out, "MACs        %s\n", macs)
	for _, key := range sortedKeys(info.Metadata) {
		steps, err := compress.ParseHistory(info.Metadata[key])
		if key == compress.PassesKey && err == nil {
			a.printHistory(steps)
			continue
		}
		plain.Fprintf(a.out, "metadata    %s = %s\n", key, plain.Text(info.Metadata[key], 100))
	}
	if !nodes {
		return nil
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	plain.Cells(w, "\nNODE\tOPERATOR\tOUTPUT\tPARAMETERS\tMACS\n")
	for _, n := range info.Nodes {
		plain.Cells(w, "%s\t%s\t%s\t%s\t%s\n", n.Name, n.Op, shapeText(n.Shape), blankZero(n.Parameters), blankZero(n.MACs))
	}
	return w.Flush()
}

// printHistory prints what was done to a model.
func (a *app) printHistory(steps []compress.Step) {
	for _, s := range steps {
		parts := make([]string, len(s.Passes))
		for i, p := range s.Passes {
			parts[i] = fmt.Sprintf("%s %d×", p.Pass, p.Hits)
		}
		plain.Fprintf(a.out, "optimized   %s: %s\n", s.Level, strings.Join(parts, ", "))
		for _, r := range s.Rewrites {
			parts := []string{r.Form}
			if len(r.Ranks) > 0 {
				parts = append(parts, "rank "+ranksText(r.Ranks))
			}
			parts = append(parts, "error "+r.ErrorText())
			if macs := macsText(r); macs != "" {
				parts = append(parts, macs+" MACs")
			}
			plain.Fprintf(a.out, "  %s: %s\n", r.Node, strings.Join(parts, "; "))
		}
	}
}

func describe(v onnxrun.ValueInfo) string {
	return v.Name + ": " + v.Type + shapeText(v.Shape)
}

func shapeText(shape []string) string {
	if shape == nil {
		return "[…]"
	}
	return "[" + strings.Join(shape, "×") + "]"
}

func blankZero(n int64) string {
	if n == 0 {
		return ""
	}
	return grouped(n)
}

// grouped writes 60965224 as 60,965,224.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
