package zoo

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// Tan and Le 2019, "EfficientNet: rethinking model scaling for convolutional neural networks", table 1.
func efficientnetB0(b *builder) *ir.Value {
	x := b.silu("silu1", b.convNorm("", "1", b.input(3, 224), conv{out: 32, kernel: 3, stride: 2, pad: 1}))
	for stage, s := range []struct{ expand, out, count, stride, kernel int }{
		{1, 16, 1, 1, 3}, {6, 24, 2, 2, 3}, {6, 40, 2, 2, 5}, {6, 80, 3, 2, 3}, {6, 112, 3, 1, 5}, {6, 192, 4, 2, 5}, {6, 320, 1, 1, 3},
	} {
		for i := range s.count {
			stride := 1
			if i == 0 {
				stride = s.stride
			}
			x = b.mbconv(fmt.Sprintf("stage%d_%d/", stage+2, i+1), x, s.expand, s.out, stride, s.kernel)
		}
	}
	x = b.silu("silu2", b.convNorm("", "2", x, conv{out: 1280, kernel: 1}))
	return b.classifier("fc", b.dropout("drop", b.flatten("flatten", b.globalAveragePool("pool", x)), 0.2))
}

// mbconv is an inverted residual with squeeze and excitation.
func (b *builder) mbconv(name string, x *ir.Value, expand, out, stride, kernel int) *ir.Value {
	in, y := b.dim(x, 1), x
	width := expand * in
	if expand > 1 {
		y = b.silu(name+"silu_expand", b.convNorm(name, "_expand", y, conv{out: width, kernel: 1}))
	}
	y = b.convNorm(name, "_depthwise", y, conv{out: width, kernel: kernel, stride: stride, pad: kernel / 2, group: width})
	y = b.squeezeExcite(name+"se_", b.silu(name+"silu_depthwise", y), max(1, in/4))
	y = b.convNorm(name, "_project", y, conv{out: out, kernel: 1})
	if stride > 1 || in != out {
		return y
	}
	return b.add(name+"add", y, x)
}

// squeezeExcite scales each channel by what a small network makes of the means of all (Hu et al. 2018).
func (b *builder) squeezeExcite(name string, x *ir.Value, width int) *ir.Value {
	s := b.conv(name+"reduce", b.globalAveragePool(name+"pool", x), conv{out: width, kernel: 1})
	s = b.conv(name+"expand", b.silu(name+"silu", s), conv{out: b.dim(x, 1), kernel: 1})
	return b.node(name+"scale", ir.New[ops.Mul](), b.node(name+"sigmoid", ir.New[ops.Sigmoid](), s), x)
}

// silu is x·sigmoid(x).
func (b *builder) silu(name string, x *ir.Value) *ir.Value {
	return b.node(name, ir.New[ops.Mul](), x, b.node(name+"/sigmoid", ir.New[ops.Sigmoid](), x))
}
