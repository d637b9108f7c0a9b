package mutant

// graphs is models in the forms that convolutional networks, exporters and people give them.
var graphs = []string{
	`graph "layers" opset 21 (%x: float32[N,3,9,9]) -> (%z) {
  %w: float32[16,3,3,3] = const splat(0.1)
  %b: float32[16] = const splat(0.5)
  %s: float32[16] = const splat(1.5)
  %m: float32[16] = const splat(0.25)
  %v: float32[16,16,3,3] = const splat(-0.02)
  %f: float32[16,5] = const splat(0.3)
  %c = Conv{pads=[1, 1, 1, 1]}(%x, %w, %b) "conv"
  %n = BatchNormalization(%c, %s, %b, %m, %s) "norm"
  %r = Relu(%n) "relu"
  %d = Conv{pads=[1, 1, 1, 1]}(%r, %v) "conv2"
  %a = Add(%d, %r) "residual"
  %p = MaxPool{kernel_shape=[3, 3], strides=[2, 2]}(%a) "pool"
  %g = GlobalAveragePool(%p) "mean"
  %l = Flatten(%g) "flat"
  %y = Gemm(%l, %f) "fc"
  %z = Softmax{axis=-1}(%y) "soft"
}`,
	`graph "attention" opset 21 (%x: float32[1,4,8]) -> (%z) {
  %w: float32[8,24] = const splat(0.1)
  %sizes: int64[3] = const [8, 8, 8]
  %heads: int64[4] = const [1, 4, 2, 4]
  %back: int64[3] = const [1, 4, 8]
  %scale: float32[] = const 0.5
  %one: float32[8] = const splat(1)
  %q0 = MatMul(%x, %w) "qkv"
  %q, %k, %v = Split{axis=2}(%q0, %sizes) "split"
  %q1 = Reshape(%q, %heads)
  %k1 = Reshape(%k, %heads)
  %v1 = Reshape(%v, %heads)
  %q2 = Transpose{perm=[0, 2, 1, 3]}(%q1)
  %k2 = Transpose{perm=[0, 2, 3, 1]}(%k1)
  %v2 = Transpose{perm=[0, 2, 1, 3]}(%v1)
  %s = MatMul(%q2, %k2) "scores"
  %t = Mul(%s, %scale)
  %p = Softmax{axis=-1}(%t)
  %o = MatMul(%p, %v2)
  %o1 = Transpose{perm=[0, 2, 1, 3]}(%o)
  %o2 = Reshape(%o1, %back)
  %r = Add(%o2, %x)
  %z = LayerNormalization(%r, %one) "norm"
}`,
	`graph "control" opset 21 (%x: float32[2,3], %c: bool[]) -> (%y, %rows, %z) {
  %n: int64[] = const 3
  %t: bool[] = const true
  %y, %rows = Loop{body = graph "b" (%i: int64[], %go: bool[], %a: float32[2,3]) -> (%on, %b, %s) {
    %on = Identity(%go)
    %b = Add(%a, %a)
    %s = Relu(%b)
  }}(%n, %t, %x) "loop"
  %z = If{then_branch = graph "t" (%a: float32[2,3]) -> (%o) {
    %o = Neg(%a)
  }, else_branch = graph "e" (%a: float32[2,3]) -> (%o) {
    %o = Abs(%a)
  }}(%c, %x) "if"
}`,
	`graph "shapes" opset 21 (%x: float32[N,4,6]) -> (%z, %k, %i) {
  %axes: int64[1] = const [0]
  %ends: int64[1] = const [1]
  %minus: int64[1] = const [-1]
  %two: int64[1] = const [2]
  %pads: int64[6] = const [0, 1, 0, 0, 0, 1]
  %s = Shape(%x) "shape"
  %b = Slice(%s, %axes, %ends, %axes) "batch"
  %to = Concat{axis=0}(%b, %minus) "to"
  %f = Reshape(%x, %to) "flat"
  %p = Pad(%x, %pads) "pad"
  %r = ReduceMean(%p, %two) "mean"
  %q = Squeeze(%r, %two) "squeeze"
  %z = Concat{axis=1}(%f, %q) "cat"
  %k, %i = TopK(%z, %two) "top"
}`,
	`graph "decoder" opset 21 (%x: float32[1,16,4,4]) -> (%z) {
  %w: float32[16,8,2,2] = const splat(0.1)
  %scales: float32[4] = const [1, 1, 2, 2]
  %v: float32[4,8,1,1] = const splat(0.3)
  %d: float32[8,1,3,3] = const splat(0.2)
  %lo: float32[] = const 0
  %hi: float32[] = const 6
  %t = ConvTranspose{strides=[2, 2]}(%x, %w) "up"
  %e = Conv{group=8, pads=[1, 1, 1, 1]}(%t, %d) "depthwise"
  %u = Resize{mode="linear"}(%e, _, %scales) "resize"
  %c = Conv(%u, %v) "head"
  %l = Clip(%c, %lo, %hi) "clip"
  %z = Sigmoid(%l) "sigmoid"
}`,
}
