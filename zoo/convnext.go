package zoo

import (
	"fmt"

	"github.com/onnxrun/onnxrun/internal/initial"
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// Liu et al. 2022, "A ConvNet for the 2020s": ConvNeXt-T.
func convnextTiny(b *builder) *ir.Value {
	x := b.channelNorm("stem/norm", b.conv("stem/conv", b.input(3, 224), conv{out: 96, kernel: 4, stride: 4}))
	for stage, s := range []struct{ width, depth int }{{96, 3}, {192, 3}, {384, 9}, {768, 3}} {
		if stage > 0 {
			name := fmt.Sprintf("downsample%d/", stage)
			x = b.conv(name+"conv", b.channelNorm(name+"norm", x), conv{out: s.width, kernel: 2, stride: 2})
		}
		for i := range s.depth {
			x = b.convnextBlock(fmt.Sprintf("stage%d_%d/", stage+1, i+1), x)
		}
	}
	x = b.flatten("flatten", b.channelNorm("norm", b.globalAveragePool("pool", x)))
	return b.classifier("fc", x)
}

// convnextBlock is the block of figure 4.
func (b *builder) convnextBlock(name string, x *ir.Value) *ir.Value {
	c := b.dim(x, 1)
	y := b.toChannelsLast(name+"to_last", b.conv(name+"depthwise", x, conv{out: c, kernel: 7, pad: 3, group: c}))
	y = b.gelu(name+"gelu", b.dense(name+"expand", b.layerNorm(name+"norm", y), 4*c))
	y = b.toChannelsFirst(name+"to_first", b.dense(name+"project", y, c))
	scale := b.reshaped(name+"scale", c, 1e-6, c, 1, 1)
	return b.add(name+"add", b.node(name+"layer_scale", ir.New[ops.Mul](), scale, y), x)
}

// reshaped is a constant of n equal elements.
func (b *builder) reshaped(name string, n int, v float32, shape ...int) *ir.Value {
	t := tensor.New(tensor.Float32, shape...)
	for i := range n {
		tensor.Data[float32](t)[i] = v
	}
	return b.constant(name, t)
}

// channelNorm normalizes each pixel over its channels.
func (b *builder) channelNorm(name string, x *ir.Value) *ir.Value {
	return b.toChannelsFirst(name+"/first", b.layerNorm(name, b.toChannelsLast(name+"/last", x)))
}

func (b *builder) toChannelsLast(name string, x *ir.Value) *ir.Value {
	return b.node(name, &ops.Transpose{Perm: []int{0, 2, 3, 1}}, x)
}

func (b *builder) toChannelsFirst(name string, x *ir.Value) *ir.Value {
	return b.node(name, &ops.Transpose{Perm: []int{0, 3, 1, 2}}, x)
}

// layerNorm normalizes over the last dimension.
func (b *builder) layerNorm(name string, x *ir.Value) *ir.Value {
	n := b.last(x)
	return b.node(name, &ops.LayerNormalization{Axis: -1, Epsilon: 1e-6, StashType: 1}, x, b.filled(name+".weight", n, 1), b.filled(name+".bias", n, 0))
}

// dense is a fully connected layer over the last dimension.
func (b *builder) dense(name string, x *ir.Value, out int) *ir.Value {
	in := b.last(x)
	y := b.node(name+"/matmul", ir.New[ops.MatMul](), x, b.weights(name+".weight", initial.Glorot, in, out, in, out))
	return b.add(name, y, b.filled(name+".bias", out, 0))
}

func (b *builder) gelu(name string, x *ir.Value) *ir.Value {
	return b.node(name, ir.New[ops.Gelu](), x)
}

// last is the size of the last dimension.
func (b *builder) last(x *ir.Value) int {
	if b.err != nil {
		return 1
	}
	return b.dim(x, len(x.Type().Shape)-1)
}
