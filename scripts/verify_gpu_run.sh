# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# How scripts/verify_gpu.sh runs its plan: one step after the other, each with a limit and a file of its own
# that says how it ended (<results>/steps/<name>.state: "STATE SECONDS REASON"), and the report made of them.
# shellcheck disable=SC2154  # the plan is verify_gpu.sh's

at_most=${VERIFY_GPU_STAGE_SECONDS:-540} # of a --stage, so that a machine lent for ten minutes suffices
least=$((at_most / 9))                   # a step is not begun for less

file_of() { # NAME
  echo "$steps/${1//[^A-Za-z0-9_]/-}"
}

state_of() { # NAME: todo, running, cut, passed, failed, or left-out
  local state=todo
  [ ! -e "$(file_of "$1").state" ] || read -r state _ <"$(file_of "$1").state"
  echo "$state"
}

is_over() { # STATE
  case "$1" in passed | failed | left-out) true ;; *) false ;; esac
}

record() { # NAME STATE SECONDS REASON
  local file
  file=$(file_of "$1").state
  printf '%s %s %s\n' "$2" "$3" "$4" >"$file.new" && mv "$file.new" "$file"
  printf '== %s: %s%s (%d s)\n' "$1" "$2" "${4:+, $4}" "$3"
}

at_work="" # the index of the step that runs
child=""

number_in() { # FILE
  cat "$1" 2>/dev/null || echo 0
}

# A step has a group of processes of its own, which no signal for this script reaches.
end_with_the_step() {
  trap '' INT TERM HUP
  if [ -n "$child" ]; then
    kill "$child" 2>/dev/null && wait "$child"
    record "${names[at_work]}" cut 0 "by a signal"
  fi
  echo "verify_gpu: ended by a signal; the same command goes on" >&2
  exit 75
}
trap end_with_the_step INT TERM HUP

# 0: steps that were at work when an earlier call was killed may be the reason for it, so not more than twice.
may_run() { # NAME
  local kills
  [ "$(state_of "$1")" = running ] || return 0
  kills=$(($(number_in "$(file_of "$1").kills") + 1))
  echo "$kills" >"$(file_of "$1").kills"
  if [ "$kills" -ge 2 ]; then
    record "$1" failed 0 "it was killed from outside twice"
    return 1
  fi
  record "$1" cut 0 "by a kill from outside"
}

# 1: no time is left for it.
run_step() { # INDEX
  local name=${names[$1]} limit=${limits[$1]%+} goes_on="" code=0 began=$SECONDS took given file step
  file=$(file_of "$name")
  [ "${limits[$1]}" = "$limit" ] || goes_on=yes
  if [ "$limit" = 0 ]; then
    eval "record \"\$name\" left-out 0 ${commands[$1]}"
    return
  fi
  may_run "$name" || return 0
  given=$limit
  if [ -n "$stage" ] && [ $((at_most - SECONDS)) -lt "$given" ]; then
    given=$((at_most - SECONDS))
    [ "$given" -ge "$least" ] || return 1
  fi
  tries=$(($(number_in "$file.tries") + 1)) step=$file
  echo "$tries" >"$file.tries"
  record "$name" running 0 ""
  export tries step
  at_work=$1
  # In the background, for a signal is not seen before a command in the foreground ends; as a job (-m), for
  # others ignore SIGINT. timeout keeps the lock as long as the step runs, whatever becomes of this script.
  set -m
  # shellcheck disable=SC2016  # for the inner shell
  eval "timeout -k 5 $given bash -c 'exec 9>&-; . \"\$0\"; \"\$@\"' '$scripts/verify_gpu_steps.sh' ${commands[$1]} &" \
    >"$file.log" 2>&1 </dev/null
  child=$!
  set +m
  wait "$child" || code=$?
  child="" took=$((SECONDS - began))
  case "$code" in 124 | 137) [ "$took" -lt $((given - 1)) ] || code=limit ;; esac
  case "$code" in
    0) record "$name" passed "$took" "" ;;
    limit)
      if [ "$given" -lt "$limit" ] || { [ -n "$goes_on" ] && [ "$tries" -lt 20 ]; }; then
        record "$name" cut "$took" "by the end of the time, and goes on in the next try"
      else
        record "$name" failed "$took" "killed at its limit of $limit s"
      fi
      ;;
    *)
      record "$name" failed "$took" "exit code $code"
      tail -n 5 "$file.log"
      ;;
  esac
}

# 1: steps are left for want of time.
run_stage() { # STAGE
  local i
  plan "$1"
  for i in "${!names[@]}"; do
    ! is_over "$(state_of "${names[i]}")" || continue
    if [ "$1" != build ] && [ "$1" != start ] && [ "$(state_of info)" = failed ]; then
      record "${names[i]}" left-out 0 "there is no program"
      continue
    fi
    run_step "$i" || return
    while [ -z "$stage" ] && [ "$(state_of "${names[i]}")" = cut ]; do
      run_step "$i"
    done
    [ "$(state_of "${names[i]}")" != cut ] || return
  done
  [ "$1" != build ] || owner >"$steps/of" # there is a program now
}

show_list() {
  local one i
  for one in "${stages[@]}"; do
    plan "$one"
    for i in "${!names[@]}"; do
      printf '%-10s %-45s %s\n' "$one" "${names[i]}" "$(cat "$(file_of "${names[i]}").state" 2>/dev/null || echo todo)"
    done
  done
}

write_report() { # sets passed, failed, left_out, unfinished
  local one i state seconds reason
  passed=0 failed=() left_out=() unfinished=()
  echo "dropmuon on $gpu, $(date -u '+%Y-%m-%d %H:%M UTC')$([ "$quick" = 0 ] || echo ', --quick')"
  cat "$steps/of"
  echo "Predictions of docs/kernel_costs.md are for an H100; \"times\" is measured over predicted."
  for one in "${stages[@]}"; do
    plan "$one"
    for i in "${!names[@]}"; do
      state=todo seconds=0 reason=""
      [ ! -e "$(file_of "${names[i]}").state" ] || read -r state seconds reason <"$(file_of "${names[i]}").state"
      printf '\n## %s: %s%s (%s s)\n\n' "${names[i]}" "$state" "${reason:+, $reason}" "$seconds"
      [ ! -e "$(file_of "${names[i]}").log" ] || tail -n "${lines[i]}" "$(file_of "${names[i]}").log"
      case "$state" in
        passed) passed=$((passed + 1)) ;;
        failed) failed+=("${names[i]}") ;;
        left-out) left_out+=("${names[i]}") ;;
        *) unfinished+=("${names[i]}") ;;
      esac
    done
  done
}

joined() { # NAME...
  printf '%s; ' "$@" | sed 's/; $//'
}

if [ "$list" = 1 ]; then
  of_another >/dev/null && steps=$results/none
  show_list
  exit
fi
chosen=("${stages[@]}")
[ -z "$stage" ] || [ "$stage" = next ] || chosen=("$stage")
for one in "${chosen[@]}"; do
  run_stage "$one"
  [ -z "$stage" ] || [ $((at_most - SECONDS)) -ge "$least" ] || break
done
write_report >"$report" || exit 73
summary="verify_gpu$([ "$quick" = 0 ] || echo ' --quick, an incomplete look'): $passed steps passed, ${#failed[@]} failed"
[ ${#failed[@]} -eq 0 ] || summary+=": $(joined "${failed[@]}")"
[ ${#left_out[@]} -eq 0 ] || summary+="; not run: $(joined "${left_out[@]}")"
[ ${#unfinished[@]} -eq 0 ] || summary+="; ${#unfinished[@]} left: the same command goes on"
printf '\n%s\n' "$summary" >>"$report"
echo "$summary; report: $report"
[ ${#unfinished[@]} -eq 0 ] || exit 75
[ ${#failed[@]} -eq 0 ]
