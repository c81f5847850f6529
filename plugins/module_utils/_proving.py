# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: proving - reads a ready server's log for the kernels that its recipe asked for."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _cuda_graphs, _kernel_proof, _stages
from ansible_collections.gpt_oss.fleet.plugins.module_utils._container_error import ContainerError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._container_process import Process
from ansible_collections.gpt_oss.fleet.plugins.module_utils._diagnosis import concerns
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import EngineError

# A start of eight workers logs some hundred lines; requests come after it.
_MOST_LINES = 20000


def proven(
    parameters: Mapping[str, Any], process: Process, kept: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return what the log proves of the server's kernels (_kernel_proof.Proof.as_dict), and warnings.

    A log is read until it told: what is kept of this very start counts, as its lines may be rotated away by now. Raises
    ContainerError when the log contradicts what was asked for.
    """
    expectation = parameters["kernel_proof"] or {}
    known = kept.get("kernel_proof") or {"state": _kernel_proof.UNKNOWN}
    if known["state"] != _kernel_proof.UNKNOWN and kept.get("expectation") == expectation:
        if known["state"] == _kernel_proof.CONTRADICTED:
            raise _contradiction(parameters["name"], _kernel_proof.Proof.of_dict(known))
        return dict(known), list(kept.get("warnings") or [])
    lines = _lines(process)
    warnings = _kernel_proof.dead_variables(lines, set(parameters["environment"] or {}))
    warnings += [f"{parameters['name']}: {found.cause}; {found.remedy}" for found in concerns(lines)]
    slow = _cuda_graphs.small_graphs(parameters["arguments"] or [])
    warnings += [f"{parameters['name']}: {slow}."] if slow else []
    proof = _kernel_proof.prove(lines, expectation)
    if proof.state == _kernel_proof.CONTRADICTED:
        raise _contradiction(parameters["name"], proof)
    warnings += [
        f"{parameters['name']}: {finding.sentence} To be sure: {finding.remedy}."
        for finding in proof.findings
        if finding.state == _kernel_proof.UNKNOWN
    ]
    return proof.as_dict(), warnings


def _contradiction(name: str, proof: _kernel_proof.Proof) -> ContainerError:
    wrong = [finding for finding in proof.findings if finding.state == _kernel_proof.CONTRADICTED]
    cause = " ".join(finding.sentence for finding in wrong)
    remedy = "; ".join(dict.fromkeys(finding.remedy for finding in wrong if finding.remedy))
    return ContainerError(
        f"{name}: it is ready, but not with the kernels that were asked for. {cause}. Remedy: {remedy}. "
        "The container is left as it is, without its restart policy",
        stage="first_completion",
        exit_code=None,
        diagnosis="wrong_kernel",
        cause=cause,
        remedy=remedy,
        kernel_proof=proof.as_dict(),
        log=[finding.line for finding in wrong if finding.line],
    )


def _lines(process: Process) -> list[str]:
    since = _stages.epoch(process.started_at)
    try:
        logged = process.engine.log_lines(process.container_id, since=since)
        return [_stages.without_timestamp(line) for line in islice(logged, _MOST_LINES)]
    except EngineError:
        # Some log drivers cannot be read; then nothing is known.
        return []
