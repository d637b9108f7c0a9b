package ops

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/tensor"
)

// RoiAlign (He et al. 2017) divides each region of rois, rows x1, y1, x2, y2, in OutputHeight×OutputWidth bins, samples
// SamplingRatio² points of each bilinearly (0: as many as the bin has elements) from image batch_indices of X, N×C×H×W,
// and takes their mean or maximum.
type RoiAlign struct {
	CoordinateTransformationMode string  `attr:"coordinate_transformation_mode,default=half_pixel,oneof=half_pixel|output_half_pixel"`
	Mode                         string  `attr:"mode,default=avg,oneof=avg|max"`
	OutputHeight                 int     `attr:"output_height,default=1"`
	OutputWidth                  int     `attr:"output_width,default=1"`
	SamplingRatio                int     `attr:"sampling_ratio"`
	SpatialScale                 float32 `attr:"spatial_scale,default=1"`
}

func (*RoiAlign) Def() *ir.Def { return roiAlign }

var roiAlign = &ir.Def{
	Name: "RoiAlign", Family: ir.Pooling, Doc: "regions of an image, resampled to one size", Since: []int{10, 16, 22},
	New:   func() ir.Op { return ir.New[RoiAlign]() },
	Ins:   []ir.Param{{Name: "X", Type: "T1", Learned: ir.Never}, {Name: "rois", Type: "T1", Learned: ir.Never}, {Name: "batch_indices", Type: "int64"}},
	Outs:  []ir.Param{{Name: "Y", Type: "T1"}},
	Types: map[string]ir.TypeSet{"T1": floatTypes},
	Upgrade: func(l *ir.Legacy) error {
		if l.Opset < 16 {
			l.Set("coordinate_transformation_mode", "output_half_pixel")
		}
		return nil
	},
	Downgrade: func(l *ir.Legacy) error {
		if l.Opset < 16 && l.Take("coordinate_transformation_mode") != "output_half_pixel" {
			return l.Needs(16, `attribute "coordinate_transformation_mode" half_pixel`)
		}
		return nil
	},
	Infer: func(c *ir.InferCtx) error {
		out, err := c.Node.Op.(*RoiAlign).shape(c.Shape(0), c.Shape(1), c.Shape(2))
		c.SetShape(0, out)
		return err
	},
	Eval: floatEval(roiAlignOf[float32], roiAlignOf[float64]),
}

const maxSamplingRatio = 1 << 10

func (a *RoiAlign) shape(x, rois, indices ir.Shape) (ir.Shape, error) {
	if a.OutputHeight < 1 || a.OutputHeight > maxWindowSize || a.OutputWidth < 1 || a.OutputWidth > maxWindowSize {
		return nil, fmt.Errorf("output_height %d and output_width %d are not supported", a.OutputHeight, a.OutputWidth)
	}
	if a.SamplingRatio < 0 || a.SamplingRatio > maxSamplingRatio {
		return nil, ir.Unsupported("sampling_ratio", a.SamplingRatio)
	}
	out := ir.Shape{ir.UnknownDim, ir.UnknownDim, ir.Known(a.OutputHeight), ir.Known(a.OutputWidth)}
	if x != nil && len(x) != 4 || rois != nil && (len(rois) != 2 || differ(rois[1], ir.Known(4))) {
		return nil, fmt.Errorf("input of shape %v and rois of shape %v, expects N×C×H×W and R×4", x, rois)
	}
	if x != nil {
		out[1] = x[1]
	}
	if rois != nil {
		out[0] = rois[0]
	}
	return out, checkVector("batch_indices", indices, out[0])
}

func roiAlignOf[T tensor.Float](c *ir.EvalCtx) error {
	a := c.Op.(*RoiAlign)
	shape, err := a.shape(shapeOf(c, 0), shapeOf(c, 1), shapeOf(c, 2))
	if err != nil {
		return err
	}
	out, err := outputShaped(c, 0, c.In[0].DType(), shape)
	if err != nil || out.Len() == 0 {
		return err
	}
	images, channels, h, w := c.In[0].Dim(0), c.In[0].Dim(1), c.In[0].Dim(2), c.In[0].Dim(3)
	x, y, rois := tensor.Data[T](c.In[0]), tensor.Data[T](out), tensor.Data[T](c.In[1])
	i := 0
	for r, image := range tensor.Data[int64](c.In[2]) {
		if image < 0 || image >= int64(images) {
			return fmt.Errorf("batch_indices has %d, of %d images", image, images)
		}
		rows := a.bins(float64(rois[r*4+1]), float64(rois[r*4+3]), a.OutputHeight, h)
		columns := a.bins(float64(rois[r*4]), float64(rois[r*4+2]), a.OutputWidth, w)
		for ch := range channels {
			plane := x[(int(image)*channels+ch)*h*w:][:h*w]
			for _, row := range rows {
				for _, column := range columns {
					c.Spend(4 * len(row.points) * len(column.points))
					y[i] = T(poolBin(a.Mode, plane, w, row, column))
					i++
				}
			}
		}
	}
	return nil
}

// bin is the points that a bin samples along a dimension: those inside of the image, out of count.
type bin struct {
	count  float64
	points []binPoint
}

// binPoint lies between two elements, high of the way towards the second.
type binPoint struct {
	from, to int
	high     float64
}

// bins divides start … end, a region's extent along a dimension of size elements, in n bins.
func (a *RoiAlign) bins(start, end float64, n, size int) []bin {
	offset := 0.5
	if a.CoordinateTransformationMode == "output_half_pixel" {
		offset = 0
	}
	start, end = start*float64(a.SpatialScale)-offset, end*float64(a.SpatialScale)-offset
	extent := end - start
	if offset == 0 {
		extent = max(extent, 1)
	}
	width := extent / float64(n)
	count := float64(a.SamplingRatio)
	if count == 0 {
		count = max(math.Ceil(width), 0)
	}
	bins := make([]bin, n)
	for b := range bins {
		bins[b].count = count
		first, step := start+float64(b)*width, width/count
		// From the first point that is not left of the image on; points are a step of about one element apart, or few.
		i := 0.0
		if step > 0 {
			i = max(math.Ceil((-1-first)/step-0.5), 0)
		}
		for ; i < count && size > 0 && len(bins[b].points) <= 2*size+maxSamplingRatio; i++ {
			v := first + (i+0.5)*step
			if v > float64(size) && step > 0 || v != v {
				break
			}
			if v < -1 || v > float64(size) {
				continue
			}
			v = max(v, 0)
			p := binPoint{from: min(int(v), size-1)}
			p.to = min(p.from+1, size-1)
			if p.to > p.from {
				p.high = v - float64(p.from)
			}
			bins[b].points = append(bins[b].points, p)
		}
	}
	return bins
}

// poolBin is the mean of the points of a bin, or, as ONNX's reference has the mode max, the greatest of what the four
// elements around each point contribute to it. Points outside of the image are 0.
func poolBin[T tensor.Float](mode string, plane []T, w int, rows, columns bin) float64 {
	sum, greatest := 0.0, math.Inf(-1)
	count := rows.count * columns.count
	if float64(len(rows.points)*len(columns.points)) < count || count == 0 {
		greatest = 0
	}
	for _, r := range rows.points {
		for _, c := range columns.points {
			corners := [4]float64{
				(1 - r.high) * (1 - c.high) * float64(plane[r.from*w+c.from]),
				(1 - r.high) * c.high * float64(plane[r.from*w+c.to]),
				r.high * (1 - c.high) * float64(plane[r.to*w+c.from]),
				r.high * c.high * float64(plane[r.to*w+c.to]),
			}
			for _, v := range corners {
				sum += v
				greatest = max(greatest, v)
			}
		}
	}
	if mode == "max" {
		return greatest
	}
	return sum / max(count, 1)
}
