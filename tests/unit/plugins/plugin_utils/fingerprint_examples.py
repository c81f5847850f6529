"""Made-up fingerprints: what all servers give, and what one of them adds to it."""

from __future__ import annotations

import math
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._fingerprint_fleet import Unit

N = 40


def reply(name: str, kind: str, shift: float = 0.0, ripple: float = 0.0, flips: int = 0) -> dict[str, Any]:
    """One text of N places: log-probabilities that are off by `shift`, or by `ripple` up and down in turn."""
    logprobs = [-1.0 - 0.01 * place + shift + ripple * math.cos(place) for place in range(N)]
    top = [1000 + place + (place < flips) for place in range(N)]
    generated = {"tokens": list(range(16)), "logprobs": [-0.5 + shift] * 16}
    return {
        "name": name,
        "kind": kind,
        "n_tokens": N + 1,
        "tokens": "abc",
        "logprobs": logprobs,
        "top": top,
        "generated": generated,
        "seconds": 0.1,
    }


def row(shift: float = 0.0, ripple: float = 0.0, flips: int = 0, **about: Any) -> dict[str, Any]:
    """A row of the fact gpt_oss_fingerprints."""
    return {
        "server": "s",
        "model": "openai/gpt-oss-20b",
        "revision": "r1",
        "vllm_version": "0.32.0",
        "image_digest": "sha256:1",
        "moe_activation": "bf16",
        "gpus": "all",
        "gpu_family": "sm100",
        "prompts": {"version": 1, "digest": "d", "names": ["a", "b"]},
        "replies": [reply("a", "code", shift, ripple, flips), reply("b", "languages", shift, ripple, flips)],
        "too_long": {},
        "repeat": {"mean": 0.0, "largest": 0.0, "n_top_differ": 0, "n_positions": 112},
        "seconds": 3.0,
        "simulated": False,
        "problem": "",
        "taken": 1000,
        **about,
    }


def units(*rows: dict[str, Any]) -> list[Unit]:
    """A host for each row: h0, h1, ..."""
    return [Unit(f"h{number}", each) for number, each in enumerate(rows)]
