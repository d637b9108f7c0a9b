"""Losses, their gradients, optimizers and schedules by PyTorch: writes torch_losses.json, which loss_test.go and
schedule_test.go compare with.

    python3 torch_losses.py

The network is two linear layers with a rectifier between them; its parameters and inputs are functions of sines, so that both
sides have the same. Written with PyTorch 1.13.
"""
import json
import math
import os

import torch
import torch.nn.functional as F

IMAGES, INPUTS, HIDDEN, CLASSES = 6, 4, 5, 3


def scatter(scale, phase, *shape):
    """Numbers between -scale and scale that follow no pattern."""
    i = torch.arange(math.prod(shape), dtype=torch.float64)
    return (2 * scale * (torch.frac(43758.5453 * (2 + torch.sin(12.9898 * i + phase))) - 0.5)).reshape(shape).float().double()


LABELS = torch.arange(IMAGES) * 2 % CLASSES
HARD = F.one_hot(LABELS, CLASSES).double()
MIXED = 0.75 * HARD + 0.25 * HARD.flip(0)
WEIGHTS = torch.tensor([0.5, 2.0, 1.25], dtype=torch.float64)
TEACHER = scatter(3, 7, IMAGES, CLASSES)
TEACHER_HIDDEN = scatter(1, 8, IMAGES, HIDDEN)


def kl(scores, t):
    return t * t * F.kl_div(F.log_softmax(scores / t, 1), F.log_softmax(TEACHER / t, 1), reduction="batchmean", log_target=True)


LOSSES = {
    "cross-entropy": lambda s, h: F.cross_entropy(s, LABELS),
    "mixed targets": lambda s, h: F.cross_entropy(s, MIXED),
    "smoothing": lambda s, h: F.cross_entropy(s, LABELS, label_smoothing=0.1),
    "smoothing of mixed targets": lambda s, h: F.cross_entropy(s, MIXED, label_smoothing=0.2),
    "weights": lambda s, h: F.cross_entropy(s, LABELS, weight=WEIGHTS),
    "weights and smoothing": lambda s, h: F.cross_entropy(s, LABELS, weight=WEIGHTS, label_smoothing=0.1),
    "mean squared error": lambda s, h: F.mse_loss(s, HARD),
    "distillation": lambda s, h: 0.3 * F.cross_entropy(s, LABELS) + 0.7 * kl(s, 4),
    "distillation alone at 2": lambda s, h: kl(s, 2),
    "features": lambda s, h: F.cross_entropy(s, LABELS) + 0.5 * F.mse_loss(h, TEACHER_HIDDEN),
    "distillation and features": lambda s, h: 0.5 * F.cross_entropy(s, LABELS) + 0.5 * kl(s, 3) + 2 * F.mse_loss(h, TEACHER_HIDDEN),
}


def parameters():
    params = [scatter(1, 1, HIDDEN, INPUTS), scatter(0.5, 2, HIDDEN), scatter(1, 3, CLASSES, HIDDEN), scatter(0.5, 4, CLASSES)]
    for p in params:
        p.requires_grad_()
    return params


def compute(params, loss):
    hidden = F.relu(F.linear(scatter(1.5, 5, IMAGES, INPUTS), params[0], params[1]))
    return loss(F.linear(hidden, params[2], params[3]), hidden)


def numbers(tensors):
    return [[float("%.8g" % v) for v in t.flatten()] for t in tensors]


def losses():
    found = {}
    for name, loss in LOSSES.items():
        params = parameters()
        value = compute(params, loss)
        value.backward()
        found[name] = {"loss": float(value), "gradients": numbers(p.grad for p in params)}
    return found


OPTIMIZERS = {  # with weight decay of 0.1 for matrices, and bounds of the gradient's norm
    "momentum": (lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.9), None),
    "nesterov": (lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True), None),
    "clipped": (lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.9), 0.5),
    "adam": (lambda groups: torch.optim.Adam(groups, lr=0.1), None),
    "adamw": (lambda groups: torch.optim.AdamW(groups, lr=0.1), None),
}


def optimizers():
    found = {}
    for name, (make, bound) in OPTIMIZERS.items():
        params = parameters()
        matrices, biases = [p for p in params if p.dim() > 1], [p for p in params if p.dim() == 1]
        optimizer = make([{"params": matrices, "weight_decay": 0.1}, {"params": biases, "weight_decay": 0}])
        for _ in range(5):
            optimizer.zero_grad()
            compute(params, LOSSES["cross-entropy"]).backward()
            if bound is not None:
                torch.nn.utils.clip_grad_norm_(params, bound)
            optimizer.step()
        found[name] = numbers(params)
    return found


def rates(make, steps):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule, found = make(optimizer), []
    for _ in range(steps):
        found.append(float("%.8g" % optimizer.param_groups[0]["lr"]))
        optimizer.step()
        schedule.step()
    return found


def schedules():
    lr = torch.optim.lr_scheduler
    return {
        "cosine": rates(lambda o: lr.CosineAnnealingLR(o, 40), 40),
        "one-cycle": rates(lambda o: lr.OneCycleLR(o, 1.0, total_steps=41, pct_start=11 / 41), 40),  # the peak is at step 10
        "step": rates(lambda o: lr.MultiStepLR(o, [20, 30], 0.1), 40),
    }


if __name__ == "__main__":
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_losses.json"), "w") as f:
        json.dump({"losses": losses(), "optimizers": optimizers(), "schedules": schedules()}, f)
        f.write("\n")
