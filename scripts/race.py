#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Race two configurations to the same target and say who was sooner, and why.

    scripts/race.py configs/fashion-mnist/muon.yaml configs/fashion-mnist/drop_muon.yaml \
        --metric train_accuracy --target 0.92 --seeds 3

Runs alternate (A B B A A B ..), one at a time, so that a machine that slows down slows both. The
clock is the trainer's: evaluation, logging and saving do not count, for either. Only Python's
standard library is needed; --plot needs matplotlib. Arguments KEY=VALUE go to both runs.
"""
import argparse
import csv
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs=2, metavar="CONFIG", help="baseline first")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--metric", default="train_accuracy")
    parser.add_argument("--target", type=float, required=True)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--eval-every", type=int, default=20, help="steps between evaluations")
    parser.add_argument("--run-on", action="store_true", help="train to the end of the config, past the target")
    parser.add_argument("--program", default=str(ROOT / "build/release/dropmuon"))
    parser.add_argument("--json", metavar="FILE", help="write every run's figures")
    parser.add_argument("--replay", metavar="FILE", help="train nothing: table and plot of an earlier --json file")
    parser.add_argument("--plot", metavar="FILE", help="accuracy against seconds and steps, PNG or SVG")
    arguments = parser.parse_intermixed_args()
    if arguments.configs[0] == arguments.configs[1]:
        parser.error("the two configurations are the same file")
    return arguments


def train(arguments, config, seed):
    command = [arguments.program, "train", config, f"seed={seed}",
               f"train.target.metric={arguments.metric}", f"train.target.value={arguments.target}",
               f"train.target.stop_at_target={'false' if arguments.run_on else 'true'}",
               f"train.eval_every_steps={arguments.eval_every}", *arguments.overrides]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"race: {' '.join(command)} ended with exit code {done.returncode}")
    folder = pathlib.Path(done.stdout.strip().splitlines()[-1])
    summary = json.loads((folder / "summary.json").read_text())
    with open(folder / "metrics.csv", newline="") as file:
        summary["curve"] = [row for row in csv.DictReader(file) if row["test/accuracy"]]
    summary["config"], summary["seed"], summary["folder"] = config, seed, str(folder)
    return summary


def race(arguments):
    runs = []
    for seed in range(arguments.seeds):
        order = arguments.configs if seed % 2 == 0 else arguments.configs[::-1]
        runs += [train(arguments, config, seed) for config in order]
    return runs


def spread(values, form):
    low, middle, high = min(values), statistics.median(values), max(values)
    return form.format(middle) if len(values) == 1 else f"{form} ({form} .. {form})".format(middle, low, high)


def table(runs, configs, arguments):
    lines = [f"target: {arguments.metric} {arguments.target}, {len({run['seed'] for run in runs})} seed(s), median (min .. max)", ""]
    reached = {}
    for config in configs:
        mine = [run for run in runs if run["config"] == config]
        hits = [run for run in mine if run["target/reached"]]
        reached[config] = hits
        lines.append(f"{mine[0]['name']}: reached by {len(hits)} of {len(mine)}")
        if len(hits) == len(mine):
            lines.append(f"  time to target   {spread([r['target/train_s'] for r in hits], '{:.1f}')} s")
            lines.append(f"  steps to target  {spread([r['target/step'] for r in hits], '{:.0f}')}")
            lines.append("  time per step    "
                         f"{spread([1e3 * r['time/train_s'] / r['step'] for r in mine], '{:.1f}')} ms")
        lines.append(f"  test accuracy    {spread([100 * r['test/accuracy'] for r in mine], '{:.2f}')} % at the end,"
                     f" best {spread([100 * r['best/test/accuracy'] for r in mine], '{:.2f}')} %")
    return lines + [""] + ratios(runs, configs, reached)


def ratios(runs, configs, reached):
    """Paired by seed: baseline over contender, so more than 1 means the contender was sooner."""
    if any(len(reached[c]) < len([r for r in runs if r["config"] == c]) for c in configs):
        return ["no ratio: not every run reached the target"]
    pairs = list(zip(*[sorted(reached[c], key=lambda r: r["seed"]) for c in configs]))
    def of(value):
        return [value(a) / value(b) for a, b in pairs]
    return ["baseline / contender, paired by seed:",
            f"  time to target   {spread(of(lambda r: r['target/train_s']), '{:.3f}')}",
            f"  time per step    {spread(of(lambda r: r['time/train_s'] / r['step']), '{:.3f}')}",
            f"  steps to target  {spread(of(lambda r: r['target/step']), '{:.3f}')}"]


def plot(runs, configs, arguments):
    try:
        import matplotlib
        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        sys.exit("race: --plot needs matplotlib: scripts/install_packages.sh plot")
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    column = arguments.metric.replace("_", "/")
    for config, colour in zip(configs, ("tab:blue", "tab:orange")):
        for run in (r for r in runs if r["config"] == config):
            ys = [100 * float(row[column]) for row in run["curve"]]
            label = run["name"] if run["seed"] == 0 else None
            for axis, x in zip(axes, ("time/train_s", "step")):
                axis.plot([float(row[x]) for row in run["curve"]], ys, color=colour, alpha=0.8, lw=1.2, label=label)
    for axis, label in zip(axes, ("training seconds", "steps")):
        axis.axhline(100 * arguments.target, color="grey", lw=0.8, ls="--")
        axis.set_xlabel(label)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel(column.replace("/", " ") + ", %")
    axes[0].set_ylim(bottom=100 * arguments.target - 20)
    axes[0].legend()
    figure.tight_layout()
    figure.savefig(arguments.plot, dpi=150)


def main():
    arguments = parse_arguments()
    if arguments.replay:
        runs = json.loads(pathlib.Path(arguments.replay).read_text())
    else:
        runs = race(arguments)
    print("\n".join(table(runs, arguments.configs, arguments)))
    if arguments.json and not arguments.replay:
        pathlib.Path(arguments.json).write_text(json.dumps(runs, indent=1) + "\n")
    if arguments.plot:
        plot(runs, arguments.configs, arguments)


if __name__ == "__main__":
    main()
