package passes

import (
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// maxFullFeatures bounds the windows, channels × elements, for which a convolution between all channels is tried.
const maxFullFeatures = 2304

// convFit is a convolution that was fitted to a pooling.
type convFit struct {
	weights matrix // channels × elements, or channels × (channels·elements)
	full    bool
	bias    []float64
	act     *nonlinearity
	held    float64 // error on images that it was not fitted to
	err     float64 // on all
}

// fitConv finds the convolution, channel by channel or between all channels, whichever does better on images that it is
// not fitted to.
func (m *maxPool) fitConv() (*convFit, error) {
	width := m.channels * m.elements()
	sampled := newSampling(m.seed, m.plane(), m.a.images(), 2*width+m.channels)
	s, err := m.a.sample(sampled, m.context.Graph, m.node.In(0), &m.window, m.original, m.original.Value(m.node.Out(0).Name()))
	if err != nil {
		return nil, err
	}
	fit, held := s.split()
	act := rectified(m.node.In(0))
	depthwise, err := m.fitDepthwise(fit, act)
	if err != nil {
		return nil, err
	}
	if depthwise.held, err = depthwise.errorOn(held); err != nil {
		return nil, err
	}
	if width <= maxFullFeatures && fit.x.rows > width && m.channels > 1 {
		full, err := m.fitFull(fit, depthwise)
		if err != nil {
			return nil, err
		}
		if full.held, err = full.errorOn(held); err != nil {
			return nil, err
		}
		if full.held < depthwise.held {
			return m.refit(s, full)
		}
	}
	return m.refit(s, depthwise)
}

// refit is a fit of the same kind to all images.
func (m *maxPool) refit(s samples, old *convFit) (*convFit, error) {
	f, err := m.fitDepthwise(s, old.act)
	if err == nil && old.full {
		f, err = m.fitFull(s, f)
	}
	if err != nil {
		return nil, err
	}
	f.held = old.held
	f.err, err = f.errorOn(s)
	return f, err
}

// rectified is the rectifier that x comes from, whose result is never negative; nil for other values.
func rectified(x *ir.Value) *nonlinearity {
	if x.Def() == nil {
		return nil
	}
	if act := activationOf(x.Def()); act != nil && act.relu {
		return act
	}
	return nil
}

// fitDepthwise fits each channel alone, drawn to the mean of the window.
func (m *maxPool) fitDepthwise(s samples, act *nonlinearity) (*convFit, error) {
	n := m.elements()
	f := &convFit{weights: newMatrix(m.channels, n), bias: make([]float64, m.channels), act: act}
	prior := newMatrix(1, n)
	for i := range prior.data {
		prior.data[i] = 1 / float32(n)
	}
	for c := range m.channels {
		r := &regression{prior: prior, bias: []float64{0}, act: act}
		r.samples = samples{x: newMatrix(s.x.rows, n), y: newMatrix(s.x.rows, 1), per: s.per}
		for i := range s.x.rows {
			copy(r.x.row(i), s.x.row(i)[c*n:])
			r.y.data[i] = s.y.row(i)[c]
		}
		if r.x.squares() == 0 { // a channel that is never on
			copy(f.weights.row(c), prior.data)
			continue
		}
		l, err := r.solve(0)
		if err != nil {
			return nil, err
		}
		copy(f.weights.row(c), l.q.data)
		f.bias[c] = l.bias[0]
	}
	return f, nil
}

// fitFull fits all channels to all, drawn to a depthwise fit.
func (m *maxPool) fitFull(s samples, depthwise *convFit) (*convFit, error) {
	n := m.elements()
	prior := newMatrix(m.channels, m.channels*n)
	for c := range m.channels {
		copy(prior.row(c)[c*n:], depthwise.weights.row(c))
	}
	r := &regression{samples: samples{x: matrix{s.x.rows, s.x.cols, slices.Clone(s.x.data)}, y: s.y, per: s.per},
		prior: prior, bias: depthwise.bias, act: depthwise.act}
	l, err := r.solve(0)
	if err != nil {
		return nil, err
	}
	return &convFit{weights: l.q, full: true, bias: l.bias, act: depthwise.act}, nil
}

// errorOn is the error of what the convolution gives, relative, as a root of the mean square.
func (f *convFit) errorOn(s samples) (float64, error) {
	if f.full {
		return (&regression{act: f.act}).errorOn(s, &linearMap{q: f.weights, bias: f.bias})
	}
	out := newMatrix(s.y.rows, s.y.cols)
	for i := range out.rows {
		x := s.x.row(i)
		for c := range out.cols {
			sum := f.bias[c]
			for k, w := range f.weights.row(c) {
				sum += float64(w) * float64(x[c*f.weights.cols+k])
			}
			out.row(i)[c] = float32(sum)
		}
	}
	return f.act.relative(s.y, out), nil
}

// applyConv puts the convolution, and the activation that was upstream of the pooling, in the pooling's place.
func (m *maxPool) applyConv(f *convFit) error {
	op := ir.New[ops.Conv]()
	w := m.window
	op.KernelShape, op.Strides, op.Dilations, op.Pads = w.Kernel, w.Stride, w.Dilation, make([]int, 4)
	for d := range 2 { // windows may hang over the end, or not reach it
		op.Pads[d] = w.PadBegin[d]
		op.Pads[2+d] = max((w.Out[d]-1)*w.Stride[d]+(w.Kernel[d]-1)*w.Dilation[d]+1-w.In[d]-w.PadBegin[d], 0)
	}
	shape, form := []int{m.channels, m.channels, w.Kernel[0], w.Kernel[1]}, "conv, full"
	if !f.full {
		shape[1], op.Group, form = 1, m.channels, "conv, depthwise"
	}
	rw := ir.NewRewriter(m.context.Graph)
	in := []*ir.Value{m.node.In(0), rw.Const(m.node.Name+".weight", tensor.FromSlice(f.weights.data, shape...)),
		rw.Const(m.node.Name+".bias", single64(f.bias))}
	conv := m.node
	if f.act != nil {
		y, err := rw.Insert(m.node, m.node.Name+".conv", op, in...)
		if err != nil {
			return err
		}
		if err := rw.SetNode(m.node, &ops.Relu{}, y); err != nil {
			return err
		}
		conv = y.Def()
	} else if err := rw.SetNode(m.node, op, in...); err != nil {
		return err
	}
	if err := rw.Done(); err != nil {
		return err
	}
	m.done(Rewrite{Form: form, Error: f.err, MACsAfter: macsOfImage(m.context.Graph)[conv.Out(0).Name()]})
	return nil
}
