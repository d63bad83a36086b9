#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes a folder for a machine with an NVIDIA GPU that has neither compiler, packages nor network: program and
# tests for it, the libraries they need but glibc, cuBLAS and cuDNN, configurations, data. There:
#   ./dropmuon info                          starts with or without a GPU, and says why without
#   scripts/verify_gpu.sh --stage next       until it says that nothing is left
# Not portable: it needs an x86-64 Linux with a glibc no older than the one here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/path_text.sh
. scripts/path_text.sh

usage() {
  cat <<'TEXT'
usage: scripts/gpu_bundle.sh [--output DIR] [--arch LIST] [--data NAME] [--limit MIB]

  --output DIR  default: build/gpu-bundle; replaced if it is such a folder
  --arch LIST   CUDA architectures, e.g. "80;90" (default 90: H100, H200)
  --data NAME   fashion-mnist (default), mnist or none; from data/ or /usr/share/datasets
  --limit MIB   a bigger folder is an error (default 60)
TEXT
}

die() { # CODE MESSAGE
  echo "gpu_bundle: $2" >&2
  exit "$1"
}

output=build/gpu-bundle arch=90 data=fashion-mnist limit=60
while [ $# -gt 0 ]; do
  case "$1" in
    --output | --arch | --data | --limit)
      [ $# -ge 2 ] || die 2 "$1 needs a value; --help shows all"
      printf -v "${1#--}" %s "$2"
      shift
      ;;
    -h | --help) usage && exit 0 ;;
    *) die 2 "unknown argument '$1'; --help shows all" ;;
  esac
  shift
done
output=$(expanded_path "$output") || die 2 "--output $output"
[[ $limit =~ ^[1-9][0-9]*$ ]] || die 2 "--limit '$limit': expected a whole number of MiB"
[ ! -e "$output" ] || [ -e "$output/files.tar.gz" ] || die 73 "$output is there and was not made by this script"

source_of_data() { # NAME
  local folder
  for folder in data /usr/share/datasets; do
    [ ! -e "$folder/$1/train-images-idx3-ubyte.gz" ] || { echo "$folder/$1" && return; }
  done
  die 66 "no $1 as .gz files in data/ or /usr/share/datasets; scripts/get_data.sh $1 fetches it, --data none leaves it out"
}

build=build/bundle
tests=(kernels backend engine optim training cuda)
log=build/bundle.log
[ "$data" = none ] || from=$(source_of_data "$data")
mkdir -p build
echo "== build for sm_$arch; log: $log"
{
  cmake --preset release -B "$build" -DDROPMUON_NATIVE=OFF -DDROPMUON_CUDA=ON -DDROPMUON_GPU_TESTS=ON \
    -DDROPMUON_SIMT=OFF -DCMAKE_CUDA_ARCHITECTURES="$arch" &&
    cmake --build "$build" --target dropmuon dropmuon_cpu "${tests[@]/#/test_}"
} >"$log" 2>&1 || { tail -n 20 "$log" && die 70 "the build failed"; }

rm -rf "$output"
part=$(mktemp -d build/bundle-parts.XXXXXX)
trap 'rm -rf "$part"' EXIT
mkdir -p "$output/scripts/dev" "$output/tests" "$part/bin" "$part/lib"

programs=("$build/dropmuon" "$build/dropmuon_cpu" "${tests[@]/#/$build/tests/test_}")
for file in "${programs[@]}"; do
  strip -o "$part/bin/$(basename "$file")" "$file"
done

# Every library but glibc's own and CUDA's big ones.
libraries() {
  ldd "${programs[@]}" | awk '$2 == "=>" && $3 ~ /^\// {print $3}' | sort -u |
    grep -Ev '/(lib(c|m|dl|rt|pthread)\.so|libcublas|libcudnn|libcuda\.so|libnv)'
}
libraries | while read -r file; do
  strip --strip-unneeded -o "$part/lib/$(basename "$file")" "$(readlink -f "$file")"
done
tar -C "$part" -cf - bin lib | gzip -9 >"$output/files.tar.gz"

cp -r configs "$output/"
cp -r tests/golden "$output/tests/"
cp scripts/verify_gpu.sh scripts/verify_gpu_*.sh scripts/wallclock.sh scripts/path_text.sh "$output/scripts/"
cp scripts/dev/kernel_costs.py scripts/dev/step_costs.py "$output/scripts/dev/"
cp scripts/gpu_bundle_run.sh "$output/run"
# shellcheck disable=SC2016  # for the folder's own shell
printf '%s\n' '#!/usr/bin/env bash' '# The program, wherever this folder is.' \
  'exec "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/run" dropmuon "$@"' >"$output/dropmuon"
chmod +x "$output/run" "$output/dropmuon"
if [ "$data" != none ]; then
  mkdir -p "$output/data/$data"
  cp "$from"/*-ubyte.gz "$output/data/$data/"
fi

version_of_cudnn() {
  local folder
  folder=$(sed -n 's/^CUDNN_INCLUDE_DIR:[^=]*=//p' "$build/CMakeCache.txt")
  awk '/#define CUDNN_(MAJOR|MINOR|PATCHLEVEL) / {v = v (v == "" ? "" : ".") $3} END {print v}' "$folder/cudnn_version.h"
}
{
  echo "dropmuon, commit $(git describe --always --dirty 2>/dev/null || echo unknown), for sm_$arch, no -march=native"
  echo "made on $(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release); glibc here: $(getconf GNU_LIBC_VERSION)"
  c++ --version | head -n 1
  echo "CUDA $(sed -n 's/^set(CMAKE_CUDA_COMPILER_VERSION "\(.*\)")/\1/p' "$build"/CMakeFiles/*/CMakeCUDACompiler.cmake)"
  echo "cuDNN $(version_of_cudnn); data: $data"
  echo "libraries carried: $(cd "$part/lib" && echo ./*)"
} >"$output/versions.txt"

bytes=$(du -sb "$output" | cut -f 1)
echo "$output: $(((bytes + 1048575) / 1048576)) MiB, at most $limit allowed"
[ "$bytes" -le $((limit * 1048576)) ] || die 70 "the folder is too big; --data mnist or none, or fewer architectures, make it smaller"
