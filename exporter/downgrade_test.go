package exporter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// form is a node whose form depends on the opset. Inputs are graph inputs, constants where they are marked so.
type form struct {
	name   string
	op     ir.Op
	in     []any // *tensor.Tensor for a graph input, fixed for a constant, nil where absent
	outs   int   // 0 stands for 1
	oldest int   // the first opset that can express it
	nodes  string
}

// fixed is a constant.
type fixed struct{ *tensor.Tensor }

func ints(v ...int64) fixed              { return fixed{tensor.Vector(v...)} }
func floats(v ...float32) fixed          { return fixed{tensor.Vector(v...)} }
func scalar(v float32) fixed             { return fixed{tensor.Scalar(v)} }
func with[T any](change func(*T)) *T     { op := ir.New[T](); change(op); return op }
func random(shape ...int) *tensor.Tensor { return randomOf(rand.New(rand.NewPCG(3, 4)), shape...) }
func positive(shape ...int) *tensor.Tensor {
	x := random(shape...)
	for i, v := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = float32(math.Abs(float64(v))) + 0.1
	}
	return x
}

func randomOf(rng *rand.Rand, shape ...int) *tensor.Tensor {
	x := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = float32(rng.NormFloat64())
	}
	return x
}

func forms() []form {
	x := random(2, 6, 4, 5)
	row := random(2, 12)
	long := func(v ...int64) *tensor.Tensor { return tensor.Vector(v...) }
	epilogue := func(activation string, alpha, beta float32) ops.Epilogue {
		return ops.Epilogue{Activation: activation, Alpha: alpha, Beta: beta}
	}
	conv := ops.Conv{AutoPad: "NOTSET", Group: 2, Pads: []int{1, 1, 1, 1}}
	kernel, sum := fixed{random(4, 3, 3, 3)}, random(2, 4, 4, 5)
	list := []form{
		{"average pool", with(func(o *ops.AveragePool) { o.KernelShape = []int{2, 2} }), []any{x}, 1, 7, "AveragePool"},
		{"average pool, ceil", with(func(o *ops.AveragePool) { o.KernelShape, o.Strides, o.CeilMode = []int{3, 3}, []int{2, 2}, true }), []any{x}, 1, 7, "AveragePool"},
		{"average pool, ceil and pads that count", with(func(o *ops.AveragePool) {
			o.KernelShape, o.Strides, o.CeilMode, o.CountIncludePad, o.Pads = []int{3, 3}, []int{2, 2}, true, true, []int{1, 1, 1, 1}
		}), []any{random(1, 1, 6, 6)}, 1, 10, "AveragePool"},
		{"average pool, dilated", with(func(o *ops.AveragePool) { o.KernelShape, o.Dilations = []int{2, 2}, []int{2, 2} }), []any{x}, 1, 19, "AveragePool"},
		{"max pool, ceil", with(func(o *ops.MaxPool) { o.KernelShape, o.Strides, o.CeilMode = []int{3, 3}, []int{2, 2}, true }), []any{x}, 1, 7, "MaxPool"},
		{"max pool, indices", with(func(o *ops.MaxPool) { o.KernelShape, o.Dilations = []int{2, 2}, []int{1, 1} }), []any{x}, 2, 8, "MaxPool"},
		{"batch normalization", ir.New[ops.BatchNormalization](), []any{x, fixed{positive(6)}, fixed{random(6)}, fixed{random(6)}, fixed{positive(6)}}, 1, 7, "BatchNormalization"},
		{"batch normalization, training", with(func(o *ops.BatchNormalization) { o.TrainingMode = true }),
			[]any{x, fixed{positive(6)}, fixed{random(6)}, fixed{random(6)}, fixed{positive(6)}}, 3, 14, "BatchNormalization"},
		{"cast", with(func(o *ops.Cast) { o.To, o.Saturate = tensor.Int32, false }), []any{x}, 1, 7, "Cast"},
		{"cast to float8", with(func(o *ops.Cast) { o.To = tensor.Float8E4M3FN }), []any{x}, 1, 19, "Cast"},
		{"cast like", ir.New[ops.CastLike](), []any{x, long(1)}, 1, 7, "Cast"},
		{"celu", &ops.Celu{Alpha: 2}, []any{x}, 1, 7, "Div Elu Mul"},
		{"celu, small alpha", &ops.Celu{Alpha: 0.5}, []any{x}, 1, 7, "Div Relu Neg Elu Mul Relu Add"},
		{"celu, negative alpha", &ops.Celu{Alpha: -2}, []any{x}, 1, 7, "Div Relu Neg Elu Exp Mul Mul Relu Add"},
		{"celu of nothing", &ops.Celu{Alpha: 0}, []any{x}, 1, 12, "Celu"},
		{"clip", &ops.Clip{}, []any{x, scalar(-0.5), scalar(0.5)}, 1, 7, "Clip"},
		{"clip above", &ops.Clip{}, []any{x, nil, scalar(0.5)}, 1, 7, "Clip"},
		{"clip below", &ops.Clip{}, []any{x, scalar(-0.5)}, 1, 7, "Clip"},
		{"clip, computed", &ops.Clip{}, []any{x, tensor.Scalar[float32](-0.5), scalar(0.5)}, 1, 8, "Max Min"},
		{"clip of integers", &ops.Clip{}, []any{long(1, 2, 3), fixed{tensor.Scalar[int64](2)}}, 1, 12, "Clip"},
		{"concat", &ops.Concat{Axis: -1}, []any{x, x}, 1, 7, "Concat"},
		{"constant of shape", &ops.ConstantOfShape{Value: tensor.Vector[float32](2)}, []any{long(2, 3)}, 1, 8, "Expand"},
		{"dropout", ir.New[ops.Dropout](), []any{x, scalar(0.25)}, 1, 7, "Dropout"},
		{"dropout, mask", ir.New[ops.Dropout](), []any{x, scalar(0.25), fixed{tensor.Scalar(false)}}, 2, 12, "Dropout"},
		{"equal", &ops.Equal{}, []any{x, x}, 1, 11, "Equal"},
		{"equal integers", &ops.Equal{}, []any{long(1, 2), long(1, 3)}, 1, 7, "Equal"},
		{"flatten", &ops.Flatten{Axis: -2}, []any{x}, 1, 7, "Flatten"},
		{"gather", &ops.Gather{Axis: -1}, []any{x, ints(-1, 0, -2)}, 1, 7, "Gather"},
		{"gelu", ir.New[ops.Gelu](), []any{x}, 1, 9, "Div Erf Add Mul Mul"},
		{"gelu, tanh", &ops.Gelu{Approximate: "tanh"}, []any{x}, 1, 7, "Mul Mul Mul Add Mul Tanh Add Mul Mul"},
		{"gemm", &ops.Gemm{Alpha: 2, Beta: 1, TransB: true}, []any{row, fixed{random(3, 12)}}, 1, 7, "Gemm"},
		{"greater or equal", &ops.GreaterOrEqual{}, []any{x, x}, 1, 11, "Greater Equal Or"},
		{"less or equal", &ops.LessOrEqual{}, []any{x, x}, 1, 11, "Less Equal Or"},
		{"grid sample", with(func(o *ops.GridSample) { o.Mode = "cubic" }), []any{x, random(2, 3, 3, 2)}, 1, 16, "GridSample"},
		{"group normalization", with(func(o *ops.GroupNormalization) { o.NumGroups = 3 }), []any{x, fixed{random(6)}, fixed{random(6)}}, 1, 7,
			"Reshape InstanceNormalization Shape Reshape Mul Add"},
		{"hard swish", &ops.HardSwish{}, []any{x}, 1, 7, "HardSigmoid Mul"},
		{"hardmax", &ops.Hardmax{Axis: 1}, []any{x}, 1, 7, "Transpose Hardmax Transpose"},
		{"layer normalization", ir.New[ops.LayerNormalization](), []any{x, fixed{random(5)}, fixed{random(5)}}, 1, 7,
			"ReduceMean Sub Mul ReduceMean Add Sqrt Div Mul Add"},
		{"layer normalization, all outputs", &ops.LayerNormalization{Axis: 2, Epsilon: 0.1, StashType: 1}, []any{x, fixed{random(4, 5)}}, 3, 7,
			"ReduceMean Sub Mul ReduceMean Add Sqrt Div Mul Reciprocal"},
		{"log softmax", &ops.LogSoftmax{Axis: -3}, []any{x}, 1, 7, "Transpose LogSoftmax Transpose"},
		{"max", &ops.Max{}, []any{x, random(5)}, 1, 8, "Max"},
		{"max of one shape", &ops.Max{}, []any{x, x}, 1, 7, "Max"},
		{"mean", &ops.Mean{}, []any{x, random(5), random(4, 1)}, 1, 7, "Add Add Div"},
		{"mish", &ops.Mish{}, []any{x}, 1, 7, "Softplus Tanh Mul"},
		{"one-hot", &ops.OneHot{Axis: -2}, []any{long(1, 0, 2), ints(3), floats(0, 1)}, 1, 9, "OneHot"},
		{"pad", ir.New[ops.Pad](), []any{x, ints(0, 0, 1, 2, 0, 0, 0, -1), scalar(3)}, 1, 7, "Pad"},
		{"pad, axes", with(func(o *ops.Pad) { o.Mode = "reflect" }), []any{x, ints(1, 2, 0, 1), nil, ints(-2, -1)}, 1, 7, "Pad"},
		{"pad, wrap", with(func(o *ops.Pad) { o.Mode = "wrap" }), []any{x, ints(0, 0, 1, 2, 0, 0, 0, 0)}, 1, 19, "Pad"},
		{"pad, computed", ir.New[ops.Pad](), []any{x, long(0, 0, 1, 2, 0, 0, 0, 0)}, 1, 11, "Pad"},
		{"pow", &ops.Pow{}, []any{positive(2, 3), ints(2)}, 1, 7, "Cast Pow"},
		{"reduce mean", ir.New[ops.ReduceMean](), []any{x, ints(-1, 1)}, 1, 7, "ReduceMean"},
		{"reduce mean of all", with(func(o *ops.ReduceMean) { o.KeepDims = false }), []any{x}, 1, 7, "ReduceMean"},
		{"reduce max", ir.New[ops.ReduceMax](), []any{x, ints(2)}, 1, 7, "ReduceMax"},
		{"reduce sum", ir.New[ops.ReduceSum](), []any{x, ints(-1)}, 1, 7, "ReduceSum"},
		{"reduce sum of nothing", with(func(o *ops.ReduceSum) { o.NoopWithEmptyAxes = true }), []any{x}, 1, 7, "Identity"},
		{"reduce sum, computed", ir.New[ops.ReduceSum](), []any{x, long(-1)}, 1, 13, "ReduceSum"},
		{"reshape", with(func(o *ops.Reshape) { o.AllowZero = true }), []any{x, ints(2, -1)}, 1, 7, "Reshape"},
		{"reshape to nothing", with(func(o *ops.Reshape) { o.AllowZero = true }), []any{tensor.New(tensor.Float32, 3, 0), ints(0, 3)}, 1, 14, "Reshape"},
		{"rms normalization", ir.New[ops.RMSNormalization](), []any{x, fixed{random(5)}}, 1, 7, "Mul ReduceMean Add Sqrt Div Mul"},
		{"scatter", &ops.ScatterElements{Axis: -1, Reduction: "none"}, []any{random(1, 4), fixed{tensor.FromSlice([]int64{3, 1}, 1, 2)}, random(1, 2)}, 1, 9, "Scatter"},
		{"scatter, sum", &ops.ScatterElements{Axis: 0, Reduction: "add"}, []any{random(4), ints(3, 3), random(2)}, 1, 16, "ScatterElements"},
		{"shape", &ops.Shape{Start: -2}, []any{x}, 1, 7, "Shape Slice"},
		{"slice", &ops.Slice{}, []any{x, ints(1, -3), ints(math.MaxInt64, -1), ints(-3, -1)}, 1, 7, "Slice"},
		{"slice, steps of 1", &ops.Slice{}, []any{x, ints(1), ints(3), ints(2), ints(1)}, 1, 7, "Slice"},
		{"slice, steps", &ops.Slice{}, []any{x, ints(3), ints(-9), ints(2), ints(-2)}, 1, 10, "Slice"},
		{"softmax", ir.New[ops.Softmax](), []any{x}, 1, 7, "Softmax"},
		{"softmax of channels", &ops.Softmax{Axis: 1}, []any{x}, 1, 7, "Transpose Softmax Transpose"},
		{"softmax of pixels", &ops.Softmax{Axis: 1}, []any{random(2, 6, 1, 1)}, 1, 7, "Softmax"},
		{"split", &ops.Split{Axis: -3}, []any{x}, 3, 7, "Split"},
		{"split, sizes", &ops.Split{Axis: 1}, []any{x, ints(1, 5)}, 2, 7, "Split"},
		{"split, a shorter last piece", &ops.Split{Axis: 3, NumOutputs: 2}, []any{x}, 2, 7, "Split"},
		{"split, computed", &ops.Split{Axis: 1}, []any{x, long(1, 5)}, 2, 13, "Split"},
		{"squeeze", &ops.Squeeze{}, []any{random(1, 3, 1), ints(-1)}, 1, 7, "Squeeze"},
		{"squeeze all", &ops.Squeeze{}, []any{random(1, 3, 1)}, 1, 7, "Squeeze"},
		{"squeeze nothing", &ops.Squeeze{}, []any{random(1, 3, 1), ints()}, 1, 7, "Identity"},
		{"sum", &ops.Sum{}, []any{x, random(5)}, 1, 7, "Add"},
		{"swish", &ops.Swish{Alpha: 2}, []any{x}, 1, 7, "Mul Sigmoid Mul"},
		{"thresholded relu", &ops.ThresholdedRelu{Alpha: 0.3}, []any{x}, 1, 9, "Greater Where"},
		{"top k", &ops.TopK{Axis: -1, Largest: true, Sorted: true}, []any{x, ints(2)}, 2, 7, "TopK"},
		{"top k, least", &ops.TopK{Axis: 1, Sorted: true}, []any{x, ints(2)}, 2, 7, "Neg TopK Neg"},
		{"unsqueeze", &ops.Unsqueeze{}, []any{row, ints(-1, 0)}, 1, 7, "Unsqueeze"},
		{"add of small integers", &ops.Add{}, []any{tensor.Vector[uint8](1, 2), tensor.Vector[uint8](3, 4)}, 1, 14, "Add"},

		{"fused linear", &ops.FusedLinear{TransB: true, Epilogue: epilogue("relu", 0, 0)}, []any{row, fixed{random(3, 12)}, fixed{random(3)}}, 1, 7, "Gemm Relu"},
		{"fused linear without bias", &ops.FusedLinear{Epilogue: epilogue("none", 0, 0)}, []any{row, fixed{random(12, 3)}}, 1, 7, "MatMul"},
		{"fused linear of rows", &ops.FusedLinear{TransB: true, Epilogue: epilogue("gelu", 0, 0)},
			[]any{random(2, 3, 5), fixed{random(4, 5)}, fixed{random(4)}, random(2, 3, 4)}, 1, 9, "MatMul Add Add Div Erf Add Mul Mul"},
		{"fused linear of computed weights", &ops.FusedLinear{TransB: true, Epilogue: epilogue("silu", 0, 0)},
			[]any{random(2, 3, 5), random(4, 5)}, 1, 7, "Transpose MatMul Sigmoid Mul"},
		{"fused attention", &ops.FusedAttention{Heads: 2, Scale: 0.3}, []any{random(2, 5, 24)}, 1, 7,
			"Reshape Transpose Gather Gather Gather Transpose MatMul Mul Softmax MatMul Transpose Reshape"},
		{"fused attention, time first", &ops.FusedAttention{Heads: 3, Scale: 0.7, TimeFirst: true}, []any{random(4, 2, 18)}, 1, 7,
			"Reshape Transpose Gather Gather Gather Transpose MatMul Mul Softmax MatMul Transpose Reshape"},
	}
	for _, a := range []struct {
		ops.Epilogue
		nodes string
	}{
		{epilogue("none", 0, 0), ""}, {epilogue("relu", 0, 0), " Relu"}, {epilogue("clip", -0.5, 0.75), " Clip"}, {epilogue("leakyrelu", 0.3, 0), " LeakyRelu"},
		{epilogue("hardswish", 0, 0), " HardSigmoid Mul"}, {epilogue("silu", 0, 0), " Sigmoid Mul"}, {epilogue("sigmoid", 0, 0), " Sigmoid"},
		{epilogue("hardsigmoid", 0.3, 0.4), " HardSigmoid"}, {epilogue("tanh", 0, 0), " Tanh"},
	} {
		list = append(list,
			form{"fused convolution, " + a.Activation, &ops.FusedConv{Conv: conv, Epilogue: a.Epilogue}, []any{x, kernel, fixed{random(4)}}, 1, 7, "Conv" + a.nodes},
			form{"fused convolution, residual, " + a.Activation, &ops.FusedConv{Conv: conv, Epilogue: a.Epilogue}, []any{x, kernel, nil, sum}, 1, 7, "Conv Add" + a.nodes})
	}
	resize := func(name string, oldest int, nodes string, in []any, change func(*ops.Resize)) {
		list = append(list, form{"resize, " + name, with(change), in, 1, oldest, nodes})
	}
	resize("asymmetric", 7, "Upsample", []any{x, nil, floats(1, 1, 2, 2)}, func(o *ops.Resize) {
		o.CoordinateTransformationMode, o.NearestMode = "asymmetric", "floor"
	})
	resize("sizes", 7, "Upsample", []any{x, nil, nil, ints(2, 6, 8, 10)}, func(o *ops.Resize) {
		o.CoordinateTransformationMode, o.Mode = "asymmetric", "linear"
	})
	resize("the nearest pixel of a whole scale", 7, "Upsample", []any{x, nil, floats(1, 1, 3, 2)}, func(*ops.Resize) {})
	resize("smaller", 10, "Resize", []any{x, nil, floats(1, 1, 0.5, 0.6)}, func(o *ops.Resize) {
		o.CoordinateTransformationMode, o.NearestMode = "asymmetric", "ceil"
	})
	resize("half pixels", 11, "Resize", []any{x, nil, floats(1, 1, 2, 2)}, func(o *ops.Resize) { o.Mode = "linear" })
	resize("sizes, half pixels", 11, "Resize", []any{x, nil, nil, ints(2, 6, 7, 3)}, func(o *ops.Resize) { o.Mode = "cubic" })
	resize("axes", 11, "Resize", []any{x, nil, floats(1.5, 0.7), nil}, func(o *ops.Resize) { o.Mode, o.Axes = "linear", []int{3, 2} })
	resize("axes, sizes", 11, "Resize", []any{x, nil, nil, ints(7, 3)}, func(o *ops.Resize) { o.Mode, o.Axes = "linear", []int{-2, -1} })
	resize("axes, sizes beside no scales", 11, "Resize", []any{x, nil, floats(), ints()}, func(o *ops.Resize) { o.Mode, o.Axes = "linear", []int{} })
	resize("no axes, neither scales nor sizes", 11, "Resize", []any{x, nil, nil, nil}, func(o *ops.Resize) { o.Mode, o.Axes = "linear", []int{} })
	resize("antialias", 18, "Resize", []any{x, nil, floats(1, 1, 0.5, 0.5)}, func(o *ops.Resize) { o.Mode, o.Antialias = "linear", true })
	resize("symmetric", 19, "Resize", []any{x, nil, floats(1, 1, 0.5, 0.7)}, func(o *ops.Resize) {
		o.Mode, o.CoordinateTransformationMode = "linear", "half_pixel_symmetric"
	})
	resize("TensorFlow's half pixels", 11, "Resize", []any{x, nil, floats(1, 1, 1.6, 0.7)}, func(o *ops.Resize) {
		o.CoordinateTransformationMode, o.NearestMode = "tf_half_pixel_for_nn", "floor"
	})
	return list
}

// build makes the graph of one node, and the tensors of its inputs.
func (f form) build(t require.TestingT) (*ir.Graph, []*tensor.Tensor) {
	g := ir.NewGraph("g")
	var inputs []*tensor.Tensor
	var values []*ir.Value
	for i, in := range f.in {
		var v *ir.Value
		var err error
		switch x := in.(type) {
		case *tensor.Tensor:
			v, err = g.AddInput(fmt.Sprintf("x%d", i), ir.TensorType(x))
			inputs = append(inputs, x)
		case fixed:
			v, err = g.AddConst(fmt.Sprintf("w%d", i), x.Tensor)
		}
		require.NoError(t, err)
		values = append(values, v)
	}
	var outs []string
	for i := range max(f.outs, 1) {
		outs = append(outs, fmt.Sprintf("y%d", i))
	}
	n, err := g.Append("n", f.op, values, outs)
	require.NoError(t, err)
	g.SetOutputs(n.Outputs()...)
	return g, inputs
}

// evaluate is a graph's outputs by the operators' references.
func evaluate(t require.TestingT, g *ir.Graph, inputs []*tensor.Tensor) []*tensor.Tensor {
	at := map[*ir.Value]*tensor.Tensor{}
	for i, v := range g.Inputs() {
		at[v] = inputs[i]
	}
	value := func(v *ir.Value) *tensor.Tensor {
		if v != nil && v.Const() != nil {
			return v.Const()
		}
		return at[v]
	}
	for _, n := range g.Nodes() {
		var in []*tensor.Tensor
		for _, v := range n.Inputs() {
			in = append(in, value(v))
		}
		out, err := ir.Eval(context.Background(), n, in, ir.Host{})
		require.NoError(t, err)
		for i, v := range n.Outputs() {
			if v != nil {
				at[v] = out[i]
			}
		}
	}
	var out []*tensor.Tensor
	for _, v := range g.Outputs() {
		out = append(out, value(v))
	}
	return out
}

// requireNear compares floats to a few units in the last place of the greatest, other types exactly.
func requireNear(t require.TestingT, want, got []*tensor.Tensor, hint string) {
	require.Len(t, got, len(want), hint)
	for i := range want {
		if want[i].DType() != tensor.Float32 {
			require.True(t, want[i].Equal(got[i]), "%s: %v, want %v", hint, got[i], want[i])
			continue
		}
		require.Equal(t, want[i].Shape(), got[i].Shape(), hint)
		for j, v := range tensor.Data[float32](want[i]) {
			require.InDelta(t, v, tensor.Data[float32](got[i])[j], 4e-6*max(1, math.Abs(float64(v))), "%s, element %d", hint, j)
		}
	}
}

// opTypes is the operators of a file in a row.
func opTypes(t *testing.T, file []byte) string {
	var m onnxpb.ModelProto
	require.NoError(t, proto.Unmarshal(file, &m))
	var names []string
	for _, n := range m.Graph.Node {
		names = append(names, n.OpType)
	}
	return strings.Join(names, " ")
}

// Each form is written in every opset from the oldest that can express it, and read again computes the same.
func TestDowngrade(t *testing.T) {
	for _, f := range forms() {
		t.Run(f.name, func(t *testing.T) {
			g, inputs := f.build(t)
			want := evaluate(t, g, inputs)
			before := g.String()
			for opset := OldestOpset; opset <= ops.Opset; opset++ {
				var buf, again bytes.Buffer
				err := Write(&buf, g, Options{Opset: opset})
				if opset < f.oldest {
					var need *ir.OpsetError
					var at *ir.Error
					require.ErrorAs(t, err, &need, "opset %d", opset)
					require.ErrorAs(t, err, &at)
					require.Equal(t, "n", at.Node)
					require.Greater(t, need.Needs, opset)
					require.LessOrEqual(t, need.Needs, f.oldest)
					continue
				}
				require.NoError(t, err, "opset %d", opset)
				if opset == f.oldest {
					require.Equal(t, f.nodes, opTypes(t, buf.Bytes()))
				}
				h, err := importer.Read(bytes.NewReader(buf.Bytes()))
				require.NoError(t, err, "opset %d", opset)
				require.NoError(t, ir.Verify(h))
				requireNear(t, want, evaluate(t, h, inputs), fmt.Sprint("opset ", opset))
				require.NoError(t, Write(&again, h, Options{Opset: opset}))
				require.True(t, bytes.Equal(buf.Bytes(), again.Bytes()), "opset %d: written again, it is another file", opset)
			}
			require.Equal(t, before, g.String(), "writing changed the graph")
		})
	}
}

// Chains of random nodes, written in a random opset or one that is raised, compute the same.
func TestDowngradeOfChains(t *testing.T) {
	unary := []ir.Op{
		ir.New[ops.Gelu](), &ops.HardSwish{}, &ops.Mish{}, &ops.Swish{Alpha: 1}, &ops.Celu{Alpha: 2}, &ops.Softmax{Axis: 1}, &ops.Softmax{Axis: -1},
		&ops.LogSoftmax{Axis: 2}, &ops.Clip{}, &ops.ThresholdedRelu{Alpha: 0.1}, &ops.Relu{}, ir.New[ops.Identity](), ir.New[ops.Dropout](),
	}
	rapid.Check(t, func(t *rapid.T) {
		g := ir.NewGraph("g")
		x, err := g.AddInput("x", ir.Type{DType: tensor.Float32, Shape: ir.Shape{ir.Symbol("N"), ir.Known(3), ir.Known(4)}})
		require.NoError(t, err)
		v := x
		for i := range rapid.IntRange(1, 6).Draw(t, "length") {
			op, inputs := unary[rapid.IntRange(0, len(unary)-1).Draw(t, "op")], []*ir.Value{v}
			if _, ok := op.(*ops.Clip); ok && rapid.Bool().Draw(t, "bounded") {
				low, err := g.AddConst("", tensor.Scalar[float32](-0.2))
				require.NoError(t, err)
				inputs = append(inputs, low)
			}
			n, err := g.Append(rapid.SampledFrom([]string{"", "n", "n/Mul", "n/Erf"}).Draw(t, "name"), op, inputs,
				[]string{rapid.SampledFrom([]string{"v", "n/Mul", "n/const"}).Draw(t, "output") + fmt.Sprint(i)})
			require.NoError(t, err)
			v = n.Out(0)
		}
		g.SetOutputs(v)
		g.Opset = rapid.IntRange(0, 30).Draw(t, "own opset")
		opts := Options{Opset: rapid.SampledFrom([]int{0, 7, 9, 12, 13, 17, 21, 24}).Draw(t, "opset")}
		var buf bytes.Buffer
		if err := Write(&buf, g, opts); err != nil {
			var need *ir.OpsetError
			require.True(t, errors.As(err, &need) && opts.Opset != 0, "%v", err)
			return
		}
		h, err := importer.Read(&buf)
		require.NoError(t, err)
		inputs := []*tensor.Tensor{random(2, 3, 4)}
		requireNear(t, evaluate(t, g, inputs), evaluate(t, h, inputs), "")
		require.Equal(t, g.Outputs()[0].Name(), h.Outputs()[0].Name())
	})
}

// A fused node is written under its name, what it has taken on under names made of that, and the result as it was.
func TestNamesOfFused(t *testing.T) {
	g := ir.NewGraph("g")
	x, err := g.AddInput("image", ir.Type{DType: tensor.Float32, Shape: ir.Shape{ir.Symbol("N"), ir.Known(2), ir.Known(4), ir.Known(4)}})
	require.NoError(t, err)
	w, err := g.AddConst("conv1.weight", random(2, 2, 1, 1))
	require.NoError(t, err)
	op := &ops.FusedConv{Conv: ops.Conv{AutoPad: "NOTSET", Group: 1}, Epilogue: ops.Epilogue{Activation: "hardswish"}}
	n, err := g.Append("conv1", op, []*ir.Value{x, w, nil, x}, []string{"act1"})
	require.NoError(t, err)
	n.Doc = "the first"
	g.SetOutputs(n.Out(0))
	var buf bytes.Buffer
	require.NoError(t, Write(&buf, g, Options{Opset: 13}))
	h, err := importer.Read(&buf)
	require.NoError(t, err)
	var names []string
	for _, n := range h.Nodes() {
		names = append(names, n.Name+" "+n.OpName()+" "+n.Out(0).Name())
	}
	require.Equal(t, []string{
		"conv1 Conv conv1/Conv", "conv1/Add Add conv1/Add", "conv1/HardSwish/HardSigmoid HardSigmoid conv1/HardSwish/HardSigmoid",
		"conv1/HardSwish/Mul Mul act1",
	}, names)
	require.Equal(t, "the first", h.Nodes()[0].Doc)
	require.NotNil(t, h.Value("conv1.weight"))
}
