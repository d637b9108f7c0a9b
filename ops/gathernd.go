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
	Name: "GatherND", Family: ir.Shaping, Doc: "slices by coordinates", Since: []int{11, 12, 13},
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
		a, x := c.Op.(*GatherND), c.In[0]
		shape, err := a.shape(shapeOf(c, 0), shapeOf(c, 1))
		if err != nil {
			return err
		}
		out, err := outputShaped(c, 0, x.DType(), shape)
		if err != nil || out.Len() == 0 {
			return err
		}
		places, err := slicePlaces(c, a.BatchDims)
		if err != nil {
			return err
		}
		moveElements(c, out, x, nil, places)
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
	if last := at[len(at)-1]; last.IsKnown() && last.N > len(x)-batch {
		return fmt.Errorf("indices %v have more coordinates than the data %v has dimensions behind %d of the batch", at, x, batch)
	}
	for d := range batch {
		if differ(x[d], at[d]) {
			return fmt.Errorf("batch dimension %d of data %v and indices %v differs", d, x, at)
		}
	}
	return nil
}

// slicePlaces is where the elements of all slices that the indices, input 1, name lie in input 0.
func slicePlaces(c *ir.EvalCtx, batch int) ([]int, error) {
	x, indices, s := c.In[0], c.In[1], &scratch{c: c}
	coords, outer := indices.Dim(-1), indices.Shape()[:indices.Rank()-1]
	size, strides := product(x.Shape()[batch+coords:]), tensor.Strides(x.Shape())
	batchSize, perBatch := product(x.Shape()[batch:]), product(outer[batch:])
	at, places := s.ints(indices), take[int](s, append(slices.Clone(outer), size)...)
	for i := 0; i*size < len(places); i++ {
		from := i / perBatch * batchSize
		for k := range coords {
			n, err := indexOf(at[i*coords+k], x.Dim(batch+k))
			if err != nil {
				return nil, err
			}
			from += n * strides[batch+k]
		}
		for j := range places[i*size:][:size] {
			places[i*size+j] = from + j
		}
	}
	return places, s.err
}
