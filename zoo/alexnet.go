package zoo

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// Krizhevsky, Sutskever, Hinton 2012, "ImageNet classification with deep convolutional neural networks", section 3. The
// two halves that ran on two GPUs are the two groups of conv2, conv4 and conv5; 227×227 is the size that makes conv1
// 55×55, as the paper has it.
func alexnet(b *builder) *ir.Value {
	x := b.input(3, 227)
	x = b.relu("relu1", b.conv("conv1", x, conv{out: 96, kernel: 11, stride: 4}))
	x = b.maxPool("pool1", b.responseNorm("norm1", x), pool{kernel: 3, stride: 2})
	x = b.relu("relu2", b.conv("conv2", x, conv{out: 256, kernel: 5, pad: 2, group: 2}))
	x = b.maxPool("pool2", b.responseNorm("norm2", x), pool{kernel: 3, stride: 2})
	x = b.relu("relu3", b.conv("conv3", x, conv{out: 384, kernel: 3, pad: 1}))
	x = b.relu("relu4", b.conv("conv4", x, conv{out: 384, kernel: 3, pad: 1, group: 2}))
	x = b.relu("relu5", b.conv("conv5", x, conv{out: 256, kernel: 3, pad: 1, group: 2}))
	x = b.maxPool("pool5", x, pool{kernel: 3, stride: 2})
	x = b.dropout("drop6", b.relu("relu6", b.fc("fc6", x, 4096)), 0.5)
	x = b.dropout("drop7", b.relu("relu7", b.fc("fc7", x, 4096)), 0.5)
	return b.classifier("fc8", x)
}

// responseNorm has the constants of the paper, k = 2, n = 5, α = 1e-4, β = 0.75; ONNX divides alpha by n.
func (b *builder) responseNorm(name string, x *ir.Value) *ir.Value {
	return b.node(name, &ops.LRN{Size: 5, Alpha: 5e-4, Beta: 0.75, Bias: 2}, x)
}

// Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks": one tower, no normalization; the
// form that torchvision has, with dropout before the fully connected layers.
func alexnetTorch(b *builder) *ir.Value {
	x := b.input(3, 224)
	x = b.relu("relu1", b.conv("conv1", x, conv{out: 64, kernel: 11, stride: 4, pad: 2}))
	x = b.maxPool("pool1", x, pool{kernel: 3, stride: 2})
	x = b.relu("relu2", b.conv("conv2", x, conv{out: 192, kernel: 5, pad: 2}))
	x = b.maxPool("pool2", x, pool{kernel: 3, stride: 2})
	x = b.relu("relu3", b.conv("conv3", x, conv{out: 384, kernel: 3, pad: 1}))
	x = b.relu("relu4", b.conv("conv4", x, conv{out: 256, kernel: 3, pad: 1}))
	x = b.relu("relu5", b.conv("conv5", x, conv{out: 256, kernel: 3, pad: 1}))
	x = b.flatten("flatten", b.maxPool("pool5", x, pool{kernel: 3, stride: 2}))
	x = b.relu("relu6", b.fc("fc6", b.dropout("drop6", x, 0.5), 4096))
	x = b.relu("relu7", b.fc("fc7", b.dropout("drop7", x, 0.5), 4096))
	return b.classifier("fc8", x)
}
