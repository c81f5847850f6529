#!/usr/bin/env bash
# Run pytest. A few tests that failed beside others are run once more alone, and named: they fail only if they fail again.
# usage: tests/tools/pytest.sh NAME ARGUMENT ...     NAME is this suite's, for what is remembered of it
#
# Two cores, shared with others, make a test of processes and seconds fail now and then. More than five are no accident.
set -uo pipefail
cd "$(dirname "$0")/../.."
name=${1:?usage: tests/tools/pytest.sh NAME ARGUMENT ...}
shift
cache=$PWD/.cache/pytest/$name
failed=$cache/v/cache/lastfailed
most=5

rm -rf "$cache"
pytest -o cache_dir="$cache" -rfE "$@"
rc=$?
[ "$rc" -eq 1 ] && [ -e "$failed" ] || exit "$rc"
count=$(grep -c ': true' "$failed")
[ "$count" -le "$most" ] || exit "$rc"
names=$(sed -nE 's/^ *"(.*)": true,?$/    \1/p' "$failed")
printf '%s\n' "$name: $count failed; once more, alone:" "$names"
pytest -o cache_dir="$cache" -rfE "$@" -n 0 --last-failed || exit
printf '%s\n' "$name: passed alone, though not beside others:" "$names"
