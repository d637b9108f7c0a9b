package ops

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
)

// STFT is the Fourier transforms of frames of a signal, batch × length × 1 or 2 (real, imaginary), each multiplied by a
// window: batch × frames × frequencies × 2. OneSided leaves out the half that symmetry tells.
type STFT struct {
	OneSided bool `attr:"onesided,default=1"`
}

func (*STFT) Def() *ir.Def { return stft }

var stft = &ir.Def{
	Name: "STFT", Doc: "Fourier transforms of frames of a signal", Since: []int{17},
	New: func() ir.Op { return ir.New[STFT]() },
	Ins: []ir.Param{{Name: "signal", Type: "T1"}, {Name: "frame_step", Type: "T2"},
		{Name: "window", Type: "T1", Kind: ir.Optional}, {Name: "frame_length", Type: "T2", Kind: ir.Optional}},
	Outs:  []ir.Param{{Name: "output", Type: "T1"}},
	Types: map[string]ir.TypeSet{"T1": floatTypes, "T2": indexTypes},
	Infer: func(c *ir.InferCtx) error {
		if x := c.Shape(0); x != nil && len(x) != 3 {
			return fmt.Errorf("signal has shape %v, expects batch × length × 1 or 2", x)
		}
		c.SetShape(0, ir.Shape{ir.UnknownDim, ir.UnknownDim, ir.UnknownDim, ir.Known(2)})
		return nil
	},
	Eval: viaFloat32(evalSTFT),
}

func evalSTFT(c *ir.EvalCtx) error {
	x := c.In[0]
	if x.Rank() != 3 || x.Dim(2) != 1 && x.Dim(2) != 2 {
		return fmt.Errorf("signal is %v, expects batch × length × 1 or 2", x)
	}
	oneSided := c.Op.(*STFT).OneSided && x.Dim(2) == 1
	steps, _ := c.In[1].AsInts()
	s, length := &scratch{c: c}, 0
	var window []float64
	if c.Has(2) {
		window = s.wide(c.In[2])
		length = len(window)
	}
	if c.Has(3) {
		if n, _ := c.In[3].AsInts(); len(n) == 1 {
			length = n[0]
		}
	}
	if len(steps) != 1 || steps[0] < 1 || length < 1 || length > x.Dim(1) || window != nil && len(window) != length {
		return fmt.Errorf("frame_step %v, frame_length %d and a window of %d do not fit a signal of %d", steps, length, len(window), x.Dim(1))
	}
	frames, outs := (x.Dim(1)-length)/steps[0]+1, length
	if oneSided {
		outs = length/2 + 1
	}
	shape := []int{x.Dim(0), frames, outs, 2}
	src, dst, t := s.wide(x), s.floats(shape...)[:0], newTransform(s, length, length, outs, false)
	if s.err != nil {
		return s.err
	}
	for b := range x.Dim(0) {
		for f := range frames {
			for k := range t.line {
				t.line[k] = complexAt(src, b*x.Dim(1)+f*steps[0]+k, x.Dim(2))
				if window != nil {
					t.line[k] *= complex(window[k], 0)
				}
			}
			for _, v := range t.run() {
				dst = append(dst, real(v), imag(v))
			}
		}
	}
	return outputFloat64(c, 0, x.DType(), dst, shape)
}
