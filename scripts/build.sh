#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Configures and builds one CMake preset into build/<preset>: scripts/build.sh [PRESET] [TARGET...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case "${1:-}" in
  -h | --help)
    echo "usage: scripts/build.sh [PRESET, default: release] [TARGET...]   (presets: cmake --list-presets)"
    exit
    ;;
esac
preset=${1:-release}
[ $# -eq 0 ] || shift
cmake --preset "$preset"
if [ $# -gt 0 ]; then
  cmake --build --preset "$preset" --target "$@"
else
  cmake --build --preset "$preset"
fi
