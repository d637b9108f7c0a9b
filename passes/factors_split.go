package passes

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// split is the weights as two stages, with the least error for an input whose channels have that covariance (nil: the
// identity) and are not correlated between the positions of the kernel. The first stage sees the column of the kernel, if
// vertical, else one position. kept is the share of the output's power.
func (l *factorized) split(rank int, vertical bool, power *mat.Dense) (first, second matrix, kept float64, err error) {
	w, high, rest := l.unfold(vertical)
	var back matrix
	if power != nil {
		up, inverse, err := root(power)
		if err != nil {
			return first, second, 0, err
		}
		wide, err := multiply(up, matrix{l.inputs, high * w.cols, w.data}, false, false)
		if err != nil {
			return first, second, 0, err
		}
		w.data, back = wide.data, inverse
	}
	g, err := multiply(w, w, false, true)
	if err != nil {
		return first, second, 0, err
	}
	total := g.dense()
	values, u, err := eigen(total, rank)
	if err != nil {
		return first, second, 0, err
	}
	vectors := single(u)
	folded, err := multiply(vectors, w, true, false) // rank × (outputs·rest)
	if err != nil {
		return first, second, 0, err
	}
	if power != nil {
		wide, err := multiply(back, matrix{l.inputs, high * rank, vectors.data}, false, false)
		if err != nil {
			return first, second, 0, err
		}
		vectors.data = wide.data
	}
	second = newMatrix(l.outputs(), rank*rest)
	for r := range rank {
		for m := range l.outputs() {
			copy(second.row(m)[r*rest:][:rest], folded.row(r)[m*rest:][:rest])
		}
	}
	return vectors.transposed(), second, sum(values) / max(mat.Trace(total), math.SmallestNonzeroFloat64), nil
}

// unfold is the weights as a matrix of inputs × (outputs·kernel), or, if vertical, (inputs·rows) × (outputs·columns).
func (l *factorized) unfold(vertical bool) (w matrix, high, rest int) {
	high, rest = 1, l.kernel[0]*l.kernel[1]
	if vertical {
		high, rest = l.kernel[0], l.kernel[1]
	}
	m, kernel := l.outputs(), l.kernel[0]*l.kernel[1]
	w = newMatrix(l.inputs*high, m*rest)
	for o := range m {
		for c := range l.inputs {
			for k, v := range l.weights.row(o)[c*kernel:][:kernel] {
				w.row(c*high + k/rest)[o*rest+k%rest] = v
			}
		}
	}
	return w, high, rest
}
