#!/usr/bin/env bash
# Lines of plugins/ that unit tests and integration tests run together. Fails below what coverage.toml asks for.
# usage: tests/tools/coverage.sh [FILE of tests/integration ...]     none for all that are not slow
#
# Every Python of .venv that a test starts is measured too: ansible-playbook with its workers, detached jobs, and modules, whose
# lines are told by the archive that Ansible runs them from. Not measured is what runs with a Python of its own: in containers,
# and in a managed environment. Tests that fail do not end it: `make unit` and `make integration` do.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH="$PWD/.venv/bin:$PATH" ANSIBLE_CONFIG="$PWD/ansible.cfg" ANSIBLE_COLLECTIONS_PATH="$PWD/.ansible/collections"
folder=$PWD/.cache/coverage
rm -rf "$folder"
mkdir -p "$folder"
sed "s|DATA_FILE|$folder/data|" tests/tools/coverage.toml >"$folder/settings.toml"
measured() { # measured NAME ARGUMENT ...
    local log=$folder/$1.log
    shift
    coverage run --rcfile="$folder/settings.toml" -m pytest "$@" >"$log" 2>&1 || true
    tail -n 1 "$log"
}
measured unit -n 2 tests/unit
if [ "$#" = 0 ]; then
    measured integration -n 3 --dist loadfile -m "not slow" tests/integration
else
    measured integration -n 2 --dist loadfile -m "not slow" "$@"
fi
# What was killed while it wrote left a file that cannot be read.
coverage combine --quiet --rcfile="$folder/settings.toml" >"$folder/combine.log" 2>&1 || true
rm -f "$folder"/data.*
coverage report --rcfile="$folder/settings.toml" --sort=cover >"$folder/report.txt" || rc=$?
grep -E '^(plugins|TOTAL)' "$folder/report.txt" | sed -n '1,25p;$p'
exit "${rc:-0}"
