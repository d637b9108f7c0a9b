package teach

import (
	"fmt"
	"maps"
	"math"
	"path"
	"slices"

	"github.com/onnxrun/onnxrun/internal/suggest"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/vision"
)

// Recipe is how a model is taught: all that the result depends on, beside the model and the data.
type Recipe struct {
	Epochs    int             `json:"epochs"`
	Batch     int             `json:"batch"`
	Rate      float64         `json:"rate"` // the peak learning rate
	Schedule  string          `json:"schedule"`
	Warmup    float64         `json:"warmup,omitempty"` // epochs
	Optimizer train.Optimizer `json:"optimizer"`
	// Loss is "cross-entropy" (or empty) or "mse".
	Loss      string  `json:"loss,omitempty"`
	Smoothing float64 `json:"smoothing,omitempty"` // of labels
	// Balanced lets each class count by the inverse of how many images it has.
	Balanced bool `json:"balanced,omitempty"`
	// Augment is as vision.ParseAugmentation reads it; "auto" stands for what AutoAugment says.
	Augment string `json:"augment"`
	// Head names the node that classifies; empty: it is found. Freeze "all" leaves it alone.
	Head string `json:"head,omitempty"`
	// Freeze is "none" (or empty), "all" (all but the classifier learns nothing), or the name of a node or value: what it
	// is computed from stays as it is.
	Freeze      string `json:"freeze,omitempty"`
	FreezeNorms bool   `json:"freeze_norms,omitempty"` // BatchNormalization keeps its statistics
	// LayerDecay is what the rate is multiplied by from each layer to the one upstream of it; 0 stands for 1.
	LayerDecay float64 `json:"layer_decay,omitempty"`
	// Rates multiplies the rates of parameters whose names fit a pattern (path.Match).
	Rates map[string]float64 `json:"rates,omitempty"`
	// HoldOut is the share of the training images that validate, where the data set has no part for it.
	HoldOut  float64 `json:"hold_out,omitempty"`
	Patience int     `json:"patience,omitempty"` // epochs without a better validation that end the run; 0: it goes to its end
	KeepBest bool    `json:"keep_best,omitempty"`
	Seed     uint64  `json:"seed"`
	// Distill says how a teacher counts; nil where there is none.
	Distill *train.Distillation `json:"distill,omitempty"`
}

// FromScratch is a good beginning for a network that is taught from scratch.
func FromScratch() *Recipe {
	return &Recipe{
		Epochs: 15, Batch: 64, Rate: 0.05, Schedule: "one-cycle", Augment: "auto", HoldOut: 0.1, KeepBest: true,
		Optimizer: train.Optimizer{Kind: train.SGD, Momentum: 0.9, Nesterov: true, Decay: 5e-4},
	}
}

// Finetune is a good beginning for a network that is pretrained.
func Finetune() *Recipe {
	r := FromScratch()
	r.Epochs, r.Batch, r.Rate, r.Warmup, r.Schedule = 15, 32, 0.005, 1, "cosine"
	return r
}

// AutoAugment is augmentation that does no harm to images as a model takes them: moved and turned a little where they are
// small and grey, as digits are; moved and mirrored where they are small; cut out and mirrored where they are photographs.
func AutoAugment(s vision.Spec) string {
	switch {
	case s.Channels == 1:
		return "rotate:8,affine:0.08/0.1"
	case min(s.Width, s.Height) < 64:
		return fmt.Sprintf("crop:%d,flip", max(1, s.Width/8))
	}
	return "resized-crop:0.35-1,flip"
}

// check refuses what makes no sense.
func (r *Recipe) check() error {
	bad := func(what string, v any, want string) error {
		return fmt.Errorf("onnxrun: recipe: %s is %v, expects %s", what, v, want)
	}
	switch {
	case r.Epochs < 1:
		return bad("epochs", r.Epochs, "at least 1")
	case r.Batch < 1 || r.Batch > 1<<16:
		return bad("batch", r.Batch, "1 to 65536")
	case !(r.Rate > 0) || math.IsInf(r.Rate, 0):
		return bad("learning rate", r.Rate, "a number above 0")
	case !(r.Warmup >= 0 && r.Warmup < float64(r.Epochs)):
		return bad("warm-up", r.Warmup, "0 up to the number of epochs")
	case !(r.HoldOut >= 0 && r.HoldOut < 1):
		return bad("share held out", r.HoldOut, "0 to 1")
	case !(r.Smoothing >= 0 && r.Smoothing < 1):
		return bad("label smoothing", r.Smoothing, "0 to 1")
	case !(r.LayerDecay >= 0 && r.LayerDecay <= 1):
		return bad("layer decay", r.LayerDecay, "0 to 1")
	case r.Patience < 0:
		return bad("patience", r.Patience, "0 or more")
	case r.Loss != "" && r.Loss != "cross-entropy" && r.Loss != "mse":
		return bad("loss", r.Loss, "cross-entropy or mse")
	case r.Loss == "mse" && (r.Smoothing != 0 || r.Balanced):
		return bad("loss", r.Loss, "cross-entropy with label smoothing or balanced classes")
	}
	for pattern, factor := range r.Rates {
		if _, err := path.Match(pattern, ""); err != nil || !(factor >= 0) || math.IsInf(factor, 0) {
			return bad("rate of "+pattern, factor, "a pattern and a number of at least 0")
		}
	}
	if _, err := train.ParseSchedule(r.Schedule); err != nil {
		return err
	}
	if r.Augment != "auto" {
		if _, err := vision.ParseAugmentation(r.Augment); err != nil {
			return err
		}
	}
	return r.Optimizer.Check()
}

// loss makes the loss, for classes of which there are so many images.
func (r *Recipe) loss(counts []int) train.Loss {
	loss := train.MeanSquaredError()
	if r.Loss != "mse" {
		var weights []float32
		if r.Balanced {
			weights = balanced(counts)
		}
		loss = train.CrossEntropy(r.Smoothing, weights)
	}
	if r.Distill != nil {
		loss = train.Distill(loss, *r.Distill)
	}
	return loss
}

// balanced is the inverses of counts, 1 in the mean over images.
func balanced(counts []int) []float32 {
	total, classes := 0, 0
	for _, n := range counts {
		total += n
		classes += min(n, 1)
	}
	weights := make([]float32, len(counts))
	for i, n := range counts {
		if n > 0 {
			weights[i] = float32(total) / float32(n*classes)
		}
	}
	return weights
}

// rates gives each parameter of a model its factor of the learning rate.
func (r *Recipe) rates(g *ir.Graph) (func(parameter string) float64, error) {
	if len(r.Rates) == 0 && (r.LayerDecay == 0 || r.LayerDecay == 1) {
		return nil, nil
	}
	patterns := slices.Sorted(maps.Keys(r.Rates))
	if err := fitting(patterns, train.Parameters(g)); err != nil {
		return nil, err
	}
	layer, last := map[string]int{}, 0
	for _, n := range g.Nodes() {
		switch n.Op.(type) {
		case *ops.Conv, *ops.ConvTranspose, *ops.Gemm, *ops.MatMul:
			last++
		}
		for _, v := range n.Inputs() {
			if v != nil && v.Const() != nil {
				layer[v.Name()] = last
			}
		}
	}
	return func(parameter string) float64 {
		factor := 1.0
		if at, ok := layer[parameter]; ok && r.LayerDecay > 0 {
			factor = math.Pow(r.LayerDecay, float64(last-at))
		}
		for _, p := range patterns {
			if ok, _ := path.Match(p, parameter); ok {
				factor *= r.Rates[p]
			}
		}
		return factor
	}, nil
}

// fitting refuses patterns that fit no parameter.
func fitting(patterns []string, parameters []*ir.Value) error {
	var known []string
	for _, v := range parameters {
		known = append(known, v.Name())
	}
	for _, p := range patterns {
		if !slices.ContainsFunc(known, func(name string) bool { ok, _ := path.Match(p, name); return ok }) {
			return fmt.Errorf("onnxrun: rate of %q: no parameter has such a name%s", p, suggest.Nearest(p, known))
		}
	}
	return nil
}
