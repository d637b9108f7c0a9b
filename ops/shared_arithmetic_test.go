package ops

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Rows give what a walk over single elements gives, whatever stretches.
func TestCombineEqualsElementwiseWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		out := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 5).Draw(t, "shape")
		drawn := func(name string) *tensor.Tensor {
			shape := append([]int{}, out[rapid.IntRange(0, len(out)).Draw(t, name+" rank"):]...)
			for i := range shape {
				if rapid.Bool().Draw(t, name+" stretches") {
					shape[i] = 1
				}
			}
			x := tensor.New(tensor.Int32, shape...)
			for i := range tensor.Data[int32](x) {
				tensor.Data[int32](x)[i] = int32(i + len(name))
			}
			return x
		}
		a, b := drawn("a"), drawn("b, the other")
		got, want := tensor.New(tensor.Int64, out...), tensor.New(tensor.Int64, out...)
		f := func(x, y int32) int64 { return int64(x)*1000 + int64(y) }
		combine(new(ir.EvalCtx), got, a, b, eachPair(f))
		eachOffset(out, [][]int{broadcastStrides(a.Shape(), out), broadcastStrides(b.Shape(), out)}, func(i int, offs []int) {
			tensor.Data[int64](want)[i] = f(tensor.Data[int32](a)[offs[0]], tensor.Data[int32](b)[offs[1]])
		})
		if !got.Equal(want) {
			t.Fatalf("%v and %v to %v: got %v, want %v", a, b, out, tensor.Data[int64](got), tensor.Data[int64](want))
		}
	})
}

// Of several inputs, some may have to be stretched along a dimension in which only a later one is long.
func TestFoldsStretchAllInputs(t *testing.T) {
	both := map[string]func(a, b float32) float32{
		"Sum": func(a, b float32) float32 { return a + b }, "Mean": func(a, b float32) float32 { return a + b },
		"Max": func(a, b float32) float32 { return max(a, b) }, "Min": func(a, b float32) float32 { return min(a, b) },
	}
	for _, op := range []ir.Op{&Sum{}, &Mean{}, &Max{}, &Min{}} {
		f := both[op.Def().Name]
		rapid.Check(t, func(t *rapid.T) {
			shape := rapid.SliceOfN(rapid.IntRange(1, 4), 0, 4).Draw(t, "shape")
			in := make([]*tensor.Tensor, rapid.IntRange(1, 4).Draw(t, "inputs"))
			shapes := make([][]int, len(in))
			for k := range in {
				s := append([]int{}, shape[rapid.IntRange(0, len(shape)).Draw(t, "rank"):]...)
				for i := range s {
					if rapid.Bool().Draw(t, "stretches") {
						s[i] = 1
					}
				}
				in[k], shapes[k] = tensor.New(tensor.Float32, s...), s
				for i := range tensor.Data[float32](in[k]) {
					tensor.Data[float32](in[k])[i] = float32(rapid.IntRange(-9, 9).Draw(t, "element"))
				}
			}
			c := &ir.EvalCtx{Op: op, In: in}
			if err := op.Def().Eval(c); err != nil {
				t.Fatal(err)
			}
			out, err := broadcastInts(shapes...)
			if err != nil || !slices.Equal(out, c.Out[0].Shape()) {
				t.Fatalf("%v: shape %v, expects %v", err, c.Out[0].Shape(), out)
			}
			strides := make([][]int, len(in))
			for k, s := range shapes {
				strides[k] = broadcastStrides(s, out)
			}
			eachOffset(out, strides, func(i int, offs []int) {
				want := tensor.Data[float32](in[0])[offs[0]]
				for k := range in[1:] {
					want = f(want, tensor.Data[float32](in[k+1])[offs[k+1]])
				}
				if op.Def().Name == "Mean" {
					want /= float32(len(in))
				}
				if got := tensor.Data[float32](c.Out[0])[i]; got != want {
					t.Fatalf("%s of %v: element %d is %v, expects %v", op.Def().Name, shapes, i, got, want)
				}
			})
		})
	}
}

func TestBroadcastRowsMergesDimensions(t *testing.T) {
	for _, c := range []struct {
		shape   []int
		shapes  [][]int
		length  int
		lengths []int
		outer   []int
	}{
		{[]int{2, 3, 4}, [][]int{{2, 3, 4}, {2, 3, 4}}, 24, []int{24, 24}, nil},
		{[]int{2, 3, 4}, [][]int{{2, 3, 4}, {}}, 24, []int{24, 1}, nil},
		{[]int{2, 3, 4, 5}, [][]int{{2, 3, 4, 5}, {3, 1, 1}}, 20, []int{20, 1}, []int{2, 3}},
		{[]int{2, 3, 4}, [][]int{{2, 3, 4}, {4}}, 4, []int{4, 4}, []int{6}},
		{[]int{1, 1}, [][]int{{1, 1}, {1}}, 1, []int{1, 1}, nil},
	} {
		r := broadcastRows(c.shape, c.shapes...)
		require.Equal(t, c.length, r.length, c)
		require.Equal(t, c.lengths, r.lengths, c)
		require.Equal(t, c.outer, r.outer, c)
	}
}

// The rows of float32 are what double precision, rounded, gives.
func TestFloat32RowsEqualWidened(t *testing.T) {
	values := []float32{0, float32(math.Copysign(0, -1)), 1, -1.5, 1e-40, 3.1e38, -2.9e38, 1.1754944e-38, 7, 0.1, float32(math.Inf(1)), float32(math.NaN())}
	for name, f := range map[string]struct {
		rows func(dst, a, b []float32)
		wide func(a, b float64) float64
	}{
		"add": {addRows, func(a, b float64) float64 { return a + b }},
		"sub": {subRows, func(a, b float64) float64 { return a - b }},
		"mul": {mulRows, func(a, b float64) float64 { return a * b }},
		"div": {divRows, func(a, b float64) float64 { return a / b }},
	} {
		for shift := range values {
			a, b := values, append(values[shift:len(values):len(values)], values[:shift]...)
			for _, operands := range [][2][]float32{{a, b}, {a, b[:1]}, {b[:1], a}} {
				got, want := make([]float32, len(a)), make([]float32, len(a))
				f.rows(got, operands[0], operands[1])
				widened[float32](f.wide)(want, operands[0], operands[1])
				for i := range want {
					if want[i] != want[i] {
						require.True(t, got[i] != got[i], name)
						continue
					}
					require.Equal(t, math.Float32bits(want[i]), math.Float32bits(got[i]), "%s %v %v", name, operands[0], operands[1])
				}
			}
		}
	}
}

func TestArithmeticOfIntegersAndHalves(t *testing.T) {
	for _, c := range []struct {
		op         ir.Op
		a, b, want *tensor.Tensor
	}{
		{&Add{}, tensor.Vector[int8](127), tensor.Vector[int8](1), tensor.Vector[int8](-128)},
		{&Add{}, tensor.Vector[uint64](math.MaxUint64), tensor.Vector[uint64](2), tensor.Vector[uint64](1)},
		{&Sub{}, tensor.Vector[uint16](0), tensor.Vector[uint16](1), tensor.Vector[uint16](65535)},
		{&Mul{}, tensor.Vector[int32](1 << 30), tensor.Vector[int32](4), tensor.Vector[int32](0)},
		{&Div{}, tensor.Vector[int8](-128, -7), tensor.Vector[int8](-1, 2), tensor.Vector[int8](-128, -3)},
		{&Div{}, tensor.Vector[int64](math.MinInt64), tensor.Vector[int64](-1), tensor.Vector[int64](math.MinInt64)},
		{&Div{}, tensor.Vector[uint64](math.MaxUint64), tensor.Vector[uint64](2), tensor.Vector[uint64](math.MaxInt64)},
		{&Div{}, tensor.New(tensor.Int32, 0), tensor.Vector[int32](1), tensor.New(tensor.Int32, 0)},
		{&Add{}, tensor.Vector(tensor.ToF16(1), tensor.ToF16(2048)), tensor.Scalar(tensor.ToF16(1)), tensor.Vector(tensor.ToF16(2), tensor.ToF16(2048))},
		{&Mul{}, tensor.Vector(tensor.ToBF16(3)), tensor.Vector(tensor.ToBF16(0.5)), tensor.Vector(tensor.ToBF16(1.5))},
		{&Max{}, tensor.Vector[uint8](3, 200), tensor.Vector[uint8](4), tensor.Vector[uint8](4, 200)},
		{&Min{}, tensor.Vector(math.NaN(), 1), tensor.Vector(0.0), tensor.Vector(math.NaN(), 0)},
		{&Mean{}, tensor.Vector(tensor.ToF16(1)), tensor.Vector(tensor.ToF16(2)), tensor.Vector(tensor.ToF16(1.5))},
	} {
		got := eval(t, c.op, 1, c.a, c.b)[0]
		if c.want.DType() == tensor.Float64 {
			requireClose(t, c.want, got, 0, 0)
			continue
		}
		require.True(t, c.want.Equal(got), "%T of %v", c.op, c.a)
	}
	for _, op := range []ir.Op{&Div{}, &Mod{}} {
		require.ErrorContains(t, evalErr(t, op, 1, tensor.Vector[int32](1), tensor.Vector[int32](1, 0)), "division of integers by 0")
	}
	require.ErrorContains(t, evalErr(t, &Add{}, 1, tensor.New(tensor.Float32, 2, 3), tensor.New(tensor.Float32, 2)), "cannot be broadcast")
	require.ErrorContains(t, evalErr(t, &Add{}, 1, tensor.New(tensor.Bool, 2), tensor.New(tensor.Bool, 2)), "element type bool is not supported")
}

func TestOldBroadcastRefuses(t *testing.T) {
	a, b := tensor.New(tensor.Float32, 2, 3), tensor.New(tensor.Float32, 3)
	for axis, want := range map[int]string{2: "does not fit to shapes [2,3] and [3]", -3: "does not fit"} {
		_, _, err := upgrade(t, "Add", 6, []ir.Attr{{Name: "broadcast", Value: 1}, {Name: "axis", Value: axis}}, 1, a, b)
		require.ErrorContains(t, err, want)
	}
	_, _, err := upgrade(t, "Add", 7, []ir.Attr{{Name: "broadcast", Value: 1}}, 1, a, b)
	require.ErrorContains(t, err, `attribute "broadcast": not an attribute`)
}

// What is known of a shape's elements goes through arithmetic on them.
func TestDimsThroughArithmetic(t *testing.T) {
	g := ir.NewGraph("test")
	x, err := g.AddInput("x", ir.Type{DType: tensor.Float32, Shape: ir.Shape{ir.Symbol("N"), ir.Known(6)}})
	require.NoError(t, err)
	add := func(op ir.Op, in ...*ir.Value) *ir.Value {
		n, err := g.Append("", op, in, []string{g.FreshName("y")})
		require.NoError(t, err)
		return n.Out(0)
	}
	constant := func(v ...int64) *ir.Value {
		c, err := g.AddConst("", tensor.Vector(v...))
		require.NoError(t, err)
		return c
	}
	flag, err := g.AddConst("", tensor.Vector(true, false))
	require.NoError(t, err)
	shape := add(ir.New[Shape](), x)
	for i, c := range []struct {
		v    *ir.Value
		want ir.Shape
	}{
		{shape, ir.Shape{ir.Symbol("N"), ir.Known(6)}},
		{add(&Mul{}, shape, constant(2)), ir.Shape{{N: 2, Sym: "N"}, ir.Known(12)}},
		{add(&Div{}, shape, constant(4)), ir.Shape{ir.UnknownDim, ir.Known(1)}},
		{add(&Sub{}, shape, constant(0, 7)), ir.Shape{ir.Symbol("N"), ir.Known(-1)}},
		{add(&Mod{}, shape, constant(4)), ir.Shape{ir.UnknownDim, ir.Known(2)}},
		{add(&Max{}, shape, shape), ir.Shape{ir.Symbol("N"), ir.Known(6)}},
		{add(&Min{}, shape, constant(3)), ir.Shape{ir.UnknownDim, ir.Known(3)}},
		{add(&Where{}, flag, shape, constant(8)), ir.Shape{ir.Symbol("N"), ir.Known(8)}},
		{add(&Cast{To: tensor.Int32}, shape), ir.Shape{ir.Symbol("N"), ir.Known(6)}},
		{add(&Identity{}, shape), ir.Shape{ir.Symbol("N"), ir.Known(6)}},
		{add(&Cast{To: tensor.Float32}, shape), nil},
		{add(&Size{}, x), ir.Shape{{N: 6, Sym: "N"}}},
		{add(&Shape{Start: -1}, x), ir.Dims(6)},
	} {
		require.Equal(t, c.want, ir.Shape(c.v.Dims()), i)
	}
	y := add(ir.New[ConstantOfShape](), shape)
	require.Equal(t, ir.Shape{ir.Symbol("N"), ir.Known(6)}, y.Type().Shape)
}
