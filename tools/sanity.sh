#!/usr/bin/env bash
# ansible-test sanity over a copy of what git knows of the checkout. usage: tools/sanity.sh [ansible-test arguments]
# SANITY_VENV: an environment with another ansible-core than .venv has; SANITY_PYTHONS: other CPythons than its own.
# ansible-test refuses symbolic links and wants the path ansible_collections/NAMESPACE/NAME, hence the copy.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="${SANITY_VENV:-$PWD/.venv}/bin:$PATH"
home=$PWD/.cache/sanity/home
copy=$PWD/.cache/sanity/ansible_collections/gpt_oss/fleet
pythons=${SANITY_PYTHONS:-$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')}

mkdir -p "$copy" "$home/.ansible/test/cache" "$home/.config"
find "$copy" -mindepth 1 -maxdepth 1 ! -name .git -exec rm -rf {} +
git ls-files -z --cached --others --exclude-standard -- . ':!.ansible' \
    | while IFS= read -r -d '' file; do [ -e "$file" ] && printf '%s\0' "$file"; done \
    | tar --null --files-from=- --create | tar --extract --directory "$copy"
cd "$copy"
[ -d .git ] || git init -q
git add -A

# The tests' own virtual environments are kept in a home of their own, which still sees the user's package index.
[ ! -d "$HOME/.config/pip" ] || ln -sfn "$HOME/.config/pip" "$home/.config/pip"
[ ! -d "$HOME/.pip" ] || ln -sfn "$HOME/.pip" "$home/.pip"

# ansible-test downloads a pip bootstrap script from the web for them. Where only a package index can be
# reached, this stand-in takes the pip that every CPython carries.
version=$(python - <<'PY'
import pathlib, re, ansible_test
text = (pathlib.Path(ansible_test.__file__).parent / "_internal/python_requirements.py").read_text()
print(re.search(r"pip='([0-9.]+)'", text).group(1))
PY
)
cat > "$home/.ansible/test/cache/get_pip_${version//./_}.py" <<'PY'
import ensurepip
import os
import subprocess
import sys

if __name__ == "__main__":
    # ensurepip hides pip's settings, and with them the package index, from all that comes after it.
    environment = {key: value for key, value in os.environ.items() if key != "GET_PIP"}
    ensurepip.bootstrap()
    wanted = [argument for argument in sys.argv[1:] if argument.startswith("pip==")]
    sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", "--quiet"] + wanted, env=environment))
PY

for python in $pythons; do
    HOME=$home ansible-test sanity --venv --python "$python" --color no "$@"
done
