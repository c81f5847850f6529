from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine_address import (
    AddressError,
    Certificates,
    certificates,
    remedy,
)


@pytest.mark.parametrize(
    "address",
    ["unix:///var/run/docker.sock", "ssh://me@host", "tcp://127.0.0.1:2375", "tcp://localhost:1", "tcp://[::1]:2375"],
)
def test_what_is_reached_without_the_network(address: str) -> None:
    assert certificates(address, {}) is None


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:2375", "tcp://engine:2375", "http://engine:1", "https://engine:1"])
def test_the_network_without_tls_is_refused(address: str) -> None:
    with pytest.raises(AddressError, match=r"no DOCKER_TLS_VERIFY .* whoever reaches that port is root there"):
        certificates(address, {"DOCKER_TLS_VERIFY": ""})


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ([], "ca.pem, cert.pem, key.pem"),
        (["cert.pem", "key.pem"], "ca.pem"),
        (["ca.pem", "cert.pem"], "key.pem"),
        (["ca.pem"], ""),
        (["ca.pem", "cert.pem", "key.pem"], ""),
    ],
)
@pytest.mark.parametrize("variable", ["DOCKER_CERT_PATH", "HOME"])
def test_the_files(there: list[str], missing: str, variable: str, tmp_path: Path) -> None:
    folder = tmp_path / ".docker" if variable == "HOME" else tmp_path
    folder.mkdir(exist_ok=True)
    for name in there:
        (folder / name).touch()
    environment = {"DOCKER_TLS_VERIFY": "1", variable: str(tmp_path)}
    if missing:
        with pytest.raises(AddressError, match=f"in {folder} .* found no {missing};"):
            certificates("tcp://engine:2376", environment)
    else:
        client = (f"{folder}/cert.pem", f"{folder}/key.pem") if len(there) == 3 else None
        assert certificates("tcp://engine:2376", environment) == Certificates(f"{folder}/ca.pem", client)


def test_another_error_has_no_remedy_of_these() -> None:
    assert remedy("Connection refused") == ""
