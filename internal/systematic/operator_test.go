package systematic

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// equations are what an Einsum is tried with.
var equations = []string{"ij->", "ij->i", "ij->ji", "ii->i", "...->...", "ij,jk->ik", "ij,ij->", "i,j->ij", "bij,bjk->bik", "...ij,...jk->...ik", "ij,kj,k->"}

func terms(equation string) int { return 1 + strings.Count(strings.Split(equation, "->")[0], ",") }

// drawType is an element type of a set: float32 or int64 where it may be, most of the time.
func drawType(set ir.TypeSet, r *rand.Rand) tensor.DType {
	for _, dt := range []tensor.DType{tensor.Float32, tensor.Int64, tensor.Float16, tensor.Float64} {
		if set.Has(dt) && r.IntN(3) > 0 {
			return dt
		}
	}
	for {
		if dt := tensor.DType(1 + r.IntN(int(tensor.Int2))); set.Has(dt) {
			return dt
		}
	}
}

// operator is one with attributes that are drawn; false says that they do not go together.
func operator(def *ir.Def, r *rand.Rand) (ir.Op, bool) {
	op := def.New()
	var attrs []ir.Attr
	t := reflect.TypeOf(op).Elem()
	for _, f := range reflect.VisibleFields(t) {
		tag, ok := f.Tag.Lookup("attr")
		if !ok {
			continue
		}
		name, rest, _ := strings.Cut(tag, ",")
		required := strings.Contains(rest, "required")
		if name == "captures" || !required && r.IntN(2) == 0 {
			continue
		}
		attrs = append(attrs, ir.Attr{Name: name, Value: drawAttr(f.Type, def.Name, name, rest, r)})
	}
	return op, ir.DecodeAttrs(op, attrs, true) == nil
}

func drawAttr(t reflect.Type, op, name, tag string, r *rand.Rand) any {
	small := []int{0, 1, 2, 3, -1, 4}
	switch {
	case name == "equation":
		return pick(r, equations)
	case name == "of": // of a PointwiseGrad
		return pick(r, []string{"Relu", "Sigmoid", "Tanh", "Clip"})
	case t == reflect.TypeFor[*tensor.Tensor]():
		return pick(r, []*tensor.Tensor{tensor.Vector[float32](1), tensor.Vector[int64](3), tensor.New(tensor.Float32, wide, 0)})
	case t == reflect.TypeFor[*ir.Graph]():
		return drawBody(op, r)
	case t == reflect.TypeFor[tensor.DType]():
		return int(pick(r, []tensor.DType{tensor.Float32, tensor.Int64, tensor.Float16, tensor.Float64}))
	}
	if _, list, ok := strings.Cut(tag, "oneof="); ok {
		list, _, _ = strings.Cut(list, ",")
		return pick(r, strings.Split(list, "|"))
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool:
		return r.IntN(2)
	case reflect.Int:
		return pick(r, small)
	case reflect.Float32:
		return pick(r, []float32{0, 1, 0.5, -1, 1e30})
	case reflect.String:
		return "linear"
	case reflect.Slice:
		n := 1 + r.IntN(4)
		switch t.Elem().Kind() {
		case reflect.Float32:
			return slices.Repeat([]float32{1}, n)
		case reflect.String:
			return slices.Repeat([]string{""}, n)
		}
		if r.IntN(2) == 0 {
			return slices.Repeat([]int{1}, n)
		}
		list := make([]int, n)
		for i := range list {
			list[i] = pick(r, small)
		}
		return list
	}
	panic(fmt.Sprintf("attribute %s of %s has a kind that is not known here", name, op))
}

// drawBody is a body of If, Loop or Scan that gives what it takes.
func drawBody(op string, r *rand.Rand) *ir.Graph {
	g := ir.NewGraph("body")
	must := func(v *ir.Value, err error) *ir.Value {
		if err != nil {
			panic(err)
		}
		return v
	}
	x := ir.Type{DType: tensor.Float32}
	switch op {
	case "If":
		v := must(g.AddConst("c", tensor.New(tensor.Float32, pick(r, hollow)...)))
		g.SetOutputs(v)
	case "Loop":
		must(g.AddInput("i", ir.Type{DType: tensor.Int64, Shape: ir.Shape{}}))
		must(g.AddInput("cond", ir.Type{DType: tensor.Bool, Shape: ir.Shape{}}))
		cond := must(g.AddConst("stop", tensor.Scalar(false)))
		v := must(g.AddInput("v", x))
		g.SetOutputs([]*ir.Value{cond, v, v}[:2+r.IntN(2)]...)
	default:
		v := must(g.AddInput("v", x))
		g.SetOutputs(v)
	}
	return g
}

// bodyOutputs is how many outputs a node with a body has.
func bodyOutputs(op ir.Op) (int, bool) {
	switch op := op.(type) {
	case *ops.If:
		return len(op.Then.Outputs()), true
	case *ops.Loop:
		return len(op.Body.Outputs()) - 1, true
	case *ops.Scan:
		return len(op.Body.Outputs()), true
	}
	return 0, false
}
