package passes

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

const (
	poolToConvPass = "pool-to-conv"

	poolStride = "stride"
	poolConv   = "conv"
	poolBest   = "best"
)

// poolToConv does away with poolings: averages become convolutions as in AverageToConv, and maxima either go, their
// stride moving into the convolution upstream of them, or become a strided convolution, which is fitted to the maxima on the
// images (Springenberg et al. 2015, "Striving for simplicity: the all convolutional net", have both, with training).
// What normalizes a layer goes into its weights first.
func poolToConv(c *Context) error {
	a := c.Approximation
	if a == nil {
		a = &Approximation{}
	}
	way := a.Pool
	if way == "" {
		if way = poolBest; a.Images == nil {
			way = poolStride
		}
	}
	if way != poolStride && way != poolConv && way != poolBest {
		return &OptionError{"pool", fmt.Sprintf("%q", a.Pool), "stride, conv or best"}
	}
	if err := absorbNorms(c); err != nil {
		return err
	}
	original := c.Graph.Clone()
	if err := averageToConv(c); err != nil {
		return err
	}
	for i, n := range append([]*ir.Node(nil), c.Graph.Nodes()...) {
		if _, ok := n.Op.(*ops.MaxPool); !ok {
			continue
		}
		m, why := maxPoolOf(n)
		if why != "" {
			c.leave(n, why)
			continue
		}
		if m.a = a; way != poolStride {
			if need := (m.elements() + m.plane()) / m.plane(); a.images() < need {
				return &ImagesError{poolToConvPass, n.Name, n.OpName(), a.images(), need}
			}
		}
		m.context, m.original, m.seed = c, original, uint64(i)
		if err := m.replace(way); err != nil {
			return &ir.Error{Node: n.Name, Op: n.OpName(), Err: err}
		}
	}
	return nil
}

// leave reports a node that stays.
func (c *Context) leave(n *ir.Node, why string) {
	c.Miss(why)
	c.rewrites = append(c.rewrites, Rewrite{Node: n.Name, Skipped: why})
}

// maxPool is a pooling to be replaced.
type maxPool struct {
	node     *ir.Node
	window   ops.Window
	channels int

	context  *Context
	a        *Approximation
	original *ir.Graph
	seed     uint64
}

// maxPoolOf is n as a pooling that can be replaced; why says what stands against it.
func maxPoolOf(n *ir.Node) (m *maxPool, why string) {
	op, x := n.Op.(*ops.MaxPool), n.In(0).Type()
	size, known := x.Shape[min(1, len(x.Shape)):].Ints()
	switch {
	case n.Out(1) != nil && needed(n.Out(1)):
		return nil, "its indices are read"
	case x.DType != tensor.Float32:
		return nil, fmt.Sprintf("its input is %v, not float32", x.DType)
	case len(x.Shape) != 4 || !known:
		return nil, fmt.Sprintf("the size of its input is not known, or not of two spatial dimensions: %v", x.Shape)
	}
	win, err := op.Window(size[1:])
	if err != nil {
		return nil, err.Error()
	}
	if size[0]*win.Out[0]*win.Out[1] == 0 {
		return nil, "its output is empty"
	}
	return &maxPool{node: n, window: win, channels: size[0]}, ""
}

// elements is those of a window, plane the positions of the output.
func (m *maxPool) elements() int { return m.window.Kernel[0] * m.window.Kernel[1] }
func (m *maxPool) plane() int    { return m.window.Out[0] * m.window.Out[1] }

// replace takes the way that is asked for, or the better one on images that nothing is fitted to.
func (m *maxPool) replace(way string) error {
	moved, why := (*movedStride)(nil), ""
	if way != poolConv {
		if moved, why = moveStride(m.node, &m.window); moved == nil && way == poolStride {
			m.context.leave(m.node, why)
			return nil
		}
	}
	var strided samples
	if moved != nil && m.a.Images != nil {
		var err error
		if strided, err = m.sampleMoved(); err != nil {
			return err
		}
	}
	if way == poolStride {
		return m.applyMoved(moved, strided)
	}
	fit, err := m.fitConv()
	if err != nil {
		return err
	}
	if moved != nil {
		_, held := strided.split()
		if (*nonlinearity)(nil).relative(held.y, held.x) < fit.held {
			return m.applyMoved(moved, strided)
		}
	}
	return m.applyConv(fit)
}

// done reports a replacement.
func (m *maxPool) done(r Rewrite) {
	r.Node, r.Calibration = m.node.Name, m.a.images()
	if math.IsNaN(r.Error) {
		r.Error = 0
	}
	m.context.rewrites = append(m.context.rewrites, r)
	m.context.Hit()
}
