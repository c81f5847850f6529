"""Files and answers that are read back: state, stamps, manifests, baselines, what programs print, what engines tell."""

from __future__ import annotations

import hashlib
import json
import math
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import fingerprint_examples
from ansible_collections.gpt_oss.fleet.plugins.module_utils import (
    _bundle,
    _collect_env,
    _daemon_json,
    _engine,
    _environment_folder,
    _eval_info,
    _gpu_proof,
    _host_daemon,
    _host_docker,
    _host_system,
    _image_records,
    _job_status,
    _kernel_proof,
    _model_listing,
    _model_stamp,
    _model_users,
    _observation,
    _openpgp,
    _parcel,
    _repository,
    _restarts,
    _server_state,
    _smi,
    _sum_memory,
    _sums,
    _swarm_metainfo,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._hf_cache import CacheError
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import (
    _fingerprint_baseline,
    _follower,
    _quarantine,
    _reference_file,
    _references,
    _waivers,
    _watch,
)
from fuzzing import as_json, check_message, damaged, damaged_json, fuzz, mangled
from hypothesis import example
from hypothesis import strategies as st

FIXTURES = Path(__file__).parents[1] / "unit" / "plugins" / "module_utils" / "fixtures"
COMMIT = "0" * 40


def sentence(call: Callable[[], Any], *errors: type[Exception]) -> Any:
    """Return what a reader gives, or None for an error of its own that is a sentence."""
    try:
        return call()
    except errors as exc:
        check_message(str(exc))
        return None


# What programs print ----------------------------------------------------------------------------------------------

SMI = [path.read_bytes() for path in sorted((FIXTURES / "gpu").glob("*.xml"))]
OS_RELEASE = (
    b'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04.2 LTS"\nVERSION_CODENAME=noble\n'
)


@fuzz(content=st.sampled_from(SMI).flatmap(mangled))
def test_nvidia_smi(content: bytes) -> None:
    log = _smi.parse(content.decode("utf-8", "replace"))
    json.dumps(log.devices)
    if log.problem:
        check_message(log.problem)


@example(content=b"ID='x\n")
@example(content=b"VERSION_ID=" + b"1" * 5000)
@fuzz(content=mangled(OS_RELEASE))
def test_os_release(content: bytes) -> None:
    text = content.decode("utf-8", "replace")
    json.dumps(_host_system.parse_os_release(text))
    assert _repository.manager_of(text) in ("apt", "dnf", "", None)


@fuzz(content=mangled((FIXTURES / "collect_env" / "b200x8-0.10.1.txt").read_bytes()))
def test_collect_env(content: bytes) -> None:
    sentence(lambda: json.dumps(_collect_env.parse(content.decode("utf-8", "replace"))), _collect_env.CollectEnvError)


@fuzz(content=mangled(as_json({"devices": [{"index": 0, "uuid": "GPU-1", "ok": True, "error": ""}], "cuda": "12.9"})))
def test_what_the_proof_in_a_container_prints(content: bytes) -> None:
    _gpu_proof.parse_report(content.decode("utf-8", "replace"))


@fuzz(content=mangled(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZ\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n"))
def test_keys(content: bytes) -> None:
    packets = sentence(lambda: _openpgp.dearmor(content), _openpgp.KeyFormatError)
    sentence(lambda: _openpgp.fingerprints(packets or content), _openpgp.KeyFormatError)


# What an engine tells ---------------------------------------------------------------------------------------------

INFO = {
    "ServerVersion": "29.2.0", "DockerRootDir": "/var/lib/docker", "Driver": "overlay2", "CgroupVersion": "2",
    "Runtimes": {"runc": {"path": "runc"}, "nvidia": {"path": "nvidia-container-runtime"}}, "DefaultRuntime": "runc",
    "LiveRestoreEnabled": True, "DriverStatus": [["Backing Filesystem", "extfs"]], "CDISpecDirs": ["/etc/cdi"],
    "SecurityOptions": ["name=seccomp,profile=builtin"], "Containers": 3, "ContainersRunning": 1, "Warnings": None,
}  # fmt: skip
INSPECTED = {
    "Id": "abc", "Name": "/one", "Created": "2026-01-02T03:04:05.6Z", "RestartCount": 0, "Image": "sha256:1",
    "HostConfig": {
        "RestartPolicy": {"Name": "no"}, "Binds": ["/hub:/root/.cache/huggingface:rw"], "IpcMode": "host", "ShmSize": 1,
        "PortBindings": {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8000"}]}, "DeviceRequests": [{"Count": -1}],
        "Devices": [], "Ulimits": [{"Name": "memlock", "Soft": -1, "Hard": -1}], "NetworkMode": "bridge",
    },
    "Config": {
        "Image": "vllm/vllm-openai:v0.33.0", "Cmd": ["--model", "a/b"], "Env": ["A=b"], "Labels": {"x": "y"},
        "Entrypoint": ["vllm", "serve"],
    },
    "Mounts": [{"Source": "/hub", "Destination": "/root/.cache/huggingface", "Type": "bind"}],
    "State": {
        "Status": "running", "Running": True, "Restarting": False, "Paused": False, "ExitCode": 0, "OOMKilled": False,
        "Pid": 77, "StartedAt": "2026-01-02T03:04:06.6Z", "FinishedAt": "0001-01-01T00:00:00Z",
    },
}  # fmt: skip


@example(content=b"null")
@fuzz(content=damaged_json({"debug": True, "log-opts": {"max-size": "5m"}, "runtimes": {"nvidia": {"path": "x"}}}))
def test_daemon_json(content: bytes) -> None:
    text = content.decode("utf-8", "replace")
    settings = sentence(lambda: _daemon_json.parse(text, "/etc/docker/daemon.json"), _daemon_json.DaemonJsonError)
    if settings:
        _daemon_json.render(_daemon_json.merge(settings, {"debug": None, "x": {"y": [1]}}), text)
    _settings, problem = _host_daemon.parse_settings(text)
    assert not problem or len(problem.split()) > 2


@example(info={"DriverStatus": [1]})
@fuzz(info=damaged(INFO))
def test_docker_info(info: Any) -> None:
    """host_info tells of an engine what it can."""
    found, problem = _host_docker.described(info)
    json.dumps(found)
    if problem:
        check_message(problem)


@example(container={"Id": "abc"})
@fuzz(container=damaged(INSPECTED))
def test_docker_inspect(container: Any) -> None:
    """What the engine tells of a container is read in one place, and its error is that of an engine."""
    sentence(lambda: _engine.checked_container(container), _engine.EngineError)


# State on hosts ---------------------------------------------------------------------------------------------------

STAMP = {
    "format": 1, "repo_id": "a/b", "commit": COMMIT, "origin": "hub",
    "listing": {"config.json": {"size": 2, "algorithm": "sha256", "digest": "0" * 64}},
    "files": {"config.json": {"size": 2, "mtime_ns": 1, "sha256": "0" * 64, "blob": "0" * 64}},
}  # fmt: skip


@example(content=b"[]")
@example(content=as_json({**STAMP, "files": {"config.json": {"size": "x"}}}))
@fuzz(content=damaged_json(STAMP))
def test_stamps_and_manifests(content: bytes, tmp_path: Path) -> None:
    path = _model_stamp.stamp_path(tmp_path, COMMIT)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    stamp = _model_stamp.read_stamp(tmp_path, COMMIT)
    if stamp is not None:
        _model_stamp.manifest(stamp)
    sentence(lambda: _model_stamp.from_manifest(content), ValueError)
    _model_listing.local_listing(tmp_path, COMMIT)


INDEX = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}


@example(content=b"", index=b"[]")
@example(content=b"", index=b"\xff")
@fuzz(content=damaged_json(STAMP), index=damaged_json(INDEX))
def test_what_the_hub_library_leaves_in_a_cache(content: bytes, index: bytes, tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshots" / COMMIT
    snapshot.mkdir(parents=True, exist_ok=True)
    (snapshot / "model.safetensors.index.json").write_bytes(index)
    (tmp_path / "trees").mkdir(exist_ok=True)
    (tmp_path / "trees" / f"{COMMIT}.json").write_bytes(content)
    _model_listing.local_listing(tmp_path, COMMIT)
    sentence(lambda: _model_listing.own_listing(tmp_path, COMMIT), CacheError)


START = {
    "container_id": "abc",
    "started_at": "2026-01-02T03:04:06Z",
    "kernel_proof": {"state": "unknown", "findings": []},
}
CONTAINER = {"Id": "abc", "State": {"StartedAt": "2026-01-02T03:04:06Z", "Running": True}, "Config": {"Labels": {}}}
MEMORY = {"container_id": "abc", "restart_count": 1, "started": 1.0, "seen_at": 2.0, "looping": False, "restarts": []}


@example(start=as_json({**START, "kernel_proof": {"findings": 3}}), record=b"[]")
@fuzz(start=damaged_json(START), record=damaged_json({"digests": ["x@sha256:1"], "version": "0.32.0"}))
def test_servers_state(start: bytes, record: bytes, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir(exist_ok=True)
    for name in ("start.json", "accepted.json"):
        (tmp_path / "one" / name).write_bytes(start)
    kept = _server_state.start_of(str(tmp_path), "one", CONTAINER)
    _kernel_proof.Proof.of_dict(kept.get("kernel_proof") or {})
    sentence(lambda: _model_users.of_descriptions(str(tmp_path)), _model_users.UsersUnknown)
    (tmp_path / _image_records.FILE).write_bytes(record)
    image = _image_records.read_record(str(tmp_path), "sha256:1")
    _image_records.with_digests(image, ["x@sha256:2"])


@example(content=as_json({**MEMORY, "seen_at": [1]}))
@example(content=as_json({**MEMORY, "restarts": [{"at": 1.0, "count": math.inf}]}))
@fuzz(content=damaged_json({**MEMORY, "restarts": [{"at": 1.0, "count": 2}]}))
def test_what_is_remembered_of_restarts(content: bytes) -> None:
    memory = _restarts.read_memory(content.decode("utf-8", "replace"))
    inspected = {**CONTAINER, "Created": "2026-01-02T03:04:05Z", "RestartCount": 3}
    container = _observation.container_of(inspected)
    assert container is not None
    restarts = _restarts.restarts_of(container, memory, True, 1767323100.0)
    _restarts.write_memory(_restarts.renewed(container, memory, restarts, 1767323100.0))


STATUS = {
    "state": "running", "server": "s", "phase": "asking", "updated": 1767323100.0, "cells": [{"done": 1, "total": 2}],
    "repo_id": "a/b", "bytes_done": 5, "bytes_total": 9, "files_done": 1, "files_total": 2, "rate": 3.0, "eta_s": 4.0,
}  # fmt: skip


@fuzz(content=damaged_json(STATUS))
def test_jobs_status(content: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    folder.mkdir(exist_ok=True)
    _job_status.status_path(folder).write_bytes(content)
    json.dumps(_job_status.read_status(folder))
    json.dumps(_eval_info.evals(str(tmp_path)))


@fuzz(
    content=damaged_json({"python": "3.12", "packages": [{"name": "docker", "version": "7.2.0"}], "requirements": "x"})
)
def test_environments(content: bytes, tmp_path: Path) -> None:
    folder = _environment_folder.Folder(str(tmp_path))
    place = folder.place("v1")
    place.mkdir(parents=True, exist_ok=True)
    (place / _environment_folder.RECORD).write_bytes(content)
    for version in folder.versions():
        assert isinstance(version.record, dict)


@fuzz(content=damaged_json({"/x": {"state": [1, 2], "sha256": "0" * 64}}))
def test_remembered_sums(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "memory.json").write_bytes(content)
    (tmp_path / "file").write_bytes(b"x")
    parcel = _parcel.FilesParcel("files", {"file": tmp_path / "file"})
    sums = _sum_memory.SumMemory(str(tmp_path / "memory.json")).sums(parcel, ["file"])
    assert sums == {"file": hashlib.sha256(b"x").hexdigest()}


# What goes from machine to machine ----------------------------------------------------------------------------------

MODELS = [{"repo_id": "a/b", "revision": "main", "commit": COMMIT, "path": "models/a--b", "bytes": 1}]
DOCUMENT = {"format": 1, "models": MODELS, "vocabulary": [], "data": {}, "wheels": {}, "images": {}, "bytes": 1}
PARCEL_ERRORS = (_bundle.BundleError, _parcel.ParcelError, _sums.SumsError)


@example(document=b"[]", sums=b"", whole=True)
@example(document=as_json({"format": 1, "models": [{}]}), sums=b"", whole=True)
@fuzz(document=damaged_json(DOCUMENT), sums=mangled(b"0" * 64 + b"  models/x\n"), whole=st.booleans())
def test_bundles(document: bytes, sums: bytes, whole: bool, tmp_path: Path) -> None:
    (tmp_path / _bundle.NAME).write_bytes(document)
    own = f"{hashlib.sha256(document).hexdigest()}  {_bundle.NAME}\n".encode()
    (tmp_path / _sums.NAME).write_bytes(own if whole else own + sums)
    parcel = _parcel.open_parcel(str(tmp_path))
    found = sentence(lambda: _bundle.read(parcel), *PARCEL_ERRORS)
    if found is not None:
        sentence(lambda: _bundle.model_of(found, "a/b", None, "here"), *PARCEL_ERRORS)


@fuzz(data=st.data())
def test_archives(data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / "good.tar"
    if not path.exists():
        (tmp_path / _bundle.NAME).write_bytes(as_json(DOCUMENT))
        with tarfile.open(path, "w") as archive:
            archive.add(tmp_path / _bundle.NAME, _bundle.NAME)
    (tmp_path / "bad.tar").write_bytes(data.draw(mangled(path.read_bytes())))

    def read() -> Any:
        parcel = _parcel.open_parcel(str(tmp_path / "bad.tar"))
        return [parcel.open(name).read() for name in parcel.names()], _bundle.read(parcel)

    sentence(read, *PARCEL_ERRORS)


METAINFO = (
    b"d4:infod5:filesld6:lengthi3e4:pathl1:a1:beee4:name3:abc12:piece lengthi16384e6:pieces20:" + b"x" * 20 + b"ee"
)


@fuzz(content=mangled(METAINFO))
def test_metainfo(content: bytes) -> None:
    sentence(lambda: _swarm_metainfo.decoded(content), ValueError)


# The controller's files ---------------------------------------------------------------------------------------------

REFERENCE = {
    "id": "baseline", "source": "accepted", "model": "openai/m", "task": "gpqa", "reasoning_effort": "low",
    "sampler": "responses", "score": 0.5, "n_correct": 1, "n": 2, "n_questions": 1, "outcomes": [[1, 2]],
}  # fmt: skip
ROW = {"model": "m", "task": "gpqa", "reasoning_effort": "low", "sampler": "responses", "n_questions": 1}


@example(content=b'{"baseline": 1, "scores": [null]}')
@example(content=as_json({"baseline": 1, "scores": [{**REFERENCE, "outcomes": [[1, "x"]]}]}))
@fuzz(content=damaged_json({"baseline": 1, "scores": [REFERENCE, REFERENCE]}))
def test_baselines(content: bytes) -> None:
    text = content.decode("utf-8", "replace")
    rows = sentence(lambda: _reference_file.load(text, "file"), _references.ReferenceError)
    for reference in _references.for_cell(ROW, rows or []):
        for obstacle in _references.obstacles(ROW, reference, False):
            check_message(obstacle)


@fuzz(content=damaged_json({"fingerprint_baseline": 1, "fingerprints": [fingerprint_examples.row()]}))
def test_baselines_of_fingerprints(content: bytes) -> None:
    text = content.decode("utf-8", "replace")
    sentence(lambda: _fingerprint_baseline.load(text, "file"), _fingerprint_baseline.BaselineError)


WAIVER = {"host": "one", "reason": "known", "expires": "2026-12-31", "server": "s", "task": "gpqa"}


@fuzz(rows=damaged([WAIVER, WAIVER]))
def test_waivers(rows: Any) -> None:
    if isinstance(rows, list):
        sentence(lambda: _waivers.parse(rows), _waivers.WaiverError)


QUARANTINE = _quarantine.dump({"one": {"reason": "bad", "time": "2026-01-02T03:04:05Z", "retest": "x"}}).encode()


@example(content=b"[" * 900)
@fuzz(content=mangled(QUARANTINE), brief=3)
def test_quarantine(content: bytes) -> None:
    text = content.decode("utf-8", "replace")
    entries = sentence(lambda: _quarantine.load(text, "file"), _quarantine.QuarantineError)
    if entries:
        _quarantine.dump(entries)


@example(content=as_json({**STATUS, "eta_s": {}}), mark="1\n")
@fuzz(content=damaged_json(STATUS), mark=st.sampled_from(["", "0\n", "1\n", "\n"]))
def test_what_a_watcher_reads_of_a_host(content: bytes, mark: str) -> None:
    try:
        _ended, status = _watch.parse(mark + content.decode("utf-8", "replace"))
    except _watch.Interrupted as exc:
        check_message(str(exc))
        return
    for line in (_watch.start_line, _watch.image_line, _watch.model_line):
        told = _follower._told(partial(_with_subject, line), "host", status)
        assert told[1].startswith("[host] ")


def _with_subject(line: Callable[[str, Any], str], host: str, status: Any) -> tuple[Any, str]:
    return None, line(host, status)
