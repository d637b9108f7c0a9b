package systematic

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/passes"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/tensor"
)

const (
	wide = 1 << 40
	side = 1 << 20
)

// hollow is shapes without elements, most of which have huge dimensions; solid is small ones.
var (
	hollow = [][]int{
		{0}, {wide, 0}, {0, wide}, {0, 0}, {side, 0, side}, {side, side, 0}, {0, side, side}, {1, 0, side, side}, {side, 1, 0, side},
		{1, side, side, 0}, {0, 1, side, side}, {1, 4, wide, 0}, {wide, 16, 3, 0}, {1, 0, wide}, {0, 4, wide},
	}
	solid = [][]int{{}, {1}, {2}, {4}, {2, 3}, {1, 1}, {1, 4, 4}, {1, 1, 4, 4}, {2, 4, 3, 3}, {1, 1, 1, 1}}
	// numbers are the elements of integer vectors such as shapes, axes, repeats and indices.
	numbers = [][]int64{
		{}, {0}, {1}, {-1}, {2}, {wide}, {0, 0}, {1, 0}, {0, 1}, {wide, 0}, {0, wide}, {wide, wide}, {1, 1}, {2, 2}, {side, 0, side}, {0, 1, side, side},
		{1, 1, 1, 1}, {0, 0, 0, 0}, {wide, 0, 0, wide}, {1 << 62, 2}, {1 << 62, 4, 0}, {-1 << 63}, {1<<63 - 1},
	}
)

// What has no elements is computed in no time and no memory, whatever operator it goes through and in whatever place; what
// then does have elements is too large or right.
func TestNothingIsLargeWithoutElements(t *testing.T) {
	w := newWatch(t)
	pool := runtime.NewPool(2)
	defer pool.Close()
	rounds := 15
	if long() {
		rounds = 300
	}
	for _, def := range slices.Concat(ops.All(), ops.Made()) {
		built := 0
		for i := range rounds {
			h := &hollowCase{def: def, r: rand.New(rand.NewPCG(uint64(i), 12)), pool: pool}
			for tries := 0; tries < 400; tries++ {
				if h.build() {
					built++
					break
				}
			}
			if h.g == nil {
				break
			}
			w.run(def.Name, fmt.Sprintf("%s, round %d", h, i), h.run)
		}
		if long() && def.Name != "Upsample" { // which no graph has: it is a Resize from the import on
			require.NotZero(t, built, "no node of %s could be built", def.Name)
		}
	}
}

// hollowCase is a graph of one node, and what it is given.
type hollowCase struct {
	def  *ir.Def
	r    *rand.Rand
	pool *runtime.Pool
	g    *ir.Graph
	node *ir.Node
	in   []*tensor.Tensor
}

func (h *hollowCase) String() string { return fmt.Sprintf("%v of %v", h.node, h.in) }

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// build makes a node of inputs that are drawn, at least one of them without elements, or a shape of it; false says that
// they do not fit.
func (h *hollowCase) build() bool {
	h.g, h.in = ir.NewGraph("hollow"), nil
	op, ok := operator(h.def, h.r)
	if !ok {
		h.g = nil
		return false
	}
	types := map[string]tensor.DType{}
	least, most := ir.Arity(h.def.Ins)
	count := least + h.r.IntN(min(most, least+3)-least+1)
	if a, ok := op.(*ops.Einsum); ok {
		count = terms(a.Equation)
	}
	base := pick(h.r, hollow)
	var inputs []*ir.Value
	for i := range count {
		p := ir.ParamAt(h.def.Ins, i)
		if p.Kind == ir.Optional && h.r.IntN(3) == 0 {
			inputs = append(inputs, nil)
			continue
		}
		inputs = append(inputs, h.input(fmt.Sprint("x", i), h.value(p, types, base)))
	}
	outs := make([]string, 0, 3)
	least, most = ir.Arity(h.def.Outs)
	if b, ok := bodyOutputs(op); ok {
		least, most = b, b
	}
	for i := range least + h.r.IntN(min(most, least+2)-least+1) {
		outs = append(outs, fmt.Sprint("y", i))
	}
	n, err := h.g.Append("node", op, inputs, outs)
	if err != nil {
		h.g = nil
		return false
	}
	h.node = n
	h.g.SetOutputs(n.Outputs()...)
	return true
}

// value draws the tensor of a parameter. Those of one graph often have one shape, or parts of it.
func (h *hollowCase) value(p ir.Param, types map[string]tensor.DType, base []int) *tensor.Tensor {
	dt, fixed := tensor.ParseDType(p.Type)
	if !fixed {
		if dt = types[p.Type]; dt == tensor.Undefined || p.Kind == ir.VariadicAny {
			dt = drawType(h.def.Types[p.Type], h.r)
			types[p.Type] = dt
		}
	}
	var shape []int
	switch h.r.IntN(6) {
	case 0, 1:
		shape = base
	case 2:
		shape = pick(h.r, hollow)
	case 3: // a vector for a dimension
		if shape = []int{pick(h.r, base)}; shape[0] > 1<<10 {
			shape[0] = 0
		}
	case 4:
		if dt == tensor.Int64 || dt == tensor.Int32 {
			v := pick(h.r, numbers)
			if dt == tensor.Int64 {
				return tensor.FromSlice(v, len(v))
			}
			narrow := make([]int32, len(v))
			for i, n := range v {
				narrow[i] = int32(min(max(n, -1<<31), 1<<31-1))
			}
			return tensor.FromSlice(narrow, len(v))
		}
		shape = pick(h.r, solid)
	default:
		shape = pick(h.r, solid)
	}
	return tensor.New(dt, shape...)
}

// input makes a value of a tensor: a constant, or an input of the graph that knows its shape, or only its rank, or not
// even that.
func (h *hollowCase) input(name string, t *tensor.Tensor) *ir.Value {
	typ := ir.TensorType(t)
	switch h.r.IntN(4) {
	case 0:
		v, _ := h.g.AddConst(name, t)
		return v
	case 1:
		typ.Shape = ir.UnknownShape(t.Rank())
	case 2:
		typ.Shape = nil
	}
	v, _ := h.g.AddInput(name, typ)
	h.in = append(h.in, t)
	return v
}

// run runs the graph at each level, and the reference alone; all give the same.
func (h *hollowCase) run() error {
	ctx := context.Background()
	in := make([]*tensor.Tensor, len(h.node.Inputs()))
	for i, v := range h.node.Inputs() {
		if at := slices.Index(h.g.Inputs(), v); at >= 0 {
			in[i] = h.in[at]
		} else {
			in[i] = v.Const()
		}
	}
	want, fault := ir.Eval(ctx, h.node, in, ir.Host{Run: h.body})
	for _, level := range []passes.Level{passes.O0, passes.O1, passes.O2} {
		got, err := h.compiled(ctx, h.g, level, h.in)
		if err != nil {
			fault = err
			continue
		}
		for i, v := range h.node.Outputs() {
			switch {
			case !v.Type().Accepts(ir.TensorType(got[i])):
				return fmt.Errorf("internal fault: output %d is %v, inferred %v", i, got[i], v.Type())
			case want != nil && !slices.Equal(want[i].Shape(), got[i].Shape()):
				return fmt.Errorf("internal fault: output %d is %v at %v, %v by the reference", i, got[i], level, want[i])
			}
		}
	}
	return fault
}

func (h *hollowCase) compiled(ctx context.Context, g *ir.Graph, level passes.Level, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	s, err := runtime.Compile(ctx, g, runtime.Options{Passes: &passes.Options{Level: level}, MaxMemory: memory, Pool: h.pool, Threads: 2})
	if err != nil {
		return nil, err
	}
	return s.Run(ctx, in...)
}

func (h *hollowCase) body(ctx context.Context, body *ir.Graph, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	return h.compiled(ctx, body, passes.O0, in)
}
