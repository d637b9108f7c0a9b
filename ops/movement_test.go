package ops

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// count is 0, 1, 2, … in a shape.
func count(shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](t) {
		tensor.Data[float32](t)[i] = float32(i)
	}
	return t
}

func ints(v ...int64) *tensor.Tensor { return tensor.Vector(v...) }

func floats(t *tensor.Tensor) []float32 { return tensor.Data[float32](t) }

func TestReshape(t *testing.T) {
	x := count(2, 3, 4)
	for _, c := range []struct {
		want []int64
		got  []int
	}{{[]int64{4, 6}, []int{4, 6}}, {[]int64{0, -1}, []int{2, 12}}, {[]int64{-1}, []int{24}}, {[]int64{0, 0, 2, -1}, []int{2, 3, 2, 2}}} {
		require.Equal(t, c.got, eval(t, &Reshape{}, 1, x, ints(c.want...))[0].Shape())
	}
	require.Equal(t, []int{0, 3}, eval(t, &Reshape{AllowZero: true}, 1, tensor.New(tensor.Float32, 3, 0), ints(0, 3))[0].Shape())
	for want, shape := range map[string][]int64{
		"more than one -1": {-1, -1}, "does not divide": {5, -1}, "has 10 elements": {5, 2}, "copies dimension 3": {1, 1, 1, 0}, "negative": {-2, 12},
	} {
		require.ErrorContains(t, evalErr(t, &Reshape{}, 1, x, ints(shape...)), want)
	}
	old := evalOld(t, "Reshape", 1, []ir.Attr{{Name: "shape", Value: []int{6, -1}}}, 1, x)
	require.Equal(t, []int{6, 4}, old[0].Shape())
}

// A symbolic batch survives the shape arithmetic of exporters: Reshape(x, Concat(Shape(x)[0:1], [-1])).
func TestReshapeKeepsSymbols(t *testing.T) {
	g, err := ir.Parse(`graph "g" opset 21 (%x: float32[N,8,2,H]) -> (%y, %z) {
  %zero: int64[1] = const [0]
  %rest: int64[1] = const [-1]
  %split: int64[5] = const [0, 2, 4, 2, -1]
  %shape = Shape(%x) "shape"
  %n = Gather(%shape, %zero) "n"
  %to = Concat{axis=0}(%n, %rest) "to"
  %y = Reshape(%x, %to) "y"
  %z = Reshape(%x, %split) "z"
}`, Lookup)
	require.NoError(t, err)
	require.Equal(t, "float32[N,16*H]", g.Outputs()[0].Type().String())
	require.Equal(t, "float32[N,2,4,2,H]", g.Outputs()[1].Type().String())
}

func TestFlattenAndUnsqueeze(t *testing.T) {
	x := count(2, 3, 4)
	for axis, want := range map[int][]int{0: {1, 24}, 1: {2, 12}, 3: {24, 1}, -1: {6, 4}} {
		require.Equal(t, want, eval(t, &Flatten{Axis: axis}, 1, x)[0].Shape())
	}
	require.ErrorContains(t, evalErr(t, &Flatten{Axis: 4}, 1, x), `attribute "axis"`)
	require.Equal(t, []int{1, 2, 3, 1, 4}, eval(t, &Unsqueeze{}, 1, x, ints(-2, 0))[0].Shape())
	require.ErrorContains(t, evalErr(t, &Unsqueeze{}, 1, x, ints(0, 0)), "twice")
	require.Equal(t, []int{2, 3, 1, 4}, evalOld(t, "Unsqueeze", 11, []ir.Attr{{Name: "axes", Value: []int{2}}}, 1, x)[0].Shape())
}

func TestTranspose(t *testing.T) {
	x := count(2, 3)
	require.Equal(t, []float32{0, 3, 1, 4, 2, 5}, floats(eval(t, &Transpose{}, 1, x)[0]))
	require.Equal(t, []int{4, 2, 3}, eval(t, &Transpose{Perm: []int{2, 0, 1}}, 1, count(2, 3, 4))[0].Shape())
	words := eval(t, &Transpose{}, 1, tensor.FromSlice([]string{"a", "b", "c", "d"}, 2, 2))[0]
	require.Equal(t, []string{"a", "c", "b", "d"}, tensor.Data[string](words))
	for _, perm := range [][]int{{0}, {0, 0}, {0, 2}} {
		require.ErrorContains(t, evalErr(t, &Transpose{Perm: perm}, 1, x), `attribute "perm"`)
	}
}

func TestConcatAndSplit(t *testing.T) {
	a, b := count(2, 2), count(2, 1)
	require.Equal(t, []float32{0, 1, 0, 2, 3, 1}, floats(eval(t, &Concat{Axis: -1}, 1, a, b)[0]))
	require.ErrorContains(t, evalErr(t, &Concat{Axis: 0}, 1, a, b), "differ outside of axis 0")
	require.ErrorContains(t, evalErr(t, &Concat{Axis: 0}, 1, a, count(2)), "differ in rank")
	require.Equal(t, []int{2, 3}, evalOld(t, "Concat", 1, nil, 1, a, b)[0].Shape())

	x := count(5, 2)
	out := eval(t, &Split{}, 2, x, ints(1, 4))
	require.Equal(t, []float32{0, 1}, floats(out[0]))
	require.Equal(t, []int{4, 2}, out[1].Shape())
	out = eval(t, &Split{NumOutputs: 2}, 2, x)
	require.Equal(t, []int{3, 2}, []int{out[0].Dim(0), out[1].Dim(0)})
	require.Equal(t, []int{5, 1}, eval(t, &Split{Axis: 1}, 2, x)[1].Shape())
	require.ErrorContains(t, evalErr(t, &Split{}, 2, x), "cannot be cut into 2")
	require.ErrorContains(t, evalErr(t, &Split{}, 2, x, ints(1, 5)), "does not add up")
	require.ErrorContains(t, evalErr(t, &Split{}, 2, x, ints(5)), "has 1 sizes")
	require.ErrorContains(t, evalErr(t, &Split{NumOutputs: 3}, 2, x), `attribute "num_outputs"`)
	old := evalOld(t, "Split", 2, []ir.Attr{{Name: "split", Value: []int{2, 3}}}, 2, x)
	require.Equal(t, []int{3, 2}, old[1].Shape())
}

func TestSlice(t *testing.T) {
	x := count(10)
	for _, c := range []struct {
		start, end, step int64
		want             []float32
	}{
		{2, 5, 1, []float32{2, 3, 4}}, {-3, math.MaxInt64, 1, []float32{7, 8, 9}}, {0, 10, 4, []float32{0, 4, 8}}, {-1, math.MinInt64, -4, []float32{9, 5, 1}},
		{8, 2, -3, []float32{8, 5}}, {5, 5, 1, []float32{}}, {7, 2, 1, []float32{}}, {-100, 2, 1, []float32{0, 1}}, {100, 0, -9, []float32{9}},
	} {
		got := eval(t, &Slice{}, 1, x, ints(c.start), ints(c.end), ints(0), ints(c.step))[0]
		require.Equal(t, c.want, floats(got), "%+v", c)
	}
	require.Equal(t, []int{2, 2}, eval(t, &Slice{}, 1, count(2, 5), ints(1), ints(3), ints(-1))[0].Shape())
	require.ErrorContains(t, evalErr(t, &Slice{}, 1, x, ints(0), ints(1), ints(0), ints(0)), "step of axis 0 is 0")
	require.ErrorContains(t, evalErr(t, &Slice{}, 1, x, ints(0, 1), ints(1), ints(0)), "do not fit together")
	require.ErrorContains(t, evalErr(t, &Slice{}, 1, x, ints(0), ints(1), ints(1)), "axis 1")
	old := evalOld(t, "Slice", 9, []ir.Attr{{Name: "starts", Value: []int{1}}, {Name: "ends", Value: []int{3}}}, 1, x)
	require.Equal(t, []float32{1, 2}, floats(old[0]))
}

func TestGatherFamily(t *testing.T) {
	x := count(3, 2)
	require.Equal(t, []float32{4, 5, 0, 1}, floats(eval(t, &Gather{}, 1, x, ints(-1, 0))[0]))
	require.Equal(t, []int{3, 1, 2}, eval(t, &Gather{Axis: 1}, 1, x, tensor.FromSlice([]int64{0, 1}, 1, 2))[0].Shape())
	require.ErrorContains(t, evalErr(t, &Gather{}, 1, x, ints(3)), "index 3 is outside")
	got := eval(t, &GatherElements{Axis: 1}, 1, x, tensor.FromSlice([]int64{0, -1, 1, 0}, 2, 2))[0]
	require.Equal(t, []float32{0, 1, 3, 2}, floats(got))
	require.ErrorContains(t, evalErr(t, &GatherElements{}, 1, x, tensor.FromSlice([]int64{5, 0}, 1, 2)), "index 5")
	require.ErrorContains(t, evalErr(t, &GatherElements{}, 1, x, tensor.New(tensor.Int64, 1, 3)), "more places")
	got = eval(t, &GatherND{}, 1, x, tensor.FromSlice([]int64{2, 0, 0, 1}, 2, 2))[0]
	require.Equal(t, []float32{4, 1}, floats(got))
	got = eval(t, &GatherND{BatchDims: 1}, 1, count(2, 2, 2), tensor.FromSlice([]int64{1, 0}, 2, 1))[0]
	require.Equal(t, []float32{2, 3, 4, 5}, floats(got))
	require.ErrorContains(t, evalErr(t, &GatherND{}, 1, x, tensor.New(tensor.Int64, 1, 3)), "more coordinates")
}

func TestScatterFamily(t *testing.T) {
	x := count(2, 3)
	at, updates := tensor.FromSlice([]int64{2, -3}, 2, 1), tensor.FromSlice([]float32{10, 20}, 2, 1)
	for reduction, want := range map[string][]float32{"none": {0, 1, 10, 20, 4, 5}, "add": {0, 1, 12, 23, 4, 5}, "mul": {0, 1, 20, 60, 4, 5}, "min": {0, 1, 2, 3, 4, 5}} {
		require.Equal(t, want, floats(eval(t, &ScatterElements{Axis: 1, Reduction: reduction}, 1, x, at, updates)[0]), reduction)
	}
	half := eval(t, &ScatterElements{Axis: 1, Reduction: "add"}, 1, tensor.FromFloat32(x, tensor.Float16), at, tensor.FromFloat32(updates, tensor.Float16))[0]
	require.Equal(t, tensor.Float16, half.DType())
	got := eval(t, &ScatterND{Reduction: "none"}, 1, x, tensor.FromSlice([]int64{1}, 1, 1), tensor.FromSlice([]float32{7, 8, 9}, 1, 3))[0]
	require.Equal(t, []float32{0, 1, 2, 7, 8, 9}, floats(got))
	require.ErrorContains(t, evalErr(t, &ScatterND{Reduction: "none"}, 1, x, tensor.FromSlice([]int64{2}, 1, 1), count(1, 3)), "index 2")
	require.ErrorContains(t, evalErr(t, &ScatterND{Reduction: "none"}, 1, x, tensor.FromSlice([]int64{1}, 1, 1), count(1, 2)), "updates have shape")
	old := evalOld(t, "Scatter", 9, []ir.Attr{{Name: "axis", Value: 1}}, 1, x, at, updates)
	require.Equal(t, []float32{0, 1, 10, 20, 4, 5}, floats(old[0]))
}

func TestExpandTilePad(t *testing.T) {
	x := count(2, 1)
	require.Equal(t, []float32{0, 0, 1, 1}, floats(eval(t, &Expand{}, 1, x, ints(2, 2))[0]))
	require.Equal(t, []int{3, 2, 1}, eval(t, &Expand{}, 1, x, ints(3, 1, 1))[0].Shape())
	require.ErrorContains(t, evalErr(t, &Expand{}, 1, x, ints(3, 1)), "cannot be broadcast")
	require.ErrorContains(t, evalErr(t, &Expand{}, 1, x, ints(-1)), "negative")
	require.Equal(t, []float32{0, 0, 1, 1, 0, 0, 1, 1}, floats(eval(t, &Tile{}, 1, x, ints(2, 2))[0]))
	require.ErrorContains(t, evalErr(t, &Tile{}, 1, x, ints(2)), "1 repeats")
	require.ErrorContains(t, evalErr(t, &Tile{}, 1, x, ints(1, -1)), "negative")
	evalErr(t, &Tile{}, 1, x, ints(1<<40, 1<<40)) // beyond memory

	v := count(3)
	for mode, want := range map[string][]float32{"constant": {0, 0, 0, 1, 2, 0}, "edge": {0, 0, 0, 1, 2, 2}, "reflect": {2, 1, 0, 1, 2, 1}, "wrap": {1, 2, 0, 1, 2, 0}} {
		require.Equal(t, want, floats(eval(t, &Pad{Mode: mode}, 1, v, ints(2, 1))[0]), mode)
	}
	require.Equal(t, []float32{1, 2, 9}, floats(eval(t, &Pad{Mode: "constant"}, 1, v, ints(-1, 1), tensor.Scalar[float32](9), ints(0))[0]))
	require.ErrorContains(t, evalErr(t, &Pad{Mode: "constant"}, 1, v, ints(-2, -2)), "cut more off")
	require.ErrorContains(t, evalErr(t, &Pad{Mode: "constant"}, 1, v, ints(1)), "1 pads for 1 axes")
	require.ErrorContains(t, evalErr(t, &Pad{Mode: "edge"}, 1, tensor.New(tensor.Float32, 0), ints(1, 1)), "cannot fill from the empty")
	require.ErrorContains(t, evalErr(t, &Pad{Mode: "constant"}, 1, v, ints(1<<60, 1<<60)), "out of range")
	old := evalOld(t, "Pad", 1, []ir.Attr{{Name: "paddings", Value: []int{1, 0}}, {Name: "value", Value: float32(5)}}, 1, v)
	require.Equal(t, []float32{5, 0, 1, 2}, floats(old[0]))
}

func TestTriluEyeLikeRange(t *testing.T) {
	x := count(2, 3)
	require.Equal(t, []float32{0, 1, 2, 0, 4, 5}, floats(eval(t, &Trilu{Upper: true}, 1, x)[0]))
	require.Equal(t, []float32{0, 1, 0, 3, 4, 5}, floats(eval(t, &Trilu{}, 1, x, tensor.Scalar[int64](1))[0]))
	require.Equal(t, []float32{0, 1, 0, 0, 0, 1}, floats(eval(t, &EyeLike{K: 1}, 1, x)[0]))
	require.Equal(t, []bool{true, false, false, false, true, false}, tensor.Data[bool](eval(t, &EyeLike{DType: tensor.Bool}, 1, x)[0]))
	require.Equal(t, []int64{5, 3}, tensor.Data[int64](eval(t, &Range{}, 1, tensor.Scalar[int64](5), tensor.Scalar[int64](1), tensor.Scalar[int64](-2))[0]))
	require.Empty(t, tensor.Data[float64](eval(t, &Range{}, 1, tensor.Scalar(1.0), tensor.Scalar(0.0), tensor.Scalar(0.5))[0]))
	for _, v := range [][3]float32{{0, 1, 0}, {0, 1e30, 1}, {float32(math.NaN()), 1, 1}} {
		evalErr(t, &Range{}, 1, tensor.Scalar(v[0]), tensor.Scalar(v[1]), tensor.Scalar(v[2]))
	}
}

// Numbers that stand in a vector of none are refused whether the rest of the node is known or not.
func TestNumbersThatAreNotThere(t *testing.T) {
	for _, op := range []ir.Op{ir.New[TopK](), ir.New[DFT]()} {
		g := ir.NewGraph("g")
		x, err := g.AddInput("x", ir.Type{DType: tensor.Float32})
		require.NoError(t, err)
		none, err := g.AddConst("none", tensor.New(tensor.Int64, 0))
		require.NoError(t, err)
		in, outs := []*ir.Value{x, none}, []string{"y", "z"}
		if op.Def() == dft {
			in, outs = []*ir.Value{x, nil, none}, outs[:1]
		}
		_, err = g.Append("n", op, in, outs)
		require.ErrorContains(t, err, "expects one number")
	}
}

// The least integer, which has no opposite, is no pad.
func TestPadRefusesTheLeastInteger(t *testing.T) {
	x, pads := tensor.Vector[float32](1, 2), tensor.Vector[int64](math.MinInt64, math.MinInt64)
	require.ErrorContains(t, evalErr(t, ir.New[Pad](), 1, x, pads), "out of range")
}

func TestSliceTakesWhatAWalkMeets(t *testing.T) {
	ends := []int{math.MinInt, math.MinInt + 1, -100, 100, math.MaxInt - 1, math.MaxInt}
	for i := -7; i <= 7; i++ {
		ends = append(ends, i)
	}
	steps := []int{math.MinInt, -100, -3, -2, -1, 1, 2, 3, 100, math.MaxInt}
	for n := range 6 {
		for _, start := range ends {
			for _, end := range ends {
				for _, step := range steps {
					r := sliceRange{0, start, end, step}
					first, count := r.resolve(n)
					want := sliceWalk(n, start, end, step)
					require.Equal(t, len(want), count, "%v of %d", r, n)
					for i, at := range want {
						require.Equal(t, at, first+i*step, "%v of %d", r, n)
					}
				}
			}
		}
	}
}

// sliceWalk is the places that a Slice takes, by the specification's words.
func sliceWalk(n, start, end, step int) (places []int) {
	if start < 0 {
		start += n
	}
	if end < 0 {
		end = max(end, -2*n-2) + n
	}
	if step > 0 {
		start, end = min(max(start, 0), n), min(max(end, 0), n)
		for i := start; i < end; i += min(step, n) {
			places = append(places, i)
		}
		return places
	}
	start, end = min(max(start, 0), n-1), min(max(end, -1), n-1)
	for i := start; i > end; i += max(step, -n) {
		places = append(places, i)
	}
	return places
}

// Answers of ONNX Runtime 1.30.
func TestSliceAtItsEnds(t *testing.T) {
	for _, c := range []struct {
		n, start, end, step int
		want                []int
	}{
		{5, -10, -100, -1, []int{0}}, {5, -6, -100, -1, []int{0}}, {5, -5, -100, -1, []int{0}}, {5, 3, 3, 2, []int{}}, {5, 4, 1, 3, []int{}}, {0, 0, 0, 3, []int{}},
		{0, 0, -5, -1, []int{}}, {0, -3, -5, -1, []int{}}, {5, 100, -100, -2, []int{4, 2, 0}}, {5, 0, -100, -1, []int{0}}, {5, -7, -7, -1, []int{0}},
	} {
		x := tensor.New(tensor.Float32, c.n)
		for i := range c.n {
			tensor.Data[float32](x)[i] = float32(i)
		}
		one := func(v int) *tensor.Tensor { return tensor.Vector(int64(v)) }
		got := eval(t, &Slice{}, 1, x, one(c.start), one(c.end), one(0), one(c.step))[0]
		want := []float32{}
		for _, i := range c.want {
			want = append(want, float32(i))
		}
		require.Equal(t, want, append([]float32{}, tensor.Data[float32](got)...), c)
	}
}
