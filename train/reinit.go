package train

import (
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// AllLayers is Reinit's number for all there are.
const AllLayers = math.MaxInt

// Reinit restarts the last layers of g, as many as last says, and returns the names of the nodes that have new parameters:
// of the layers, in the graph's order, and of what belongs to them. A layer is a Conv, ConvTranspose, Gemm or MatMul with
// constant weights. Weights are uniformly distributed: bounded as He et al. 2015 have it upstream of rectifiers, else as Glorot and
// Bengio 2010; biases 0. Normalizations, biases of their own and slopes that read restarted layers alone restart too: scale 1,
// shift 0, mean 0, variance 1; slope 0.25. Layers that share weights have their own from then on. After an error g is of no
// further use.
func Reinit(g *ir.Graph, last int, seed uint64) ([]string, error) {
	var layers []*ir.Node
	for _, n := range g.Nodes() {
		if weightsOf(n) != nil {
			layers = append(layers, n)
		}
	}
	if last == AllLayers {
		last = len(layers)
	}
	if last < 0 || last > len(layers) {
		return nil, fmt.Errorf("train: %d layers to restart, expects 0 to the model's %d", last, len(layers))
	}
	a := newAdapter(g, seed)
	restarted := map[*ir.Node]bool{}
	for _, n := range layers[len(layers)-last:] {
		restarted[n] = true
	}
	only := map[*ir.Value]bool{} // depends on restarted layers, and on no others but through them
	for _, n := range slices.Clone(g.Nodes()) {
		if err := a.restart(n, restarted[n], only); err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
	}
	if err := a.finish(); err != nil {
		return nil, err
	}
	return a.fresh, nil
}

// restart gives n new parameters if it is one of the layers or belongs to them alone, and notes whether its outputs do.
func (a *adapter) restart(n *ir.Node, layer bool, only map[*ir.Value]bool) error {
	computed := slices.DeleteFunc(slices.Clone(n.Inputs()), func(v *ir.Value) bool { return v == nil || v.Const() != nil || !modelinfo.IsFloating(v) })
	belongs := len(computed) > 0 && !slices.ContainsFunc(computed, func(v *ir.Value) bool { return !only[v] })
	var err error
	switch {
	case layer:
		err = a.remake(n, n.Op, n.In(1).Const().Shape())
	case belongs:
		err = a.renew(n)
	}
	for _, v := range n.Outputs() {
		if v != nil {
			only[v] = layer || belongs && weightsOf(n) == nil
		}
	}
	return err
}

// renew gives what belongs to a layer the parameters that it begins with.
func (a *adapter) renew(n *ir.Node) error {
	begin := func(int) float32 { return 0 }
	switch n.Op.(type) {
	case *ops.BatchNormalization, *ops.InstanceNormalization, *ops.GroupNormalization, *ops.LayerNormalization:
		begin = neutral
	case *ops.PRelu:
		begin = func(int) float32 { return prelu }
	case *ops.Add:
	default:
		return nil
	}
	inputs, made := slices.Clone(n.Inputs()), false
	for i, v := range inputs {
		if v == nil || v.Const() == nil || !modelinfo.IsFloating(v) || v.Const().Len() < 2 || isMask(v.Const()) {
			continue
		}
		if err := a.constant(inputs, i, filled(v.Type().DType, begin(i), v.Const().Shape()...)); err != nil {
			return err
		}
		made = true
	}
	if !made {
		return nil
	}
	a.fresh = append(a.fresh, n.Name)
	return a.set(n, n.Op, inputs)
}
