#!/usr/bin/env bash
# Change the statistics and the readiness logic in small ways, one at a time, and see that a unit test notices each.
# usage: tests/tools/mutation.sh [MUTANT ...]     none for all; names as the list of survivors has them
#
# mutmut wants a mutant's module to be named as its file: so the copy lies at ansible_collections/gpt_oss/fleet.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH="$PWD/.venv/bin:$PATH"
tree=$PWD/.cache/mutation
collection=ansible_collections/gpt_oss/fleet
config=tests/tools/mutation.toml

.venv/bin/python - <<'PY' | .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check -r /dev/stdin
import tomllib
print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["mutation"]))
PY

rm -rf "${tree:?}/$collection" "$tree/mutants/$collection/tests" "$tree/mutants/$collection/roles"
mkdir -p "$tree/$collection"
git ls-files -z -- plugins tests/unit tests/golden roles meta | xargs -0 tar --create | tar --extract --directory "$tree/$collection"
cp "$config" "$tree/pyproject.toml"
cd "$tree"
mutmut run "$@" >run.log 2>&1 </dev/null || { tail -n 40 run.log; exit 1; }
python - <<'PY'
import pathlib, subprocess, sys, tomllib

least = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["tool"]["mutation"]["least"]
told = subprocess.run(["mutmut", "results", "--all", "true"], capture_output=True, text=True, check=True).stdout
states = dict(line.strip().rsplit(": ", 1) for line in told.splitlines() if "__mutmut_" in line)
noticed = {"killed", "timeout", "suspicious", "segfault", "caught by type check"}
files: dict[str, list[str]] = {}
for name, state in states.items():
    if state != "not checked":
        files.setdefault(name.split(".x")[0].split("plugins.")[1], []).append(state)
for name in sorted(name for name, state in states.items() if state == "survived"):
    print(f"survived: {name}")
judged = [state for found in files.values() for state in found if state != "no tests"]
for file, found in sorted(files.items()):
    reached = [state for state in found if state != "no tests"]
    share = 100 * sum(state in noticed for state in reached) / max(1, len(reached))
    print(f"mutation: {file:30} {share:5.1f} % of {len(reached):4} noticed, {len(found) - len(reached):3} in code that no unit test runs")
share = 100 * sum(state in noticed for state in judged) / max(1, len(judged))
print(f"mutation: {share:.1f} % of {len(judged)} changes noticed; {least} % are asked for")
sys.exit(share < least)
PY
