package zoo

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
)

// Simonyan, Zisserman 2015, "Very deep convolutional networks for large-scale image recognition", table 1, column D.
func vgg16(b *builder) *ir.Value {
	x := b.input(3, 224)
	for block, layers := range [][]int{{64, 64}, {128, 128}, {256, 256, 256}, {512, 512, 512}, {512, 512, 512}} {
		for i, out := range layers {
			name := fmt.Sprintf("%d_%d", block+1, i+1)
			x = b.relu("relu"+name, b.conv("conv"+name, x, conv{out: out, kernel: 3, pad: 1}))
		}
		x = b.maxPool(fmt.Sprintf("pool%d", block+1), x, pool{kernel: 2, stride: 2})
	}
	x = b.dropout("drop6", b.relu("relu6", b.fc("fc6", x, 4096)), 0.5)
	x = b.dropout("drop7", b.relu("relu7", b.fc("fc7", x, 4096)), 0.5)
	return b.classifier("fc8", x)
}
