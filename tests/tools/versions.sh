#!/usr/bin/env bash
# Run the unit tests on the oldest controllers that are supported, as far as this machine has their CPython:
# each CPython with the ansible-core that goes with it. What .venv has is tested by `make unit`.
# usage: tests/tools/versions.sh [CPYTHON:CORE ...]
set -euo pipefail
cd "$(dirname "$0")/../.."
pairs=("$@")
[ "$#" != 0 ] || pairs=(3.11:2.19 3.12:2.20)

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

requirements() { # requirements CORE: what unit tests need, with this ansible-core
    .venv/bin/python - "$1" <<'PY'
import sys, tomllib
tools = ("ansible-", "molecule", "mypy", "ruff", "types-")
names = tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["test"]
print("\n".join([f"ansible-core=={sys.argv[1]}.*", "jmespath", *(name for name in names if not name.startswith(tools))]))
PY
}

for pair in "${pairs[@]}"; do
    cpython=${pair%:*} core=${pair#*:} folder=.cache/versions/$cpython-$core
    if ! python=$(find_python "$cpython"); then
        echo "versions: CPython $cpython is not on this machine, skipped with ansible-core $core"
        continue
    fi
    if [ "$(cat "$folder/.stamp" 2>/dev/null)" != "$(requirements "$core")" ]; then
        "$python" -m venv --clear "$folder"
        requirements "$core" | "$folder/bin/python" -m pip install --quiet --quiet --disable-pip-version-check -r /dev/stdin
        requirements "$core" >"$folder/.stamp"
    fi
    echo "versions: CPython $cpython with ansible-core $core"
    "$folder/bin/python" -m pytest tests/unit
done
