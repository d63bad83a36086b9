#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Which of two configurations reaches a target sooner, and how sure that is. Trains both with the same
# seeds, one run at a time in the order A B B A A B .., so that a machine that slows down slows both;
# then compares them, A being the baseline. The clock is the trainer's: evaluation, logging and saving
# do not count. The same command again goes on where it was, and with more seeds adds the missing ones.
set -euo pipefail
home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/path_text.sh
. "$home/scripts/path_text.sh"

usage() {
  cat <<'TEXT'
usage: scripts/wallclock.sh CONFIG_A CONFIG_B [OPTION...] [KEY=VALUE...]

  --seeds N              seeds 0 .. N-1 for each (default 5)
  --target METRIC=VALUE  train/accuracy, test/accuracy, train/loss or test/loss; default: that of the configs
  --report FILE.html     write a report too (needs python3-matplotlib)
  --name NAME            folder of the runs below runs_dir; default: the names of the two configurations
  --program FILE         default: build/release/dropmuon
  KEY=VALUE              for all runs; runs_dir=FOLDER says where they go

A run ends at its target; train.target.stop_at_target=false trains on to the end. What is between two
evaluations is not seen: train.eval_every_steps=N looks more often.

example: scripts/wallclock.sh configs/fashion-mnist/muon.yaml configs/fashion-mnist/drop_muon.yaml \
           --target train/accuracy=0.92 --seeds 5 train.eval_every_steps=20 --report report.html
TEXT
}

die() { # CODE MESSAGE
  echo "wallclock: $2" >&2
  exit "$1"
}

shown() { # TEXT, in one line for a message
  printf "'%s'" "$(LC_ALL=C tr '[:cntrl:]' '?' <<<"$1" | sed 's/?$//')"
}

configs=() overrides=()
seeds=5 target="" report="" name="" runs_dir=runs program=$home/build/release/dropmuon
while [ $# -gt 0 ]; do
  case "$1" in
    --seeds | --target | --report | --name | --program)
      [ $# -ge 2 ] || die 2 "$1 needs a value; --help shows an example"
      printf -v "${1#--}" %s "$2"
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    -*) die 2 "unknown option '$1'; --help shows all" ;;
    runs_dir=*) runs_dir=${1#*=} ;;
    seed=*) die 2 "$1: --seeds N trains seeds 0 .. N-1" ;;
    name=*) die 2 "$1: the folder's name is --name" ;;
    *=*) overrides+=("$1") ;;
    *) configs+=("$1") ;;
  esac
  shift
done
[ ${#configs[@]} -eq 2 ] || die 2 "expected two configurations, found ${#configs[@]}; --help shows an example"
for i in 0 1; do
  case "${configs[i]}" in # others keep every letter, a line break at the end too
    "~"* | *'$'*) configs[i]=$(expanded_path "${configs[i]}") || die 2 "${configs[i]}" ;;
  esac
done
report=$(expanded_path "$report") || die 2 "--report $report"
program=$(expanded_path "$program") || die 2 "--program $program"
runs_dir=$(expanded_path "$runs_dir") || die 2 "runs_dir=$runs_dir"
[[ $seeds =~ ^[1-9][0-9]{0,3}$ ]] || die 2 "--seeds '$seeds': expected a whole number from 1 to 9999"
[[ -z $name || $name =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$ ]] ||
  die 2 "--name $(shown "$name"): expected 1 to 100 letters, digits, _ - . that do not begin with - or ."
case "$target" in
  "" | train/accuracy=[0-9.]* | test/accuracy=[0-9.]* | train/loss=[0-9.]* | test/loss=[0-9.]*) ;;
  *) die 2 "--target '$target': expected METRIC=VALUE with METRIC one of train/accuracy, test/accuracy, train/loss, test/loss" ;;
esac
[ -x "$program" ] || die 66 "no program at $program; run scripts/build.sh or name it with --program"
if [ -n "$report" ]; then
  [ -d "$(dirname "$report")" ] || die 73 "--report $report: there is no folder $(dirname "$report")"
  /usr/bin/python3 -c 'import matplotlib' 2>/dev/null ||
    die 69 "--report needs matplotlib; run scripts/install_packages.sh plot"
fi

settings=("${overrides[@]}")
metric=${target%%=*}
[ -z "$target" ] || settings=("train.target.metric=${metric/\//_}" "train.target.value=${target#*=}"
  "${settings[@]}")
resolved=()
for config in "${configs[@]}"; do # a mistake in a configuration is told here, before anything is made
  resolved+=("$("$program" config show "$config" "${settings[@]}" "runs_dir=$runs_dir")") || exit
done
[ ! "${configs[0]}" -ef "${configs[1]}" ] ||
  die 2 "the two configurations are the same file"
for text in "${resolved[@]}"; do
  ! grep -qx '  target: null' <<<"$text" ||
    die 2 "no target to reach: give --target METRIC=VALUE, such as test/accuracy=0.9"
done

name_in() { # CONFIGURATION'S TEXT
  sed -n 's/^name: *//p' <<<"$1" | tr -d "'\""
}

# What the runs of a configuration are called: the letters of its file's name that a case may have, at
# most 60 of them, or OTHERWISE if none is left.
case_of() { # FILE OTHERWISE
  local name
  name=${1##*/}
  name=$(printf %s "${name%.yaml}" | LC_ALL=C tr -cs 'A-Za-z0-9_.-' -)
  name=${name#"${name%%[A-Za-z0-9_]*}"}
  name=${name:0:60}
  echo "${name:-$2}"
}

if [ -z "$name" ]; then
  a=$(name_in "${resolved[0]}") b=$(name_in "${resolved[1]}")
  name=${a:0:48}-vs-${b:0:48} # a folder's name may have 100 letters
fi
cases=("$(case_of "${configs[0]}" a)" "$(case_of "${configs[1]}" b)")
[ "${cases[0]}" != "${cases[1]}" ] || cases=("a-${cases[0]:0:58}" "b-${cases[1]:0:58}")
folder=$runs_dir/$name

quoted() { # TEXT, for YAML
  printf "'%s'" "${1//"'"/"''"}"
}

# The whole path of a configuration as YAML; a line break, tab or the like has to be written as code.
path_of() { # FILE
  local path letter i
  path=$(realpath -- "$1" && echo .)
  path=${path%$'\n.'}
  if [[ $path != *[[:cntrl:]]* ]]; then
    quoted "$path"
    return
  fi
  printf '"'
  for ((i = 0; i < ${#path}; i++)); do
    letter=${path:i:1}
    case "$letter" in
      [[:cntrl:]]) printf '\\u%04x' "'$letter" ;;
      '"' | "\\") printf '\\%s' "$letter" ;;
      *) printf %s "$letter" ;;
    esac
  done
  printf '"'
}

definition() {
  echo "# Written by scripts/wallclock.sh; read by: dropmuon sweep THIS_FILE ${settings[*]}"
  echo "name: $(quoted "$name")"
  echo "runs_dir: $(quoted "$runs_dir")"
  echo "cases:"
  local i
  for i in 0 1; do
    echo "  $(quoted "${cases[i]}"): {base: $(path_of "${configs[i]}")}"
  done
  echo "seeds: $seeds"
}

# In the background, so that a signal to this script reaches the sweep, which stops its run in order.
sweep() {
  local child interrupted=yes code
  "$program" sweep "$folder/wallclock.yaml" -j 1 "${settings[@]}" &
  child=$!
  trap 'interrupted=yes' INT # a terminal sends it to the sweep as well
  trap 'interrupted=yes; kill -TERM "$child" 2>/dev/null' TERM
  while [ "$interrupted" = yes ]; do
    interrupted=no code=0
    wait "$child" || code=$?
  done
  trap - INT TERM
  return "$code"
}

definition | iconv -f UTF-8 -t UTF-8 >/dev/null 2>&1 ||
  die 2 "the path of a configuration is no UTF-8 text, which a sweep file must be: rename the file or its folder"
{ mkdir -p "$folder" && definition >"$folder/wallclock.yaml"; } 2>/dev/null || die 73 "cannot write into $folder"
sweep || exit

runs=()
for case in "${cases[@]}"; do
  for ((seed = 0; seed < seeds; seed++)); do
    runs+=("$folder/$case-seed=$seed")
  done
done
"$program" compare "${runs[@]}"
[ -z "$report" ] || /usr/bin/python3 "$home/scripts/report.py" "${runs[@]}" -o "$report" --program "$program"
