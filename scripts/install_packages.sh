#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs the Debian packages of the named sections of scripts/packages.txt, those that are missing.
# Needs nothing but bash and apt. Exit 69: something is missing and this user cannot install it.
#   scripts/install_packages.sh build data test
set -euo pipefail
list="$(dirname "${BASH_SOURCE[0]}")/packages.txt"

packages_of() {  # one section's packages, a word each; fails if there is no such section
  local section="" found=1 line
  while read -r line || [ -n "$line" ]; do
    line="${line%%#*}"
    line="${line%"${line##*[![:space:]]}"}"
    case "$line" in
      "") ;;
      "["*"]") section="${line:1:-1}"; [ "$section" != "$1" ] || found=0 ;;
      *) [ "$section" != "$1" ] || printf '%s\n' "$line" ;;
    esac
  done <"$list"
  return "$found"
}

is_installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

apt_quietly() {  # says something only when it fails
  local output
  if ! output=$(DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" 2>&1 </dev/null); then
    printf '%s\n' "$output" >&2
    return 1
  fi
}

usage="usage: scripts/install_packages.sh SECTION...  (sections: see $list)"
[ $# -gt 0 ] || { echo "$usage"; exit 2; }
case "$1" in -h | --help) echo "$usage" && exit ;; esac
command -v apt-get >/dev/null || {
  echo "install_packages: no apt-get here; install what $list names with your package manager" >&2
  exit 69
}

missing=()
for section in "$@"; do
  packages=$(packages_of "$section") || { echo "install_packages: no section [$section] in $list" >&2; exit 2; }
  for package in $packages; do
    case " ${missing[*]-} " in *" $package "*) continue ;; esac
    is_installed "$package" || missing+=("$package")
  done
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "install_packages: missing packages; run: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 69
fi
echo "install_packages: installing ${missing[*]}"
# A fresh machine has no package lists, an old one stale lists: update only when it is needed.
apt_quietly install --no-install-recommends "${missing[@]}" 2>/dev/null && exit 0
apt_quietly update || { echo "install_packages: apt-get update failed" >&2; exit 69; }
apt_quietly install --no-install-recommends "${missing[@]}" || {
  echo "install_packages: could not install ${missing[*]}" >&2
  exit 69
}
