from __future__ import annotations

import json
import time

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._redaction import (
    is_secret_name,
    redact,
    redacted,
    secret_values,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._secrets import MASK

SECRET = "s3cr3t/W0rd+x=="


@pytest.mark.parametrize(
    "text",
    [
        f"HF_TOKEN={SECRET}",
        f"VLLM_API_KEY={SECRET}",
        f"http_proxy_auth={SECRET}",
        f"NCCL_PASSPHRASE={SECRET}",
        f"WANDB_API_KEY={SECRET}\nVLLM_USE_V1=1",
        f"VLLM_KEYS=first\n{SECRET}\n\n{SECRET}",
        f"HF_TOKEN=line\nZm9v{SECRET}",
        f"HTTPS_PROXY=http://user:{SECRET}@proxy.example:3128",
        f"INDEX=https://{SECRET.replace('/', '_')}@packages.example/simple",
        f"URL=https://user:{SECRET}@host:8080/path",
        f"URL=https://host.example/model?x=1&token={SECRET}",
        f"URL=https://account.blob.example/c?sv=1&sig={SECRET}&se=2",
        f"URL=s3://b/o?X-Amz-Signature={SECRET}",
        f"EXTRA=--api-key {SECRET} --port 8000",
        f"EXTRA=--api_key={SECRET}",
        f"EXTRA=['--hf-token', '{SECRET}']",
        f'CONFIG={{"hf_token": "{SECRET}", "port": 1}}',
        f"CONFIG={json.dumps(json.dumps({'password': SECRET}))}",
        f"CONFIG={{'api_key': '{SECRET}'}}",
        f"HEADERS=Authorization: Bearer {SECRET}",
        f"HEADERS=X-API-Key: {SECRET}",
        f"CMDLINE=quiet rd.luks.key={SECRET} ro",
        f"DSN=host=db user=u password={SECRET} port=5",
        f"  indented SECRET_KEY={SECRET}",
        f"x\n-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n{SECRET}\n-----END OPENSSH PRIVATE KEY-----\ny",
        f"K=-----BEGIN RSA PRIVATE KEY-----\n{SECRET}",
    ],
)
def test_values_that_their_name_or_place_gives_away(text: str) -> None:
    shown = redact(text)
    assert SECRET not in shown and SECRET[:6] not in shown, shown
    assert MASK in shown


@pytest.mark.parametrize(
    "value",
    [
        "hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345",
        "sk-proj-abcdefghijklmnop",
        "nvapi-abcdefghijklmnop_-",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "github_pat_11ABCDEFG0abcdefghij_klm",
        "glpat-abcdefghij0123456789",
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    ],
)
@pytest.mark.parametrize("around", ["VLLM_OTHER={}", "noise {} noise", "a:{},b", '"{}"'])
def test_values_that_their_shape_gives_away(value: str, around: str) -> None:
    assert value not in redact(around.format(value))


@pytest.mark.parametrize(
    "text",
    [
        "VLLM_USE_FLASHINFER_SAMPLER=0",
        "VLLM_MAX_TOKENS=4096",
        "VLLM_MAX_NUM_BATCHED_TOKENS=8192",
        "PWD=/workspace",
        "TIKTOKEN_ENCODINGS_BASE=/vocabulary",
        "NCCL_SOCKET_IFNAME=^docker,lo",
        "OS                           : Ubuntu 24.04.3 LTS (x86_64)",
        "Vulnerability Spectre v1:                Mitigation; usercopy/swapgs barriers",
        "[pip3] torch @ https://download.example/whl/torch-2.13.0.whl",
        "URL=http://proxy.example:3128/path?x=1&y=2",
        "[pip3] tokenizers==0.22.1",
        "LD_LIBRARY_PATH=/a/keys/lib:/b",
        "--max-num-batched-tokens 8192",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_known_secrets_go_in_each_spelling() -> None:
    text = "a correct horse b Y29ycmVjdCBob3JzZQ== c correct%20horse d"
    assert redact(text, ["correct horse", "on", None, ""]) == f"a {MASK} b {MASK} c {MASK} d"
    assert redact("turned on", ["on"]) == "turned on", "a short one would be masked all over the text"
    assert redact("longsecret and longsecret-more", ["longsecret", "longsecret-more"]) == f"{MASK} and {MASK}"


def test_a_key_of_several_lines_ends_with_the_next_variable() -> None:
    text = f"VLLM_TLS_KEY=one\n{SECRET}\nAQ==\n\nNCCL_DEBUG=INFO\nPATH=/bin"
    assert redact(text) == f"VLLM_TLS_KEY={MASK}\nNCCL_DEBUG=INFO\nPATH=/bin"


def test_values_of_dictionaries_and_lists() -> None:
    value = {
        "proxies": {"https-proxy": f"http://u:{SECRET}@p:1"},
        "token": SECRET,
        "list": [f"--api-key={SECRET}", 1, None],
        "api-key": "",
        "count": 3,
    }
    assert redacted(value) == {
        "proxies": {"https-proxy": f"http://{MASK}@p:1"},
        "token": MASK,
        "list": [f"--api-key={MASK}", 1, None],
        "api-key": "",
        "count": 3,
    }


def test_names() -> None:
    assert all(
        is_secret_name(name) for name in ("HF_TOKEN", "db.password", "apiKey", "x-auth", "AWS_SECRET_ACCESS_KEY")
    )
    assert not any(is_secret_name(name) for name in ("MAX_TOKENS", "PWD", "MONKEY", "KEYBOARD", "AUTHOR", "tokenizers"))
    assert secret_values({"HF_TOKEN": "x", "PORT": 1, "PIN_KEY": 2}) == ["x", "2"]


@pytest.mark.parametrize(
    "text", ["-" * 100_000, "a" * 100_000, "_" * 100_000, "http://" + "a:" * 50_000, "?x" * 50_000]
)
def test_no_text_takes_long(text: str) -> None:
    begun = time.process_time()
    redact(f"X={text}")
    assert time.process_time() - begun < 2
