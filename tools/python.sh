#!/usr/bin/env bash
# Print the newest CPython on this machine, 3.11 to 3.14, that runs and can make a virtual environment.
# A version manager's shim may be on PATH and yet fail, so each candidate is run before it is believed.
set -euo pipefail

candidates() {
    local minor root
    for minor in 14 13 12 11; do
        type -ap "python3.$minor" || true
        for root in "${PYENV_ROOT:-$HOME/.pyenv}/versions" "$HOME/.local/share/uv/python"; do
            [ -d "$root" ] && find "$root" -maxdepth 3 -path "*/bin/python3.$minor" 2>/dev/null | sort -r
        done
    done
    type -ap python3 || true
}

while read -r python; do
    if "$python" -c 'import sys, ensurepip, venv, ssl; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; then
        "$python" -c 'import sys; print(sys.executable)'
        exit 0
    fi
done < <(candidates)

cat >&2 <<'MESSAGE'
No usable Python was found. Wanted: CPython 3.11, 3.12, 3.13 or 3.14 with its venv module.
On Debian and Ubuntu:  apt-get install python3 python3-venv
Ubuntu 22.04 ships 3.10, which ansible-core 2.19 no longer supports:  apt-get install python3.11 python3.11-venv
MESSAGE
exit 1
