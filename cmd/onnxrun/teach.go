package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun"
	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/internal/atomicfile"
	"github.com/onnxrun/onnxrun/internal/chart"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/teach"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/vision"
)

// taughtJSON is what a command that teaches prints as JSON.
type taughtJSON struct {
	File   string         `json:"file"`
	Best   train.Record   `json:"best"`
	Epochs []train.Record `json:"epochs"`
	Early  bool           `json:"early,omitempty"`
	Test   *float64       `json:"test_top1,omitempty"`
	Broken []string       `json:"broken,omitempty"`
	Plan   teach.Plan     `json:"plan"`
}

// openClasses opens a data set that has classes.
func openClasses(path string) (*vision.Dataset, error) {
	data, err := vision.OpenDataset(path)
	if err == nil && len(data.Classes()) == 0 {
		data.Close()
		err = fmt.Errorf("data set %q has no classes: expects a folder for each class, or labels", path)
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// teach teaches a model, and writes it, the log and the curves.
func (a *app) teach(cmd *cobra.Command, f *teachFlags, g *ir.Graph, data *vision.Dataset, opts teach.Options) error {
	if f.findRate != "" {
		return a.findRate(cmd.Context(), f, g, data, opts)
	}
	switch _, err := os.Stat(opts.Checkpoint); {
	case opts.Checkpoint == "":
		a.note("note: %s is no file: no checkpoint, log or curves stand beside it", f.output)
	case err == nil && !opts.Resume:
		a.note("note: begins anew; %s, of a run that was stopped, will be written over (--resume goes on from it)", opts.Checkpoint)
	case err != nil && opts.Resume:
		a.note("note: begins anew; there is no %s to go on from", opts.Checkpoint)
	}
	j := &journal{a: a, f: f}
	j.watch(&opts)
	a.keeps.Store(true)
	taught, err := teach.Classifier(cmd.Context(), g, data, opts)
	j.stop()
	if err != nil {
		if cmd.Context().Err() == nil {
			a.keeps.Store(false)
			j.streams()
		}
		return a.stopped(err, j.kept(opts), opts)
	}
	a.keeps.Store(!isStream(f.output))
	if err := exporter.WriteFile(taught.Model, f.output, f.format); err != nil {
		return err
	}
	a.kept.Store(true)
	a.keeps.Store(false)
	if err := removeCheckpoint(opts.Checkpoint); err != nil {
		a.note("note: %v", err)
	}
	failed := cmp.Or(j.failed, j.streams())
	out := taughtJSON{File: f.output, Epochs: taught.History.Epochs, Early: taught.History.Early, Plan: taught.Plan}
	out.Best = out.Epochs[taught.History.Best-1]
	for _, err := range taught.Broken {
		out.Broken = append(out.Broken, err.Error())
	}
	if part := data.Split(vision.Test); part.Len() > 0 {
		if out.Test, err = a.testAccuracy(cmd.Context(), taught.Model, part, opts.Cache); err != nil {
			return fmt.Errorf("%s is written, but its test images were not measured (onnxrun eval does it): %w", f.output, err)
		}
	}
	if a.json {
		if err := a.printJSON(out); err != nil {
			return err
		}
	} else {
		a.printTaught(out, data)
	}
	if failed != nil {
		return fmt.Errorf("%s is written, but not what goes with it: %w", f.output, failed)
	}
	return nil
}

// removeCheckpoint removes a checkpoint, if one is kept, and its weights where they have a file of their own.
func removeCheckpoint(path string) error {
	if path == "" {
		return nil
	}
	return errors.Join(atomicfile.Remove(path), atomicfile.Remove(path+exporter.DataSuffix))
}

func (a *app) testAccuracy(ctx context.Context, g *ir.Graph, part *vision.Dataset, cache *vision.Cache) (*float64, error) {
	how, err := a.options()
	if err != nil {
		return nil, err
	}
	m, err := onnxrun.NewModel(g, onnxrun.Options{Runtime: how})
	if err != nil {
		return nil, err
	}
	defer m.Close()
	e, err := onnxrun.Evaluate(ctx, m, part, onnxrun.EvaluateOptions{Cache: cache})
	if err != nil {
		return nil, err
	}
	return &e.Top1, nil
}

func (a *app) printTaught(out taughtJSON, data *vision.Dataset) {
	for i, s := range out.Broken {
		if i == 10 {
			a.note("  … and %d more", len(out.Broken)-i)
			break
		}
		a.note("  %s", s)
	}
	if n := len(out.Broken); n > 0 {
		a.note("images that could not be read, in whose places others stood: %d", n)
	}
	plain.Fprintf(a.out, "%s  ", out.File)
	if v := out.Best.Val; v != nil {
		plain.Fprintf(a.out, "epoch %d: %.2f %% of %d validation images", out.Best.Epoch, 100*v.Accuracy, v.Images)
	} else {
		plain.Fprintf(a.out, "epoch %d", out.Best.Epoch)
	}
	if out.Test != nil {
		plain.Fprintf(a.out, ", %.2f %% of %d test images", 100**out.Test, data.Split(vision.Test).Len())
	}
	plain.Fprintf(a.out, "\n")
}

// stopped says how to go on after a run that did not come to its end.
func (a *app) stopped(err error, kept bool, opts teach.Options) error {
	var far *train.NonFiniteError
	interrupted := errors.Is(err, context.Canceled)
	switch {
	case interrupted && opts.Checkpoint == "":
		return errors.New("stopped: nothing is kept, for want of a checkpoint")
	case interrupted && !kept:
		return errors.New("stopped before the first step: there is nothing to keep")
	case !kept:
		return err
	case errors.As(err, &far):
		return fmt.Errorf("%w; %s is the model as it was before", err, opts.Checkpoint)
	case !interrupted:
		return fmt.Errorf("%w; %s is whole: the same command with --resume goes on from there", err, opts.Checkpoint)
	}
	a.note("stopped; %s has all that there is so far. The same command with --resume goes on from there.", opts.Checkpoint)
	return errNo
}

// journal tells what a run does: lines and a progress bar for a person, a log, curves.
type journal struct {
	a       *app
	f       *teachFlags
	begun   bool        // steps are made
	old     os.FileInfo // a checkpoint that this run has not to do with
	records []train.Record
	failed  error // of the latest attempt to write log and curves
	bar     func(done, total int64, what string)
	stop    func()
}

func (j *journal) watch(opts *teach.Options) {
	j.bar, j.stop = j.a.bar()
	var plan teach.Plan
	opts.Begin = func(p teach.Plan) {
		plan, j.begun = p, true
		j.old, _ = os.Stat(opts.Checkpoint)
		what := fmt.Sprintf("%d images, %d classes", p.Images, len(p.Classes))
		if p.Validation > 0 {
			what += fmt.Sprintf(", %d to validate", p.Validation)
		}
		if p.Features != "" {
			what += fmt.Sprintf(", features of %q", p.Features)
		}
		j.a.note("%s; augmentation %s; %v", what, p.Augment, p.Spec)
	}
	opts.Resumed = func(done []train.Record, batch int) {
		j.records, j.old = done, nil
		j.a.note("goes on from %s: epoch %d, after %d steps", opts.Checkpoint, len(done)+1, batch)
	}
	opts.Features = func(n, total int) { j.bar(int64(n), int64(total), "features") }
	opts.Step = func(p train.Progress) {
		j.bar(int64(p.Step), int64(p.Steps), fmt.Sprintf("epoch %d/%d  loss %.4f  accuracy %.2f %%  %.0f images/s  %s left",
			p.Epoch, p.Epochs, p.Train.Loss, 100*p.Train.Accuracy, p.ImagesPS, p.Left.Round(time.Second)))
	}
	opts.Epoch = func(r train.Record) {
		j.records = append(j.records, r)
		j.line(r, plan.Recipe.Epochs)
		err := j.write(false)
		if err != nil && j.failed == nil {
			j.a.note("note: %v", err)
		}
		j.failed = err
	}
}

// kept reports whether there is a checkpoint of this run.
func (j *journal) kept(opts teach.Options) bool {
	info, err := os.Stat(opts.Checkpoint)
	if err != nil || !j.begun {
		return false
	}
	// The number of a file that was replaced may be that of one written later.
	return j.old == nil || !os.SameFile(info, j.old) || !info.ModTime().Equal(j.old.ModTime())
}

// line prints an epoch.
func (j *journal) line(r train.Record, epochs int) {
	if j.a.json || j.a.quiet {
		return
	}
	var s strings.Builder
	fmt.Fprintf(&s, "epoch %*d/%d  loss %.4f  accuracy %5.2f %%", len(fmt.Sprint(epochs)), r.Epoch, epochs, r.Train.Loss, 100*r.Train.Accuracy)
	if r.Val != nil {
		mark := ""
		if r.Best {
			mark = " *"
		}
		fmt.Fprintf(&s, "  val %.4f %5.2f %%%-2s", r.Val.Loss, 100*r.Val.Accuracy, mark)
	}
	fmt.Fprintf(&s, "  rate %.2e  %.0f images/s  %.1f s", r.Rate, r.ImagesPS, r.Seconds)
	plain.Fprintf(j.a.err, "%v\n", s.String())
}

// streams writes the log and the curves that go to devices and pipes: once, when all else that is to be kept is written, as
// they may be full for ever.
func (j *journal) streams() error {
	if len(j.records) == 0 {
		return nil
	}
	return j.write(true)
}

// write writes log and curves anew: after each epoch the files among them, at the end the devices and pipes.
func (j *journal) write(streams bool) error {
	for _, out := range []struct {
		flag, path string
		write      func(io.Writer) error
	}{{"--log", j.f.logFile(), j.writeLog}, {"--curves", j.f.curvesFile(), j.writeCurves}} {
		if out.path == "" || isStream(out.path) != streams {
			continue
		}
		if err := atomicfile.Write(out.path, out.write); err != nil {
			return fmt.Errorf("%s: %w", out.flag, err)
		}
	}
	return nil
}

func (j *journal) writeLog(w io.Writer) error {
	e := json.NewEncoder(w)
	for _, r := range j.records {
		if err := e.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

func (j *journal) writeCurves(w io.Writer) error {
	points := make([]chart.Epoch, len(j.records))
	for i, r := range j.records {
		points[i] = chart.Epoch{Epoch: float64(r.Epoch), TrainLoss: r.Train.Loss, TrainAccuracy: r.Train.Accuracy, ValLoss: math.NaN(), ValAccuracy: math.NaN()}
		if r.Val != nil {
			points[i].ValLoss, points[i].ValAccuracy = r.Val.Loss, r.Val.Accuracy
		}
	}
	return chart.Curves(w, points)
}

// findRate looks for a learning rate.
func (a *app) findRate(ctx context.Context, f *teachFlags, g *ir.Graph, data *vision.Dataset, opts teach.Options) error {
	c, err := teach.FindRate(ctx, g, data, opts)
	if err != nil {
		return err
	}
	err = a.keep(ctx, f.findRate, func() error {
		return atomicfile.Write(f.findRate, func(w io.Writer) error { return chart.Rates(w, c.Rates, c.Losses, c.Pick) })
	})
	if err != nil {
		return fmt.Errorf("--find-rate: %w", err)
	}
	if a.json {
		return a.printJSON(c)
	}
	if c.Pick == 0 {
		plain.Fprintf(a.out, "the loss falls at none of the rates; see %s\n", f.findRate)
		return errNo
	}
	plain.Fprintf(a.out, "%s  the loss falls fastest at a rate of %.2g: --rate %.2g\n", f.findRate, c.Pick, c.Pick)
	return nil
}
