package zoo

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// He, Zhang, Ren, Sun 2016, "Deep residual learning for image recognition", table 1. As is commonly done, the stride of
// a bottleneck is in its 3×3 convolution.
func resnet18(b *builder) *ir.Value { return resnet(b, b.basicBlock, 1, 2, 2, 2, 2) }

func resnet50(b *builder) *ir.Value { return resnet(b, b.bottleneck, 4, 3, 4, 6, 3) }

// resnet has four groups of blocks, conv2_x to conv5_x. A block's output has expansion times its width of channels.
func resnet(b *builder, block func(name string, x *ir.Value, width, stride int) *ir.Value, expansion int, counts ...int) *ir.Value {
	x := b.convNorm("", "1", b.input(3, 224), conv{out: 64, kernel: 7, stride: 2, pad: 3})
	x = b.maxPool("pool1", b.relu("relu1", x), pool{kernel: 3, stride: 2, pad: 1})
	for group, count := range counts {
		width := 64 << group
		for i := range count {
			name, stride := fmt.Sprintf("conv%d_%d", group+2, i+1), 1
			if group > 0 && i == 0 {
				stride = 2
			}
			y := block(name+"/", x, width, stride)
			if i == 0 && (stride > 1 || b.dim(x, 1) != width*expansion) {
				x = b.convNorm(name+"/", "_shortcut", x, conv{out: width * expansion, kernel: 1, stride: stride})
			}
			x = b.relu(name+"/relu", b.add(name+"/add", y, x))
		}
	}
	return b.classifier("fc", b.globalAveragePool("pool5", x))
}

// resnet20 is the same paper's network for CIFAR-10 with n = 3 (section 4.2): three groups of basic blocks, of 16, 32 and 64
// channels, whose shortcuts take every second pixel and have zeros for the channels beyond (option A).
func resnet20(b *builder) *ir.Value {
	x := b.relu("relu1", b.convNorm("", "1", b.input(3, 32), conv{out: 16, kernel: 3, pad: 1}))
	for group := range 3 {
		width := 16 << group
		for i := range 3 {
			name, stride := fmt.Sprintf("conv%d_%d", group+2, i+1), 1
			if group > 0 && i == 0 {
				stride = 2
			}
			y := b.basicBlock(name+"/", x, width, stride)
			if stride > 1 {
				x = b.averagePool(name+"/subsample", x, pool{kernel: 1, stride: stride})
				x = b.padChannels(name+"/pad", x, width-b.dim(x, 1))
			}
			x = b.relu(name+"/relu", b.add(name+"/add", y, x))
		}
	}
	return b.classifier("fc", b.globalAveragePool("pool", x))
}

// padChannels appends channels of zeros.
func (b *builder) padChannels(name string, x *ir.Value, channels int) *ir.Value {
	pads := tensor.FromSlice([]int64{0, 0, 0, 0, 0, int64(channels), 0, 0}, 8)
	return b.node(name, ir.New[ops.Pad](), x, b.constant(name+".pads", pads))
}

func (b *builder) basicBlock(name string, x *ir.Value, width, stride int) *ir.Value {
	x = b.convNorm(name, "1", x, conv{out: width, kernel: 3, stride: stride, pad: 1})
	return b.convNorm(name, "2", b.relu(name+"relu1", x), conv{out: width, kernel: 3, pad: 1})
}

func (b *builder) bottleneck(name string, x *ir.Value, width, stride int) *ir.Value {
	x = b.convNorm(name, "1", x, conv{out: width, kernel: 1})
	x = b.convNorm(name, "2", b.relu(name+"relu1", x), conv{out: width, kernel: 3, stride: stride, pad: 1})
	return b.convNorm(name, "3", b.relu(name+"relu2", x), conv{out: 4 * width, kernel: 1})
}

// convNorm is a convolution and the batch normalization of its output, prefix+"conv"+suffix and prefix+"bn"+suffix.
func (b *builder) convNorm(prefix, suffix string, x *ir.Value, c conv) *ir.Value {
	c.noBias = true
	return b.batchNorm(prefix+"bn"+suffix, b.conv(prefix+"conv"+suffix, x, c))
}
