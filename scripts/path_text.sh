#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Paths as people write them, for scripts that source this file: as include/dropmuon/core/path_text.h has it.

# Prints a path with its `~/` expanded. Of what only a shell would have expanded it prints why it is refused, and
# returns 2; a path that begins with ./ is meant as it stands.
expanded_path() { # TEXT
  local text=$1 home=${HOME:-} variable='\$[A-Za-z0-9_{]'
  if [[ $text != ./* && ($text =~ $variable || $text == '$('*) ]]; then
    echo "$text: variables of a shell are not expanded here; write the folder out"
    return 2
  fi
  case "$text" in
    "~" | "~/"*)
      if [[ -z $home ]]; then
        echo "$text: ~ means \$HOME, which is not set; write the folder out"
        return 2
      fi
      while [[ $home == *?/ ]]; do home=${home%/}; done
      text=${text#\~}
      [[ $home != / || -z $text ]] || home=""
      text=$home$text
      ;;
    "~"*)
      echo "$text: ~USER is not expanded here; write the folder out"
      return 2
      ;;
  esac
  printf '%s\n' "$text"
}
