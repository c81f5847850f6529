from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _daemon_process
from ansible_collections.gpt_oss.fleet.plugins.modules import docker_config

HAND_WRITTEN = '{\n    "x-ours": 1,\n    "log-opts": {"max-size": "5m"}\n}\n'
UNIT = ("/usr/bin/dockerd -H fd://", "the unit docker.service")
NEW_DOCKERD = """\
#!/bin/sh
[ "$1" = --help ] && { echo '      --validate   Validate daemon configuration and exit'; exit; }
grep -q bad-option "$3" || exit 0
echo "unable to configure the Docker daemon with file $3: these don't match any option: bad-option" >&2
exit 1
"""


class Host:
    """A module run on a host whose dockerd and unit the test decides on."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self.path = root / "etc" / "docker" / "daemon.json"
        self.dockerd: Path | None = None
        self.daemon: str | None = None
        self.command = ("", "")
        self.capsys = capsys
        self.warnings: list[str] = []
        monkeypatch.setattr(AnsibleModule, "warn", lambda _self, text, **_k: self.warnings.append(text))
        monkeypatch.setattr(AnsibleModule, "get_bin_path", lambda *_a, **_k: self.dockerd and str(self.dockerd))
        monkeypatch.setattr(_daemon_process, "DEFAULT_PATH", str(self.path))
        monkeypatch.setattr(_daemon_process, "PENDING_FILE", str(root / "run" / "pending.json"))
        monkeypatch.setattr(_daemon_process, "identity", lambda: self.daemon)
        monkeypatch.setattr(_daemon_process, "command_line", lambda _run: self.command)

    def have(self, text: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(text)

    def install(self, script: str) -> None:
        self.dockerd = self.root / "dockerd"
        self.dockerd.write_text(script)
        self.dockerd.chmod(0o755)

    def run(self, check: bool = False, **parameters: Any) -> dict[str, Any]:
        given = {"path": str(self.path), "_ansible_check_mode": check, **parameters}
        with patch_module_args(given), pytest.raises(SystemExit):
            docker_config.main()
        return dict(json.loads(self.capsys.readouterr().out))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Host:
    return Host(tmp_path, monkeypatch, capsys)


def test_the_documentation_tells_the_argument_spec() -> None:
    documented = yaml.safe_load(docker_config.DOCUMENTATION)["options"]
    assert documented.keys() == docker_config.ARGUMENT_SPEC.keys()
    for name, option in docker_config.ARGUMENT_SPEC.items():
        for key in ("type", "default", "choices", "elements", "required"):
            assert documented[name].get(key) == option.get(key), f"{name}: {key}"


def test_a_new_file_then_no_change(host: Host) -> None:
    first = host.run(settings={"debug": True})
    assert first["changed"] and first["reload_enough"] and not first["restart_needed"]
    assert json.loads(host.path.read_text()) == {"debug": True}
    assert stat.S_IMODE(host.path.stat().st_mode) == 0o644
    again = host.run(settings={"debug": True})
    assert not again["changed"] and not again["reload_enough"] and again["changed_keys"] == []


def test_a_hand_written_file_is_merged(host: Host) -> None:
    host.have(HAND_WRITTEN)
    host.path.chmod(0o600)
    result = host.run(
        settings={"live-restore": True},
        defaults={"log-opts": {"max-size": "100m", "max-file": "5"}, "x-ours": 2},
        backup=True,
    )
    assert json.loads(host.path.read_text()) == {
        "x-ours": 1,
        "log-opts": {"max-size": "5m", "max-file": "5"},
        "live-restore": True,
    }
    assert stat.S_IMODE(host.path.stat().st_mode) == 0o600
    assert Path(result["backup_file"]).read_text() == HAND_WRITTEN
    assert result["diff"]["before"] == HAND_WRITTEN
    assert result["changed_keys"] == ["log-opts", "live-restore"]
    assert result["restart_keys"] == ["log-opts"]


def test_a_file_that_says_the_same_is_not_rewritten(host: Host) -> None:
    host.have(HAND_WRITTEN)
    assert not host.run(settings={"log-opts": {"max-size": "5m"}})["changed"]
    assert host.path.read_text() == HAND_WRITTEN


def test_check_mode_writes_nothing(host: Host) -> None:
    result = host.run(check=True, settings={"mtu": 9000})
    assert result["changed"] and result["diff"]["after"] == '{\n  "mtu": 9000\n}\n'
    assert not host.path.parent.exists()


def test_a_broken_file_is_left_alone(host: Host) -> None:
    broken = '{\n  "debug": true, // why not\n}\n'
    host.have(broken)
    result = host.run(settings={"mtu": 9000})
    assert result["failed"] and "line 2 column 18" in result["msg"] and "no comments" in result["msg"]
    assert host.path.read_text() == broken


def test_a_link_stays_one(host: Host) -> None:
    real = host.root / "real.json"
    real.write_text("{}")
    host.path.parent.mkdir(parents=True)
    host.path.symlink_to(real)
    assert host.run(settings={"mtu": 9000})["restart_needed"]
    assert host.path.is_symlink() and json.loads(real.read_text()) == {"mtu": 9000}


def test_a_daemon_that_can_validate_is_asked(host: Host) -> None:
    host.install(NEW_DOCKERD)
    assert host.run(settings={"an-option-of-tomorrow": 1})["validated_by"] == "dockerd"
    before = host.path.read_text()
    refused = host.run(settings={"bad-option": 1})
    assert refused["failed"] and "don't match any option: bad-option" in refused["msg"]
    assert host.path.read_text() == before
    assert host.run(settings={"bad-option": 1}, validate=False)["changed"]


def test_a_daemon_that_cannot_validate_is_not_asked(host: Host) -> None:
    host.install("#!/bin/sh\n[ $1 = --help ] || exit 1\n")
    assert host.run(settings={"mtu": 9000})["validated_by"] == "structure"
    refused = host.run(settings={"mtuu": 9000, "debug": "yes"})
    assert refused["failed"] and "mtuu is no option" in refused["msg"] and "debug must be" in refused["msg"]
    assert json.loads(host.path.read_text()) == {"mtu": 9000}


def test_without_a_daemon_an_unknown_key_is_a_warning(host: Host) -> None:
    assert host.run(settings={"an-option-of-tomorrow": 1})["changed"]
    assert "an-option-of-tomorrow" in host.warnings[0]


@pytest.mark.parametrize("there", ["{}", '{"hosts": ["unix:///var/run/docker.sock"]}'])
def test_what_the_unit_sets_too_is_refused(host: Host, there: str) -> None:
    host.have(there)
    host.command = UNIT
    result = host.run(settings={"hosts": ["unix:///var/run/docker.sock"]})
    assert result["failed"] and "the flag -H in the unit docker.service" in result["msg"]
    assert host.path.read_text() == there


def test_another_daemons_file_is_not_judged_by_the_unit(host: Host) -> None:
    host.command = (UNIT[0] + " --config-file=/elsewhere.json", UNIT[1])
    assert host.run(settings={"hosts": ["unix:///var/run/docker.sock"]})["changed"]


def test_what_waits_for_a_restart_is_remembered_until_another_daemon_runs(host: Host) -> None:
    host.daemon = "42:777"
    assert host.run(check=True, settings={"mtu": 9000})["restart_keys"] == ["mtu"]
    assert host.run(settings={"mtu": 9000})["restart_keys"] == ["mtu"]
    again = host.run(settings={"mtu": 9000})
    assert not again["changed"] and again["restart_keys"] == ["mtu"] and again["restart_needed"]
    # A change that a reload takes over does not make the other one true.
    other = host.run(settings={"debug": True})
    assert other["changed"] and not other["reload_enough"] and other["restart_keys"] == ["mtu"]
    host.daemon = "43:999"
    assert not host.run(settings={"mtu": 9000})["restart_needed"]


def test_a_change_taken_back_waits_for_nothing(host: Host) -> None:
    host.daemon = "42:777"
    host.run(settings={"mtu": 9000})
    back = host.run(settings={"mtu": None})
    assert back["changed"] and not back["restart_needed"]
    assert not host.run()["restart_needed"]
