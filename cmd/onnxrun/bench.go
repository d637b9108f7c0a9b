package main

import (
	"context"
	goruntime "runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

func (a *app) benchCommand() *cobra.Command {
	var f modelFlags
	var duration time.Duration
	cmd := &cobra.Command{
		Use:   "bench MODEL",
		Short: "Time a model: median, minimum, 95th percentile, allocations",
		Long: `Run a model on random input for a while and print the median, the least and the
95th percentile of the time of a run, and what a run allocates.`,
		Example: "  onnxrun bench alexnet.onnx\n  onnxrun bench model.onnx --threads 1 --batch 8 --time 5s",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, in, err := a.openRandom(cmd.Context(), args[0], f)
			if err != nil {
				return err
			}
			defer s.Close()
			t, err := timeRuns(cmd.Context(), s, in, duration)
			if err != nil {
				return err
			}
			images := 1
			if len(in) > 0 && in[0].Rank() > 0 {
				images = in[0].Dim(0) // whatever --batch says, a model may leave no choice
			}
			perSecond := float64(images) * 1e3 / t.median
			if a.json {
				return a.printJSON(map[string]any{
					"kernels": s.Kernels(), "runs": t.runs, "median_ms": t.median, "min_ms": t.least, "p95_ms": t.p95, "allocs_per_run": t.allocs,
					"images_per_second": perSecond,
				})
			}
			plain.Fprintf(a.out, "median %.4g ms  min %.4g ms  p95 %.4g ms  %.0f allocs/run  %.4g images/s  (%d runs, %s)\n",
				t.median, t.least, t.p95, t.allocs, perSecond, t.runs, s.Kernels())
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().DurationVar(&duration, "time", 2*time.Second, "how long to measure, one run at least")
	return cmd
}

// timing is what runs took, in milliseconds, and allocated each.
type timing struct {
	runs                       int
	median, least, p95, allocs float64
}

// timeRuns runs a session again and again for a while, once at least, after a tenth of that to warm up.
func timeRuns(ctx context.Context, s *runtime.Session, in []*tensor.Tensor, duration time.Duration) (timing, error) {
	out, err := s.Run(ctx, in...)
	if err != nil {
		return timing{}, err
	}
	run := func() error { return s.RunInto(ctx, in, out) }
	start := time.Now()
	for time.Since(start) < duration/10 {
		if err := run(); err != nil {
			return timing{}, err
		}
	}
	var before, after goruntime.MemStats
	times := make([]time.Duration, 0, 1<<20)
	goruntime.ReadMemStats(&before)
	for start = time.Now(); len(times) == 0 || time.Since(start) < duration && len(times) < cap(times); {
		t := time.Now()
		if err := run(); err != nil {
			return timing{}, err
		}
		times = append(times, time.Since(t))
	}
	goruntime.ReadMemStats(&after)
	slices.Sort(times)
	ms := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
	n := len(times)
	return timing{n, ms(times[n/2]), ms(times[0]), ms(times[n*95/100]), float64(after.Mallocs-before.Mallocs) / float64(n)}, nil
}
