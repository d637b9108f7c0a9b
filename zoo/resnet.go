package zoo

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
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
