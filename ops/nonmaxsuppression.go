package ops

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// NonMaxSuppression takes, for each image and class, the boxes of the highest scores that do not overlap a box taken
// before by more than iou_threshold. boxes is N×M×4, scores N×classes×M; the result has a row (image, class, box) for
// each box taken. Boxes are two corners y, x, y, x, or, if CenterPointBox is 1, x, y, width, height around the centre.
type NonMaxSuppression struct {
	CenterPointBox int `attr:"center_point_box,oneof=0|1"`
}

func (*NonMaxSuppression) Def() *ir.Def { return nonMaxSuppression }

var nonMaxSuppression = &ir.Def{
	Name: "NonMaxSuppression", Doc: "the best boxes that do not overlap", Since: []int{10, 11},
	New: func() ir.Op { return ir.New[NonMaxSuppression]() },
	Ins: []ir.Param{{Name: "boxes", Type: "float32", Learned: ir.Never}, {Name: "scores", Type: "float32", Learned: ir.Never},
		{Name: "max_output_boxes_per_class", Type: "int64", Kind: ir.Optional},
		{Name: "iou_threshold", Type: "float32", Kind: ir.Optional, Learned: ir.Never}, {Name: "score_threshold", Type: "float32", Kind: ir.Optional, Learned: ir.Never}},
	Outs: []ir.Param{{Name: "selected_indices", Type: "int64"}},
	Infer: func(c *ir.InferCtx) error {
		c.SetShape(0, ir.Shape{ir.UnknownDim, ir.Known(3)})
		return checkBoxes(c.Shape(0), c.Shape(1))
	},
	Eval: evalNonMaxSuppression,
}

func checkBoxes(boxes, scores ir.Shape) error {
	if boxes != nil && (len(boxes) != 3 || differ(boxes[2], ir.Known(4))) {
		return fmt.Errorf("boxes has shape %v, expects N×M×4", boxes)
	}
	if scores != nil && len(scores) != 3 {
		return fmt.Errorf("scores has shape %v, expects N×classes×M", scores)
	}
	if boxes != nil && scores != nil && (differ(boxes[0], scores[0]) || differ(boxes[1], scores[2])) {
		return fmt.Errorf("scores of shape %v do not fit to boxes of shape %v", scores, boxes)
	}
	return nil
}

// box is two corners, of which the first has the smaller coordinates.
type box struct{ y1, x1, y2, x2 float32 }

func (a *NonMaxSuppression) box(v []float32) box {
	if a.CenterPointBox == 1 {
		x, y, w, h := v[0], v[1], v[2]/2, v[3]/2
		return box{y - h, x - w, y + h, x + w}
	}
	return box{min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3])}
}

// overlaps reports whether the intersection of two boxes is more than threshold of their union.
func (b box) overlaps(o box, threshold float32) bool {
	h, w := min(b.y2, o.y2)-max(b.y1, o.y1), min(b.x2, o.x2)-max(b.x1, o.x1)
	if h <= 0 || w <= 0 {
		return false
	}
	both := h * w
	area := func(b box) float32 { return (b.y2 - b.y1) * (b.x2 - b.x1) }
	union := area(b) + area(o) - both
	return union > 0 && both/union > threshold
}

func evalNonMaxSuppression(c *ir.EvalCtx) error {
	a := c.Op.(*NonMaxSuppression)
	if err := checkBoxes(shapeOf(c, 0), shapeOf(c, 1)); err != nil {
		return err
	}
	limit, err := onlyElement[int64](c, 2, 0)
	if err != nil {
		return err
	}
	iou, err := onlyElement[float32](c, 3, 0)
	if err != nil {
		return err
	}
	least, err := onlyElement[float32](c, 4, 0)
	if err != nil {
		return err
	}
	if !(iou >= 0 && iou <= 1) {
		return fmt.Errorf("iou_threshold is %v, expects 0 to 1", iou)
	}
	images, classes, count := c.In[1].Dim(0), c.In[1].Dim(1), c.In[1].Dim(2)
	coords, scores := tensor.Data[float32](c.In[0]), tensor.Data[float32](c.In[1])
	rows := []int64{}
	if c.In[1].Len() == 0 {
		limit = 0
	}
	for ic := range images * classes {
		if limit <= 0 {
			break
		}
		score := scores[ic*count:][:count]
		boxes := coords[ic/classes*count*4:][:count*4]
		order := slices.DeleteFunc(indexRange(score), func(i int) bool { return c.Has(4) && !(score[i] > least) })
		slices.SortStableFunc(order, func(i, j int) int { c.Spend(1); return cmp.Compare(score[j], score[i]) })
		taken := []box{}
		for _, i := range order {
			c.Spend(4 * (1 + len(taken)))
			b := a.box(boxes[i*4:][:4])
			if slices.ContainsFunc(taken, func(t box) bool { return t.overlaps(b, iou) }) {
				continue
			}
			taken = append(taken, b)
			rows = append(rows, int64(ic/classes), int64(ic%classes), int64(i))
			if int64(len(taken)) >= limit {
				break
			}
		}
	}
	out, err := c.Output(0, tensor.Int64, len(rows)/3, 3)
	if err != nil {
		return err
	}
	copy(tensor.Data[int64](out), rows)
	return nil
}

// onlyElement is the one element of input i, or what stands for it where it is absent.
func onlyElement[T tensor.Elem](c *ir.EvalCtx, i int, absent T) (T, error) {
	if !c.Has(i) {
		return absent, nil
	}
	if c.In[i].Len() != 1 {
		return absent, fmt.Errorf("input %d has shape %v, expects one element", i, c.In[i].Shape())
	}
	return tensor.Data[T](c.In[i])[0], nil
}
