from __future__ import annotations

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _secrets


@pytest.mark.parametrize("name", ["HF_TOKEN", "VLLM_API_KEY", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "token"])
def test_secret_names(name: str) -> None:
    assert _secrets.is_secret(name)


@pytest.mark.parametrize("name", ["VLLM_USE_TRTLLM_ATTENTION", "MAX_TOKENS", "TIKTOKEN_ENCODINGS_BASE", "KEYBOARD"])
def test_plain_names(name: str) -> None:
    assert not _secrets.is_secret(name)


def test_environment_views() -> None:
    environment = {"HF_TOKEN": "hf_1", "A": "1"}
    assert _secrets.without_secrets(environment) == {"A": "1"}
    assert _secrets.masked(environment) == {"A": "1", "HF_TOKEN": _secrets.MASK}


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--api-key", "s", "--port", "1"], ["--api-key", _secrets.MASK, "--port", "1"]),
        (["--api-key", "s", "t", "--port"], ["--api-key", _secrets.MASK, _secrets.MASK, "--port"]),
        (["--api_key=s", "x"], [f"--api_key={_secrets.MASK}", "x"]),
        (["--model", "m"], ["--model", "m"]),
    ],
)
def test_arguments(arguments: list[str], shown: list[str]) -> None:
    assert _secrets.mask_arguments(arguments) == shown


def test_text() -> None:
    assert _secrets.mask_text("key abc, abc", ["abc", None, ""]) == f"key {_secrets.MASK}, {_secrets.MASK}"
