# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: wheel_folder - a folder of wheels for other Pythons than the one that runs, filled by pip."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import file_sha256
from ansible_collections.gpt_oss.fleet.plugins.module_utils._wheels import Pinned, Target, WheelError, fits

Run = Callable[[list[str]], tuple[int, str, str]]


def lacking(lock: Iterable[Pinned], target: Target, folder: Path) -> list[Pinned]:
    """Return the requirements of a target that no whole wheel in the folder meets."""
    tags = target.tags()
    names = sorted(path.name for path in folder.glob("*.whl"))

    def there(pinned: Pinned) -> bool:
        fitting = (folder / name for name in names if fits(name, pinned, tags))
        return any(not pinned.hashes or file_sha256(str(path)) in pinned.hashes for path in fitting)

    return [pinned for pinned in lock if target.wants(pinned) and not there(pinned)]


def unwanted(lock: Sequence[Pinned], targets: Iterable[Target], folder: Path) -> list[Path]:
    """Return the wheels in the folder that no target wants."""
    tags = {target: target.tags() for target in targets}
    wanted = {
        path
        for path in folder.glob("*.whl")
        if any(t.wants(pinned) and fits(path.name, pinned, tags[t]) for t in tags for pinned in lock)
    }
    return sorted(set(folder.glob("*.whl")) - wanted)


def download(python: str, pins: Sequence[Pinned], target: Target, folder: Path, index_url: str, run: Run) -> None:
    """Bring wheels for a target into the folder with the pip of `python`. Raises WheelError with what pip said."""
    command = [python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), "--python-version", target.python]
    command += ["--implementation", "cp", *(f"--abi={abi}" for abi in _abis(target))]
    command += [f"--platform={name}" for name in target.platforms]
    command += ["--index-url", index_url] if index_url else []
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        # Without markers, as pip judges them by the Python that it runs on.
        requirements.writelines(
            f"{pinned} {' '.join(f'--hash=sha256:{h}' for h in pinned.hashes)}\n" for pinned in pins
        )
        requirements.flush()
        code, output, errors = run([*command, "--requirement", requirements.name])
    if code != 0:
        raise WheelError(f"{output}\n{errors}".strip())


def _abis(target: Target) -> list[str]:
    return ["cp" + target.python.replace(".", ""), "abi3", "none"]
