# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: facts - the documentation of what the filters that judge a host take."""

from __future__ import annotations


class ModuleDocFragment:
    """The two facts that C(tasks_from: look) of P(gpt_oss.fleet.preflight#role) registers."""

    DOCUMENTATION = r"""
options:
  _input:
    description: The fact C(gpt_oss_host).
    type: dict
    required: true
  gpu:
    description: The fact C(gpt_oss_gpu).
    type: dict
    required: true
"""
