#!/usr/bin/env bash
# Run Molecule scenarios, three at a time, as they wait as much as they compute. usage: tests/tools/molecule.sh SCENARIO[@RELEASE] ...
#   SCENARIO@debian13   the scenario on another release than Debian 12
#
# Each says in one line how it ended and how long it took; its log is .cache/molecule/SCENARIO[@RELEASE].log, whose end
# is shown when it failed. One or two that failed beside others are run once more, alone: they fail only if they fail again.
# MOLECULE_JOBS runs more or fewer at a time.
set -uo pipefail
cd "$(dirname "$0")/../.."
logs=.cache/molecule
mkdir -p "$logs"

run() { # run SCENARIO[@RELEASE]
    local name=${1%@*} release=debian12 log=$logs/$1.log started=$SECONDS
    [ "$name" = "$1" ] || release=${1#*@}
    if [ ! -e "molecule/$name/molecule.yml" ]; then
        echo "molecule: $1 FAILED: there is no molecule/$name/molecule.yml"
        return 1
    fi
    if MOLECULE_SUITE=$release molecule test -s "$name" >"$log" 2>&1; then
        echo "molecule: $1 passed in $((SECONDS - started)) s"
        return
    fi
    echo "molecule: $1 FAILED after $((SECONDS - started)) s; what $log says before the clean-up:"
    sed -E 's/\x1b\[[0-9;]*m//g; s/^ *│ ?//; /^ *$/d' "$log" | sed '/Executed: Failed/q' | tail -n 60 | sed 's/^/    /'
    return 1
}

if [ "${1:-}" = --one ]; then
    run "$2" || { echo "$2" >>"$logs/failed"; exit 1; }
    exit
fi
# All would wait for the same image: make it first.
for each in "$@"; do
    case $each in
        *@*) echo "${each#*@}" ;;
        *) echo debian12 ;;
    esac
done | sort -u | xargs -n 1 tests/tools/host_image.sh host || exit 1
failed=$logs/failed
rm -f "$failed"
printf '%s\n' "$@" | xargs -n 1 -P "${MOLECULE_JOBS:-3}" tests/tools/molecule.sh --one && exit
mapfile -t again <"$failed"
if [ "${#again[@]}" -le 2 ] && [ "$#" -gt 1 ]; then
    echo "molecule: once more, alone: ${again[*]}"
    printf '%s\n' "${again[@]}" | xargs -n 1 -P 1 tests/tools/molecule.sh --one && exit
fi
echo "molecule: not all scenarios passed"
exit 1
