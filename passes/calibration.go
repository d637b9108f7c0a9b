package passes

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

const (
	// maxSamples bounds the positions that a fit looks at, maxSampled the float32 that they take.
	maxSamples = 12_000
	maxSampled = 24 << 20
)

// images is how many images there are.
func (a *Approximation) images() int {
	n := 0
	for _, b := range a.Images {
		n += b.Dim(0)
	}
	return n
}

// activations calls f with the values of g for each batch of images, in order; first is the number of the batch's first
// image. Nothing that the values do not need is computed.
func (a *Approximation) activations(g *ir.Graph, values []*ir.Value, f func(first int, t []*tensor.Tensor) error) error {
	if a.Run == nil {
		return fmt.Errorf("passes: Approximation.Run is needed where there are images")
	}
	if len(g.Inputs()) != 1 {
		return fmt.Errorf("passes: a graph of %d inputs cannot be fitted to images, expects 1", len(g.Inputs()))
	}
	var computed []*ir.Value
	for _, v := range values {
		if v.Def() != nil && !slices.Contains(computed, v) {
			computed = append(computed, v)
		}
	}
	part := g.Extract(computed...)
	first := 0
	for _, batch := range a.Images {
		var out []*tensor.Tensor
		if len(computed) > 0 {
			var err error
			if out, err = a.Run(part, batch); err != nil {
				return err
			}
		}
		t := make([]*tensor.Tensor, len(values))
		for i, v := range values {
			if t[i] = batch; v.Def() != nil {
				t[i] = out[slices.Index(computed, v)]
			}
			if t[i].DType() != tensor.Float32 {
				return fmt.Errorf("passes: value %q is %v, a fit needs float32", v.Name(), t[i].DType())
			}
		}
		if err := f(first, t); err != nil {
			return err
		}
		first += batch.Dim(0)
	}
	return nil
}

// sampling says which positions of a layer's output are looked at: the same ones whichever graph computes it.
type sampling struct {
	seed     uint64
	plane    int // positions that an image has
	perImage int // of them that are taken
}

// newSampling spreads what memory allows for rows of a width over the images.
func newSampling(seed uint64, plane, images, width int) sampling {
	n := min(maxSamples, maxSampled/max(width, 1))
	return sampling{seed, plane, min(max(n/max(images, 1), 1), plane)}
}

// positions is those of one image, in ascending order.
func (s sampling) positions(image int) []int {
	if s.perImage == s.plane {
		all := make([]int, s.plane)
		for i := range all {
			all[i] = i
		}
		return all
	}
	pos := rand.New(rand.NewPCG(s.seed, uint64(image))).Perm(s.plane)[:s.perImage]
	slices.Sort(pos)
	return pos
}

// gather appends to rows what win sees of x, N×C×spatial, at the sampled positions of each image: C×kernel numbers a
// position, in the order in which weights have them; pads are 0.
func (s sampling) gather(rows []float32, x *tensor.Tensor, win *ops.Window, first int) []float32 {
	n, channels := x.Dim(0), x.Dim(1)
	plane := x.Len() / max(n*channels, 1)
	data := tensor.Data[float32](x)
	for i := range n {
		image := data[i*channels*plane:][:channels*plane]
		for _, p := range s.positions(first + i) {
			rows = patch(rows, image, plane, win, p)
		}
	}
	return rows
}

// patch appends what win sees at position p; nil stands for a window of that one position.
func patch(rows, image []float32, plane int, win *ops.Window, p int) []float32 {
	if win == nil {
		for c := 0; c < len(image); c += plane {
			rows = append(rows, image[c+p])
		}
		return rows
	}
	top := p/win.Out[1]*win.Stride[0] - win.PadBegin[0]
	left := p%win.Out[1]*win.Stride[1] - win.PadBegin[1]
	for c := 0; c < len(image); c += plane {
		for ky := range win.Kernel[0] {
			y := top + ky*win.Dilation[0]
			for kx := range win.Kernel[1] {
				x, v := left+kx*win.Dilation[1], float32(0)
				if y >= 0 && y < win.In[0] && x >= 0 && x < win.In[1] {
					v = image[c+y*win.In[1]+x]
				}
				rows = append(rows, v)
			}
		}
	}
	return rows
}

// samples is what a fit works on: features and targets of the same positions, one a row, grouped by image.
type samples struct {
	x, y  matrix
	per   int       // rows of an image
	means []float64 // that were subtracted from x
}

// split holds back every fourth image, or, of one image, every fourth position.
func (s samples) split() (fit, held samples) {
	per := s.per
	if s.x.rows <= per {
		per = 1
	}
	fit, held = samples{per: per}, samples{per: per}
	for i := range s.x.rows {
		part := &fit
		if i/per%4 == 3 {
			part = &held
		}
		part.x.data, part.y.data = append(part.x.data, s.x.row(i)...), append(part.y.data, s.y.row(i)...)
	}
	for _, p := range []*samples{&fit, &held} {
		p.x.cols, p.y.cols = s.x.cols, s.y.cols
		p.x.rows, p.y.rows = len(p.x.data)/max(p.x.cols, 1), len(p.y.data)/max(p.y.cols, 1)
	}
	return fit, held
}

// sample takes features from one value of g, seen through win, and targets from one of the original graph.
func (a *Approximation) sample(s sampling, g *ir.Graph, features *ir.Value, win *ops.Window, original *ir.Graph, targets *ir.Value) (samples, error) {
	out := samples{per: s.perImage}
	take := func(g *ir.Graph, v *ir.Value, win *ops.Window, m *matrix) error {
		err := a.activations(g, []*ir.Value{v}, func(first int, t []*tensor.Tensor) error {
			m.data = s.gather(m.data, t[0], win, first)
			return nil
		})
		m.rows = a.images() * s.perImage
		m.cols = len(m.data) / max(m.rows, 1)
		return err
	}
	if err := take(g, features, win, &out.x); err != nil {
		return out, err
	}
	return out, take(original, targets, nil, &out.y)
}
