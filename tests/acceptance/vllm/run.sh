#!/usr/bin/env bash
# The collection against real vLLM: make what is missing (environment, image, tiny model), then deploy, smoke-test,
# evaluate, break and remove a server through the playbooks as they are. README.md says what is kept where.
# usage: run.sh TEST ...   a TEST is a file beside this one, less its .py
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: $0 TEST ..., such as test_acceptance" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
tests=("${@/#/$here/}")
tests=("${tests[@]/%/.py}")
. "$here/prepare.sh"

# The hosts' managed environment outlives a run; journals, reports and logs of the last run lie there to be looked at.
ACCEPTANCE_STATE=$CACHE/acceptance
rm -rf "$ACCEPTANCE_STATE"/{evaluate,huggingface,logs,report,report-chat,report-dead,report-resume,servers,smoke}
mkdir -p "$ACCEPTANCE_STATE/logs"
ACCEPTANCE_VLLM_PYTHON=$VENV/bin/python
export ACCEPTANCE_MODEL ACCEPTANCE_IMAGE ACCEPTANCE_STATE ACCEPTANCE_VLLM_PYTHON VLLM_VERSION

# Whatever happens, no server stays behind.
remove() { docker ps --all --quiet --filter name=^gpt-oss-acceptance | xargs --no-run-if-empty docker rm --force >/dev/null; }
trap remove EXIT
remove

"${PYTHON:-.venv/bin/python}" -m pytest "${tests[@]}" --exitfirst --capture=no --override-ini=addopts= --quiet
say "Logs, journals and the report: $ACCEPTANCE_STATE"
