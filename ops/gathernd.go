package ops

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// GatherND takes the slices that the last dimension of the indices names by its coordinates; the first BatchDims
// dimensions of data and indices go together.
type GatherND struct {
	BatchDims int `attr:"batch_dims,since=12"`
}

func (*GatherND) Def() *ir.Def { return gatherND }

var gatherND = &ir.Def{
	Name: "GatherND", Doc: "slices by coordinates", Since: []int{11, 12, 13},
	New:   func() ir.Op { return ir.New[GatherND]() },
	Ins:   []ir.Param{{Name: "data", Type: "T"}, {Name: "indices", Type: "int64"}},
	Outs:  []ir.Param{{Name: "output", Type: "T"}},
	Types: map[string]ir.TypeSet{"T": anyType},
	Infer: func(c *ir.InferCtx) error {
		out, err := c.Node.Op.(*GatherND).shape(c.Shape(0), c.Shape(1))
		c.SetShape(0, out)
		return err
	},
	Eval: func(c *ir.EvalCtx) error {
		a, x, at := c.Op.(*GatherND), c.In[0], c.In[1]
		shape, err := a.shape(shapeOf(c, 0), shapeOf(c, 1))
		if err != nil {
			return err
		}
		out, err := outputShaped(c, 0, x.DType(), shape)
		if err != nil {
			return err
		}
		places, size, err := slicePlaces(x, at, a.BatchDims)
		if err != nil {
			return err
		}
		moveElements(c, out, x, nil, widen(places, size))
		return nil
	},
	Grad: backward(moved),
}

func (a *GatherND) shape(x, at ir.Shape) (ir.Shape, error) {
	if x == nil || at == nil {
		return nil, nil
	}
	if err := checkCoordinates(x, at, a.BatchDims); err != nil {
		return nil, err
	}
	last := at[len(at)-1]
	if !last.IsKnown() {
		return nil, nil
	}
	return slices.Concat(at[:len(at)-1], x[a.BatchDims+last.N:]), nil
}

func checkCoordinates(x, at ir.Shape, batch int) error {
	if len(x) == 0 || len(at) == 0 || batch < 0 || batch >= len(at) || batch >= len(x) {
		return fmt.Errorf("data %v and indices %v do not have %d batch dimensions and coordinates", x, at, batch)
	}
	if last := at[len(at)-1]; last.IsKnown() && batch+last.N > len(x) {
		return fmt.Errorf("indices %v have more coordinates than the data %v has dimensions behind %d of the batch", at, x, batch)
	}
	for d := range batch {
		if differ(x[d], at[d]) {
			return fmt.Errorf("batch dimension %d of data %v and indices %v differs", d, x, at)
		}
	}
	return nil
}

// slicePlaces is where each slice that the indices name begins in x, and how many elements it has.
func slicePlaces(x, indices *tensor.Tensor, batch int) (places []int, size int, err error) {
	coords := indices.Dim(-1)
	strides := tensor.Strides(x.Shape())
	size, batchSize, perBatch := 1, 1, 1
	for _, n := range x.Shape()[batch+coords:] {
		size *= n
	}
	for _, n := range x.Shape()[batch:] {
		batchSize *= n
	}
	for _, n := range indices.Shape()[batch : indices.Rank()-1] {
		perBatch *= n
	}
	at, _ := indices.AsInts()
	count := 1
	for _, n := range indices.Shape()[:indices.Rank()-1] {
		count *= n
	}
	places = make([]int, count)
	for i := range places {
		places[i] = i / max(perBatch, 1) * batchSize
		for k := range coords {
			n, err := indexOf(at[i*coords+k], x.Dim(batch+k))
			if err != nil {
				return nil, 0, err
			}
			places[i] += n * strides[batch+k]
		}
	}
	return places, size, nil
}

// widen is the places of size elements from each place on.
func widen(places []int, size int) []int {
	if size == 1 {
		return places
	}
	out := make([]int, 0, len(places)*size)
	for _, p := range places {
		for i := range size {
			out = append(out, p+i)
		}
	}
	return out
}
