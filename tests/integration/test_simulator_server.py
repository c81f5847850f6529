from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "inventories" / "demo" / "files"
MODEL = "openai/gpt-oss-20b"
DATA = {"gpqa": [str(DEMO / "gpqa_demo.csv")]}
PARIS = "What is the capital of France?"


class Simulator:
    """One simulator process on a loopback port."""

    def __init__(self, port: int, configuration: dict[str, Any], *flags: str, **environment: str) -> None:
        self.port = port
        settings = {"start_seconds": 0, "dead_seconds": 0.5, **configuration}
        command = [
            sys.executable,
            "-m",
            "simulator",
            "serve",
            MODEL,
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            *flags,
        ]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT / "roles" / "vllm_simulator" / "files",
            env={**os.environ, "VLLM_SIMULATOR": json.dumps(settings), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def wait_until_ready(self) -> Simulator:
        end = time.monotonic() + 20
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError):
                if self.get("/health")[0] == 200:
                    return self
            time.sleep(0.03)
        raise AssertionError(f"not ready: exit code {self.process.poll()}")

    def connect(self, timeout: float = 10.0) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        return self._ask("GET", path, None, headers)

    def post(self, path: str, payload: Any, **headers: str) -> tuple[int, str]:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return self._ask("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, str]:
        connection = self.connect()
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def engine_pid(self) -> int:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return next(int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text().startswith("VLLM::Eng"))

    def finish(self, timeout: float = 10.0) -> tuple[int, str]:
        """Wait for the end; return exit code and log."""
        log, _unused = self.process.communicate(timeout=timeout)
        return self.process.returncode, log.decode()

    def stop(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGTERM)
        return self.finish()


Start = Callable[..., Simulator]


@pytest.fixture
def launch(free_port: Callable[[], int]) -> Iterator[Start]:
    """Start a simulator without waiting for it."""
    running: list[Simulator] = []

    def make(configuration: dict[str, Any] | None = None, *flags: str, **environment: str) -> Simulator:
        running.append(Simulator(free_port(), configuration or {}, *flags, **environment))
        return running[-1]

    yield make
    for simulator in running:
        simulator.process.kill()
        simulator.process.wait()
        if simulator.process.stdout is not None:
            simulator.process.stdout.close()


@pytest.fixture
def start(launch: Start) -> Start:
    """Start a simulator and wait until it serves."""
    return lambda *positional, **named: launch(*positional, **named).wait_until_ready()


def chat(text: str = PARIS, **fields: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **fields}


def respond(text: str = PARIS, **fields: Any) -> dict[str, Any]:
    return {"model": MODEL, "input": text, **fields}


def data_of(stream: str) -> list[dict[str, Any]]:
    lines = [line[6:] for line in stream.split("\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def test_pages(start: Start) -> None:
    server = start({}, "--max-model-len", "4096", "--served-model-name", MODEL, "alias")
    assert server.get("/health") == (200, "")
    assert server.get("/ping") == (200, "")
    assert json.loads(server.get("/version")[1]) == {"version": "0.32.0+simulator"}
    models = json.loads(server.get("/v1/models")[1])
    assert [(item["id"], item["max_model_len"], item["root"]) for item in models["data"]] == [
        (MODEL, 4096, MODEL),
        ("alias", 4096, MODEL),
    ]
    assert server.get("/nowhere") == (404, '{"detail":"Not Found"}')
    assert server.get("/v1/chat/completions")[0] == 405
    assert server.post("/version", {})[0] == 405


def test_chat(start: Start) -> None:
    server = start()
    status, text = server.post("/v1/chat/completions", chat(reasoning_effort="low"), x_request_id="abc")
    reply = json.loads(text)
    message = reply["choices"][0]["message"]
    assert status == 200 and reply["id"] == "chatcmpl-abc" and reply["object"] == "chat.completion"
    assert "Paris" in message["content"] and message["reasoning"] and "reasoning_content" not in message
    assert reply["choices"][0]["finish_reason"] == "stop"
    usage = reply["usage"]
    assert usage["completion_tokens_details"]["reasoning_tokens"] == len(message["reasoning"].split())
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@pytest.mark.parametrize("interval", [1, 20])
def test_a_chat_stream_adds_up_to_the_whole_reply(start: Start, interval: int) -> None:
    server = start({}, "--stream-interval", str(interval))
    whole = json.loads(server.post("/v1/chat/completions", chat(), x_request_id="abc")[1])
    asked = chat(stream=True, stream_options={"include_usage": True})
    status, text = server.post("/v1/chat/completions", asked, x_request_id="abc")
    events = data_of(text)
    deltas = [event["choices"][0]["delta"] for event in events if event["choices"]]
    message = whole["choices"][0]["message"]
    assert status == 200 and text.endswith("data: [DONE]\n\n")
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert "".join(delta.get("reasoning", "") for delta in deltas) == message["reasoning"]
    assert "".join(delta.get("content", "") for delta in deltas) == message["content"]
    assert events[-2]["choices"][0]["finish_reason"] == "stop"
    assert events[-1]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"]
    assert len(events) == 3 + len(message["reasoning"].split()[::interval]) + len(
        message["content"].split(" ")[::interval]
    )
    plain = data_of(server.post("/v1/chat/completions", chat(stream=True))[1])
    assert all("usage" not in event for event in plain)


def test_responses(start: Start) -> None:
    server = start()
    asked = respond(reasoning={"effort": "high"}, max_output_tokens=131072)
    status, text = server.post("/v1/responses", asked)
    reply = json.loads(text)
    reasoning, message = reply["output"]
    assert status == 200 and reply["status"] == "completed" and reply["reasoning"]["effort"] == "high"
    assert (reasoning["type"], message["type"]) == ("reasoning", "message")
    assert "Paris" in message["content"][0]["text"]
    words = len(reasoning["content"][0]["text"].split())
    assert reply["usage"]["output_tokens_details"]["reasoning_tokens"] == words


def test_a_response_stream_adds_up_to_the_whole_reply(start: Start) -> None:
    status, text = start().post("/v1/responses", respond(stream=True))
    events = data_of(text)
    kinds = [event["type"] for event in events]
    final = events[-1]["response"]
    assert (
        status == 200
        and kinds[:2] == ["response.created", "response.in_progress"]
        and kinds[-1] == "response.completed"
    )
    assert [line[7:] for line in text.split("\n") if line.startswith("event: ")] == kinds
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    for kind, place in (("reasoning_text", 0), ("output_text", 1)):
        pieces = [event["delta"] for event in events if event["type"] == f"response.{kind}.delta"]
        assert "".join(pieces) == final["output"][place]["content"][0]["text"]


def test_the_token_limit(start: Start) -> None:
    server = start()
    reply = json.loads(server.post("/v1/chat/completions", chat(max_tokens=8))[1])
    assert reply["choices"][0]["finish_reason"] == "length" and reply["choices"][0]["message"]["content"] is None
    assert reply["usage"]["completion_tokens"] == 8
    reply = json.loads(server.post("/v1/responses", respond(max_output_tokens=8))[1])
    assert reply["status"] == "incomplete" and reply["incomplete_details"] == {"reason": "max_output_tokens"}


@pytest.mark.parametrize(
    ("path", "payload", "status", "part"),
    [
        ("/v1/chat/completions", b"{nonsense", 400, "JSON decode error"),
        ("/v1/chat/completions", b"[]", 400, "valid dictionary"),
        ("/v1/chat/completions", {"model": MODEL}, 400, "'body.messages', 'msg': 'Field required'"),
        ("/v1/responses", {"model": MODEL}, 400, "'body.input'"),
        ("/v1/chat/completions", chat(model="nope"), 404, "The model `nope` does not exist. Valid aliases: " + MODEL),
        ("/v1/responses", respond(reasoning={"effort": "banana"}), 400, "body.reasoning.effort"),
        ("/v1/chat/completions", chat(reasoning_effort="minimal"), 400, "not supported by Harmony"),
        ("/v1/chat/completions", chat(max_tokens=0), 400, "max_tokens must be at least 1"),
        ("/v1/chat/completions", chat(max_tokens="many"), 400, "body.max_tokens"),
    ],
)
def test_refused_requests(start: Start, path: str, payload: Any, status: int, part: str) -> None:
    found, text = start().post(path, payload)
    error = json.loads(text)["error"]
    assert found == status == error["code"] and part in error["message"]


@pytest.mark.parametrize(("flags", "environment"), [(("--api-key", "secret"), {}), ((), {"VLLM_API_KEY": "secret"})])
def test_an_api_key_guards_what_vllm_guards(start: Start, flags: tuple[str, ...], environment: dict[str, str]) -> None:
    server = start({}, *flags, **environment)
    assert server.get("/v1/models") == (401, '{"error":"Unauthorized"}')
    assert server.post("/v1/chat/completions", chat(), Authorization="Bearer wrong")[0] == 401
    assert server.get("/v1/models", Authorization="Bearer secret")[0] == 200
    assert [server.get(path)[0] for path in ("/health", "/version", "/metrics")] == [200, 200, 200]
    assert "secret" not in server.stop()[1]


GUARD = {"VLLM_API_KEY": "secret", "PYTHONPATH": str(ROOT / "roles" / "vllm" / "files" / "guard")}


def test_the_guard_asks_for_the_key_everywhere_else(start: Start) -> None:
    server = start({}, "--middleware", "gpt_oss_guard.Guard", **GUARD)
    for path in ("/v1/models", "/metrics", "/version", "/invocations", "//metrics", "/%6detrics", "/health/", "/"):
        assert server.get(path) == (401, '{"error":"Unauthorized"}'), path
    assert [server.get(path)[0] for path in ("/health", "/ping", "/h%65alth?x=1")] == [200, 200, 200]
    known = [server.get(path, Authorization="Bearer secret")[0] for path in ("/v1/models", "/metrics", "/%6detrics")]
    assert known == [200, 200, 200]


@pytest.mark.parametrize(
    ("name", "environment", "expected"),
    [
        ("gpt_oss_guard.Guard", {**GUARD, "VLLM_API_KEY": ""}, "expected the API key in VLLM_API_KEY, found none"),
        ("gpt_oss_guard.Guard", {"VLLM_API_KEY": "secret"}, "No module named 'gpt_oss_guard'"),
        ("json.JSONDecoder", GUARD, "has no attribute 'admitted'"),
    ],
)
def test_a_guard_that_cannot_guard_ends_the_start(
    launch: Start, name: str, environment: dict[str, str], expected: str
) -> None:
    code, output = launch({}, "--middleware", name, **environment).finish()
    assert code == 1 and expected in output


def test_metrics_are_live(start: Start) -> None:
    server = start()
    usage = json.loads(server.post("/v1/chat/completions", chat())[1])["usage"]
    server.post("/v1/responses", respond(max_output_tokens=8))
    values = dict(line.rsplit(" ", 1) for line in server.get("/metrics")[1].splitlines() if not line.startswith("#"))
    label = f'model_name="{MODEL}"'
    assert values[f'vllm:num_requests_running{{engine="0",{label}}}'] == "0.0"
    assert values[f'vllm:request_success_total{{engine="0",finished_reason="stop",{label}}}'] == "1.0"
    assert values[f'vllm:request_success_total{{engine="0",finished_reason="length",{label}}}'] == "1.0"
    assert float(values[f'vllm:generation_tokens_total{{engine="0",{label}}}']) == usage["completion_tokens"] + 8
    assert values[f'vllm:e2e_request_latency_seconds_count{{engine="0",{label}}}'] == "2.0"


def test_one_connection_serves_many_requests_and_chunked_bodies(start: Start) -> None:
    connection = start().connect()
    for chunked in (False, True, False):
        body = json.dumps(chat()).encode()
        if chunked:
            connection.request("POST", "/v1/chat/completions", iter([body[:20], body[20:]]), encode_chunked=True)
        else:
            connection.request("POST", "/v1/chat/completions", body)
        response = connection.getresponse()
        assert response.status == 200 and "Paris" in response.read().decode()
    connection.close()


def test_latency_delays_replies_but_not_health(start: Start) -> None:
    server = start({"latency_seconds": 0.4})
    for path, payload in (("/v1/chat/completions", chat()), ("/v1/responses", respond(stream=True))):
        begun = time.monotonic()
        assert server.post(path, payload)[0] == 200
        assert 0.35 < time.monotonic() - begun < 3
    begun = time.monotonic()
    server.get("/health")
    assert time.monotonic() - begun < 0.3


def metric(server: Simulator, name: str) -> float:
    line = next(line for line in server.get("/metrics")[1].splitlines() if line.startswith(f"vllm:{name}{{"))
    return float(line.rsplit(" ", 1)[1])


def wait_for(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end
        time.sleep(0.03)


def test_a_prefill_fills_the_cache_before_it_gives_tokens(start: Start) -> None:
    server = start({"prefill_seconds": 1.0, "latency_seconds": 1.0})
    connection = server.connect()
    connection.request("POST", "/v1/chat/completions", json.dumps(chat()))
    wait_for(lambda: metric(server, "kv_cache_usage_perc") > 0)
    assert (metric(server, "num_requests_running"), metric(server, "generation_tokens_total")) == (1, 0)
    wait_for(lambda: metric(server, "generation_tokens_total") > 0)
    usage = json.loads(connection.getresponse().read())["usage"]
    assert metric(server, "generation_tokens_total") == usage["completion_tokens"]
    connection.close()


@pytest.mark.parametrize("stream", [False, True])
def test_a_stopped_engine_holds_all_but_health(start: Start, stream: bool) -> None:
    server = start({"faults": [{"kind": "stuck"}]})
    stat = Path(f"/proc/{server.engine_pid()}/stat")
    wait_for(lambda: stat.read_text().split()[2] == "T")
    before = server.get("/metrics")
    connection = server.connect(timeout=0.5)
    connection.request("POST", "/v1/chat/completions", json.dumps(chat(stream=stream)))
    with pytest.raises(TimeoutError):
        connection.getresponse().read()
    connection.close()
    waiting = server.connect()
    waiting.request("POST", "/v1/chat/completions", json.dumps(chat(stream=stream)))
    assert (server.get("/health")[0], server.get("/metrics")) == (200, before)
    os.kill(server.engine_pid(), signal.SIGCONT)
    assert waiting.getresponse().read()
    waiting.close()
    wait_for(lambda: metric(server, "generation_tokens_total") > 0)


def test_counters_stand_still_as_soon_as_the_engine_is_stopped(start: Start) -> None:
    server = start({"latency_seconds": 5.0})
    connections = [server.connect() for _number in range(40)]
    for connection in connections:
        connection.request("POST", "/v1/chat/completions", json.dumps(chat()))
    stat = Path(f"/proc/{server.engine_pid()}/stat")
    for _round in range(8):
        begun = metric(server, "generation_tokens_total")
        wait_for(lambda before=begun: metric(server, "generation_tokens_total") > before)
        os.kill(server.engine_pid(), signal.SIGSTOP)
        wait_for(lambda: stat.read_text().split()[2] == "T")
        before = metric(server, "generation_tokens_total")
        time.sleep(0.1)
        assert metric(server, "generation_tokens_total") == before
        os.kill(server.engine_pid(), signal.SIGCONT)
    for connection in connections:
        connection.close()


# Faults of single requests


def test_status_faults_end_after_some_tries(start: Start) -> None:
    fault = {"kind": "status", "status": 429, "retry_after": 1, "match": "gpqa/3/*", "times": 2}
    server = start({"data": DATA, "faults": [fault]})
    found = [server.post("/v1/chat/completions", chat(), x_request_id="gpqa/3/0")[0] for _unused in range(3)]
    assert found == [429, 429, 200]
    assert server.post("/v1/chat/completions", chat(), x_request_id="gpqa/4/0")[0] == 200
    connection = server.connect()
    connection.request("POST", "/v1/chat/completions", json.dumps(chat()), {"x-request-id": "gpqa/3/1"})
    response = connection.getresponse()
    assert response.getheader("retry-after") == "1"
    assert json.loads(response.read())["error"]["code"] == 429
    connection.close()


def test_a_reset(start: Start) -> None:
    server = start({"faults": [{"kind": "reset", "times": 1}]})
    with pytest.raises(ConnectionResetError):
        server.post("/v1/chat/completions", chat(), x_request_id="a")
    assert server.post("/v1/chat/completions", chat(), x_request_id="a")[0] == 200


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_truncated_body(start: Start, path: str, stream: bool) -> None:
    server = start({"faults": [{"kind": "truncated"}]})
    payload = chat(stream=stream) if "chat" in path else respond(stream=stream)
    with pytest.raises(http.client.IncompleteRead):
        server.post(path, payload)


def test_a_stall(start: Start) -> None:
    server = start(
        {"faults": [{"kind": "stall", "match": "ever"}, {"kind": "stall", "seconds": 0.3, "match": "while"}]}
    )
    connection = server.connect(timeout=0.5)
    connection.request("POST", "/v1/chat/completions", json.dumps(chat()), {"x-request-id": "ever"})
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()
    begun = time.monotonic()
    assert server.post("/v1/chat/completions", chat(), x_request_id="while")[0] == 200
    assert time.monotonic() - begun > 0.25


def test_empty_cut_and_nonsensical_replies(start: Start) -> None:
    kinds = ("empty", "length", "gibberish")
    server = start({"faults": [{"kind": kind, "match": kind} for kind in kinds]})
    chats = {kind: json.loads(server.post("/v1/chat/completions", chat(), x_request_id=kind)[1]) for kind in kinds}
    replies = {kind: json.loads(server.post("/v1/responses", respond(), x_request_id=kind)[1]) for kind in kinds}
    choices = {kind: reply["choices"][0] for kind, reply in chats.items()}
    assert choices["empty"]["message"]["content"] is None and choices["empty"]["finish_reason"] == "stop"
    assert choices["length"]["message"]["content"] is None and choices["length"]["finish_reason"] == "length"
    assert "zxq" in choices["gibberish"]["message"]["content"]
    assert replies["empty"]["output"] == [] and replies["empty"]["status"] == "completed"
    assert replies["length"]["status"] == "incomplete"
    assert "zxq" in replies["gibberish"]["output"][1]["content"][0]["text"]


# Life and death


def test_the_port_is_bound_but_refuses_until_the_server_is_ready(launch: Start) -> None:
    server = launch({"faults": [{"kind": "hang", "stage": "nccl"}]})
    assert server.process.stdout is not None
    log = b""
    while b"vLLM is using nccl==" not in log:
        log += server.process.stdout.readline()
    with pytest.raises(ConnectionRefusedError):
        server.get("/health")
    assert server.stop()[0] == 0


def test_a_taken_port_ends_the_start(start: Start) -> None:
    server = start()
    code, log = Simulator(server.port, {}).finish()
    assert code == 1 and log.splitlines()[-1] == "OSError: [Errno 98] Address already in use"
    assert server.get("/health")[0] == 200


def test_the_start_up_log_has_vllms_stages_in_order(start: Start) -> None:
    code, log = start({"start_seconds": 0.2}, "--moe-backend", "flashinfer_trtllm").stop()
    stages = [
        "non-default args: ",
        "Resolved architecture: GptOssForCausalLM",
        "Initializing a V1 LLM engine",
        "vLLM is using nccl==",
        "Starting to load model",
        "Using 'FLASHINFER_TRTLLM_MXFP4_BF16' Mxfp4 MoE backend.",
        "Loading safetensors checkpoint shards:",
        "Loading weights took",
        "Model loading took",
        "Using cache directory",
        "Dynamo bytecode transform time",
        "Available KV cache memory",
        "GPU KV cache size",
        "Maximum concurrency",
        "Capturing CUDA graph",
        "Graph capturing finished",
        "init engine (profile, create kv cache, warmup model) took",
        "Starting vLLM server on http://127.0.0.1:",
        "Application startup complete.",
        "[shutdown] API server: shutdown triggered",
    ]
    places = [log.find(stage) for stage in stages]
    assert code == 0 and -1 not in places and places == sorted(places)


def test_eager_mode_compiles_and_captures_nothing(start: Start) -> None:
    log = start({}, "--enforce-eager").stop()[1]
    assert "torch.compile" not in log and "CUDA graph (" not in log and "init engine (" in log


def test_sigterm_ends_an_idle_server_with_0_at_once(start: Start) -> None:
    server = start()
    kept = server.connect()
    kept.request("GET", "/health")
    kept.getresponse().read()
    begun = time.monotonic()
    assert server.stop()[0] == 0
    assert time.monotonic() - begun < 2
    kept.close()


def test_a_request_in_flight_is_drained_with_shutdown_timeout(start: Start) -> None:
    server = start({"latency_seconds": 0.5}, "--shutdown-timeout", "10")
    connection = server.connect()
    connection.request("POST", "/v1/chat/completions", json.dumps(chat()))
    time.sleep(0.1)
    server.process.send_signal(signal.SIGTERM)
    assert connection.getresponse().status == 200
    assert server.finish()[0] == 0
    connection.close()


def test_without_it_the_server_waits_for_a_client_that_gets_nothing(start: Start) -> None:
    server = start({"latency_seconds": 0.5})
    connection = server.connect(timeout=1.0)
    connection.request("POST", "/v1/chat/completions", json.dumps(chat()))
    time.sleep(0.1)
    server.process.send_signal(signal.SIGTERM)
    with pytest.raises(TimeoutError):
        connection.getresponse()
    assert server.process.poll() is None
    connection.close()
    assert server.finish()[0] == 0


def test_a_killed_engine_is_503_then_exit_code_0(start: Start) -> None:
    server = start({"dead_seconds": 1.0})
    os.kill(server.engine_pid(), signal.SIGKILL)
    time.sleep(0.3)
    assert server.get("/health") == (503, "")
    status, text = server.post("/v1/chat/completions", chat())
    assert status == 500 and "EngineCore encountered an issue" in text
    code, log = server.finish()
    assert code == 0 and "vllm.v1.engine.exceptions.EngineDeadError" in log


@pytest.mark.parametrize(
    ("fault", "code", "last", "cause"),
    [
        ({"stage": "load"}, 1, "Failed core proc(s)", "torch.OutOfMemoryError: CUDA out of memory"),
        ({"stage": "compile", "cause": "fabric"}, 1, "Failed core proc(s)", "Error 802: system not yet initialized"),
        ({"stage": "kv_cache", "cause": "no_kv_cache"}, 1, "Failed core proc(s)", "No available memory for the cache"),
        ({"stage": "listen", "text": "made up", "exit_code": 7}, 7, "Failed core proc(s)", "made up"),
        ({"stage": "serving"}, 0, "Finished server process", "EngineDeadError"),
        ({"stage": "serving", "exit_code": 139, "text": "Segmentation fault"}, 139, "Segmentation fault", ""),
    ],
)
def test_deaths(launch: Start, fault: dict[str, Any], code: int, last: str, cause: str) -> None:
    found, log = launch({"dead_seconds": 0.1, "faults": [{"kind": "die", **fault}]}).finish()
    assert found == code and last in log.splitlines()[-1]
    assert cause in log
    assert ("Application startup complete." in log) == (fault["stage"] == "serving")


def test_an_engine_can_die_after_some_requests(start: Start) -> None:
    server = start({"dead_seconds": 0.1, "faults": [{"kind": "die", "stage": "serving", "after_requests": 2}]})
    assert [server.post("/v1/chat/completions", chat())[0] for _unused in range(2)] == [200, 200]
    assert server.finish()[0] == 0


@pytest.mark.parametrize(
    ("configuration", "flags", "environment", "code", "part"),
    [
        ({}, ("--no-such-flag",), {}, 2, "vllm: error: unrecognized arguments: --no-such-flag"),
        ({}, ("--dtype", "float7"), {}, 2, "invalid choice: 'float7'"),
        ({}, ("--max-model-len", "999999999"), {}, 1, "is greater than the derived max_model_len"),
        ({}, ("--gpu-memory-utilization", "1.5"), {}, 1, "less than or equal to 1"),
        ({}, ("--tensor-parallel-size", "3"), {}, 1, "must be divisible by tensor parallel size (3)"),
        (
            {"gpus": 4},
            ("--tensor-parallel-size", "8"),
            {},
            1,
            "World size (8) is larger than the number of available GPUs",
        ),
        ({"require_model": True}, (), {"HF_HOME": "/nowhere"}, 1, "LocalEntryNotFoundError"),
        (
            {},
            ("--fail-on-environ-validation",),
            {"VLLM_USE_FLASHINFER_MXFP4_MOE": "1"},
            1,
            "Unknown vLLM environment variable detected: VLLM_USE_FLASHINFER_MXFP4_MOE",
        ),
        ({"speed": 9}, (), {}, 1, "vllm simulator: unknown key(s) speed"),
        ({"data": {"gpqa": ["/no/file.csv"]}}, (), {}, 1, "/no/file.csv cannot be read"),
        ({"data": DATA, "answers": {"gpqa": {"low": {"correct": 1585}}}}, (), {}, 1, "give 1584 samples"),
    ],
)
def test_refused_starts(
    launch: Start,
    configuration: dict[str, Any],
    flags: tuple[str, ...],
    environment: dict[str, str],
    code: int,
    part: str,
) -> None:
    found, log = launch(configuration, *flags, **environment).finish()
    assert found == code and part in log


@pytest.mark.parametrize(
    ("setting", "flags", "wanted", "unwanted"),
    [
        (None, (), ['"GET /version HTTP/1.1" 200 OK'], ["POST /v1"]),
        (True, (), ['"POST /v1/chat/completions HTTP/1.1" 200 OK', "GET /health"], []),
        (True, ("--disable-access-log-for-endpoints", "/health,/ping"), ["POST /v1", "GET /version"], ["GET /health"]),
        (False, (), [], ["GET /", "POST /"]),
    ],
)
def test_the_access_log(
    start: Start, setting: bool | None, flags: tuple[str, ...], wanted: list[str], unwanted: list[str]
) -> None:
    server = start({"access_log": setting}, *flags)
    server.get("/version")
    server.post("/v1/chat/completions", chat())
    log = server.stop()[1]
    assert all(part in log for part in wanted) and not any(part in log for part in unwanted)


def test_other_data_than_the_evals_is_told(start: Start) -> None:
    server = start({"data": DATA})
    server.post(
        "/v1/chat/completions", chat("Which?\n\n(A) 1 m\n(B) 2 m\n(C) 3 m\n(D) 4 m\n\nChoose."), x_request_id="gpqa/3/0"
    )
    assert "no option of gpqa/3/0 holds its right answer" in server.stop()[1]
