package passes

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// Whatever a graph is made of, the passes do not fail, keep its outputs' names, and change its results by rounding only.
// All dimensions are the same, so that axes that are mixed up are not found out by their sizes.
func TestRandomGraphs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &randomGraph{T: t, g: ir.NewGraph("g")}
		batch := rapid.SampledFrom([]ir.Dim{ir.Known(side), ir.Symbol("N"), ir.UnknownDim}).Draw(t, "batch")
		x, err := r.g.AddInput("x", ir.Type{DType: tensor.Float32, Shape: ir.Shape{batch, ir.Known(side), ir.Known(side), ir.Known(side)}})
		require.NoError(t, err)
		r.values = []*ir.Value{x}
		for range rapid.IntRange(1, 12).Draw(t, "nodes") {
			r.grow()
		}
		outputs := []*ir.Value{r.values[len(r.values)-1]}
		if v := r.value(); v != outputs[0] && v.Def() != nil {
			outputs = append(outputs, v)
		}
		r.g.SetOutputs(outputs...)
		var names []string
		for _, v := range outputs {
			names = append(names, v.Name())
		}
		in := []*tensor.Tensor{r.tensor(side, side, side, side)}
		want := run(t, r.g, in)
		for _, opts := range []Options{{Level: O1}, {Level: O2}, {Level: O2, With: []string{"fuse-siblings"}}} {
			g := r.g.Clone()
			opts.After = func(_ Pass, g *ir.Graph) error { return ir.Verify(g) }
			_, err := Optimize(t.Context(), g, opts)
			require.NoError(t, err)
			for i, got := range run(t, g, in) {
				require.Equal(t, names[i], g.Outputs()[i].Name())
				require.Equal(t, want[i].Shape(), got.Shape())
				for j, v := range tensor.Data[float32](want[i]) {
					w := tensor.Data[float32](got)[j]
					require.InDelta(t, v, w, 1e-4*(1+math.Abs(float64(v))), names[i])
				}
			}
		}
	})
}

const side = 4

type randomGraph struct {
	*rapid.T
	g      *ir.Graph
	values []*ir.Value // all of four dimensions
}

func (r *randomGraph) value() *ir.Value { return rapid.SampledFrom(r.values).Draw(r.T, "value") }

// tensor has elements of both signs, none near 0, so that it can divide.
func (r *randomGraph) tensor(shape ...int) *tensor.Tensor {
	t, seed := tensor.New(tensor.Float32, shape...), rapid.IntRange(0, 99).Draw(r.T, "seed")
	for i := range tensor.Data[float32](t) {
		v := math.Mod(float64(i*7919+seed)*0.618034, 1) - 0.5
		tensor.Data[float32](t)[i] = float32(v + math.Copysign(0.25, v))
	}
	return t
}

func (r *randomGraph) constant(t *tensor.Tensor) *ir.Value {
	v, err := r.g.AddConst("", t)
	require.NoError(r.T, err)
	return v
}

func (r *randomGraph) append(op ir.Op, inputs ...*ir.Value) *ir.Value {
	n, err := r.g.Append("", op, inputs, []string{r.g.FreshName("v")})
	require.NoError(r.T, err)
	return n.Out(0)
}

// grow appends a value.
func (r *randomGraph) grow() {
	x, y := r.value(), (*ir.Value)(nil)
	if rapid.Bool().Draw(r.T, "go on") {
		x = r.values[len(r.values)-1]
	}
	switch rapid.IntRange(0, 19).Draw(r.T, "node") {
	case 0:
		conv := ir.New[ops.Conv]()
		conv.Group = rapid.SampledFrom([]int{1, 2, side}).Draw(r.T, "group")
		y = r.append(conv, r.biased(x, r.tensor(side, side/conv.Group, 1, 1))...)
	case 1:
		conv := ir.New[ops.ConvTranspose]()
		conv.Group = rapid.SampledFrom([]int{1, 2, side}).Draw(r.T, "group")
		y = r.append(conv, r.biased(x, r.tensor(side, side/conv.Group, 1, 1))...)
	case 2:
		y = r.append(ir.New[ops.MatMul](), x, r.constant(r.tensor(side, side)))
	case 3:
		variance := r.tensor(side)
		for i, v := range tensor.Data[float32](variance) {
			tensor.Data[float32](variance)[i] = v * v
		}
		y = r.append(ir.New[ops.BatchNormalization](), x, r.constant(r.tensor(side)), r.constant(r.tensor(side)), r.constant(r.tensor(side)), r.constant(variance))
	case 4:
		y = r.append(&ops.Transpose{Perm: rapid.Permutation([]int{0, 1, 2, 3}).Draw(r.T, "perm")}, x)
	case 5:
		y = r.append(ir.New[ops.Add](), x, r.value())
	case 6:
		shape := rapid.SampledFrom([][]int{{}, {1}, {side}, {side, 1}, {side, 1, 1}, {1, side, 1, 1}, {side, side}, {side, 1, 1, 1}}).Draw(r.T, "shape")
		op := rapid.SampledFrom([]ir.Op{&ops.Add{}, &ops.Mul{}, &ops.Sub{}, &ops.Div{}}).Draw(r.T, "operator")
		in := []*ir.Value{x, r.constant(r.tensor(shape...))}
		if _, div := op.(*ops.Div); !div && rapid.Bool().Draw(r.T, "swap") {
			in[0], in[1] = in[1], in[0]
		}
		y = r.append(op, in...)
	case 7:
		y = r.append(ir.New[ops.Mul](), x, r.append(ir.New[ops.Sigmoid](), x))
	case 8:
		to := r.constant(tensor.Vector[int64](-1, side, side*side))
		back := r.constant(tensor.Vector[int64](-1, side, side, side))
		y = r.append(ir.New[ops.Reshape](), r.append(ir.New[ops.Reshape](), x, to), back)
	case 9:
		y = r.window(x)
	case 10: // half of two values, by a Concat and a Slice or Split
		axis := rapid.IntRange(0, 3).Draw(r.T, "axis")
		joined := r.append(&ops.Concat{Axis: axis}, x, r.value())
		at := func(n int64) *ir.Value { return r.constant(tensor.Vector(n)) }
		if rapid.Bool().Draw(r.T, "halves") && axis > 0 {
			y = r.append(ir.New[ops.Slice](), joined, at(side/2), at(side*3/2), at(int64(axis)))
			head, tail := r.append(ir.New[ops.Slice](), joined, at(0), at(side), at(int64(axis))), r.append(ir.New[ops.Slice](), joined, at(-side), at(math.MaxInt64), at(int64(axis)))
			y = r.append(ir.New[ops.Add](), y, r.append(ir.New[ops.Mul](), head, tail))
		} else if axis > 0 {
			n, err := r.g.Append("", &ops.Split{Axis: axis}, []*ir.Value{joined, r.constant(tensor.Vector[int64](side, side))}, []string{r.g.FreshName("u"), r.g.FreshName("v")})
			require.NoError(r.T, err)
			y = n.Out(1)
		} else {
			y = r.append(ir.New[ops.Sub](), x, r.constant(tensor.Scalar[float32](0)))
		}
	case 11: // what another node does already
		if n := x.Def(); n != nil && len(n.Outputs()) == 1 {
			y = r.append(n.Op, n.Inputs()...)
		} else {
			y = r.append(&ops.Relu{}, x)
		}
	case 12: // through a matrix of as many rows as there are
		rows := r.append(ir.New[ops.Reshape](), x, r.constant(tensor.Vector[int64](-1, side)))
		product := r.append(ir.New[ops.MatMul](), rows, r.constant(r.tensor(side, side)))
		sum := r.append(ir.New[ops.Add](), product, r.constant(r.tensor(rapid.SampledFrom([][]int{{}, {side}, {1, side}}).Draw(r.T, "addend")...)))
		y = r.append(ir.New[ops.Reshape](), sum, r.shapeOf(x))
	case 13: // in and out of another order
		perm := rapid.Permutation([]int{0, 1, 2, 3}).Draw(r.T, "perm")
		back := make([]int, len(perm))
		for i, d := range perm {
			back[d] = i
		}
		y = r.append(&ops.Transpose{Perm: perm}, x)
		for range rapid.IntRange(1, 3).Draw(r.T, "between") {
			y = r.append(ir.New[ops.Mul](), r.append(&ops.Sigmoid{}, y), r.constant(r.tensor(rapid.SampledFrom([][]int{{}, {side}, {side, 1}, {side, 1, 1}}).Draw(r.T, "factor")...)))
		}
		y = r.append(&ops.Transpose{Perm: back}, y)
	case 14:
		wide := r.append(&ops.Cast{To: tensor.Float64, Saturate: true}, x)
		y = r.append(&ops.Cast{To: tensor.Float32, Saturate: true}, wide)
	case 15:
		y = r.normalized(x)
	case 16: // Gelu, and what is nearly one
		erf := r.append(&ops.Erf{}, r.append(&ops.Div{}, x, r.number(rapid.SampledFrom([]float32{math.Sqrt2, 2}).Draw(r.T, "root"))))
		y = r.append(&ops.Mul{}, r.append(&ops.Mul{}, x, r.append(&ops.Add{}, erf, r.number(1))), r.number(0.5))
	case 17: // siblings
		for range 2 {
			part := r.append(ir.New[ops.Conv](), x, r.constant(r.tensor(16, side, 1, 1)))
			part = r.append(ir.New[ops.Conv](), part, r.constant(r.tensor(side, 16, 1, 1)))
			if y == nil {
				y = part
			} else {
				y = r.append(&ops.Add{}, y, part)
			}
		}
	case 18: // a constant expanded to the batch, as exporters spell it
		asked := r.append(&ops.Concat{}, r.batchOf(x), r.constant(tensor.Vector[int64](-1, -1, side)))
		ones := r.constant(tensor.Vector[int64](1, 1, 1, 1))
		minus := r.append(&ops.Mul{}, ones, r.constant(tensor.Scalar[int64](-1)))
		shape := r.append(&ops.Where{}, r.append(&ops.Equal{}, asked, minus), ones, asked)
		y = r.append(&ops.Add{}, r.append(&ops.Expand{}, r.constant(r.tensor(1, 1, side, 1)), shape), x)
	default:
		y = r.append(rapid.SampledFrom([]ir.Op{&ops.Relu{}, &ops.Tanh{}, &ops.Identity{}, &ops.Dropout{}, &ops.HardSwish{}}).Draw(r.T, "activation"), x)
	}
	r.values = append(r.values, y)
}

// shapeOf is the shape of x as exporters spell it: of its first dimension, and numbers.
func (r *randomGraph) shapeOf(x *ir.Value) *ir.Value {
	return r.append(&ops.Concat{}, r.batchOf(x), r.constant(tensor.Vector[int64](side, side, side)))
}

// batchOf is the first dimension of x, as a vector.
func (r *randomGraph) batchOf(x *ir.Value) *ir.Value {
	batch := r.append(ir.New[ops.Gather](), r.append(ir.New[ops.Shape](), x), r.constant(tensor.Scalar[int64](0)))
	return r.append(ir.New[ops.Unsqueeze](), batch, r.constant(tensor.Vector[int64](0)))
}

func (r *randomGraph) number(v float32) *ir.Value { return r.constant(tensor.Scalar(v)) }

// normalized is x normalized over its last dimensions, spelled out, with a scale or a bias drawn.
func (r *randomGraph) normalized(x *ir.Value) *ir.Value {
	axes := r.constant(rapid.SampledFrom([]*tensor.Tensor{tensor.Vector[int64](-1), tensor.Vector[int64](2, 3), tensor.Vector[int64](1)}).Draw(r.T, "axes"))
	mean := func(v *ir.Value) *ir.Value { return r.append(ir.New[ops.ReduceMean](), v, axes) }
	centered := r.append(&ops.Sub{}, x, mean(x))
	root := r.append(&ops.Sqrt{}, r.append(&ops.Add{}, mean(r.append(&ops.Mul{}, centered, centered)), r.number(0.01)))
	y := r.append(&ops.Div{}, centered, root)
	for _, op := range []ir.Op{&ops.Mul{}, &ops.Add{}} {
		if rapid.Bool().Draw(r.T, "affine") {
			y = r.append(op, y, r.constant(r.tensor(side)))
		}
	}
	return y
}

// window pads x and slides a window over it that takes the pads off again.
func (r *randomGraph) window(x *ir.Value) *ir.Value {
	in := []*ir.Value{x, r.constant(tensor.Vector[int64](0, 0, 1, 0, 0, 0, 1, 2))}
	if fill := rapid.SampledFrom([]float32{0, 1, float32(math.Inf(-1))}).Draw(r.T, "fill"); fill != 0 {
		in = append(in, r.constant(tensor.Scalar(fill)))
	}
	if rapid.Bool().Draw(r.T, "not negative") {
		in[0] = r.append(&ops.Relu{}, x)
	}
	padded := r.append(ir.New[ops.Pad](), in...)
	pool := ops.AveragePool{AutoPad: "NOTSET", KernelShape: []int{3, 3}}
	switch fill := len(in) > 2; rapid.IntRange(0, 2).Draw(r.T, "window") {
	case 0:
		if !fill {
			return r.append(&pool, padded)
		}
	case 1:
		if !fill {
			return r.append(ir.New[ops.Conv](), r.biased(padded, r.tensor(side, side, 3, 3))...)
		}
	}
	return r.append(&ops.MaxPool{AutoPad: "NOTSET", KernelShape: []int{3, 3}}, padded)
}

// biased is the inputs of a convolution, a bias being drawn.
func (r *randomGraph) biased(x *ir.Value, w *tensor.Tensor) []*ir.Value {
	in := []*ir.Value{x, r.constant(w)}
	if rapid.Bool().Draw(r.T, "bias") {
		in = append(in, r.constant(r.tensor(side)))
	}
	return in
}
