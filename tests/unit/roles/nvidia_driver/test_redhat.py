# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role runs on hosts with dnf, rendered from its own task files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

ROLE = Path(__file__).parents[4] / "roles" / "nvidia_driver"
PLAN = {
    "stream": "580-open",
    "packages": {
        "unlock": ["nvidia-open-3:575.57.08-1.el9.*"],
        "remove": ["cuda-drivers"],
        "install": ["kernel-devel-matched-5.14.0-570.el9_6", "nvidia-open-3:580.95.05-1.el9", "nvlsm"],
        "lock": ["*nvidia*580.95.05*"],
    },
}
EMPTY: dict[str, Any] = {
    "stream": "",
    "packages": {key: [] for key in ("unlock", "remove", "install", "lock")},
}


def rendered(name: str, plan: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return module and arguments of the tasks in a file whose conditions hold."""
    environment = NativeEnvironment()
    variables = {"__nvidia_driver_plan": plan, "nvidia_driver_lock_timeout": 300}
    tasks = []
    for task in yaml.safe_load((ROLE / "tasks" / name).read_text(encoding="utf-8")):
        if "when" in task and not environment.compile_expression(task["when"])(**variables):
            continue
        module = next(key for key in task if key.startswith("ansible.builtin."))
        tasks.append((module.rpartition(".")[2], render(task[module], environment, variables)))
    return tasks


def render(value: Any, environment: NativeEnvironment, variables: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: render(item, environment, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [render(item, environment, variables) for item in value]
    return environment.from_string(value).render(**variables) if isinstance(value, str) else value


DNF = {"lock_timeout": 300}
TASKS = [
    ("redhat.yml", EMPTY, []),
    (
        "redhat.yml",
        PLAN,
        [
            ("command", {"argv": ["dnf", "--assumeyes", "versionlock", "delete", "nvidia-open-3:575.57.08-1.el9.*"]}),
            ("dnf", {"name": ["cuda-drivers"], "state": "absent", **DNF}),
            (
                "dnf",
                {"name": PLAN["packages"]["install"], "allow_downgrade": True, "allowerasing": True, **DNF},  # type: ignore[index]
            ),
            ("command", {"argv": ["dnf", "--assumeyes", "versionlock", "add", "*nvidia*580.95.05*"]}),
        ],
    ),
    (
        "stream.yml",
        PLAN,
        [
            ("command", {"argv": ["dnf", "--assumeyes", "module", "reset", "nvidia-driver"]}),
            ("command", {"argv": ["dnf", "--assumeyes", "module", "enable", "nvidia-driver:580-open"]}),
            ("include_tasks", "versions.yml"),
        ],
    ),
]


@pytest.mark.parametrize(("name", "plan", "tasks"), TASKS)
def test_what_is_run_with_dnf(name: str, plan: dict[str, Any], tasks: list[tuple[str, Any]]) -> None:
    assert rendered(name, plan) == tasks


REPOSITORIES = [
    ("debian12", "debian12", "3bf863cc.pub"),
    ("debian13", "debian13", "8793F200.pub"),
    ("ubuntu22.04", "ubuntu2204", "3bf863cc.pub"),
    ("ubuntu24.04", "ubuntu2404", "3bf863cc.pub"),
    ("redhat9", "rhel9", "D42D0685.pub"),
    ("redhat10", "rhel10", "CDF6BA43.pub"),
]


@pytest.mark.parametrize(("system", "folder", "key"), REPOSITORIES)
def test_nvidias_repositories(system: str, folder: str, key: str) -> None:
    data = yaml.load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8").replace("!unsafe", ""), yaml.SafeLoader)
    row = data["__nvidia_driver_repositories"][system]
    assert (row["folder"], row["key"]) == (folder, key)
    # A key's file is named by the last eight digits of its fingerprint.
    assert all(len(one) == 40 and one.lower().endswith(key[:8].lower()) for one in row["fingerprints"])
