package compress

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/internal/mapped"
	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/internal/plain"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

// What options mean by a tolerance, which is how far results may be apart: see OutputDifference.Error. 0 stands for
// DefaultTolerance everywhere, and what is less than 0 for Exact.
const (
	DefaultTolerance = 1e-4 // for results that differ by rounding only
	Exact            = -1.0 // not at all
)

// givenTolerance is the tolerance that an option stands for.
func givenTolerance(option float64) float64 {
	if option == 0 {
		return DefaultTolerance
	}
	return max(option, 0)
}

// DiffOptions say how models are compared.
type DiffOptions struct {
	Tolerance float64 // beyond it, the node is looked for at which the models part; 0: DefaultTolerance
	Runtime   runtime.Options
}

// Difference is how far the outputs of two models are apart over the same inputs.
type Difference struct {
	Outputs []OutputDifference `json:"outputs"`
	Worst   float64            `json:"worst_absolute_error"` // the greatest of the outputs'
	Error   float64            `json:"error"`                // the greatest of the outputs'
	// Rows is how many rows (images) the first floating-point output has over all inputs, Agree in how many of them the
	// greatest element stands at the same place.
	Rows  int `json:"rows"`
	Agree int `json:"agree"`
	// First is where the second model leaves the first one, nil where they do not differ by more than the tolerance.
	First *Divergence `json:"first_divergence,omitempty"`
}

// OutputDifference is how far two tensors are apart.
type OutputDifference struct {
	Output string  `json:"output"`
	Worst  float64 `json:"worst_absolute_error"`
	// Error is Worst over the greatest magnitude in the first model's tensor. It is math.MaxFloat64 for what has no
	// distance: types, numbers against NaN or infinity, other integers or strings.
	Error float64 `json:"error"`
	At    []int   `json:"at,omitempty"` // the element
	set   int     // of the inputs
}

// Divergence is the first node whose output is not what it should be though its inputs are.
type Divergence struct {
	Value string  `json:"value"`
	Node  string  `json:"node"`
	Op    string  `json:"op"`
	Error float64 `json:"error"` // against the value of the same name, math.MaxFloat64 where there is none
}

func (d *Divergence) String() string {
	return "node " + plain.Quote(d.Node, plain.Name) + " (" + plain.Text(d.Op, plain.Name) + "), value " + plain.Quote(d.Value, plain.Name)
}

func (d OutputDifference) String() string {
	if d.Worst == 0 {
		return "0"
	}
	return fmt.Sprintf("%s, %s of the greatest magnitude", errorText(d.Worst), errorText(d.Error))
}

func (d *Difference) String() string {
	s := fmt.Sprintf("worst error %v", OutputDifference{Worst: d.Worst, Error: d.Error})
	if d.Rows > 0 {
		s += fmt.Sprintf("; top-1 agreement %.4g %% (%d of %d)", 100*d.Top1(), d.Agree, d.Rows)
	}
	return s
}

// Top1 is the share of rows in which both models have the greatest element at the same place; 1 where there are no rows.
func (d *Difference) Top1() float64 {
	if d.Rows == 0 {
		return 1
	}
	return float64(d.Agree) / float64(d.Rows)
}

// WorstOutput is the output that is furthest off.
func (d *Difference) WorstOutput() OutputDifference {
	if len(d.Outputs) == 0 {
		return OutputDifference{}
	}
	return slices.MaxFunc(d.Outputs, func(a, b OutputDifference) int { return compareFloats(a.Error, b.Error) })
}

func compareFloats(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Diff runs two models on the same inputs, each a tensor for every input of a in its order, and compares what they give.
// Neither is optimized for it, so that nothing but the models themselves can differ. Inputs and outputs belong together
// by name, or by place where the names are not the same; beside an output that is a Softmax, its input is compared.
func Diff(ctx context.Context, a, b *ir.Graph, inputs [][]*tensor.Tensor, opts DiffOptions) (*Difference, error) {
	return diff(ctx, a, b, inputs, givenTolerance(opts.Tolerance), opts.Runtime)
}

func diff(ctx context.Context, a, b *ir.Graph, inputs [][]*tensor.Tensor, tolerance float64, how runtime.Options) (d *Difference, err error) {
	defer slices.Concat(mapped.Of(a.Backing()), mapped.Of(b.Backing())).Guard(&err)()
	if len(inputs) == 0 {
		return nil, errors.New("onnxrun: nothing to run the models on")
	}
	order, err := matchNames("inputs", a.Inputs(), b.Inputs())
	if err != nil {
		return nil, err
	}
	ends, err := endsOf(a, b)
	if err != nil {
		return nil, err
	}
	seal := ir.NewSeal(a, b)
	want, err := results(ctx, a, ends.a, inputs, unoptimized(how))
	if err != nil {
		return nil, fmt.Errorf("first model: %w", err)
	}
	got, err := results(ctx, b, ends.b, reorder(inputs, order), unoptimized(how))
	if err != nil {
		return nil, fmt.Errorf("second model: %w", err)
	}
	if err := seal.Check(); err != nil {
		return nil, err
	}
	d = compare(ends.labels, want, got)
	if d.Error > tolerance {
		d.First, err = diverge(ctx, a, b, ends.b, d, inputs, order, tolerance, how)
	}
	return d, err
}

// unoptimized is how a graph is run as it stands.
func unoptimized(how runtime.Options) runtime.Options {
	how.Passes = &passes.Options{Level: passes.O0}
	return how
}

// results is values of a graph for each of the inputs.
func results(ctx context.Context, g *ir.Graph, values []*ir.Value, inputs [][]*tensor.Tensor, how runtime.Options) ([][]*tensor.Tensor, error) {
	how.Outputs = make([]string, len(values))
	for i, v := range values {
		how.Outputs[i] = v.Name()
	}
	s, err := runtime.Compile(ctx, g, how)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	needed := make([]int, len(s.Inputs())) // values need not depend on all inputs
	for i, v := range s.Inputs() {
		needed[i] = slices.IndexFunc(g.Inputs(), func(w *ir.Value) bool { return w.Name() == v.Name() })
	}
	var all [][]*tensor.Tensor
	for _, in := range reorder(inputs, needed) {
		out, err := s.Run(ctx, in...)
		if err != nil {
			return nil, err
		}
		all = append(all, out)
	}
	return all, nil
}

// ends is what is compared of two graphs: their outputs and, where an output is a Softmax in both, what goes into it. A
// Softmax of large numbers is all ones and zeros, and so hides what is wrong upstream of it.
type ends struct {
	labels []string
	a, b   []*ir.Value
}

func endsOf(a, b *ir.Graph) (e ends, err error) {
	order, err := matchNames("outputs", b.Outputs(), a.Outputs())
	if err != nil {
		return e, err
	}
	for i, v := range a.Outputs() {
		e.labels, e.a, e.b = append(e.labels, v.Name()), append(e.a, v), append(e.b, b.Outputs()[order[i]])
	}
	for i, v := range a.Outputs() {
		if x, y := softmaxInput(v), softmaxInput(e.b[i]); x != nil && y != nil {
			e.labels, e.a, e.b = append(e.labels, v.Name()+" before Softmax"), append(e.a, x), append(e.b, y)
		}
	}
	return e, nil
}

// softmaxInput is what goes into the Softmax that computes v; nil if there is none.
func softmaxInput(v *ir.Value) *ir.Value {
	if v.Def() == nil {
		return nil
	}
	switch v.Def().Op.(type) {
	case *ops.Softmax, *ops.LogSoftmax:
		if in := v.Def().In(0); in.Def() != nil {
			return in
		}
	}
	return nil
}

// matchNames is, for each of the values to, the number of the one from that belongs to it.
func matchNames(what string, from, to []*ir.Value) ([]int, error) {
	if len(from) != len(to) {
		return nil, fmt.Errorf("onnxrun: the models cannot be compared: their %s are %s and %s", what, plain.Join(from, 8), plain.Join(to, 8))
	}
	order, same := make([]int, len(to)), true
	for i, v := range to {
		order[i] = slices.IndexFunc(from, func(w *ir.Value) bool { return w.Name() == v.Name() })
		same = same && order[i] >= 0
	}
	if !same {
		for i := range order {
			order[i] = i
		}
	}
	return order, nil
}

func reorder(sets [][]*tensor.Tensor, order []int) [][]*tensor.Tensor {
	out := make([][]*tensor.Tensor, len(sets))
	for i, set := range sets {
		for _, n := range order {
			out[i] = append(out[i], set[n])
		}
	}
	return out
}

// compare compares results with what they should be, for each of the inputs.
func compare(labels []string, want, got [][]*tensor.Tensor) *Difference {
	d := &Difference{Outputs: make([]OutputDifference, len(labels))}
	scores := slices.IndexFunc(want[0], func(t *tensor.Tensor) bool { return modelinfo.Floating(t.DType()) })
	for o, label := range labels {
		d.Outputs[o].Output = label
		for set := range want {
			e := tensorDifference(want[set][o], got[set][o])
			if e.Error > d.Outputs[o].Error {
				e.Output, e.set = label, set
				d.Outputs[o] = e
			}
			if o == scores {
				rows, agree := sameTop(want[set][o], got[set][o])
				d.Rows, d.Agree = d.Rows+rows, d.Agree+agree
			}
		}
		d.Worst, d.Error = max(d.Worst, d.Outputs[o].Worst), max(d.Error, d.Outputs[o].Error)
	}
	return d
}

// leastPeak is what errors are relative to at least: where a tensor's numbers are all smaller than that, rounding would
// pass for a large error.
const leastPeak = 1e-6

// tensorDifference is how far got is from want.
func tensorDifference(want, got *tensor.Tensor) (d OutputDifference) {
	far := OutputDifference{Worst: math.MaxFloat64, Error: math.MaxFloat64}
	if want.DType() != got.DType() || !slices.Equal(want.Shape(), got.Shape()) {
		return far
	}
	if !modelinfo.Floating(want.DType()) {
		if !want.Equal(got) {
			return far
		}
		return d
	}
	a, b, peak, at := float64s(want), float64s(got), leastPeak, 0
	for i := range a {
		if !math.IsInf(a[i], 0) && !math.IsNaN(a[i]) {
			peak = max(peak, math.Abs(a[i]))
		}
		if a[i] == b[i] || math.IsNaN(a[i]) && math.IsNaN(b[i]) {
			continue
		}
		e := math.Abs(a[i] - b[i])
		if math.IsNaN(e) || math.IsInf(e, 0) {
			far.At = place(i, want.Shape())
			return far
		}
		if e > d.Worst {
			d.Worst, at = e, i
		}
	}
	if d.Worst > 0 {
		d.Error, d.At = d.Worst/peak, place(at, want.Shape())
	}
	return d
}

// float64s is the elements of a floating-point tensor.
func float64s(t *tensor.Tensor) []float64 {
	if t.DType() == tensor.Float64 {
		return tensor.Data[float64](t)
	}
	data := tensor.Data[float32](t.ToFloat32())
	out := make([]float64, len(data))
	for i, v := range data {
		out[i] = float64(v)
	}
	return out
}

// place is the index of element i of a tensor of that shape.
func place(i int, shape []int) []int {
	at := make([]int, len(shape))
	for d := len(shape) - 1; d >= 0; d-- {
		at[d] = i % shape[d]
		i /= shape[d]
	}
	return at
}

// sameTop counts the rows of scores, and those whose greatest element stands at the same place.
func sameTop(want, got *tensor.Tensor) (rows, agree int) {
	if !slices.Equal(want.Shape(), got.Shape()) || want.Len() == 0 {
		return 0, 0
	}
	rows = 1
	if want.Rank() > 1 {
		rows = want.Dim(0)
	}
	a, b := float64s(want), float64s(got)
	width := len(a) / rows
	for r := range rows {
		if greatest(a[r*width:(r+1)*width]) == greatest(b[r*width:(r+1)*width]) {
			agree++
		}
	}
	return rows, agree
}

func greatest(row []float64) int {
	best := 0
	for i, v := range row {
		if v > row[best] {
			best = i
		}
	}
	return best
}
