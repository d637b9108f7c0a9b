package train

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// Scores is what a classifier gives before its last Softmax.
func Scores(g *ir.Graph) (*ir.Value, error) {
	v := g.Outputs()[0]
	if n := v.Def(); n != nil {
		if _, ok := n.Op.(*ops.Softmax); ok {
			return n.In(0), nil
		}
	}
	return v, nil
}
