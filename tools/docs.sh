#!/usr/bin/env bash
# Build the docs site into .cache/docs/html: the collection's plugins and roles, and all Markdown pages. Warnings are errors.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH" ANSIBLE_COLLECTIONS_PATH="$PWD/.ansible/collections"
site=$PWD/.cache/docs

.venv/bin/python - <<'PY' | .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check -r /dev/stdin
import tomllib
print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["docs"]))
PY

antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs all --check-extra-docs-refs .

# What pages link to lies where it lies in the checkout, so that links of a checkout are links of the site.
rm -rf "$site/source"
mkdir -p "$site/source/reference" "$site/fragments"
git ls-files -z --cached --others --exclude-standard -- . ':!.ansible' ':!docs/docsite' \
    | while IFS= read -r -d '' file; do [ -e "$file" ] && printf '%s\0' "$file"; done \
    | tar --null --files-from=- --create | tar --extract --directory "$site/source"
cp tools/docs/index.md "$site/source/index.md"
chmod go-w "$site/source/reference"
antsibull-docs collection --use-current --squash-hierarchy --dest-dir "$site/source/reference" gpt_oss.fleet

sphinx-build --quiet --fail-on-warning --keep-going --jobs auto -b html -d "$site/doctrees" -c tools/docs "$site/source" "$site/html"
echo "docs: $(find "$site/html" -name '*.html' | wc -l) pages at $site/html/index.html"
