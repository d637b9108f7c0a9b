package zoo

import (
	"fmt"

	"github.com/onnxrun/onnxrun/ir"
	"github.com/onnxrun/onnxrun/ops"
	"github.com/onnxrun/onnxrun/tensor"
)

// Dosovitskiy et al. 2021, "An image is worth 16x16 words": ViT-B/16.
func vitB16(b *builder) *ir.Value {
	const width, heads, patches = 768, 12, 14 * 14
	x := b.conv("patches", b.input(3, 224), conv{out: width, kernel: 16, stride: 16})
	x = b.node("tokens/flat", ir.New[ops.Reshape](), x, b.ints("tokens/flat.shape", 0, width, patches))
	x = b.node("tokens", &ops.Transpose{Perm: []int{0, 2, 1}}, x)
	x = b.node("with_class", &ops.Concat{Axis: 1}, b.classToken(x, width), x)
	x = b.add("embedded", x, b.weights("position", func(int, int) float64 { return 0.035 }, 1, 1, 1, patches+1, width))
	for i := range 12 {
		name := fmt.Sprintf("layer%d/", i+1)
		x = b.add(name+"add1", b.attention(name, b.layerNorm(name+"norm1", x), heads), x)
		y := b.gelu(name+"gelu", b.dense(name+"mlp1", b.layerNorm(name+"norm2", x), 4*width))
		x = b.add(name+"add2", b.dense(name+"mlp2", y, width), x)
	}
	x = b.node("class", &ops.Gather{Axis: 1}, b.layerNorm("norm", x), b.constant("class.index", tensor.Scalar[int64](0)))
	return b.classifier("head", x)
}

// classToken is one token for each image of x.
func (b *builder) classToken(x *ir.Value, width int) *ir.Value {
	one := 1
	op := ir.New[ops.Shape]()
	op.End = &one
	images := b.node("class_token/images", op, x)
	shape := b.node("class_token/shape", &ops.Concat{Axis: 0}, images, b.ints("class_token/size", 1, width))
	return b.node("class_token/expand", ir.New[ops.Expand](), b.filled3("class_token", width), shape)
}

func (b *builder) filled3(name string, width int) *ir.Value {
	return b.constant(name, tensor.New(tensor.Float32, 1, 1, width))
}

// attention is multi-head self-attention (Vaswani et al. 2017, section 3.2) of tokens N×T×C.
func (b *builder) attention(name string, x *ir.Value, heads int) *ir.Value {
	tokens, c := b.dim(x, 1), b.last(x)
	all := b.dense(name+"qkv", x, 3*c)
	part := func(i int, what string, perm ...int) *ir.Value {
		y := b.node(name+what+"/slice", ir.New[ops.Slice](), all, b.ints(name+what+".starts", i*c), b.ints(name+what+".ends", (i+1)*c), b.ints(name+what+".axes", 2))
		y = b.node(name+what+"/heads", ir.New[ops.Reshape](), y, b.ints(name+what+".shape", 0, tokens, heads, c/heads))
		return b.node(name+what, &ops.Transpose{Perm: perm}, y)
	}
	q, k, v := part(0, "q", 0, 2, 1, 3), part(1, "k", 0, 2, 3, 1), part(2, "v", 0, 2, 1, 3)
	scores := b.node(name+"scores", ir.New[ops.MatMul](), b.node(name+"scaled", ir.New[ops.Mul](), q, b.constant(name+"factor", tensor.Scalar(float32(0.125)))), k)
	y := b.node(name+"weighted", ir.New[ops.MatMul](), b.node(name+"softmax", &ops.Softmax{Axis: -1}, scores), v)
	y = b.node(name+"tokens", &ops.Transpose{Perm: []int{0, 2, 1, 3}}, y)
	y = b.node(name+"joined", ir.New[ops.Reshape](), y, b.ints(name+"joined.shape", 0, tokens, c))
	return b.dense(name+"projection", y, c)
}
