# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: kernel expectation - what a server's log must say of its kernels, for module_utils/_kernel_proof.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_catalogue import Catalogue, Site
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_plan import Plan
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._server_options import flags_of
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._vllm_versions import alive

# Kernels of their own have only models whose experts are stored in this format.
_QUANTIZATION = "mxfp4"


def kernel_expectation(plan: Plan, gpus: str, catalogue: Catalogue, site: Site) -> dict[str, Any]:
    """Return what the log of a server on `gpus` must say, in plain types; empty when nothing is demanded."""
    family = plan.options.get("gpu_family") if gpus == "none" else site.host.family(gpus)
    model = catalogue.models.get(plan.options.get("model", ""), {})
    if family is None or model.get("quantization") != _QUANTIZATION:
        return {}
    subjects = list(_subjects(plan, family, catalogue))
    if not subjects:
        return {}
    return {
        "gpu_family": family,
        "gpu": site.host.product(gpus),
        "vllm_version": plan.version.text,
        "moe_activation": plan.moe_activation,
        "subjects": subjects,
    }


def _subjects(plan: Plan, family: str, catalogue: Catalogue) -> Iterator[dict[str, Any]]:
    told = set()
    for row in catalogue.kernel_proofs:
        subject = row["subject"]
        if subject in told or family not in row["gpu_families"] or not alive(plan.version, row):
            continue
        told.add(subject)
        lines = row["activations"].get(plan.moe_activation)
        if lines is not None and not _chosen(plan, catalogue.kernel_choices.get(subject, {})):
            yield {
                "subject": subject,
                "expected": str(row["expected"]).replace("{moe_activation}", plan.moe_activation),
                "proves": list(lines.get("proves") or []),
                "contradicts": dict(lines.get("contradicts") or {}),
                "by_exclusion": bool(lines.get("by_exclusion")),
            }


def _chosen(plan: Plan, choices: Mapping[str, Any]) -> bool:
    """Tell whether the entry chooses the kernels itself, by an environment variable or an argument."""
    flags = flags_of(plan.options.get("arguments", []))
    variables = set(plan.options.get("environment", {})) - set(plan.row.get("environment", {}))
    return bool(flags & set(choices.get("arguments", [])) or variables & set(choices.get("environment", [])))
