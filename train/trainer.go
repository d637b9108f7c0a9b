package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/internal/mapped"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

// Options say how a model is taught. The zero value is plain gradient descent on the cross-entropy; all parameters learn.
type Options struct {
	Loss      Loss // nil stands for CrossEntropy(0, nil)
	Optimizer Optimizer
	// Frozen says which nodes stay as they are, by name: their parameters do not learn, not even where other nodes share them,
	// BatchNormalizations keep their statistics, Dropouts drop nothing. nil: none.
	Frozen func(node string) bool
	// FreezeNorms lets BatchNormalization use the statistics that the model has, and keep them, though scales and shifts learn.
	FreezeNorms bool
	// Rate is what the learning rate is multiplied by for a parameter, by name; 0 freezes it. nil stands for 1.
	Rate func(parameter string) float64
	// Seed is of Dropout.
	Seed uint64
	// Gradients lets each Result have the gradients of the parameters.
	Gradients bool
	// Runtime is how steps are run; its Outputs and Passes, all of them but Debug, are the trainer's affair.
	Runtime runtime.Options
}

// Trainer teaches a model: a graph that computes one step, compiled, and the tensors that a step changes. It is not safe for
// concurrent use.
type Trainer struct {
	base    *ir.Graph // the model, with the parameters that it began with
	graph   *ir.Graph // of the step
	forward *ir.Graph // the step without the way back, to look for what is not finite
	session *runtime.Session
	opts    Options

	state     []*State         // in the order of the session's inputs and outputs
	places    map[string]int   // of the session's inputs, by name
	inputs    []*tensor.Tensor // of the session
	outputs   []*tensor.Tensor // of the session: loss, scores, scale of gradients, state, gradients if asked for
	image     string           // the name of the model's input
	params    []string         // names of those that learn
	gradients []string         // names of their gradients
	feeds     []string         // names of inputs that a Step is given
	dropout   string           // the name of the input that counts steps for Dropout, empty without
	step      int64

	digested string // see digest
}

// State is a tensor that steps change: a parameter, what the optimizer keeps of one, or a running statistic.
type State struct {
	Name   string // of the parameter or statistic; with the optimizer's name for it behind a slash
	Model  bool   // it is part of the model, not the optimizer's
	Tensor *tensor.Tensor
	next   *tensor.Tensor
}

// Result is what came of a step.
type Result struct {
	Loss   float64
	Scores *tensor.Tensor // float32 N×classes, good until the next step
	// Gradients is by parameter, good until the next step; nil unless Options.Gradients.
	Gradients map[string]*tensor.Tensor
}

// stateOutput is the first of a step's outputs that is state.
const stateOutput = 3

// Names of the step's own inputs.
const (
	rateInput = "train/rate"
	stepInput = "train/step"
)

// New prepares the teaching of a model, which stays as it is. The model may have the shape of one for inference; it is put
// through the passes that keep it trainable. It is to have one input, and scores of N×classes or N×classes×1×1 (Scores).
// What cannot be differentiated is told here (ErrNotDifferentiable, with *ir.Error).
func New(ctx context.Context, model *ir.Graph, opts Options) (t *Trainer, err error) {
	defer mapped.Of(model.Backing()).Guard(&err)()
	if err := opts.Optimizer.Check(); err != nil {
		return nil, err
	}
	if opts.Loss == nil {
		opts.Loss = CrossEntropy(0, nil)
	}
	base := model.Clone()
	if _, err := passes.Optimize(ctx, base, passes.Options{Level: passes.O1, Training: true}); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	base.Metadata = slices.DeleteFunc(base.Metadata, func(kv ir.KeyValue) bool { return kv.Key == CheckpointKey })
	if err := untie(base); err != nil {
		return nil, err
	}
	b, err := newStepBuilder(base, opts)
	if err != nil {
		return nil, err
	}
	if err := b.build(); err != nil {
		return nil, err
	}
	return b.compile(ctx)
}

// Image is the name of the model's input.
func (t *Trainer) Image() string { return t.image }

// Feeds is the names of the inputs that a Step is to be given: the model's, and the loss's.
func (t *Trainer) Feeds() []string { return t.feeds }

// Steps is how many steps have been made.
func (t *Trainer) Steps() int64 { return t.step }

// Step makes one step at a learning rate of at least 0 with a batch of inputs, by name: all of Feeds, which stay the
// caller's. A loss that is not finite is a *NonFiniteError, and changes nothing. ctx is looked at before the step, which is
// not broken off.
func (t *Trainer) Step(ctx context.Context, rate float64, batch map[string]*tensor.Tensor) (*Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := t.feed(rate, batch); err != nil {
		return nil, err
	}
	if err := t.session.RunInto(context.WithoutCancel(ctx), t.inputs, t.outputs); err != nil {
		return nil, fmt.Errorf("train: step %d: %w", t.step+1, err)
	}
	loss := float64(tensor.Data[float32](t.outputs[0])[0])
	if scale := tensor.Data[float32](t.outputs[2])[0]; scale != scale { // nothing has changed
		return nil, t.blame(ctx, rate)
	}
	t.advance()
	r := &Result{Loss: loss, Scores: t.outputs[1]}
	if t.opts.Gradients {
		r.Gradients = map[string]*tensor.Tensor{}
		for i, name := range t.params {
			r.Gradients[name] = t.outputs[stateOutput+len(t.state)+i]
		}
	}
	return r, nil
}

// feed sets the inputs of a step.
func (t *Trainer) feed(rate float64, batch map[string]*tensor.Tensor) error {
	if !(rate >= 0) || math.IsInf(rate, 0) {
		return fmt.Errorf("train: learning rate %v: expects a number of at least 0", rate)
	}
	for name := range batch {
		if !slices.Contains(t.feeds, name) {
			return &UnknownError{What: "input", Name: name, Known: t.feeds}
		}
	}
	for _, name := range t.feeds {
		x := batch[name]
		if x == nil {
			return fmt.Errorf("train: input %q: is missing", name)
		}
		t.inputs[t.places[name]] = x
	}
	t.number(rateInput, rate)
	t.number(stepInput, float64(t.step+1))
	t.number(t.dropout, float64(t.step))
	return nil
}

// Profile runs a step with a batch the given number of times, at least once, and returns what its parts take, in order. The
// trainer stays as it was.
func (t *Trainer) Profile(ctx context.Context, runs int, batch map[string]*tensor.Tensor) ([]runtime.StepProfile, error) {
	if err := t.feed(0, batch); err != nil {
		return nil, err
	}
	before := map[string]*tensor.Tensor{}
	for _, s := range t.state {
		before[s.Name] = s.Tensor.Clone()
	}
	steps, err := t.session.Profile(ctx, runs, t.inputs...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("train: %w", err), t.Restore(t.step, before))
	}
	return steps, t.Restore(t.step, before)
}

// number sets a scalar input of the step's own, if it has that.
func (t *Trainer) number(name string, v float64) {
	i, ok := t.places[name]
	if !ok {
		return
	}
	switch x := t.inputs[i]; x.DType() {
	case tensor.Int64:
		tensor.Data[int64](x)[0] = int64(v)
	default:
		tensor.Data[float32](x)[0] = float32(v)
	}
}

// advance lets what the step computed take the place of what it began with.
func (t *Trainer) advance() {
	for i, s := range t.state {
		s.Tensor, s.next = s.next, s.Tensor
		t.inputs[t.places[s.Name]] = s.Tensor
		t.outputs[stateOutput+i] = s.next
	}
	t.step++
}

// State is all that steps change; with Steps, a Trainer of the same model and options goes on from it (Restore). The next
// step writes into its tensors.
func (t *Trainer) State() []*State { return t.state }

// Restore sets the number of steps made and all state, by name; tensors are copied.
func (t *Trainer) Restore(steps int64, state map[string]*tensor.Tensor) error {
	for _, s := range t.state {
		x := state[s.Name]
		if x == nil || x.DType() != s.Tensor.DType() || !slices.Equal(x.Shape(), s.Tensor.Shape()) {
			return fmt.Errorf("train: state %q: expects %v, found %v", s.Name, ir.TensorType(s.Tensor), x)
		}
	}
	for _, s := range t.state {
		s.Tensor.CopyFrom(state[s.Name])
	}
	t.step = steps
	return nil
}

// modelState is copies of the parameters and statistics, by name.
func (t *Trainer) modelState() map[string]*tensor.Tensor {
	state := map[string]*tensor.Tensor{}
	for _, s := range t.state {
		if s.Model {
			state[s.Name] = s.Tensor.Clone()
		}
	}
	return state
}

// restoreModel sets parameters and statistics.
func (t *Trainer) restoreModel(state map[string]*tensor.Tensor) error {
	all := map[string]*tensor.Tensor{}
	for _, s := range t.state {
		if all[s.Name] = s.Tensor; s.Model {
			all[s.Name] = state[s.Name]
		}
	}
	return t.Restore(t.step, all)
}

// Model is the model with the parameters and statistics as they are by now, a graph of its own.
func (t *Trainer) Model() (model *ir.Graph, err error) {
	defer mapped.Of(t.base.Backing()).Guard(&err)()
	g := t.base.Clone()
	rw := ir.NewRewriter(g)
	for _, s := range t.state {
		if !s.Model {
			continue
		}
		if err := rw.Become(g.Value(s.Name), rw.Const(s.Name, s.Tensor.Clone())); err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
	}
	if err := rw.Done(); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	return g, nil
}

// Close ends the trainer's goroutines.
func (t *Trainer) Close() { t.session.Close() }
