#!/usr/bin/env bash
# The tiny gpt-oss model: made, taught and kept by the digest of the scripts that make it. Prints its folder.
# Does nothing when it is there, or when GPT_OSS_FLEET_TINY_MODEL names one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"

if [ -n "${GPT_OSS_FLEET_TINY_MODEL:-}" ]; then
    [ -f "$GPT_OSS_FLEET_TINY_MODEL/model.safetensors" ] || die "GPT_OSS_FLEET_TINY_MODEL names $GPT_OSS_FLEET_TINY_MODEL, which holds no model.safetensors."
    echo "$GPT_OSS_FLEET_TINY_MODEL"
    exit
fi
folder=$CACHE/tiny-model-$(digest "$here/make_model.py" "$here/train.py")
if [ ! -f "$folder/model.safetensors" ]; then
    say "Training the tiny model into $folder (two minutes on a calm machine)"
    work=$(mktemp -d)
    trap 'rm -rf "$work" "$folder.partial"' EXIT
    export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false HF_HUB_DISABLE_PROGRESS_BARS=1
    "$VENV/bin/python" "$here/make_model.py" "$work/untrained" >&2
    "$VENV/bin/python" "$here/train.py" "$work/untrained" "$folder.partial" >&2
    chmod -R a+rX "$folder.partial"
    # Renamed when whole: a run that was cut off leaves nothing that looks like a model.
    mv "$folder.partial" "$folder"
fi
echo "$folder"
