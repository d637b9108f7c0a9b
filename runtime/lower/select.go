package lower

import (
	"context"
	"slices"

	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// selector goes through the nodes in order and makes steps. A convolution and a linear layer of several rows read and write
// blocked data, other operators with a kernel for it do as their input is, all others read plain arrays.
type selector struct {
	*Program
	opts    Options
	ctx     context.Context
	has     []layouts // by value id: in which layouts it has been computed or asked for
	covered map[*ir.Node]bool
	family  string // of the node that is looked at
	dtype   tensor.DType
	least   int // tasks of its step
	// of training: what batch normalizations have computed of a value, and gradients of rectifiers that are left to those of
	// batch normalizations
	moments   map[*ir.Value]moments
	rectified map[*ir.Node]*ir.Node
	// overwritten is arrays that may be written over: what they held is not to be read again.
	overwritten map[*Array]bool
}

// layouts is a set of layouts.
type layouts uint8

func (l layouts) with(m Layout) layouts { return l | 1<<m }
func (l layouts) has(m Layout) bool     { return l>>m&1 != 0 }

// selectSteps makes the steps, without memory and without packed weights.
func (p *Program) selectSteps(ctx context.Context, opts Options) error {
	s := &selector{
		Program: p, opts: opts, ctx: ctx, least: 1, has: make([]layouts, len(p.Slots)),
		covered: map[*ir.Node]bool{}, moments: map[*ir.Value]moments{}, rectified: map[*ir.Node]*ir.Node{}, overwritten: map[*Array]bool{},
	}
	for _, n := range p.Graph.Nodes() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.node(n); err != nil {
			if stopped := ctx.Err(); stopped != nil {
				return stopped
			}
			return at(n, err)
		}
	}
	return nil
}

// node selects how a node is computed. Nothing need be done for outputs without elements.
func (s *selector) node(n *ir.Node) error {
	if s.covered[n] || !slices.ContainsFunc(n.Outputs(), func(v *ir.Value) bool { return v != nil && s.Slots[v.ID()].Kind != Empty }) {
		return nil
	}
	s.dtype = elementType(n)
	if s.static(n) {
		s.least = s.leastTasks(n)
		if ir.Shares(n) {
			if s.family = "move"; s.reshape(n) {
				return nil
			}
		}
		if family, sel := s.familyOf(n); sel != nil && s.dtype == tensor.Float32 {
			s.family = family
			if done, err := sel(n); done || err != nil {
				return err
			}
		}
	}
	s.add(&Step{Nodes: []*ir.Node{n}, Kernel: "reference", Algorithm: "reference", Reads: s.readAll(n), Writes: s.writeAll(n)})
	return nil
}

// familyOf is what selects the steps of an operator's family; its result is false for forms that no kernel has.
func (s *selector) familyOf(n *ir.Node) (family string, sel func(*ir.Node) (bool, error)) {
	switch n.Op.(type) {
	case *ops.Conv, *ops.FusedConv, *ops.ConvTranspose, *ops.ConvGradInput, *ops.ConvGradWeights:
		return "conv", s.conv
	case *ops.Gemm, *ops.MatMul, *ops.FusedLinear:
		return "linear", s.linear
	case *ops.MaxPool, *ops.AveragePool, *ops.GlobalAveragePool, *ops.GlobalMaxPool, *ops.MaxPoolGrad, *ops.AveragePoolGrad:
		return "pool", s.pool
	case *ops.BatchNormalization, *ops.BatchNormalizationGrad, *ops.LayerNormalization, *ops.InstanceNormalization, *ops.LRN, *ops.LRNGrad:
		return "norm", s.norm
	case *ops.Softmax, *ops.LogSoftmax, *ops.FusedAttention:
		return "attention", s.attention
	case *ops.ReduceMean, *ops.ReduceSum, *ops.ReduceMax, *ops.SumTo, *ops.Expand:
		return "reduce", s.reduce
	case *ops.Transpose, *ops.Gather, *ops.Split, *ops.Slice, *ops.Concat:
		return "move", s.move
	case *ops.DropoutMask, *ops.ClipScale:
		return "loss", s.loss
	case *ops.Momentum, *ops.Adam:
		return "update", s.update
	}
	return "elementwise", s.elementwise
}

// elementType is the one that kernels of a node compute in: that of all operands which could have floating-point elements,
// so that shapes, axes and indices do not matter; undefined where there are several.
func elementType(n *ir.Node) (dt tensor.DType) {
	def, mixed := n.Op.Def(), false
	look := func(params []ir.Param, values []*ir.Value) {
		for i, v := range values {
			if v == nil || !floating(def, params[min(i, len(params)-1)].Type) {
				continue
			}
			mixed = mixed || dt != tensor.Undefined && dt != v.Type().DType
			dt = v.Type().DType
		}
	}
	look(def.Outs, n.Outputs())
	look(def.Ins, n.Inputs())
	if mixed {
		return tensor.Undefined
	}
	return dt
}

// floating reports whether a parameter of that type may have elements of float32.
func floating(def *ir.Def, typ string) bool {
	if types, variable := def.Types[typ]; variable {
		return types.Has(tensor.Float32)
	}
	return typ == tensor.Float32.String()
}

// static reports whether the types of all that a node reads and writes are known, and all of it has elements: kernels need
// not think of values without any. What is put one after the other may have none.
func (s *selector) static(n *ir.Node) bool {
	_, concat := n.Op.(*ops.Concat)
	for _, v := range append(n.Inputs()[:len(n.Inputs()):len(n.Inputs())], n.Outputs()...) {
		if v == nil {
			continue
		}
		if shape, _ := v.Type().Shape.Ints(); s.Slots[v.ID()].Kind == Dynamic || !concat && slices.Contains(shape, 0) {
			return false
		}
	}
	return true
}

// array is the elements of a value in a layout; nil for no value.
func (s *selector) array(v *ir.Value, l Layout) *Array { return s.values.of(v, l) }

// temporary is an array of n elements that is of no value.
func (s *selector) temporary(role string, dt tensor.DType, n int) *Array {
	return &Array{Role: role, DType: dt, Len: n, Slot: -1}
}

// floats is a temporary array of n float32.
func (s *selector) floats(role string, n int) *Array { return s.temporary(role, tensor.Float32, n) }

// read is a value in the layout that a step reads it in, whatever it has been computed in.
func (s *selector) read(v *ir.Value, l Layout) *Array {
	if v != nil {
		if !s.isIn(v, l) {
			s.has[v.ID()] = s.has[v.ID()].with(Plain) // on the way
		}
		s.has[v.ID()] = s.has[v.ID()].with(l)
	}
	return s.array(v, l)
}

// write is a value in the layout that a step computes it in.
func (s *selector) write(v *ir.Value, l Layout) *Array {
	if v != nil {
		s.has[v.ID()] = layouts(0).with(l)
	}
	return s.array(v, l)
}

func (s *selector) readAll(n *ir.Node) (all []*Array) {
	for _, v := range n.Inputs() {
		all = append(all, s.read(v, Plain))
	}
	return arrays(all...)
}

func (s *selector) writeAll(n *ir.Node) (all []*Array) {
	for _, v := range n.Outputs() {
		all = append(all, s.write(v, Plain))
	}
	return arrays(all...)
}

// isIn reports whether a value has been computed, or asked for, in a layout.
func (s *selector) isIn(v *ir.Value, l Layout) bool { return v != nil && s.has[v.ID()].has(l) }

// hasPlain reports whether a value has a plain array without a conversion.
func (s *selector) hasPlain(v *ir.Value) bool {
	return v.Def() == nil || s.isIn(v, Plain) || s.Slots[v.ID()].Kind == Empty
}

// add appends a step.
func (s *selector) add(st *Step) *Step {
	if st.Kernel == "" {
		st.Kernel = s.family
	}
	st.DType, st.split = s.dtype, s.split()
	for _, n := range st.Nodes {
		s.covered[n] = s.covered[n] || !st.Helper
	}
	if st.Cost == (kernel.Cost{}) {
		st.Cost = estimate(st)
	}
	s.Steps = append(s.Steps, st)
	return st
}

// step appends a step of a prepared kernel.
func (s *selector) step(n *ir.Node, k tasked, reads, writes []*Array, task Task) *Step {
	s.Scratch = max(s.Scratch, k.ScratchSize())
	return s.add(&Step{
		Nodes: []*ir.Node{n}, Algorithm: algorithm(k), Reads: reads, Writes: writes, Phases: []Phase{{Tasks: k.Tasks(), Task: task}},
	})
}

// helper appends a step that prepares or completes the work of one that computes the node.
func (s *selector) helper(n *ir.Node, name string, reads, writes []*Array, phases ...Phase) {
	s.add(&Step{Nodes: []*ir.Node{n}, Algorithm: name, Helper: true, Reads: reads, Writes: writes, Phases: phases})
}

// plain appends a step of a prepared kernel that reads all inputs and writes all outputs as plain arrays.
func (s *selector) plain(n *ir.Node, k tasked, task Task) *Step {
	return s.step(n, k, s.readAll(n), s.writeAll(n), task)
}

// function is a kernel of one input.
type function interface {
	tasked
	Run(task int, y, x []float32)
}

// apply appends a step of a kernel that computes y of x.
func (s *selector) apply(n *ir.Node, k function, x, y *Array) (bool, error) {
	s.step(n, k, arrays(x), arrays(y), func(m *Memory, task, _ int) { k.Run(task, m.F32(y), m.F32(x)) })
	return true, nil
}

// applyPlain is apply for the first input and output as plain arrays.
func (s *selector) applyPlain(n *ir.Node, k function) (bool, error) {
	y, x := s.array(n.Out(0), Plain), s.array(n.In(0), Plain)
	s.plain(n, k, func(m *Memory, task, _ int) { k.Run(task, m.F32(y), m.F32(x)) })
	return true, nil
}

// later appends a step whose kernel holds weights, which are packed at last.
func (s *selector) later(n *ir.Node, reads, writes []*Array, prepare func(st *Step) (tasked, Task, error)) *Step {
	return s.add(&Step{Nodes: []*ir.Node{n}, Algorithm: "kernel", Reads: reads, Writes: writes, make: prepare})
}

// algorithm is a kernel's own name for what it does.
func algorithm(k tasked) string {
	if named, ok := k.(interface{ Algorithm() string }); ok {
		return named.Algorithm()
	}
	return "kernel"
}

// onlyReader is the node of the graph that alone reads v, which is no output; nil if there is none, or if it has more inputs
// than any that another node's work could go with: each of them may be asked for it.
func (s *selector) onlyReader(v *ir.Value) *ir.Node {
	const most = 16
	if v == nil {
		return nil
	}
	uses := v.Uses()
	if len(uses) != 1 || len(uses[0].Node.Inputs()) > most || v.IsOutput() || uses[0].Node.Graph() != s.Graph || !s.static(uses[0].Node) {
		return nil
	}
	return uses[0].Node
}
