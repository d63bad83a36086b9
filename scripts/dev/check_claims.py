#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure what docs/speed.md and docs/results.md claim about speed, memory and accuracy; say which claims hold here.

    scripts/dev/check_claims.py              # speed and memory: about two minutes, on an idle machine
    scripts/dev/check_claims.py --accuracy   # also trains MNIST and Fashion-MNIST: about ten minutes

These are measurements, so they are not among the tests: another machine may be busy or slower.
Exit code 1 if a claim does not hold. The comparison with PyTorch is scripts/dev/bench_vs_torch.py.
"""
import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build/release/dropmuon"
SMALL = ["model.channels=[16,32,64]", "train.batch_size=128", "data.dataset=synthetic", "data.augment.flip=false"]
failed = 0


def claim(text, holds):
    global failed
    failed += not holds
    print(f"{'holds' if holds else 'FAILS'}  {text}", flush=True)


def run(*words):
    done = subprocess.run([PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    if done.returncode != 0:
        print(done.stderr.strip().splitlines()[-1], file=sys.stderr)
        print(f"check_claims: exit code {done.returncode} from dropmuon {' '.join(map(str, words))}", file=sys.stderr)
        sys.exit(done.returncode)
    return done.stdout


def bench(*words):
    return json.loads(run("bench", "configs/fashion-mnist/muon.yaml", "--json", *words))


def train(folder, config, *overrides):
    run_folder = pathlib.Path(run("train", "-q", config, f"runs_dir={folder}", *overrides).strip())
    return json.loads((run_folder / "summary.json").read_text())


def check_speed():
    result = bench("data.augment.flip=false")
    full = result["starts"][0]
    seconds = statistics.median(full["seconds"])
    counted, computed = (full[key] / seconds / result["peak_flops"] for key in ("flops", "computed_flops"))
    claim(f"a full Muon step at batch 512 runs at 75 % or more of the FMA peak by the FLOP counter: {100 * counted:.1f} %"
          f" of {result['peak_flops'] / 1e9:.0f} GFLOP/s; {100 * computed:.1f} % without what pooling drops", counted >= 0.75)
    for number, start in enumerate(result["starts"][1:], start=2):
        time_share = statistics.median(start["seconds"]) / seconds
        flop_share = start["flops"] / full["flops"]
        claim(f"a step that starts at layer {number} costs within 15 % of its FLOP share: {time_share:.3f} of a full"
              f" step, by FLOPs {flop_share:.3f}", abs(time_share / flop_share - 1) <= 0.15)
    newton_schulz = statistics.median(result["orthogonalize_seconds"]) / seconds
    claim(f"Newton-Schulz is under 3 % of the step: {100 * newton_schulz:.2f} %", newton_schulz < 0.03)


def check_cost_model(folder):
    """Oracle 25: the mean step of uniform sampling is the mean of the measured start costs."""
    costs = [statistics.median(start["seconds"]) for start in bench("--rounds", "200", "--warmup", "50", *SMALL)["starts"]]
    claim("oracle 25: measured costs fall with the start, C_1 > .. > C_b: "
          + " ".join(f"{1e3 * cost:.2f}" for cost in costs) + " ms", costs == sorted(costs, reverse=True))
    summary = train(folder, "configs/fashion-mnist/drop_muon.yaml", *SMALL, "train.epochs=70",
                    "train.eval_every_epochs=null", "train.log_every_steps=100")
    steps = summary["step"]
    measured = summary["time/train_s"] / steps
    expected = statistics.mean(costs)
    claim(f"oracle 25: the mean of {steps} uniform steps is mean(C) within 5 %: {1e3 * measured:.3f} ms,"
          f" mean(C) {1e3 * expected:.3f} ms", steps >= 2000 and abs(measured / expected - 1) <= 0.05)


def check_memory(folder):
    predicted = json.loads(run("plan", "configs/mnist/paper.yaml", "--json", "sampling.scheme=full"))["peak_bytes"]
    train(folder, "configs/mnist/paper.yaml", "sampling.scheme=full", "train.max_steps=2",
          "train.eval_every_epochs=null")
    # The largest child so far; the runs before were smaller.
    peak = 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    claim(f"MNIST at batch 8192 stays under 700 MB: {peak / 1e6:.0f} MB", peak < 700e6)
    claim(f"plan predicts that within 10 %: {predicted / 1e6:.0f} MB", abs(predicted / peak - 1) <= 0.10)


def check_accuracy(folder):
    for data, bar in (("fashion-mnist", 0.90), ("mnist", 0.99)):
        for method in ("muon", "drop_muon"):
            summary = train(folder, f"configs/{data}/{method}.yaml", "train.epochs=5")
            accuracy = summary["test/accuracy"]
            claim(f"{data}, {method}: {100 * bar:.0f} % test accuracy in 5 epochs: {100 * accuracy:.2f} %"
                  f" ({summary['time/train_s']:.0f} s)", accuracy >= bar)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accuracy", action="store_true")
    arguments = parser.parse_args()
    for name in ("mnist", "fashion-mnist"):
        if subprocess.run([ROOT / "scripts/get_data.sh", name], cwd=ROOT, stdout=subprocess.DEVNULL).returncode != 0:
            sys.exit(66)
    with tempfile.TemporaryDirectory() as folder:
        check_memory(folder)
        check_speed()
        check_cost_model(folder)
        if arguments.accuracy:
            check_accuracy(folder)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
