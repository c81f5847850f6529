#!/usr/bin/env bash
# Test the supported controllers: each ansible-core with each CPython that goes with it, as far as this machine has them.
# usage: tests/tools/matrix.sh [CORE:CPYTHON ...]     PARTS="unit sanity integration" are the parts to run
#
# What passed is not run again on the same files. The table at the end tells all that is known of these files.
set -uo pipefail
cd "$(dirname "$0")/../.."
cells=(2.21:3.13 2.21:3.12 2.20:3.13 2.20:3.12 2.19:3.13 2.19:3.12 2.19:3.11)
[ "$#" = 0 ] || cells=("$@")
cache=$PWD/.cache/matrix
mkdir -p "$cache"

find_python() { # find_python 3.12
    local candidate
    while read -r candidate; do
        if "$candidate" -c 'import ensurepip, venv, ssl' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done < <(
        type -ap "python$1" || true
        find "${PYENV_ROOT:-$HOME/.pyenv}/versions" "$HOME/.local/share/uv/python" -maxdepth 3 -path "*/bin/python$1" 2>/dev/null | sort -r
    )
    return 1
}

requirements() { # requirements CORE: what the tests need, with this ansible-core
    .venv/bin/python - "$1" <<'PY'
import sys, tomllib
tools = ("ansible-", "antsibull-", "coverage", "molecule", "mypy", "ruff", "types-")
project = tomllib.load(open("pyproject.toml", "rb"))
names = [*project["project"]["dependencies"], *project["dependency-groups"]["test"]]
print("\n".join([f"ansible-core=={sys.argv[1]}.*", *(name for name in names if not name.startswith(tools))]))
PY
}

environment() { # environment CORE CPYTHON: the cell's environment, made where it is missing; prints its folder. 3: no CPython
    local folder=$cache/$1-$2 python
    if [ "$(cat "$folder/.stamp" 2>/dev/null)" != "$(requirements "$1")" ]; then
        python=$(find_python "$2") || return 3
        "$python" -m venv --clear "$folder" || return
        requirements "$1" | "$folder/bin/python" -m pip install --quiet --quiet --disable-pip-version-check -r /dev/stdin >&2 || return
        requirements "$1" >"$folder/.stamp"
    fi
    echo "$folder"
}

run_unit() { # run_unit FOLDER CPYTHON
    PATH="$1/bin:$PATH" tests/tools/pytest.sh "unit-${1##*/}" -n 2 tests/unit
}

# Sanity's tests look at the files; only these two depend on the interpreter. All of them run with the newest of each core.
run_sanity() {
    local only=()
    [ "$2" = 3.13 ] || only=(--test compile --test import)
    SANITY_VENV=$1 SANITY_PYTHONS=$2 tools/sanity.sh "${only[@]}"
}

# What goes through Ansible's own parts: modules, action plugins, facts, callbacks, roles, playbooks by name, strategies.
run_integration() {
    local names=(
        container_playbook container_start deploy_playbook eval_resume eval_status_playbook evaluate_playbook fleet_report
        fleet_scores smoke_playbook status_playbook strategies
    )
    names=("${names[@]/#/tests/integration/test_}")
    # The simulator's image holds the interpreter that built it: a tag for each cell.
    export GPT_OSS_FLEET_SIMULATOR_IMAGE=gpt-oss-fleet/vllm-simulator:matrix-${1##*/}
    PATH="$1/bin:$PATH" tests/tools/pytest.sh "integration-${1##*/}" -n 2 --dist loadfile -m "not slow" "${names[@]/%/.py}"
}

count() { # count PART LOG: what the log tells; of tests that passed alone only, both counts
    case $1 in
    sanity) echo "$(grep -c '^Running sanity test' "$2") tests" ;;
    *) sed -nE 's/^=*\s*([0-9]+ .*(passed|failed|errors?)) in [0-9.]+s.*/\1/p' "$2" | paste -sd'; ' ;;
    esac
}

# What a result depends on. A file of this name is there when the part has passed on it.
files=$({ git ls-files -s -- plugins roles playbooks meta tests tools; git diff HEAD -- plugins roles playbooks meta tests tools; } \
    | sha256sum | cut -c 1-16)
failed=0
for part in ${PARTS:-unit sanity integration}; do
    for cell in "${cells[@]}"; do
        core=${cell%:*} cpython=${cell#*:} known=$cache/${cell/:/-}.$part
        [ "$(head -n 1 "$known" 2>/dev/null)" != "$files passed" ] || continue
        seconds=$SECONDS verdict=failed told=
        folder=$(environment "$core" "$cpython") && rc=0 || rc=$?
        if [ "$rc" = 3 ]; then
            verdict="not here" told="no CPython $cpython"
        elif [ "$rc" = 0 ] && timeout 3600 bash -c "$(declare -f "run_$part"); run_$part \"\$@\"" "$part" "$folder" "$cpython" >"$known.log" 2>&1; then
            verdict=passed
        else
            failed=1
            tail -n 40 "$known.log"
        fi
        [ -n "$told" ] || told=$(count "$part" "$known.log")
        printf '%s\n' "$files $verdict" "$told" >"$known"
        echo "matrix: ansible-core $core, CPython $cpython, $part: $verdict, $told ($((SECONDS - seconds)) s)"
    done
done

row='%-13s %-8s %-28s %-20s %s\n'
printf "$row" ansible-core CPython unit sanity integration
for cell in "${cells[@]}"; do
    told=()
    for part in unit sanity integration; do
        known=$cache/${cell/:/-}.$part
        case $(head -n 1 "$known" 2>/dev/null) in
        "$files passed" | "$files not here") told+=("$(tail -n 1 "$known")") ;;
        "$files failed") told+=("FAILED: $(tail -n 1 "$known")") ;;
        *) told+=("not run") ;;
        esac
    done
    printf "$row" "${cell%:*}" "${cell#*:}" "${told[@]}"
done
exit "$failed"
