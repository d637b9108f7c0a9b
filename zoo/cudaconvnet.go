package zoo

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// Krizhevsky 2012, cuda-convnet's layers-18pct: the network that has 18 % error on CIFAR-10 without augmentation.
func cudaConvnet(b *builder) *ir.Value {
	x := b.input(3, 32)
	overlapping := pool{kernel: 3, stride: 2, ceil: true}
	x = b.maxPool("pool1", b.conv("conv1", x, conv{out: 32, kernel: 5, pad: 2}), overlapping)
	x = b.mapNorm("rnorm1", b.relu("relu1", x))
	x = b.relu("relu2", b.conv("conv2", x, conv{out: 32, kernel: 5, pad: 2}))
	x = b.mapNorm("rnorm2", b.averagePool("pool2", x, overlapping))
	x = b.relu("relu3", b.conv("conv3", x, conv{out: 64, kernel: 5, pad: 2}))
	x = b.averagePool("pool3", x, overlapping)
	return b.classifier("fc10", x)
}

// mapNorm is local response normalization within each map, over 3×3 windows: x / (1 + α·mean x²)^β with α = 5e-5 and
// β = 0.75. ONNX's LRN goes across maps, so it is spelt out.
func (b *builder) mapNorm(name string, x *ir.Value) *ir.Value {
	scalar := func(part string, v float32) *ir.Value { return b.constant(name+"."+part, tensor.Scalar(v)) }
	mean := ir.New[ops.AveragePool]()
	mean.KernelShape, mean.Strides, mean.Pads, mean.CountIncludePad = twice(3), twice(1), pads(1), true
	y := b.node(name+"/mean", mean, b.node(name+"/square", ir.New[ops.Mul](), x, x))
	y = b.node(name+"/scale", ir.New[ops.Mul](), y, scalar("alpha", 5e-5))
	y = b.node(name+"/power", ir.New[ops.Pow](), b.add(name+"/shift", y, scalar("k", 1)), scalar("beta", 0.75))
	return b.node(name, ir.New[ops.Div](), x, y)
}
