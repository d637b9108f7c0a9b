package passes

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// regression looks for the linear map of features to targets that has a bounded rank and the least error downstream of an
// activation:
//
//	min Σ ‖r(y) − r(P·Q·x + b)‖² + ridge·‖(P·Q − prior)·metric^½‖²
//
// The ridge draws the map to the original one: it decides alone where there are no samples, which makes the
// result the singular value decomposition of the prior, and in directions that the samples do not show. Without r this is
// reduced-rank regression, solved at once; with it, the targets are replaced in turns by what is nearest to both r(y) and
// the map's own output (Zhang, Zou, He, Sun 2015, "Accelerating very deep convolutional networks for classification and
// detection", sections 3.1.2 and 3.1.3).
type regression struct {
	samples        // none: rows are 0
	prior   matrix // targets × features
	bias    []float64
	metric  *mat.Dense // features × features; nil: the identity
	act     *nonlinearity
	kept    float64 // share of the map's power that the bound on its rank left, after solve
}

// linearMap is y = p·q·x + bias. p is nil where the rank is not bounded.
type linearMap struct {
	p, q matrix
	bias []float64
}

// ridge is the weight of the prior, relative to the power of the features.
const ridge = 1e-3

// manyFeatures is where a turn takes so long that there are only half as many.
const manyFeatures = 768

// penalties are the weights, in turns, of the distance to the map's own output.
var penalties = [...]float64{0.03, 0.1, 0.3, 1, 1}

// solve finds the map. The samples are changed: features are centered.
func (r *regression) solve(rank int) (*linearMap, error) {
	s, t, err := r.ridge()
	if err != nil {
		return nil, err
	}
	if r.x.rows == 0 {
		return r.reduce(t, r.prior.dense(), rank, r.bias)
	}
	means := r.x.center()
	power, err := gram(r.x)
	if err != nil {
		return nil, err
	}
	weight := ridge * mat.Trace(power) / max(mat.Trace(s), math.SmallestNonzeroFloat64)
	var system, toward mat.Dense
	system.Scale(weight, s)
	system.Add(&system, power)
	toward.Scale(weight, t)
	factors, err := cholesky(&system, 1e-9)
	if err != nil {
		return nil, err
	}
	var best *linearMap
	least := math.Inf(1)
	z := matrix{r.y.rows, r.y.cols, append([]float32(nil), r.y.data...)}
	for turn := 0; ; turn++ {
		m, err := r.fit(factors, &toward, z, means, rank)
		if err != nil {
			return nil, err
		}
		out, err := m.apply(r.x, means)
		if err != nil {
			return nil, err
		}
		if e := r.act.distance(r.y, out); e < least || best == nil {
			best, least = m, e
		}
		if r.act == nil || turn == len(penalties) || r.x.cols > manyFeatures && turn == len(penalties)/2 {
			return best, nil
		}
		r.act.between(z, r.y, out, penalties[turn])
	}
}

// ridge is the metric and the product of the prior with it.
func (r *regression) ridge() (metric, product *mat.Dense, err error) {
	if r.metric == nil {
		id := mat.NewDense(r.prior.cols, r.prior.cols, nil)
		for i := range r.prior.cols {
			id.Set(i, i, 1)
		}
		return id, r.prior.dense(), nil
	}
	t, err := multiply(r.prior, single(r.metric), false, false)
	if err != nil {
		return nil, nil, err
	}
	return r.metric, t.dense(), nil
}

// fit is reduced-rank regression of the targets z on the features.
func (r *regression) fit(system *mat.Cholesky, toward *mat.Dense, z matrix, means []float64, rank int) (*linearMap, error) {
	centered := matrix{z.rows, z.cols, append([]float32(nil), z.data...)}
	bias := centered.center()
	cross := mat.NewDense(z.cols, r.x.cols, nil)
	if err := addGram(cross, centered, r.x); err != nil {
		return nil, err
	}
	cross.Add(cross, toward)
	var full mat.Dense
	if err := system.SolveTo(&full, cross.T()); err != nil && !isCondition(err) {
		return nil, err
	}
	m, err := r.reduce(cross, mat.DenseCopyOf(full.T()), rank, bias)
	if err != nil {
		return nil, err
	}
	shift, err := m.times(single(mat.NewDense(1, len(means), means)))
	if err != nil {
		return nil, err
	}
	for i, v := range shift.data {
		m.bias[i] -= float64(v)
	}
	return m, nil
}

// reduce bounds the rank of the map b, whose product with the features' power is cross: it projects onto the directions
// of the targets in which the map has the most power.
func (r *regression) reduce(cross, b *mat.Dense, rank int, bias []float64) (*linearMap, error) {
	m := &linearMap{q: single(b), bias: append([]float64(nil), bias...)}
	if r.kept = 1; rank == 0 {
		return m, nil
	}
	product, err := multiply(m.q, single(cross), false, true)
	if err != nil {
		return nil, err
	}
	power := product.dense()
	values, p, err := eigen(power, rank)
	if err != nil {
		return nil, err
	}
	r.kept = sum(values) / max(mat.Trace(power), math.SmallestNonzeroFloat64)
	m.p = single(p)
	m.q, err = multiply(m.p, m.q, true, false)
	return m, err
}

// times is the map of rows without its bias.
func (m *linearMap) times(x matrix) (matrix, error) {
	out, err := multiply(x, m.q, false, true)
	if err == nil && m.p.data != nil {
		out, err = multiply(out, m.p, false, true)
	}
	return out, err
}

// apply is the map of rows from which means were subtracted.
func (m *linearMap) apply(x matrix, means []float64) (matrix, error) {
	out, err := m.times(x)
	if err != nil {
		return out, err
	}
	shift := append([]float64(nil), m.bias...)
	if means != nil {
		mapped, err := m.times(single(mat.NewDense(1, len(means), means)))
		if err != nil {
			return out, err
		}
		for i, v := range mapped.data {
			shift[i] += float64(v)
		}
	}
	for i := range out.rows {
		for j, row := 0, out.row(i); j < len(row); j++ {
			row[j] += float32(shift[j])
		}
	}
	return out, nil
}

// errorOn is the root of the mean square of the map's error downstream of the activation, relative to the targets' own.
func (r *regression) errorOn(s samples, m *linearMap) (float64, error) {
	out, err := m.apply(s.x, nil)
	if err != nil {
		return 0, err
	}
	return r.act.relative(s.y, out), nil
}
