#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run PROGRAM [ARGUMENT...]: starts a program of the folder that scripts/gpu_bundle.sh makes, on a machine
# with nothing but bash, tar and gzip. Unpacks once, looks for cuBLAS and cuDNN where machines keep them, and
# takes the program without CUDA if they are missing. Exit 69: a test program that cannot do without them.
set -euo pipefail
home=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)

die() { # CODE MESSAGE
  echo "run: $2" >&2
  exit "$1"
}

private_folder() { # for what is started from it: nobody else may have put anything there
  local folder
  folder=${TMPDIR:-/tmp}/dropmuon-$(id -u)
  mkdir -m 700 "$folder" 2>/dev/null || true
  if [ ! -d "$folder" ] || [ -L "$folder" ] || [ ! -O "$folder" ] || [ "$(stat -c %a "$folder")" != 700 ]; then
    die 73 "$folder: expected a folder of yours with mode 700; remove it, or name another place with TMPDIR"
  fi
  echo "$folder"
}

# Sets files. The name has the archive's sum: a folder copied over an older one must not start the older program.
unpack() {
  local place=$home sum part other
  sum=$(cksum "$home/files.tar.gz" 2>/dev/null | cut -d ' ' -f 1,2 | tr ' ' -) || die 66 "cannot read $home/files.tar.gz"
  files=$place/files-$sum
  [ ! -d "$files" ] || return 0
  if [ ! -w "$place" ]; then
    place=$(private_folder) || exit
    files=$place/files-$sum
    [ ! -d "$files" ] || return 0
  fi
  part=$(mktemp -d "$place/.files.XXXXXX" 2>/dev/null) || die 73 "cannot write into $place"
  tar -oxzf "$home/files.tar.gz" -C "$part" 2>/dev/null ||
    { rm -rf "$part" && die 73 "cannot unpack $home/files.tar.gz into $place"; }
  chmod 755 "$part"
  mv -T "$part" "$files" 2>/dev/null || rm -rf "$part" # another one was sooner
  for other in "$home"/files "$home"/files-*; do
    [ "$place" != "$home" ] || [ "$other" = "$files" ] || rm -rf "$other"
  done
}

folders() { # where CUDA's libraries may be, best first: by hand, wheels, the toolkit
  local folder python
  tr : '\n' <<<"${LD_LIBRARY_PATH:-}"
  python=$(python3 -c 'import site; print("\n".join([*site.getsitepackages(), site.getusersitepackages()]))' 2>/dev/null) || true
  for folder in $python ${VIRTUAL_ENV:+"$VIRTUAL_ENV"/lib/python3*/site-packages} \
    /usr/local/lib/python3*/*-packages /opt/*/lib/python3*/site-packages; do
    printf '%s\n' "$folder"/nvidia/*/lib
  done
  printf '%s\n' ${CUDA_PATH:+"$CUDA_PATH"/lib64 "$CUDA_PATH"/lib} /usr/local/cuda/lib64 /usr/local/cuda/lib \
    /usr/local/cuda-*/lib64 /usr/local/cuda-*/targets/*/lib
}

missing() { # FILE: the libraries that it does not find, in one line
  { ldd "$1" 2>/dev/null || true; } | awk '/not found/ {names = names (names == "" ? "" : ", ") $1} END {print names}'
}

[ $# -gt 0 ] || die 2 "usage: run PROGRAM [ARGUMENT...]; dropmuon and the tests: ls files-*/bin"
program=$1
shift
unpack
[ -x "$files/bin/$program" ] || die 66 "no program '$program' in $files/bin"
search=$files/lib
while read -r folder; do
  case ":$search:" in
    *":$folder:"*) ;;
    *) [ -n "$folder" ] && [ -d "$folder" ] && search+=":$folder" ;;
  esac
done <<<"$(folders)"
export LD_LIBRARY_PATH=$search DROPMUON_TEST_SOURCE=$home DROPMUON_TEST_PROGRAM=$home/dropmuon
# shellcheck disable=SC2094  # ldd only reads
absent=$(missing "$files/bin/$program")
if [ -n "$absent" ]; then
  reason="$absent not found on this machine; LD_LIBRARY_PATH can name the folders"
  [ "$program" = dropmuon ] || die 69 "$program: $reason"
  export DROPMUON_WITHOUT_CUDA="$reason"
  program=dropmuon_cpu LD_LIBRARY_PATH=$files/lib
fi
# shellcheck disable=SC2086  # a command with its options, such as compute-sanitizer
exec ${DROPMUON_UNDER:-} "$files/bin/$program" "$@"
