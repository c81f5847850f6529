#!/usr/bin/env bash
# Make .venv-rivals: the other eval harnesses that `make bench-eval` measures beside the reference, pinned.
# Prints the interpreter's path; exit code 3 where they cannot be installed, as without a package index.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(tools/python.sh)
list=$("$python" -c '
import tomllib
print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["rivals"]))')
stamp="$("$python" --version) $list"
if [ "$(cat .venv-rivals/.stamp 2>/dev/null)" != "$stamp" ]; then
    "$python" -m venv --clear .venv-rivals
    .venv-rivals/bin/python -m pip install --quiet --quiet --disable-pip-version-check -r /dev/stdin <<<"$list" >&2 || exit 3
    echo "$stamp" > .venv-rivals/.stamp
fi
echo "$PWD/.venv-rivals/bin/python"
