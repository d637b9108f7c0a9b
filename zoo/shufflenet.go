package zoo

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// Ma et al. 2018, "ShuffleNet V2: practical guidelines for efficient CNN architecture design", table 5, width 1×.
func shufflenetV2(b *builder) *ir.Value {
	x := b.relu("relu1", b.convNorm("", "1", b.input(3, 224), conv{out: 24, kernel: 3, stride: 2, pad: 1}))
	x = b.maxPool("pool1", x, pool{kernel: 3, stride: 2, pad: 1})
	for stage, s := range []struct{ out, count int }{{116, 4}, {232, 8}, {464, 4}} {
		for i := range s.count {
			x = b.shuffleUnit(fmt.Sprintf("stage%d_%d/", stage+2, i+1), x, s.out, i == 0)
		}
	}
	x = b.relu("relu5", b.convNorm("", "5", x, conv{out: 1024, kernel: 1}))
	return b.classifier("fc", b.globalAveragePool("pool5", x))
}

// shuffleUnit is the unit of figure 3 (c), or (d) where it halves the image.
func (b *builder) shuffleUnit(name string, x *ir.Value, out int, down bool) *ir.Value {
	left, right, stride := x, x, 1
	if down {
		stride = 2
		left = b.convNorm(name, "_left_depthwise", x, conv{out: b.dim(x, 1), kernel: 3, stride: 2, pad: 1, group: b.dim(x, 1)})
		left = b.relu(name+"relu_left", b.convNorm(name, "_left", left, conv{out: out / 2, kernel: 1}))
	} else {
		half := b.dim(x, 1) / 2
		left, right = b.channels(name+"slice_left", x, 0, half), b.channels(name+"slice_right", x, half, 2*half)
	}
	y := b.relu(name+"relu1", b.convNorm(name, "_right1", right, conv{out: out / 2, kernel: 1}))
	y = b.convNorm(name, "_right_depthwise", y, conv{out: out / 2, kernel: 3, stride: stride, pad: 1, group: out / 2})
	y = b.relu(name+"relu2", b.convNorm(name, "_right2", y, conv{out: out / 2, kernel: 1}))
	return b.shuffle(name+"shuffle", b.concat(name+"concat", left, y))
}

// channels is the channels from…to-1.
func (b *builder) channels(name string, x *ir.Value, from, to int) *ir.Value {
	return b.node(name, ir.New[ops.Slice](), x, b.ints(name+".starts", from), b.ints(name+".ends", to), b.ints(name+".axes", 1))
}

// shuffle takes the channels of the two halves in turn.
func (b *builder) shuffle(name string, x *ir.Value) *ir.Value {
	c, size := b.dim(x, 1), b.dim(x, 2)
	x = b.node(name+"/split", ir.New[ops.Reshape](), x, b.ints(name+"/split.shape", 0, 2, c/2, size, size))
	x = b.node(name+"/transpose", &ops.Transpose{Perm: []int{0, 2, 1, 3, 4}}, x)
	return b.node(name, ir.New[ops.Reshape](), x, b.ints(name+".shape", 0, c, size, size))
}

// ints is a constant vector.
func (b *builder) ints(name string, v ...int) *ir.Value {
	t := tensor.New(tensor.Int64, len(v))
	for i, n := range v {
		tensor.Data[int64](t)[i] = int64(n)
	}
	return b.constant(name, t)
}
