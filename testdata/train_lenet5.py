#!/usr/bin/env python3
"""Teaches testdata/lenet5.onnx its weights.

    go run ./cmd/onnxrun new lenet5 -o testdata/lenet5.onnx
    python3 testdata/train_lenet5.py testdata/lenet5.onnx MNIST_DIR

The model file says names, metadata and opset; this script replaces its weights only, which it learns from the 60,000
training images of MNIST_DIR (the four gzipped idx files), and prints the accuracy on the 10,000 test images. Needs
torch, numpy and onnx. Training images are drawn anew for every epoch: shifted, turned, scaled, bent, and with thinner
and thicker strokes, so that digits that do not come from the data set are read as well.
"""
import argparse
import gzip
import math
import os

import numpy as np
import torch
import torch.nn.functional as F

MEAN, STD = 0.1307, 0.3081  # the `mnist` preset of package vision
LAYERS = ["C1", "C3", "C5", "F6", "OUTPUT"]


class LeNet5(torch.nn.Module):
    """The layers of zoo/lenet5.go, without its Softmax."""

    def __init__(self):
        super().__init__()
        self.C1 = torch.nn.Conv2d(1, 6, 5, padding=2)
        self.C3 = torch.nn.Conv2d(6, 16, 5)
        self.C5 = torch.nn.Conv2d(16, 120, 5)
        self.F6 = torch.nn.Linear(120, 84)
        self.OUTPUT = torch.nn.Linear(84, 10)

    def forward(self, x):
        x = F.avg_pool2d(torch.tanh(self.C1(x)), 2)
        x = F.avg_pool2d(torch.tanh(self.C3(x)), 2)
        x = torch.tanh(self.C5(x)).flatten(1)
        return self.OUTPUT(torch.tanh(self.F6(x)))


def read_idx(folder, name):
    with gzip.open(os.path.join(folder, name)) as f:
        data = f.read()
    shape = np.frombuffer(data, ">i4", data[3], 4)
    return torch.from_numpy(np.frombuffer(data, np.uint8, -1, 4 + 4 * data[3]).reshape(shape).copy())


def read_set(folder, part):
    images = read_idx(folder, part + "-images-idx3-ubyte.gz")
    return images[:, None].float() / 255, read_idx(folder, part + "-labels-idx1-ubyte.gz").long()


def augment(x, rng):
    """Random images of the same digits. x is n×1×28×28 in 0 … 1."""
    n = len(x)

    def uniform(lo, hi, *shape):
        return lo + (hi - lo) * torch.rand(n, *shape, generator=rng)

    # Thicker and thinner strokes: part of the way to the image dilated or eroded by a 3×3 square.
    amount = uniform(-0.7, 1.0, 1, 1, 1)
    thick, thin = F.max_pool2d(x, 3, 1, 1), -F.max_pool2d(-x, 3, 1, 1)
    x = x + amount.clamp(min=0) * (thick - x) - amount.clamp(max=0) * (thin - x)

    angle, shear = uniform(-0.21, 0.21), uniform(-0.2, 0.2)
    sx, sy = 1 / uniform(0.8, 1.2), 1 / uniform(0.8, 1.2)
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.stack([
        torch.stack([sx * cos, sx * (shear * cos - sin), uniform(-0.16, 0.16)], 1),
        torch.stack([sy * sin, sy * (shear * sin + cos), uniform(-0.16, 0.16)], 1),
    ], 1)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    bend = 0.08 * torch.randn(n, 2, 4, 4, generator=rng)
    grid = grid + F.interpolate(bend, size=28, mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
    return F.grid_sample(x, grid, align_corners=False)


def normalize(x):
    return (x - MEAN) / STD


def accuracy(net, x, y):
    net.eval()
    with torch.no_grad():
        right = sum((net(normalize(a)).argmax(1) == b).sum().item() for a, b in zip(x.split(1000), y.split(1000)))
    net.train()
    return right / len(y)


def train(net, x, y, epochs, batch, rate, seed):
    rng = torch.Generator().manual_seed(seed)
    opt = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=1e-3)
    steps, done = epochs * (len(x) // batch), 0
    mean = {k: v.clone() for k, v in net.state_dict().items()}  # of the weights, over the last few hundred steps
    for epoch in range(epochs):
        total = 0.0
        for idx in torch.randperm(len(x), generator=rng)[: len(x) // batch * batch].split(batch):
            for group in opt.param_groups:
                group["lr"] = rate * min(1, (done + 1) / 500) * (1 + math.cos(math.pi * done / steps)) / 2
            loss = F.cross_entropy(net(normalize(augment(x[idx], rng))), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            done += 1
            total += loss.item()
            for k, v in net.state_dict().items():
                mean[k].lerp_(v, 0.005)
        print(f"epoch {epoch + 1}: loss {total / (len(x) // batch):.4f}", flush=True)
    net.load_state_dict(mean)


def write(net, path):
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    weights = {k: v.detach().numpy() for k, v in net.state_dict().items()}
    for init in model.graph.initializer:
        if init.name in weights:
            w = weights.pop(init.name)
            if list(init.dims) != list(w.shape):
                raise SystemExit(f"{path}: {init.name} has shape {list(init.dims)}, not {list(w.shape)}")
            init.CopyFrom(numpy_helper.from_array(w, init.name))
    if weights:
        raise SystemExit(f"{path}: lacks {sorted(weights)}")
    onnx.save(model, path)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("model")
    args.add_argument("mnist")
    args.add_argument("--epochs", type=int, default=40)
    args.add_argument("--batch", type=int, default=128)
    args.add_argument("--rate", type=float, default=3e-3)
    args.add_argument("--seed", type=int, default=1)
    args = args.parse_args()

    torch.manual_seed(args.seed)
    net = LeNet5()
    train(net, *read_set(args.mnist, "train"), args.epochs, args.batch, args.rate, args.seed)
    print(f"accuracy on the test images: {accuracy(net, *read_set(args.mnist, 't10k')):.4f}")
    write(net, args.model)


if __name__ == "__main__":
    main()
