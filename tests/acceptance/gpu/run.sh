#!/usr/bin/env bash
# The collection on the GPUs of this machine, by one command: README.md tells what it needs and what it shows.
# usage: run.sh KIT [RESULTS [SECONDS]]    KIT is what pack.sh made; SECONDS (3600) is the budget of the steps
#        run.sh --stand-up KIT             start the engine and begin the image, with what is in KIT so far, and return
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
begun=$(date +%s)
stand_up_only=
[ "${1:-}" != --stand-up ] || { stand_up_only=1; shift; }
[ $# -gt 0 ] || { sed -n '3,4s/^# //p' "$0" >&2; exit 2; }

export ACCEPTANCE_KIT ACCEPTANCE_STATE ACCEPTANCE_PYTHON ACCEPTANCE_DOCKER_HOST ACCEPTANCE_DRIVER_FOLDER ACCEPTANCE_GPUS
export ACCEPTANCE_IMAGE ACCEPTANCE_VLLM_VERSION ACCEPTANCE_MODELS DOCKER_HOST
ACCEPTANCE_KIT=$(cd "$1" && pwd)
ACCEPTANCE_STATE=${ACCEPTANCE_STATE:-/var/tmp/gpt-oss-acceptance}
ACCEPTANCE_ROOT=${ACCEPTANCE_ROOT:-/}
# The interpreter that has torch; a virtual environment's link is the environment.
ACCEPTANCE_PYTHON=${ACCEPTANCE_PYTHON:-$(command -v python3)}
ACCEPTANCE_DOCKER_HOST=${ACCEPTANCE_DOCKER_HOST:-unix://$ACCEPTANCE_STATE/docker.sock}
ACCEPTANCE_VLLM_VERSION=${ACCEPTANCE_VLLM_VERSION:-0.22.1}
ACCEPTANCE_MODELS=$ACCEPTANCE_STATE/models
BASE_IMAGE=gpt-oss-fleet/machine:latest
# Where the driver's libraries are mounted from; empty where they lie among the system's own and so are in the image.
ACCEPTANCE_DRIVER_FOLDER=${ACCEPTANCE_DRIVER_FOLDER-/usr/local/nvidia}
[ -d "$ACCEPTANCE_DRIVER_FOLDER" ] || ACCEPTANCE_DRIVER_FOLDER=
ACCEPTANCE_GPUS=${ACCEPTANCE_GPUS-$(nvidia-smi --query-gpu=index --format=csv,noheader | paste -sd, | tr -d ' ')}
DOCKER_HOST=$ACCEPTANCE_DOCKER_HOST
PATH=$ACCEPTANCE_STATE/engine/bin:$PATH
mkdir -p "$ACCEPTANCE_STATE"
. "$here/stand_up.sh"

stand_up_engine
own_image=${ACCEPTANCE_IMAGE:+given}
ACCEPTANCE_IMAGE=${ACCEPTANCE_IMAGE:-gpt-oss-fleet/vllm-gpu:$ACCEPTANCE_VLLM_VERSION}
if [ -z "$own_image" ] && [ ! -e "$ACCEPTANCE_STATE/base.log" ]; then
    # It takes a minute, in which all else is done; it outlives this call.
    export -f make_base_image say && export here begun BASE_IMAGE ACCEPTANCE_ROOT
    setsid bash -euo pipefail -c make_base_image </dev/null >"$ACCEPTANCE_STATE/base.log" 2>&1 &
fi
stand_up_controller
python3 "$here/cdi.py" "$ACCEPTANCE_STATE/cdi/nvidia.json"
[ -z "$stand_up_only" ] || exit 0

make_models
[ -n "$own_image" ] || make_image
python3 "$here/drive.py" "${2:-$ACCEPTANCE_STATE/results}" "${3:-3600}"
