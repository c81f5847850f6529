"""Parameters of modules, right and wrong: each module ends with a result or with a sentence."""

from __future__ import annotations

import importlib
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sandbox
from fuzzing import ANYTHING, NUMBERS, TEXTS, check_message, fuzz
from hypothesis import strategies as st

PLUGINS = Path(__file__).parents[2] / "plugins"
# What has an action of its name and nothing behind it is no module.
MODULES = sorted(
    path.stem for path in (PLUGINS / "modules").glob("*.py") if "def main()" in path.read_text(encoding="utf-8")
)
# These call programs that take long, such as pip: what they are told is looked at all the same.
CHECK_MODE_ONLY = {"python_environment", "python_wheels"}
FILES = {
    "empty": b"", "text": b"plain text\n", "binary": b"\0\xff\xfe", "null.json": b"null", "list.json": b"[1]",
    "object.json": b'{"debug": true}', "key": b"sk-1\n", "table.csv": b"Question,Answer\nx,y\n",
}  # fmt: skip
PLACES = [
    "empty",
    "text",
    "binary",
    "null.json",
    "list.json",
    "object.json",
    "key",
    "table.csv",
    "folder",
    "",
    ".",
    "~",
]
PLACES += ["missing", "missing/deeper", "text/below", "x" * 300, "a b", "ü", "$HOME/x", "{{ x }}"]
WORDS = {
    "base_url": [
        "http://127.0.0.1:9/v1",
        "http://127.0.0.1:9",
        "ftp://x",
        "http://",
        "http://x:99999/v1",
        "http://[::1",
    ],
    "docker_host": ["unix:///nowhere", "tcp://127.0.0.1:9", "nonsense", "tcp://x:99999", "ssh://x"],
    "repo_id": ["openai/gpt-oss-20b", "x", "a/b/c", "../..", "/", "a/", "."],
    "image": ["vllm/vllm-openai:v0.33.0", "x@sha256:1", "UPPER", "a:b:c", "://"],
    "endpoint": ["http://127.0.0.1:9", "x"],
    "index_url": ["http://127.0.0.1:9/simple", "x"],
    "name": ["gpt-oss-20b", "x", "a/b", ".."],
    "requirements": ["docker==7.2.0", "docker==7.2.0 --hash=sha256:1", "-r /x", "@", "==="],
    "size": ["10G", "-1", "1e3"],
    "revision": ["main", "0" * 40, "../x"],
    "gpus": ["all", "none", "0,1", "0,0"],
    "uri": ["http://127.0.0.1:9/x", "file:///x", "x"],
    "tasks": ["gpqa", "aime25", "mmlu"],
    "unit": ["x.service", "-x"],
    "names": ["docker-ce", "x=y", "-o"],
}


# What ansible-core says and does of its own before a module sees its parameters.
CORES_MESSAGE = re.compile(r"(?:argument|Elements value for option) .* is of type .* and we were unable to convert to")
CORES_TRACE = re.compile(r'ansible/module_utils/basic\.py", line \d+, in __init__')
# None of these can be written as YAML or JSON and come through ansible-core to a module whole.
PLAIN_TEXTS = TEXTS.filter(lambda text: text.isprintable())
PLAIN_NUMBERS = NUMBERS.filter(lambda number: abs(number) < 2**64)
# Of a secret that is one letter, ansible-core masks each such letter of any message.
LONG_SECRETS = PLAIN_TEXTS.map(lambda text: f"secret-{text}-secret")
KEYS = st.sampled_from(["gpqa", "aime25", "debug", "repo_id", "path", "commit", "revision", "source", "base_url"])
TABLES = st.sampled_from([["table.csv"], "table.csv", [], "main", 1])
CORES_OWN = {"_ansible_no_log": True}


def spec_of(module: ModuleType) -> dict[str, Any]:
    """Return a module's argument spec, wherever it has it from."""
    for name in ("ARGUMENT_SPEC", "INFO_SPEC"):
        if hasattr(module, name):
            return dict(getattr(module, name))
    return dict(module.argument_spec()) if hasattr(module, "argument_spec") else {}


def texts(name: str) -> st.SearchStrategy[str]:
    """Texts for an option of this name: plausible ones first."""
    known = next((words for key, words in WORDS.items() if key in name), None)
    return st.one_of(st.sampled_from(known), PLAIN_TEXTS) if known else PLAIN_TEXTS


def right(name: str, option: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values of the type that an option wants."""
    if option.get("choices") and option.get("type") != "list":
        return st.sampled_from(option["choices"])
    if option.get("options"):
        inner = parameters(option["options"])
        return st.lists(inner, max_size=2) if option.get("type") == "list" else inner
    kind = option.get("type", "str")
    if kind in ("int", "float"):
        # A wait of an hour tells nothing.
        brief = any(word in name for word in ("timeout", "seconds", "window", "wait", "interval", "age"))
        return st.sampled_from([0, -1, 1, 0.01, float("nan")]) if brief else st.one_of(st.integers(1, 3), PLAIN_NUMBERS)
    if kind == "list":
        own = {**option, "type": option.get("elements", "str"), "elements": None}
        return st.lists(right(name, own), max_size=3)
    return {
        "bool": st.booleans(),
        "path": st.sampled_from(PLACES),
        "dict": st.dictionaries(st.one_of(KEYS, PLAIN_TEXTS), st.one_of(TABLES, TABLES, ANYTHING), max_size=3),
        "raw": ANYTHING,
    }.get(kind, texts(name))


def value(name: str, option: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Mostly values of the right type; a path is never one that leads out of the folder."""
    if option.get("type") == "path" or option.get("elements") == "path":
        return right(name, option)
    if option.get("no_log"):
        return LONG_SECRETS if option["type"] == "str" else st.dictionaries(KEYS, LONG_SECRETS, max_size=3)
    return right(name, option) if option.get("options") else st.one_of(*[right(name, option)] * 40, ANYTHING)


def parameters(spec: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Parameters of a spec: what is required, and of the rest what comes."""
    long = {name for name in spec if "timeout" in name or name in ("window", "docker_host", "state_path", "run_path")}
    must = {name for name, option in spec.items() if option.get("required")} | long
    return st.fixed_dictionaries(
        {name: value(name, spec[name]) for name in sorted(must)},
        optional={name: value(name, option) for name, option in spec.items() if name not in must},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home"


def fill(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "folder").mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("name", MODULES)
@fuzz(brief=2, slow=True, data=st.data(), check=st.booleans())
def test_a_module(name: str, folder: Path, data: st.DataObject, check: bool) -> None:
    module = importlib.import_module(f"ansible_collections.gpt_oss.fleet.plugins.modules.{name}")
    given = data.draw(parameters(spec_of(module)))
    fill(folder)
    only_looks = check or name in CHECK_MODE_ONLY or not sandbox.SEALED
    ended = sandbox.run(module, {**given, **CORES_OWN, "_ansible_check_mode": only_looks}, folder)
    if CORES_TRACE.search(ended.trace):
        return
    assert not ended.trace, ended.trace
    if ended.result.get("failed") and not CORES_MESSAGE.search(ended.result["msg"]):
        check_message(ended.result["msg"])


FOUND = [
    ("bundle", {"path": "folder", "memory": "memory", "models": [{}]}, "wanted repo_id, revision, commit, path"),
    ("bundle", {"path": "missing", "memory": "memory", "archive": ".", "models": []}, "wanted the path of a file"),
    ("bundle", {"path": "folder", "memory": "memory", "data": {"gpqa": [3]}}, "a list of paths as data.gpqa"),
    ("vllm_fingerprint", {"base_url": "http://x:99999/v1", "model": "m"}, "expected a base_url"),
    ("vllm_smoke", {"base_url": "http://127.0.0.1:9/v1", "model": "m", "timeout": -1}, "expected a timeout above 0"),
    ("hf_cache", {"cache_dir": "x" * 300, "docker_host": "unix:///nowhere"}, "File name too long"),
    ("vllm_image_share", {"image": "a", "docker_host": "unix:///nowhere", "state_path": "empty"}, "Docker Engine"),
    ("vllm_image_share", {"image": "a", "state": "stopped", "state_path": "x" * 300}, "File name too long"),
    ("staged_files", {"dest": "empty", "state": "settled", "wanted": [{}]}, "missing required arguments"),
    ("hf_model_share", {"cache_dir": "x" * 300, "repo_id": "a/b"}, "could not look into it"),
    ("python_environment", {"path": "folder", "requirements": "x", "wheels": "x" * 300}, "could not be made"),
    ("docker_config", {"path": "binary", "settings": {"debug": True}}, "must be JSON in UTF-8, found other bytes"),
    ("docker_config", {"path": "/etc/daemon.json", "validate": False, "settings": {"debug": True}}, "not writable"),
]


@pytest.mark.parametrize(("name", "given", "said"), FOUND, ids=[f"{name}-{said}" for name, _given, said in FOUND])
def test_what_was_found_before(name: str, given: dict[str, Any], said: str, folder: Path) -> None:
    if given.get("path") == "/etc/daemon.json" and not sandbox.SEALED:
        pytest.skip("only sealed off it may be tried to write there")
    module = importlib.import_module(f"ansible_collections.gpt_oss.fleet.plugins.modules.{name}")
    fill(folder)
    ended = sandbox.run(module, {**given, **CORES_OWN}, folder)
    assert not ended.trace, ended.trace
    check_message(ended.result["msg"])
    assert said in ended.result["msg"]
