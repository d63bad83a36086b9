#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Formats the C++ and CUDA sources in place; with --check it only names the files that differ.
# The formatter is pinned: exit 77 if clang-format-14 is not here (CLANG_FORMAT names another).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
usage="usage: scripts/dev/format.sh [--check]"
case "${1:-}" in -h | --help) echo "$usage" && exit ;; esac
formatter=${CLANG_FORMAT:-clang-format-14}
command -v "$formatter" >/dev/null || {
  echo "format: $formatter is not here; run scripts/install_packages.sh test" >&2
  exit 77
}
sources() {
  find . -path ./build -prune -o -path './build-*' -prune -o -type f \
    \( -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' \) -print0
}
case "${1:-}" in
  "") sources | xargs -0 -r -n 8 -P "$(nproc)" "$formatter" --style=file -i ;;
  --check)
    different=$(sources | xargs -0 -r -n 8 -P "$(nproc)" "$formatter" --style=file --dry-run 2>&1 |
      sed -n 's/^\([^ :]*:[0-9]*\):.*-Wclang-format-violations.*/\1: not formatted/p' |
      sort -u -t: -k1,1)
    [ -z "$different" ] || {
      printf '%s\nformat: run scripts/dev/format.sh\n' "$different"
      exit 1
    } ;;
  *) echo "$usage" >&2; exit 2 ;;
esac
