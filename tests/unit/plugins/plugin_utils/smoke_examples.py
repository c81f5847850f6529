"""What smoke tests found on three hosts: all well, one server failed and one silent, not tested."""

from __future__ import annotations

from typing import Any


def check(
    name: str, group: str = "answers", ok: bool = True, skipped: bool = False, detail: str = ""
) -> dict[str, Any]:
    return {
        "name": name,
        "group": group,
        "ok": ok,
        "skipped": skipped,
        "detail": detail or ("Paris" if ok else "expected 'Paris' in the answer, found '\x1b[31m\x00 & <b>'"),
        "seconds": 0.25,
        "numbers": {},
    }


def server(name: str, *checks: dict[str, Any], **changes: Any) -> dict[str, Any]:
    ok = bool(checks) and all(one["ok"] for one in checks)
    return {
        "server": name,
        "model": "openai/gpt-oss-20b",
        "image": "vllm/vllm-openai:v0.32.0",
        "image_digest": "sha256:abc",
        "ok": ok,
        "problem": "" if ok else "1 of 2 checks failed:\n- chat low: expected 'Paris'",
        "checks": list(checks),
        "usage": {"prompt_tokens": 700, "completion_tokens": 350},
        "reasoning_tokens": {"high": 270, "low": 40},
        "seconds": 12.3456,
        "vllm_version": "0.32.0",
        "simulated": False,
        **changes,
    }


GOOD = server("gpt-oss-20b", check("models", "models"), check("chat low"))
BAD = server(
    "gpt-oss-120b",
    check("models", "models"),
    check("chat low", ok=False),
    check("chat prompt tokens", "usage", skipped=True, detail="not compared"),
)
SILENT = server(
    "gpt-oss-20b",
    problem="the smoke test of http://127.0.0.1:8001/v1 could not start: refused",
    vllm_version=None,
    image_digest=None,
    reasoning_tokens={},
    seconds=0.0,
)
HOSTS: dict[str, Any] = {"node1": [GOOD], "node2": [BAD, SILENT], "node3": None, "node4": []}
