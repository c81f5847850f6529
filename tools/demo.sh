#!/usr/bin/env bash
# The main job on three simulated hosts of this machine. usage: tools/demo.sh [up|down]
set -euo pipefail
cd "$(dirname "$0")/.."
export ANSIBLE_CONFIG=$PWD/ansible.cfg
playbook() { .venv/bin/ansible-playbook -i inventories/demo "$@"; }

announce() {
    [ -d .demo ] && return 0
    cat <<'TEXT'
gpt_oss.fleet demo: three simulated GPU hosts on this machine are deployed, evaluated and judged; one is bad on purpose.
What this sets up (and `make clean-demo` takes away again, but for the engine):
  - .venv        ansible-core and jmespath from the Python package index, in this folder
  - .demo        the hosts' folders, their shared Python environment, the report, in this folder
  - containers   demo-node1…3-*, and the image gpt-oss-fleet/vllm-simulator, made from this machine's Python
  - an engine    docker.io from the distribution, only if no Docker Engine is here
No GPU, no container registry and no model download is needed: the servers are simulators, and say so.

TEXT
}

up() {
    announce
    tools/setup.sh demo
    tools/engine.sh
    playbook playbooks/deploy.yml
    playbook playbooks/evaluate.yml
    summary
}

# Once more at the very end, where it is looked for: the table, the verdict, the report's place.
summary() {
    .venv/bin/python - .demo/report/report.json <<'PY'
import json
import pathlib
import sys

report = pathlib.Path(sys.argv[1])
judged = json.loads(report.read_text())
print(*judged["table"], judged["sentence"], sep="\n")
print(f"\nReport: {report.resolve().with_suffix('.md')}\nRun `make demo` again: nothing changes, the evals are found done.")
PY
}

down() {
    if [ -x .venv/bin/ansible-playbook ] && docker version >/dev/null 2>&1; then
        playbook playbooks/teardown.yml -e teardown_purge=true
        docker image rm --force gpt-oss-fleet/vllm-simulator:1 >/dev/null 2>&1 || true
    fi
    rm -rf .demo
    cat <<'TEXT'
The demo is gone: containers, image, .demo. Left on purpose:
  - the Docker Engine. If the demo installed it and nothing else uses it:  apt-get purge docker.io containerd runc
  - .venv in this folder:  rm -rf .venv
TEXT
}

"${1:-up}"
