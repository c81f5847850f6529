#!/usr/bin/env bash
# Bring what tests/browser needs: playwright into .venv, and the distribution's Chromium. Where the latter cannot be had,
# the tests are skipped and say so.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tools/as_root.sh
without_root() { echo "chromium is missing, and this user cannot install it"; }

.venv/bin/python - <<'PY' | .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check -r /dev/stdin
import tomllib
print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["browser"]))
PY

install_chromium() {
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
}
if [ -z "${CHROMIUM:-}" ] && ! command -v chromium chromium-browser >/dev/null && command -v apt-get >/dev/null; then
    echo "Installing system packages: chromium"
    (install_chromium) || echo "chromium could not be installed"
fi
