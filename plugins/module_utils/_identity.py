# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: identity, what makes two evals the same eval, and thus a journal theirs to continue."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Mapping, NamedTuple, Optional, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import EvalSpec

# Raised when prompts, sampling or grading change, so that old samples are not mixed with new ones.
CLIENT = {"name": "gpt_oss.fleet", "protocol": 1}


# Where a replica listens and which GPUs it has sets it apart from the others, and changes no answer.
_PLACE_ARGUMENT = "--port"
_PLACE_ENVIRONMENT = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")


class ServerFacts(NamedTuple):
    """What was found out about the server before and after an eval."""

    vllm_version: Optional[str]
    simulated: bool
    max_model_len: Optional[int]
    container: Optional[Mapping[str, Any]]

    def identity(self, spec: EvalSpec) -> dict[str, Any]:
        """Return the server's part of an identity: the container's description, else what can be seen from outside.

        That of one of several replicas is without its place, and so the same for all of them.
        """
        seen: dict[str, Any] = {"vllm_version": self.vllm_version, "max_model_len": self.max_model_len}
        if self.container is None:
            return {**seen, "base_url": spec.base_url}
        image = self.container.get("image_digest") or self.container.get("image")
        arguments = list(self.container.get("arguments") or [])
        environment = dict(self.container.get("environment") or {})
        if spec.replicas:
            arguments = _without_place(arguments)
            environment = {name: value for name, value in environment.items() if name not in _PLACE_ENVIRONMENT}
        return {
            **seen,
            "image": image,
            "arguments": arguments,
            "environment": environment,
            "revision": self.container.get("revision"),
            **({"weights": self.container["weights"]} if self.container.get("weights") else {}),
        }

    def revision(self, spec: EvalSpec) -> Optional[str]:
        """Return the revision of the weights: what was told, else what the container is labelled with."""
        return spec.revision or (self.container or {}).get("revision")


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the names of what differs between two servers' parts of an identity.

    Weights that are known of one of them only, as when they are verified meanwhile, prove no difference.
    """
    unknown = {"weights"} if not (one.get("weights") and other.get("weights")) else set()
    return sorted(name for name in (one.keys() | other.keys()) - unknown if one.get(name) != other.get(name))


def _without_place(arguments: Sequence[str]) -> list[str]:
    previous = ["", *arguments]
    return [
        word
        for word, before in zip(arguments, previous)
        if _PLACE_ARGUMENT not in (word, before) and not word.startswith(f"{_PLACE_ARGUMENT}=")
    ]


def build_identity(
    spec: EvalSpec, facts: ServerFacts, task: str, effort: str, data_sha256: Sequence[str]
) -> dict[str, Any]:
    """Return the identity of one cell (task × effort) of an eval."""
    return {
        "client": CLIENT,
        "model": spec.model,
        "revision": facts.revision(spec),
        "server": facts.identity(spec),
        "task": task,
        "data_sha256": list(data_sha256),
        "reasoning_effort": effort,
        "sampler": spec.sampler,
        "temperature": spec.temperature,
        "max_tokens": spec.max_tokens,
        "n_repeats": spec.n_repeats,
        "examples": spec.examples,
        **({} if spec.subset is None else {"subset": [spec.subset, spec.subset_seed]}),
    }


def identity_sha256(identity: Mapping[str, Any]) -> str:
    """Return the sha256 of an identity's canonical JSON, in hex."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def file_sha256(path: str) -> str:
    """Return a file's sha256 in hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as data:
        for block in iter(lambda: data.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
