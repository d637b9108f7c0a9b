package train

import (
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// fitReshape gives a Reshape to constant sizes those that follow from its input now.
func (a *adapter) fitReshape(n *ir.Node, inputs []*ir.Value) error {
	was, changed := a.was[ir.Use{Node: n, Index: 0}]
	if !changed || n.In(1).Const() == nil {
		return nil
	}
	target, _ := n.In(1).Const().AsInts()
	fitted := fitShape(slices.Clone(target), was.Shape, n.In(0).Type().Shape, n.Out(0).Type().Shape)
	if fitted == nil || slices.Equal(fitted, target) {
		return nil
	}
	t := tensor.New(tensor.Int64, len(fitted))
	for i, size := range fitted {
		tensor.Data[int64](t)[i] = int64(size)
	}
	return a.constant(inputs, 1, t)
}

// fitShape changes the target of a reshape, which made out of was, to what it makes of now; nil where that is not known.
// Runs of dimensions that have as many elements before and after belong together; where a run of several is made, the
// largest takes on the change.
func fitShape(target []int, was, now, out ir.Shape) []int {
	if len(was) != len(now) || len(out) != len(target) {
		return nil
	}
	for i, j := 0, 0; i < len(was) && j < len(out); {
		i0, j0 := i, j
		if i, j = runs(was, out, i, j); i < 0 {
			return nil
		}
		run := target[j0:j]
		if slices.Equal(was[i0:i], now[i0:i]) || slices.Contains(run, -1) || slices.Contains(run, 0) {
			continue
		}
		count, largest, rest := now[i0:i].Count(), 0, 1
		for d := range run {
			if run[d] > run[largest] {
				largest = d
			}
		}
		for d := range run {
			if d != largest {
				rest *= run[d]
			}
		}
		if !count.IsKnown() || count.N%rest != 0 {
			return nil
		}
		run[largest] = count.N / rest
	}
	return target
}

// runs is where the shortest runs of dimensions end that begin at i and j and have as many elements, with the dimensions of
// 1 that follow them; negative where there are none.
func runs(a, b ir.Shape, i, j int) (int, int) {
	p, q := a[i], b[j]
	for i, j = i+1, j+1; p != q; {
		switch {
		case i < len(a) && (p.Sym == q.Sym && p.N < q.N || p.Sym == "" && q.Sym != ""):
			p = p.Mul(a[i])
			i++
		case j < len(b) && (p.Sym == q.Sym && q.N < p.N || q.Sym == "" && p.Sym != ""):
			q = q.Mul(b[j])
			j++
		default:
			return -1, -1
		}
	}
	if p.IsUnknown() && (a[i-1] != p || b[j-1] != p) { // a product, not one dimension each
		return -1, -1
	}
	one := ir.Known(1)
	for i < len(a) && a[i] == one && (j == len(b) || b[j] != one) {
		i++
	}
	for j < len(b) && b[j] == one && (i == len(a) || a[i] != one) {
		j++
	}
	return i, j
}
