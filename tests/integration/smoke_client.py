"""What tests of the smoke test share: the module run in this process, and what it checks."""

from __future__ import annotations

import contextlib
import io
import json
import time
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError
from ansible_collections.gpt_oss.fleet.plugins.modules import vllm_smoke
from conftest import MODEL, Result

EFFORTS = ("low", "medium", "high")
WAYS = ("chat", "chat stream", "responses", "responses stream")
ANSWERS = [f"{way} {effort}" for effort in EFFORTS for way in WAYS]
CHECKS = [
    "models",
    *ANSWERS,
    *("chat limit", "responses limit", "unknown model", "bad JSON", "chat prompt tokens", "responses prompt tokens"),
    "reasoning effort",
]


def smoke(endpoint: str, **options: Any) -> Result:
    """Run the module in this process; returns its result, failed or not."""
    output = io.StringIO()
    arguments = {"base_url": endpoint, "model": MODEL, "timeout": 10, **options}
    with patch_module_args(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
        vllm_smoke.main()
    return dict(json.loads(output.getvalue()))


def failed(result: Result) -> dict[str, str]:
    """Return what was wrong, by the check's name."""
    return {check["name"]: check["detail"] for check in result["checks"] if not check["ok"]}


def wait_until_listed(endpoint: str) -> None:
    """Wait until the server can be asked."""
    for _attempt in range(100):
        try:
            Api(endpoint, timeout=0.2).models()
            return
        except ApiError:
            time.sleep(0.1)
    raise AssertionError("the server never listed its model")
