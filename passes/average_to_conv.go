package passes

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// averageToConv turns average poolings, global ones too, into convolutions channel by channel with equal weights. It
// does so where every window has as many elements as the kernel, so that the result is the same up to rounding. The
// convolution is no faster, but it can be trained, and any convolution engine runs it.
func averageToConv(c *Context) error {
	return c.EachNode(func(rw *ir.Rewriter, n *ir.Node) error {
		switch n.Op.(type) {
		case *ops.AveragePool, *ops.GlobalAveragePool:
		default:
			return nil
		}
		conv, why := averageConv(n)
		if why != "" {
			c.leave(n, why)
			return nil
		}
		w := equalWeights(n.In(0).Type().Shape[1].N, conv.KernelShape)
		if err := rw.SetNode(n, conv, n.In(0), rw.Const(n.Name+".weight", w)); err != nil {
			return err
		}
		c.rewrites = append(c.rewrites, Rewrite{Node: n.Name, Form: FormAverage, MACsAfter: averageMACs(n, conv)})
		return nil
	})
}

// averageMACs is the multiplications for one image, 0 where they are not known.
func averageMACs(n *ir.Node, conv *ops.Conv) int64 {
	macs := int64(1)
	for _, d := range n.Out(0).Type().Shape[1:] {
		if !d.IsKnown() {
			return 0
		}
		macs *= int64(d.N)
	}
	for _, k := range conv.KernelShape {
		macs *= int64(k)
	}
	return macs
}

// equalWeights is the filters of a mean, one for each channel.
func equalWeights(channels int, kernel []int) *tensor.Tensor {
	w := tensor.New(tensor.Float32, append([]int{channels, 1}, kernel...)...)
	data := tensor.Data[float32](w)
	for i := range data {
		data[i] = 1 / float32(len(data)/channels)
	}
	return w
}

// averageConv is an average pooling as a convolution; why says what stands against it.
func averageConv(n *ir.Node) (conv *ops.Conv, why string) {
	x := n.In(0).Type()
	switch {
	case x.DType != tensor.Float32:
		return nil, fmt.Sprintf("its input is %v, not float32", x.DType)
	case len(x.Shape) < 3 || !x.Shape[1].IsKnown() || x.Shape[1].N == 0:
		return nil, fmt.Sprintf("the number of its channels is not known: %v", x.Shape)
	}
	conv = ir.New[ops.Conv]()
	conv.Group = x.Shape[1].N
	size, known := x.Shape[2:].Ints()
	pool, ok := n.Op.(*ops.AveragePool)
	if !ok {
		if !known || slices.Contains(size, 0) {
			return nil, fmt.Sprintf("the size of its input is not known: %v", x.Shape)
		}
		conv.KernelShape = size
		return conv, ""
	}
	if why := exactAverage(pool, size, known); why != "" {
		return nil, why
	}
	conv.KernelShape, conv.Strides, conv.Dilations, conv.Pads = pool.KernelShape, pool.Strides, pool.Dilations, pool.Pads
	switch pool.AutoPad {
	case "NOTSET":
	case "VALID":
		conv.Pads = nil
	default:
		win, err := pool.Window(size)
		if err != nil {
			return nil, err.Error()
		}
		conv.Pads = slices.Concat(win.PadBegin, win.PadEnd)
	}
	return conv, ""
}

// exactAverage says why windows differ in how many elements they count, "" if they do not.
func exactAverage(pool *ops.AveragePool, size []int, known bool) string {
	const borders = "windows at the border count fewer elements (count_include_pad is 0)"
	if !known {
		padded := slices.ContainsFunc(pool.Pads, func(p int) bool { return p != 0 })
		switch {
		case pool.CeilMode:
			return "windows may hang over the end (ceil_mode), the size of the input being unknown"
		case pool.AutoPad == "SAME_UPPER" || pool.AutoPad == "SAME_LOWER":
			return "its pads are not known (auto_pad), the size of the input being unknown"
		case padded && !pool.CountIncludePad:
			return borders
		}
		return ""
	}
	win, err := pool.Window(size)
	if err != nil {
		return err.Error()
	}
	for d, n := range win.In {
		end := (win.Out[d]-1)*win.Stride[d] - win.PadBegin[d] + (win.Kernel[d]-1)*win.Dilation[d] + 1
		switch {
		case win.Out[d] == 0:
			return "its output is empty"
		case pool.CountIncludePad && end > n+win.PadEnd[d]:
			return "a window hangs over the end (ceil_mode)"
		case !pool.CountIncludePad && (win.PadBegin[d] > 0 || end > n):
			return borders
		}
	}
	return ""
}
