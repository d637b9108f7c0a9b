#!/usr/bin/env python3
"""Teaches testdata/lenet5_relu.onnx, LeNet-5 with rectifiers and max pooling, its weights.

    go run ./cmd/onnxrun new lenet5-relu -o testdata/lenet5_relu.onnx
    python3 testdata/train_lenet5_relu.py testdata/lenet5_relu.onnx MNIST_DIR

As train_lenet5.py beside it, which it takes all else from.
"""
import argparse

import torch
import torch.nn.functional as F

from train_lenet5 import LeNet5, accuracy, read_set, train, write


class LeNet5Relu(LeNet5):
    """The layers of zoo/lenet5.go, without its Softmax."""

    def forward(self, x):
        x = F.max_pool2d(torch.relu(self.C1(x)), 2)
        x = F.max_pool2d(torch.relu(self.C3(x)), 2)
        x = torch.relu(self.C5(x)).flatten(1)
        return self.OUTPUT(torch.relu(self.F6(x)))


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("model")
    args.add_argument("mnist")
    args.add_argument("--epochs", type=int, default=12)
    args.add_argument("--batch", type=int, default=128)
    args.add_argument("--rate", type=float, default=3e-3)
    args.add_argument("--seed", type=int, default=1)
    args = args.parse_args()

    torch.manual_seed(args.seed)
    net = LeNet5Relu()
    train(net, *read_set(args.mnist, "train"), args.epochs, args.batch, args.rate, args.seed)
    print(f"accuracy on the test images: {accuracy(net, *read_set(args.mnist, 't10k')):.4f}")
    write(net, args.model)


if __name__ == "__main__":
    main()
