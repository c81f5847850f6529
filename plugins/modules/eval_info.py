#!/usr/bin/python
# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.eval_info: how the evals of a host stand."""

from __future__ import annotations

DOCUMENTATION = r"""
module: eval_info
short_description: Tells how the evals of a host stand
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Reads what the evals of M(gpt_oss.fleet.eval_run) on a host tell of themselves. Asks no server, and needs nothing on
    the host but Python.
  - M(gpt_oss.fleet.eval_watch) shows them until they end, M(gpt_oss.fleet.eval_status_report) those of a whole fleet.
options:
  run_path:
    description: The folder of the evals on the host, as M(gpt_oss.fleet.eval_run) has it.
    type: path
    required: true
attributes:
  check_mode:
    description: Does the same in check mode, as nothing is changed.
    support: full
seealso:
  - module: gpt_oss.fleet.eval_run
  - module: gpt_oss.fleet.eval_watch
  - module: gpt_oss.fleet.eval_status_report
"""

EXAMPLES = r"""
- name: See how the evals stand
  gpt_oss.fleet.eval_info:
    run_path: /var/lib/gpt_oss/evaluate/runs
  register: seen

- name: Name the servers that are evaluated at present
  ansible.builtin.debug:
    msg: "{{ seen.evals | selectattr('running') | map(attribute='server') | join(', ') }}"
"""

RETURN = r"""
evals:
  description: An entry for each server that was ever evaluated, by its name, and one for each engine that did it.
  returned: success
  type: list
  elements: dict
  contains:
    server:
      description: The server's name.
      type: str
    engine:
      description: V(reference) for runs of C(gpt_oss.evals), none for those of M(gpt_oss.fleet.eval_run).
      type: str
    status_path:
      description: The file in which its job tells how it stands.
      type: str
    running:
      description: Whether a job is there. None where this user may not see it.
      type: bool
    silent_seconds:
      description: For how long the job has told nothing. One that runs tells something each second.
      type: float
    status:
      description:
        - How the job stands, or stood when it ended, with C(state) (V(running), V(finished), V(failed) or V(stopped)),
          C(phase) (V(asking), V(paused) or V(restarting)) with C(phase_seconds), C(cause) and C(remedy), C(rate) in
          requests a second, C(tokens_per_second), C(eta_s), the seconds that are left, C(trouble), which is what is
          retried, and C(error).
        - Each of its C(cells) has C(task), C(effort), C(done) of C(total) samples, C(correct) of C(measured) ones,
          C(errors), the C(score) so far with C(standard_error) (clustered by question) and C(standard_error_within),
          completion C(tokens), and C(journal).
        - Of C(gpt_oss.evals) it is known which run is under way since when (C(started)), how many replies it has, and
          after how many seconds it is ended (C(limit_seconds)). It tells no score before its end.
      type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_info import InfoError, evals

ARGUMENT_SPEC: dict[str, Any] = {"run_path": {"type": "path", "required": True}}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        module.exit_json(changed=False, evals=evals(module.params["run_path"]))
    except InfoError as exc:
        module.fail_json(msg=str(exc), exception=exc)


if __name__ == "__main__":
    main()
