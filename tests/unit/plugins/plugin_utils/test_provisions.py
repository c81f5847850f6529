"""What a host lends its servers, from entry to description, with the role's own data."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._docker_run import render_docker_run
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipe_catalogue import catalogue_and_site
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._recipes import RecipeError, resolve

VARIABLES = Path(__file__).parents[4] / "roles/vllm/vars/main"
RECIPES = yaml.safe_load((VARIABLES / "recipes.yml").read_text())
DATA = yaml.safe_load((VARIABLES / "provisions.yml").read_text())
MODEL = "openai/gpt-oss-20b"
GUARD = ["--middleware", "gpt_oss_guard.Guard"]
KEYED: dict[str, Any] = {"api_key_file": "/k", "bind_address": "0.0.0.0"}


def describe(
    cache_path: str = "/cache", offline: bool = False, site: dict[str, Any] | None = None, **options: Any
) -> dict[str, Any]:
    provisions = {
        "state_path": "/state",
        "caches": DATA["vllm_caches"],
        "offline_environment": DATA["vllm_offline_environment"],
        "vocabulary": DATA["vllm_vocabulary"],
        "vocabulary_path": "/vocabulary" if offline else "",
        **(site or {}),
    }
    catalogue, place = catalogue_and_site(
        recipes=RECIPES["vllm_recipes"],
        models=RECIPES["vllm_models"],
        image_tags=RECIPES["vllm_image_tags"],
        environment_lifetimes=RECIPES["vllm_environment_lifetimes"],
        argument_lifetimes=RECIPES["vllm_argument_lifetimes"],
        hf_home="/hf",
        cache_path=cache_path,
        offline=offline,
        allow_open_api=True,
        provisions=provisions,
    )
    return resolve([{"name": "s1", "model": MODEL, **options}], catalogue, place)[0]


def problems(**options: Any) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        describe(**options)
    return caught.value.problems


@pytest.mark.parametrize(
    ("options", "site", "expected"),
    [
        (KEYED, {}, True),
        ({**KEYED, "bind_address": "10.0.0.5"}, {}, True),
        ({**KEYED, "network_mode": "host"}, {}, True),
        ({**KEYED, "bind_address": "127.0.0.1"}, {}, False),
        ({**KEYED, "bind_address": "::1"}, {}, False),
        ({"bind_address": "0.0.0.0"}, {}, False),
        ({**KEYED}, {"guard": False}, False),
        ({**KEYED, "guard": False}, {}, False),
        ({**KEYED, "guard": True}, {"guard": False}, True),
        ({**KEYED, "bind_address": "127.0.0.1", "guard": "yes"}, {}, True),
        ({**KEYED, "recipe": "2025-08"}, {}, True),
    ],
)
def test_who_is_guarded(options: dict[str, Any], site: dict[str, Any], expected: bool) -> None:
    described = describe(site=site, **options)
    assert described["provisions"]["guard"] is expected
    assert (described["arguments"][-2:] == GUARD) is expected
    assert described["python_path"] == (["/srv/gpt_oss/guard"] if expected else [])
    assert ("/state/guard:/srv/gpt_oss/guard:ro" in described["volumes"]) is expected
    assert described["environment"].get("GPT_OSS_OPEN_PATHS") == ("/health,/ping" if expected else None)


def test_the_guard_is_outermost_and_its_open_paths_are_configured() -> None:
    site = {"open_paths": ["/health", "/metrics"]}
    described = describe(site=site, **KEYED, arguments=["--middleware", "mine.Middleware"])
    assert described["arguments"][-4:] == ["--middleware", "mine.Middleware", *GUARD]
    assert described["environment"]["GPT_OSS_OPEN_PATHS"] == "/health,/metrics"


FEW = ["vllm:/root/.cache/vllm", "triton:/root/.triton"]
ALL = [FEW[0], "flashinfer:/root/.cache/flashinfer", FEW[1]]


@pytest.mark.parametrize(
    ("options", "caches"),
    [
        ({}, ALL),
        ({"user": "0:0"}, ALL),
        ({"vllm_version": "0.10.2"}, FEW),
        ({"vllm_version": "0.11.2"}, ALL),
        ({"recipe": "2025-08"}, []),
        ({"recipe": "2025-08", "caches": True}, FEW),
        ({"caches": False}, []),
        ({"cache_path": ""}, []),
    ],
)
def test_roots_caches(options: dict[str, Any], caches: list[str]) -> None:
    described = describe(**options)
    assert described["volumes"] == ["/hf:/root/.cache/huggingface", *(f"/cache/root/{cache}" for cache in caches)]
    assert described["provisions"]["folders"] == [
        {"path": f"/cache/root/{cache.partition(':')[0]}"} for cache in caches
    ]
    # Without it PyTorch's compiler points Triton into /tmp, which no new container finds again.
    kept = {"TRITON_CACHE_DIR": "/root/.triton/cache"} if caches else {}
    assert described["environment"].items() >= kept.items()
    assert described["environment"].keys() - kept.keys() <= {
        "VLLM_USE_TRTLLM_ATTENTION",
        "VLLM_USE_TRTLLM_DECODE_ATTENTION",
        "VLLM_USE_TRTLLM_CONTEXT_ATTENTION",
        "VLLM_USE_FLASHINFER_MXFP4_MOE",
    }


def test_the_entrys_own_mounts_and_variables_go_before() -> None:
    described = describe(
        user="2000:0",
        volumes=["/mine:/srv/gpt_oss/home/"],
        environment={"HOME": "/mine"},
    )
    assert described["volumes"] == ["/hf:/srv/gpt_oss/huggingface", "/mine:/srv/gpt_oss/home/"]
    assert described["environment"]["HOME"] == "/mine"
    described = describe(volumes=["/mine:/root/.cache/vllm"])
    assert "/cache/root/vllm:/root/.cache/vllm" not in described["volumes"]


USERS = [("2000", "2000-0", 2000, 0), (1001, "1001-0", 1001, 0), ("2000:5", "2000-5", 2000, 5)]


@pytest.mark.parametrize(("user", "folder", "owner", "group"), USERS)
def test_another_user(user: Any, folder: str, owner: int, group: int) -> None:
    described = describe(user=user, **KEYED)
    assert described["user"] == str(user)
    assert described["volumes"] == [
        "/hf:/srv/gpt_oss/huggingface",
        f"/cache/{folder}:/srv/gpt_oss/home",
        "/state/guard:/srv/gpt_oss/guard:ro",
    ]
    environment = described["environment"]
    assert environment["HOME"] == "/srv/gpt_oss/home" and environment["HF_HOME"] == "/srv/gpt_oss/huggingface"
    assert not [value for value in environment.values() if value.startswith("/root")]
    assert described["provisions"]["folders"] == [{"path": f"/cache/{folder}", "owner": owner, "group": group}]
    key = {"source": "/k", "path": "/state/keys/s1", "owner": owner, "group": group}
    assert described["provisions"]["api_key"] == key
    assert described["api_key_file"] == "/state/keys/s1"


def test_another_user_without_caches() -> None:
    described = describe(user="2000:0", caches=False)
    assert described["volumes"] == ["/hf:/srv/gpt_oss/huggingface"]
    assert described["environment"]["HOME"] == "/tmp/gpt_oss"
    assert described["provisions"] == {"folders": [], "guard": False, "vocabulary": False, "api_key": None}


@pytest.mark.parametrize("user", [None, "", "root", "0", "0:0", 0])
def test_root_is_left_as_it_is(user: Any) -> None:
    described = describe(user=user, **KEYED)
    plain = describe(**KEYED)
    assert described["environment"] == plain["environment"]
    assert described["api_key_file"] == "/k" and described["provisions"]["api_key"] is None
    assert described["volumes"] == plain["volumes"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"user": "vllm"}, "user must be numbers, UID or UID:GID such as 2000:0"),
        ({"user": "2000:users"}, "found '2000:users'"),
        ({"user": "2000:"}, "found '2000:'"),
        ({"user": True}, "found 'True'"),
        ({"guard": True}, "guard: true needs a key to ask for; set api_key_file"),
        ({"guard": "maybe"}, "guard must be true or false; found 'maybe'"),
        ({"caches": "/cache"}, "caches must be true or false; found '/cache'"),
    ],
)
def test_refusals(options: dict[str, Any], expected: str) -> None:
    (found,) = problems(**options)
    assert expected in found


OFFLINE = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
MOUNT = "/vocabulary:/srv/gpt_oss/vocabulary:ro"


@pytest.mark.parametrize(
    ("options", "vocabulary"),
    [
        ({"vllm_version": "0.10.1"}, True),
        ({"vllm_version": "0.30.9"}, True),
        ({"vllm_version": "0.31.0"}, False),
        ({"vllm_version": "0.33.0"}, False),
        ({"recipe": "2025-08"}, True),
        ({"vllm_version": "0.30.0", "environment": {"TIKTOKEN_ENCODINGS_BASE": "/mine"}}, False),
    ],
)
def test_offline(options: dict[str, Any], vocabulary: bool) -> None:
    described = describe(cache_path="", offline=True, **options)
    assert described["environment"].items() >= OFFLINE.items()
    assert described["provisions"]["vocabulary"] is vocabulary
    assert (MOUNT in described["volumes"]) is vocabulary
    base = options.get("environment", {}).get("TIKTOKEN_ENCODINGS_BASE", "/srv/gpt_oss/vocabulary")
    assert described["environment"].get("TIKTOKEN_ENCODINGS_BASE") == (
        base if vocabulary or "environment" in options else None
    )
    online = describe(cache_path="", **options)
    assert not online["environment"].keys() & OFFLINE.keys() and not online["provisions"]["vocabulary"]


def test_the_original_command_has_nothing_of_this() -> None:
    command = shlex.join(render_docker_run(describe(recipe="2025-08", bind_address="0.0.0.0")))
    assert "-v /hf:/root/.cache/huggingface -e" in command and command.count(" -v ") == 1
    assert command.endswith("--model openai/gpt-oss-20b --async-scheduling")


def test_the_users_option_shows_in_the_command() -> None:
    assert "--user=2000:0" in render_docker_run(describe(user="2000:0"))
