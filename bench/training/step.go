package main

import (
	"math/rand/v2"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/zoo"
)

// step is a training step of a network, made of its parts so that they can be profiled.
type step struct {
	session *runtime.Session
	in      []*tensor.Tensor
	macs    int64 // of the products of forward and backward pass
}

const (
	rate     = 0.01
	momentum = 0.9
)

// newStep builds the step of a network of the zoo for batches of a size, of random images.
func newStep(name string, batch int, opts runtime.Options) (*step, error) {
	g, err := zoo.Build(name, zoo.Options{})
	if err != nil {
		return nil, err
	}
	b := &build{g: g, inPlace: map[string]string{}, held: map[string]*tensor.Tensor{}}
	loss, err := b.loss()
	if err != nil {
		return nil, err
	}
	if err := b.teach(loss); err != nil {
		return nil, err
	}
	for _, v := range g.Inputs() {
		if s := v.Type().Shape; len(s) > 0 && !s[0].IsKnown() {
			if err := g.SetInputType(v, ir.Type{DType: v.Type().DType, Shape: append(ir.Dims(batch), s[1:]...)}); err != nil {
				return nil, err
			}
		}
	}
	if err := g.InferAll(); err != nil {
		return nil, err
	}
	opts.InPlace = b.inPlace
	session, err := runtime.Compile(g, opts)
	if err != nil {
		return nil, err
	}
	s := &step{session: session, macs: macs(g)}
	s.fill(b.held)
	return s, nil
}

// build is a graph that becomes a step.
type build struct {
	g       *ir.Graph
	inPlace map[string]string
	held    map[string]*tensor.Tensor // what inputs begin with
	err     error
}

func (b *build) append(name string, op ir.Op, outs int, in ...*ir.Value) []*ir.Value {
	if b.err != nil {
		return make([]*ir.Value, outs)
	}
	var names []string
	for range outs {
		names = append(names, b.g.FreshName(name))
		name += "'"
	}
	n, err := b.g.Append(names[0], op, in, names)
	if err != nil {
		b.err = err
		return make([]*ir.Value, outs)
	}
	return n.Outputs()
}

// input adds an input that begins with t.
func (b *build) input(name string, t ir.Type) *ir.Value {
	if b.err != nil {
		return nil
	}
	v, err := b.g.AddInput(b.g.FreshName(name), t)
	b.err = err
	return v
}

func (b *build) constant(name string, t *tensor.Tensor) *ir.Value {
	if b.err != nil {
		return nil
	}
	v, err := b.g.AddConst(b.g.FreshName(name), t)
	b.err = err
	return v
}

// loss makes cross-entropy with given distributions, N×classes, the graph's output: the mean over the batch of
// -Σ target·log(softmax(scores)).
func (b *build) loss() (*ir.Value, error) {
	scores := b.g.Value("prob").Def().In(0)
	targets := b.input("targets", scores.Type())
	logs := b.append("logs", &ops.LogSoftmax{Axis: -1}, 1, scores)[0]
	product := b.append("product", &ops.Mul{}, 1, logs, targets)[0]
	axis := b.constant("classes", tensor.FromSlice([]int64{1}, 1))
	sums := b.append("sums", &ops.ReduceSum{}, 1, product, axis)[0]
	mean := b.append("mean", &ops.ReduceMean{}, 1, sums)[0]
	loss := b.append("loss", &ops.Neg{}, 1, mean)[0]
	if b.err != nil {
		return nil, b.err
	}
	b.g.SetOutputs(loss)
	return loss, nil
}

// teach appends the way back and the updates.
func (b *build) teach(loss *ir.Value) error {
	name := loss.Name()
	prepared, err := train.Prepare(b.g, nil)
	if err != nil {
		return err
	}
	params := train.Parameters(b.g)
	for _, s := range prepared.Statistics {
		params = append(params, s.Given)
	}
	held, err := train.Free(b.g, params...)
	if err != nil {
		return err
	}
	for i, v := range params {
		b.held[v.Name()] = held[i].Clone()
	}
	outs := []*ir.Value{b.g.Value(name)}
	for _, s := range prepared.Statistics {
		b.inPlace[s.Next.Name()] = s.Given.Name()
		outs = append(outs, s.Next)
	}
	params = params[:len(params)-len(prepared.Statistics)]
	gradients, err := train.Differentiate(b.g, outs[0], params)
	if err != nil {
		return err
	}
	by := b.input("rate", ir.Type{DType: tensor.Float32, Shape: ir.Shape{}})
	for i, w := range params {
		v := b.input(w.Name()+"/velocity", w.Type())
		next := b.append(w.Name()+"/next", &ops.Momentum{Momentum: momentum, RateFactor: 1}, 2, w, gradients[i], by, nil, v)
		if b.err != nil {
			return b.err
		}
		b.inPlace[next[0].Name()], b.inPlace[next[1].Name()] = w.Name(), v.Name()
		outs = append(outs, next...)
	}
	b.held[by.Name()] = tensor.Scalar(float32(rate))
	b.g.SetOutputs(outs...)
	return b.err
}

// fill makes the inputs: those that begin with something, random images and targets, zeros.
func (s *step) fill(held map[string]*tensor.Tensor) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, v := range s.session.Inputs() {
		shape, _ := v.Type().Shape.Ints()
		t := held[v.Name()]
		if t == nil {
			t = tensor.New(v.Type().DType, shape...)
		}
		switch v.Name() {
		case "image":
			noise(rng, t)
		case "targets":
			oneHot(rng, t)
		}
		s.in = append(s.in, t)
	}
}

func noise(rng *rand.Rand, t *tensor.Tensor) {
	x := tensor.Data[float32](t)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
}

// oneHot gives each row a 1 somewhere.
func oneHot(rng *rand.Rand, t *tensor.Tensor) {
	for i := range t.Dim(0) {
		tensor.Data[float32](t)[i*t.Dim(1)+rng.IntN(t.Dim(1))] = 1
	}
}

// macs is the multiply-accumulates of all products.
func macs(g *ir.Graph) (sum int64) {
	for _, n := range g.Nodes() {
		if f := n.Op.Def().MACs; f != nil {
			sum += f(n)
		}
	}
	return sum
}
