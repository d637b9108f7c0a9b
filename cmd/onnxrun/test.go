package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/internal/conformance"
	"github.com/onnxrun/onnxrun/internal/plain"
)

func (a *app) testCommand() *cobra.Command {
	tol := conformance.DefaultTolerance
	cmd := &cobra.Command{
		Use:   "test DIR…",
		Short: "Run ONNX backend-test cases: folders with model.onnx and test_data_set_N",
		Long: `Run every ONNX backend-test case at or below the folders: a model.onnx beside
test_data_set_N/{input,output}_N.pb. Failures are printed with their reasons;
the last line is "N passed, N failed, N skipped". Skipped are cases with an
operator or type that is not supported. Exit status 1 if any case fails.`,
		Example: "  onnxrun test /usr/include/onnx/backend/test/data/node\n  onnxrun test --rtol 1e-3 --atol 1e-4 cases/",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			how, err := a.options()
			if err != nil {
				return err
			}
			opts := conformance.Options{Tolerance: tol, Runtime: how}
			var results []conformance.Result
			for _, root := range args {
				names, err := conformance.Find(root)
				if err != nil {
					return err
				}
				if len(names) == 0 {
					return fmt.Errorf("test: %s: no folder with a model.onnx", root)
				}
				for _, name := range names {
					r := conformance.Run(cmd.Context(), filepath.Join(root, name), name, opts)
					if err := cmd.Context().Err(); err != nil {
						return err
					}
					results = append(results, r)
					if !a.json && r.Status != conformance.Pass && !(a.quiet && r.Status == conformance.Skip) {
						plain.Fprintf(a.out, "%s %s: %s\n", r.Status, r.Name, r.Reason)
					}
				}
			}
			return a.printResults(results)
		},
	}
	cmd.Flags().Float64Var(&tol.Rel, "rtol", tol.Rel, "relative tolerance")
	cmd.Flags().Float64Var(&tol.Abs, "atol", tol.Abs, "absolute tolerance")
	return cmd
}

func (a *app) printResults(results []conformance.Result) error {
	passed, failed, skipped, line := conformance.Summary(results)
	if a.json {
		type row struct {
			Name   string   `json:"name"`
			Status string   `json:"status"`
			Reason string   `json:"reason,omitempty"`
			Worst  *float64 `json:"worst_absolute_error"` // null where there is no distance
		}
		rows := make([]row, len(results))
		for i, r := range results {
			rows[i] = row{r.Name, r.Status.String(), r.Reason, number(r.Worst)}
		}
		if err := a.printJSON(map[string]any{"passed": passed, "failed": failed, "skipped": skipped, "cases": rows}); err != nil {
			return err
		}
	} else {
		plain.Fprintf(a.out, "%v\n", line)
	}
	if failed > 0 {
		return errNo
	}
	return nil
}
