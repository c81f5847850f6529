# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: quarantine - the hosts that failed a rollout, kept as an inventory file on the controller."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection, Mapping
from typing import Any

import yaml
from ansible_collections.gpt_oss.fleet.plugins.module_utils._visible import visible

GROUP = "gpt_oss_quarantine"
_PREFIX = "gpt_oss_quarantine_"
# What begins a template, a statement or a comment of Jinja.
_TEMPLATE = re.compile(r"\{(?=[{%#])")
_KEYS = ("reason", "time", "retest")
_HEAD = """\
---
# Hosts that failed a rollout, kept by gpt_oss.fleet.rollout, which leaves them out. Give it beside your inventory
# (-i quarantine.yml) and the group gpt_oss_quarantine is known to other playbooks too: --limit '!gpt_oss_quarantine'.
# Once a host is repaired, run its gpt_oss_quarantine_retest: when it passes, it is taken out of this file.
"""

Entries = dict[str, dict[str, str]]


class QuarantineError(Exception):
    """The file is none of these."""


def load(text: str | None, place: str) -> Entries:
    """Return the entries of a file's text by host: reason, time (UTC), retest. None and "" hold none.

    Raises QuarantineError.
    """
    try:
        document = yaml.safe_load(text or "") or {}
        hosts = document[GROUP]["hosts"] or {} if document else {}
        return {str(host): {key: str(found.get(_PREFIX + key, "")) for key in _KEYS} for host, found in hosts.items()}
    except (yaml.YAMLError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as exc:
        raise QuarantineError(
            f"Expected {place} to be an inventory with the group {GROUP} as gpt_oss.fleet.rollout writes it, found "
            "something else. Move it away, or correct rollout_quarantine_path."
        ) from exc


def updated(
    entries: Mapping[str, Mapping[str, str]], failed: Mapping[str, Mapping[str, str]], passed: Collection[str]
) -> Entries:
    """Return the entries with the hosts that failed and without those that passed, sorted by name."""
    kept = {host: dict(entry) for host, entry in entries.items() if host not in passed}
    return dict(sorted({**kept, **{host: dict(entry) for host, entry in failed.items()}}.items()))


def dump(entries: Mapping[str, Mapping[str, str]]) -> str:
    """Return the file's text."""
    hosts = {host: {_PREFIX + key: _inert(entry[key]) for key in _KEYS} for host, entry in entries.items()}
    document = {GROUP: {"hosts": hosts}}
    return _HEAD + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)


def _inert(text: str) -> str:
    """Return a text in which no template begins: Ansible trusts an inventory, and a reason comes from a host."""
    return visible(_TEMPLATE.sub("{ ", text))


def retest_command(host: str, sources: Collection[str], path: str, gates: Collection[str] = ()) -> str:
    """Return the command that rolls out to this host again; `sources` are the inventories of this run.

    It names the file and the gates, which may be known to this run's command line alone: a host leaves the file
    that it is in, by the proofs that it did not pass.
    """
    inventories = [word for source in [*(other for other in sources if other != path), path] for word in ("-i", source)]
    wishes: dict[str, Any] = {"rollout_retest": [host], "rollout_quarantine_path": path}
    if gates:
        wishes["rollout_gate"] = list(gates)
    return shlex.join(["ansible-playbook", "gpt_oss.fleet.rollout", *inventories, "-e", json.dumps(wishes)])
