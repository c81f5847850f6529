#!/usr/bin/env bash
# All that run.sh needs on a machine without network, made on one with: an engine, wheels, vLLM, models without weights.
# usage: pack.sh KIT     KIT takes 155 MB, and 3 GB meanwhile; what is in it already is not made again
#
# Wanted: x86-64, apt-get, CPython 3.12, zstd, xz, readelf. The engine is the one that apt-get offers (APT_OPTIONS are given
# to it); its libraries are this machine's, which must not be newer than the other's.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
kit=$(mkdir -p "${1:?usage: pack.sh KIT}" && cd "$1" && pwd)
python=${PYTHON:-python3.12}
vllm_version=0.22.1
work=$(mktemp -d "$kit/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

pack() { tar --create --owner=0 --group=0 "$1" | xz -T0 -6 >"$work/new" && mv "$work/new" "$kit/$1.txz"; }
environment() { "$python" -m venv "$1" && "$1/bin/python" -m pip install --quiet --disable-pip-version-check "${@:2}"; }
# For the other machine's Python, whatever runs here; pip takes each platform by its exact name.
for_there=(--only-binary=:all: --python-version 3.12 --implementation cp
    --platform manylinux1_x86_64 --platform manylinux2010_x86_64 --platform manylinux2014_x86_64)
for number in 5 12 17 24 27 28 31 34 35 39; do for_there+=(--platform "manylinux_2_${number}_x86_64"); done
pip() { tools/bin/python -m pip "$1" --quiet --disable-pip-version-check "${for_there[@]}" "${@:2}"; }
wheels() { pip download --dest "$@"; }
[ -d tools ] || environment tools pip

if [ ! -e "$kit/engine.txz" ]; then
    mkdir -p debs packages engine/bin
    # docker-cli is a package of its own from Debian 13 on.
    (cd debs && apt-get ${APT_OPTIONS:-} download -q docker.io containerd runc tini && { apt-get ${APT_OPTIONS:-} download -q docker-cli || true; })
    for deb in debs/*.deb; do dpkg-deb --extract "$deb" packages; done
    for name in docker dockerd containerd containerd-shim-runc-v2 runc; do
        find packages/usr/bin packages/usr/sbin -name "$name" -type f -exec cp {} engine/bin/ \;
    done
    cp packages/usr/bin/tini-static engine/bin/docker-init
    pack engine
fi
if [ ! -e "$kit/libraries.txz" ]; then
    mkdir -p libraries/bin libraries/lib engine/bin
    [ -x engine/bin/dockerd ] || xz -dc "$kit/engine.txz" | tar -x
    cp "$(command -v zstd)" libraries/bin/
    ldd engine/bin/dockerd engine/bin/runc libraries/bin/zstd | awk '/=> \//{print $3}' | grep -Ev '/(libc|libm|libpthread|libdl)\.so' | sort -u |
        xargs -I{} cp --dereference {} libraries/lib/
    pack libraries
fi
if [ ! -d "$kit/wheels" ]; then
    wheels new/environment --requirement "$root/roles/hf_cache/files/requirements.txt"
    # Vault's cryptography is not needed, and as large as all the rest.
    wheels new/controller --no-deps ansible-core==2.20.* jinja2 markupsafe packaging pyyaml resolvelib
    mv new "$kit/wheels"
fi
if [ ! -e "$kit/models.txz" ]; then
    environment models-tools transformers==5.12.0 tiktoken oss-harmony==0.0.11
    models-tools/bin/python "$here/make_model.py" models
    pack models
fi
if [ ! -e "$kit/vllm.tar.zst" ]; then
    wheels wheel --no-deps vllm==$vllm_version
    site=opt/vllm/site
    # The versions are those of the release's own day, less what torch's own environment has.
    pip install --no-deps --no-compile --target $site --requirement "$here/requirements-vllm.txt" wheel/vllm-*.whl
    # Code for other chips than Hopper's, FlashAttention 2, the Rust front end and data files.
    rm -rf $site/bin $site/vllm/vllm_flash_attn/_vllm_fa2_C.abi3.so $site/vllm/vllm-rs $site/vllm/third_party/deep_gemm \
        $site/xgrammar/lib/libxgrammar.a $site/pycountry/locales $site/mistral_common/data/*
    find $site/vllm -name '*.so' -exec "$python" "$here/fat_binaries.py" 90 {} +
    strip --strip-debug $site/xgrammar/libxgrammar_bindings.so
    find $site -name __pycache__ -prune -exec rm -rf {} +
    tar --create --owner=0 --group=0 opt/vllm | zstd -T0 -12 --long=27 --quiet -o "$work/new" && mv "$work/new" "$kit/vllm.tar.zst"
fi
du -shc "$kit"/*.* "$kit/wheels" >&2
