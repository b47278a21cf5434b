#!/bin/sh
# What each program does first: it writes down how it was called, one line a call. $GUIDE is the folder of the run.
set -eu
{
  printf '%s' "${0##*/}"
  for word; do printf '\037%s' "$word"; done
  printf '\036'
} >>"$GUIDE/calls"

make() { : >"$GUIDE/made.$(printf %s "$1" | tr / _)"; }
made() { [ -e "$GUIDE/made.$(printf %s "$1" | tr / _)" ]; }
refuse() { echo "${0##*/}: $1" >&2; exit 254; }

# The value of an option: option --role-name "$@"
option() {
  wanted=$1
  shift
  while [ $# -gt 1 ]; do
    case $1 in
      "$wanted") echo "$2"; return ;;
      "$wanted"=*) echo "${1#*=}"; return ;;
    esac
    shift
  done
}
