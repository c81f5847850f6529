# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Docker Engine that is reached by TCP, with certificates that the test makes: the right ones, and each wrong one."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import EngineError, connect
from ansible_collections.gpt_oss.fleet.plugins.module_utils._output import split_frames
from eval_harness import free_port
from image_harness import another_engine

ANOTHER_NAME = "127.0.0.2"


def openssl(*words: str, folder: Path) -> None:
    done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def authority(folder: Path) -> Path:
    """Make an authority in a folder."""
    folder.mkdir()
    new = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=authority")
    # Python 3.13 and newer want to be told what the key is for.
    openssl(
        *new,
        "-addext",
        "keyUsage=critical,keyCertSign,cRLSign",
        "-keyout",
        "ca-key.pem",
        "-out",
        "ca.pem",
        folder=folder,
    )
    return folder


def certificate(authority: Path, name: str, extension: str) -> None:
    """Make a key and a certificate, NAME-key.pem and NAME.pem, signed by the authority of the folder."""
    (authority / "extension").write_text(extension)
    new = ("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}")
    openssl(*new, "-keyout", f"{name}-key.pem", "-out", f"{name}.csr", folder=authority)
    by = ("-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-days", "2", "-extfile", "extension")
    openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *by, folder=authority)


def client_of(authority: Path, ca: Path, folder: Path) -> Path:
    """Lay out what a client has: its certificate by one authority, and the authority that it trusts."""
    folder.mkdir()
    shutil.copy(ca / "ca.pem", folder / "ca.pem")
    shutil.copy(authority / "client.pem", folder / "cert.pem")
    shutil.copy(authority / "client-key.pem", folder / "key.pem")
    return folder


@pytest.fixture(scope="module")
def engine_by_tcp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """An engine on two addresses of which its certificate holds one; yields its port and the folder of clients."""
    root = tmp_path_factory.mktemp("tls")
    port = free_port()
    right, wrong = authority(root / "right"), authority(root / "wrong")
    certificate(right, "server", "subjectAltName = IP:127.0.0.1\nextendedKeyUsage = serverAuth\n")
    for made in (right, wrong):
        certificate(made, "client", "extendedKeyUsage = clientAuth\n")
    client_of(right, right, root / "good")
    client_of(right, wrong, root / "another authority")
    client_of(wrong, right, root / "a stranger")
    (root / "nobody").mkdir()
    shutil.copy(right / "ca.pem", root / "nobody")
    files = {"--tlscacert": "ca", "--tlscert": "server", "--tlskey": "server-key"}
    options = [f"{option}={right}/{name}.pem" for option, name in files.items()]
    hosts = [word for address in ("127.0.0.1", ANOTHER_NAME) for word in ("--host", f"tcp://{address}:{port}")]
    with another_engine("--tlsverify", *options, *hosts):
        yield port, root


CASES = [
    ("good", "127.0.0.1", ""),
    ("another authority", "127.0.0.1", "is not of the authority in ca.pem"),
    ("good", ANOTHER_NAME, "the engine's certificate is for another name"),
    ("nobody", "127.0.0.1", "put cert.pem and key.pem beside ca.pem"),
    ("a stranger", "127.0.0.1", "signed by its authority"),
    ("", "127.0.0.1", "set DOCKER_TLS_VERIFY to 1"),
]


@pytest.mark.parametrize(("client", "address", "remedy"), CASES)
def test_who_is_let_in(
    client: str, address: str, remedy: str, engine_by_tcp: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, root = engine_by_tcp
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1" if client else "")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(root / client))
    # What others are to be believed by is nothing for an engine.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(root / "wrong" / "ca.pem"))
    if not remedy:
        assert connect(f"tcp://{address}:{port}").info()["Containers"] == 0
        return
    with pytest.raises(EngineError, match=remedy) as refused:
        connect(f"tcp://{address}:{port}").info()
    assert "systemctl start docker" not in str(refused.value)


@pytest.mark.slow
def test_a_container_is_watched_to_its_end(
    engine_by_tcp: tuple[int, Path], engine: docker.APIClient, simulator_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, root = engine_by_tcp
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(root / "good"))
    there = connect(f"tcp://127.0.0.1:{port}")
    assert list(there.loading(engine.get_image(simulator_image)))
    # The image has a Python and a shell, and no other program.
    script = (
        "for n in range(300): print('line', n, flush=True)\nimport sys, time\ntime.sleep(1)\nprint('last')\nsys.exit(3)"
    )
    command = ["/usr/local/bin/python3", "-c", script]
    body = {"Image": simulator_image, "Entrypoint": command, "HostConfig": {"NetworkMode": "none"}}
    container = there.create("watched", body)
    received: list[bytes] = []
    watch = there.watch(container)
    watch.sink = lambda data: received.append(data) or len(data)
    there.start(container)
    begun = time.monotonic()
    while not watch.ended(20):
        assert time.monotonic() - begun < 60
    assert time.monotonic() - begun < 15, "the end is seen at once"
    assert there.wait(container, 5) == 3
    output, _errors = split_frames(b"".join(received))
    assert output.splitlines()[-2:] == ["line 299", "last"]
    assert [line.split(" ", 1)[1] for line in there.log_lines(container)][-1] == "last"
