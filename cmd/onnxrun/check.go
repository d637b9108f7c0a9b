package main

import (
	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/internal/plain"
)

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check MODEL",
		Short: "Say every problem that a model has, with the names of the nodes",
		Long: `Say every problem at once: operators and attributes that are not supported,
broken links, weights that are not numbers. Exit status 1 if the model cannot
run, 2 if the file is not a model at all.`,
		Example: "  onnxrun check model.onnx",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			problems, err := a.check(args[0])
			if err != nil {
				return err
			}
			return a.printProblems(problems)
		},
	}
}

func (a *app) check(arg string) ([]importer.Problem, error) {
	if arg == "-" {
		in, err := a.standardInput("MODEL")
		if err != nil {
			return nil, err
		}
		return importer.CheckReader(in)
	}
	return importer.Check(arg)
}

func (a *app) printProblems(problems []importer.Problem) error {
	type row struct {
		Severity string `json:"severity"`
		Node     string `json:"node,omitempty"`
		Op       string `json:"op,omitempty"`
		Message  string `json:"message"`
	}
	rows := []row{}
	faults := 0
	for _, p := range problems {
		if p.Severity == importer.Fault {
			faults++
		}
		rows = append(rows, row{p.Severity.String(), p.Node, p.Op, p.Err.Error()})
		if !a.json {
			plain.Fprintf(a.out, "%v\n", p)
		}
	}
	if a.json {
		if err := a.printJSON(map[string]any{"ok": faults == 0, "problems": rows}); err != nil {
			return err
		}
	} else if len(problems) == 0 && !a.quiet {
		plain.Fprintf(a.out, "ok\n")
	}
	if faults > 0 {
		return errNo
	}
	return nil
}
