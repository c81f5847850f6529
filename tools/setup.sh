#!/usr/bin/env bash
# Make .venv from pyproject.toml. usage: tools/setup.sh demo|test
# "demo" brings the controller alone, "test" all that `make test` uses. Does nothing when it is up to date.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/as_root.sh
want=${1:?usage: tools/setup.sh demo|test}

packages() { # packages demo|test
    "$python" - "$1" <<'PY'
import sys, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))
names = list(project["project"]["dependencies"])
if sys.argv[1] == "test":
    names += project["dependency-groups"]["test"]
print("\n".join(names))
PY
}

apt_install() {
    local packages=("$@")
    without_root() { echo "These system packages are missing, and this user cannot install them: ${packages[*]}"; }
    if ! command -v apt-get >/dev/null; then
        echo "Please install: $*" >&2
        exit 1
    fi
    echo "Installing system packages: $*"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

if ! python=$(tools/python.sh 2>/dev/null); then
    apt_install python3 python3-venv
    python=$(tools/python.sh 2>/dev/null) || {
        apt_install python3.11 python3.11-venv
        python=$(tools/python.sh)
    }
fi

# Molecule and some tests reach hosts by ssh; ansible-test wants git. A second engine in tests has a bridge of its own. The
# package repositories of the test hosts are signed, and a stand-in of CUDA's library in them is compiled.
if [ "$want" = test ]; then
    missing=()
    command -v ssh >/dev/null || missing+=(openssh-client)
    command -v git >/dev/null || missing+=(git)
    command -v ip >/dev/null || [ -x /usr/sbin/ip ] || [ -x /sbin/ip ] || missing+=(iproute2)
    command -v gpg >/dev/null && command -v gpg-agent >/dev/null || missing+=(gnupg)
    command -v cc >/dev/null || command -v gcc >/dev/null || command -v tcc >/dev/null || missing+=(tcc)
    [ -e /usr/include/stdio.h ] || missing+=(libc6-dev)
    [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
fi

stamp() { # stamp demo|test: changes with the interpreter and with what is asked of it
    echo "$("$python" --version) $(packages "$1" | tr '\n' ' ')"
}

if [ -x .venv/bin/ansible-playbook ] && [ "$(cat ".venv/.$want" 2>/dev/null)" = "$(stamp "$want")" ]; then
    exit 0
fi
echo "Setting up .venv with $("$python" --version) for: $want (minutes, in which nothing is printed)"
if ! [ -x .venv/bin/python ] || [ "$(.venv/bin/python --version)" != "$("$python" --version)" ]; then
    "$python" -m venv --clear .venv
fi
packages "$want" | .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check -r /dev/stdin
stamp "$want" > ".venv/.$want"
stamp demo > .venv/.demo
