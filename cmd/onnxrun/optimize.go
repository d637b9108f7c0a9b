package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/compress"
	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/internal/atomicfile"
	"github.com/onnxrun/onnxrun/internal/hostfile"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/vision"
)

// optimizeFlags are the flags of optimize.
type optimizeFlags struct {
	out       string
	level     int
	with      []string
	without   []string
	verify    []string
	tolerance toleranceFlag
	report    string
	calibrate string
	approx    passes.Approximation
	speedup   float64
	force     bool
	list      bool
	debug     []string
	stopAfter int
	measure   time.Duration
	format    exporter.Options
	material  materialFlags
}

func (a *app) optimizeCommand() *cobra.Command {
	var f optimizeFlags
	cmd := &cobra.Command{
		Use:   "optimize MODEL -o OUT",
		Short: "Make a model smaller and faster, prove that it is the same, write it as standard ONNX",
		Long: `Apply passes to a model and write it as standard ONNX. -O1 runs the exact ones,
after which it can still be trained; -O2, the default, also those that are only
good for running, such as BatchNormalization into weights; -O0 none. Approximate
passes, which trade accuracy for speed, run only by name (--pass); their price is
in the report. --list prints all passes.

With --verify the result is compared with the original. Where no approximate pass
ran and they differ by more than the tolerance, nothing is written and the exit
status is 1: the message says which output, how far, which pass.`,
		Example: `  onnxrun optimize resnet50.onnx -o small.onnx --verify photos/
  onnxrun optimize model.onnx -o exact.onnx -O1 --opset 13 --verify random
  onnxrun optimize alexnet.onnx -o fast.onnx --pass bottleneck --speedup 2 --calibrate photos/ --verify photos/
  onnxrun optimize lenet.onnx -o strided.onnx --pass pool-to-conv --pool best --calibrate mnist/ --report r.html
  onnxrun optimize --list`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.list {
				return a.printPasses()
			}
			if len(args) == 0 || f.out == "" {
				return errors.New("usage: onnxrun optimize MODEL -o OUT; the passes: onnxrun optimize --list")
			}
			return f.run(a, cmd, args[0])
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.out, "output", "o", "", "the file to write")
	flags.IntVarP(&f.level, "level", "O", 2, "which passes run: -O0 none, -O1 exact ones, -O2 those for inference too")
	flags.StringArrayVar(&f.with, "pass", nil, "a pass to run as well that runs by name only; may be repeated")
	flags.StringArrayVar(&f.without, "no-pass", nil, "a pass to leave out; may be repeated")
	flags.StringArrayVar(&f.verify, "verify", nil, "compare the results on "+onHelp+"; may be repeated")
	f.tolerance.add(cmd)
	flags.StringVar(&f.report, "report", "", "write a report to FILE.html or FILE.json")
	flags.StringVar(&f.calibrate, "calibrate", "", "images for approximate passes to fit to: a folder or data set")
	flags.StringVar(&f.approx.Pool, "pool", "", "how pool-to-conv replaces max pooling: stride, conv or best (the default with images; without: stride)")
	flags.StringVar(&f.approx.Form, "form", "", "the form of bottlenecks: reduce, tucker2, project, separable or best (the default)")
	flags.IntVar(&f.approx.Rank, "rank", 0, "the rank of bottlenecks")
	flags.Float64Var(&f.approx.Energy, "energy", 0, "the share of the squared singular values that bottlenecks keep")
	flags.Float64Var(&f.speedup, "speedup", 0, "how many times faster bottlenecks shall make the model, as measured")
	forceFlag(cmd, &f.force)
	flags.BoolVar(&f.list, "list", false, "print the passes and do nothing")
	flags.StringArrayVarP(&f.debug, "debug", "d", nil, passes.DebugHelp)
	flags.IntVar(&f.stopAfter, "stop-after", 0, "run the first N passes only; 0 is all, -1 none")
	flags.DurationVar(&f.measure, "time", time.Second, "how long to measure the time before and after; 0 is not at all")
	formatFlags(cmd, &f.format)
	f.material.add(cmd)
	return cmd
}

// check refuses flags that make no sense, before any work.
func (f *optimizeFlags) check(a *app, cmd *cobra.Command) error {
	switch ext := strings.ToLower(filepath.Ext(f.report)); {
	case f.level < 0 || f.level > 2:
		return fmt.Errorf("-O%d: expects -O0, -O1 or -O2", f.level)
	case f.stopAfter < -1:
		return fmt.Errorf("--stop-after %d: expects -1 or more", f.stopAfter)
	case f.measure < 0:
		return fmt.Errorf("--time %v: must not be negative", f.measure)
	case f.report != "" && ext != ".html" && ext != ".json":
		return fmt.Errorf("--report %s: unknown kind of file %q, expects .html or .json", f.report, ext)
	}
	if err := f.tolerance.check(); err != nil {
		return err
	}
	if err := f.checkApproximation(cmd); err != nil {
		return err
	}
	return f.claim(a, nil)
}

// claim looks at the files to write, for a graph or before it is known.
func (f *optimizeFlags) claim(a *app, g *ir.Graph) error {
	outs := modelOutputs("-o", f.out, f.format.ExternalData, g)
	return a.claim(f.force, append(outs, output{flag: "--report", path: f.report})...)
}

// checkApproximation looks at the flags for approximate passes.
func (f *optimizeFlags) checkApproximation(cmd *cobra.Command) error {
	amounts := 0
	for _, c := range []struct {
		flag, value, pass string
		known             []string
	}{
		{"pool", f.approx.Pool, "pool-to-conv", []string{"stride", "conv", "best"}},
		{"form", f.approx.Form, "bottleneck", []string{"reduce", "tucker2", "project", "separable", "best"}},
		{"rank", "", "bottleneck", nil}, {"energy", "", "bottleneck", nil}, {"speedup", "", "bottleneck", nil},
	} {
		switch {
		case !cmd.Flags().Changed(c.flag):
		case !slices.Contains(f.with, c.pass):
			return fmt.Errorf("--%s is for --pass %s", c.flag, c.pass)
		case c.known == nil:
			amounts++
		case !slices.Contains(c.known, c.value):
			return fmt.Errorf("--%s %q: expects one of %s", c.flag, c.value, strings.Join(c.known, ", "))
		}
	}
	fitted := slices.Contains(f.with, "pool-to-conv") || slices.Contains(f.with, "bottleneck")
	switch a := f.approx; {
	case f.calibrate != "" && !fitted:
		return errors.New("--calibrate is for --pass pool-to-conv and --pass bottleneck")
	case slices.Contains(f.with, "bottleneck") && amounts != 1:
		return errors.New("--pass bottleneck: give one of --rank, --energy and --speedup")
	case a.Rank < 0 || cmd.Flags().Changed("rank") && a.Rank == 0:
		return fmt.Errorf("--rank %d: must be at least 1", a.Rank)
	case !(a.Energy >= 0 && a.Energy < 1):
		return fmt.Errorf("--energy %v: must be a share between 0 and 1", a.Energy)
	case f.speedup != 0 && !(f.speedup > 1) || math.IsInf(f.speedup, 0):
		return fmt.Errorf("--speedup %v: must be more than 1", f.speedup)
	}
	return nil
}

func (f *optimizeFlags) run(a *app, cmd *cobra.Command, path string) error {
	if err := f.check(a, cmd); err != nil {
		return err
	}
	opts, err := f.options(a)
	if err != nil {
		return err
	}
	if _, err := passes.Selected(passes.Options{Level: opts.Level, With: opts.With, Without: opts.Without, Debug: opts.Debug}); err != nil {
		return err
	}
	src, err := a.source(path)
	if err != nil {
		return err
	}
	g, err := src.open()
	if err != nil {
		return err
	}
	if err := f.claim(a, g); err != nil {
		return err
	}
	on, calibratedOn, err := f.load(a, cmd, g, &opts)
	if err != nil {
		return err
	}
	doing, done := a.progress()
	opts.Progress = doing
	out, r, err := compress.Optimize(cmd.Context(), g, opts)
	if r != nil {
		r.Model, r.VerifiedOn, r.Before.FileBytes = cmp.Or(modelTitle(path), g.Name), on, fileBytes(path, g)
		if slices.ContainsFunc(r.Passes, isFitted) {
			r.CalibratedOn = calibratedOn
		}
	}
	if err == nil {
		doing("writing")
		err = a.keep(cmd.Context(), f.out, func() error { return f.write(cmd.Context(), src, out, r, opts) })
	}
	done()
	return f.finish(cmd.Context(), a, r, err)
}

// isFitted reports whether a pass has fitted a layer to images.
func isFitted(s passes.Stat) bool {
	return slices.ContainsFunc(s.Rewrites, func(r passes.Rewrite) bool { return r.Calibration > 0 })
}

// finish prints the report and writes it to where it is wanted, and says what went wrong.
func (f *optimizeFlags) finish(ctx context.Context, a *app, r *compress.Report, err error) error {
	var images *passes.ImagesError
	var failed *compress.VerificationError
	switch {
	case errors.As(err, &images):
		return fmt.Errorf("%w (--calibrate, --images)", err)
	case err != nil && !errors.As(err, &failed):
		return err
	}
	if f.report != "" {
		if err := a.keep(ctx, f.report, func() error { return r.Save(f.report) }); err != nil {
			if failed == nil {
				err = fmt.Errorf("%s is written, its report is not: %w", plain.Text(f.out, plain.Name), err)
			}
			return err
		}
	}
	if a.json {
		if err := a.printJSON(r); err != nil {
			return err
		}
	} else {
		a.printReport(r)
	}
	if failed != nil {
		plain.Fprintf(a.err, "%v; nothing is written\n", err)
		return errNo
	}
	if !a.json {
		plain.Fprintf(a.out, "%v\n", f.out)
	}
	return nil
}

// options is the library's options, without what has to be read.
func (f *optimizeFlags) options(a *app) (opts compress.Options, err error) {
	opts = compress.Options{
		Level: passes.Level(f.level), With: f.with, Without: f.without, Approximation: f.approx, Speedup: f.speedup, Tolerance: f.tolerance.option(),
		StopAfter: f.stopAfter, Measure: f.measure,
	}
	if len(f.debug) > 0 {
		if opts.Debug, err = passes.ParseDebug(strings.Join(f.debug, ","), a.err); err != nil {
			return opts, err
		}
	}
	opts.Runtime, err = a.options()
	return opts, err
}

// load reads the images that the flags name.
func (f *optimizeFlags) load(a *app, cmd *cobra.Command, g *ir.Graph, opts *compress.Options) (verified, calibrated string, err error) {
	if f.calibrate != "" {
		batches, n, err := f.material.prepare(a, cmd, g, f.calibrate, vision.Train)
		if err != nil {
			return "", "", err
		}
		opts.Approximation.Images = batches
		calibrated = fmt.Sprintf("%d images of %s", n, f.calibrate)
	}
	opts.Verify, verified, err = f.material.inputs(a, cmd, g, f.verify)
	return verified, calibrated, err
}

// write writes the model. Where results are verified, what stands in a file is, against what stands in the original: both
// are opened afresh, so that nothing that was done in memory is a witness. The bytes of that file then take their place.
func (f *optimizeFlags) write(ctx context.Context, src source, out *ir.Graph, r *compress.Report, opts compress.Options) error {
	write := func() error { return exporter.WriteFile(out, f.out, f.format) }
	if len(opts.Verify) > 0 {
		dir, remove, err := atomicfile.TempDir(f.out)
		if err != nil {
			return err
		}
		defer remove()
		trial := filepath.Join(dir, filepath.Base(f.out))
		if err := exporter.WriteFile(out, trial, f.format); err != nil {
			return fmt.Errorf("%s: %w", f.out, err)
		}
		if err := verifyFile(ctx, src, trial, r, opts); err != nil {
			return err
		}
		write = func() error { return copyModel(trial, f.out) }
	}
	if err := write(); err != nil || isStream(f.out) {
		return err
	}
	r.After.FileBytes = fileBytes(f.out, out)
	if written, err := importer.Open(f.out); err == nil {
		r.After.FileNodes = len(written.Nodes())
	}
	return nil
}

// verifyFile compares the model in a file with the original.
func verifyFile(ctx context.Context, src source, path string, r *compress.Report, opts compress.Options) error {
	written, err := importer.Open(path)
	if err != nil {
		return fmt.Errorf("what was written cannot be read: %w", err)
	}
	original, err := src.again()
	if err != nil {
		return err
	}
	if err := r.VerifyAgain(ctx, original, written, opts); err != nil {
		return fmt.Errorf("what was written: %w", err)
	}
	return nil
}

// copyModel writes a copy of a model's file, and of that of its weights if it has one.
func copyModel(from, to string) error {
	copies := []atomicfile.File{{Path: to, Write: copyOf(from)}}
	if _, err := os.Stat(from + exporter.DataSuffix); err == nil {
		copies = append([]atomicfile.File{{Path: to + exporter.DataSuffix, Write: copyOf(from + exporter.DataSuffix)}}, copies...)
	}
	return atomicfile.WriteAll(copies)
}

// copyOf writes what a file holds.
func copyOf(path string) func(io.Writer) error {
	return func(w io.Writer) error {
		f, err := hostfile.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	}
}
