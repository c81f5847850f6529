# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: preflight, the table of checks and all problems of one host."""

from __future__ import annotations

from collections.abc import Collection

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _preflight_controller as controller
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _preflight_disks as disks
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _preflight_driver as driver
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _preflight_engine as engine
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _preflight_fabric as fabric
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _preflight_gpus as gpus
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _preflight_host as host
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils import _preflight_network as network
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._preflight_case import Case, Check, Problem

# What any host needs, one that only runs simulators too.
CHECKS: tuple[Check, ...] = (
    controller.ansible,
    controller.description,
    engine.docker,
    engine.daemon_settings,
    disks.disks,
    network.ports,
    network.addresses,
    host.python,
)
# What a host needs that shall serve with GPUs.
GPU_CHECKS: tuple[Check, ...] = (
    host.operating_system,
    host.architecture,
    host.kernel,
    host.reboot,
    gpus.census,
    gpus.generation,
    driver.secure_boot,
    driver.nouveau,
    driver.present,
    driver.version,
    driver.flavour,
    driver.library,
    driver.persistence,
    fabric.management,
    fabric.manager,
    fabric.state,
    fabric.health,
    gpus.memory_errors,
    gpus.recovery,
    gpus.xids,
    gpus.throttling,
    gpus.partitions,
    gpus.memory,
    engine.toolkit,
    engine.gpu_path,
    engine.container_files,
    host.memory,
    host.shared_memory,
    host.open_files,
    host.cgroup,
    host.clock,
)


def problems(case: Case, accepted: Collection[str] = ()) -> list[Problem]:
    """Return all problems of a host; those whose ids are accepted are warnings."""
    checks = (*CHECKS, *GPU_CHECKS) if case.expects_gpus else CHECKS
    found = [problem for check in checks for problem in check(case)]
    return [{**item, "severity": "warning"} if item["id"] in accepted else item for item in found]
