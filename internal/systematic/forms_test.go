package systematic

import (
	"bytes"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/importer"
	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// usual is values of attributes by name, old names included, with which many forms are valid.
var usual = map[string][]any{
	"axis": {0, 1, -1}, "axes": {[]int{0}, []int{1}, []int{2, 3}}, "kernel_shape": {[]int{1, 1}, []int{2, 2}, []int{3}},
	"pads": {[]int{0, 0, 0, 0}, []int{0, 0, 1, 1, 0, 0, 1, 1}, []int{1, 1}}, "paddings": {[]int{0, 0, 1, 1, 0, 0, 1, 1}},
	"strides": {[]int{1, 1}, []int{2, 2}}, "dilations": {[]int{1, 1}}, "group": {1, 2}, "blocksize": {2, 1}, "to": {1, 7, 10, "FLOAT"},
	"output_shape": {[]int{4, 4}}, "output_padding": {[]int{0, 0}}, "perm": {[]int{0, 1, 3, 2}, []int{1, 0}}, "p": {2, 1}, "size": {3, 1},
	"starts": {[]int{0}, []int{0, 1}}, "ends": {[]int{1}, []int{2, 3}}, "k": {1, 0}, "split": {[]int{1, 3}, []int{2, 2}, []int{1, 1}},
	"scales": {[]float32{1, 1, 2, 2}}, "height_scale": {float32(2)}, "width_scale": {float32(2)}, "shape": {[]int{-1}, []int{0, -1}},
	"repeats": {[]int{1, 1, 1, 2}}, "num_scan_inputs": {1}, "batch_axis": {0, 1}, "time_axis": {1, 0}, "directions": {[]int{0}},
	"min": {float32(-1)}, "max": {float32(1)}, "value": {tensor.Vector[float32](1), tensor.Vector[int64](2), float32(1)},
	"value_float": {float32(1)}, "value_int": {1}, "value_ints": {[]int{1, 2}}, "value_floats": {[]float32{1}}, "value_string": {"a"},
	"value_strings": {[]string{"a", "b"}}, "ratio": {float32(0.5), float32(0)}, "is_test": {1, 0}, "spatial": {1, 0}, "broadcast": {1, 0},
	"consumed_inputs": {[]int{0, 0}}, "equation": {"ij,jk->ik", "ij->ji", "abcd->ab"}, "dtype": {1, 7}, "epsilon": {float32(1e-5)},
	"num_outputs": {2}, "body": {loopBody(), scanBody()}, "then_branch": {branch()}, "else_branch": {branch()}, "bias": {float32(0)},
	"direction": {"LEFT", "RIGHT"}, "num_groups": {1, 2}, "allowzero": {0, 1}, "detect_negative": {0, 1}, "order": {1, 2}, "sorted": {0, 1},
}

// oldNames are the attributes that operators lost, which every older form is tried with.
var oldNames = []string{
	"axes", "axis", "broadcast", "consumed_inputs", "directions", "ends", "height_scale", "is_test", "k", "max", "min", "pads",
	"paddings", "ratio", "scales", "shape", "spatial", "split", "starts", "value", "width_scale", "mode",
}

// fitting is the shapes of the inputs of operators for which drawing them would take long.
var fitting = map[string][][]int{
	"QLinearConv": {{1, 4, 4, 4}, {}, {}, {4, 4, 2, 2}, {}, {}, {}, {}, {4}}, "GroupNormalization": {{1, 4, 4, 4}, {4}, {4}},
	"BatchNormalization": {{1, 4, 4, 4}, {4}, {4}, {4}, {4}}, "Conv": {{1, 4, 4, 4}, {4, 4, 1, 1}, {4}}, "Gemm": {{2, 3}, {3, 2}, {2}},
	"ConvTranspose": {{1, 4, 4, 4}, {4, 4, 2, 2}, {4}}, "GridSample": {{1, 4, 4, 4}, {1, 3, 2, 2}}, "RoiAlign": {{1, 4, 4, 4}, {2, 4}, {2}},
}

func typeInfo(name string, dt tensor.DType) *onnxpb.ValueInfoProto {
	return &onnxpb.ValueInfoProto{Name: name, Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{
		TensorType: &onnxpb.TypeProto_Tensor{ElemType: int32(dt)}}}}
}

func identity(in, out string) *onnxpb.NodeProto {
	return &onnxpb.NodeProto{OpType: "Identity", Input: []string{in}, Output: []string{out}}
}

// loopBody takes one carried value, which it gives and stacks, and stops at once where cond is absent.
func loopBody() *onnxpb.GraphProto {
	return &onnxpb.GraphProto{
		Name:        "body",
		Input:       []*onnxpb.ValueInfoProto{typeInfo("i", tensor.Int64), typeInfo("cond", tensor.Bool), typeInfo("v", tensor.Float32)},
		Initializer: []*onnxpb.TensorProto{tensorProto("stop", tensor.Scalar(false))},
		Node:        []*onnxpb.NodeProto{identity("stop", "cond_out"), identity("v", "v_out"), identity("v", "stacked")},
		Output:      []*onnxpb.ValueInfoProto{{Name: "cond_out"}, {Name: "v_out"}, {Name: "stacked"}},
	}
}

func scanBody() *onnxpb.GraphProto {
	return &onnxpb.GraphProto{
		Name: "body", Input: []*onnxpb.ValueInfoProto{typeInfo("v", tensor.Float32)},
		Node: []*onnxpb.NodeProto{identity("v", "v_out")}, Output: []*onnxpb.ValueInfoProto{{Name: "v_out"}},
	}
}

func branch() *onnxpb.GraphProto {
	return &onnxpb.GraphProto{
		Name: "branch", Initializer: []*onnxpb.TensorProto{tensorProto("c", tensor.Vector[float32](1, 2))},
		Node: []*onnxpb.NodeProto{identity("c", "c_out")}, Output: []*onnxpb.ValueInfoProto{{Name: "c_out"}},
	}
}

// attrNames is the attributes that an operator has in a file of an opset, or had.
func attrNames(def *ir.Def, opset int) (names, required []string) {
	t := reflect.TypeOf(def.New()).Elem()
	for _, f := range reflect.VisibleFields(t) {
		tag, ok := f.Tag.Lookup("attr")
		if !ok || strings.Contains(tag, "internal") {
			continue
		}
		name, rest, _ := strings.Cut(tag, ",")
		names = append(names, name)
		if strings.Contains(rest, "required") {
			required = append(required, name)
		}
	}
	if opset < def.Since[len(def.Since)-1] {
		names = append(names, oldNames...)
	}
	if def.Name == "Constant" {
		names = append(names, "value_float", "value_floats", "value_int", "value_ints", "value_string", "value_strings")
	}
	slices.Sort(names)
	return slices.Compact(names), required
}

// shapes are those of the tensors of base forms.
var shapes = [][]int{{1, 4, 4, 4}, {4}, {2, 3}, {1}, {}, {4, 4}, {4, 4, 2, 2}, {1, 4, 6}, {3, 2}, {2}}

// base draws a form of an operator that the importer takes, as far as one is found.
func base(def *ir.Def, opset int) (f form, ok bool) {
	r := rand.New(rand.NewPCG(12, uint64(opset)))
	names, required := attrNames(def, opset)
	for range 300 {
		f = form{op: def.Name, domain: def.Domain, opset: opset, attrs: map[string]any{}}
		for _, name := range names {
			values := usual[name]
			if len(values) == 0 || !slices.Contains(required, name) && r.IntN(4) > 0 {
				continue
			}
			f.attrs[name] = pick(r, values)
		}
		drawOperands(&f, def, r)
		_, err := importer.Read(bytes.NewReader(f.model()))
		if err == nil {
			return f, true
		}
		names = slices.DeleteFunc(names, func(name string) bool { return unheard(err, name) })
	}
	return f, false
}

func drawOperands(f *form, def *ir.Def, r *rand.Rand) {
	types := map[string]tensor.DType{}
	least, most := ir.Arity(def.Ins)
	if opset := f.opset; opset < def.Since[len(def.Since)-1] {
		least = min(least, 1) // what is an input now may have been an attribute
	}
	same := pick(r, shapes)
	for i := range least + r.IntN(min(most, least+3)-least+1) {
		p := ir.ParamAt(def.Ins, i)
		dt, fixed := tensor.ParseDType(p.Type)
		if !fixed {
			if dt = types[p.Type]; dt == tensor.Undefined {
				dt = drawType(def.Types[p.Type], r)
				types[p.Type] = dt
			}
		}
		shape := same
		if fit := fitting[def.Name]; i < len(fit) && r.IntN(4) > 0 {
			shape = fit[i]
		} else if r.IntN(2) == 0 {
			shape = pick(r, shapes)
		}
		o := operand{t: small(dt, shape, r), given: r.IntN(3) > 0, ranked: r.IntN(4) > 0}
		if dt == tensor.Int64 && fitting[def.Name] == nil && r.IntN(2) == 0 { // a vector of numbers
			o.given = r.IntN(3) == 0
			o.t = tensor.Vector(pick(r, [][]int64{{1}, {0}, {2}, {1, 1}, {1, 2, 2, 1}, {1, 1, 4, 4}, {0, 0, 1, 1, 0, 0, 1, 1}, {0, -1}, {0, 1}, {2, 3}})...)
			if r.IntN(3) == 0 && o.t.Len() == 1 {
				o.t = o.t.Reshaped()
			}
		}
		f.in = append(f.in, o)
	}
	least, most = ir.Arity(def.Outs)
	for i := range max(least, 1) + r.IntN(min(most, least+2)-least+1) {
		if i < most {
			f.outs = append(f.outs, fmt.Sprint("y", i))
		}
	}
}

// small is a tensor of small numbers.
func small(dt tensor.DType, shape []int, r *rand.Rand) *tensor.Tensor {
	t := tensor.New(dt, shape...)
	switch dt {
	case tensor.Float32:
		for i := range tensor.Data[float32](t) {
			tensor.Data[float32](t)[i] = r.Float32()
		}
	case tensor.Int64:
		for i := range tensor.Data[int64](t) {
			tensor.Data[int64](t)[i] = int64(r.IntN(3))
		}
	case tensor.Bool:
		for i := range tensor.Data[bool](t) {
			tensor.Data[bool](t)[i] = r.IntN(2) == 0
		}
	case tensor.String:
	default: // a one in each lowest byte
		for i := 0; i < len(t.Bytes()); i += dt.Size() {
			t.Bytes()[i] = 1
		}
	}
	return t
}

// extremes are the values that every attribute is tried with.
var extremes = []any{
	0, 1, -1, 2, 7, -2, 100, math.MaxInt32, math.MinInt32, math.MaxInt32 + 1, 1 << 40, 1 << 62, math.MaxInt64, math.MinInt64,
	float32(0), float32(-1), float32(1e30), float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), float32(1e-45),
	"", "unknown", "NOTSET", "SAME_UPPER", "a,b->c", "...", "->", strings.Repeat("i", 100),
	[]int{}, []int{0}, []int{-1}, []int{1}, []int{1, 1}, []int{0, 0}, []int{2, 2}, []int{1, 1, 1}, []int{0, 0, 0, 0}, []int{1, 2, 3, 4},
	[]int{-1, -1}, []int{math.MaxInt64, math.MaxInt64}, []int{math.MinInt64}, []int{math.MinInt64, math.MaxInt64}, []int{1 << 40, 1 << 40},
	[]int{math.MaxInt32, math.MaxInt32}, []int{math.MaxInt32, 1, math.MaxInt32, 1}, slices.Repeat([]int{1}, 70), slices.Repeat([]int{1 << 20}, 8),
	[]float32{}, []float32{0}, []float32{float32(math.NaN())}, []float32{1e30, 1e30, 1e30, 1e30}, []float32{-1, -1, -1, -1}, []float32{1, 1, 0.5, 1e-30},
	[]string{}, []string{"", "a"}, tensor.New(tensor.Float32, 0), tensor.Scalar[int64](1), tensor.New(tensor.Int64, 1<<40, 0), tensor.Vector("a"),
	branch(),
}

// variants are the forms that differ from a base in one thing.
func variants(def *ir.Def, f form) iter.Seq2[string, form] {
	return func(yield func(string, form) bool) {
		emit := func(what string, change func(f *form)) bool {
			for _, within := range []string{"", "If", "Loop"} {
				v := f.clone()
				change(&v)
				v.within = within
				if !yield(what, v) {
					return false
				}
			}
			return true
		}
		if !emit("base", func(*form) {}) || !variantOperands(def, f, emit) {
			return
		}
		names, _ := attrNames(def, f.opset)
		for _, name := range append(names, "unheard_of") {
			if name != "unheard_of" && slices.Contains(oldNames, name) {
				v := f.clone()
				v.attrs[name] = "unknown"
				if _, err := importer.Read(bytes.NewReader(v.model())); unheard(err, name) {
					continue
				}
			}
			for _, value := range extremes {
				v := f.clone()
				if v.attrs[name] = value; !yield("attribute "+name, v) {
					return
				}
			}
			if !emit("without "+name, func(f *form) { delete(f.attrs, name) }) {
				return
			}
		}
	}
}

// unheard reports whether an error says that the form has no attribute of that name.
func unheard(err error, name string) bool {
	return err != nil && strings.Contains(err.Error(), fmt.Sprintf("%q: not an attribute", name))
}

// variantOperands leaves out inputs and outputs, and hands in other tensors.
func variantOperands(def *ir.Def, f form, emit func(what string, change func(f *form)) bool) bool {
	_, most := ir.Arity(def.Ins)
	for i := range min(most, 6) {
		ok := emit(fmt.Sprint("input ", i, " left out"), func(f *form) {
			for len(f.in) <= i+1 && len(f.in) < most {
				f.in = append(f.in, operand{})
			}
			if i < len(f.in) {
				f.in[i] = operand{}
			}
		}) && emit(fmt.Sprint("inputs from ", i, " on left out"), func(f *form) { f.in = f.in[:min(i, len(f.in))] })
		for _, t := range []*tensor.Tensor{tensor.New(tensor.Float32, 1<<40, 0), tensor.New(tensor.Float32), tensor.New(tensor.Int64, 0),
			tensor.Vector[int64](math.MinInt64, math.MaxInt64), tensor.Vector[int64](1 << 40), tensor.Scalar[int64](math.MaxInt64),
			tensor.Vector[float32](float32(math.NaN())), tensor.Vector[float32](1e30, 1e30, 1e30, 1e30), tensor.Vector(true), tensor.Vector("a")} {
			ok = ok && emit(fmt.Sprint("input ", i, " is ", t), func(f *form) {
				if i < len(f.in) {
					f.in[i].t = t
				}
			})
		}
		if !ok {
			return false
		}
	}
	_, most = ir.Arity(def.Outs)
	for o := range min(most, 5) {
		if !emit(fmt.Sprint("output ", o, " left out"), func(f *form) {
			for len(f.outs) <= o+1 && len(f.outs) < most {
				f.outs = append(f.outs, fmt.Sprint("y", len(f.outs)))
			}
			f.outs[min(o, len(f.outs)-1)] = ""
		}) || !emit(fmt.Sprint("outputs from ", o, " on left out"), func(f *form) { f.outs = f.outs[:min(o, len(f.outs))] }) {
			return false
		}
	}
	return true
}
