# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the steps of scripts/verify_gpu.sh do. Each runs in a shell of its own, under a time limit; what it
# needs to know comes in the environment: where (tree or folder), program, results, quick, gpu, nvcc, cudnn, and
# of itself: step (what its files begin with) and tries.
# shellcheck disable=SC2154

first_file() { # FILE...: the first that exists
  local file
  for file in "$@"; do
    [ -e "$file" ] && echo "$file" && return
  done
  return 1
}

test_program() { # NAME ARGUMENT...
  local name=$1
  shift
  if [ "$where" = folder ]; then
    "$home/run" "$name" "$@"
  else
    # shellcheck disable=SC2086  # a command with its options
    ${DROPMUON_UNDER:-} "$home/tests/$name" "$@"
  fi
}

system() {
  uname -srm
  sed -n 's/^PRETTY_NAME=//p' /etc/os-release
  sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sort | uniq -c
  nvidia-smi
  nvidia-smi --query-gpu=name,driver_version,compute_cap,memory.total,clocks.max.sm,clocks.max.mem,power.limit \
    --format=csv
  if [ "$where" = folder ]; then
    cat "$home/versions.txt"
    return
  fi
  git describe --always --dirty 2>/dev/null
  "$nvcc" --version | tail -n 2
  awk '/#define CUDNN_(MAJOR|MINOR|PATCHLEVEL) / {print $2, $3}' "$cudnn"
  cmake --version | head -n 1
  c++ --version | head -n 1
}

packages() {
  scripts/install_packages.sh build data test || echo "not all of scripts/packages.txt can be installed here"
}

configure() {
  local capability=${gpu##*, } options=(-DDROPMUON_CUDA=ON -DDROPMUON_GPU_TESTS=ON)
  local preset="sm_${capability/./}"
  grep -q "\"name\": \"$preset\"" CMakePresets.json || {
    preset=release
    options+=(-DCMAKE_CUDA_ARCHITECTURES=native)
  }
  options+=(-DCUDNN_INCLUDE_DIR="$(dirname "$cudnn")")
  [ -z "${CUDNN_LIBRARY:-}" ] || options+=(-DCUDNN_LIBRARY="$CUDNN_LIBRARY")
  CUDACXX=$nvcc cmake --preset "$preset" -B "$home" "${options[@]}"
}

build() { cmake --build "$home" -j "$(nproc)"; }

count() { # LOG OF CATCH: one line of numbers
  awk '
    /^All tests passed/ {for (i = 1; i < NF; i++) if ($(i + 1) ~ /^test$/) total = $i}
    /^test cases:/ {total = $3; for (i = 1; i < NF; i++) if ($(i + 1) ~ /^failed/) failed = $i}
    /^ *skipped: / {skipped++}
    END {print total + 0, "tests,", failed + 0, "failed,", skipped + 0, "skipped"}' "$1"
}

tests() { # PROGRAM [FILTER...]: on the GPU, all in one go; one by one after a cut, so that each try gets further
  export DROPMUON_TEST_DEVICE=cuda
  if [ "${tries:-1}" -gt 1 ]; then
    one_by_one "$@"
    return
  fi
  local code=0 log
  log=$(mktemp)
  test_program "$1" "${@:2}" --warn NoTests >"$log" 2>&1 || code=$?
  cat "$log"
  count "$log"
  rm -f "$log"
  return "$code"
}

one_by_one() { # PROGRAM [FILTER...]: <step>.cases says how each ended
  local all one state kept=$step.cases
  all=$(DROPMUON_UNDER="" test_program "$1" "${@:2}" --list-test-names-only 2>/dev/null) # Catch2 before version 3
  [ -n "$all" ] || all=$(DROPMUON_UNDER="" test_program "$1" "${@:2}" --list-tests --verbosity quiet)
  [ -n "$all" ] || { echo "$1 names no tests" && return 1; }
  touch "$kept"
  trap 'echo "cut $one" >>"$kept"; exit 124' TERM # by timeout
  while IFS= read -r one; do
    ! grep -Fxq -e "passed $one" -e "failed $one" "$kept" || continue
    state=passed
    if [ "$(grep -Fxc "cut $one" "$kept")" -ge 2 ]; then # the second time it was the first of its try
      echo "$one: does not end within the time that a step has"
      state=failed
    else
      echo "-- $one"
      # shellcheck disable=SC2001  # more than one character
      test_program "$1" -# "$(sed 's/[][\\,*]/\\&/g' <<<"$one")" --warn NoTests </dev/null || state=failed
    fi
    echo "$state $one" >>"$kept"
  done <<<"$all"
  trap - TERM
  echo "$(grep -c '^passed ' "$kept") tests passed, one by one"
  ! grep '^failed ' "$kept"
}

sanitize() { # TOOL PROGRAM [FILTER...]
  DROPMUON_UNDER="$sanitizer --tool $1 --error-exitcode 9" tests "${@:2}"
}

room() { # ROOM: its ordinary tests, which need no GPU
  ctest --test-dir "$home" --no-tests=error --output-on-failure -j "$(nproc)" -R "^$1:"
}

data() {
  if [ "$where" = folder ]; then
    "$program" data "$dataset"
  else
    scripts/get_data.sh "$dataset"
  fi
}

race() { # PRECISION EPOCHS TARGET LEAST: both runs must reach the test accuracy LEAST
  local runs="$results/runs" name="race-$1-$2"
  # Runs of an earlier build are no evidence, but those that a time limit cut short go on.
  [ "${tries:-1}" -gt 1 ] || rm -rf "${runs:?}/$name"
  scripts/wallclock.sh "configs/$dataset/muon.yaml" "configs/$dataset/drop_muon.yaml" --name "$name" \
    --seeds 1 --target "train/accuracy=$3" --program "$program" "runs_dir=$runs" device=cuda precision="$1" \
    train.epochs="$2" train.eval_every_steps=39 train.target.stop_at_target=false || return
  "$program" compare "$runs/$name" --format json >"$results/$name.json" || return
  python3 -c '
import json, sys
for group in json.load(open(sys.argv[1]))["groups"]:
    for run in group["runs"]:
        accuracy = run["final_test_accuracy"]
        print(run["name"], "test accuracy", accuracy)
        if not accuracy >= float(sys.argv[2]):
            sys.exit(f"{accuracy} is less than {sys.argv[2]}")' "$results/$name.json" "$4"
}

bench() { # CONFIG PRECISION GRAPHS
  local json="$results/bench-$1-$2-$3.json" options=(--precision "$2")
  [ "$3" = true ] || options+=(--no-graphs)
  "$program" bench "configs/fashion-mnist/$1.yaml" --json device=cuda precision="$2" graphs="$3" >"$json" || return
  scripts/dev/kernel_costs.py --compare "$json" "${options[@]}" || return
  [ "$3" = true ] && [ "$quick" = 0 ] || return 0
  "$program" bench "configs/fashion-mnist/$1.yaml" device=cuda precision="$2" graphs="$3"
}
