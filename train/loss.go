package train

import (
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// Loss appends to a graph what is to become small: from the scores of a batch, float32 N×classes before any softmax, one
// float32 number. What else it needs are inputs of its own (Builder.Input), such as Targets, which each Step is given by name.
// What it cannot do it tells by Builder.Fail.
type Loss func(b *Builder, scores *ir.Value) *ir.Value

// Names of inputs beside the model's own.
const (
	// Targets is float32 N×classes: what share of each class an image has, 1 for its class at the simplest.
	Targets = "targets"
	// Teacher is the teacher's scores, float32 N×classes. Those of a value that is to be alike have the
	// name "teacher/" and that of the value.
	Teacher = "teacher"
)

// CrossEntropy is the mean of -Σ targets·log(softmax(scores)) over the images. With smoothing ε (Szegedy et al. 2016) the
// targets become (1-ε)·targets + ε/classes. With weights, one for each class, each class counts by its own, and the mean is
// weighted by those of the targets, so that a batch whose classes all have weight 0 has none: its loss is not finite.
func CrossEntropy(smoothing float64, weights []float32) Loss {
	return func(b *Builder, scores *ir.Value) *ir.Value {
		classes := b.classes(scores)
		switch {
		case !(smoothing >= 0 && smoothing < 1):
			b.Fail("label smoothing is %v, expects 0 to 1", smoothing)
		case weights != nil && len(weights) != classes:
			b.Fail("%d class weights for %d classes", len(weights), classes)
		case slices.ContainsFunc(weights, func(w float32) bool { return !(w >= 0) || math.IsInf(float64(w), 0) }):
			b.Fail("class weights are %v, expects numbers of at least 0", weights)
		}
		logs := ir.New[ops.LogSoftmax]()
		logs.Axis = 1
		targets := targetsOf(b, scores)
		sought := targets
		if smoothing > 0 {
			sought = b.add(b.mul(targets, b.Number(1-smoothing)), b.Number(smoothing/float64(classes)))
		}
		var total *ir.Value
		if weights == nil {
			total = b.rows(scores)
		} else {
			w := b.Const(tensor.FromSlice(weights, len(weights)))
			sought, total = b.mul(sought, w), b.sum(b.mul(targets, w))
		}
		return b.Do(&ops.Neg{}, b.div(b.sum(b.mul(sought, b.Do(logs, scores))), total))
	}
}

func targetsOf(b *Builder, scores *ir.Value) *ir.Value {
	if b.err != nil {
		return nil
	}
	return b.Input(Targets, scores.Type())
}

// MeanSquaredError is the mean of (scores - targets)².
func MeanSquaredError() Loss {
	return func(b *Builder, scores *ir.Value) *ir.Value { return b.squaredError(scores, targetsOf(b, scores)) }
}

func (b *Builder) squaredError(x, y *ir.Value) *ir.Value {
	d := b.sub(x, y)
	return b.mean(b.mul(d, d))
}

// Distillation is how a teacher counts.
type Distillation struct {
	Temperature float64 // what scores are divided by; 0 stands for 4
	Weight      float64 // of the teacher's scores, 0 to 1; the labels have the rest
	// Features are values of the model that are to come near the teacher's inputs named Teacher/name, of the same type; the
	// mean of the squared difference counts FeatureWeight.
	Features      []string
	FeatureWeight float64
}

// Distill is labels and a teacher together (Hinton, Vinyals and Dean 2015): (1-Weight)·labels + Weight·T²·KL(teacher‖model)
// of probabilities at temperature T, and features as FitNets has them (Romero et al. 2015).
func Distill(labels Loss, d Distillation) Loss {
	return func(b *Builder, scores *ir.Value) *ir.Value {
		temperature := d.Temperature
		if temperature == 0 {
			temperature = 4
		}
		switch {
		case !(temperature > 0) || math.IsInf(temperature, 0):
			b.Fail("distillation: temperature is %v, expects a number above 0", temperature)
		case !(d.Weight >= 0 && d.Weight <= 1):
			b.Fail("distillation: weight is %v, expects 0 to 1", d.Weight)
		case !(d.FeatureWeight >= 0) || math.IsInf(d.FeatureWeight, 0):
			b.Fail("distillation: weight of features is %v, expects a number of at least 0", d.FeatureWeight)
		}
		loss := b.mul(labels(b, scores), b.Number(1-d.Weight))
		if b.err == nil && d.Weight > 0 {
			logs, t := ir.New[ops.LogSoftmax](), b.Number(temperature)
			logs.Axis = 1
			sought := b.Do(logs, b.div(b.Input(Teacher, scores.Type()), t))
			got := b.Do(logs, b.div(scores, t))
			kl := b.div(b.sum(b.mul(b.Do(&ops.Exp{}, sought), b.sub(sought, got))), b.rows(scores))
			loss = b.add(loss, b.mul(kl, b.Number(d.Weight*temperature*temperature)))
		}
		for _, name := range d.Features {
			v := b.Value(name)
			if b.err != nil {
				break
			}
			far := b.squaredError(v, b.Input(Teacher+"/"+name, v.Type()))
			loss = b.add(loss, b.mul(far, b.Number(d.FeatureWeight)))
		}
		return loss
	}
}
