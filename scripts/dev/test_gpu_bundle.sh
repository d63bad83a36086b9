#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Starts the folder that scripts/gpu_bundle.sh makes on another release of Debian with nothing installed and no
# CUDA library: it shows itself, trains on its own data on the CPU, and device=cuda ends with 69 and one line.
# usage (as root): scripts/dev/test_gpu_bundle.sh [FOLDER, default: build/gpu-bundle]; SUITE=trixie (the default)
# Exit 77: this machine cannot try it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
case "${1:-}" in
  -h | --help) echo "usage: scripts/dev/test_gpu_bundle.sh [FOLDER, default: build/gpu-bundle]; SUITE=trixie" && exit ;;
esac
folder=${1:-build/gpu-bundle} suite=${SUITE:-trixie}

stop() { # CODE MESSAGE
  echo "test_gpu_bundle: $2" >&2
  exit "$1"
}

[ -x "$folder/run" ] || stop 66 "no folder for a GPU machine at $folder; scripts/gpu_bundle.sh makes it"
[ "$(id -u)" = 0 ] || stop 77 "skipped: only root can make and enter another root"
command -v debootstrap >/dev/null || stop 77 "skipped: debootstrap is not installed"
[ -e "/usr/share/debootstrap/scripts/$suite" ] || stop 77 "skipped: this debootstrap does not know $suite"
unshare --mount true 2>/dev/null || stop 77 "skipped: no mount namespace can be made here"

# Where this machine's own packages come from, if it is a Debian.
mirror=$(cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null |
  awk '/^URIs:/ {print $2; exit} /^deb / {for (i = 2; i <= NF; i++) if ($i ~ /:\/\//) {print $i; exit}}') || true
root=$(mktemp -d /var/tmp/gpu-bundle-root.XXXXXX)
trap 'rm -rf --one-file-system "$root"' EXIT
echo "== a minimal $suite"
debootstrap --variant=minbase "$suite" "$root" ${mirror:+"$mirror"} >"$root.log" 2>&1 ||
  { tail -n 3 "$root.log" >&2 && rm -f "$root.log" && stop 77 "skipped: debootstrap could not make $suite"; }
rm -f "$root.log"
cp -r "$folder" "$root/opt/bundle"

inside() { # COMMAND...: in the folder, with neither this machine's environment nor its mounts
  # shellcheck disable=SC2016  # for the inner shell
  unshare --mount --pid --fork --kill-child bash -c '
    mount --make-rprivate / && mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && mount -t tmpfs tmpfs "$1/tmp"
    exec chroot "$1" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin bash -c "cd /opt/bundle && exec \"\$@\"" - "${@:2}"
  ' - "$root" "$@"
}

failures=0
expect() { # CODE PATTERN COMMAND...: its output has the pattern, and is one line where the code is 69
  local code=0 text
  echo "== ${*:3}"
  text=$(inside "${@:3}" 2>&1) || code=$?
  tail -n 12 <<<"$text"
  if [ "$code" != "$1" ]; then
    echo "FAILED: exit code $code, expected $1"
  elif ! grep -Eq -- "$2" <<<"$text"; then
    echo "FAILED: the output does not have '$2'"
  elif [ "$1" = 69 ] && [ "$(wc -l <<<"$text")" != 1 ]; then
    echo "FAILED: more than one line"
  else
    return 0
  fi
  failures=$((failures + 1))
}

data=$(cd "$folder/data" 2>/dev/null && echo *) || data=""
library='lib(cublas|cublasLt|cudnn)[^ ]* not found on this machine'
inside sed -n 's/^PRETTY_NAME=//p' /etc/os-release
expect 0 "$library" ./dropmuon info
if [ -n "$data" ]; then
  small=("data.dataset=$data" data.root=data runs_dir=/tmp/runs 'model.channels=[4, 4, 4]' data.train_limit=6000 train.epochs=1 train.batch_size=512)
  expect 0 'done after 11 steps' ./dropmuon train "configs/$data/muon.yaml" "${small[@]}" device=cpu
  expect 69 "$library" ./dropmuon train "configs/$data/muon.yaml" "${small[@]}" device=cuda
else
  echo "not tried: training, for the folder carries no data"
  expect 69 "$library" ./dropmuon bench configs/fashion-mnist/muon.yaml device=cuda
fi
expect 69 "$library" ./run test_cuda
[ "$failures" = 0 ] || stop 1 "failed: $failures"
echo "test_gpu_bundle: passed on $suite"
