package passes

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// maxAtOnce bounds the bytes of activations that one run gives for the spectra.
const maxAtOnce = 256 << 20

// maxSpectrum is how many eigenvalues of a large matrix are looked at.
const maxSpectrum = 512

// spectra is, for each layer and form, what a rank loses: for each of the form's ranks, the share of the power beyond
// 0, 1, 2 … directions. Images, where there are any, show the power in the original graph. nil where ranks are given.
func (b *bottleneck) spectra() ([]map[string][][]float64, error) {
	all := make([]map[string][][]float64, len(b.layers))
	if b.a.Rank != 0 {
		return all, nil
	}
	for from := 0; from < len(b.layers); {
		to, bytes := from, 0
		for to < len(b.layers) && (to == from || bytes < maxAtOnce) {
			bytes += b.activationBytes(b.layers[to])
			to++
		}
		moments, err := b.moments(from, to)
		if err != nil {
			return nil, err
		}
		for i := from; i < to; i++ {
			if bl := b.layers[i]; bl.layer != nil {
				if all[i], err = b.spectraOf(bl.layer, moments[i-from]); err != nil {
					return nil, &ir.Error{Node: bl.node.Name, Op: bl.node.OpName(), Err: err}
				}
			}
		}
		from = to
	}
	return all, nil
}

// activationBytes is those of a layer's input and output for a batch.
func (b *bottleneck) activationBytes(bl *bottleneckLayer) int {
	if bl.layer == nil || b.a.Images == nil {
		return 0
	}
	l, plane := bl.layer, 1
	for _, n := range l.window.In {
		plane *= n
	}
	return 4 * b.a.Images[0].Dim(0) * (l.inputs*plane + l.outputs()*int(l.position))
}

// moment is the covariances of a layer's input and output channels, and the number of positions that they are from.
type moment struct {
	in, out *mat.Dense // nil without images
	rows    int
}

// moments looks at some layers at once.
func (b *bottleneck) moments(from, to int) ([]moment, error) {
	out := make([]moment, to-from)
	if b.a.Images == nil {
		return out, nil
	}
	type pair struct {
		x, y       matrix
		sx, sy     sampling
		in, result int // numbers of the values
	}
	var values []*ir.Value
	pairs := make([]*pair, to-from)
	for i, bl := range b.layers[from:to] {
		l := bl.layer
		if l == nil {
			continue
		}
		plane := 1
		for _, n := range l.window.In {
			plane *= n
		}
		n := b.a.images()
		pairs[i] = &pair{sx: newSampling(uint64(i), plane, n, l.inputs), sy: newSampling(uint64(i), int(l.position), n, l.outputs()),
			in: len(values), result: len(values) + 1}
		values = append(values, b.Graph.Value(bl.node.In(0).Name()), b.Graph.Value(bl.node.Out(0).Name()))
	}
	err := b.a.activations(b.Graph, values, func(first int, t []*tensor.Tensor) error {
		for _, p := range pairs {
			if p != nil {
				p.x.data = p.sx.gather(p.x.data, t[p.in], nil, first)
				p.y.data = p.sy.gather(p.y.data, t[p.result], nil, first)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, p := range pairs {
		if p == nil {
			continue
		}
		l := b.layers[from+i].layer
		p.x.cols, p.y.cols = l.inputs, l.outputs()
		p.x.rows, p.y.rows = len(p.x.data)/p.x.cols, len(p.y.data)/p.y.cols
		out[i].rows = p.y.rows
		if out[i].out, err = covariance(p.y); err != nil {
			return nil, err
		}
		if l.conv != nil {
			if out[i].in, err = covariance(p.x); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// spectraOf is what ranks lose in each form of a layer.
func (b *bottleneck) spectraOf(l *factorized, m moment) (map[string][][]float64, error) {
	out := map[string][][]float64{}
	for _, form := range b.forms(l) {
		if _, why := l.full(form); why != "" {
			continue
		}
		var spectra [][]float64
		if form != formProject && form != formTwo {
			w, high, _ := l.unfold(form == formSeparable)
			if m.in != nil {
				up, _, err := root(m.in)
				if err != nil {
					return nil, err
				}
				wide, err := multiply(up, matrix{l.inputs, high * w.cols, w.data}, false, false)
				if err != nil {
					return nil, err
				}
				w.data = wide.data
			}
			tail, err := tailOf(w, nil, 0)
			if err != nil {
				return nil, err
			}
			spectra = append(spectra, tail)
		}
		if form != formReduce && form != formSeparable {
			tail, err := tailOf(l.weights, m.out, m.rows)
			if err != nil {
				return nil, err
			}
			spectra = append(spectra, tail)
		}
		out[form] = spectra
	}
	return out, nil
}

// trusted is how many samples of an output say as much of what it will be as the weights do.
const trusted = 100

// tailOf is, for each number of directions from 0, the share of the power of w·wᵀ beyond them; where there is a
// covariance of the same size, of the two together, as many samples as it is from. Ranks beyond the samples are not fitted to
// these, so that the weights alone say what they lose.
func tailOf(w matrix, seen *mat.Dense, samples int) ([]float64, error) {
	g, err := multiply(w, w, false, true)
	if err != nil {
		return nil, err
	}
	total := g.dense()
	if seen == nil || mat.Trace(seen) <= 0 {
		return spectrumTail(total, w)
	}
	var plain []float64
	if samples < w.rows {
		if plain, err = spectrumTail(total, w); err != nil {
			return nil, err
		}
	}
	share := float64(samples) / float64(samples+trusted)
	total.Scale((1-share)/max(mat.Trace(total), math.SmallestNonzeroFloat64), total)
	var part mat.Dense
	part.Scale(share/mat.Trace(seen), seen)
	total.Add(total, &part)
	tail, err := spectrumTail(total, w)
	if err == nil && len(plain) > samples+1 {
		copy(tail[samples+1:], plain[samples+1:])
	}
	return tail, err
}

// spectrumTail is, for each number of directions from 0, the share of the trace of g beyond them, as far as w, whose rows
// g is of, has ranks, and as far as large matrices are looked at.
func spectrumTail(g *mat.Dense, w matrix) (tail []float64, err error) {
	var values []float64
	if w.rows <= exactValues {
		values, err = eigenvalues(g)
	} else {
		values, _, err = eigen(g, min(maxSpectrum, w.rows, w.cols))
	}
	if err != nil {
		return nil, err
	}
	trace, kept := max(mat.Trace(g), math.SmallestNonzeroFloat64), 0.0
	tail = []float64{1}
	for _, v := range values {
		kept += v
		tail = append(tail, max(1-kept/trace, 0))
	}
	return tail, nil
}
