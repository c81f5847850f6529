from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import ApiError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._drain import address_of, drain, requests_of

METRICS = """# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 1.0
vllm:num_requests_waiting{engine="0",model_name="m"} 2.0
vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 7.0
"""


def test_requests_of_all_engines_count() -> None:
    assert requests_of(METRICS) == 6
    assert requests_of("") == 0


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0.01)


def server(done_after: float, clock: Clock) -> Callable[[], str]:
    return lambda: "".join(
        f"vllm:num_requests_{what} {float(clock.now < done_after)}\n" for what in ("running", "waiting")
    )


@pytest.mark.parametrize(
    ("done_after", "timeout", "left", "seconds"), [(0, 60, 0, 0), (10, 60, 0, 10), (100, 60, 2, 60), (100, 0, 2, 0)]
)
def test_it_waits_until_there_is_none_or_the_time_is_over(
    done_after: float, timeout: float, left: int, seconds: float
) -> None:
    clock = Clock()
    assert drain(server(done_after, clock), timeout, clock, clock.sleep) == left
    assert clock.now == pytest.approx(seconds, abs=0.6)


def test_a_server_that_does_not_tell_is_not_waited_for() -> None:
    def metrics() -> str:
        raise ApiError("refused")

    assert drain(metrics, 60) == 0


ADDRESSES: list[tuple[dict[str, Any], list[str], str | None]] = [
    ({"PortBindings": {"8000/tcp": [{"HostIp": "", "HostPort": "81"}]}}, [], "http://127.0.0.1:81/v1"),
    ({"PortBindings": {"8000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "81"}]}}, [], "http://127.0.0.1:81/v1"),
    ({"PortBindings": {"8000/tcp": [{"HostIp": "::", "HostPort": "81"}]}}, [], "http://[::1]:81/v1"),
    ({"NetworkMode": "host"}, ["m", "--host", "10.1.1.1", "--port", "82"], "http://10.1.1.1:82/v1"),
    ({"NetworkMode": "host"}, ["m"], "http://127.0.0.1:8000/v1"),
    ({"NetworkMode": "bridge", "PortBindings": None}, ["m"], None),
]


@pytest.mark.parametrize(("host", "arguments", "address"), ADDRESSES)
def test_where_a_container_is_reached(host: dict[str, Any], arguments: list[str], address: str | None) -> None:
    assert address_of({"HostConfig": host, "Config": {"Cmd": arguments}}) == address
