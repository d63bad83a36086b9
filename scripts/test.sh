#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Everything a change must pass, from a bare Debian 12 up: packages, release build and all tests, then
# the tests under AddressSanitizer + UBSan, then the threaded rooms under ThreadSanitizer. Where the
# CUDA headers are, the CUDA backend is tested on the CPU; where nvcc is, it is compiled for GPUs.
# DROPMUON_TEST_QUICK=1 stops after the release tests. At the end each group is told with its cost;
# the last line counts passed, failed, skipped.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

usage() {
  cat <<'END'
usage: scripts/test.sh [--long]
Everything a change must pass: packages, builds, all tests, also under sanitizers.
  --long   the tortures at full length (a short form of each otherwise), and every mode of the
           CUDA harness (ctest's label `long`)
  --help   this text
DROPMUON_TEST_QUICK=1 stops after the release tests.
END
}

left_out=long
export DROPMUON_TEST_LONG=0  # tests/support/long_run.h
case $# in
  0) ;;
  1)
    case $1 in
      --long) left_out=none DROPMUON_TEST_LONG=1 ;;
      --help | -h) usage && exit ;;
      *) usage >&2 && exit 2 ;;
    esac
    ;;
  *) usage >&2 && exit 2 ;;
esac

jobs=$(nproc)
passed=0 failed=0 skipped=0
costs=()  # PRESET:build|tests=SECONDS

say() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }

finish() {
  say "costs"
  scripts/dev/test_costs.py "${costs[@]}" || failed=$((failed + 1))
  say "done"
  printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit
}

build() {  # PRESET [TARGET...]
  say "build $1"
  local log="build/$1.log" start=$SECONDS code=0
  mkdir -p build
  rm -f "build/$1.junit.xml"  # of a run before
  { cmake --preset "$1" -DDROPMUON_UNITY_TESTS=ON && scripts/build.sh "$@"; } >"$log" 2>&1 || code=$?
  costs+=("$1:build=$((SECONDS - start))")
  [ "$code" -ne 0 ] || return 0
  tail -n 40 "$log"
  failed=$((failed + 1))
  finish
}

attribute() {  # NAME FILE: a number of ctest's JUnit summary
  sed -n "s/.*[[:space:]]$1=\"\([0-9]*\)\".*/\1/p; /[[:space:]]$1=/q" "$2"
}

run_tests() {  # PRESET [CTEST OPTION...]; one test more than processors, as many wait and sleep
  say "test $1"
  local preset=$1 summary="$PWD/build/$1.junit.xml" start=$SECONDS tests bad quiet
  shift
  ctest --preset "$preset" -j "$((jobs + 1))" --no-tests=error --progress --output-junit "$summary" "$@"
  costs+=("$preset:tests=$((SECONDS - start))")
  if [ ! -s "$summary" ]; then
    failed=$((failed + 1))
    return
  fi
  tests=$(attribute tests "$summary") bad=$(attribute failures "$summary")
  quiet=$(($(attribute skipped "$summary") + $(attribute disabled "$summary")))
  passed=$((passed + tests - bad - quiet)) failed=$((failed + bad)) skipped=$((skipped + quiet))
}

without() {  # WHAT: a part of the checks that this machine has no means for
  echo "test: $1"
  skipped=$((skipped + 1))
}

scripts/install_packages.sh build data test || exit

build release
grep -q '^DROPMUON_CUDA_HEADERS:.*=/' build/release/CMakeCache.txt ||
  without "the CUDA headers are not here, so the CUDA backend was not tested"
grep -q '^CMAKE_CUDA_COMPILER:' build/release/CMakeCache.txt ||
  without "nvcc is not here, so nothing was compiled for GPUs"
run_tests release -LE "^$left_out\$"
[ "${DROPMUON_TEST_QUICK:-0}" != 1 ] || finish

# Unoptimised kernels under a sanitizer are slow, and the other checks gain nothing from it.
build asan
run_tests asan -LE "^(static|slow|$left_out)\$"

if scripts/install_packages.sh sanitize; then
  rooms=(backend engine optim dataset training)
  build tsan "${rooms[@]/#/test_}"
  run_tests tsan -R "^($(IFS='|'; echo "${rooms[*]}")):" -LE "^(slow|$left_out)\$"
else
  without "clang-19 is not to be had here, so nothing ran under ThreadSanitizer"
fi
finish
