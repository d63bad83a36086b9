# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Whose the results of scripts/verify_gpu.sh are: which call works on them (the lock), and which program, commit
# and GPU they tell of (<results>/steps/of).
# shellcheck disable=SC2154  # the variables are verify_gpu.sh's

holds_lock() { # PROCESS
  [ "/proc/$1/fd/9" -ef "$results/lock" ]
}

# The steps whose call was killed: timeout keeps the lock for them, but its parent does not.
orphans() {
  local at process parent
  for at in /proc/[0-9]*; do
    process=${at#/proc/}
    holds_lock "$process" && [ "$(cat "$at/comm" 2>/dev/null)" = timeout ] || continue
    parent=$(sed -n 's/^PPid:[^0-9]*//p' "$at/status" 2>/dev/null)
    [ -z "$parent" ] || holds_lock "$parent" || echo "$process"
  done
}

end_orphans() {
  local process waited
  for process in $(orphans 9>&-); do
    echo "verify_gpu: ends the step that a killed call has left at work (process $process)"
    kill "$process"
    for ((waited = 0; waited < 80; waited++)); do
      holds_lock "$process" || break
      sleep 0.1
    done
    kill -KILL -- "-$process" 2>/dev/null
  done
}

take_lock() {
  { exec 9>>"$results/lock"; } 2>/dev/null || die 73 "cannot write into $results"
  end_orphans
  ! command -v flock >/dev/null || flock -w 1 9 || die 73 "another verify_gpu.sh is at work in $results"
}

hash_of() { sha256sum | cut -c 1-16; }

owner() { # what results tell of, one line each
  local places=(CMakeLists.txt CMakePresets.json cmake configs include kernels scripts src tests)
  [ -z "$gpu" ] || echo "GPU: $gpu"
  if [ "$where" = folder ]; then
    echo "commit: $(sed -n 's/.*commit \([^,]*\),.*/\1/p' "$home/versions.txt")"
    echo "program: $(cat "$home/versions.txt" "$home/run" "$home/files.tar.gz" 2>/dev/null | hash_of)"
    return
  fi
  echo "commit: $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
  echo "sources: $(find "${places[@]}" -type f ! -name '*.pyc' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | hash_of)"
  [ ! -x "$program" ] || echo "program: $(hash_of <"$program")"
}

# Prints what differs; 1: nothing, or there are no results. What is known only now, such as the program just
# built, is no difference.
of_another() {
  local now line differs=1
  [ -e "$steps" ] || return
  [ -e "$steps/of" ] || { echo "an earlier version of this script" && return; }
  now=$(owner)
  while IFS= read -r line; do
    [ -n "$gpu" ] || [ "${line%%:*}" != GPU ] || continue
    grep -Fxq -e "$line" <<<"$now" && continue
    [ "$differs" = 1 ] || printf ', '
    printf 'another %s (%s, now %s)' "${line%%:*}" "${line#*: }" "$(sed -n "s/^${line%%:*}: //p" <<<"$now")"
    differs=0
  done <"$steps/of"
  return "$differs"
}

put_aside_what_is_of_another() {
  local what aside
  if what=$(of_another 9>&-); then
    aside=$steps-$(date -u +%Y%m%dT%H%M%SZ)
    mv "$steps" "$aside" || exit 73
    echo "verify_gpu: the steps that are there are of $what; they are now in $aside, and all run anew"
  fi
  mkdir -p "$steps" && owner >"$steps/of.new" && mv "$steps/of.new" "$steps/of" || die 73 "cannot write into $steps"
}
