package train

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/onnxrun/onnxrun/internal/mapped"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/vision"
)

// Source gives batches, the same for the same epoch, whatever was asked for earlier: vision.Stream of images, Features of what
// frozen layers made of them.
type Source interface {
	// Steps is how many batches an epoch has.
	Steps() int
	// Epoch gives the batches of an epoch, beginning with batch from. A batch holds when the next one is asked for, and no
	// longer when the one after that is.
	Epoch(ctx context.Context, epoch, from int) iter.Seq2[*vision.Batch, error]
}

// Feed makes further inputs of a step, by name, from a batch.
type Feed func(ctx context.Context, b *vision.Batch) (map[string]*tensor.Tensor, error)

// feedsOf is all inputs of a step with a batch.
func (t *Trainer) feedsOf(ctx context.Context, feed Feed, b *vision.Batch) (map[string]*tensor.Tensor, error) {
	var more map[string]*tensor.Tensor
	if feed != nil {
		var err error
		if more, err = feed(ctx, b); err != nil {
			return nil, err
		}
	}
	feeds := clone(more)
	feeds[t.image] = b.X
	if _, ok := t.places[Targets]; ok {
		feeds[Targets] = b.Targets
	}
	return feeds, nil
}

// FitOptions say how a Trainer goes through a Source.
type FitOptions struct {
	Epochs   int
	Rate     float64 // the peak learning rate
	Schedule Schedule
	Warmup   float64 // epochs over which the rate rises to the schedule
	// Validate, if not nil, judges the model after each epoch.
	Validate func(ctx context.Context, model *ir.Graph) (Metrics, error)
	// Patience ends the run after so many epochs without a better validation; 0: never. Best lets the result be the weights
	// of the best validation, not the last ones.
	Patience int
	Best     bool
	// Feed makes more inputs of the step from a batch, such as a teacher's scores; nil: none.
	Feed Feed
	// Checkpoint is the file that all that a run needs to go on is written to, after each epoch, every Every, and when ctx
	// is done; empty: none. Resume goes on from it if it is there.
	Checkpoint string
	Every      time.Duration // 0: after epochs only
	Resume     bool
	// Identity tells runs apart that cannot go on from each other's checkpoints: data and settings, by what they are.
	Identity map[string]string
	// Step and Epoch, if not nil, are called after each step and each epoch.
	Step  func(Progress)
	Epoch func(Record)
	// Resumed, if not nil, is called before the first step of a run that goes on from a checkpoint, with the epochs that are done.
	Resumed func(done []Record, batch int)
}

// Metrics is how well a model does: the mean loss of an image, and the share of images, 0 to 1, that are told right.
type Metrics struct {
	Images   int     `json:"images"`
	Loss     float64 `json:"loss"`
	Accuracy float64 `json:"accuracy"`
}

// Record is an epoch of a run.
type Record struct {
	Epoch    int      `json:"epoch"` // the first is 1
	Steps    int64    `json:"steps"` // since the beginning
	Rate     float64  `json:"rate"`  // the learning rate of the last step
	Train    Metrics  `json:"train"` // of the images as they were learned from, while the weights changed
	Val      *Metrics `json:"val,omitempty"`
	Best     bool     `json:"best,omitempty"` // the validation was better than all before
	Seconds  float64  `json:"seconds"`        // of the epoch, validation included; of a resumed one, the part since
	ImagesPS float64  `json:"images_per_second"`
}

// Progress is how far a run is.
type Progress struct {
	Epoch, Epochs int // the first is 1
	Step, Steps   int // of the epoch
	Rate          float64
	Train         Metrics // of the epoch so far
	ImagesPS      float64
	Left          time.Duration
}

// History is what came of a run.
type History struct {
	Epochs []Record `json:"epochs"`
	Best   int      `json:"best"`            // the epoch whose weights the trainer has at the end
	Early  bool     `json:"early,omitempty"` // Patience ended it
}

// fit is a run under way.
type fit struct {
	t    *Trainer
	src  Source
	opts FitOptions

	position
	best    map[string]*tensor.Tensor // of the model's state
	saved   time.Time
	started time.Time // of this process's part of the epoch
	steps   int       // of it
	images  int       // of it
}

// position is where a run stands, between two steps.
type position struct {
	Epoch   int      `json:"epoch"` // from 0
	Batch   int      `json:"batch"` // the next one
	LossSum float64  `json:"loss_sum"`
	Right   int      `json:"right"`
	Images  int      `json:"images"`
	Rate    float64  `json:"rate"`
	History []Record `json:"history"`
	BestAt  int      `json:"best_at"` // epoch from 1; 0: none
}

// Fit teaches epoch after epoch. When ctx is done, a checkpoint is written and the error is ctx's, or that of the writing; run
// again with Resume, the weights come out the same, to the bit, as if it had never stopped: by the same kernels and number of
// threads.
func (t *Trainer) Fit(ctx context.Context, src Source, opts FitOptions) (history *History, err error) {
	defer mapped.Of(t.base.Backing()).Guard(&err)()
	if opts.Epochs < 1 || src.Steps() < 1 {
		return nil, fmt.Errorf("train: %d epochs of %d batches leave nothing to do", opts.Epochs, src.Steps())
	}
	switch {
	case !(opts.Rate > 0) || math.IsInf(opts.Rate, 0):
		return nil, fmt.Errorf("train: learning rate %v: expects a number above 0", opts.Rate)
	case !(opts.Warmup >= 0 && opts.Warmup <= float64(opts.Epochs)):
		return nil, fmt.Errorf("train: warm-up over %v epochs: expects 0 to %d, which is all", opts.Warmup, opts.Epochs)
	case opts.Patience < 0:
		return nil, fmt.Errorf("train: patience %d: expects 0 epochs or more", opts.Patience)
	}
	f := &fit{t: t, src: src, opts: opts, saved: time.Now()}
	if opts.Resume && opts.Checkpoint != "" {
		if err := f.load(); err != nil {
			return nil, err
		}
	}
	early := f.exhausted()
	for f.Epoch < opts.Epochs && !early {
		if err := f.epoch(ctx); err != nil {
			return f.history(early), f.stopped(ctx, err)
		}
		early = f.exhausted()
	}
	if opts.Best && f.best != nil {
		if err := t.restoreModel(f.best); err != nil {
			return nil, err
		}
	}
	return f.history(early), nil
}

// history is what came of the run so far.
func (f *fit) history(early bool) *History {
	best := len(f.History)
	if f.opts.Best && f.best != nil {
		best = f.BestAt
	}
	return &History{Epochs: f.History, Best: best, Early: early}
}

// exhausted reports whether validation has not become better for long enough.
func (f *fit) exhausted() bool {
	return f.opts.Patience > 0 && f.BestAt > 0 && f.Epoch-f.BestAt >= f.opts.Patience && f.Epoch < f.opts.Epochs
}

// stopped writes a checkpoint when ctx is what ended the run.
func (f *fit) stopped(ctx context.Context, err error) error {
	if ctx.Err() == nil || !errors.Is(err, ctx.Err()) || f.opts.Checkpoint == "" {
		return err
	}
	if saving := f.save(); saving != nil {
		return saving
	}
	return err
}

// epoch makes what is left of an epoch.
func (f *fit) epoch(ctx context.Context) error {
	f.started, f.steps, f.images = time.Now(), 0, 0
	steps := f.src.Steps()
	for b, err := range f.src.Epoch(ctx, f.Epoch, f.Batch) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = f.step(ctx, b, steps)
		}
		if err != nil {
			return err
		}
		if f.opts.Every > 0 && time.Since(f.saved) >= f.opts.Every && f.Batch < steps {
			if err := f.save(); err != nil {
				return err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.finish(ctx)
}

// step makes one step.
func (f *fit) step(ctx context.Context, b *vision.Batch, steps int) error {
	feeds, err := f.t.feedsOf(ctx, f.opts.Feed, b)
	if err != nil {
		return err
	}
	total := f.opts.Epochs * steps
	at := f.Epoch*steps + f.Batch
	f.Rate = f.opts.Rate * f.opts.Schedule.Factor(at, int(f.opts.Warmup*float64(steps)), total)
	r, err := f.t.Step(ctx, f.Rate, feeds)
	if err != nil {
		return err
	}
	n := b.X.Dim(0)
	f.LossSum += r.Loss * float64(n)
	f.Images += n
	f.images += n
	f.Right += right(r.Scores, b.Classes)
	f.Batch++
	f.steps++
	if f.opts.Step != nil {
		f.opts.Step(f.progress(steps))
	}
	return nil
}

func (f *fit) progress(steps int) Progress {
	took := time.Since(f.started)
	p := Progress{Epoch: f.Epoch + 1, Epochs: f.opts.Epochs, Step: f.Batch, Steps: steps, Rate: f.Rate, Train: f.metrics()}
	if f.steps > 0 && took > 0 {
		p.ImagesPS = float64(f.images) / took.Seconds()
		p.Left = took / time.Duration(f.steps) * time.Duration((f.opts.Epochs-f.Epoch)*steps-f.Batch)
	}
	return p
}

// metrics is those of the epoch so far.
func (f *fit) metrics() Metrics {
	m := Metrics{Images: f.Images}
	if f.Images > 0 {
		m.Loss, m.Accuracy = f.LossSum/float64(f.Images), float64(f.Right)/float64(f.Images)
	}
	return m
}

// finish judges the epoch and goes on to the next.
func (f *fit) finish(ctx context.Context) error {
	if err := f.t.sound(f.Rate); err != nil {
		return err
	}
	took := time.Since(f.started).Seconds()
	r := Record{Epoch: f.Epoch + 1, Steps: f.t.Steps(), Rate: f.Rate, Train: f.metrics(), ImagesPS: float64(f.images) / max(took, 1e-9)}
	if f.opts.Validate != nil {
		if err := f.validate(ctx, &r); err != nil {
			return err
		}
	}
	r.Seconds = time.Since(f.started).Seconds()
	f.position = position{Epoch: f.Epoch + 1, Rate: f.Rate, History: append(f.History, r), BestAt: f.BestAt}
	if r.Best {
		f.BestAt = r.Epoch
	}
	if f.opts.Checkpoint != "" {
		if err := f.save(); err != nil {
			return err
		}
	}
	if f.opts.Epoch != nil {
		f.opts.Epoch(r)
	}
	return nil
}

// validate judges the model as it is, and keeps it if it is the best so far.
func (f *fit) validate(ctx context.Context, r *Record) error {
	g, err := f.t.Model()
	if err != nil {
		return err
	}
	m, err := f.opts.Validate(ctx, g)
	if err != nil {
		return err
	}
	if math.IsNaN(m.Loss) || math.IsInf(m.Loss, 0) {
		return &NonFiniteError{Step: f.t.Steps(), Rate: f.Rate, Node: "the loss of validation"}
	}
	r.Val = &m
	r.Best = f.BestAt == 0 || better(m, *f.History[f.BestAt-1].Val)
	if r.Best && (f.opts.Best || f.opts.Patience > 0) {
		f.best = f.t.modelState()
	}
	return nil
}

// better compares accuracies, and losses where they are equal.
func better(a, b Metrics) bool {
	return a.Accuracy > b.Accuracy || a.Accuracy == b.Accuracy && a.Loss < b.Loss
}
