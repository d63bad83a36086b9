#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# On a machine with an NVIDIA GPU: builds for it, runs every test natively, runs NVIDIA's compute-sanitizer,
# trains the Fashion-MNIST pair, benches, and writes one report to attach to an issue. A step that fails is
# reported and the others go on; the last line says which failed, and then the exit code is 1.
#   scripts/verify_gpu.sh [--quick] [--skip-training] [--output FILE]
# --quick: an incomplete look in minutes. Exit code 69: no GPU, or nothing to build with.
# shellcheck disable=SC2317  # the steps are called by name
set -uo pipefail

usage() {
  echo "usage: scripts/verify_gpu.sh [--quick] [--skip-training] [--output FILE]" >&2
  exit "${1:-2}"
}

quick=0 training=1 report="gpu-report-$(uname -n)-$(date -u +%Y%m%dT%H%M%SZ).txt"
while [ $# -gt 0 ]; do
  case "$1" in
    --quick) quick=1 ;;
    --skip-training) training=0 ;;
    --output)
      [ $# -ge 2 ] || usage
      report=$2
      shift
      ;;
    -h | --help) usage 0 ;;
    *) usage ;;
  esac
  shift
done
[[ $report == /* ]] || report=$PWD/$report
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

absent() {
  echo "verify_gpu: $1" >&2
  exit 69
}

first_file() { # FILE...: the first that exists
  local file
  for file in "$@"; do
    [ -e "$file" ] && echo "$file" && return
  done
  return 1
}

gpu=$(nvidia-smi --query-gpu=name,compute_cap --format=csv,noheader 2>/dev/null) || gpu=""
gpu=${gpu%%$'\n'*}
[ -n "$gpu" ] || absent "no GPU: nvidia-smi is missing or finds none"
capability=${gpu##*, }
nvcc=$(command -v nvcc || first_file "${CUDA_PATH:-/usr/local/cuda}/bin/nvcc") ||
  absent "nvcc is missing; put the CUDA toolkit's bin folder into PATH or its root into CUDA_PATH"
toolkit=$(dirname "$(dirname "$(readlink -f "$nvcc")")")
cudnn=$(first_file "${CUDNN_INCLUDE_DIR:-/nowhere}/cudnn_version.h" "$toolkit"/include/cudnn_version.h \
  "$toolkit"/targets/*/include/cudnn_version.h /usr/include/cudnn_version.h /usr/include/*/cudnn_version.h) ||
  absent "cuDNN's headers are missing; CUDNN_INCLUDE_DIR names their folder"
sanitizer=$(command -v compute-sanitizer || first_file "$toolkit"/bin/compute-sanitizer)

folder=build/gpu
program=$folder/dropmuon
logs=$folder/report
jobs=$(nproc)
failed=() skipped=() passed=0
mkdir -p "$logs" && : >"$report" || exit 73

say() { printf '== %s (%d s)\n' "$*" "$SECONDS"; }

write() { printf '%s\n' "$@" >>"$report"; }

step() { # NAME LINES COMMAND...: the last LINES lines of its output go into the report
  local name=$1 lines=$2 code=0 log began=$SECONDS
  shift 2
  log="$logs/${name//[^a-z0-9_]/-}.log"
  say "$name"
  "$@" >"$log" 2>&1 </dev/null || code=$?
  if [ "$code" -eq 0 ]; then
    passed=$((passed + 1))
    write "" "## $name: passed ($((SECONDS - began)) s)" ""
  else
    failed+=("$name")
    write "" "## $name: FAILED, exit code $code ($((SECONDS - began)) s)" ""
    tail -n 5 "$log"
  fi
  tail -n "$lines" "$log" >>"$report"
  return "$code"
}

skip() { # NAME REASON
  say "$1: not run, $2"
  write "" "## $1: NOT RUN, $2"
  skipped+=("$1")
}

system() {
  uname -srm
  sed -n 's/^PRETTY_NAME=//p' /etc/os-release
  sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sort | uniq -c
  git describe --always --dirty 2>/dev/null
  nvidia-smi
  nvidia-smi --query-gpu=name,driver_version,compute_cap,memory.total,clocks.max.sm,clocks.max.mem,power.limit \
    --format=csv
  "$nvcc" --version | tail -n 2
  awk '/#define CUDNN_(MAJOR|MINOR|PATCHLEVEL) / {print $2, $3}' "$cudnn"
  cmake --version | head -n 1
  c++ --version | head -n 1
}

configure() {
  local preset="sm_${capability/./}" options=(-DDROPMUON_CUDA=ON -DDROPMUON_GPU_TESTS=ON)
  grep -q "\"name\": \"$preset\"" CMakePresets.json || {
    preset=release
    options+=(-DCMAKE_CUDA_ARCHITECTURES=native)
  }
  options+=(-DCUDNN_INCLUDE_DIR="$(dirname "$cudnn")")
  CUDACXX=$nvcc cmake --preset "$preset" -B "$folder" "${options[@]}"
}

attribute() { # NAME FILE: a number of ctest's JUnit summary
  sed -n "s/.*[[:space:]]$1=\"\([0-9]*\)\".*/\1/p; /[[:space:]]$1=/q" "$2"
}

tests() { # CTEST OPTION...
  local summary code=0
  summary="$PWD/$logs/tests.junit.xml"
  rm -f "$summary"
  ctest --test-dir "$folder" --no-tests=error --output-on-failure --output-junit "$summary" "$@" || code=$?
  [ -s "$summary" ] && echo "$(attribute tests "$summary") tests, $(attribute failures "$summary") failed," \
    "$(attribute skipped "$summary") skipped"
  return "$code"
}

sanitize() { # TOOL PROGRAM [TESTS]
  DROPMUON_TEST_DEVICE=cuda timeout 3000 "$sanitizer" --tool "$1" --error-exitcode 9 "$folder/tests/$2" "${@:3}"
}

race() { # PRECISION EPOCHS TARGET LEAST: both runs must reach the test accuracy LEAST
  local runs="$logs/runs" name="race-$1"
  rm -rf "${runs:?}/$name" # runs of an earlier build are no evidence
  scripts/wallclock.sh configs/fashion-mnist/muon.yaml configs/fashion-mnist/drop_muon.yaml --name "$name" \
    --seeds 1 --target "train/accuracy=$3" --program "$program" "runs_dir=$runs" device=cuda precision="$1" \
    train.epochs="$2" train.eval_every_steps=39 train.target.stop_at_target=false || return
  "$program" compare "$runs/$name" --format json >"$logs/race-$1.json" || return
  python3 -c '
import json, sys
for group in json.load(open(sys.argv[1]))["groups"]:
    for run in group["runs"]:
        accuracy = run["final_test_accuracy"]
        print(run["name"], "test accuracy", accuracy)
        if not accuracy >= float(sys.argv[2]):
            sys.exit(f"{accuracy} is less than {sys.argv[2]}")' "$logs/race-$1.json" "$4"
}

bench() { # CONFIG PRECISION GRAPHS
  local json="$logs/bench-$1-$2-$3.json" options=(--precision "$2")
  [ "$3" = true ] || options+=(--no-graphs)
  "$program" bench "configs/fashion-mnist/$1.yaml" --json device=cuda precision="$2" graphs="$3" >"$json" || return
  scripts/kernel_costs.py --compare "$json" "${options[@]}" || return
  [ "$3" = true ] && [ "$quick" = 0 ] || return 0
  "$program" bench "configs/fashion-mnist/$1.yaml" device=cuda precision="$2" graphs="$3"
}

run_tests() {
  step "tests on the gpu" 40 tests -j 4 -R "^gpu "
  [ "$quick" = 1 ] || step "other tests" 40 tests -j "$jobs" -E "^gpu "
}

run_sanitizer() {
  local tool
  if [ -z "$sanitizer" ]; then
    skip "compute-sanitizer" "it is not installed (it comes with the CUDA toolkit)"
    return
  fi
  for tool in memcheck racecheck synccheck initcheck; do
    step "$tool of the kernels" 15 sanitize "$tool" test_kernels
    [ "$quick" = 0 ] || return
    [ "$tool" = initcheck ] && continue  # what it finds inside cuDNN and cuBLAS is not ours
    step "$tool of the backend" 15 sanitize "$tool" test_cuda "CPU and GPU*"
  done
}

run_training() {
  local precision
  if [ "$training" = 0 ]; then
    skip "training" "--skip-training"
    return
  fi
  step "data" 5 scripts/get_data.sh fashion-mnist || { skip "training" "no data"; return; }
  for precision in fp32 bf16; do
    if [ "$quick" = 1 ]; then
      step "training in $precision" 25 race "$precision" 1 0.80 0.75
    else
      step "training in $precision" 25 race "$precision" 5 0.92 0.90
    fi
  done
}

run_benches() {
  local config precision graphs
  for config in muon paper; do
    for precision in fp32 tf32 bf16; do
      for graphs in true false; do
        [ "$quick" = 1 ] && [ "$graphs" = false ] && continue
        step "bench of $config in $precision, graphs $graphs" 40 bench "$config" "$precision" "$graphs"
      done
    done
  done
}

write "dropmuon on $gpu, $(date -u '+%Y-%m-%d %H:%M UTC')$([ "$quick" = 1 ] && echo ', --quick')"
write "Predictions of kernels/README.md are for an H100; \"times\" is measured over predicted."
step "system" 80 system
scripts/install_packages.sh build data test || skip "packages" "not all of scripts/packages.txt can be installed here"
if step "configure" 15 configure && step "build" 15 cmake --build "$folder" -j "$jobs"; then
  step "info" 20 "$program" info
  run_tests
  run_sanitizer
  run_training
  run_benches
else
  skip "everything else" "there is no program"
fi

summary="verify_gpu: $passed steps passed, ${#failed[@]} failed"
[ ${#failed[@]} -eq 0 ] || summary+=": $(printf '%s; ' "${failed[@]}" | sed 's/; $//')"
[ ${#skipped[@]} -eq 0 ] || summary+="; not run: $(printf '%s; ' "${skipped[@]}" | sed 's/; $//')"
write "" "$summary"
echo "$summary; report: $report"
[ ${#failed[@]} -eq 0 ] && [ -x "$program" ]
