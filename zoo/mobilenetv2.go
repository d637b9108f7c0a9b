package zoo

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// Sandler et al. 2018, "MobileNetV2: inverted residuals and linear bottlenecks", table 2.
func mobilenetV2(b *builder) *ir.Value {
	x := b.relu6("relu1", b.convNorm("", "1", b.input(3, 224), conv{out: 32, kernel: 3, stride: 2, pad: 1}))
	for row, r := range []struct{ t, c, n, s int }{
		{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1},
	} {
		for i := range r.n {
			stride := 1
			if i == 0 {
				stride = r.s
			}
			x = b.invertedResidual(fmt.Sprintf("bottleneck%d_%d/", row+1, i+1), x, r.t, r.c, stride)
		}
	}
	x = b.relu6("relu2", b.convNorm("", "2", x, conv{out: 1280, kernel: 1}))
	return b.classifier("fc", b.dropout("drop", b.flatten("flatten", b.globalAveragePool("pool", x)), 0.2))
}

// invertedResidual is the block of table 1: t times as many channels, a convolution of each by itself, and out channels
// of a linear combination.
func (b *builder) invertedResidual(name string, x *ir.Value, t, out, stride int) *ir.Value {
	in, y := b.dim(x, 1), x
	if t > 1 {
		y = b.relu6(name+"relu_expand", b.convNorm(name, "_expand", y, conv{out: t * in, kernel: 1}))
	}
	y = b.convNorm(name, "_depthwise", y, conv{out: t * in, kernel: 3, stride: stride, pad: 1, group: t * in})
	y = b.convNorm(name, "_project", b.relu6(name+"relu_depthwise", y), conv{out: out, kernel: 1})
	if stride > 1 || in != out {
		return y
	}
	return b.add(name+"add", y, x)
}

func (b *builder) relu6(name string, x *ir.Value) *ir.Value {
	return b.node(name, ir.New[ops.Clip](), x, b.constant(name+".min", tensor.Scalar[float32](0)), b.constant(name+".max", tensor.Scalar[float32](6)))
}
