package runtime

import (
	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// lowering is the kernel step of a node whose types are all known, or none: the operator's reference is
// run then. A lowering that finds a form that its kernel does not have gives none, too.
func (p *plan) lowering(n *ir.Node) (lowered, error) {
	switch op := n.Op.(type) {
	case *ops.Conv:
		return p.lowerConv(n, op, kernel.Activation{})
	case *ops.FusedConv:
		return p.lowerFusedConv(n, op)
	case *ops.FusedLinear:
		return p.lowerLinear(n, op)
	case *ops.ConvTranspose:
		return p.lowerConvTranspose(n, op)
	case *ops.Gemm:
		return p.lowerGemm(n, op)
	case *ops.MatMul:
		return p.lowerMatMul(n)
	case *ops.MaxPool:
		return p.lowerMaxPool(n, op)
	case *ops.AveragePool:
		return p.lowerAveragePool(n, op)
	case *ops.GlobalAveragePool:
		return p.lowerGlobalPool(n, kernel.ReduceMean)
	case *ops.GlobalMaxPool:
		return p.lowerGlobalPool(n, kernel.ReduceMax)
	case *ops.BatchNormalization:
		return p.lowerBatchNorm(n, op)
	case *ops.LayerNormalization:
		return p.lowerLayerNorm(n, op)
	case *ops.InstanceNormalization:
		return p.lowerInstanceNorm(n, op)
	case *ops.LRN:
		return p.lowerLRN(n, op)
	case *ops.Softmax:
		return p.lowerSoftmax(n, op.Axis, false)
	case *ops.LogSoftmax:
		return p.lowerSoftmax(n, op.Axis, true)
	case *ops.Add:
		return p.lowerBinary(n, kernel.Add)
	case *ops.Sub:
		return p.lowerBinary(n, kernel.Sub)
	case *ops.Mul:
		return p.lowerBinary(n, kernel.Mul)
	case *ops.Div:
		return p.lowerBinary(n, kernel.Div)
	case *ops.Pow:
		if l, err := p.lowerUnary(n); l.run != nil || err != nil {
			return l, err
		}
		return p.lowerBinary(n, kernel.Pow)
	case *ops.PRelu:
		return p.lowerBinary(n, kernel.PRelu)
	case *ops.ReduceMean:
		return p.lowerReduce(n, kernel.ReduceMean, op.Reducing)
	case *ops.ReduceSum:
		return p.lowerReduce(n, kernel.ReduceSum, op.Reducing)
	case *ops.ReduceMax:
		return p.lowerReduce(n, kernel.ReduceMax, op.Reducing)
	case *ops.Transpose:
		return p.lowerTranspose(n, op)
	case *ops.Gather:
		return p.lowerGather(n, op)
	case *ops.Split:
		return p.lowerSplit(n, op)
	case *ops.Slice:
		return p.lowerSlice(n, op)
	case *ops.Concat:
		return p.lowerConcat(n, op)
	case *ops.SumTo:
		return p.lowerSumTo(n)
	case *ops.DropoutMask:
		return p.lowerDropoutMask(n, op)
	case *ops.Momentum, *ops.Adam:
		return p.lowerUpdate(n)
	case *ops.ClipScale:
		return p.lowerClipScale(n, op)
	}
	return p.lowerUnary(n)
}

// tasked is what prepared kernels have in common.
type tasked interface {
	Tasks() int
	ScratchSize() int
}

// lowered is how a node is executed by a kernel; its zero value says that there is none.
type lowered struct {
	algorithm string
	run       func(f *frame) error
	temporary []int // slots that it uses beside those of the node
}

// kernelStep makes a step of a prepared kernel.
func (p *plan) kernelStep(k tasked, task func(f *frame, task, worker int)) lowered {
	tasks := k.Tasks()
	p.scratch = max(p.scratch, k.ScratchSize())
	algorithm := "kernel"
	if named, ok := k.(interface{ Algorithm() string }); ok {
		algorithm = named.Algorithm()
	}
	return lowered{algorithm: algorithm, run: func(f *frame) error { return f.parallel(tasks, task) }}
}

// split is how many tasks to ask a kernel for: some more than workers, so that a slow one does not hold up the others, and
// as many as a Run needs that is to end soon when it is cancelled.
func (p *plan) split() int {
	if p.session.opts.Threads == 1 {
		return p.least
	}
	return max(4*p.session.opts.Threads, p.least)
}

// splitProduct is split for a convolution or matrix product: those that are small are not divided, or into no more tasks
// than there are workers.
func (p *plan) splitProduct(n *ir.Node) int {
	switch macs := n.Op.Def().MACs(n); {
	case macs < 2*forkJoinMACs:
		return 1
	case macs < 16*forkJoinMACs:
		return p.session.opts.Threads
	}
	return p.split()
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
func (p *plan) leastTasks(n *ir.Node) int {
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
		if p.set().Has(kernel.FamilyTile) {
			most = taskMACs
		}
	}
	const bound = 1 << 20
	return int(min(max(1, macs/most, bytes/float64(perTask)), bound))
}

// knownBytes is the bytes of a value, 0 where its size is not known.
func knownBytes(v *ir.Value) float64 {
	size := float64(v.Type().DType.Size())
	for _, d := range v.Type().Shape {
		size *= float64(d.N)
	}
	return max(size, 0)
}

// allFloat32 reports whether every input and output of a node is float32.
func allFloat32(n *ir.Node) bool {
	for _, values := range [][]*ir.Value{n.Inputs(), n.Outputs()} {
		for _, v := range values {
			if v != nil && v.Type().DType != tensor.Float32 {
				return false
			}
		}
	}
	return true
}

// float32s is the elements of value id in this frame; nil for id -1, an absent one.
func (f *frame) float32s(id int) []float32 {
	if id < 0 {
		return nil
	}
	return tensor.Data[float32](f.vals[id])
}

// constFloat32 is the elements of a constant, nil for other values.
func constFloat32(v *ir.Value) []float32 {
	if v == nil || v.Const() == nil {
		return nil
	}
	return tensor.Data[float32](v.Const())
}

// id is a value's id, -1 for an absent one.
func id(v *ir.Value) int {
	if v == nil {
		return -1
	}
	return v.ID()
}

// sizes is a value's shape, which is known.
func sizes(v *ir.Value) []int {
	n, _ := v.Type().Shape.Ints()
	return n
}

// spatial is a window in the kernels' terms.
func spatial(w ops.Window) kernel.Spatial {
	return kernel.Spatial{In: w.In, Out: w.Out, Kernel: w.Kernel, Strides: w.Stride, Dilations: w.Dilation, Pads: w.PadBegin}
}

// maxSpatial is the greatest number of spatial dimensions that kernels take.
const maxSpatial = 3
