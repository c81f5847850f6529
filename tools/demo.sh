#!/usr/bin/env bash
# The main job on five simulated hosts of this machine. usage: tools/demo.sh [up|down]
set -euo pipefail
cd "$(dirname "$0")/.."
export ANSIBLE_CONFIG=$PWD/ansible.cfg
playbook() { .venv/bin/ansible-playbook -i inventories/demo "$@"; }

announce() {
    [ -d .demo ] && return 0
    cat <<'TEXT'
gpt_oss.fleet demo: five simulated GPU hosts on this machine are deployed, evaluated and judged. One is good; the others are
bad on purpose, each in its own way: node2 scores 3 points less, node3 runs other kernels than it was told to, of node4 scores
are missing, node5 is slow.
What this sets up (and `make clean-demo` takes away again, but for .venv and the engine):
  - .venv        ansible-core, jmespath and vl-convert-python from the Python package index, in this folder
  - .demo        the hosts' folders, their shared Python environment, the report, in this folder
  - containers   demo-node1…5-*, and the image gpt-oss-fleet/vllm-simulator, made from this machine's Python
  - an engine    docker.io from the distribution, only if no Docker Engine is here
No GPU, no container registry and no model download is needed: the servers are simulators, and say so.

TEXT
}

up() {
    announce
    tools/setup.sh demo
    tools/engine.sh
    deploy
    playbook playbooks/evaluate.yml
    summary
}

# The deployment refuses node3, as its log contradicts what was asked for; it serves on, and is judged with the others.
deploy() {
    local failed
    mkdir -p .demo
    rm -f .demo/deploy.log
    ANSIBLE_LOG_PATH=$PWD/.demo/deploy.log playbook playbooks/deploy.yml && return
    failed=$(sed -nE 's/.*\| (node[0-9]+) +: ok=.*(failed|unreachable)=[1-9].*/\1/p' .demo/deploy.log)
    [ "$failed" = node3 ] || { echo "The demo needs all hosts deployed but node3. Failed: ${failed:-the playbook}"; return 1; }
    printf '%s\n\n' "node3 was refused, as it should be (see above). The demo goes on: all five hosts are evaluated and judged."
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
print(f"\nReport: {report.resolve().with_suffix('.html')}\nRun `make demo` again: nothing changes, the evals are found done.")
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
