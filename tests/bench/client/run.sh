#!/usr/bin/env bash
# The eval client beside vLLM's own benchmark: how soon each asks again (again.py), and on real vLLM (run.py).
# usage: run.sh [TURNS]
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
here=$root/tests/acceptance/vllm
. "$here/prepare.sh"

# `vllm bench serve` reads its prompts with pandas, which serving does not need.
BENCH_PACKAGES=$CACHE/bench-serve-$VLLM_VERSION
if [ ! -d "$BENCH_PACKAGES" ]; then
    trap 'rm -rf "$BENCH_PACKAGES.partial"' EXIT
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$BENCH_PACKAGES.partial" \
        pandas python-dateutil pytz tzdata six
    mv "$BENCH_PACKAGES.partial" "$BENCH_PACKAGES"
fi
export ACCEPTANCE_IMAGE ACCEPTANCE_MODEL BENCH_PACKAGES BENCH_VENV=$VENV
python=${PYTHON:-$root/.venv/bin/python}
"$python" "$root/tests/bench/client/again.py"
exec "$python" "$root/tests/bench/client/run.py" "$@"
