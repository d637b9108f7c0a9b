package lower

import (
	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// forkJoinMACs is how many multiply-accumulates a core does while a step is divided and joined again, which takes a
// quarter of a microsecond (BenchmarkForkJoin of runtime; two Zen 4 cores with a common cache): a step with less than twice
// as many is better done by the caller alone.
const forkJoinMACs = 8192

// split is how many tasks to ask a kernel for: some more than workers, so that a slow one does not hold up the others, and
// as many as a Run needs that is to end soon when it is cancelled.
func (s *selector) split() int {
	if s.opts.Threads == 1 {
		return s.least
	}
	return max(4*s.opts.Threads, s.least)
}

// splitProduct is split for a convolution or matrix product: those that are small are not divided, or into no more tasks
// than there are workers.
func (s *selector) splitProduct(n *ir.Node) int {
	switch macs := n.Op.Def().MACs(n); {
	case macs < 2*forkJoinMACs:
		return 1
	case macs < 16*forkJoinMACs:
		return s.opts.Threads
	}
	return s.split()
}

// What one task does at most, of a step that can be divided so finely: some 10 ms. A Run that is cancelled ends between
// tasks.
const (
	taskMACs         = 1 << 28
	taskMACsGeneric  = 1 << 24 // and of windows
	taskBytes        = 1 << 20
	taskBytesProduct = 1 << 24 // which are only read
)

// leastTasks is how many tasks the step of a node is divided into so that none takes long.
func (s *selector) leastTasks(n *ir.Node) int {
	bytes, perTask := 0.0, taskBytes
	for _, values := range [][]*ir.Value{n.Inputs(), n.Outputs()} {
		for _, v := range values {
			if v != nil {
				bytes += knownBytes(v)
			}
		}
	}
	macs, most := 0.0, float64(taskMACsGeneric)
	switch op := n.Op.(type) {
	case *ops.MaxPool:
		macs = knownBytes(n.Out(0)) * float64(product(op.KernelShape)) / 4
	case *ops.AveragePool:
		macs = knownBytes(n.Out(0)) * float64(product(op.KernelShape)) / 4
	case *ops.LRN:
		macs = knownBytes(n.Out(0)) * float64(op.Size) / 4
	default:
		if f := n.Op.Def().MACs; f != nil {
			macs, perTask = float64(f(n)), taskBytesProduct
		}
		if s.opts.Set.Has(arithmeticOf(n)) {
			most = taskMACs
		}
	}
	const bound = 1 << 20
	return int(min(max(1, macs/most, bytes/float64(perTask)), bound))
}

// arithmeticOf is the family of kernels that does the multiply-accumulates of a node.
func arithmeticOf(n *ir.Node) kernel.Family {
	group := 1
	switch op := n.Op.(type) {
	case *ops.Conv:
		group = op.Group
	case *ops.FusedConv:
		group = op.Group
	}
	if group > 1 && group == sizes(n.In(1))[0] { // depthwise
		return kernel.FamilySlide
	}
	return kernel.FamilyTile
}

// knownBytes is the bytes of a value, 0 where its size is not known.
func knownBytes(v *ir.Value) float64 {
	size := float64(v.Type().DType.Size())
	for _, d := range v.Type().Shape {
		size *= float64(d.N)
	}
	return max(size, 0)
}

// estimate is what a step costs by what its nodes compute and by the bytes of its arrays. Times follow from it where an
// algorithm has an estimate of its own.
func estimate(st *Step) kernel.Cost {
	var c kernel.Cost
	for _, list := range [][]*Array{st.Reads, st.Writes} {
		for _, a := range list {
			c.Stream += float64(a.Len * a.DType.Size())
		}
	}
	for _, n := range st.Nodes {
		if macs := n.Op.Def().MACs; macs != nil && !st.Helper {
			c.FLOPs += 2 * float64(macs(n))
		}
	}
	return c
}
