package main

import (
	goruntime "runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/internal/plain"
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
			out, err := s.Run(cmd.Context(), in...)
			if err != nil {
				return err
			}
			run := func() error { return s.RunInto(cmd.Context(), in, out) }
			start := time.Now()
			for time.Since(start) < duration/10 {
				if err := run(); err != nil {
					return err
				}
			}
			var before, after goruntime.MemStats
			times := make([]time.Duration, 0, 1<<20)
			goruntime.ReadMemStats(&before)
			for start = time.Now(); len(times) == 0 || time.Since(start) < duration && len(times) < cap(times); {
				t := time.Now()
				if err := run(); err != nil {
					return err
				}
				times = append(times, time.Since(t))
			}
			goruntime.ReadMemStats(&after)
			slices.Sort(times)
			ms := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
			n := len(times)
			median, least, p95 := ms(times[n/2]), ms(times[0]), ms(times[n*95/100])
			allocs := float64(after.Mallocs-before.Mallocs) / float64(n)
			images := 1
			if len(in) > 0 && in[0].Rank() > 0 {
				images = in[0].Dim(0) // whatever --batch says, a model may leave no choice
			}
			perSecond := float64(images) * 1e3 / median
			if a.json {
				return a.printJSON(map[string]any{
					"kernels": s.Kernels(), "runs": n, "median_ms": median, "min_ms": least, "p95_ms": p95, "allocs_per_run": allocs,
					"images_per_second": perSecond,
				})
			}
			plain.Fprintf(a.out, "median %.4g ms  min %.4g ms  p95 %.4g ms  %.0f allocs/run  %.4g images/s  (%d runs, %s)\n",
				median, least, p95, allocs, perSecond, n, s.Kernels())
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().DurationVar(&duration, "time", 2*time.Second, "how long to measure, one run at least")
	return cmd
}
