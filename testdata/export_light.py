#!/usr/bin/env python3
"""Write nine classic networks in the old forms of ONNX as backend-test case folders.

    export_light.py OUT [--batch N] [NAME ...]

The graphs are those of the "light" models of ONNX's own suite, as the converters from Caffe and Caffe2 wrote them: IR
version 3 (constants are graph inputs as well), opsets 3 to 9, and the forms that came with these: broadcasting by
attributes, Reshape by an attribute, Dropout with two outputs and is_test, BatchNormalization with is_test and spatial,
group convolution, LRN, pooling with uneven pads, Sum, Softmax over flattened dimensions. Each OUT/NAME holds model.onnx
and test_data_set_0/{input_0,output_0}.pb; the expected output is PyTorch's, computed layer by layer with the same
weights, which are random (seeded). Needs Debian's python3-torch and python3-onnx.
"""
import argparse
import math
import os

import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper


class Net:
    """Emits a node and computes its result at once. A value is a pair of its name and its tensor."""

    def __init__(self, name, opset, batch, size=224):
        self.name, self.opset = name, opset
        self.rng = torch.Generator().manual_seed(3)
        self.nodes, self.constants, self.count = [], [], 0
        self.parameters = 0
        self.x = ("data_0", torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(7)))

    def fresh(self, base):
        self.count += 1
        return f"{base}_{self.count}"

    def constant(self, base, tensor, learned=True):
        name = self.fresh(base)
        self.constants.append((name, tensor))
        self.parameters += tensor.numel() if learned else 0
        return name

    def random(self, *shape, scale=1.0):
        return torch.randn(shape, generator=self.rng) * scale

    def emit(self, op, inputs, result, extra=(), **attrs):
        out = self.fresh(op.lower())
        self.nodes.append(helper.make_node(op, inputs, [out, *extra], name=out, **attrs))
        return out, result

    def conv(self, x, out, kernel, stride=1, pad=0, group=1, bias=True):
        n = x[1].shape[1] // group
        w = self.random(out, n, kernel, kernel, scale=math.sqrt(2 / (n * kernel * kernel)))
        inputs, b = [x[0], self.constant("w", w)], None
        if bias:
            b = self.random(out, scale=0.05)
            inputs.append(self.constant("b", b))
        y = F.conv2d(x[1], w, b, stride, pad, groups=group)
        return self.emit("Conv", inputs, y, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4, group=group)

    def relu(self, x):
        return self.emit("Relu", [x[0]], F.relu(x[1]))

    def max_pool(self, x, kernel, stride, pads=(0, 0, 0, 0)):
        t, l, b, r = pads
        y = F.max_pool2d(F.pad(x[1], (l, r, t, b), value=-math.inf), kernel, stride)
        return self.emit("MaxPool", [x[0]], y, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=list(pads))

    def average_pool(self, x, kernel, stride, pad=0):
        y = F.avg_pool2d(x[1], kernel, stride, pad, count_include_pad=False)
        return self.emit("AveragePool", [x[0]], y, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)

    def global_pool(self, x):
        return self.emit("GlobalAveragePool", [x[0]], x[1].mean((2, 3), keepdim=True))

    def lrn(self, x, size=5, alpha=1e-4, beta=0.75, bias=1.0):
        y = F.local_response_norm(x[1], size, alpha, beta, bias)
        return self.emit("LRN", [x[0]], y, size=size, alpha=alpha, beta=beta, bias=bias)

    def dropout(self, x, ratio=0.5):
        attrs = {"is_test": 1} if self.opset < 7 else {}
        return self.emit("Dropout", [x[0]], x[1], extra=[self.fresh("mask")], ratio=ratio, **attrs)

    def reshape(self, x, *shape):
        y = x[1].reshape(*(x[1].shape[i] if n == 0 else n for i, n in enumerate(shape)))
        if self.opset < 5:
            return self.emit("Reshape", [x[0]], y, shape=list(shape))
        return self.emit("Reshape", [x[0], self.constant("shape", torch.tensor(shape), learned=False)], y)

    def fc(self, x, out, gain=1.0):
        if x[1].dim() != 2:
            x = self.reshape(x, 0, -1)
        n = x[1].shape[1]
        w, b = self.random(out, n, scale=gain * math.sqrt(2 / n)), self.random(out, scale=0.05)
        attrs = {"broadcast": 1} if self.opset < 7 else {}
        return self.emit("Gemm", [x[0], self.constant("w", w), self.constant("b", b)], x[1] @ w.T + b, transB=1, **attrs)

    def batch_norm(self, x, learned=True):
        n = x[1].shape[1]
        scale, shift = (self.random(n, scale=0.1) + 1, self.random(n, scale=0.1)) if learned else (torch.ones(n), torch.zeros(n))
        mean, var = self.random(n, scale=0.1), torch.rand(n, generator=self.rng) * 0.5 + 0.75
        inputs = [x[0], self.constant("scale", scale, learned), self.constant("shift", shift, learned)]
        inputs += [self.constant("mean", mean, False), self.constant("var", var, False)]
        attrs = {} if self.opset >= 9 else {"spatial": 1}
        if self.opset < 7:
            attrs["is_test"] = 1
        if self.opset < 6:
            attrs["consumed_inputs"] = [0, 0, 0, 1, 1]
        y = F.batch_norm(x[1], mean, var, scale, shift, eps=1e-5)
        return self.emit("BatchNormalization", inputs, y, epsilon=1e-5, **attrs)

    def scale(self, x):
        """Caffe's Scale layer behind its BatchNorm: a product and a sum with one number for each channel."""
        n = x[1].shape[1]
        for op, f, c in (("Mul", torch.mul, self.random(n, scale=0.1) + 1), ("Add", torch.add, self.random(n, scale=0.1))):
            y = f(x[1], c[:, None, None])
            if self.opset < 7:
                x = self.emit(op, [x[0], self.constant("c", c)], y, broadcast=1, axis=1)
            else:
                x = self.emit(op, [x[0], self.constant("c", c[:, None, None])], y)
        return x

    def bn_scale(self, x):
        return self.scale(self.batch_norm(x, learned=False))

    def sum(self, *xs):
        return self.emit("Sum", [x[0] for x in xs], sum(x[1] for x in xs))

    def concat(self, *xs):
        # In opsets 1 to 3 the axis had a default.
        attrs = {} if self.opset < 4 else {"axis": 1}
        return self.emit("Concat", [x[0] for x in xs], torch.cat([x[1] for x in xs], 1), **attrs)

    def transpose(self, x, *perm):
        return self.emit("Transpose", [x[0]], x[1].permute(*perm), perm=list(perm))

    def softmax(self, x):
        y = torch.softmax(x[1].flatten(1), 1).reshape(x[1].shape)
        return self.emit("Softmax", [x[0]], y)

    def write(self, out, y):
        folder = os.path.join(out, self.name)
        os.makedirs(os.path.join(folder, "test_data_set_0"), exist_ok=True)
        kind = {torch.float32: TensorProto.FLOAT, torch.int64: TensorProto.INT64}
        described = [(self.x[0], self.x[1]), *self.constants]
        inputs = [helper.make_tensor_value_info(n, kind[t.dtype], list(t.shape)) for n, t in described]
        output = helper.make_tensor_value_info(y[0], TensorProto.FLOAT, list(y[1].shape))
        weights = [numpy_helper.from_array(t.numpy(), n) for n, t in self.constants]
        graph = helper.make_graph(self.nodes, self.name, inputs, [output], weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=3)
        onnx.checker.check_model(model)
        onnx.save(model, os.path.join(folder, "model.onnx"))
        for kind, (name, tensor) in (("input", self.x), ("output", y)):
            with open(os.path.join(folder, "test_data_set_0", kind + "_0.pb"), "wb") as f:
                f.write(numpy_helper.from_array(tensor.contiguous().numpy(), name).SerializeToString())


def alexnet(n):
    x = n.max_pool(n.lrn(n.relu(n.conv(n.x, 96, 11, 4))), 3, 2, (0, 0, 1, 1))
    x = n.max_pool(n.lrn(n.relu(n.conv(x, 256, 5, pad=2, group=2))), 3, 2, (0, 0, 1, 1))
    x = n.relu(n.conv(x, 384, 3, pad=1))
    x = n.relu(n.conv(x, 384, 3, pad=1, group=2))
    x = n.max_pool(n.relu(n.conv(x, 256, 3, pad=1, group=2)), 3, 2, (0, 0, 1, 1))
    for width in (4096, 4096):
        x = n.dropout(n.relu(n.fc(x, width)))
    return n.softmax(n.fc(x, 1000))


def zfnet512(n):
    x = n.max_pool(n.lrn(n.relu(n.conv(n.x, 96, 7, 2)), 3, 5e-5), 3, 2, (0, 0, 1, 1))
    x = n.max_pool(n.lrn(n.relu(n.conv(x, 256, 5, 2)), 3, 5e-5), 3, 2, (0, 0, 1, 1))
    for width in (512, 1024, 512):
        x = n.relu(n.conv(x, width, 3, pad=1))
    x = n.max_pool(x, 3, 2)
    for width in (4096, 4096):
        x = n.dropout(n.relu(n.fc(x, width)))
    return n.softmax(n.fc(x, 1000))


def vgg19(n):
    x = n.x
    for width, depth in ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)):
        for _ in range(depth):
            x = n.relu(n.conv(x, width, 3, pad=1))
        x = n.max_pool(x, 2, 2)
    for width in (4096, 4096):
        x = n.dropout(n.relu(n.fc(x, width)))
    return n.softmax(n.fc(x, 1000))


def squeezenet(n):
    x = n.max_pool(n.relu(n.conv(n.x, 96, 7, 2)), 3, 2)
    for i, (s, e) in enumerate(((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))):
        x = n.relu(n.conv(x, s, 1))
        x = n.concat(n.relu(n.conv(x, e, 1)), n.relu(n.conv(x, e, 3, pad=1)))
        if i in (2, 6):
            x = n.max_pool(x, 3, 2, (0, 0, 1, 1) if i == 2 else (0, 0, 0, 0))
    return n.softmax(n.global_pool(n.relu(n.conv(n.dropout(x), 1000, 1))))


def inception_v1(n):
    pad = (0, 0, 1, 1)
    x = n.lrn(n.max_pool(n.relu(n.conv(n.x, 64, 7, 2, 3)), 3, 2, pad))
    x = n.lrn(n.relu(n.conv(n.relu(n.conv(x, 64, 1)), 192, 3, pad=1)))
    table = (None, (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), None, (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64),
             (128, 128, 256, 24, 64, 64), (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128), None,
             (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128))
    for row in table:
        if row is None:
            x = n.max_pool(x, 3, 2, pad)
            continue
        a, b1, b2, c1, c2, d = row
        x = n.concat(n.relu(n.conv(x, a, 1)), n.relu(n.conv(n.relu(n.conv(x, b1, 1)), b2, 3, pad=1)),
                     n.relu(n.conv(n.relu(n.conv(x, c1, 1)), c2, 5, pad=2)), n.relu(n.conv(n.max_pool(x, 3, 1, (1, 1, 1, 1)), d, 1)))
    return n.softmax(n.fc(n.dropout(n.average_pool(x, 7, 1), 0.4), 1000))


def inception_v2(n):
    def unit(x, out, kernel=1, stride=1):
        return n.relu(n.bn_scale(n.conv(x, out, kernel, stride, kernel // 2)))

    pad = (0, 0, 1, 1)
    x = n.max_pool(unit(n.x, 64, 7, 2), 3, 2, pad)
    x = n.max_pool(unit(unit(x, 64), 192, 3), 3, 2, pad)
    # 1×1; 3×3 with its reduction; double 3×3 with its reduction; the pool's projection. None: a block of stride 2.
    for a, b, c, d in ((64, (64, 64), (64, 96), 32), (64, (64, 96), (64, 96), 64), (None, (128, 160), (64, 96), None),
                       (224, (64, 96), (96, 128), 128), (192, (96, 128), (96, 128), 128), (160, (128, 160), (128, 160), 128),
                       (96, (128, 192), (160, 192), 128), (None, (128, 192), (192, 256), None),
                       (352, (192, 320), (160, 224), 128), (352, (192, 320), (192, 224), 128)):
        stride = 1 if a else 2
        parts = [unit(x, a)] if a else []
        parts.append(unit(unit(x, b[0]), b[1], 3, stride))
        parts.append(unit(unit(unit(x, c[0]), c[1], 3), c[1], 3, stride))
        parts.append(unit(n.average_pool(x, 3, 1, 1), d) if d else n.max_pool(x, 3, 2, pad))
        x = n.concat(*parts)
    return n.softmax(n.fc(n.average_pool(x, 7, 1), 1000))


def resnet50(n):
    x = n.max_pool(n.relu(n.batch_norm(n.conv(n.x, 64, 7, 2, 3, bias=False))), 3, 2, (1, 1, 1, 1))
    for stage, (width, depth) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for i in range(depth):
            stride = 2 if stage and not i else 1
            y = n.relu(n.batch_norm(n.conv(x, width, 1, stride, bias=False)))
            y = n.relu(n.batch_norm(n.conv(y, width, 3, pad=1, bias=False)))
            y = n.batch_norm(n.conv(y, width * 4, 1, bias=False))
            x = n.relu(n.sum(y, x if i else n.batch_norm(n.conv(x, width * 4, 1, stride, bias=False))))
    return n.softmax(n.fc(n.average_pool(x, 7, 1), 1000, gain=0.002))


def densenet121(n):
    x = n.max_pool(n.relu(n.bn_scale(n.conv(n.x, 64, 7, 2, 3, bias=False))), 3, 2, (1, 1, 1, 1))
    for block, depth in enumerate((6, 12, 24, 16)):
        for _ in range(depth):
            y = n.conv(n.relu(n.bn_scale(x)), 128, 1, bias=False)
            x = n.concat(x, n.conv(n.relu(n.bn_scale(y)), 32, 3, pad=1, bias=False))
        x = n.relu(n.bn_scale(x))
        if block < 3:
            x = n.average_pool(n.conv(x, x[1].shape[1] // 2, 1, bias=False), 2, 2)
    return n.conv(n.global_pool(x), 1000, 1)


def shufflenet(n, groups=3):
    x = n.max_pool(n.relu(n.batch_norm(n.conv(n.x, 24, 3, 2, 1, bias=False))), 3, 2, (1, 1, 1, 1))
    for stage, (width, depth) in enumerate(((240, 4), (480, 8), (960, 4))):
        for i in range(depth):
            out = width if i else width - x[1].shape[1]
            y = n.relu(n.batch_norm(n.conv(x, width // 4, 1, group=groups if stage or i else 1, bias=False)))
            h, w = y[1].shape[2:]
            y = n.transpose(n.reshape(y, 0, groups, width // 4 // groups, h, w), 0, 2, 1, 3, 4)
            y = n.reshape(y, 0, width // 4, h, w)
            y = n.batch_norm(n.conv(y, width // 4, 3, 1 if i else 2, 1, group=width // 4, bias=False))
            y = n.batch_norm(n.conv(y, out, 1, group=groups, bias=False))
            x = n.relu(n.sum(x, y) if i else n.concat(n.average_pool(x, 3, 2, 1), y))
    return n.softmax(n.fc(n.average_pool(x, 7, 1), 1000, gain=0.002))


# Architecture, opset, and the published number of parameters where there is one for this form.
NETS = {
    "bvlc_alexnet": (alexnet, 3, 60965224), "densenet121": (densenet121, 6, 7978856), "inception_v1": (inception_v1, 3, 6998552),
    "inception_v2": (inception_v2, 6, None), "resnet50": (resnet50, 7, 25557032), "shufflenet": (shufflenet, 8, None),
    "squeezenet": (squeezenet, 8, 1248424), "vgg19": (vgg19, 7, 143667240), "zfnet512": (zfnet512, 9, None),
}


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("out")
    args.add_argument("names", nargs="*")
    args.add_argument("--batch", type=int, default=1)
    args = args.parse_args()
    for name in args.names or NETS:
        build, opset, published = NETS[name]
        net = Net(name, opset, args.batch)
        with torch.no_grad():
            y = build(net)
        if published and net.parameters != published:
            raise SystemExit(f"{name}: {net.parameters} parameters, published are {published}")
        net.write(args.out, y)
        print(f"{name}: opset {opset}, {net.parameters} parameters, output up to {y[1].max():.3g}", flush=True)


if __name__ == "__main__":
    main()
