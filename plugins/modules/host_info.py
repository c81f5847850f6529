# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module gpt_oss.fleet.host_info: what a host is and has, looked at once for all roles."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Looks at a host and its Docker Engine, changing nothing
version_added: 0.1.0
author:
  - gpt_oss.fleet maintainers (@gpt-oss-fleet)
description:
  - Gathers in one run what the roles of this collection need to know of a host, so that they plan on the controller.
  - Needs nothing on the host but Python. What is not there is told as such; nothing that is missing makes it fail.
  - The GPUs are looked at by M(gpt_oss.fleet.gpu_info).
options:
  paths:
    description:
      - Absolute paths whose file systems are looked at. A path that does not exist lies where its nearest parent lies.
      - The roots of the Docker Engine and of containerd are added when there is an engine.
    type: list
    elements: path
    default: []
  ports:
    description: TCP ports of which it is told whether somebody listens on them.
    type: list
    elements: int
    default: []
  services:
    description: Names of systemd's units, such as V(docker.service).
    type: list
    elements: str
    default: []
  packages:
    description: Patterns of the names of packages, such as V(nvidia-*), whose installed versions are told.
    type: list
    elements: str
    default: []
  files:
    description: Paths of small text files whose content is told.
    type: list
    elements: path
    default: []
  addresses:
    description: Addresses (http or https) that the host is to reach. All are asked at once, each for at most 8 seconds.
    type: list
    elements: str
    default: []
  docker_host:
    description: Where the Docker Engine listens.
    type: str
    default: unix:///var/run/docker.sock
  python:
    description:
      - The Python to make the managed environment from, as a path or a name.
      - The first usable one of python3, python3.14, … python3.10 when this is empty.
    type: str
    default: ""
  controller_time:
    description: The controller's clock in seconds since 1970, with which the host's clock is compared.
    type: float
attributes:
  check_mode:
    description: Looks in check mode too.
    support: full
  diff_mode:
    description: There is nothing to show, as nothing is changed.
    support: none
seealso:
  - module: gpt_oss.fleet.gpu_info
  - module: gpt_oss.fleet.preflight_report
"""

EXAMPLES = r"""
- name: Look at the host
  gpt_oss.fleet.host_info:
    paths: [/var/lib/gpt_oss]
    ports: [8000]
    services: [docker.service, nvidia-fabricmanager.service]
    packages: ["nvidia-*", docker-ce]
    addresses: [https://huggingface.co]
    controller_time: "{{ now().timestamp() }}"
  register: look

- name: Tell how much disk is left
  ansible.builtin.debug:
    msg: "{{ look.host.filesystems['/var/lib/gpt_oss'].free_bytes }}"
"""

RETURN = r"""
host:
  description: What was found.
  type: dict
  returned: success
  contains:
    distribution:
      description: The operating system, from os-release. C(family) is V(debian), V(redhat) or V(other).
      type: dict
      returned: success
      sample: {id: debian, version: "12", major: 12, codename: bookworm, family: debian, name: Debian GNU/Linux 12}
    architecture:
      description: The machine's architecture, as C(uname -m) tells it.
      type: str
      returned: success
      sample: x86_64
    user:
      description: C(name) of the user as whom the module ran, and whether that is C(root).
      type: dict
      returned: success
    kernel:
      description:
        - C(release) and C(command_line) of the running kernel.
        - C(headers) tells whether modules can be built for it.
        - C(secure_boot) tells whether the firmware demands signed modules; null when that cannot be told.
      type: dict
      returned: success
    init:
      description: What runs as PID 1, V(systemd) or V(other).
      type: str
      returned: success
    virtualization:
      description: The kind of virtual machine or container, V(none) for a real machine; null when that cannot be told.
      type: str
      returned: success
    python:
      description: C(command), the Python that can make the managed environment; null when there is none.
      type: dict
      returned: success
    memory:
      description: Bytes of memory, C(total_bytes), C(available_bytes), and C(shm_bytes), which /dev/shm may take.
      type: dict
      returned: success
    limits:
      description: The limits of open files of the module's process, C(nofile_soft) and C(nofile_hard); -1 is no limit.
      type: dict
      returned: success
    cgroup:
      description: The version of the control groups, 1 or 2.
      type: int
      returned: success
    filesystems:
      description:
        - For each of O(paths) and of the engine's roots its C(mount), C(total_bytes), C(free_bytes), C(total_inodes),
          C(free_inodes) and whether it is C(read_only). File systems that count no inodes have 0 of them.
        - Null for a file system that does not answer.
      type: dict
      returned: success
    ports:
      description:
        - For each of O(ports), a string, whether it is C(used), at which C(addresses), C(by) whom and in which
          C(container) that runs. The last two are null when they cannot be told.
      type: dict
      returned: success
    clock:
      description:
        - Whether the clock is kept C(synchronized), null when the kernel does not tell.
        - C(skew_seconds) is the host's clock less O(controller_time); the way to the host counts.
      type: dict
      returned: success
    services:
      description:
        - For each of O(services) whether it C(exists), and systemd's words for whether it is C(active) and C(enabled).
        - They are V(unknown) where systemd is not PID 1.
      type: dict
      returned: success
    packages:
      description: The versions of the installed packages that match O(packages), as dpkg or rpm tell them.
      type: dict
      returned: success
      sample: {docker-ce: "5:28.2.2-1~debian.12~bookworm"}
    held:
      description: The names of all packages that apt or dnf's versionlock hold back.
      type: list
      elements: str
      returned: success
    files:
      description: The text of each of O(files); null when it does not exist, cannot be read or is longer than 64 KiB.
      type: dict
      returned: success
    docker:
      description:
        - What the Docker Engine says of itself; null when it cannot be used.
        - Beside C(version), C(api_version), C(root), C(storage_driver), C(runtimes), C(default_runtime),
          C(cgroup_driver), C(cgroup_version), C(live_restore), C(log_driver), C(swarm), C(cdi_spec_dirs),
          C(running_containers) and C(experimental) there are C(image_store), V(containerd) or V(graphdriver), and
          C(containers), the running ones.
        - Each of these has C(id), C(name), C(ports) that it publishes, and whether it is this collection's C(own).
      type: dict
      returned: success
    docker_problem:
      description: Why the engine cannot be used, and what to do; empty when it can be used.
      type: str
      returned: success
    docker_binary:
      description: The path of C(dockerd), or of a snap's C(docker); null when there is none.
      type: str
      returned: success
    containerd_root:
      description: Where containerd keeps the images, if the engine leaves them to it.
      type: str
      returned: success
    daemon_json:
      description:
        - The engine's configuration file, its C(path), whether it C(exists), and C(settings).
        - Settings that may hold secrets are left out, and of C(runtimes) the paths alone are told.
        - C(error) says why the file holds no settings; empty when all is well.
      type: dict
      returned: success
    toolkit:
      description:
        - The C(version) of the NVIDIA Container Toolkit, null when there is none, the C(cdi_devices) that it offers,
          and C(cdi_specs), the files that describe them.
      type: dict
      returned: success
    reboot_required:
      description: Whether updates wait for a reboot, C(required), and the packages that do, C(reasons).
      type: dict
      returned: success
    unattended_upgrades:
      description: Whether the distribution installs updates by itself.
      type: bool
      returned: success
    addresses:
      description:
        - For each of O(addresses) whether it was reached, C(ok), with the C(status) of the answer, the C(seconds) that
          it took, and the C(error) if there was none.
      type: dict
      returned: success
"""

from collections.abc import Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host import look
from ansible_collections.gpt_oss.fleet.plugins.module_utils._host_reader import Reader, Run

ARGUMENT_SPEC: dict[str, Any] = {
    "paths": {"type": "list", "elements": "path", "default": []},
    "ports": {"type": "list", "elements": "int", "default": []},
    "services": {"type": "list", "elements": "str", "default": []},
    "packages": {"type": "list", "elements": "str", "default": []},
    "files": {"type": "list", "elements": "path", "default": []},
    "addresses": {"type": "list", "elements": "str", "default": []},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
    "python": {"type": "str", "default": ""},
    "controller_time": {"type": "float"},
}
COMMAND_SECONDS = 20


def runner(module: AnsibleModule) -> Run:
    """Return what runs commands: in plain English, found in sbin too, and never for long."""

    def run(argv: Sequence[str]) -> tuple[int, str, str]:
        path = module.get_bin_path(argv[0])
        if path is None:
            return 127, "", f"{argv[0]}: not found"
        limited = ["timeout", str(COMMAND_SECONDS), path, *argv[1:]]
        return module.run_command(limited, environ_update={"LC_ALL": "C", "LANGUAGE": "C"}, errors="replace")

    return run


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.exit_json(changed=False, host=look(Reader(runner(module)), module.params))


if __name__ == "__main__":
    main()
