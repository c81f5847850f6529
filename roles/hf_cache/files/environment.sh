# Make the managed Python environment, or bring it up to date. Requirements come on standard input.
# Wanted in the environment: TARGET (folder), STAMP (file that tells that all is done), PYTHON (optional), WHEELS (optional).
set -eu

usable() { "$1" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; }
recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; }

find_python() {
    without_venv=
    for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python3.10}; do
        command -v "$python" >/dev/null 2>&1 || continue
        if usable "$python"; then
            return 0
        fi
        if [ -z "$without_venv" ] && recent "$python"; then
            without_venv=$python
        fi
    done
    if [ -n "$without_venv" ]; then
        echo "wanted a Python that can make a virtual environment; found $(command -v "$without_venv") without venv and" \
            "ensurepip; on Debian and Ubuntu: apt-get install python3-venv" >&2
    else
        echo "wanted ${PYTHON:-python3}, CPython 3.10 or newer; found $(python3 --version 2>&1 || true); install one" \
            "(RHEL 9: dnf install python3.12), or name it with hf_cache_python_command" >&2
    fi
    return 1
}

if [ ! -x "$TARGET/bin/pip" ] || ! usable "$TARGET/bin/python"; then
    find_python
    "$python" -m venv --clear "$TARGET"
fi
"$TARGET/bin/python" -m pip install --quiet --disable-pip-version-check --requirement /dev/stdin \
    ${WHEELS:+--no-index --find-links "$WHEELS"}
rm -f "$TARGET"/.requirements-*
touch "$STAMP"
