package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// GridSample reads X, N×C×spatial, where grid, N×output×(x, y, …), says, in units of -1 … 1 from one edge of X to the
// other: the edges of the outer elements, or, with AlignCorners, their centres.
type GridSample struct {
	AlignCorners bool   `attr:"align_corners"`
	Mode         string `attr:"mode,default=linear,oneof=linear|nearest|cubic"`
	PaddingMode  string `attr:"padding_mode,default=zeros,oneof=zeros|border|reflection"`
}

func (*GridSample) Def() *ir.Def { return gridSample }

var gridSample = &ir.Def{
	Name: "GridSample", Doc: "interpolation at given coordinates", Since: []int{16, 20, 22},
	New:     func() ir.Op { return ir.New[GridSample]() },
	Ins:     []ir.Param{{Name: "X", Type: "T1"}, {Name: "grid", Type: "T2"}},
	Outs:    []ir.Param{{Name: "Y", Type: "T1"}},
	Types:   map[string]ir.TypeSet{"T1": numericTypes, "T2": floatTypes},
	Upgrade: upgradeGridSample,
	Downgrade: func(l *ir.Legacy) error {
		if l.Opset >= 20 {
			return nil
		}
		if x := l.In(0).Type().Shape; len(x) != 4 {
			return l.Needs(20, "other than two spatial dimensions")
		}
		if l.Attr("mode") == "cubic" { // linear is the default
			l.Set("mode", "bicubic")
		}
		return nil
	},
	Infer: func(c *ir.InferCtx) error {
		out, err := gridShape(c.Shape(0), c.Shape(1))
		c.SetShape(0, out)
		return err
	},
	Eval: evalGridSample,
}

// Before opset 20 the modes were named for two dimensions.
func upgradeGridSample(l *ir.Legacy) error {
	if l.Opset < 20 {
		switch l.Attr("mode") {
		case "bilinear":
			l.Set("mode", "linear")
		case "bicubic":
			l.Set("mode", "cubic")
		}
	}
	return nil
}

func gridShape(x, grid ir.Shape) (ir.Shape, error) {
	if x == nil || grid == nil {
		return nil, nil
	}
	if len(x) < 3 || len(grid) != len(x) || differ(grid[len(grid)-1], ir.Known(len(x)-2)) || differ(x[0], grid[0]) {
		return nil, fmt.Errorf("grid of shape %v does not fit to the input %v", grid, x)
	}
	return slices.Concat(x[:2], grid[1:len(grid)-1]), nil
}

func evalGridSample(c *ir.EvalCtx) error {
	shape, err := gridShape(shapeOf(c, 0), shapeOf(c, 1))
	if err != nil {
		return err
	}
	x := c.In[0]
	out, err := outputShaped(c, 0, x.DType(), shape)
	if err != nil || out.Len() == 0 {
		return err
	}
	if x.Len() == 0 {
		return fmt.Errorf("input of shape %v has nothing to sample", x.Shape())
	}
	if err := c.Reserve(c.In[1].Len(), 8); err != nil { // for coordinates
		return err
	}
	a := c.Op.(*GridSample)
	switch x.DType() {
	case tensor.Float16, tensor.BFloat16:
		if err := c.Reserve(x.Len()+out.Len(), 4); err != nil {
			return err
		}
		wide := tensor.New(tensor.Float32, out.Shape()...)
		data, _ := x.AsFloat32()
		gridSampleOf(c, a, tensor.Data[float32](wide), data, x.Shape(), c.In[1], func(v float64) float32 { return float32(v) })
		out.CopyFrom(tensor.FromFloat32(wide, x.DType()))
	case tensor.Float32:
		gridSampleOf(c, a, tensor.Data[float32](out), tensor.Data[float32](x), x.Shape(), c.In[1], func(v float64) float32 { return float32(v) })
	case tensor.Float64:
		gridSampleOf(c, a, tensor.Data[float64](out), tensor.Data[float64](x), x.Shape(), c.In[1], func(v float64) float64 { return v })
	case tensor.Int8:
		gridSampleInts[int8](c, a, out, x, c.In[1])
	case tensor.Int16:
		gridSampleInts[int16](c, a, out, x, c.In[1])
	case tensor.Int32:
		gridSampleInts[int32](c, a, out, x, c.In[1])
	case tensor.Int64:
		gridSampleInts[int64](c, a, out, x, c.In[1])
	case tensor.Uint8:
		gridSampleInts[uint8](c, a, out, x, c.In[1])
	case tensor.Uint16:
		gridSampleInts[uint16](c, a, out, x, c.In[1])
	case tensor.Uint32:
		gridSampleInts[uint32](c, a, out, x, c.In[1])
	default:
		gridSampleInts[uint64](c, a, out, x, c.In[1])
	}
	return nil
}

func gridSampleInts[T tensor.Integer](c *ir.EvalCtx, a *GridSample, out, x, grid *tensor.Tensor) {
	gridSampleOf(c, a, tensor.Data[T](out), tensor.Data[T](x), x.Shape(), grid, truncated[T])
}

// gridSampleOf finds, for each position of the grid, the elements that it is interpolated of, and mixes them for every
// channel.
func gridSampleOf[T tensor.Real](c *ir.EvalCtx, a *GridSample, y, x []T, shape []int, grid *tensor.Tensor, round func(float64) T) {
	spatial := shape[2:]
	rank, inPlane := len(spatial), product(spatial)
	at := a.coordinates(grid, spatial)
	positions := len(at) / rank / shape[0]
	var taps, next []weighted
	for p := range len(at) / rank {
		image, pos := p/positions, p%positions
		taps = append(taps[:0], weighted{0, 1})
		for d, n := range spatial {
			next = next[:0]
			along := a.taps(at[p*rank+d], n)
			for _, t := range taps {
				for _, s := range along {
					next = append(next, weighted{t.index*n + s.index, t.weight * s.weight})
				}
			}
			taps, next = next, taps
		}
		for ch := range shape[1] {
			c.Spend(len(taps))
			plane, sum := x[(image*shape[1]+ch)*inPlane:][:inPlane], 0.0
			for _, t := range taps {
				sum += t.weight * float64(plane[t.index])
			}
			y[(image*shape[1]+ch)*positions+pos] = round(sum)
		}
	}
}

// coordinates is the grid in elements of X, in the order of its dimensions, computed in the grid's own type.
func (a *GridSample) coordinates(grid *tensor.Tensor, spatial []int) []float64 {
	rank := len(spatial)
	out := make([]float64, grid.Len())
	if grid.DType() == tensor.Float64 {
		for i, v := range tensor.Data[float64](grid) {
			d := rank - 1 - i%rank
			out[i-i%rank+d] = denormalized(v, spatial[d], a.AlignCorners)
		}
		return out
	}
	data, _ := grid.AsFloat32()
	for i, v := range data {
		d := rank - 1 - i%rank
		out[i-i%rank+d] = float64(denormalized(v, spatial[d], a.AlignCorners))
	}
	return out
}

func denormalized[T tensor.Float](v T, n int, alignCorners bool) T {
	if alignCorners {
		return (v + 1) / 2 * T(n-1)
	}
	return (T((v+1)*T(n)) - 1) / 2
}

// taps is the elements of a dimension of n that the coordinate x is interpolated of; those outside are left out, or
// moved inside, as PaddingMode says.
func (a *GridSample) taps(x float64, n int) []weighted {
	if a.Mode == "nearest" {
		x = math.RoundToEven(x)
	}
	if a.Mode != "cubic" { // whose elements are moved inside one by one
		x = a.inside(x, n)
	}
	low := math.Floor(x)
	rest := x - low
	var taps []weighted
	add := func(i, weight float64) {
		if a.PaddingMode == "reflection" {
			i = a.inside(i, n)
		}
		if a.PaddingMode != "zeros" || i >= 0 && i < float64(n) {
			taps = append(taps, weighted{clampIndex(i, n), weight})
		}
	}
	switch a.Mode {
	case "nearest":
		add(x, 1)
	case "linear":
		add(low, 1-rest)
		add(low+1, rest)
	default:
		for k := -1.0; k <= 2; k++ {
			add(low+k, keys(-0.75, math.Abs(k-rest)))
		}
	}
	return taps
}

// inside moves a coordinate into X as PaddingMode says.
func (a *GridSample) inside(x float64, n int) float64 {
	switch a.PaddingMode {
	case "border":
		return min(max(x, 0), float64(n-1))
	case "reflection":
		if a.AlignCorners {
			return reflected(x, 0, float64(n-1))
		}
		return reflected(x, -0.5, float64(n)-0.5)
	}
	return x
}

// reflected mirrors x at least and at most until it is between them.
func reflected(x, least, most float64) float64 {
	span := most - least
	if span <= 0 {
		return least
	}
	r := math.Mod(math.Abs(x-least), 2*span)
	return least + min(r, 2*span-r)
}
