# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: environment host - what is known of a host's environment on the controller, without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._redaction import redacted
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._environment_differences import FACTS
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._plain import plain


def environment_of(hostvars: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return what is known of a host, in plain types and without secrets, as `differences` compares it."""
    own: Mapping[str, Any] = {}
    if name in hostvars:
        own = hostvars[name]
    known = {part: plain(own.get(fact)) for part, fact in FACTS.items()}
    servers = plain(own.get("gpt_oss_environment")) or {}
    problem = str(own.get("gpt_oss_environment_problem") or "")
    return dict(redacted({"servers": servers, "problem": problem, **known}))
