from __future__ import annotations

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _secrets

SECRET_NAMES = ["HF_TOKEN", "VLLM_API_KEY", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "token", "S3_APIKEY", "PROXY_AUTH"]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_secret_names(name: str) -> None:
    assert _secrets.is_secret(name)


PLAIN_NAMES = ["VLLM_USE_TRTLLM_ATTENTION", "MAX_TOKENS", "TIKTOKEN_ENCODINGS_BASE", "KEYBOARD", "PWD"]


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_plain_names(name: str) -> None:
    assert not _secrets.is_secret(name)


def test_environment_views() -> None:
    environment = {"HF_TOKEN": "hf_1", "A": "1", "HTTPS_PROXY": "http://me:word@proxy:3128/x"}
    shown = {"A": "1", "HTTPS_PROXY": f"http://{_secrets.MASK}@proxy:3128/x"}
    assert _secrets.without_secrets(environment) == shown
    assert _secrets.masked(environment) == {**shown, "HF_TOKEN": _secrets.MASK}


@pytest.mark.parametrize(
    ("name", "value", "hidden"),
    [
        ("HF_TOKEN", "hf_123456", True),
        ("HF_TOKEN", "short", False),
        ("USE_TOKEN", 1, False),
        ("NCCL_DEBUG", "INFORMATION", False),
        ("HTTPS_PROXY", "http://me:word@proxy:3128", True),
        ("HTTPS_PROXY", "http://proxy:3128/x@y", False),
    ],
)
def test_what_is_kept_out_of_logs(name: str, value: object, hidden: bool) -> None:
    plain = {} if hidden else {name: value}
    assert _secrets.parted({name: value, "A": "1"}) == ({**plain, "A": "1"}, {name: value} if hidden else {})


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


SECRET = 'a+/"b=cd'


@pytest.mark.parametrize(
    "written",
    [SECRET, r"a+/\"b=cd", "a%2B%2F%22b%3Dcd", "a%2B/%22b%3Dcd", "YSsvImI9Y2Q="],
)
def test_text_in_which_a_secret_is_written_otherwise(written: str) -> None:
    assert _secrets.mask_text(f"<{written}>", [SECRET]) == f"<{_secrets.MASK}>"
