#!/usr/bin/env bash
# On a machine with an NVIDIA GPU: what gpu_info and preflight see there, and whether CUDA really works.
# usage: tests/acceptance/gpu/run.sh [FOLDER]     FOLDER takes the results; .cache/acceptance-gpu by default
#
# Wanted: a checkout, and ansible-playbook on PATH or in .venv. Nothing is changed on the machine.
set -euo pipefail
cd "$(dirname "$0")/../../.."
results=${1:-.cache/acceptance-gpu}
mkdir -p "$results"
results=$(cd "$results" && pwd)
[ ! -d .venv/bin ] || PATH=$PWD/.venv/bin:$PATH
export PATH ANSIBLE_CONFIG=$PWD/ansible.cfg ANSIBLE_COLLECTIONS_PATH=$PWD/.ansible/collections
inventory=tests/acceptance/gpu/inventory/hosts.yml

step() {
    echo "::: $*"
    local start=$SECONDS status=0
    "$@" || status=$?
    echo "::: took $((SECONDS - start)) s, exit status $status"
    return "$status"
}

step ansible all -i "$inventory" -m gpt_oss.fleet.gpu_info | tee "$results/gpu_info.txt"
step ansible-playbook -i "$inventory" tests/acceptance/gpu/look.yml -e preflight_report_path="$results" 2>&1 | tee "$results/preflight.txt"
step python3 plugins/module_utils/_gpu_proof_script.py | tee "$results/proof.txt"
