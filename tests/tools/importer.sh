#!/usr/bin/env bash
# Run Galaxy's importer on the built tarball, with all its checks but ansible-test, which `make sanity` runs. It is to say
# nothing. It pins its own tools, so it has an environment of its own, .cache/importer/venv.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$PWD/.cache/importer
wanted=galaxy-importer==0.4.44

if [ "$(cat "$folder/venv/.stamp" 2>/dev/null)" != "$wanted" ]; then
    .venv/bin/python -m venv --clear "$folder/venv"
    "$folder/venv/bin/python" -m pip install --quiet --quiet --disable-pip-version-check "$wanted"
    echo "$wanted" >"$folder/venv/.stamp"
fi
rm -rf "$folder/built" "$folder/run"
mkdir -p "$folder/built" "$folder/run"
.venv/bin/ansible-galaxy collection build --output-path "$folder/built" >/dev/null
cat >"$folder/importer.cfg" <<'CFG'
[galaxy-importer]
check_required_tags = True

CFG

cd "$folder/run"
log=$folder/run.log
env -u ANSIBLE_CONFIG -u ANSIBLE_COLLECTIONS_PATH PATH="$folder/venv/bin:$PATH" GALAXY_IMPORTER_CONFIG="$folder/importer.cfg" \
    python -m galaxy_importer.main "$folder"/built/*.tar.gz >"$log" 2>&1 || { tail -n 40 "$log"; exit 1; }
if grep -E '^(WARNING|ERROR|CRITICAL)' "$log"; then exit 1; fi
echo "importer: nothing to say about $(basename "$folder"/built/*.tar.gz)"
