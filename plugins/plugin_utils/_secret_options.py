# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: secret options, what a module is told in an option of its own that Ansible keeps out of results and logs.

A module writes what it was asked to the system's log, and Ansible shows it with -vvv, option by option: all values of
an environment, or none. So the controller parts them before the module is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._secrets import parted


def with_hidden(args: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's arguments with the secrets of `environment` in `secret_environment`; what stood there wins."""
    if not isinstance(args.get("environment"), Mapping):
        return dict(args)
    plain, hidden = parted(args["environment"])
    if not hidden:
        return dict(args)
    return {**args, "environment": plain, "secret_environment": {**hidden, **(args.get("secret_environment") or {})}}


def without_hidden(args: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's arguments without the secrets of `environment`."""
    if not isinstance(args.get("environment"), Mapping):
        return dict(args)
    return {**args, "environment": parted(args["environment"])[0]}
