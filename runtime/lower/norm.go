package lower

import (
	"github.com/onnxrun/onnxrun/internal/kernel"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// norm selects how a normalization or the gradient of one is computed; what only training has is in norm_train.go.
func (s *selector) norm(n *ir.Node) (bool, error) {
	switch op := n.Op.(type) {
	case *ops.BatchNormalization:
		if op.TrainingMode {
			return s.trainBatchNorm(n, op)
		}
		return s.batchNorm(n, op)
	case *ops.BatchNormalizationGrad:
		return s.batchNormGrad(n, op)
	case *ops.LayerNormalization:
		return s.layerNorm(n, op)
	case *ops.InstanceNormalization:
		return s.instanceNorm(n, op)
	case *ops.LRN:
		return s.lrn(n, op)
	case *ops.LRNGrad:
		return s.lrnGrad(n, op)
	}
	return false, nil
}

// batchNorm folds constant statistics into a scale and a shift for each channel; on blocked data that is a depthwise
// convolution of one tap.
func (s *selector) batchNorm(n *ir.Node, op *ops.BatchNormalization) (bool, error) {
	in := sizes(n.In(0))
	var params [4][]float32
	for i := range params {
		if params[i] = constFloat32(n.In(i + 1)); params[i] == nil {
			return false, nil
		}
	}
	if len(in) < 2 {
		return false, nil
	}
	scale, shift := make([]float32, in[1]), make([]float32, in[1])
	kernel.FoldBatchNorm(scale, shift, params[0], params[1], params[2], params[3], op.Epsilon)
	if s.followsBlocked(n) {
		k, err := kernel.NewDepthwise(kernel.DepthwiseSpec{
			N: in[0], C: in[1], Spatial: kernel.Spatial{In: in[2:], Out: in[2:], Kernel: []int{1, 1}}, Weights: scale, Bias: shift,
			Split: s.split(), Set: s.opts.Set,
		})
		if err != nil {
			return false, err
		}
		return s.apply(n, k, s.read(n.In(0), Blocked), s.write(n.Out(0), Blocked))
	}
	k, err := kernel.NewChannelScale(kernel.ChannelScaleSpec{N: in[0], C: in[1], Inner: product(in[2:]), Split: s.split()})
	if err != nil {
		return false, err
	}
	y, x := s.array(n.Out(0), Plain), s.array(n.In(0), Plain)
	s.plain(n, k, func(m *Memory, task, _ int) { k.Run(task, m.F32(y), m.F32(x), scale, shift) })
	return true, nil
}

// layerNorm takes the form in which scale and bias span just the normalized dimensions.
func (s *selector) layerNorm(n *ir.Node, op *ops.LayerNormalization) (bool, error) {
	in := sizes(n.In(0))
	axis := op.Axis
	if axis < 0 {
		axis += len(in)
	}
	if axis < 0 || axis >= len(in) {
		return false, nil
	}
	if axis == len(in)-1 && s.followsRows(n) {
		if done, err := s.rowsLayerNorm(n, op); done || err != nil {
			return done, err
		}
	}
	if n.Out(1) != nil || n.Out(2) != nil || n.In(2) == nil {
		return false, nil
	}
	length := product(in[axis:])
	if product(sizes(n.In(1))) != length || product(sizes(n.In(2))) != length {
		return false, nil
	}
	return s.normStep(n, kernel.NormSpec{Rows: product(in[:axis]), Len: length, Groups: 1, Inner: 1, Epsilon: op.Epsilon, Split: s.split()})
}

// rowsLayerNorm normalizes each pixel's channels.
func (s *selector) rowsLayerNorm(n *ir.Node, op *ops.LayerNormalization) (bool, error) {
	images, plane, c, _ := s.rowSizes(n.In(0))
	scale, shift := constFloat32(n.In(1)), constFloat32(n.In(2))
	if len(scale) != c || len(shift) != c || c%kernel.Block != 0 {
		return false, nil
	}
	k, err := kernel.NewBlockedNorm(images, plane, scale, shift, op.Epsilon, s.split(), s.opts.Set)
	if err != nil {
		return false, err
	}
	return s.apply(n, k, s.read(n.In(0), Rows), s.write(n.Out(0), Rows))
}

func (s *selector) instanceNorm(n *ir.Node, op *ops.InstanceNormalization) (bool, error) {
	in := sizes(n.In(0))
	if len(in) < 3 {
		return false, nil
	}
	length := product(in[2:])
	return s.normStep(n, kernel.NormSpec{Rows: in[0] * in[1], Len: length, Groups: in[1], Inner: length, Epsilon: op.Epsilon, Split: s.split()})
}

func (s *selector) normStep(n *ir.Node, spec kernel.NormSpec) (bool, error) {
	spec.Set = s.opts.Set
	k, err := kernel.NewNorm(spec)
	if err != nil {
		return false, err
	}
	y, x, scale, bias := s.array(n.Out(0), Plain), s.array(n.In(0), Plain), s.array(n.In(1), Plain), s.array(n.In(2), Plain)
	s.plain(n, k, func(m *Memory, task, _ int) { k.Run(task, m.F32(y), m.F32(x), m.F32(scale), m.F32(bias)) })
	return true, nil
}

func (s *selector) lrnSpec(in []int, op *ops.LRN) kernel.LRNSpec {
	return kernel.LRNSpec{
		N: in[0], C: in[1], Inner: product(in[2:]), Size: op.Size, Alpha: op.Alpha, Beta: op.Beta, Bias: op.Bias, Split: s.split(),
	}
}

func (s *selector) lrn(n *ir.Node, op *ops.LRN) (bool, error) {
	in := sizes(n.In(0))
	if s.followsBlocked(n) && op.Bias > 0 { // else 0/0 in the padding of the channels
		if k, err := kernel.NewBlockedLRN(s.lrnSpec(in, op), s.opts.Set); err == nil {
			x, y := s.read(n.In(0), Blocked), s.write(n.Out(0), Blocked)
			s.step(n, k, arrays(x), arrays(y), func(m *Memory, task, worker int) {
				k.Run(task, m.F32(y), m.F32(x), m.Scratch[worker])
			})
			return true, nil
		}
	}
	if len(in) < 2 {
		return false, nil
	}
	k, err := kernel.NewLRN(s.lrnSpec(in, op))
	if err != nil {
		return false, err
	}
	return s.applyPlain(n, k)
}

func (s *selector) lrnGrad(n *ir.Node, op *ops.LRNGrad) (bool, error) {
	dy, x := n.In(0), n.In(1)
	if !s.isBlockable(dy) || !s.isBlockable(x) || op.Bias <= 0 || s.swells(sizes(x)) { // 0/0 in the padding of the channels
		return false, nil
	}
	k, err := kernel.NewBlockedLRNGrad(s.lrnSpec(sizes(x), &op.LRN), s.opts.Set)
	if err != nil {
		return false, nil
	}
	d, from, dx := s.read(dy, Blocked), s.read(x, Blocked), s.write(n.Out(0), Blocked)
	s.step(n, k, arrays(d, from), arrays(dx), func(m *Memory, task, worker int) {
		k.Run(task, m.F32(dx), m.F32(d), m.F32(from), m.Scratch[worker])
	})
	return true, nil
}
