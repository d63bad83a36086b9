#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a training step costs on paper: bytes, operations, launches, and the time an H100 cannot beat by much.

    scripts/dev/kernel_costs.py            # print the tables of docs/kernel_costs.md
    scripts/dev/kernel_costs.py --write    # put them there, between their marks
    scripts/dev/kernel_costs.py --check    # exit 1 if those in docs/kernel_costs.md are others
    scripts/dev/kernel_costs.py --compare BENCH.json --precision fp32    # `dropmuon bench --json` against them

Every figure follows from the network's shape and the rates below; nothing is measured.
"""
import argparse
import json
import pathlib
import re
import statistics
import sys

from step_costs import BANDWIDTH, CIFAR, FASHION, HOST_LAUNCH, PRECISIONS
from step_costs import convolution, newton_schulz_flops, optimizer, seconds, speed_up, step

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/kernel_costs.md"


def markdown(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def micro(value):
    return f"{1e6 * value:,.0f}" if value >= 1e-5 else f"{1e6 * value:.1f}"


FORMULAS = {
    "gather_batch": ("n (5 HWC + 6)", "3 a value"),
    "bias_relu_pool_forward": ("21 n hwO", "5 a window and channel"),
    "add_bias": ("8 nK", "1 a logit"),
    "softmax_cross_entropy": ("n (8K + 1)", "2 exp a logit, fp64"),
    "bias_gradient": ("4 nK", "1 a logit"),
    "bias_relu_pool_backward": ("n (4 HWO + 5 hwO)", "5 a window and channel"),
    "momentum": ("12 P", "3 a parameter"),
    "frobenius_scale": ("4 P", "2 a weight, fp64"),
    "normalize": ("12 P of the biases", "4 a bias, fp64"),
    "apply_update": ("12 P", "3 a parameter, 3 fp64"),
}


def kernel_table(batch=8192):
    rows = []
    both = [[op for op in step(net, batch, "fp32", 1) if op.name in FORMULAS] for net in (FASHION, CIFAR)]
    for one, other in zip(*both):
        cells = [f"{one.name} {one.layer}".strip(), *FORMULAS[one.name], f"{one.must / 1e6:,.1f}"]
        for op in (one, other):
            cells += [f"{op.moves / 1e6:,.1f}", micro(op.moves / BANDWIDTH)]
        rows.append(cells)
    return markdown(["kernel, layer", "bytes it must move", "operations", "MB", "it moves, MB", "us",
                     "CIFAR-10: MB", "us"], rows)


def bound(op):
    return f"{micro(op.seconds())} {'flops' if op.flops / op.rate > op.moves / BANDWIDTH else 'bytes'}"


def library_table(net, batch=8192):
    rows = []
    steps = [[op for op in step(net, batch, p, 1) if op.by_library and op.flops] for p in PRECISIONS]
    for same in zip(*steps):
        op = same[0]
        convert_bytes = 0
        if op.layer:
            around = convolution(op.name, op.layer, op.phase, "bf16", net.convs()[int(op.layer) - 1], batch)[1:]
            convert_bytes = sum(each.moves for each in around)
        rows.append([f"{op.name} {op.layer}".strip(), f"{op.flops / 1e9:,.1f}", f"{op.moves / 1e6:,.0f}",
                     *[bound(each) for each in same], f"{convert_bytes / 1e6:,.0f}", micro(convert_bytes / BANDWIDTH)])
    return markdown(["call, layer", "GFLOP", "fp32 MB", "fp32 us", "tf32 us", "bf16 us", "bf16: convert MB", "us"],
                    rows)


def share_table(net, batch=8192):
    parts = {"convolutions": lambda op: op.name.startswith("conv "), "conversions": lambda op: op.name == "convert",
             "bias, ReLU, pool": lambda op: op.name.startswith("bias_relu_pool"),
             "optimizer": lambda op: op.phase == "optimizer"}
    rows = []
    for precision in PRECISIONS:
        ops = step(net, batch, precision, 1)
        times = [sum(op.seconds() for op in ops if part(op)) for part in parts.values()]
        times.append(seconds(net, batch, precision, 1) - sum(times))
        rows.append([precision, *[f"{1e3 * time:.2f}" for time in times]])
    return markdown(["full step, ms", *parts, "rest"], rows)


def launch_counts(net, precision, start):
    counts = {"forward": 0, "backward": 0, "optimizer": 0}
    for op in step(net, 8192, precision, start):
        counts[op.phase] += op.launches
    return counts


def launch_table(net):
    rows = []
    for start in range(1, net.depth + 1):
        plain, half = (launch_counts(net, p, start) for p in ("fp32", "bf16"))
        rows.append([start, *plain.values(), sum(plain.values()), sum(half.values()), 1])
    return markdown(["start", "forward", "backward", "optimizer", "all, fp32 or tf32", "all, bf16", "with graphs"],
                    rows)


def newton_schulz_table(net):
    rows, total = [], [0, 0, 0, 0]
    for name, height, width in net.matrices():
        flops = newton_schulz_flops(height, width)
        total = [a + b for a, b in zip(total, flops)]
        rows.append([name, f"{height} x {width}", *[f"{f / 1e6:,.2f}" for f in flops], f"{flops[0] / flops[3]:.2f}"])
    rows.append(["all", "", *[f"{f / 1e6:,.2f}" for f in total], f"{total[0] / total[3]:.2f}"])
    return markdown(["layer", "matrix", "standard", "symmetric", "Gram, full products", "ours", "standard : ours"],
                    rows)


def prediction_table():
    rows = []
    for net, batch in ((FASHION, 8192), (FASHION, 512), (CIFAR, 8192)):
        for precision in PRECISIONS:
            times = [seconds(net, batch, precision, start) for start in range(1, net.depth + 1)]
            host = HOST_LAUNCH * sum(launch_counts(net, precision, 1).values())
            rows.append([f"{net.name}, {batch}", precision, *[f"{1e3 * t:.2f}" for t in times],
                         f"{speed_up(times):.2f}", f"{1e3 * host:.2f}"])
    return markdown(["data, batch", "precision", "full ms", "start 2", "start 3", "start 4", "full : uniform",
                     "graphs off: host ms"], rows)


def tables():
    return {"kernels": kernel_table(), "libraries": library_table(FASHION), "libraries-cifar": library_table(CIFAR),
            "launches": launch_table(FASHION), "newton-schulz": newton_schulz_table(FASHION),
            "newton-schulz-cifar": newton_schulz_table(CIFAR), "predictions": prediction_table(),
            "shares": share_table(FASHION)}


def with_tables(text):
    """The text with every table put between its marks; complains about a mark that is not there."""
    for name, table in tables().items():
        pattern = re.compile(rf"(<!-- costs: {name} -->\n)(?:(?!<!--).)*?(\n<!-- end -->)", re.DOTALL)
        text, count = pattern.subn(lambda m, table=table: m[1] + table + m[2], text)
        if count != 1:
            sys.exit(f"kernel_costs: {PAGE.name} has {count} places for the table '{name}'")
    return text


def compare(path, net, precision, graphs):
    try:
        bench = json.loads(pathlib.Path(path).read_text())
        ran = bench["precision"], bench["graphs"], bench["dataset"], tuple(bench["channels"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"kernel_costs: {path} is no output of `dropmuon bench --json`: {error!r}")
    wanted = precision, graphs, net.name, net.channels
    if ran != wanted:
        sys.exit(f"kernel_costs: {path} was measured with {ran}, not with {wanted}")
    measured = [statistics.median(start["seconds"]) for start in bench["starts"]]
    starts = range(1, net.depth + 1)
    paper = [seconds(net, bench["batch_size"], precision, start) for start in starts]
    if not graphs:
        host = [HOST_LAUNCH * sum(launch_counts(net, precision, start).values()) for start in starts]
        paper = [max(times) for times in zip(paper, host)]
    for start, (time, guess) in enumerate(zip(measured, paper), start=1):
        print(f"start {start}  measured {1e3 * time:8.2f} ms  on paper {1e3 * guess:8.2f} ms "
              f" {time / guess:5.2f} times")
    print(f"full : uniform  measured {speed_up(measured):.2f}  on paper {speed_up(paper):.2f}")
    if bench["orthogonalize_seconds"]:
        parts = ("frobenius_scale", "grouped_product")
        guess = sum(op.seconds() for op in optimizer(net, precision, 1) if op.name in parts)
        time = statistics.median(bench["orthogonalize_seconds"])
        print(f"Newton-Schulz  measured {1e6 * time:.0f} us  on paper {1e6 * guess:.0f} us")


def main():
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--check", action="store_true")
    cli.add_argument("--write", action="store_true")
    cli.add_argument("--compare", metavar="BENCH.json")
    cli.add_argument("--data", choices=["fashion-mnist", "cifar10"], default="fashion-mnist")
    cli.add_argument("--precision", choices=PRECISIONS, default="fp32")
    cli.add_argument("--no-graphs", action="store_true", help="the bench ran with graphs=false")
    arguments = cli.parse_args()
    if arguments.compare:
        net = CIFAR if arguments.data == "cifar10" else FASHION
        compare(arguments.compare, net, arguments.precision, not arguments.no_graphs)
    elif arguments.check or arguments.write:
        text = PAGE.read_text(encoding="utf-8")
        fresh = with_tables(text)
        if arguments.write:
            PAGE.write_text(fresh, encoding="utf-8")
        elif fresh != text:
            sys.exit("kernel_costs: the tables of docs/kernel_costs.md are not those of scripts/dev/kernel_costs.py --write")
    else:
        print("\n\n".join(tables().values()))


if __name__ == "__main__":
    main()
