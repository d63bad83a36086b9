#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# clang-tidy over src/, or over the named files: scripts/dev/tidy.sh [FILE...]. Needs a release build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
case "${1:-}" in -h | --help) echo "usage: scripts/dev/tidy.sh [FILE...]" && exit ;; esac
tidy=${CLANG_TIDY:-clang-tidy-14}
command -v "$tidy" >/dev/null || {
  echo "tidy: $tidy is not here; run scripts/install_packages.sh tidy" >&2
  exit 69
}
[ -f build/release/compile_commands.json ] || {
  echo "tidy: build/release/compile_commands.json is missing; run scripts/build.sh" >&2
  exit 66
}
# CUDA sources are left out: a build without nvcc has no compile command for them.
{ [ $# -eq 0 ] && find src -name '*.cpp' -not -path 'src/backend/cuda/*' -print0 || printf '%s\0' "$@"; } |
  xargs -0 -r -n 1 -P "$(nproc)" "$tidy" -p build/release --quiet
