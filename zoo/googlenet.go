package zoo

import (
	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
)

// Szegedy et al. 2015, "Going deeper with convolutions", table 1, without the two classifiers that only help training.
// Names and normalization are those of the model that Caffe published.
func googlenet(b *builder) *ir.Value {
	x := b.input(3, 224)
	half := pool{kernel: 3, stride: 2, ceil: true}
	x = b.relu("conv1/relu_7x7", b.conv("conv1/7x7_s2", x, conv{out: 64, kernel: 7, stride: 2, pad: 3}))
	x = b.caffeNorm("pool1/norm1", b.maxPool("pool1/3x3_s2", x, half))
	x = b.relu("conv2/relu_3x3_reduce", b.conv("conv2/3x3_reduce", x, conv{out: 64, kernel: 1}))
	x = b.relu("conv2/relu_3x3", b.conv("conv2/3x3", x, conv{out: 192, kernel: 3, pad: 1}))
	x = b.maxPool("pool2/3x3_s2", b.caffeNorm("conv2/norm2", x), half)
	x = b.inception("inception_3a", x, 64, 96, 128, 16, 32, 32)
	x = b.inception("inception_3b", x, 128, 128, 192, 32, 96, 64)
	x = b.maxPool("pool3/3x3_s2", x, half)
	x = b.inception("inception_4a", x, 192, 96, 208, 16, 48, 64)
	x = b.inception("inception_4b", x, 160, 112, 224, 24, 64, 64)
	x = b.inception("inception_4c", x, 128, 128, 256, 24, 64, 64)
	x = b.inception("inception_4d", x, 112, 144, 288, 32, 64, 64)
	x = b.inception("inception_4e", x, 256, 160, 320, 32, 128, 128)
	x = b.maxPool("pool4/3x3_s2", x, half)
	x = b.inception("inception_5a", x, 256, 160, 320, 32, 128, 128)
	x = b.inception("inception_5b", x, 384, 192, 384, 48, 128, 128)
	x = b.dropout("pool5/drop_7x7_s1", b.globalAveragePool("pool5/7x7_s1", x), 0.4)
	return b.classifier("loss3/classifier", x)
}

// inception is the module of figure 2b; the numbers are a row of table 1.
func (b *builder) inception(name string, x *ir.Value, n1, reduce3, n3, reduce5, n5, proj int) *ir.Value {
	unit := func(part string, x *ir.Value, out, kernel int) *ir.Value {
		c := conv{out: out, kernel: kernel, pad: kernel / 2}
		return b.relu(name+"/relu_"+part, b.conv(name+"/"+part, x, c))
	}
	return b.concat(name+"/output",
		unit("1x1", x, n1, 1),
		unit("3x3", unit("3x3_reduce", x, reduce3, 1), n3, 3),
		unit("5x5", unit("5x5_reduce", x, reduce5, 1), n5, 5),
		unit("pool_proj", b.maxPool(name+"/pool", x, pool{kernel: 3, stride: 1, pad: 1}), proj, 1))
}

func (b *builder) caffeNorm(name string, x *ir.Value) *ir.Value {
	return b.node(name, &ops.LRN{Size: 5, Alpha: 1e-4, Beta: 0.75, Bias: 1}, x)
}
