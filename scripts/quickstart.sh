#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# From a clean clone to a first answer: installs, builds, fetches Fashion-MNIST, then trains full Muon
# and Drop-Muon (uniform) to the same train accuracy on the whole training set and compares the times.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ $# -gt 0 ]; then
  sed -n '3,/^set /{/^#/s/^# //p}' scripts/quickstart.sh
  [ "$1" = --help ] || [ "$1" = -h ] || exit 2
  exit 0
fi

scripts/install_packages.sh build data
echo "== build"
mkdir -p build
scripts/build.sh release dropmuon >build/quickstart.log 2>&1 || { tail -n 40 build/quickstart.log; exit 70; }
echo "== data"
scripts/get_data.sh fashion-mnist
echo "== what a step will cost, by the FLOP counter"
build/release/dropmuon plan configs/fashion-mnist/drop_muon.yaml
echo "== full Muon against Drop-Muon, to 92 % train accuracy"
scripts/wallclock.sh configs/fashion-mnist/muon.yaml configs/fashion-mnist/drop_muon.yaml \
  --name quickstart --target train/accuracy=0.92 --seeds 2 train.eval_every_steps=20
echo
echo "done in $((SECONDS / 60)) min $((SECONDS % 60)) s; the run folders are in runs/quickstart"
