"""Loss and gradients of two networks by PyTorch: writes torch_gradients.json, which torch_test.go compares with.

    python3 torch_gradients.py

Parameters, images and directions are made of sines, so that both sides have the same. Of each gradient the file has its
norm and its products with four directions. Written with PyTorch 1.13.
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


def gradients(net, shape):
    net.double().train()
    with torch.no_grad():
        for k, p in enumerate(net.parameters()):
            fan = p[0].numel() if p.dim() > 1 else 1
            value = wave(p.numel(), 1 / math.sqrt(fan) if p.dim() > 1 else 0.1, 1.7 + 0.01 * k, k).reshape(p.shape)
            p.copy_((value + (1 if isinstance_norm_weight(net, p) else 0)).float())
    x = wave(math.prod(shape), 1, 0.0137, 0.5).reshape(shape).float().double()
    loss = F.cross_entropy(net(x), torch.arange(shape[0]) * 3 % 10)
    loss.backward()
    found = []
    for p in net.parameters():
        g = p.grad.flatten()
        dots = [float(g @ wave(g.numel(), 1, 0.7 + 0.3 * d, d)) for d in range(4)]
        found.append({"shape": list(p.shape), "norm": float(g.norm()), "dots": dots})
    return {"loss": float(loss), "gradients": found}


def isinstance_norm_weight(net, p):
    return any(isinstance(m, nn.BatchNorm2d) and m.weight is p for m in net.modules())


if __name__ == "__main__":
    result = {"lenet5": gradients(LeNet5(), (4, 1, 28, 28)), "resnet": gradients(ResNet(), (4, 3, 16, 16))}
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_gradients.json"), "w") as f:
        json.dump(result, f, indent=1)
        f.write("\n")
