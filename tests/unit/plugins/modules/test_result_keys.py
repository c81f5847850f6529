# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results have no key by which Ansible means something else: a task whose result has "skipped" was not run, for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

PLUGINS = Path(__file__).resolve().parents[4] / "plugins"
RESERVED = {"failed", "skipped", "skip_reason", "unreachable", "results", "exception", "ansible_job_id", "finished"}
MODULES = sorted(path.name for path in (PLUGINS / "modules").glob("*.py") if path.name != "__init__.py")


@pytest.mark.parametrize("name", MODULES)
def test_no_result_has_a_key_of_ansibles_own(name: str) -> None:
    found = re.search(r'^RETURN = r?"""(.*?)"""', (PLUGINS / "modules" / name).read_text(), re.DOTALL | re.MULTILINE)
    assert found, f"{name} does not tell what it returns"
    assert RESERVED & set(yaml.safe_load(found.group(1)) or {}) == set()
