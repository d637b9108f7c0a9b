package ops

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// Mean is the mean of its inputs.
type Mean struct{}

func (*Mean) Def() *ir.Def { return meanOp }

var meanOp = differentiable(older(variadic[Mean]("Mean", "mean of tensors", floatTypes, inferBroadcast, evalMean), downgradeMean), gradMean)

func evalMean(c *ir.EvalCtx) error {
	if err := sumOp.Eval(c); err != nil || len(c.In) == 1 {
		return err
	}
	n := tensor.FromFloat32(tensor.Scalar(float32(len(c.In))), c.In[0].DType())
	arithmetic{float: func(a, b float64) float64 { return a / b }}.apply(c, c.Out[0], c.Out[0], n)
	return nil
}

// Before opset 8 it did not stretch its inputs, as Add does.
func downgradeMean(l *ir.Legacy) error {
	if l.Opset >= 8 || sameShapes(l.Inputs) {
		return nil
	}
	s := steps{l: l}
	return s.end(s.do(&Div{}, s.sum(l.Inputs), s.number(l.In(0), float64(len(l.Inputs)))))
}

func gradMean(g *gradient) {
	share := g.div(g.Of(0), g.number(g.Of(0), float64(len(g.Node.Inputs()))))
	g.eachSumTo(func(*ir.Value) *ir.Value { return share })
}
