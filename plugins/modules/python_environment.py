# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.python_environment: a Python environment holds its requirements, old or new, never half."""

from __future__ import annotations

DOCUMENTATION = r"""
module: python_environment
short_description: Keeps a Python environment that holds given requirements
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Makes a virtual environment with C(venv) and C(pip) from a Python of the host, which stays untouched.
  - Each set of requirements, with each Python, is a version of its own in C(versions/) of O(path), and C(bin/python) in
    O(path) starts the one in force. A version is put in force when it is whole. An upgrade that breaks off, whatever
    the reason, leaves the old version in force.
  - A process that runs keeps the version that it began with. The version before stays, so that the way back needs
    neither index nor wheels; older ones are removed once no process uses them.
  - A version whose Python is gone, say after an upgrade of the distribution, is made anew from another one.
options:
  path:
    description: The folder of the environment. Its interpreter is C(bin/python) in it.
    type: path
    required: true
  requirements:
    description: What it holds, in pip's format. Hashes are checked where there are any.
    type: str
    required: true
  optional_requirements:
    description: What it holds where that can be installed without compiling, and does without elsewhere.
    type: str
    default: ""
  python:
    description:
      - The Python to make it from. By default the first that will do of C(python3), C(python3.14) ... C(python3.10).
    type: str
    default: ""
  wheels:
    description: A folder on the host with wheels of all requirements. No index is asked then.
    type: path
  index_url:
    description: The package index; by default what pip is set to on the host. Credentials belong into its pip.conf.
    type: str
attributes:
  check_mode:
    description: Tells whether a version would be made or put in force, and whether a Python for it was found.
    support: full
  diff_mode:
    description: Shows the requirements before and after.
    support: full
"""

EXAMPLES = r"""
- name: Have an environment
  gpt_oss.fleet.python_environment:
    path: /opt/gpt_oss/venv
    requirements: |
      docker==7.2.0
      huggingface_hub==2.4.0

- name: Have it without a package index
  gpt_oss.fleet.python_environment:
    path: /opt/gpt_oss/venv
    requirements: "{{ lookup('ansible.builtin.file', 'requirements.txt') }}"
    wheels: /srv/wheels
"""

RETURN = r"""
python:
  description: The command that starts the environment's Python.
  type: str
  returned: success
  sample: /opt/gpt_oss/venv/bin/python
plan:
  description:
    - V(none) where the version in force holds the requirements, V(switch) where another one that is there does, and
      V(build) where one is to be made. In check mode what would be done, else what was done.
  type: str
  returned: success
  sample: none
version:
  description: The name of the version in force; empty while there is none.
  type: str
  returned: success
  sample: 3f8c2a9b11d0-cp312
python_version:
  description: The Python of the version in force, or in check mode the one that would be taken; empty without one.
  type: str
  returned: success
  sample: 3.12.3
packages:
  description: The packages in it, each with C(name) and C(version).
  type: list
  elements: dict
  returned: success
missing_optional:
  description: The optional requirements that it does without.
  type: list
  elements: str
  returned: success
optional_problem:
  description: Why they could not be installed.
  type: str
  returned: success
missing_python:
  description: Whether a version has to be made and the host has no Python for it. Without check mode this fails.
  type: bool
  returned: success
problem:
  description: What was wanted, what was found and what to do, where no Python was found in check mode.
  type: str
  returned: success
removed:
  description: The versions that were removed.
  type: list
  elements: str
  returned: success
"""

import os
from pathlib import Path
from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _private_folder, _python_finder
from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import in_english
from ansible_collections.gpt_oss.fleet.plugins.module_utils._environment_build import (
    BuildError,
    Recipe,
    build,
    satisfies,
    wishes,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._environment_folder import Folder, Version
from ansible_collections.gpt_oss.fleet.plugins.module_utils._file_lock import LockedError, held

ARGUMENT_SPEC: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "requirements": {"type": "str", "required": True},
    "optional_requirements": {"type": "str", "default": ""},
    "python": {"type": "str", "default": ""},
    "wheels": {"type": "path"},
    "index_url": {"type": "str"},
}
# Another run of minutes, on a slow disk and network, is waited for.
LOCK_SECONDS = 900.0


def result_of(folder: Folder, version: Optional[Version], **more: Any) -> dict[str, Any]:
    """Return the module's result for the version in force."""
    record = version.record if version else {}
    return {
        "changed": False,
        "plan": "none",
        "python": str(folder.script),
        "version": version.folder.name if version else "",
        "python_version": record.get("python", ""),
        "packages": record.get("packages", []),
        "missing_optional": record.get("missing_optional", []),
        "optional_problem": record.get("optional_problem", ""),
        "missing_python": False,
        "problem": "",
        "removed": [],
        **more,
    }


def diff_of(before: Optional[Version], recipe: Recipe) -> dict[str, str]:
    """Return the requirements before and after, as Ansible's diff."""
    old = before.folder / "requirements.txt" if before else None
    told = wishes(old.read_text(encoding="utf-8")) if old and old.is_file() else []
    return {
        "before": "".join(f"{line}\n" for line in told),
        "after": "".join(f"{r}\n" for r in wishes(recipe.requirements)),
    }


def need_wheels(recipe: Recipe) -> None:
    """Raise BuildError for a folder of wheels that is none."""
    if recipe.wheels and not Path(recipe.wheels).is_dir():
        raise BuildError(
            f"expected a folder of wheels at {recipe.wheels} on the host, found none; bring one (the playbook "
            "gpt_oss.fleet.bundle makes it), or correct hf_cache_wheels"
        )


def would(folder: Folder, recipe: Recipe, module: AnsibleModule, before: Optional[Version]) -> dict[str, Any]:
    """Return what check mode tells: the version that would be in force, or the Python that one would be made from."""
    command = module.params["python"]
    ready = next((version for version in folder.versions() if satisfies(version, recipe, command)), None)
    if ready:
        return result_of(folder, ready, changed=True, plan="switch", diff=diff_of(before, recipe))
    # A folder that is yet to come brings the wheel of pip too.
    pip_wheel = recipe.pip_wheel is not None or bool(recipe.wheels and not Path(recipe.wheels).exists())
    found, seen = _python_finder.find(command, pip_wheel, in_english(module))
    return result_of(
        folder,
        before,
        changed=True,
        plan="build",
        python_version=found.text if found else "",
        missing_python=found is None,
        problem="" if found else _python_finder.lacking(command, seen),
        diff=diff_of(before, recipe),
    )


def bring(folder: Folder, recipe: Recipe, module: AnsibleModule, before: Optional[Version]) -> dict[str, Any]:
    """Put a version in force that satisfies the recipe, and return the result. Raises BuildError."""
    command, run = module.params["python"], in_english(module)
    folder.clean([version.folder for version in folder.versions()])
    ready = next((version for version in folder.versions() if satisfies(version, recipe, command)), None)
    plan = "switch" if ready else "build"
    if ready is None:
        need_wheels(recipe)
        found, seen = _python_finder.find(command, recipe.pip_wheel is not None, run)
        if found is None:
            raise BuildError(_python_finder.lacking(command, seen))
        ready = build(folder, recipe, found, run)
    folder.enforce(ready)
    removed = folder.clean([ready.folder, *([before.folder] if before else [])])
    return result_of(folder, ready, changed=True, plan=plan, removed=removed, diff=diff_of(before, recipe))


def main() -> None:
    _private_folder.keep_others_from_writing()
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    recipe = Recipe(
        params["requirements"], params["optional_requirements"], params["wheels"] or "", params["index_url"] or ""
    )
    folder = Folder(params["path"])
    before: Optional[Version] = None
    try:
        before = folder.in_force()
        if before and satisfies(before, recipe, params["python"]):
            module.exit_json(**result_of(folder, before))
        if module.check_mode:
            module.exit_json(**would(folder, recipe, module, before))
        os.umask(0o022)
        folder.path.mkdir(parents=True, exist_ok=True)
        with held(str(folder.path / ".lock"), LOCK_SECONDS):
            before = folder.in_force()
            if before and satisfies(before, recipe, params["python"]):
                module.exit_json(**result_of(folder, before))
            module.exit_json(**bring(folder, recipe, module, before))
    except (BuildError, LockedError, OSError) as exc:
        kept = f"; {before.folder.name} stays in force" if before else ""
        module.fail_json(msg=f"the Python environment {folder.path} could not be made: {exc}{kept}", exception=exc)


if __name__ == "__main__":
    main()
