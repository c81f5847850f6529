# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.package_repository: apt or dnf knows one repository, whose key and index were checked."""

from __future__ import annotations

DOCUMENTATION = r"""
module: package_repository
short_description: Makes one package repository known to apt or dnf, its key checked and its index read
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Writes C(/etc/apt/sources.list.d/NAME.sources) (deb822) or C(/etc/yum.repos.d/NAME.repo), and the key that signs the
    repository.
  - The key must have one of the given fingerprints, and its file may hold no other key.
  - The index of this repository alone is read and verified before anything is put in place. So a wrong key, a dead
    server, an unsigned or half synchronised mirror fail the task with cause and remedy, and leave the host as it was.
    (By itself C(apt-get update) only warns of these, and keeps the old lists.)
  - Afterwards the packages can be installed without another C(apt-get update).
  - When nothing differs, neither the network is used nor apt or dnf run.
  - Needs nothing but Python and the package manager on the host. Works without a network for local folders.
options:
  name:
    description: The name of the file without its suffix; on dnf also the id of the repository.
    type: str
    required: true
  state:
    description: Whether the repository is known.
    type: str
    choices: [present, absent]
    default: present
  manager:
    description: The package manager; V(auto) takes the one of the distribution.
    type: str
    choices: [auto, apt, dnf]
    default: auto
  uri:
    description:
      - The address of the repository, with V(https://), V(http://) or V(file://), or an absolute folder of the host.
      - Required with O(state=present).
    type: str
  suite:
    description:
      - The suite, such as V(bookworm). A suite that ends in a slash is a folder below O(uri) which holds the index.
      - Only for apt.
    type: str
    default: /
  components:
    description: The components of the suite. Only for apt.
    type: list
    elements: str
    default: []
  architectures:
    description: The architectures to take; those of the host when it is empty. Only for apt.
    type: list
    elements: str
    default: []
  key:
    description:
      - The key that signs the repository, armored or binary. A URL, a path on the host, or the armored text itself.
      - Required with O(state=present) unless O(trusted=true).
    type: str
  fingerprints:
    description:
      - The fingerprints of the primary keys that may be in O(key), of 40 hex digits each.
      - Required with O(state=present) unless O(trusted=true).
    type: list
    elements: str
    default: []
  key_path:
    description:
      - Where the key is written. It is always written armored, and with O(state=absent) it is removed.
      - On dnf the key is imported into rpm's keyring too, where it stays.
      - By default V(/etc/apt/keyrings/NAME.asc) or V(/etc/pki/rpm-gpg/RPM-GPG-KEY-NAME).
    type: path
  trusted:
    description: Whether the repository is used without signatures, as you vouch for its contents.
    type: bool
    default: false
  folder:
    description:
      - Whether O(uri) is a plain folder of V(.deb) or V(.rpm) files. Its index is made on the host, in O(index_path),
        again whenever the folder's contents change. The folder itself is not written to.
      - For V(.rpm) files the host needs C(createrepo_c).
    type: bool
    default: false
  index_path:
    description: >-
      Where the index of a O(folder) is kept. By default V(/var/lib/gpt_oss/repositories/NAME).
    type: path
  gpgcheck:
    description: Whether packages must be signed. Only for dnf.
    type: bool
    default: true
  repo_gpgcheck:
    description: Whether the index must be signed. Only for dnf; for apt it always must.
    type: bool
    default: false
  module_hotfixes:
    description: Whether the repository's packages are there even if a module stream hides their names. Only for dnf.
    type: bool
    default: false
  priority:
    description: The priority among repositories, where the lowest number wins. Only for dnf.
    type: int
  replaces:
    description:
      - Files, as shell patterns, that name the same repository. They are removed.
      - apt reads no source at all when two files name one repository with different keys. Such a file that is not in
        this list fails the task.
    type: list
    elements: str
    default: []
  refresh:
    description: Whether to read the index again even if nothing differs, to see packages published since.
    type: bool
    default: false
  timeout:
    description: The seconds that reading the index may take, and that are waited for another apt or dnf.
    type: int
    default: 180
attributes:
  check_mode:
    description: >-
      Tells what would be written without writing it. The key is fetched and checked if it can be reached; the index is
      not read.
    support: full
  diff_mode:
    description: Shows the files before and after.
    support: full
"""

EXAMPLES = r"""
- name: Know Docker's repository
  gpt_oss.fleet.package_repository:
    name: docker
    uri: https://download.docker.com/linux/debian
    suite: bookworm
    components: [stable]
    key: https://download.docker.com/linux/debian/gpg
    fingerprints: [9DC858229FC7DD38854AE2D88D81803C0EBFCD88]
    replaces: [/etc/apt/sources.list.d/docker.list]

- name: Know a mirror of it on Rocky Linux
  gpt_oss.fleet.package_repository:
    name: docker
    uri: http://mirror.example.net/docker/rhel/9/x86_64/stable
    key: /etc/keys/docker.asc
    fingerprints: [060A61C51B558A7F742B77AAC52FEB6B621E9F35]

- name: Know a folder of packages
  gpt_oss.fleet.package_repository:
    name: local-nvidia
    uri: /srv/packages/nvidia
    folder: true
    trusted: true
"""

RETURN = r"""
path:
  description: The file that names the repository.
  type: str
  returned: success
  sample: /etc/apt/sources.list.d/docker.sources
fingerprints:
  description: The fingerprints of the primary keys in the key's file; empty when the repository is trusted without.
  type: list
  elements: str
  returned: success
refreshed:
  description: Whether the index was read and verified, or would be in check mode.
  type: bool
  returned: success
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpt_oss.fleet.plugins.module_utils._command import in_english
from ansible_collections.gpt_oss.fleet.plugins.module_utils._file_lock import LockedError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._repository import (
    RepositoryError,
    manager_of,
    path_of,
    problems,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._repository_state import Change, absent, present

ARGUMENT_SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "manager": {"type": "str", "choices": ["auto", "apt", "dnf"], "default": "auto"},
    "uri": {"type": "str"},
    "suite": {"type": "str", "default": "/"},
    "components": {"type": "list", "elements": "str", "default": []},
    "architectures": {"type": "list", "elements": "str", "default": []},
    "key": {"type": "str", "no_log": False},
    "fingerprints": {"type": "list", "elements": "str", "default": []},
    "key_path": {"type": "path", "no_log": False},
    "trusted": {"type": "bool", "default": False},
    "folder": {"type": "bool", "default": False},
    "index_path": {"type": "path"},
    "gpgcheck": {"type": "bool", "default": True},
    "repo_gpgcheck": {"type": "bool", "default": False},
    "module_hotfixes": {"type": "bool", "default": False},
    "priority": {"type": "int"},
    "replaces": {"type": "list", "elements": "str", "default": []},
    "refresh": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 180},
}
OS_RELEASE = "/etc/os-release"


def manager(asked: str) -> str:
    """Return apt or dnf."""
    found = asked if asked != "auto" else manager_of(Path(OS_RELEASE).read_text(encoding="utf-8"))
    if not found:
        raise RepositoryError(f"expected a system with apt or dnf, found neither named in {OS_RELEASE}; set manager")
    return found


def apply(module: AnsibleModule, used: str) -> Change:
    """Bring the repository into the state asked for; return what changed."""
    params = {**module.params, "manager": used}
    params["index_path"] = params["index_path"] or f"/var/lib/gpt_oss/repositories/{params['name']}"
    wrong = problems(params)
    if wrong:
        raise RepositoryError("; ".join(wrong))
    if params["state"] == "absent":
        return absent(params, used, module.check_mode)

    return present(params, used, module.check_mode, in_english(module))


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC, required_if=[("state", "present", ["uri"])], supports_check_mode=True
    )
    try:
        used = manager(module.params["manager"])
        change = apply(module, used)
    except (RepositoryError, LockedError, OSError) as exc:
        module.fail_json(msg=str(exc), exception=exc)
    for warning in change.warnings:
        module.warn(warning)
    module.exit_json(
        changed=change.changed,
        path=path_of(module.params["name"], used),
        fingerprints=change.fingerprints,
        refreshed=change.refresh,
        diff=change.diff,
    )


if __name__ == "__main__":
    main()
