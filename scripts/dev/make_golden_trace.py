#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes tests/golden/: short training runs computed by PyTorch, the judge of the C++ trainer.

Plain code on purpose, independent of the C++ sources: gradients come from autograd, SGD and AdamW
from torch.optim, and Muon is written out below. Every parameter is a leaf tensor in dropmuon's own
layout (filters OHWI, activations flattened NHWC), so nothing has to be converted afterwards.

    scripts/install_packages.sh torch && scripts/dev/make_golden_trace.py

The format of the files is described in tests/golden/README.md. Every run is also made in float64;
the distance between the two is stored, because it is the noise floor of any tolerance.
"""
import argparse
import json
import math
import pathlib
import sys

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__)
        sys.exit(0)
    print("make_golden_trace: PyTorch is missing; run scripts/install_packages.sh torch")
    sys.exit(69)

# Chosen to catch mistakes: heights 19 and 9 and width 25 are odd, so pooling drops a row or column;
# the last map is 2 x 3, so the order of flattening matters; the first filter is a tall matrix
# (12 x 9), so Newton-Schulz transposes it and its scale is not 1.
HEIGHT, WIDTH, CHANNELS = 19, 25, [12, 8, 16]
CLASSES, BATCH, STEPS = 10, 16, 10
LAYERS = len(CHANNELS) + 1
JORDAN = (3.4445, -4.7750, 2.0315)

ALL = [0] * STEPS  # every layer moves in every step
DROP = [0, 2, 3, 1, 0, 3, 2, 1, 1, 0]  # the first layer that moves, step by step

MUON = {"type": "muon", "lr": 0.05, "momentum": 0.95, "nesterov": False, "weight_decay": 0.0,
        "step": "radius", "scale": "sqrt_ratio",
        "newton_schulz": {"steps": 5, "coefficients": "jordan"},
        "lmo": {"filter": "spectral", "matrix": "spectral", "vector": "euclidean"}}
SGD = {"type": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": False, "weight_decay": 5e-4}
ADAMW = {"type": "adamw", "lr": 2e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8,
         "weight_decay": 0.05}

TRACES = {
    "muon_full": (MUON, ALL),
    "drop_muon": (MUON, DROP),
    "muon_sharp": ({**MUON, "step": "sharp", "lr": 0.02, "momentum": 0.8}, ALL),
    "muon_nesterov_wd": ({**MUON, "nesterov": True, "weight_decay": 0.1}, DROP),
    "sgd": (SGD, ALL),
    "sgd_nesterov": ({**SGD, "nesterov": True, "weight_decay": 5e-3}, DROP),
    "adamw": (ADAMW, DROP),
}


def describe_parameters():
    """Name, kind, layer and shape of every parameter, in the order in which they are stored."""
    parameters = []
    inputs, height, width = 1, HEIGHT, WIDTH
    for layer, outputs in enumerate(CHANNELS):
        parameters.append({"name": f"layers.{layer}.weight", "kind": "filter", "layer": layer,
                           "shape": [outputs, 3, 3, inputs]})
        parameters.append({"name": f"layers.{layer}.bias", "kind": "vector", "layer": layer,
                           "shape": [outputs]})
        inputs, height, width = outputs, height // 2, width // 2
    head = LAYERS - 1
    parameters.append({"name": f"layers.{head}.weight", "kind": "matrix", "layer": head,
                       "shape": [CLASSES, height * width * inputs]})
    parameters.append({"name": f"layers.{head}.bias", "kind": "vector", "layer": head,
                       "shape": [CLASSES]})
    return parameters


def make_problem(parameters):
    """Initial weights, one batch of images per step, and their labels, from a fixed seed."""
    generator = torch.Generator().manual_seed(20240229)
    weights = []
    for p in parameters:
        fan_in = math.prod(p["shape"][1:])
        scale = 0.1 if p["kind"] == "vector" else math.sqrt(2.0 / fan_in)
        weights.append(scale * torch.randn(p["shape"], generator=generator))
    images = torch.randn((STEPS, BATCH, HEIGHT, WIDTH, 1), generator=generator)
    labels = torch.randint(CLASSES, (STEPS, BATCH), generator=generator)
    return weights, images, labels


def forward(weights, images):
    """weights in dropmuon's layout, images (N, H, W, C) -> logits (N, classes)."""
    x = images.permute(0, 3, 1, 2)
    for layer in range(len(CHANNELS)):
        w, b = weights[2 * layer], weights[2 * layer + 1]
        x = F.conv2d(x, w.permute(0, 3, 1, 2), b, padding=1)
        x = F.max_pool2d(F.relu(x), 2)
    features = x.permute(0, 2, 3, 1).reshape(len(images), -1)  # (h * W + w) * C + c
    return features @ weights[-2].T + weights[-1]


def newton_schulz(matrix, steps):
    """Approximately U V^T of a rows x cols matrix."""
    a, b, c = JORDAN
    x = matrix / matrix.norm()
    transposed = x.shape[0] > x.shape[1]
    if transposed:
        x = x.T
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.T if transposed else x


class Muon:
    """M <- mu M + (1 - mu) g;  X <- (1 - lr wd) X - lr scale [<U, D>] D,  D the direction of U."""

    def __init__(self, options):
        self.options = options
        self.momentum = {}

    def move(self, w):
        o, mu, g = self.options, self.options["momentum"], w.grad
        m = mu * self.momentum.get(w, torch.zeros_like(g)) + (1 - mu) * g
        self.momentum[w] = m
        u = mu * m + (1 - mu) * g if o["nesterov"] else m
        if w.dim() == 1:
            direction, scale = u / u.norm(), 1.0
        else:
            flat = u.reshape(u.shape[0], -1)
            direction = newton_schulz(flat, o["newton_schulz"]["steps"]).reshape(u.shape)
            scale = math.sqrt(max(1.0, flat.shape[0] / flat.shape[1]))
        length = torch.sum(u * direction) if o["step"] == "sharp" else 1.0
        with torch.no_grad():
            w.mul_(1 - o["lr"] * o["weight_decay"])
            w.sub_(o["lr"] * scale * length * direction)

    def step(self, weights):
        for w in weights:
            if w.grad is not None:
                self.move(w)


class TorchOptimizer:
    """torch.optim skips a parameter without gradient entirely: state, step count and decay."""

    def __init__(self, options, weights):
        if options["type"] == "sgd":
            self.inner = torch.optim.SGD(weights, lr=options["lr"], momentum=options["momentum"],
                                         nesterov=options["nesterov"],
                                         weight_decay=options["weight_decay"])
        else:
            self.inner = torch.optim.AdamW(weights, lr=options["lr"], eps=options["epsilon"],
                                           betas=(options["beta1"], options["beta2"]),
                                           weight_decay=options["weight_decay"])

    def step(self, _weights):
        self.inner.step()


def train(options, first_active, problem, parameters, dtype):
    """Losses before each step, and the weights after each step."""
    start, images, labels = problem
    weights = [w.to(dtype, copy=True).requires_grad_() for w in start]
    optimizer = Muon(options) if options["type"] == "muon" else TorchOptimizer(options, weights)
    losses, history = [], []
    for step, first in enumerate(first_active):
        for w, p in zip(weights, parameters):
            w.grad = None
            w.requires_grad_(p["layer"] >= first)
        loss = F.cross_entropy(forward(weights, images[step].to(dtype)), labels[step])
        loss.backward()
        optimizer.step(weights)
        losses.append(loss.item())
        history.append([w.detach().clone() for w in weights])
    return losses, history


def to_bytes(tensors):
    return b"".join(t.contiguous().numpy().astype("<f4").tobytes() for t in tensors)


def distance(a, b):
    return max((x.double() - y.double()).abs().max().item() for x, y in zip(a, b))


def write_json(path, value):
    # One line for each top-level key: readable, and a change shows as a small difference.
    lines = [f"  {json.dumps(key)}: {json.dumps(item)}" for key, item in value.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main():
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = pathlib.Path(__file__).resolve().parents[2]
    cli.add_argument("--out", type=pathlib.Path, default=root / "tests" / "golden")
    out = cli.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    parameters = describe_parameters()
    problem = make_problem(parameters)
    weights, images, labels = problem
    (out / "problem.bin").write_bytes(to_bytes(weights + [images]))
    write_json(out / "problem.json", {
        "torch": torch.__version__, "image": [HEIGHT, WIDTH, 1], "classes": CLASSES,
        "channels": CHANNELS, "kernel": 3, "pool": 2, "head": "own_layer", "batch_size": BATCH,
        "steps": STEPS, "parameters": parameters, "labels": labels.tolist()})

    for name, (options, first_active) in TRACES.items():
        losses, history = train(options, first_active, problem, parameters, torch.float32)
        _, exact = train(options, first_active, problem, parameters, torch.float64)
        noise = [distance(a, b) for a, b in zip(history, exact)]
        moved = distance(history[-1], weights)
        print(f"{name:17s} loss {losses[0]:.4f} .. {losses[-1]:.4f}   moved {moved:.3f}   "
              f"float32 - float64 {noise[0]:.1e} .. {max(noise):.1e}")
        (out / f"{name}.bin").write_bytes(b"".join(to_bytes(step) for step in history))
        write_json(out / f"{name}.json", {
            "optimizer": options, "first_active": first_active,
            "losses": [float(f"{x:.9g}") for x in losses],
            "float64_distance": [float(f"{x:.3g}") for x in noise]})


if __name__ == "__main__":
    main()
