// Package compress makes models smaller and faster, proves that they are the same, or tells how far they are not.
//
//	small, report, err := compress.Optimize(ctx, g, compress.Options{Level: passes.O2, Verify: inputs})
package compress

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/onnxrun/onnxrun/internal/mapped"
	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

// Options say how a model is optimized. All may be left out.
type Options struct {
	// Level is which passes run: passes.O1 for those after which the model can still be trained, passes.O2 for all that
	// compute the same.
	Level passes.Level
	// With and Without are names of passes to run beyond the level's, approximate ones, and not to run.
	With, Without []string
	// Approximation says what approximate passes do and, in Images, what to; Run and Time need not be given.
	Approximation passes.Approximation
	// Speedup is how many times faster the pass bottleneck shall make the model, as measured, where neither Approximation.Rank
	// nor Energy is given: layers are chosen by what they lose for the time that they save. 0: not asked for.
	Speedup float64
	// Verify is inputs, each a tensor for every input of the model, on which the result is compared with the original.
	Verify [][]*tensor.Tensor
	// Tolerance is how far the results may be apart where no pass is approximate; 0: DefaultTolerance.
	Tolerance float64
	// Measure times the model before and after on random input, the two by turns, for about this long; 0: not at all.
	Measure time.Duration
	// StopAfter and Debug are as in passes.Options.
	StopAfter int
	Debug     *passes.Debug
	// Runtime is how models are run.
	Runtime runtime.Options
	// Progress, if not nil, is called when a part of the work begins.
	Progress func(doing string)
}

// Report is what Optimize did.
type Report struct {
	Model  string        `json:"model"`
	Level  string        `json:"level"`
	Before Summary       `json:"before"`
	After  Summary       `json:"after"`
	Passes []passes.Stat `json:"passes"`
	// Approximate says that an approximate pass has changed something.
	Approximate bool `json:"approximate"`
	// Verification is of the results of the two models on VerifiedOn, nil where there was nothing to verify on.
	Verification *Difference `json:"verification,omitempty"`
	VerifiedOn   string      `json:"verified_on,omitempty"`
	Tolerance    float64     `json:"tolerance"`
	CalibratedOn string      `json:"calibrated_on,omitempty"`
	Notes        []string    `json:"notes,omitempty"` // for a person to read
}

// Summary is the size of a model.
type Summary struct {
	Nodes      int     `json:"nodes"` // one that a file spells out in several counts as one
	FileNodes  int     `json:"nodes_in_file,omitempty"`
	Parameters int64   `json:"parameters"`
	MACs       int64   `json:"macs"`                 // for one image; 0 where a shape is not known
	FileBytes  int64   `json:"file_bytes,omitempty"` // 0 where there is no file
	Time       float64 `json:"time_ms,omitempty"`    // median of a run of one image; 0 where it is not measured
}

// VerificationError is a model whose results are not the original's.
type VerificationError struct {
	Output    OutputDifference
	Tolerance float64
	Pass      string      // the first after which it is so; empty where none could be told
	At        *Divergence // the first node that is wrong after it
}

func (e *VerificationError) Error() string {
	s := fmt.Sprintf("onnxrun: verification failed: output %s, element %s is off by %s, %s of the output's greatest magnitude; the tolerance is %.3g",
		plain.Quote(e.Output.Output, plain.Name), plain.Text(fmt.Sprint(e.Output.At), plain.Name), errorText(e.Output.Worst), errorText(e.Output.Error), e.Tolerance)
	if e.Pass != "" {
		s += fmt.Sprintf("; the first pass to leave it is %q", e.Pass)
	}
	if e.At != nil {
		s += fmt.Sprintf(", at %v", e.At)
	}
	return s
}

// Optimize makes a model smaller and faster. g stays as it is; the result records in its metadata, under PassesKey, what
// was done. Where the results are not the same on Verify, and no approximate pass accounts for it, the error is a
// *VerificationError, and graph and report are returned all the same.
func Optimize(ctx context.Context, g *ir.Graph, opts Options) (out *ir.Graph, r *Report, err error) {
	defer mapped.Of(g.Backing()).Guard(&err)()
	switch {
	case opts.Speedup != 0 && !(opts.Speedup > 1):
		return nil, nil, &passes.OptionError{Option: "speedup", Value: opts.Speedup, Want: "a factor above 1"}
	case opts.Speedup != 0 && opts.Approximation.Choose != nil:
		return nil, nil, &passes.OptionError{Option: "speedup", Value: opts.Speedup, Want: "no other choice beside it"}
	}
	tolerance := givenTolerance(opts.Tolerance)
	pool := opts.Runtime.Pool
	if pool == nil {
		pool = runtime.NewPool(threads(opts.Runtime))
		defer pool.Close()
		opts.Runtime.Pool = pool
	}
	opts.doing("passes")
	seal := ir.NewSeal(g)
	out = g.Clone()
	stats, err := passes.Optimize(ctx, out, opts.passes(ctx))
	if err != nil {
		return nil, nil, err
	}
	r = &Report{Model: g.Name, Level: opts.Level.String(), Passes: stats, Tolerance: tolerance}
	r.Approximate = slices.ContainsFunc(stats, isApproximate)
	if err := record(out, opts, stats); err != nil {
		return nil, nil, err
	}
	if err := r.watchSteps(ctx, out, opts); err != nil {
		return nil, nil, err
	}
	if err := r.summarize(ctx, g, out, opts); err != nil {
		return nil, nil, err
	}
	if len(opts.Verify) == 0 {
		return out, r, seal.Check()
	}
	opts.doing("verification")
	var failed *VerificationError
	seal.Add(out)
	err = r.VerifyAgain(ctx, g, out, opts)
	if broken := seal.Check(); broken != nil {
		return nil, nil, broken
	}
	switch {
	case errors.As(err, &failed):
		return out, r, opts.blame(ctx, g, failed)
	case err != nil:
		return nil, nil, err
	}
	return out, r, nil
}

// watchSteps prints and checks the steps by which the first inputs to verify on, or else one image of random numbers, would be
// run, as far as Debug asks for it.
func (r *Report) watchSteps(ctx context.Context, g *ir.Graph, opts Options) error {
	debug := opts.Debug.OnlyLowering()
	if debug == nil {
		return nil
	}
	how := opts.Runtime
	how.Passes = &passes.Options{Level: passes.O2, Debug: debug}
	s, err := runtime.Compile(ctx, g, how)
	if err != nil {
		return err
	}
	defer s.Close()
	var in []*tensor.Tensor
	if len(opts.Verify) > 0 && len(opts.Verify[0]) == len(s.Inputs()) {
		in = opts.Verify[0]
	} else if in, err = modelinfo.RandomInputs(s.Inputs(), 1, nil, 1); err != nil {
		r.Notes = append(r.Notes, fmt.Sprintf("the steps are not looked at: %v", err))
		return nil
	}
	_, err = s.Program(ctx, in...)
	return err
}

// limit is how far the results may be apart.
func (r *Report) limit() float64 {
	if r.Approximate {
		return math.Inf(1)
	}
	return r.Tolerance
}

// VerifyAgain compares the original with what was made of the result, what stands in a file for one, as Optimize has
// compared them. The report then tells of this.
func (r *Report) VerifyAgain(ctx context.Context, original, result *ir.Graph, opts Options) error {
	d, err := diff(ctx, original, result, opts.Verify, r.limit(), opts.Runtime)
	if err != nil {
		return err
	}
	r.Verification = d
	if d.Error > r.limit() {
		return &VerificationError{Output: d.WorstOutput(), Tolerance: r.Tolerance, At: d.First}
	}
	return nil
}

// isApproximate reports whether a pass has changed what the model computes.
func isApproximate(s passes.Stat) bool {
	if !slices.ContainsFunc(passes.Table(), func(p passes.Pass) bool { return p.Name == s.Pass && p.Kind == passes.Approximate }) {
		return false
	}
	exact := func(r passes.Rewrite) bool { return r.Skipped != "" || r.Form == passes.FormAverage }
	return slices.ContainsFunc(s.Rewrites, func(r passes.Rewrite) bool { return !exact(r) })
}

// blame finds the pass that makes verification fail.
func (opts Options) blame(ctx context.Context, g *ir.Graph, e *VerificationError) error {
	list := opts.passes(ctx)
	list.Without, list.Debug = slices.Concat(list.Without, list.Debug.Off()), nil // it has printed already
	v, err := verifyPasses(ctx, g, opts.Verify[e.Output.set:][:1],
		VerifyOptions{Tolerance: opts.Tolerance, Runtime: opts.Runtime, Progress: opts.Progress}, list)
	if err != nil {
		return fmt.Errorf("%w; looking for the pass: %w", e, err)
	}
	if v.Failure != nil {
		e.Pass, e.At = v.Failure.Pass, v.Failure.At
	}
	return e
}

func (opts Options) doing(what string) {
	if opts.Progress != nil {
		opts.Progress(what)
	}
}

// passes is the options for the driver.
func (opts Options) passes(ctx context.Context) passes.Options {
	approx := opts.Approximation
	if approx.Run == nil {
		approx.Run = func(g *ir.Graph, batch *tensor.Tensor) ([]*tensor.Tensor, error) {
			out, err := results(ctx, g, g.Outputs(), [][]*tensor.Tensor{{batch}}, opts.Runtime)
			if err != nil {
				return nil, err
			}
			return out[0], nil
		}
	}
	if opts.Speedup != 0 {
		approx.Choose = speedUp(opts.Speedup)
	}
	if approx.Time == nil {
		approx.Time = func(g *ir.Graph) (time.Duration, error) {
			// What else the machine does only adds to a time: the quarter that is fast tells more of the graph.
			t, err := quantileTimes(ctx, opts.Runtime, 100*time.Millisecond, 4, g)
			if err != nil {
				return 0, err
			}
			return t[0], nil
		}
	}
	return passes.Options{
		Level: opts.Level, With: opts.With, Without: opts.Without, Approximation: &approx, StopAfter: opts.StopAfter, Debug: opts.Debug,
		After: func(p passes.Pass, _ *ir.Graph) error {
			opts.doing("passes, after " + p.Name)
			return ctx.Err()
		},
	}
}

// summarize fills in the sizes of the two models and, if asked for, their times.
func (r *Report) summarize(ctx context.Context, before, after *ir.Graph, opts Options) error {
	for _, side := range []struct {
		g *ir.Graph
		s *Summary
	}{{before, &r.Before}, {after, &r.After}} {
		counts, err := modelinfo.Count(side.g)
		if err != nil {
			return err
		}
		*side.s = Summary{Nodes: len(counts.Nodes), Parameters: counts.Parameters}
		if counts.Uncounted == 0 {
			side.s.MACs = counts.MACs
		}
	}
	if opts.Measure <= 0 {
		return nil
	}
	opts.doing("measuring")
	times, err := quantileTimes(ctx, opts.Runtime, opts.Measure, 2, before, after)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		r.Notes = append(r.Notes, fmt.Sprintf("the time is not measured: %v", err))
		return nil
	}
	r.Before.Time, r.After.Time = milliseconds(times[0]), milliseconds(times[1])
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// minRounds is how many runs are timed at least.
const minRounds = 5

// quantileTimes is the time of a run of each graph for one image of random input, such that 1/part of the runs took less: 2
// gives the median. They run by turns for about the given time, so that what else the machine does meets all of them.
func quantileTimes(ctx context.Context, how runtime.Options, length time.Duration, part int, graphs ...*ir.Graph) ([]time.Duration, error) {
	how.Outputs, how.Passes = nil, nil
	runs := make([]func() error, len(graphs))
	for i, g := range graphs {
		s, err := runtime.Compile(ctx, g, how)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		in, err := modelinfo.RandomInputs(s.Inputs(), 1, nil, 1)
		if err != nil {
			return nil, err
		}
		out, err := s.Run(ctx, in...)
		if err != nil {
			return nil, err
		}
		runs[i] = func() error { return s.RunInto(ctx, in, out) }
	}
	times := make([][]time.Duration, len(graphs))
	start := time.Now()
	for round := 0; round < minRounds || time.Since(start) < length; round++ {
		for i := range runs {
			if round%2 == 1 { // nobody is always first
				i = len(runs) - 1 - i
			}
			began := time.Now()
			if err := runs[i](); err != nil {
				return nil, err
			}
			times[i] = append(times[i], time.Since(began))
		}
	}
	quantiles := make([]time.Duration, len(graphs))
	for i, t := range times {
		slices.Sort(t)
		quantiles[i] = t[len(t)/part]
	}
	return quantiles, nil
}
