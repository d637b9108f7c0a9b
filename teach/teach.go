// Package teach teaches classifiers: a network from scratch, or a pretrained model other classes.
//
//	g, notes, err := teach.Adapt(ctx, pretrained, len(data.Classes()), teach.AdaptOptions{})
//	taught, err := teach.Classifier(ctx, g, data, teach.Options{Recipe: teach.Finetune()})
package teach

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/onnxrun/onnxrun/internal/mapped"
	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/vision"
)

// Options say how a model is taught. All may be left out.
type Options struct {
	// Recipe is what the result depends on; nil stands for FromScratch.
	Recipe *Recipe
	// Spec is how images are prepared; nil stands for what the model says of itself, else for a guess.
	Spec *vision.Spec
	// Teacher is a model of the same classes that Recipe.Distill learns from.
	Teacher *ir.Graph
	// Checkpoint is a file that is written every Every (0: never) and after each epoch, and when ctx is done; with Resume the
	// run goes on from it where it is there. It is left when the run is over.
	Checkpoint string
	Every      time.Duration
	Resume     bool
	// Strict makes an image that cannot be read an error; else it is left out and told.
	Strict bool
	// Cache keeps decoded images; nil stands for one of DefaultCacheBytes, for this run alone.
	Cache *vision.Cache
	// FeatureCache is the folder in which the features of frozen layers are kept; empty stands for the user's cache folder.
	FeatureCache string
	Runtime      runtime.Options
	// Guessed is told how images are prepared where that had to be guessed, and from what: Spec says it otherwise.
	Guessed func(why string, s vision.Spec)
	// Begin is told before the first step what is about to happen; Step and Epoch are told after each; Note what a person
	// should know. All may be nil.
	Begin    func(Plan)
	Features func(images, total int) // while features are computed
	Step     func(train.Progress)
	Epoch    func(train.Record)
	Resumed  func(done []train.Record, batch int) // a run goes on after these epochs, and after that many steps of the next one
	Note     func(string)
}

// DefaultCacheBytes is the bound on decoded images in memory where Options have no Cache.
const DefaultCacheBytes = 2 << 30

// Plan is what a run is about to do.
type Plan struct {
	Images     int         `json:"images"`            // that are learned from
	Validation int         `json:"validation_images"` // 0: none
	Classes    []string    `json:"classes"`
	Augment    string      `json:"augment"`
	Spec       vision.Spec `json:"preprocess"`
	Features   string      `json:"features,omitempty"` // the value whose features are computed once
	Recipe     Recipe      `json:"recipe"`
}

// Taught is what came of it.
type Taught struct {
	Model   *ir.Graph // describes itself: labels and preprocessing
	History *train.History
	Broken  []error // images that could not be read
	Plan    Plan
}

// Classifier teaches a classifier the classes of a data set, of which it has as many (see Adapt), and returns it as a new graph.
// The data set's parts are used as they are named: train, or all but val and test, is learned from, val validates; without
// val a share of the training images does, of each class the same.
func Classifier(ctx context.Context, g *ir.Graph, data *vision.Dataset, opts Options) (taught *Taught, err error) {
	defer mapped.Of(g.Backing()).Guard(&err)()
	seal := ir.NewSeal(g, opts.Teacher)
	t, err := newTeaching(g, data, opts)
	if err != nil {
		return nil, err
	}
	defer t.close()
	if err := t.sources(ctx); err != nil {
		return nil, err
	}
	if err := t.prepare(ctx); err != nil {
		return nil, err
	}
	h, err := t.fit(ctx)
	if err != nil {
		return nil, err
	}
	if err := seal.Check(); err != nil {
		return nil, err
	}
	return t.result(h)
}

// rateSteps is how many steps a search for a learning rate makes.
const rateSteps = 200

// FindRate looks for a learning rate for what Classifier would do with these options, from 1e-6 to 10 (train.Trainer.FindRate);
// their rate and schedule do not matter.
func FindRate(ctx context.Context, g *ir.Graph, data *vision.Dataset, opts Options) (curve *train.RateCurve, err error) {
	defer mapped.Of(g.Backing()).Guard(&err)()
	t, err := newTeaching(g, data, opts)
	if err != nil {
		return nil, err
	}
	defer t.close()
	if err := t.sources(ctx); err != nil {
		return nil, err
	}
	if err := t.prepare(ctx); err != nil {
		return nil, err
	}
	return t.trainer.FindRate(ctx, t.src, t.feed(), 1e-6, 10, rateSteps)
}

// teaching is a run of Classifier.
type teaching struct {
	opts       Options
	recipe     Recipe
	model      *ir.Graph // as it was given
	spec       vision.Spec
	learn, val *vision.Dataset
	classes    []string

	streams  []*vision.Stream
	features []*train.Features
	src      train.Source
	judge    train.Source // nil: no validation
	front    *ir.Graph    // what is computed once; nil where all is computed in each step
	back     *ir.Graph    // what is taught
	trainer  *train.Trainer
	plan     Plan
	teacher  *teacher
}

func newTeaching(g *ir.Graph, data *vision.Dataset, opts Options) (*teaching, error) {
	recipe := *cmp.Or(opts.Recipe, FromScratch())
	if err := recipe.check(); err != nil {
		return nil, err
	}
	g = g.Clone()
	if opts.Cache == nil {
		opts.Cache = vision.NewCache(DefaultCacheBytes)
	}
	t := &teaching{opts: opts, recipe: recipe, model: g, back: g, classes: data.Classes()}
	freed, err := train.FreeBatch(g)
	if err != nil {
		return nil, err
	}
	if freed {
		t.note("the model took a fixed number of images; now it takes any")
	}
	var guessed string
	if t.spec, guessed, err = modelinfo.Preprocess(g, opts.Spec); err != nil {
		return nil, err
	}
	if guessed != "" && t.opts.Guessed != nil {
		t.opts.Guessed(guessed, t.spec)
	}
	if err := t.split(data); err != nil {
		return nil, err
	}
	scores, err := train.Scores(g)
	if err != nil {
		return nil, err
	}
	if n := modelinfo.Classes(scores); n != len(t.classes) {
		return nil, fmt.Errorf("onnxrun: value %q: the model has %d classes, the data set %d: replace its classifier (Adapt)", scores.Name(), n, len(t.classes))
	}
	if t.recipe.Augment == "auto" {
		if t.recipe.Augment = AutoAugment(t.spec); t.recipe.Freeze == "all" {
			t.recipe.Augment = "none"
		}
	}
	if (recipe.Distill != nil) != (opts.Teacher != nil) {
		return nil, fmt.Errorf("onnxrun: distillation takes a teacher and says how it counts: one of the two is missing")
	}
	return t, nil
}

func (t *teaching) note(format string, args ...any) {
	if t.opts.Note != nil {
		t.opts.Note(fmt.Sprintf(format, args...))
	}
}

// split finds the images to learn from and those to validate on.
func (t *teaching) split(data *vision.Dataset) error {
	t.learn = data.Prefer(vision.Train)
	if len(data.Splits()) > 0 && t.learn == data {
		return fmt.Errorf("onnxrun: data set %q: has parts %v, but none to learn from (train)", data.Name(), data.Splits())
	}
	t.val = data.Split(vision.Val)
	if t.val.Len() > 0 {
		return vision.CheckTraining(t.learn, t.val)
	}
	if err := vision.CheckTraining(t.learn, nil); err != nil {
		return err
	}
	if t.recipe.HoldOut > 0 {
		t.learn, t.val = t.learn.Hold(t.recipe.HoldOut, t.recipe.Seed)
	}
	if t.val.Len() == 0 && t.recipe.Patience > 0 {
		return fmt.Errorf("onnxrun: recipe: patience is %d, but there is nothing to validate on: hold out a share of the images", t.recipe.Patience)
	}
	return nil
}

// counts is how many images to learn from each class has.
func (t *teaching) counts() []int {
	counts := make([]int, len(t.classes))
	for i := range t.learn.Len() {
		counts[t.learn.Class(i)]++
	}
	return counts
}

func (t *teaching) close() {
	for _, f := range t.features {
		f.Close()
	}
	if t.trainer != nil {
		t.trainer.Close()
	}
	if t.teacher != nil {
		t.teacher.close()
	}
}

// stream makes batches of images: to learn from, the same number each and with others in the places of broken images, or to
// look at once.
func (t *teaching) stream(data *vision.Dataset, augment vision.Augmentation, learn bool) (*vision.Stream, error) {
	o := vision.StreamOptions{
		Batch: min(t.recipe.Batch, data.Len()), Seed: t.recipe.Seed, Augment: augment, Spec: t.spec, Classes: len(t.classes),
		Cache: t.opts.Cache, Broken: vision.BrokenBlank,
	}
	if learn {
		o.Shuffle, o.Rest, o.Broken = true, vision.RestDropped, vision.BrokenReplaced
	}
	if t.opts.Strict {
		o.Broken = vision.BrokenRefused
	}
	s, err := vision.NewStream(data, o)
	if err == nil {
		t.streams = append(t.streams, s)
	}
	return s, err
}

// sources prepares what batches come from.
func (t *teaching) sources(ctx context.Context) error {
	augment, err := vision.ParseAugmentation(t.recipe.Augment)
	if err != nil {
		return err
	}
	t.plan = Plan{Images: t.learn.Len(), Validation: t.val.Len(), Classes: t.classes, Augment: augment.String(), Spec: t.spec, Recipe: t.recipe}
	at, err := t.frozenAt()
	if err != nil {
		return err
	}
	if at != nil && augment.String() == "none" && t.recipe.Distill == nil {
		return t.frozenSources(ctx, at)
	}
	learn, err := t.stream(t.learn, augment, true)
	if err != nil {
		return err
	}
	t.src = learn
	if t.val.Len() > 0 {
		val, err := t.stream(t.val, vision.Augmentation{}, false)
		if err != nil {
			return err
		}
		t.judge = val
	}
	return nil
}

// prepare makes the trainer, and the teacher if there is one.
func (t *teaching) prepare(ctx context.Context) error {
	frozen, err := t.frozen()
	if err != nil {
		return err
	}
	rates, err := t.recipe.rates(t.back)
	if err != nil {
		return err
	}
	t.trainer, err = train.New(ctx, t.back, train.Options{
		Loss: t.recipe.loss(t.counts()), Optimizer: t.recipe.Optimizer, Frozen: frozen, FreezeNorms: t.recipe.FreezeNorms,
		Rate: rates, Seed: t.recipe.Seed, Runtime: t.opts.Runtime,
	})
	if err != nil || t.opts.Teacher == nil {
		return err
	}
	t.teacher, err = newTeacher(ctx, t.opts.Teacher, t.recipe.Distill, len(t.classes), t.opts.Runtime)
	return err
}

func (t *teaching) feed() train.Feed {
	if t.teacher == nil {
		return nil
	}
	return t.teacher.feed
}

// fit teaches.
func (t *teaching) fit(ctx context.Context) (*train.History, error) {
	schedule, err := train.ParseSchedule(t.recipe.Schedule)
	if err != nil {
		return nil, err
	}
	identity, err := t.identity()
	if err != nil {
		return nil, err
	}
	opts := train.FitOptions{
		Epochs: t.recipe.Epochs, Rate: t.recipe.Rate, Schedule: schedule, Warmup: t.recipe.Warmup, Patience: t.recipe.Patience,
		Best: t.recipe.KeepBest, Feed: t.feed(), Checkpoint: t.opts.Checkpoint, Every: t.opts.Every, Resume: t.opts.Resume,
		Identity: identity, Step: t.opts.Step, Epoch: t.opts.Epoch, Resumed: t.opts.Resumed,
	}
	if t.judge != nil {
		opts.Validate = func(ctx context.Context, g *ir.Graph) (train.Metrics, error) {
			return train.Judge(ctx, g, t.judge, t.opts.Runtime)
		}
	}
	if t.opts.Begin != nil {
		t.opts.Begin(t.plan)
	}
	return t.trainer.Fit(ctx, t.src, opts)
}

// result is the model as it came out.
func (t *teaching) result(h *train.History) (*Taught, error) {
	g, err := t.trainer.Model()
	if err != nil {
		return nil, err
	}
	if t.front != nil {
		if g, err = train.Join(t.front, g); err != nil {
			return nil, err
		}
	}
	for _, m := range t.model.Metadata {
		if _, ok := g.Meta(m.Key); !ok && m.Key != train.CheckpointKey {
			g.SetMeta(m.Key, m.Value)
		}
	}
	if err := modelinfo.SetMetadata(g, &t.spec, t.classes); err != nil {
		return nil, err
	}
	taught := &Taught{Model: g, History: h, Plan: t.plan}
	for _, s := range t.streams {
		taught.Broken = append(taught.Broken, s.Broken()...)
	}
	return taught, nil
}
