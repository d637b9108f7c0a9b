package train

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

// stepBuilder makes the graph of a step: the model in its form for teaching, the loss, the way back, the updates.
type stepBuilder struct {
	Builder
	base   *ir.Graph
	opts   Options
	scores *ir.Value
	loss   *ir.Value
	model  []string // the model's inputs

	prepared *Prepared
	params   []*ir.Value
	state    []*State
	held     map[string]*tensor.Tensor // what state begins with, by name
	next     []*ir.Value               // by state
	forward  *ir.Graph
	inPlace  map[string]string // outputs and inputs

	scale     *ir.Value
	gradients []string // by parameter
}

func newStepBuilder(base *ir.Graph, opts Options) (*stepBuilder, error) {
	scores, err := Scores(base)
	if err != nil {
		return nil, err
	}
	g := base.Extract(scores)
	b := &stepBuilder{Builder: Builder{g: g, prefix: "train/"}, base: base, opts: opts, held: map[string]*tensor.Tensor{}, inPlace: map[string]string{}}
	b.model = names(g.Inputs())
	b.scores = g.Outputs()[0]
	return b, nil
}

func (b *stepBuilder) frozen(n *ir.Node) bool {
	if b.opts.Frozen != nil && b.opts.Frozen(n.Name) {
		return true
	}
	_, norm := n.Op.(*ops.BatchNormalization)
	return norm && b.opts.FreezeNorms
}

func (b *stepBuilder) build() error {
	if len(b.model) != 1 {
		return fmt.Errorf("train: the model has %d inputs (%s), expects one", len(b.model), plain.List(b.model, 8))
	}
	var err error
	if b.prepared, err = Prepare(b.g, b.frozen); err != nil {
		return err
	}
	if b.scores = b.g.Outputs()[0]; len(b.scores.Type().Shape) > 2 { // N×classes×1×1
		b.scores = b.Do(&ops.Flatten{Axis: 1}, b.scores)
	}
	if err := b.findParameters(); err != nil {
		return err
	}
	if b.loss = b.opts.Loss(&b.Builder, b.scores); b.err != nil {
		return fmt.Errorf("train: loss: %w", b.err)
	}
	if b.loss == nil {
		return fmt.Errorf("train: loss: is no value of the builder")
	}
	if t := b.loss.Type(); t.DType != tensor.Float32 || t.Shape.Count() != ir.Known(1) {
		return fmt.Errorf("train: loss: has type %v, expects one float32 number", t)
	}
	if err := b.free(); err != nil {
		return err
	}
	b.g.SetOutputs(b.loss, b.scores)
	b.forward = b.g.Clone()
	gradients, err := Differentiate(b.g, b.loss, b.params)
	if err != nil {
		return err
	}
	if err := b.update(gradients); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	b.gradients = names(gradients)
	outputs := append([]*ir.Value{b.loss, b.scores, b.scale}, b.next...)
	if b.opts.Gradients {
		outputs = append(outputs, gradients...)
	}
	b.g.SetOutputs(outputs...)
	return nil
}

// findParameters takes all that learn.
func (b *stepBuilder) findParameters() error {
	for _, p := range Parameters(b.g) {
		factor := b.rate(p)
		if !(factor >= 0) || math.IsInf(factor, 0) {
			return fmt.Errorf("train: parameter %q: its rate is multiplied by %v, expects a number of at least 0", p.Name(), factor)
		}
		learns := factor != 0
		for _, u := range p.Uses() {
			learns = learns && (b.opts.Frozen == nil || !b.opts.Frozen(u.Node.Name))
		}
		if !learns {
			continue
		}
		if p.Type().DType != tensor.Float32 {
			return fmt.Errorf("train: parameter %q: is of type %v, only float32 ones can learn", p.Name(), p.Type())
		}
		b.params = append(b.params, p)
	}
	if len(b.params) == 0 {
		return fmt.Errorf("train: nothing is left to learn: the model has no parameters that are not frozen")
	}
	return nil
}

// rate is what the learning rate of a parameter is multiplied by.
func (b *stepBuilder) rate(p *ir.Value) float64 {
	if b.opts.Rate == nil {
		return 1
	}
	return b.opts.Rate(p.Name())
}

// free makes inputs of parameters and statistics.
func (b *stepBuilder) free() error {
	given := slices.Clone(b.params)
	for _, s := range b.prepared.Statistics {
		if s.Given.Const() == nil {
			return fmt.Errorf("train: statistic %q is computed, expects a constant", s.Given.Name())
		}
		given = append(given, s.Given)
	}
	for _, v := range given {
		b.held[v.Name()] = v.Const()
	}
	_, err := Free(b.g, given...)
	return err
}

// update appends the updates of all parameters.
func (b *stepBuilder) update(gradients []*ir.Value) error {
	rate := b.Input(rateInput, scalar(tensor.Float32))
	var step *ir.Value
	if k := b.opts.Optimizer.Kind; k == Adam || k == AdamW {
		step = b.Input(stepInput, scalar(tensor.Int64))
	}
	of := []*ir.Value{b.loss}
	if b.opts.Optimizer.Clip > 0 {
		of = append(of, gradients...)
	}
	b.scale = b.Do(&ops.ClipScale{Limit: float32(b.opts.Optimizer.Clip)}, of...)
	for i, p := range b.params {
		var states []*ir.Value
		for _, s := range b.opts.Optimizer.states() {
			states = append(states, b.Input(p.Name()+"/"+s, p.Type()))
		}
		out := b.opts.Optimizer.update(&b.Builder, b.rate(p), p, gradients[i], rate, step, b.scale, states)
		if b.err != nil {
			return b.err
		}
		for k, v := range append([]*ir.Value{p}, states...) {
			b.keep(v, out[k], k == 0, true)
		}
	}
	for _, s := range b.prepared.Statistics {
		b.keep(s.Given, s.Next, true, false)
	}
	return b.err
}

// keep lets next take the place of an input from step to step; in place, a step overwrites the tensor. Statistics are not
// written in place, so that a step whose loss is not finite changes nothing.
func (b *stepBuilder) keep(in, next *ir.Value, model, inPlace bool) {
	now := b.held[in.Name()]
	if now == nil {
		shape, _ := in.Type().Shape.Ints()
		now = tensor.New(tensor.Float32, shape...)
	}
	s := &State{Name: in.Name(), Model: model, Tensor: now.Clone()}
	if s.next = s.Tensor; !inPlace {
		s.next = now.Clone()
	} else {
		b.inPlace[next.Name()] = in.Name()
	}
	b.state = append(b.state, s)
	b.next = append(b.next, next)
}

// compile makes the trainer.
func (b *stepBuilder) compile(ctx context.Context) (*Trainer, error) {
	opts := b.opts.Runtime
	list := &passes.Options{Level: passes.O2}
	if opts.Passes != nil {
		list.Debug = opts.Passes.Debug
	}
	opts.Outputs, opts.InPlace, opts.Passes = nil, b.inPlace, list
	session, err := runtime.Compile(ctx, b.g, opts)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	t := &Trainer{
		base: b.base, graph: b.g, forward: b.forward, session: session, opts: b.opts,
		image: b.model[0], params: names(b.params), gradients: b.gradients, state: b.state, places: map[string]int{},
	}
	for i, v := range session.Inputs() {
		t.places[v.Name()] = i
	}
	t.inputs, t.outputs = make([]*tensor.Tensor, len(session.Inputs())), make([]*tensor.Tensor, len(session.Outputs()))
	own := map[string]*tensor.Tensor{rateInput: tensor.New(tensor.Float32), stepInput: tensor.New(tensor.Int64)}
	if b.prepared.Seed != nil {
		own[b.prepared.Seed.Name()] = tensor.Scalar(int64(b.opts.Seed))
		own[b.prepared.Step.Name()] = tensor.New(tensor.Int64)
		t.dropout = b.prepared.Step.Name()
	}
	for i, s := range b.state {
		own[s.Name] = s.Tensor
		t.outputs[stateOutput+i] = s.next
	}
	for i, v := range session.Inputs() {
		if t.inputs[i] = own[v.Name()]; t.inputs[i] == nil {
			t.feeds = append(t.feeds, v.Name())
		}
	}
	return t, nil
}

func names(values []*ir.Value) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v.Name()
	}
	return out
}
