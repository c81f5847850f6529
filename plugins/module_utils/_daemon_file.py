# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: daemon_file, the Docker daemon's configuration file on disk: read, validated, and replaced in one step."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _daemon_options, _daemon_process
from ansible_collections.gpt_oss.fleet.plugins.module_utils._daemon_json import DaemonJsonError

_FOLDERS = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin"]


def read(path: str) -> str:
    """Return the text of the file, empty when there is none. Raises DaemonJsonError when it is no text."""
    try:
        # The daemon bears a byte order mark (moby, daemon/config/config.go).
        return Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as exc:
        raise DaemonJsonError(
            f"{path} must be JSON in UTF-8, found other bytes from byte {exc.start} on; correct it, nothing was changed"
        ) from exc


def validate(module: AnsibleModule, path: str, text: str, settings: Dict[str, Any]) -> str:
    """Refuse what the daemon would not start with; return what judged the text. An empty text is not judged."""
    problems = _command_line_problems(module, path, settings)
    judge = "nothing"
    if text:
        dockerd = module.get_bin_path("dockerd", opt_dirs=_FOLDERS)
        judge = "dockerd" if dockerd and _can_validate(module, dockerd) else "structure"
        if judge == "dockerd":
            problems += _daemon_problems(module, dockerd, text)
        else:
            problems += _daemon_options.structure_problems(settings, known_only=bool(dockerd))
            _warn_of_unknown(module, settings, dockerd)
    if problems:
        lines = "; ".join(problems)
        raise DaemonJsonError(
            f"dockerd would not start with {path}: {lines}; correct the settings, nothing was changed"
        )
    return judge


def install(module: AnsibleModule, path: str, text: str, backup: bool) -> Dict[str, str]:
    """Put the text into place in one step, mode and owner kept; return where the old file is, if it was wanted."""
    there = Path(path).exists()
    kept = {"backup_file": module.backup_local(path)} if backup and there else {}
    Path(path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with _temporary(text) as temporary:
        os.chmod(temporary, 0o644)  # noqa: PTH101
        _move(module, temporary, path, keep_dest_attrs=there)
    return kept


def _move(module: AnsibleModule, source: str, path: str, keep_dest_attrs: bool) -> None:
    try:
        module.atomic_move(source, path, keep_dest_attrs=keep_dest_attrs)
    except OSError:
        raise
    except Exception as exc:  # ansible-core 2.21 raises nothing narrower for a folder that cannot be written to
        raise OSError(str(exc)) from exc


def _command_line_problems(module: AnsibleModule, path: str, settings: Dict[str, Any]) -> list[str]:
    command, origin = _daemon_process.command_line(module.run_command)
    if not command or os.path.realpath(_daemon_process.config_file(command)) != path:
        return []
    return _daemon_options.flag_conflicts(settings, command, origin)


def _can_validate(module: AnsibleModule, dockerd: str) -> bool:
    """Tell whether this dockerd has --validate: since 23.0 (moby, cmd/dockerd/options.go; 20.10 lacks it)."""
    _code, out, err = module.run_command([dockerd, "--help"])
    return "--validate" in out + err


def _daemon_problems(module: AnsibleModule, dockerd: str, text: str) -> list[str]:
    with _temporary(text) as temporary:
        code, out, err = module.run_command([dockerd, "--validate", "--config-file", temporary])
        said = (err or out).strip().replace(temporary, "it")
    return [f"`dockerd --validate` says: {said}"] if code != 0 else []


def _warn_of_unknown(module: AnsibleModule, settings: Dict[str, Any], dockerd: Any) -> None:
    unknown = _daemon_options.unknown_keys(settings)
    if unknown and not dockerd:
        module.warn(f"no dockerd is installed yet that could tell whether it knows the settings {', '.join(unknown)}")


@contextmanager
def _temporary(text: str) -> Iterator[str]:
    handle, name = tempfile.mkstemp(prefix="daemon-", suffix=".json")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        yield name
    finally:
        Path(name).unlink(missing_ok=True)
