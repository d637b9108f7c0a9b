package train

import (
	"fmt"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/ir"
)

// untie gives each use of a vector as a parameter or a statistic a constant of its own: biases and normalizations that
// begin with the same numbers, which a file may hold once, learn each for itself. Filters and matrices that several layers
// have in common stay shared.
func untie(g *ir.Graph) error {
	rw := ir.NewRewriter(g)
	seen := map[*ir.Value]bool{}
	for _, n := range g.Nodes() {
		for i, v := range n.Inputs() {
			if v == nil || v.Const() == nil || v.Const().Rank() > 1 || v.Const().Len() < 2 || !modelinfo.IsFloating(v) {
				continue
			}
			if !seen[v] {
				seen[v] = true
				continue
			}
			if err := rw.SetInput(n, i, rw.Const(v.Name(), v.Const())); err != nil {
				return fmt.Errorf("train: %w", err)
			}
		}
	}
	if err := rw.Done(); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	return nil
}
