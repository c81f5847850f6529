#!/usr/bin/env bash
# Build an execution environment with this collection, by ansible-builder.
# usage: tools/execution_environment.sh BASE_IMAGE IMAGE [OPTION of ansible-builder ...]
# BASE_IMAGE is one that the engine has or can pull; no other is taken in its stead. CONTAINER_RUNTIME: docker or podman.
set -euo pipefail
cd "$(dirname "$0")/.."
base=${1:-} image=${2:-}
if [ -z "$base" ] || [ -z "$image" ]; then
    echo "Wanted: a base image with Python 3.11 or newer and dnf, and a name for the result: make ee BASE_IMAGE=... EE_IMAGE=..." >&2
    exit 2
fi
shift 2

# A folder of its own: the definition wants the tarball beside it, and nothing else is to come into the image.
folder=.cache/ee
rm -rf "$folder"
mkdir -p "$folder"
ansible-galaxy collection build --output-path "$folder" >/dev/null
cp execution-environment.yml "$folder"
ansible-builder build --file "$folder/execution-environment.yml" --context "$folder/context" \
    --container-runtime "${CONTAINER_RUNTIME:-docker}" --build-arg "EE_BASE_IMAGE=$base" --tag "$image" "$@"
