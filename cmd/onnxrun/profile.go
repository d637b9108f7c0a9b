package main

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/lower"
	"github.com/onnxrun/onnxrun/tensor"
)

// profileRow is a step as it is printed.
type profileRow struct {
	Node      string  `json:"node"`
	Op        string  `json:"op"`
	Algorithm string  `json:"algorithm"`
	Micros    float64 `json:"us"`
	Share     float64 `json:"share"`
	GFLOPS    float64 `json:"gflops"`
	GBS       float64 `json:"gbs"`
	Limit     float64 `json:"limit"` // the time that the machine's limits allow over the time taken
	Output    string  `json:"output"`
}

func (a *app) profileCommand() *cobra.Command {
	var f modelFlags
	var runs int
	var inOrder, plan bool
	cmd := &cobra.Command{
		Use:   "profile MODEL",
		Short: "Show where the time goes: time, algorithm and share of the machine's limit of every step",
		Long: `Run a model on random input and show, per step, its time, the algorithm that was
chosen, the rates reached and their share of this machine's limits, which are
measured first. GFLOP/s count the operations of the definition: an algorithm that
needs fewer, such as Winograd's, can pass 100 %. The most expensive step comes first.
With --plan the model is not run: printed are the steps in order, each with the nodes
it computes, kernel, algorithm, element type, what it reads and writes and how that
lies in memory, and the time that is estimated.`,
		Example: "  onnxrun profile resnet50.onnx\n  onnxrun profile resnet50.onnx --threads 1 --batch 8 --order\n  onnxrun profile resnet50.onnx --plan",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, in, err := a.openRandom(cmd.Context(), args[0], f)
			if err != nil {
				return err
			}
			defer s.Close()
			if plan {
				return a.printPlan(cmd.Context(), s, in)
			}
			limits := s.MeasureLimits()
			if _, err := s.Profile(cmd.Context(), 2, in...); err != nil { // caches and clocks come up
				return err
			}
			steps, err := s.Profile(cmd.Context(), runs, in...)
			if err != nil {
				return err
			}
			rows, total := profileRows(steps, limits)
			if !inOrder {
				slices.SortStableFunc(rows, func(x, y profileRow) int { return cmp.Compare(y.Micros, x.Micros) })
			}
			if a.json {
				return a.printJSON(map[string]any{
					"kernels": s.Kernels(), "us": total, "gflops_limit": limits.FLOPS / 1e9, "gbs_limit": limits.Bandwidth / 1e9, "steps": rows,
				})
			}
			a.printProfile(s, rows, total, limits)
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().IntVar(&runs, "runs", 20, "how many runs; times are medians")
	cmd.Flags().BoolVar(&plan, "plan", false, "print the steps that the model is run by, and do not run it")
	cmd.Flags().BoolVar(&inOrder, "order", false, "list steps in the order of execution")
	return cmd
}

// planRow is a step of the plan as it is printed.
type planRow struct {
	Nodes     []string `json:"nodes"`
	Kernel    string   `json:"kernel"`
	Algorithm string   `json:"algorithm"`
	DType     string   `json:"dtype"`
	Reads     []string `json:"reads"`
	Writes    []string `json:"writes"`
	Micros    float64  `json:"estimated_us"`
}

// printPlan prints what Runs of these inputs do.
func (a *app) printPlan(ctx context.Context, s *runtime.Session, in []*tensor.Tensor) error {
	prog, err := s.Program(ctx, in...)
	if err != nil {
		return err
	}
	if !a.json {
		plain.Fprintf(a.out, "kernels %s\n", s.Kernels())
		for line := range strings.Lines(prog.String()) {
			plain.Fprintf(a.out, "%s\n", strings.TrimSuffix(line, "\n"))
		}
		return nil
	}
	texts := func(list []*lower.Array) []string {
		out := []string{}
		for _, x := range list {
			out = append(out, x.String())
		}
		return out
	}
	var rows []planRow
	for _, st := range prog.Steps {
		row := planRow{
			Kernel: st.Kernel, Algorithm: st.Algorithm, DType: st.DType.String(), Reads: texts(st.Reads), Writes: texts(st.Writes),
			Micros: 1e6 * prog.Seconds(st),
		}
		for _, n := range st.Nodes {
			row.Nodes = append(row.Nodes, n.Name)
		}
		rows = append(rows, row)
	}
	return a.printJSON(map[string]any{"kernels": s.Kernels(), "arena_bytes": prog.Arena, "scratch_bytes": 4 * prog.Scratch, "steps": rows})
}

func profileRows(steps []runtime.StepProfile, limits runtime.Limits) (rows []profileRow, total float64) {
	for _, st := range steps {
		seconds := max(st.Time.Seconds(), 1e-9)
		flops := 2 * float64(st.MACs)
		ideal := max(flops/limits.FLOPS, float64(st.Bytes)/limits.Bandwidth)
		total += seconds * 1e6
		row := profileRow{
			Node: st.Node.Name, Op: st.Node.OpName(), Algorithm: st.Algorithm, Micros: seconds * 1e6,
			GFLOPS: flops / seconds / 1e9, GBS: float64(st.Bytes) / seconds / 1e9, Limit: ideal / seconds,
		}
		if v := st.Node.Out(0); v != nil {
			row.Output = v.Type().Shape.String()
		}
		rows = append(rows, row)
	}
	for i := range rows {
		rows[i].Share = rows[i].Micros / total
	}
	return rows, total
}

func (a *app) printProfile(s *runtime.Session, rows []profileRow, total float64, limits runtime.Limits) {
	plain.Fprintf(a.out, "%v in %d steps; kernels %s, limits %.0f GFLOP/s and %.1f GB/s\n",
		time.Duration(total*1e3).Round(time.Microsecond), len(rows), s.Kernels(), limits.FLOPS/1e9, limits.Bandwidth/1e9)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	plain.Cells(w, "time\tshare\tGFLOP/s\tGB/s\tof limit\talgorithm\toutput\tnode\t\n")
	for _, r := range rows {
		plain.Cells(w, "%.1f µs\t%.1f %%\t%.1f\t%.1f\t%.0f %%\t%s\t%s\t%s (%s)\t\n",
			r.Micros, 100*r.Share, r.GFLOPS, r.GBS, 100*r.Limit, r.Algorithm, r.Output, r.Node, r.Op)
	}
	w.Flush()
}
