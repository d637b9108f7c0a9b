package train

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// AddDropout puts a Dropout right upstream of the classifier and of the fully connected layers that lead to it, as AlexNet and
// VGG have it (Hinton et al. 2012, "Improving neural networks by preventing co-adaptation of feature detectors"), where there
// is none yet, and returns how many. ratio is the share that is dropped, from 0 up to less than 1.
func AddDropout(g *ir.Graph, ratio float32) (int, error) {
	if !(ratio >= 0 && ratio < 1) {
		return 0, fmt.Errorf("train: dropout ratio %v, expects at least 0 and less than 1", ratio)
	}
	n, err := Classifier(g)
	if err != nil {
		return 0, err
	}
	rw, added := ir.NewRewriter(g), 0
	for {
		x := n.In(0)
		if weightsOf(n) != nil && !dropsOut(x) {
			r := rw.Const(n.Name+"/dropout/ratio", tensor.FromFloat32(tensor.Scalar(ratio), x.Type().DType))
			v, err := rw.Insert(n, n.Name+"/dropout", ir.New[ops.Dropout](), x, r)
			if err == nil {
				err = rw.SetInput(n, 0, v)
			}
			if err != nil {
				return 0, fmt.Errorf("train: %w", err)
			}
			added++
		}
		if weightsOf(n) == nil {
			x = pastClassifier(n)
		}
		if x == nil || x.Def() == nil || len(x.Type().Shape) != 2 {
			break
		}
		n = x.Def()
	}
	if err := rw.Done(); err != nil {
		return 0, fmt.Errorf("train: %w", err)
	}
	return added, nil
}

// dropsOut reports whether v is what a Dropout gives, in another shape perhaps.
func dropsOut(v *ir.Value) bool {
	for v != nil && v.Def() != nil {
		switch v.Def().Op.(type) {
		case *ops.Dropout:
			return true
		case *ops.Flatten, *ops.Reshape, *ops.Squeeze, *ops.Identity:
			v = v.Def().In(0)
		default:
			return false
		}
	}
	return false
}
