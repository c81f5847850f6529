# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.python_wheels: a folder holds the wheels of a lock, for other Pythons and machines too."""

from __future__ import annotations

DOCUMENTATION = r"""
module: python_wheels
short_description: Keeps a folder of the wheels that locked requirements need elsewhere
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Downloads with pip the wheels of pinned requirements, for each of several CPythons on Linux with glibc, whatever
    Python runs here. Hashes are checked where the requirements have any.
  - Needs C(packaging) beside pip, as the managed environment of the role hf_cache has it.
options:
  path:
    description: The folder. Wheels in it that nobody wants any more are removed.
    type: path
    required: true
  requirements:
    description: All requirements, each pinned as C(name==version), in pip's format.
    type: str
    required: true
  optional_requirements:
    description: >-
      More of them, that are brought where there are wheels of them. What was not to be had is noted in the folder, in
      C(missing-optional.txt), and not asked for again while that is there.
    type: str
    default: ""
  pythons:
    description: The CPythons.
    type: list
    elements: str
    default: ["3.10", "3.11", "3.12", "3.13", "3.14"]
  machines:
    description: The machines.
    type: list
    elements: str
    choices: [x86_64, aarch64]
    default: [x86_64]
  index_url:
    description: The package index; by default what pip is set to.
    type: str
    default: ""
attributes:
  check_mode:
    description: Tells what is missing.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""

EXAMPLES = r"""
- name: Have the wheels for Debian 12 and Ubuntu 24.04
  gpt_oss.fleet.python_wheels:
    path: /srv/wheels
    requirements: "{{ lookup('ansible.builtin.file', 'requirements.txt') }}"
    pythons: ["3.11", "3.12"]
"""

RETURN = r"""
brought:
  description: What was brought, or is missing in check mode, as C(name==version) for a Python on a machine.
  type: list
  elements: str
  returned: success
removed:
  description: The wheels that were removed, or would be.
  type: list
  elements: str
  returned: success
missing_optional:
  description: The optional requirements for which there is no wheel.
  type: list
  elements: str
  returned: success
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.gpt_oss.fleet.plugins.module_utils import (
    _pip_errors,
    _private_folder,
    _text_files,
    _wheel_folder,
    _wheels,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import in_english
from ansible_collections.gpt_oss.fleet.plugins.module_utils._wheels import Pinned, Target, WheelError, read_lock

ARGUMENT_SPEC: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "requirements": {"type": "str", "required": True},
    "optional_requirements": {"type": "str", "default": ""},
    "pythons": {"type": "list", "elements": "str", "default": list(_wheels.PYTHONS)},
    "machines": {"type": "list", "elements": "str", "choices": list(_wheels.MACHINES), "default": ["x86_64"]},
    "index_url": {"type": "str", "default": ""},
}
# Which optional requirements there were no wheels of.
MISSING = "missing-optional.txt"
Bring = Callable[[Sequence[Pinned], Target], None]


def fill(folder: Path, lock: Sequence[Pinned], targets: Sequence[Target], bring: Bring) -> list[str]:
    """Bring what the folder lacks for the targets; return that. Raises WheelError."""
    brought = []
    for target in targets:
        pins = _wheel_folder.lacking(lock, target, folder)
        if pins:
            bring(pins, target)
        brought += [f"{pinned} for {target}" for pinned in pins]
    return brought


def run(module: AnsibleModule) -> dict[str, Any]:
    """Bring the folder about and return the result. Raises WheelError."""
    params, folder = module.params, Path(module.params["path"])
    targets = [Target(python, machine) for python in params["pythons"] for machine in params["machines"]]
    lock, optional = read_lock(params["requirements"]), read_lock(params["optional_requirements"])
    missing: list[str] = []
    # Asked for once: without a network the next run shall find all as it was.
    known = (_text_files.read(str(folder / MISSING)) or "").splitlines()

    def download(pins: Sequence[Pinned], target: Target) -> None:
        if not module.check_mode:
            _wheel_folder.download(sys.executable, pins, target, folder, params["index_url"], in_english(module))

    def try_download(pins: Sequence[Pinned], target: Target) -> None:
        told = [f"{pinned} for {target}" for pinned in pins]
        try:
            if set(told) <= set(known):
                raise WheelError("It was not to be had.")
            download(pins, target)
        except WheelError:
            missing.extend(told)

    removed = _wheel_folder.unwanted([*lock, *optional], targets, folder)
    if not module.check_mode:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        for path in removed:
            path.unlink()
    brought = fill(folder, lock, targets, download)
    more = [row for row in fill(folder, optional, targets, try_download) if row not in missing]
    if not module.check_mode:
        _text_files.put(str(folder / MISSING), "".join(f"{row}\n" for row in missing) or None)
    return {
        "changed": bool(brought or more or removed),
        "brought": [*brought, *more],
        "removed": [path.name for path in removed],
        "missing_optional": missing,
    }


def main() -> None:
    _private_folder.keep_others_from_writing()
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    if _wheels.IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("packaging"), exception=_wheels.IMPORT_ERROR)
    try:
        result = run(module)
    except (WheelError, OSError) as exc:
        source = (
            f"the package index {module.params['index_url']}".strip()
            if module.params["index_url"]
            else "the package index"
        )
        pythons = ", ".join(f"CPython {python}" for python in module.params["pythons"])
        module.fail_json(
            msg=f"the wheels could not be brought: {_pip_errors.explain(str(exc), source, pythons)}", exception=exc
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
