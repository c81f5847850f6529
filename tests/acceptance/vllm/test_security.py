"""A server of real vLLM that others could reach, as the playbooks make it: guarded, not root, and offline.

One start with a published port, asked from outside; one more without any network, from the caches of the first.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from fleet import IMAGE, INVENTORY, MODEL, PORT, SERVER, STATE, docker, playbook, step

KEY = "key-that-nobody-sees-4711"
NAME, ITS_PORT = f"{SERVER}-secure", PORT + 20
ISOLATED = f"{NAME}-isolated"
# Only root can give a folder to somebody else.
UID, GID = (2000, 0) if os.geteuid() == 0 else (os.getuid(), os.getgid())
RIGHT = {"Authorization": f"Bearer {KEY}"}
PREFLIGHT = {"Origin": "http://x", "Access-Control-Request-Method": "POST"}


def variables() -> dict[str, Any]:
    """The inventory's server, under a name and port of its own."""
    entry = yaml.safe_load((INVENTORY / "hosts.yml").read_text())["all"]["vars"]["vllm_servers"][0]
    key = STATE / "api_key"
    key.write_text(f"{KEY}\n")
    key.chmod(0o600)
    # Nobody but this machine reaches it here, so that the guard is asked for.
    changes = {
        "name": NAME, "port": ITS_PORT, "user": f"{UID}:{GID}", "api_key_file": str(key), "guard": True,
        "read_only": True, "tmpfs": ["/tmp"], "pids_limit": 2000,
    }  # fmt: skip
    return {"vllm_servers": [{**entry, **changes}], "vllm_offline": True, "vllm_smoke_expect": "Paris"}


def ask(method: str, path: str, headers: dict[str, str] | None = None, body: str | None = None) -> tuple[int, bytes]:
    """Ask for a path letter by letter."""
    connection = http.client.HTTPConnection("127.0.0.1", ITS_PORT, timeout=60)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


@pytest.fixture(scope="module", autouse=True)
def remove() -> Any:
    yield
    subprocess.run(["docker", "rm", "--force", NAME, ISOLATED], capture_output=True, check=False)


def test_deploy_and_smoke_test_it_with_its_key() -> None:
    run = playbook("deploy", "deploy a guarded server of another user, offline", variables())
    assert run.rc == 0, run.output[-4000:]
    again = playbook("deploy", "deploy it again", variables())
    assert (again.rc, again.changed) == (0, 0), again.output[-4000:]


CLOSED = [
    *(("GET", path) for path in ("/v1/models", "/metrics", "/metrics/", "/load", "/version", "/docs", "/openapi.json")),
    *(("POST", path) for path in ("/v1/chat/completions", "/invocations", "/tokenize", "/detokenize", "/inference/v1")),
    *(("GET", path) for path in ("//metrics", "/%6detrics", "/METRICS", "/health/", "/health/..%2fmetrics", "/", "/x")),
    *(("OPTIONS", path) for path in ("/metrics", "/v1/models")),
    *(("HEAD", "/metrics"), ("POST", "/metrics"), ("GET", "/metrics?key=value")),
]


@pytest.mark.parametrize(("method", "path"), CLOSED)
@pytest.mark.parametrize("headers", [{}, {"Authorization": f"Bearer {KEY}x"}, {"Authorization": f"Basic {KEY}"}])
def test_without_the_key_nothing_is_told(method: str, path: str, headers: dict[str, str]) -> None:
    status, body = ask(method, path, headers, "{}" if method == "POST" else None)
    assert (status, body) == (401, b"" if method == "HEAD" else b'{"error":"Unauthorized"}')


def test_what_is_open_and_what_the_key_opens() -> None:
    assert [ask("GET", path)[0] for path in ("/health", "/ping", "/health?x=1")] == [200] * 3
    # It is vLLM's middleware for browsers that answers, not what lies behind it.
    assert ask("OPTIONS", "/metrics", PREFLIGHT) == (400, b"Disallowed CORS origin")
    opened = ("/v1/models", "/metrics", "/version", "/docs", "/openapi.json", "/load")
    assert [ask("GET", path, RIGHT)[0] for path in opened] == [200] * len(opened)
    payload = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "What is the capital of France?"}]})
    status, body = ask("POST", "/v1/chat/completions", RIGHT, payload)
    assert status == 200 and "Paris" in json.loads(body)["choices"][0]["message"]["content"]


def test_the_key_shows_nowhere() -> None:
    assert KEY not in docker("inspect", NAME)
    log = subprocess.run(["docker", "logs", NAME], check=True, capture_output=True, text=True)
    assert KEY not in log.stdout + log.stderr
    arguments = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert any(b"gpt_oss_guard.Guard" in line for line in arguments)
    assert not any(KEY.encode() in line for line in arguments)
    for path in (STATE / "logs").glob("*.log"):
        assert KEY not in path.read_text(), path


def test_it_is_not_root_and_keeps_what_it_compiles() -> None:
    users = {line.split()[1] for line in docker("top", NAME, "-eo", "pid,uid").splitlines()[1:]}
    assert users == {str(UID)}
    home = STATE / "servers" / "cache" / f"{UID}-{GID}"
    kept = sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_dir())
    step(f"kept in the user's home: {', '.join(kept)}", 0.0)
    assert ".cache/vllm" in kept


def test_it_has_no_rights_and_cannot_change_itself() -> None:
    """What the kernel says of each process, and not what the engine was asked for."""
    pids = [line.split()[0] for line in docker("top", NAME, "-eo", "pid").splitlines()[1:]]
    for pid in pids:
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {0}, status
        assert status["NoNewPrivs"] == "1"
    touched = subprocess.run(["docker", "exec", NAME, "sh", "-c", "echo x >/etc/x"], capture_output=True, check=False)
    assert touched.returncode != 0 and b"Read-only file system" in touched.stderr


def test_the_same_server_without_any_network() -> None:
    container = json.loads(docker("inspect", NAME))[0]
    config, host = container["Config"], container["HostConfig"]
    docker("rm", "--force", NAME)
    begun = time.monotonic()
    docker(
        *("run", "--detach", "--name", ISOLATED, "--network", "none", "--user", config["User"], "--shm-size", "1g"),
        *(word for bind in host["Binds"] for word in ("--volume", bind)),
        *("--mount", f"type=bind,source={host['Mounts'][0]['Source']},target={host['Mounts'][0]['Target']},readonly"),
        *(word for entry in config["Env"] for word in ("--env", entry)),
        *("--entrypoint", config["Entrypoint"][0], IMAGE, *config["Entrypoint"][1:], *config["Cmd"]),
    )
    question = (
        f"import json, urllib.request as r; headers = {RIGHT | {'Content-Type': 'application/json'}}; "
        f"body = json.dumps(dict(model='{MODEL}', prompt='x', max_tokens=4)).encode(); "
        "print(r.urlopen(r.Request('http://127.0.0.1:8000/v1/completions', body, headers), timeout=60).status)"
    )
    while True:
        command = ["docker", "exec", ISOLATED, "python", "-c", question]
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
        if asked.returncode == 0:
            break
        running = docker("inspect", "--format", "{{.State.Running}}", ISOLATED) == "true"
        assert running and time.monotonic() - begun < 900, docker("logs", "--tail", "40", ISOLATED)
        time.sleep(5)
    assert asked.stdout.strip() == "200"
    step("ready and generating without any network", time.monotonic() - begun)
    said = subprocess.run(["docker", "logs", ISOLATED], check=True, capture_output=True, text=True)
    for attempt in ("Temporary failure in name resolution", "MaxRetryError", "Failed to connect", "NewConnectionError"):
        assert attempt not in said.stdout + said.stderr, attempt
