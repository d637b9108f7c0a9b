package main

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/exporter"
	"github.com/onnxrun/onnxrun/teach"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/vision"
)

// teachFlags are the flags of the commands that teach.
type teachFlags struct {
	recipe   teach.Recipe
	format   exporter.Options
	output   string
	last     bool
	rates    []string
	resume   bool
	force    bool
	every    time.Duration
	memory   int64 // MB
	strict   bool
	log      string
	curves   string
	findRate string
}

// adaptiveRate is what a default rate is multiplied by for optimizers that scale each parameter's step.
const adaptiveRate = 0.02

// add gives cmd the flags, with the values of a recipe.
func (f *teachFlags) add(cmd *cobra.Command, r *teach.Recipe) {
	f.recipe = *r
	p, o := cmd.Flags(), &f.recipe.Optimizer
	p.StringVarP(&f.output, "output", "o", "", "the file to write")
	p.IntVar(&f.recipe.Epochs, "epochs", r.Epochs, "how often all images are gone through")
	p.IntVar(&f.recipe.Batch, "batch", r.Batch, "how many images a step learns from")
	p.Float64Var(&f.recipe.Rate, "rate", r.Rate, "the peak learning rate; a fiftieth of the default with adam and adamw")
	p.StringVar(&f.recipe.Schedule, "schedule", r.Schedule, "how the rate goes: constant, cosine, one-cycle, one-cycle:0.3 (where the peak is), step:0.1@0.5,0.75")
	p.Float64Var(&f.recipe.Warmup, "warmup", r.Warmup, "epochs over which the rate rises to the schedule")
	p.StringVar(&o.Kind, "optimizer", o.Kind, "sgd, adam or adamw")
	p.Float64Var(&o.Momentum, "momentum", o.Momentum, "the momentum of sgd, Nesterov's")
	p.Float64Var(&o.Decay, "weight-decay", o.Decay, "the weight decay of filters and matrices; all else has none")
	p.Float64Var(&o.Clip, "clip", o.Clip, "the bound of the gradient's norm; 0: none")
	p.StringVar(&f.recipe.Loss, "loss", "cross-entropy", "cross-entropy or mse")
	p.Float64Var(&f.recipe.Smoothing, "label-smoothing", r.Smoothing, "what share of a target goes to all classes alike")
	p.BoolVar(&f.recipe.Balanced, "balanced", r.Balanced, "each class counts by the inverse of how many images it has")
	p.StringVar(&f.recipe.Augment, "augment", r.Augment, "random changes of images: auto, none, or a list of "+strings.Join(vision.AugmentationNames(), ", ")+" (docs/training.md)")
	p.BoolVar(&f.recipe.FreezeNorms, "freeze-norms", r.FreezeNorms, "BatchNormalization keeps the statistics that the model has")
	p.Float64Var(&f.recipe.LayerDecay, "layer-decay", r.LayerDecay, "what the rate is multiplied by from each layer to the one before it; 0: all have the same")
	p.StringArrayVar(&f.rates, "rate-for", nil, "PATTERN=FACTOR, as conv1*=0.1: multiplies the rate of parameters whose names fit; 0 freezes them")
	p.Float64Var(&f.recipe.HoldOut, "val-fraction", r.HoldOut, "the share of the training images that validate where the data set has no part val; 0: none")
	p.IntVar(&f.recipe.Patience, "patience", r.Patience, "epochs without a better validation that end the run; 0: none do")
	p.BoolVar(&f.last, "last", false, "keep the weights of the last epoch, not those of the best validation")
	p.Uint64Var(&f.recipe.Seed, "seed", 0, "the seed of all that is random")
	p.BoolVar(&f.resume, "resume", false, "go on from the checkpoint of a run that was stopped")
	forceFlag(cmd, &f.force)
	p.DurationVar(&f.every, "checkpoint-every", 5*time.Minute, "how often the checkpoint is written, beside each epoch's end")
	p.Int64Var(&f.memory, "cache-memory", teach.DefaultCacheBytes>>20, "MB of decoded images to keep in memory")
	p.BoolVar(&f.strict, "strict-data", false, "an image that cannot be read is an error")
	p.StringVar(&f.log, "log", "", "a .jsonl with a line for each epoch (default OUT.jsonl)")
	p.StringVar(&f.curves, "curves", "", "a .png of loss and accuracy by epoch (default OUT.png)")
	p.StringVar(&f.findRate, "find-rate", "", "do not teach: look for a learning rate, and draw a .png of what was seen")
	formatFlags(cmd, &f.format)
	cmd.MarkFlagsOneRequired("output", "find-rate")
}

// options is the flags as options.
func (f *teachFlags) options(a *app, cmd *cobra.Command) (teach.Options, error) {
	r := f.recipe
	if !cmd.Flags().Changed("warmup") { // a short run has a shorter one
		r.Warmup = min(r.Warmup, float64(r.Epochs)/4)
	}
	if k := r.Optimizer.Kind; (k == train.Adam || k == train.AdamW) && !cmd.Flags().Changed("rate") {
		r.Rate *= adaptiveRate
	}
	r.KeepBest = !f.last
	r.Optimizer.Nesterov = r.Optimizer.Momentum > 0 && (r.Optimizer.Kind == train.SGD || r.Optimizer.Kind == "")
	for _, text := range f.rates {
		pattern, factor, ok := strings.Cut(text, "=")
		v, err := strconv.ParseFloat(factor, 64)
		if !ok || err != nil {
			return teach.Options{}, fmt.Errorf("--rate-for %q: expects PATTERN=FACTOR", text)
		}
		if r.Rates == nil {
			r.Rates = map[string]float64{}
		}
		r.Rates[pattern] = v
	}
	if f.memory < 0 || f.every < 0 || f.memory > math.MaxInt64>>20 {
		return teach.Options{}, fmt.Errorf("--cache-memory and --checkpoint-every: expect 0 or more, and no more MB than there are")
	}
	for flag, path := range map[string]string{"--curves": f.curves, "--find-rate": f.findRate} {
		if path != "" && !strings.HasSuffix(strings.ToLower(path), ".png") {
			return teach.Options{}, fmt.Errorf("%s %q: expects the name of a .png", flag, path)
		}
	}
	how, err := a.options()
	return teach.Options{
		Recipe: &r, Checkpoint: f.checkpoint(), Every: f.every, Resume: f.resume, Strict: f.strict,
		Cache: vision.NewCache(f.memory << 20), Runtime: how, Guessed: a.noteGuess, Note: func(s string) { a.note("note: %s", s) },
	}, err
}

func (f *teachFlags) logFile() string    { return cmp.Or(f.log, f.beside(".jsonl")) }
func (f *teachFlags) curvesFile() string { return cmp.Or(f.curves, f.beside(".png")) }
func (f *teachFlags) checkpoint() string { return f.beside(".checkpoint.onnx") }

// claim refuses outputs, before the work; see app.claim. A run that goes on replaces its own checkpoint, log and curves.
func (f *teachFlags) claim(a *app, data *vision.Dataset, inputs ...string) error {
	if f.findRate != "" {
		return a.claim(f.force, output{flag: "--find-rate", path: f.findRate})
	}
	if f.resume && isStream(f.output) {
		return fmt.Errorf("--resume: %s is no file that a checkpoint stands beside", f.output)
	}
	own := []output{{flag: "the checkpoint", path: f.checkpoint(), hint: "; --resume goes on from it"}}
	if f.checkpoint() != "" { // a large one has its weights beside it
		own = append(own, output{flag: "its weights", path: f.checkpoint() + exporter.DataSuffix})
	}
	own = append(own, output{flag: "--log", path: f.logFile()}, output{flag: "--curves", path: f.curvesFile()})
	for i := range own {
		own[i].again, own[i].inputs = f.resume, append(imagesNamed(data, own[i].path), inputs...)
	}
	return a.claim(f.force, append(modelOutputs("-o", f.output, f.format.ExternalData, nil), own...)...)
}

// imagesNamed are those files of a data set that may be path, by the name of the file that it leads to.
func imagesNamed(data *vision.Dataset, path string) (files []string) {
	at, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(data.ImageFiles(), func(file string) bool { return filepath.Base(file) != filepath.Base(at) })
}

// beside is the output's name with another ending; there is none beside a device or a pipe.
func (f *teachFlags) beside(ending string) string {
	if f.output == "" || isStream(f.output) {
		return ""
	}
	return strings.TrimSuffix(f.output, ".onnx") + ending
}
