# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.docker_config: the Docker daemon's configuration file has these settings beside its others."""

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_config
short_description: Merges settings into the Docker daemon's configuration file
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Lays settings over what the file holds. Keys that are not named, their order, and the file's mode and indentation
    stay.
  - The new text is validated before it replaces the file, by C(dockerd --validate) where the installed daemon has it
    (Docker Engine 23.0 and newer), else by the kinds of value that Docker documents for each option.
  - Settings that the daemon's command line sets as well are refused, as the daemon would not start with them.
  - Never touches the daemon itself. It tells whether a reload is enough for what changed.
  - A file that is not JSON is refused with the line and the column, and left as it is.
options:
  settings:
    description:
      - The settings wanted. Objects are merged into those that are there, lists and scalars replace them, and null
        removes a key.
    type: dict
    default: {}
  defaults:
    description: Settings for keys that are neither in the file nor in O(settings). What is there stays.
    type: dict
    default: {}
  path:
    description: The configuration file.
    type: path
    default: /etc/docker/daemon.json
  validate:
    description: Whether to validate the new text before it replaces the file.
    type: bool
    default: true
  backup:
    description: Whether to keep the old file beside the new one, with the time in its name.
    type: bool
    default: false
attributes:
  check_mode:
    description: Tells what would change, and validates it as far as that needs no change.
    support: full
  diff_mode:
    description: Shows the file before and after.
    support: full
notes:
  - Which settings a running daemon takes over on SIGHUP is taken from the section "Configuration reload behavior" of
    Docker's reference of C(dockerd). A key that is removed counts as one that needs a restart where a reload keeps the
    old value, and so do the features C(cdi) and C(containerd-snapshotter), which are looked at when the daemon starts.
"""

EXAMPLES = r"""
- name: Rotate the logs of containers
  gpt_oss.fleet.docker_config:
    settings:
      log-driver: json-file
      log-opts:
        max-size: 100m
        max-file: "5"
  register: result

- name: Have the daemon take it over
  ansible.builtin.systemd_service:
    name: docker.service
    state: "{{ 'reloaded' if result.reload_enough else 'restarted' }}"
  when: result.changed
"""

RETURN = r"""
settings:
  description: All settings of the file afterwards.
  type: dict
  returned: success
changed_keys:
  description: The top-level keys that changed.
  type: list
  elements: str
  returned: success
  sample: [log-driver, log-opts]
reload_enough:
  description: Whether something changed and the running daemon takes over all of it on SIGHUP.
  type: bool
  returned: success
restart_needed:
  description: Whether a restart is needed before all settings are in force.
  type: bool
  returned: success
restart_keys:
  description:
    - The keys for which a restart is needed, those included that an earlier run of the module changed when the running
      daemon had been started already.
  type: list
  elements: str
  returned: success
  sample: [log-driver]
validated_by:
  description: What validated the new text, V(dockerd), V(structure), or V(nothing) where nothing was to be validated.
  type: str
  returned: success
backup_file:
  description: The copy of the old file.
  type: str
  returned: when there is one
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _daemon_json, _daemon_process
from ansible_collections.gpt_oss.fleet.plugins.module_utils._daemon_file import install, read, validate
from ansible_collections.gpt_oss.fleet.plugins.module_utils._daemon_json import DaemonJsonError

ARGUMENT_SPEC: dict[str, Any] = {
    "settings": {"type": "dict", "default": {}},
    "defaults": {"type": "dict", "default": {}},
    "path": {"type": "path", "default": _daemon_process.DEFAULT_PATH},
    "validate": {"type": "bool", "default": True},
    "backup": {"type": "bool", "default": False},
}


def apply(module: AnsibleModule) -> dict[str, Any]:
    """Have the settings in the file; return the module's result. Raises DaemonJsonError and OSError."""
    params = module.params
    path = str(Path(params["path"]).resolve())
    text = read(path)
    before = _daemon_json.parse(text, path)
    after = _daemon_json.fill(_daemon_json.merge(before, params["settings"]), params["defaults"])
    keys = _daemon_json.changed_keys(before, after)
    new_text = _daemon_json.render(after, text) if keys else text
    result: dict[str, Any] = {"changed": bool(keys), "settings": after, "changed_keys": keys, "validated_by": "nothing"}
    if params["validate"]:
        result["validated_by"] = validate(module, path, new_text if keys else "", after)
    if keys and not module.check_mode:
        result.update(install(module, path, new_text, params["backup"]))
    result.update(in_force(before, after, path, module.check_mode))
    result["diff"] = {"before": text, "after": new_text, "before_header": path, "after_header": path}
    return result


def in_force(before: dict[str, Any], after: dict[str, Any], path: str, check_mode: bool) -> dict[str, Any]:
    """Return what has to happen before the settings are in force, and remember what an earlier start left waiting."""
    is_daemons = path == str(Path(_daemon_process.DEFAULT_PATH).resolve())
    daemon = _daemon_process.identity() if is_daemons else None
    waiting = _daemon_process.pending(daemon, after)
    loaded = {key: before.get(key) for key in _daemon_json.restart_keys(before, after)}
    loaded.update(_daemon_process.pending(daemon, before))
    loaded = {key: old for key, old in loaded.items() if not _daemon_json.same(old, after.get(key))}
    if daemon and not check_mode and loaded != waiting:
        _daemon_process.remember(daemon, loaded)
    changed = not _daemon_json.same(before, after)
    return {
        "reload_enough": changed and not loaded,
        "restart_needed": bool(loaded),
        "restart_keys": sorted(loaded),
    }


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.run_command_environ_update = {"LC_ALL": "C", "LANGUAGE": "C"}
    try:
        result = apply(module)
    except DaemonJsonError as exc:
        module.fail_json(msg=str(exc), exception=exc)
    except OSError as exc:
        msg = f"expected to keep the settings in {module.params['path']}, found {exc}; look at its folder and disk"
        module.fail_json(msg=msg, exception=exc)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
