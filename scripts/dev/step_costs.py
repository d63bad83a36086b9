# SPDX-License-Identifier: MIT
"""The operations of a training step as the CUDA backend runs them, in one micro-batch, each with its
bytes, operations and launches. scripts/dev/kernel_costs.py makes tables of them."""
import statistics
from typing import NamedTuple

# An H100 SXM: what well-made programs reach, below the data sheet's 3.35 TB/s, 67, 495 and 989 TFLOP/s.
BANDWIDTH = 3e12
FMA_RATE = 60e12
CONV_RATES = {"fp32": 60e12, "tf32": 400e12, "bf16": 800e12}
KERNEL_FLOOR = 3e-6   # the shortest kernel in a graph, with the gap before it
STAGE_FLOOR = 5e-6    # a stage of Newton-Schulz: a few dependent slices of loads and products
HOST_LAUNCH = 4e-6    # processor time of a launch without graphs
PRECISIONS = list(CONV_RATES)
STEPS, RESTARTS = 5, (2,)  # Newton-Schulz of the shipped configs


class Network(NamedTuple):
    name: str
    side: int
    image_channels: int
    channels: tuple = (64, 128, 256)
    classes: int = 10

    def convs(self):
        """(side, channels in, channels out) of each convolution, 3x3, pool 2 behind it."""
        result, side, before = [], self.side, self.image_channels
        for channels in self.channels:
            result.append((side, before, channels))
            side, before = side // 2, channels
        return result

    def features(self):
        return (self.side // 2 ** len(self.channels)) ** 2 * self.channels[-1]

    def matrices(self):
        """(name, rows, cols) of what Newton-Schulz sees, by layer."""
        convs = [(f"conv {i}", out, 9 * into) for i, (_, into, out) in enumerate(self.convs(), start=1)]
        return convs + [("linear", self.classes, self.features())]

    def parameters(self, start):
        return sum(rows * cols + rows for _, rows, cols in self.matrices()[start - 1:])

    @property
    def depth(self):
        return len(self.channels) + 1


FASHION = Network("fashion-mnist", 28, 1)
CIFAR = Network("cifar10", 32, 3)


class Operation(NamedTuple):
    name: str
    layer: str
    phase: str            # forward, backward, optimizer
    moves: float          # bytes to and from device memory
    must: float           # that no implementation of the operation could save
    flops: float = 0.0
    rate: float = FMA_RATE
    launches: int = 1
    floor: float = KERNEL_FLOOR
    by_library: bool = False  # cuBLAS, cuDNN

    def seconds(self):
        return max(self.flops / self.rate, self.moves / BANDWIDTH, self.launches * self.floor)


def operation(name, layer, phase, moves, must=None, **rest):
    return Operation(name, layer, phase, moves, moves if must is None else must, **rest)


# --- Newton-Schulz ----------------------------------------------------------------------------------
# tests/backend/newton_schulz_form_test.cpp holds what becomes of this in docs/kernel_costs.md to the program.
class Gram(NamedTuple):
    stages: int
    squares: int  # products of two n x n matrices
    own: int      # products X X^T
    moves: int    # products Q X


def gram_form():
    """Walks through the Gram form as kernels/newton_schulz/iteration.h does."""
    stages = squares = own = moves = 0
    fresh = True
    for i in range(STEPS):
        if i in RESTARTS:
            stages, moves, fresh = stages + 1, moves + 1, True
        if fresh:
            stages, own = stages + 1, own + 1
        stages, squares = stages + 1, squares + 1
        goes_on = i + 1 < STEPS and i + 1 not in RESTARTS
        if not fresh:
            squares += 1
        if goes_on:
            squares += 2
        stages += 2 if goes_on else int(not fresh)
        fresh = False
    return Gram(stages + 1, squares, own, moves + 1)


def newton_schulz_flops(rows, cols):
    """standard, symmetric, Gram with full products, ours; a multiply-add is two operations."""
    n, m = min(rows, cols), max(rows, cols)
    gram = gram_form()
    symmetric = STEPS * (3 * n * n * m + n ** 3)
    half = gram.own * n * n * m + gram.squares * n ** 3 + gram.moves * 2 * n * n * m
    return (STEPS * (4 * n * n * m + 2 * n ** 3), symmetric,
            2 * gram.own * n * n * m + 2 * gram.squares * n ** 3 + gram.moves * 2 * n * n * m,
            min(symmetric, half))


# --- the step -----------------------------------------------------------------------------------------
def convolution(name, layer, phase, precision, shape, batch):
    """One pass by cuDNN, and in bf16 the conversions around it. shape: side, channels in and out."""
    side, into, out = shape
    x, y, w = batch * side * side * into, batch * side * side * out, 9 * into * out
    size = 2 if precision == "bf16" else 4
    ops = [operation(name, layer, phase, size * (x + y + w), flops=2.0 * 9 * into * y, rate=CONV_RATES[precision],
                     by_library=True)]
    if precision == "bf16":
        ends = {"conv forward": (x, y), "conv filter gradient": (x, y, w), "conv data gradient": (y, x)}
        ops += [operation("convert", layer, phase, 6 * elements, 0) for elements in ends[name]]
    return ops


def forward(net, batch, precision, start):
    pixels = net.side ** 2 * net.image_channels
    ops = [operation("gather_batch", "", "forward", batch * (5 * pixels + 6))]
    for i, shape in enumerate(net.convs(), start=1):
        side, _, out = shape
        pooled = batch * (side // 2) ** 2 * out
        ops += convolution("conv forward", str(i), "forward", precision, shape, batch)
        kept = 5 if i >= start else 4  # with the winners, for backward
        ops.append(operation("bias_relu_pool_forward", str(i), "forward", (16 + kept) * pooled))
    logits = batch * net.classes
    return ops + [
        matmul("matmul forward", net, batch, precision, "forward"),
        operation("add_bias", "", "forward", 8 * logits),
        operation("softmax_cross_entropy", "", "forward", 8 * logits + batch)]


def matmul(name, net, batch, precision, phase):
    x = batch * net.features()
    moves = 4 * (x + batch * net.classes + net.classes * net.features())
    return operation(name, "", phase, moves, flops=2.0 * x * net.classes, rate=CONV_RATES[precision], by_library=True)


def backward(net, batch, precision, start):
    ops = [matmul("matmul weight gradient", net, batch, precision, "backward"),
           operation("bias_gradient", "", "backward", 4 * batch * net.classes)]
    if start < net.depth:
        ops.append(matmul("matmul data gradient", net, batch, precision, "backward"))
    for i in range(len(net.channels), start - 1, -1):
        shape = net.convs()[i - 1]
        side, _, out = shape
        must = batch * (4 * side * side * out + 5 * (side // 2) ** 2 * out) + 4 * out
        ops.append(operation("bias_relu_pool_backward", str(i), "backward", must + 2 * 264 * 4 * out, must))
        ops += convolution("conv filter gradient", str(i), "backward", precision, shape, batch)
        if i > start:
            ops += convolution("conv data gradient", str(i), "backward", precision, shape, batch)
    return ops


def optimizer(net, precision, start):
    matrices = net.matrices()[start - 1:]
    filters = [rows * cols for name, rows, cols in matrices if name != "linear"]
    biases = sum(rows for _, rows, _ in matrices)
    flops = sum(newton_schulz_flops(rows, cols)[3] for _, rows, cols in matrices)
    parameters = net.parameters(start)
    load = 6 if precision == "bf16" else 8
    return [
        *[operation("store_filter_gradient", "", "optimizer", 8 * size, by_library=True) for size in filters],
        operation("momentum", "", "optimizer", 12 * parameters),
        operation("frobenius_scale", "", "optimizer", 4 * (parameters - biases)),
        operation("grouped_product", "", "optimizer", 0, flops=flops, launches=gram_form().stages, floor=STAGE_FLOOR),
        operation("normalize", "", "optimizer", 12 * biases, launches=2),
        operation("apply_update", "", "optimizer", 12 * parameters),
        *[operation("load_filter", "", "optimizer", load * size, by_library=precision != "bf16") for size in filters]]


def step(net, batch, precision, start):
    return forward(net, batch, precision, start) + backward(net, batch, precision, start) + \
        optimizer(net, precision, start)


def seconds(net, batch, precision, start):
    return sum(op.seconds() for op in step(net, batch, precision, start))


def speed_up(times):
    """Of uniform sampling over full Muon."""
    return times[0] / statistics.mean(times)
