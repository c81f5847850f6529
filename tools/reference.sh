#!/usr/bin/env bash
# Make .venv-reference: the reference harness gpt_oss.evals, pinned, for differential tests and benchmarks,
# and the libraries that the statistics are checked against.
# It is published for CPython 3.12 and newer. Prints the interpreter's path; exit code 3 where there is none.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(tools/python.sh)
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))' || exit 3
list=$("$python" -c '
import tomllib
groups = tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]
print("\n".join(groups["reference"] + groups["statistics"] + ["pytest", "hypothesis", "httptools==0.9.0"]))')
stamp="$("$python" --version) $list"
if [ "$(cat .venv-reference/.stamp 2>/dev/null)" != "$stamp" ]; then
    "$python" -m venv --clear .venv-reference
    .venv-reference/bin/python -m pip install --quiet --quiet --disable-pip-version-check -r /dev/stdin <<<"$list" >&2
    echo "$stamp" > .venv-reference/.stamp
fi
echo "$PWD/.venv-reference/bin/python"
