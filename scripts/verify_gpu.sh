#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# On a machine with an NVIDIA GPU: runs every test natively, runs NVIDIA's compute-sanitizer, trains a pair,
# benches, and writes one report to attach to an issue. In a source tree it builds first; with a folder made
# by scripts/gpu_bundle.sh it needs neither compiler, packages nor network. Every step is on disk when it
# ends, so a run that is killed goes on where it was; --help says how. Steps of another program, commit or GPU
# are put aside.
set -uo pipefail

usage() {
  cat <<'TEXT'
usage: scripts/verify_gpu.sh [OPTION...]

  --program DIR      a folder made by scripts/gpu_bundle.sh (default where this script lies in one)
  --stage NAME|next  one stage, or what is next, for at most 9 minutes
  --list             stages, their steps and how far they are
  --quick            an incomplete look in minutes
  --skip-training
  --results DIR      where steps are kept; default: results in DIR, or build/gpu/report
  --output FILE      the report
  --again            forgets the steps that are there

Exit codes: 0 all passed; 1 steps failed; 75 steps are left, the same command goes on with them;
69 no GPU, or nothing to build with.
TEXT
}

die() { # CODE MESSAGE
  echo "verify_gpu: $2" >&2
  exit "$1"
}

quick=0 training=1 program_dir="" stage="" list=0 results="" again=0 report=""
while [ $# -gt 0 ]; do
  case "$1" in
    --quick) quick=1 ;;
    --skip-training) training=0 ;;
    --list) list=1 ;;
    --again) again=1 ;;
    --program | --stage | --results | --output)
      [ $# -ge 2 ] || die 2 "$1 needs a value; --help shows all"
      case "$1" in
        --program) program_dir=$(realpath -m "$2") ;;
        --stage) stage=$2 ;;
        --results) results=$(realpath -m "$2") ;;
        --output) report=$(realpath -m "$2") ;;
      esac
      shift
      ;;
    -h | --help) usage && exit 0 ;;
    *) die 2 "unknown argument '$1'; --help shows all" ;;
  esac
  shift
done

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/verify_gpu_steps.sh
. "$scripts/verify_gpu_steps.sh"
# shellcheck source=scripts/verify_gpu_owner.sh
. "$scripts/verify_gpu_owner.sh"
[ -n "$program_dir" ] || [ ! -e "$scripts/../files.tar.gz" ] || program_dir=$(dirname "$scripts")
stages=(start build tests memcheck racecheck synccheck initcheck training bench cpu)
nvcc="" cudnn="" dataset=fashion-mnist
if [ -n "$program_dir" ]; then
  [ -x "$program_dir/run" ] || die 66 "no program in $program_dir; scripts/gpu_bundle.sh makes such a folder"
  where=folder home=$program_dir program=$program_dir/dropmuon
  [ -e "$home/data/fashion-mnist" ] || [ ! -e "$home/data/mnist" ] || dataset=mnist
  cd "$home" || exit
else
  where=tree
  cd "$scripts/.." || exit
  home=$PWD/build/gpu program=$PWD/build/gpu/dropmuon
fi
results=${results:-$home/$([ $where = folder ] && echo results || echo report)}
report=${report:-$results/report.txt}
case " ${stages[*]} next  " in
  *" $stage "*) ;;
  *) die 2 "--stage '$stage': expected next or one of ${stages[*]}" ;;
esac

gpu=$(nvidia-smi --query-gpu=name,compute_cap --format=csv,noheader 2>/dev/null) || gpu=""
gpu=${gpu%%$'\n'*}
[ -n "$gpu" ] || [ $list = 1 ] || die 69 "no GPU: nvidia-smi is missing or finds none"
toolkit=${CUDA_PATH:-/usr/local/cuda}
if [ $where = tree ]; then
  nvcc=$(command -v nvcc || first_file "$toolkit/bin/nvcc") ||
    die 69 "nvcc is missing; put the CUDA toolkit's bin folder into PATH or its root into CUDA_PATH"
  toolkit=$(dirname "$(dirname "$(readlink -f "$nvcc")")")
  wheels=$(python3 -c 'import site; print(" ".join([*site.getsitepackages(), site.getusersitepackages()]))' 2>/dev/null)
  # shellcheck disable=SC2046,SC2086  # several folders
  cudnn=$(first_file "${CUDNN_INCLUDE_DIR:-/nowhere}/cudnn_version.h" "$toolkit"/include/cudnn_version.h \
    "$toolkit"/targets/*/include/cudnn_version.h /usr/include/cudnn_version.h /usr/include/*/cudnn_version.h \
    $(printf '%s/nvidia/cudnn/include/cudnn_version.h ' $wheels)) ||
    die 69 "cuDNN's headers are missing; CUDNN_INCLUDE_DIR names their folder"
fi
sanitizer=$(command -v compute-sanitizer || first_file "$toolkit"/bin/compute-sanitizer)
export where home program results quick gpu nvcc cudnn dataset sanitizer

steps=$results/steps
if [ $list = 0 ]; then
  mkdir -p "$results" || die 73 "cannot write into $results"
  take_lock
  [ $again = 0 ] || rm -rf "${steps:?}"
  put_aside_what_is_of_another
fi

# The steps of one stage, by add: the limit is in seconds; with a + a step cut by it goes on in the next try.
names=() limits=() lines=() commands=()

add() { # NAME LIMIT LINES COMMAND...: the last LINES lines of its output go into the report
  names+=("$1") limits+=("$2") lines+=("$3")
  commands+=("$(printf '%q ' "${@:4}")")
}

leave_out() { # NAME REASON
  add "$1" 0 0 "$2"
}

declare -A known=()

find_files() { # PROGRAM [FILTER]: sets files to the files that have such tests, as tags; "" if it cannot tell
  if [ -z "${known[$*]:-}" ]; then
    known[$*]=$(test_program "$1" -# --list-tags "${@:2}" 2>/dev/null 9>&- | grep -o '\[#[^]]*\]')
  fi
  files=${known[$*]}
}

plan_sanitizer() { # TOOL
  local file files agreement="CPU and GPU*"
  if [ -z "$sanitizer" ]; then
    leave_out "$1" "compute-sanitizer is not installed (it comes with the CUDA toolkit)"
    return
  fi
  [ "$quick" = 0 ] || [ "$1" = memcheck ] || return
  # One piece per file of tests: all of them in one go take longer than some machines give.
  find_files test_kernels
  for file in ${files:-'*'}; do
    add "$1 of kernels $(tr -d '[]#' <<<"$file")" 480+ 6 sanitize "$1" test_kernels -# "$file"
  done
  [ "$1" != initcheck ] && [ "$quick" = 0 ] || return # what it finds inside cuDNN and cuBLAS is not ours
  find_files test_cuda "$agreement"                   # the other files have none, which would be a failure
  for file in ${files:-''}; do
    add "$1 of the backend${file:+ $(tr -d '[]#' <<<"$file")}" 480+ 6 sanitize "$1" test_cuda -# "$agreement$file"
  done
}

plan_training() {
  local precision
  if [ "$training" = 0 ]; then
    leave_out training "--skip-training"
    return
  fi
  add data 480 5 data
  for precision in fp32 bf16; do
    if [ "$quick" = 1 ]; then
      add "training in $precision, quick" 480+ 25 race "$precision" 1 0.80 0.75
    else
      add "training in $precision" 480+ 25 race "$precision" 5 0.92 0.90
    fi
  done
}

plan() { # STAGE: what --quick does in another way has another name, or one would count for the other
  local room config precision graphs mode=""
  [ "$quick" = 0 ] || mode=", quick"
  names=() limits=() lines=() commands=()
  case "$1" in
    start) add system 60 80 system ;;
    build)
      [ $where = tree ] || { add info 120 20 "$program" info && return; }
      add packages 480+ 5 packages
      add configure 480 15 configure
      add build 480+ 15 build
      add info 120 20 "$program" info
      ;;
    tests)
      for room in kernels backend engine optim training cuda; do
        add "tests of $room" 480+ 30 tests "test_$room" "~[cpu]"
      done
      ;;
    memcheck | racecheck | synccheck | initcheck) plan_sanitizer "$1" ;;
    training) plan_training ;;
    bench)
      for config in muon paper; do
        for precision in fp32 tf32 bf16; do
          for graphs in true false; do
            [ "$quick" = 1 ] && [ "$graphs" = false ] && continue
            add "bench of $config in $precision, graphs $graphs$mode" 300 40 bench "$config" "$precision" "$graphs"
          done
        done
      done
      ;;
    cpu)
      [ $where = tree ] && [ "$quick" = 0 ] || return 0
      for room in core dataset config experiments cli; do
        add "ordinary tests of $room" 480 40 room "$room"
      done
      ;;
  esac
}

# shellcheck source=scripts/verify_gpu_run.sh
. "$scripts/verify_gpu_run.sh"
