#!/usr/bin/env bash
# Install what faults are injected with: an ssh server that tests run themselves, and a C compiler.
set -euo pipefail

without_root() {
    echo "An ssh server and a C compiler are needed to inject faults, and this user may not install them."
    echo "Ask an administrator to install: ${missing[*]}"
}
source "$(dirname "$0")/../../tools/as_root.sh"

missing=()
[ -x /usr/sbin/sshd ] || missing+=(openssh-server)
command -v cc >/dev/null || missing+=(gcc libc6-dev)
[ "${#missing[@]}" -gt 0 ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "Please install, with this machine's package manager: ${missing[*]}" >&2
    exit 1
fi
echo "Installing what faults are injected with: ${missing[*]}"
as_root apt-get update -qq
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
