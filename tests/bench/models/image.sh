#!/usr/bin/env bash
# Make the image of the hosts of the benches of model distribution: the bare test host with the engines that are compared.
# usage: tests/bench/models/image.sh
# Debian's aria2, nginx, rsync and curl come through this machine's apt, libtorrent as a wheel through its pip.
set -euo pipefail
cd "$(dirname "$0")/../../.."

image=gpt-oss-fleet/bench-models:debian12
base=gpt-oss-fleet/bare:debian12
packages=(aria2 curl nginx-light python3-pip rsync)
requirement=$(grep -h '^libtorrent==' roles/hf_cache/files/requirements-optional.in | sed 's/ *;.*//')
tests/tools/host_image.sh bare debian12

digest=$({ docker image inspect --format '{{ .Id }}' "$base"; cat "$0"; echo "$requirement"; } | sha256sum | cut -c 1-16)
label=$(docker image inspect --format '{{ index .Config.Labels "org.gpt-oss-fleet.recipe" }}' "$image" 2>/dev/null || true)
if [ "$label" = "$digest" ]; then
    echo "$image is up to date"
    exit 0
fi

wheels=$PWD/.cache/wheels/bench-models
mkdir -p "$wheels"
"$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)" -m pip download --quiet --disable-pip-version-check \
    --dest "$wheels" --only-binary :all: --no-deps --python-version 3.11 --implementation cp --abi cp311 \
    --platform manylinux2014_x86_64 --platform manylinux_2_28_x86_64 "$requirement"
mirror=${GPT_OSS_FLEET_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
    'Label: Debian' 2>/dev/null | grep -m 1 -E '^https?://')}
container=$(docker create --interactive --network host --volume "$wheels:/wheels:ro" --entrypoint sh "$base")
# shellcheck disable=SC2064
trap "docker rm --force $container >/dev/null" EXIT
docker start --attach --interactive "$container" <<INSIDE
set -eu
export DEBIAN_FRONTEND=noninteractive
mv /etc/apt/sources.list /tmp/sources.list
echo "deb $mirror bookworm main" > /etc/apt/sources.list
apt-get update -qq
apt-get install -y -qq --no-install-recommends ${packages[*]} >/dev/null
python3 -m pip install --quiet --no-index --find-links /wheels --break-system-packages libtorrent
systemctl disable --quiet nginx.service
mv /tmp/sources.list /etc/apt/sources.list
rm -rf /var/cache/apt/* /var/lib/apt/lists/*
INSIDE
docker commit --change "LABEL org.gpt-oss-fleet.recipe=$digest" "$container" "$image" >/dev/null
echo "Made $image"
