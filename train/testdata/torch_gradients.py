"""Losses and gradients of three networks over ten steps by PyTorch: writes torch_gradients.json, which torch_test.go
compares with.

    python3 torch_gradients.py

Parameters, images and directions are functions of sines, so that both sides have the same. Of each gradient the file has its
norm and its products with four directions, one after another. Written with PyTorch 1.13.
"""
import json
import math
import os

import torch
from torch import nn
import torch.nn.functional as F


def wave(n, scale, frequency, phase):
    i = torch.arange(n, dtype=torch.float64)
    return scale * torch.sin(frequency * i + phase)


def scatter(n, scale, phase):
    """Numbers between -scale and scale that follow no pattern."""
    return 2 * scale * (torch.frac(43758.5453 * (2 + torch.sin(12.9898 * torch.arange(n, dtype=torch.float64) + phase))) - 0.5)


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.c3, self.c5 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5), nn.Conv2d(16, 120, 5)
        self.f6, self.output = nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = F.avg_pool2d(torch.tanh(self.c1(x)), 2)
        x = F.avg_pool2d(torch.tanh(self.c3(x)), 2)
        x = torch.tanh(self.c5(x)).flatten(1)
        return self.output(torch.tanh(self.f6(x)))


class ResNet(nn.Module):
    """A stem and two blocks, the second with a stride and a projection."""

    def __init__(self):
        super().__init__()
        self.stem, self.bn = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.a1, self.an1 = nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.a2, self.an2 = nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.b1, self.bn1 = nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16)
        self.b2, self.bn2 = nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        self.p, self.pn = nn.Conv2d(8, 16, 1, stride=2, bias=False), nn.BatchNorm2d(16)
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn(self.stem(x))), 3, 2, 1)
        x = F.relu(x + self.an2(self.a2(F.relu(self.an1(self.a1(x))))))
        x = F.relu(self.pn(self.p(x)) + self.bn2(self.b2(F.relu(self.bn1(self.b1(x))))))
        return self.fc(x.mean((2, 3)))


class AlexNet(nn.Module):
    """AlexNet's layers, a tenth as wide, of images of 67 by 67 pixels."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 10, 11, stride=4), nn.Conv2d(10, 26, 5, padding=2, groups=2)
        self.conv3, self.conv4 = nn.Conv2d(26, 38, 3, padding=1), nn.Conv2d(38, 38, 3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(38, 26, 3, padding=1, groups=2)
        self.fc6, self.fc7, self.fc8 = nn.Linear(26, 40), nn.Linear(40, 40), nn.Linear(40, 10)

    def forward(self, x):
        x = F.max_pool2d(F.local_response_norm(F.relu(self.conv1(x)), 5, 1e-4, 0.75, 1), 3, 2)
        x = F.max_pool2d(F.local_response_norm(F.relu(self.conv2(x)), 5, 1e-4, 0.75, 1), 3, 2)
        x = F.relu(self.conv5(F.relu(self.conv4(F.relu(self.conv3(x))))))
        x = F.max_pool2d(x, 3, 2).flatten(1)
        return self.fc8(F.relu(self.fc7(F.relu(self.fc6(x)))))


def sgd(decayed, others):
    return torch.optim.SGD([{"params": decayed, "weight_decay": 1e-3}, {"params": others}], lr=0.01, momentum=0.9)


def adam(decayed, others):
    return torch.optim.Adam([{"params": decayed, "weight_decay": 1e-3}, {"params": others}], lr=1e-3)


def steps(net, shape, optimizer):
    net.double().train()
    with torch.no_grad():
        for k, p in enumerate(net.parameters()):
            fan = p[0].numel() if p.dim() > 1 else 1
            value = scatter(p.numel(), 1.7 / math.sqrt(fan) if p.dim() > 1 else 0.1, k).reshape(p.shape)
            p.copy_((value + (1 if isinstance_norm_weight(net, p) else 0)).float())
    params = list(net.parameters())
    o = optimizer([p for p in params if p.dim() > 1], [p for p in params if p.dim() == 1])
    found = []
    for step in range(10):
        x = scatter(math.prod(shape), 1.7, 0.5 + step).reshape(shape).float().double()
        o.zero_grad()
        loss = F.cross_entropy(net(x), (torch.arange(shape[0]) * 3 + step) % 10)
        loss.backward()
        gradients = []
        for p in params:
            g = p.grad.flatten()
            dots = [g @ wave(g.numel(), 1, 0.7 + 0.3 * d, d) for d in range(4)]
            gradients.append([float("%.7g" % v) for v in [g.norm()] + dots])
        found.append({"loss": float(loss), "gradients": gradients})
        o.step()
    return found


def isinstance_norm_weight(net, p):
    return any(isinstance(m, nn.BatchNorm2d) and m.weight is p for m in net.modules())


if __name__ == "__main__":
    result = {}
    for name, net, shape in (("lenet5", LeNet5, (4, 1, 28, 28)), ("resnet", ResNet, (4, 3, 16, 16)), ("alexnet", AlexNet, (4, 3, 67, 67))):
        result[name] = {o.__name__: steps(net(), shape, o) for o in (sgd, adam)}
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_gradients.json"), "w") as f:
        json.dump(result, f)
        f.write("\n")
