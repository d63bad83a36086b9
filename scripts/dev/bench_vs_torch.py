#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Times full Muon training steps, PyTorch and dropmuon in turns, and prints the ratio with spread.

Both sides do the same work: 28x28x1 images, three blocks of 3x3 convolution + bias, ReLU and 2x2
max-pool with 64, 128, 256 channels, a linear classifier, mean cross-entropy, and a Muon step on all
layers (momentum, five Newton-Schulz steps on every filter and on the linear weight, unit-length
step on the biases), in fp32. PyTorch finds its batch ready in memory; dropmuon's step includes
gathering and normalising the batch from bytes.

    scripts/install_packages.sh torch && scripts/build.sh && scripts/dev/bench_vs_torch.py

Every round is a fresh process that warms up and then times single steps. PyTorch is used the way
its performance guide asks for: channels_last, threads set, gradients set to None, grouped in-place
updates, fused addmm in Newton-Schulz. As Debian ships it, it gives large tensors back to the system
after every use; --keep-memory tells glibc not to (MALLOC_MMAP_MAX_=0), which is the strongest PyTorch
that we know how to run here, about a quarter faster. A claim should name both figures.
"""
import argparse
import ctypes
import json
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHANNELS, IMAGE, CLASSES = (64, 128, 256), 28, 10
LR, MOMENTUM = 0.02, 0.95
JORDAN = (3.4445, -4.7750, 2.0315)
NO_TORCH = "bench_vs_torch: PyTorch is missing; run scripts/install_packages.sh torch"


# --- the PyTorch side, in a process of its own --------------------------------------------------
def make_torch_step(torch, batch, memory_format):
    """Returns (forward and backward, optimizer step) over one fixed batch."""
    functional = torch.nn.functional
    torch.manual_seed(0)
    layers, inputs, size = [], 1, IMAGE
    for outputs in CHANNELS:
        layers.append(torch.nn.Conv2d(inputs, outputs, 3, padding=1))
        inputs, size = outputs, size // 2
    layers.append(torch.nn.Linear(size * size * inputs, CLASSES))
    model = torch.nn.ModuleList(layers).to(memory_format=memory_format)
    images = torch.randn(batch, 1, IMAGE, IMAGE).contiguous(memory_format=memory_format)
    labels = torch.randint(CLASSES, (batch,))
    parameters = list(model.parameters())
    momenta = [torch.zeros_like(p) for p in parameters]  # keeps the memory format

    def gradients():
        x = images
        for conv in model[:-1]:
            x = functional.max_pool2d(functional.relu(conv(x), inplace=True), 2)
        loss = functional.cross_entropy(model[-1](x.flatten(1)), labels)
        loss.backward()

    def newton_schulz(matrix):
        a, b, c = JORDAN
        x = matrix / matrix.norm()
        tall = x.shape[0] > x.shape[1]
        x = x.T if tall else x
        for _ in range(5):
            gram = x @ x.T
            x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
        return x.T if tall else x

    @torch.no_grad()
    def optimize():
        torch._foreach_mul_(momenta, MOMENTUM)
        torch._foreach_add_(momenta, [p.grad for p in parameters], alpha=1 - MOMENTUM)
        for p, m in zip(parameters, momenta):
            if p.dim() == 1:
                p.sub_(m, alpha=LR / float(m.norm()))
                continue
            # A channels_last filter is already the matrix out x (kh * kw * in): no copy.
            rows = m.permute(0, 2, 3, 1) if m.dim() == 4 else m
            direction = newton_schulz(rows.reshape(len(m), -1)).reshape(rows.shape)
            scale = math.sqrt(max(1.0, len(m) / direction[0].numel()))
            p.sub_(direction.permute(0, 3, 1, 2) if m.dim() == 4 else direction, alpha=LR * scale)
        for p in parameters:
            p.grad = None

    return gradients, optimize


def loaded_blas():
    """The BLAS library that PyTorch really uses, and its kernel set if it is OpenBLAS."""
    maps = pathlib.Path("/proc/self/maps").read_text().split()
    paths = [word for word in maps if "blas" in pathlib.Path(word).name]
    if not paths:
        return "built into PyTorch"
    path = pathlib.Path(paths[0]).resolve()
    name = "/".join(path.parts[-2:])
    try:
        corename = ctypes.CDLL(str(path)).openblas_get_corename
    except AttributeError:
        return name
    corename.restype = ctypes.c_char_p
    return f"{name}, {corename().decode()} kernels"


def torch_worker(args):
    try:
        import torch
    except ImportError:
        print(NO_TORCH, file=sys.stderr)
        return 69
    torch.set_num_threads(args.threads)
    gradients, optimize = make_torch_step(torch, args.batch, getattr(torch, args.memory_format))
    steps, optimizers = [], []
    for step in range(args.warmup + args.steps):
        start = time.perf_counter()
        gradients()
        middle = time.perf_counter()
        optimize()
        end = time.perf_counter()
        if step >= args.warmup:
            steps.append(end - start)
            optimizers.append(end - middle)
    json.dump({"step_seconds": steps, "optimizer_seconds": optimizers,
               "torch": torch.__version__, "blas": loaded_blas(), "parallel_info": torch.__config__.parallel_info()},
              sys.stdout)
    return 0


# --- the two sides in turns ------------------------------------------------------------------------
def run_json(command, environment):
    command = [str(word) for word in command]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        if done.returncode != 69:  # which has said itself what is missing
            print(f"bench_vs_torch: exit code {done.returncode} from: {' '.join(command)}",
                  file=sys.stderr)
        sys.exit(done.returncode)
    return json.loads(done.stdout)


def torch_environment(args):
    environment = {**os.environ, "OMP_NUM_THREADS": str(args.threads)}
    if not args.keep_env:  # settings for other programs that make OpenBLAS slow here
        environment.pop("OPENBLAS_CORETYPE", None)
        environment.pop("OPENBLAS_L2_SIZE", None)
    if args.keep_memory:
        environment |= {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40)}
    return environment


def run_torch(args):
    return run_json([sys.executable, __file__, "--worker", "--batch", args.batch, "--threads",
                     args.threads, "--steps", args.steps, "--warmup", args.warmup,
                     "--memory-format", args.memory_format], torch_environment(args))


def run_dropmuon(args):
    return run_json([args.program, "bench", args.config, f"threads={args.threads}",
                     f"train.batch_size={args.batch}", "data.augment.flip=false", "--rounds",
                     args.steps, "--warmup", args.warmup, "--json"], dict(os.environ))


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def threading(result):
    wanted = ("get_num_threads", "omp_get_max_threads", "MKL not found", "MKL-DNN", "backend")
    lines = result["parallel_info"].splitlines()
    return [f"BLAS: {result['blas']}"] + [
        line.strip() for line in lines if any(word in line for word in wanted)]


def spread(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def show(name, values, unit, scale=1.0):
    s = spread(values)
    print(f"{name:22s} {s['median'] * scale:8.2f} {unit}   "
          f"(min {s['min'] * scale:.2f}, max {s['max'] * scale:.2f})")


def measure(args):
    torch_steps, torch_optimizer, dropmuon_steps, first = [], [], [], None
    for _ in range(args.rounds):
        result = run_torch(args)
        first = first or result
        torch_steps.append(statistics.median(result["step_seconds"]))
        torch_optimizer.append(statistics.median(result["optimizer_seconds"]))
        if not args.torch_only:
            result = run_dropmuon(args)
            dropmuon_steps.append(statistics.median(result["step_seconds"]))
    return first, torch_steps, torch_optimizer, dropmuon_steps


def report(args):
    first, torch_steps, torch_optimizer, dropmuon_steps = measure(args)
    ratios = [t / d for t, d in zip(torch_steps, dropmuon_steps)]
    if args.json:
        summary = {"processor": processor(), "threads": args.threads, "batch": args.batch,
                   "torch": first["torch"], "torch_threading": threading(first),
                   "torch_seconds": torch_steps, "torch_optimizer_seconds": torch_optimizer,
                   "dropmuon_seconds": dropmuon_steps, "ratios": ratios}
        if ratios:
            summary["ratio"] = spread(ratios)
        print(json.dumps(summary, indent=1))
        return 0
    print(f"machine: {processor()}, {args.threads} threads; PyTorch {first['torch']}, "
          f"{args.memory_format}; batch {args.batch}; {args.rounds} rounds of {args.steps} steps")
    print(f"PyTorch uses {'; '.join(threading(first))}")
    show("PyTorch step", torch_steps, "ms", 1e3)
    show("  of it, optimizer", torch_optimizer, "ms", 1e3)
    if ratios:
        show("dropmuon step", dropmuon_steps, "ms", 1e3)
        show("PyTorch / dropmuon", ratios, "x ")
    return 0


def parse():
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("--batch", type=int, default=512)
    cli.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    cli.add_argument("--rounds", type=int, default=9, help="pairs of runs (default 9)")
    cli.add_argument("--steps", type=int, default=12, help="timed steps in a run (default 12)")
    cli.add_argument("--warmup", type=int, default=3, help="untimed steps before them (default 3)")
    cli.add_argument("--config", default=ROOT / "configs" / "fashion-mnist" / "muon.yaml")
    cli.add_argument("--program", default=ROOT / "build" / "release" / "dropmuon")
    cli.add_argument("--memory-format", default="channels_last",
                     choices=["channels_last", "contiguous_format"])
    cli.add_argument("--keep-env", action="store_true", help="leave OPENBLAS_* variables alone")
    cli.add_argument("--keep-memory", action="store_true", help="PyTorch with glibc keeping freed memory")
    cli.add_argument("--torch-only", action="store_true", help="time only the PyTorch side")
    cli.add_argument("--json", action="store_true", help="print one JSON object")
    cli.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return cli.parse_args()


def main():
    args = parse()
    if args.worker:
        return torch_worker(args)
    if not args.torch_only and not os.access(args.program, os.X_OK):
        print(f"bench_vs_torch: {args.program} is missing; run scripts/build.sh (or --torch-only)",
              file=sys.stderr)
        return 66
    return report(args)


if __name__ == "__main__":
    sys.exit(main())
