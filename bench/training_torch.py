"""PyTorch's side of training.sh: training steps of the zoo's networks, with the same layers.

Started with the name of a network, a batch size and a number of threads, it prints "ready". For each line that it then
reads, a number of seconds, it runs steps for that long, at least two, and prints what each but the first took, in
milliseconds.
"""
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


class LRN(nn.LocalResponseNorm):
    """AlexNet's; PyTorch divides alpha by the size, as ONNX does."""

    def __init__(self):
        super().__init__(5, alpha=5e-4, beta=0.75, k=2.0)


def lenet5():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    ), (1, 28, 28), 10


def classifier(drop_first):
    layers = [nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout()]
    if drop_first:
        layers = [layers[2], *layers[:2], layers[5], *layers[3:5]]
    return [nn.Flatten(), *layers, nn.Linear(4096, 1000)]


def alexnet():
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), LRN(), nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(), LRN(), nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2), *classifier(False),
    ), (3, 227, 227), 1000


def alexnet_torch():
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), *classifier(True),
    ), (3, 224, 224), 1000


class BasicBlock(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.norm2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.shortcut = nn.Sequential()
        if stride > 1 or inputs != width:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)), inplace=True)
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x), inplace=True)


def resnet18():
    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for group in range(4):
        for i in range(2):
            width = 64 << group
            layers.append(BasicBlock(inputs, width, 2 if group > 0 and i == 0 else 1))
            inputs = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000)), (3, 224, 224), 1000


def main():
    name, batch, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    model, shape, classes = {f.__name__.replace("_", "-"): f for f in (lenet5, alexnet, alexnet_torch, resnet18)}[name]()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    x, targets = torch.randn(batch, *shape), F.one_hot(torch.randint(classes, (batch,)), classes).float()

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), targets)
        loss.backward()
        optimizer.step()
        return loss.item()

    step()
    print("ready", torch.__version__, flush=True)
    for line in sys.stdin:
        end, times = time.perf_counter() + float(line), []
        while len(times) < 2 or time.perf_counter() < end:
            start = time.perf_counter()
            step()
            times.append(1e3 * (time.perf_counter() - start))
        print(*(f"{t:.4f}" for t in times[1:]), flush=True)


main()
