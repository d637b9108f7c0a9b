package zoo

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
)

// Huang et al. 2017, "Densely connected convolutional networks", table 1: growth rate 32, with bottlenecks, compression
// by a half.
func densenet121(b *builder) *ir.Value {
	const growth = 32
	x := b.convNorm("", "0", b.input(3, 224), conv{out: 2 * growth, kernel: 7, stride: 2, pad: 3})
	x = b.maxPool("pool0", b.relu("relu0", x), pool{kernel: 3, stride: 2, pad: 1})
	for i, layers := range []int{6, 12, 24, 16} {
		features := []*ir.Value{x}
		for j := range layers {
			name := fmt.Sprintf("denseblock%d/denselayer%d/", i+1, j+1)
			if j > 0 {
				x = b.concat(name+"concat", features...)
			}
			y := b.normConv(name, "1", x, conv{out: 4 * growth, kernel: 1})
			features = append(features, b.normConv(name, "2", y, conv{out: growth, kernel: 3, pad: 1}))
		}
		x = b.concat(fmt.Sprintf("denseblock%d/concat", i+1), features...)
		if i < 3 {
			name := fmt.Sprintf("transition%d/", i+1)
			x = b.normConv(name, "", x, conv{out: b.dim(x, 1) / 2, kernel: 1})
			x = b.averagePool(name+"pool", x, pool{kernel: 2, stride: 2})
		}
	}
	x = b.relu("relu5", b.batchNorm("norm5", x))
	return b.classifier("classifier", b.globalAveragePool("pool5", x))
}

// normConv is a batch normalization, a rectifier and a convolution, prefix+"norm"+suffix and so on.
func (b *builder) normConv(prefix, suffix string, x *ir.Value, c conv) *ir.Value {
	c.noBias = true
	x = b.relu(prefix+"relu"+suffix, b.batchNorm(prefix+"norm"+suffix, x))
	return b.conv(prefix+"conv"+suffix, x, c)
}
