#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A process that is busy on the same two processors must not cost more than its share.

usage: busy_neighbour_test.py PROGRAM

Trains the synthetic set on two processors, alone and beside one busy process in turns, five pairs,
and demands that the median of busy over quiet throughput is at least 45 %. A fair share is between a
half (the neighbour keeps one processor half busy) and two thirds (all three threads go round). Threads
that spin for each other without a bound come out at a tenth. Exit code 77: fewer than two processors.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

PAIRS = 5
LEAST = 0.45
CONFIG = """name: {name}
runs_dir: {folder}
threads: 2
device: cpu
data: {{dataset: synthetic}}
model: {{channels: [64, 128, 256]}}
optimizer: {{type: muon, lr: 0.01}}
train: {{epochs: 1000, max_seconds: 3, batch_size: 512, eval_every_epochs: null, eval_train_images: 10}}
checkpoint: {{every_epochs: null, best: false}}
"""
SPIN = "while True: pass"


def images_per_second(program, folder, name):
    config = pathlib.Path(folder, f"{name}.yaml")
    config.write_text(CONFIG.format(name=name, folder=folder), encoding="utf-8")
    # The defaults are judged, whatever the tests run under.
    waits = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    environment = {key: value for key, value in os.environ.items() if key not in waits}
    run = subprocess.run([program, "train", config, "-q"], env=environment, check=True, timeout=120,
                         stdout=subprocess.PIPE, text=True).stdout.strip()
    summary = json.loads(pathlib.Path(run, "summary.json").read_text(encoding="utf-8"))
    return summary["samples"] / summary["time/train_s"]


def main():
    program = sys.argv[1]
    processors = sorted(os.sched_getaffinity(0))[:2]
    if len(processors) < 2:
        print("warning: skipped: this takes two processors")
        return 77
    os.sched_setaffinity(0, processors)  # and so all that is started here
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        for pair in range(PAIRS):
            quiet = images_per_second(program, folder, f"quiet{pair}")
            neighbour = subprocess.Popen([sys.executable, "-c", SPIN])
            try:
                busy = images_per_second(program, folder, f"busy{pair}")
            finally:
                neighbour.kill()
                neighbour.wait()
            ratios.append(busy / quiet)
            print(f"{quiet:.0f} images/s alone, {busy:.0f} beside a busy process: {ratios[-1]:.2f}")
    median = statistics.median(ratios)
    print(f"median {median:.2f}, at least {LEAST} expected")
    return 0 if median >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
