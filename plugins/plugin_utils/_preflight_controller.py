# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: preflight controller, what is wrong before a host is looked at: ansible-core, the servers' description."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._drivers import older
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._preflight_case import Case, Problem
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._problems import problem


def ansible(case: Case) -> Iterator[Problem]:
    """Is the controller's ansible-core new enough?"""
    found, minimum = case.wanted.ansible_version, case.wanted.ansible_minimum
    if found and minimum and older(found, minimum):
        remedy = "upgrade it on the controller"
        yield problem("ansible_too_old", "error", "ansible-core", f"{minimum} or newer", found, remedy)


def description(case: Case) -> Iterator[Problem]:
    """Can the servers be deployed as they are described?"""
    for sentence in case.wanted.server_problems:
        found, semicolon, remedy = sentence.rpartition("; ")
        if not semicolon:
            found, remedy = sentence, "correct the entry"
        yield problem("server_description", "error", "vllm_servers", "entries that can be deployed", found, remedy)
