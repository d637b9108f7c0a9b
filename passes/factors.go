package passes

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// fitting finds the factors of one layer. Features come from the graph as it is by now, with the error that earlier
// layers make, targets from the original one.
type fitting struct {
	layer           *factorized
	approx          *Approximation // its Images are nil where the weights alone decide
	graph, original *ir.Graph
	seed            uint64
	power           *mat.Dense // of the input's channels, once it is known
}

// fitted is the factors of a candidate and what they cost.
type fitted struct {
	factors
	// err is the root of the mean square of the error of the layer's output, downstream of its activation, relative; without
	// images, of its weights.
	err float64
}

// maxOutputs is the most outputs that fitOutputs works with.
const maxOutputs = 1024

// fit finds the factors of a candidate. With hold, a part of the images is kept out of the fit, and err is theirs.
func (f *fitting) fit(c *candidate, hold bool) (*fitted, error) {
	switch c.form {
	case formReduce, formTucker2, formSeparable:
		return f.fitChannels(c, hold)
	}
	if f.layer.outputs() > maxOutputs {
		return f.fitWide(c.ranks[0], hold)
	}
	return f.fitOutputs(c.ranks[0], hold)
}

// fitOutputs maps the layer's own output, of few channels, to the targets: k×k then 1×1.
func (f *fitting) fitOutputs(rank int, hold bool) (*fitted, error) {
	l := f.layer
	metric, err := multiply(l.weights, l.weights, false, true)
	if err != nil {
		return nil, err
	}
	r := &regression{prior: identity(l.outputs()), bias: l.bias, metric: metric.dense(), act: l.act}
	if f.approx.Images != nil {
		s := newSampling(f.seed, int(l.position), f.approx.images(), 2*l.outputs())
		if r.samples, err = f.approx.sample(s, f.graph, l.node.Out(0), nil, f.original, f.target()); err != nil {
			return nil, err
		}
		for i := range r.x.rows {
			for j, row := 0, r.x.row(i); j < len(row); j++ {
				row[j] -= float32(l.bias[j])
			}
		}
	}
	m, e, err := r.solveHeld(rank, hold)
	if err != nil {
		return nil, err
	}
	first, err := multiply(m.q, l.weights, false, false)
	if err != nil {
		return nil, err
	}
	return f.result(&candidate{formProject, []int{rank}}, e, m.bias, first, m.p), nil
}

// target is the layer's output in the original graph.
func (f *fitting) target() *ir.Value { return f.original.Value(f.layer.node.Out(0).Name()) }

func identity(n int) matrix {
	m := newMatrix(n, n)
	for i := range n {
		m.data[i*n+i] = 1
	}
	return m
}

// solveHeld is solve, and the error of the map: on what is held back, if hold, else on what it was fitted to.
func (r *regression) solveHeld(rank int, hold bool) (*linearMap, float64, error) {
	if r.x.rows == 0 {
		m, err := r.solve(rank)
		return m, math.Sqrt(max(1-r.kept, 0)), err
	}
	held := samples{x: matrix{r.x.rows, r.x.cols, append([]float32(nil), r.x.data...)}, y: r.y, per: r.per}
	if hold {
		r.samples, held = r.split()
	}
	m, err := r.solve(rank)
	if err != nil {
		return nil, 0, err
	}
	e, err := r.errorOn(held, m)
	return m, e, err
}

// result brings factors to the shapes of a candidate's stages.
func (f *fitting) result(c *candidate, err float64, bias []float64, m ...matrix) *fitted {
	out := &fitted{err: err}
	out.bias = bias
	for i, s := range f.layer.stages(c) {
		out.weights = append(out.weights, tensor.FromSlice(m[i].data, s.weights...))
	}
	return out
}

// fitWide is fitOutputs for a layer with so many outputs that inverting their covariance would take too long. First the
// weights are corrected for the error of the layer's input, by ridge regression in as many dimensions as there are
// samples; then they are projected onto the directions of the output that matter most.
func (f *fitting) fitWide(rank int, hold bool) (*fitted, error) {
	l, w, bias := f.layer, f.layer.weights, f.layer.bias
	var s, held samples
	if f.approx.Images != nil {
		var err error
		if s, held, err = f.sampleInput(hold); err != nil {
			return nil, err
		}
		if w, bias, err = correct(w, &s); err != nil {
			return nil, err
		}
	}
	total, err := outputPower(w, s.x)
	if err != nil {
		return nil, err
	}
	values, p, err := eigen(total, rank)
	if err != nil {
		return nil, err
	}
	m := &linearMap{p: single(p), bias: bias}
	if m.q, err = multiply(m.p, w, true, false); err != nil {
		return nil, err
	}
	e := math.Sqrt(max(1-sum(values)/mat.Trace(total), 0))
	if s.x.rows > 0 {
		if m.bias, err = uncentered(m, s.means); err != nil {
			return nil, err
		}
		if e, err = (&regression{act: l.act}).errorOn(held, m); err != nil {
			return nil, err
		}
	}
	return f.result(&candidate{formProject, []int{rank}}, e, m.bias, m.q, m.p), nil
}

// sampleInput takes samples of what the layer reads, and what err is measured on: with hold, a part that is kept out of
// the others.
func (f *fitting) sampleInput(hold bool) (s, held samples, err error) {
	l := f.layer
	var win *ops.Window
	if l.conv != nil {
		win = &l.window
	}
	sampled := newSampling(f.seed, int(l.position), f.approx.images(), max(l.weights.cols, maxSampled/1024))
	if s, err = f.approx.sample(sampled, f.graph, l.node.In(0), win, f.original, f.target()); err != nil {
		return s, held, err
	}
	held = samples{x: matrix{s.x.rows, s.x.cols, append([]float32(nil), s.x.data...)}, y: s.y, per: s.per}
	if hold {
		s, held = s.split()
	}
	return s, held, nil
}

// outputPower is the covariance of the outputs that weights w give for centered features x, with a little of what they
// give for features that are not correlated, and that alone where there is no x.
func outputPower(w, x matrix) (*mat.Dense, error) {
	power, err := multiply(w, w, false, true)
	if err != nil {
		return nil, err
	}
	total := power.dense()
	if x.rows == 0 {
		return total, nil
	}
	out, err := multiply(x, w, false, true)
	if err != nil {
		return nil, err
	}
	seen, err := gram(out)
	if err != nil {
		return nil, err
	}
	total.Scale(ridge*mat.Trace(seen)/max(mat.Trace(total), math.SmallestNonzeroFloat64), total)
	total.Add(total, seen)
	return total, nil
}

// uncentered is the bias of a map of centered features for features as they are.
func uncentered(m *linearMap, means []float64) ([]float64, error) {
	shift, err := m.times(single(mat.NewDense(1, len(means), append([]float64(nil), means...))))
	if err != nil {
		return nil, err
	}
	bias := append([]float64(nil), m.bias...)
	for i, v := range shift.data {
		bias[i] -= float64(v)
	}
	return bias, nil
}

func sum(v []float64) float64 {
	total := 0.0
	for _, x := range v {
		total += x
	}
	return total
}

// fitChannels maps the input to few channels first, and finds what follows by regression of the targets on them.
func (f *fitting) fitChannels(c *candidate, hold bool) (*fitted, error) {
	l := f.layer
	if err := f.measurePower(); err != nil {
		return nil, err
	}
	first, second, kept, err := l.split(c.ranks[0], c.form == formSeparable, f.power)
	if err != nil {
		return nil, err
	}
	r := &regression{prior: second, bias: l.bias, act: l.act}
	if f.approx.Images != nil {
		if err := f.sampleStage(r, c, first); err != nil {
			return nil, err
		}
	}
	rank := 0
	if c.form == formTucker2 {
		rank = c.ranks[1]
	}
	m, e, err := r.solveHeld(rank, hold)
	if err != nil {
		return nil, err
	}
	if r.x.rows == 0 {
		e = math.Sqrt(max(1-kept*r.kept, 0))
	}
	if c.form == formTucker2 {
		return f.result(c, e, m.bias, first, m.q, m.p), nil
	}
	return f.result(c, e, m.bias, first, m.q), nil
}

// sampleStage takes samples of what the first stage of a candidate gives.
func (f *fitting) sampleStage(r *regression, c *candidate, first matrix) error {
	l := f.layer
	g := f.graph.Clone()
	s := l.stages(c)[0]
	w, err := g.AddConst("", tensor.FromSlice(first.data, s.weights...))
	if err != nil {
		return err
	}
	n, err := g.Append("", s.op, []*ir.Value{g.Value(l.node.In(0).Name()), w}, []string{g.FreshName("stage")})
	if err != nil {
		return err
	}
	win := l.window
	if c.form == formSeparable {
		one := func(v []int, first int) []int { return []int{first, v[1]} }
		win = ops.Window{In: one(win.In, win.Out[0]), Kernel: one(win.Kernel, 1), Stride: one(win.Stride, 1), Dilation: one(win.Dilation, 1),
			PadBegin: one(win.PadBegin, 0), PadEnd: one(win.PadEnd, 0), Out: win.Out}
	}
	sampled := newSampling(f.seed, int(l.position), f.approx.images(), 2*r.prior.cols+l.outputs())
	r.samples, err = f.approx.sample(sampled, g, n.Out(0), &win, f.original, f.target())
	return err
}

// measurePower finds the covariance of the input's channels.
func (f *fitting) measurePower() error {
	if f.approx.Images == nil || f.power != nil {
		return nil
	}
	in := f.layer.window.In
	s := newSampling(f.seed, in[0]*in[1], f.approx.images(), f.layer.inputs)
	var rows matrix
	err := f.approx.activations(f.graph, []*ir.Value{f.layer.node.In(0)}, func(first int, t []*tensor.Tensor) error {
		rows.data = s.gather(rows.data, t[0], nil, first)
		return nil
	})
	if err != nil {
		return err
	}
	rows.cols = f.layer.inputs
	rows.rows = len(rows.data) / rows.cols
	f.power, err = covariance(rows)
	return err
}

// covariance is that of the columns, with a little added to the diagonal.
func covariance(rows matrix) (*mat.Dense, error) {
	rows.center()
	c, err := gram(rows)
	if err != nil {
		return nil, err
	}
	n, _ := c.Dims()
	more := ridge*mat.Trace(c)/float64(n) + math.SmallestNonzeroFloat64
	for i := range n {
		c.Set(i, i, c.At(i, i)+more)
	}
	c.Scale(1/float64(max(rows.rows, 1)), c)
	return c, nil
}

// correct is weights and bias for features that differ from those that the targets were computed from: ridge regression
// toward the weights, solved in the space of the samples. The features are centered.
func correct(w matrix, s *samples) (matrix, []float64, error) {
	s.means = s.x.center()
	y := matrix{s.y.rows, s.y.cols, append([]float32(nil), s.y.data...)}
	bias := y.center()
	out, err := multiply(s.x, w, false, true)
	if err != nil {
		return w, nil, err
	}
	for i, v := range out.data {
		y.data[i] -= v
	}
	inner, err := multiply(s.x, s.x, false, true)
	if err != nil {
		return w, nil, err
	}
	factors, err := cholesky(inner.dense(), correctionRidge)
	if err != nil {
		return w, nil, err
	}
	var dual mat.Dense
	if err := factors.SolveTo(&dual, y.dense()); err != nil && !isCondition(err) {
		return w, nil, err
	}
	change, err := multiply(single(&dual), s.x, true, false)
	if err != nil {
		return w, nil, err
	}
	for i, v := range w.data {
		change.data[i] += v
	}
	return change, bias, nil
}

// correctionRidge is the weight of the old weights in correct, relative to the mean power of a sample: few samples in
// many dimensions can be met exactly, which would say little of others.
const correctionRidge = 0.1
