# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: toolkit data - what is known of the NVIDIA Container Toolkit and of how Docker uses it."""

from __future__ import annotations

# From 1.18 the packages demand one version of each other; before, apt and dnf let them drift apart.
# Source: NVIDIA's cloud-native documentation, container-toolkit/install-guide.md.
PACKAGES = (
    "nvidia-container-toolkit",
    "nvidia-container-toolkit-base",
    "libnvidia-container-tools",
    "libnvidia-container1",
)
MINIMUM = "1.17.8"
MINIMUM_REASON = "up to 1.17.7 a container's image can take over the host (CVE-2025-23266)"

# The refresh service writes its specification there; before 1.18 there is none and /etc/cdi is the usual place.
# Source: NVIDIA's cloud-native documentation, container-toolkit/cdi-support.md.
REFRESH_SINCE = "1.18"
REFRESH_UNITS = ("nvidia-cdi-refresh.path", "nvidia-cdi-refresh.service")
SPECIFICATION_REFRESHED = "/var/run/cdi/nvidia.yaml"
SPECIFICATION_GENERATED = "/etc/cdi/nvidia.yaml"

# Docker's releases that changed how GPUs come into containers. Source: Docker's release notes, and daemon/cdi.go,
# daemon/nvidia_linux.go and daemon/devices_linux.go of moby/moby.
DOCKER_GPUS_SINCE = "19.3"  # --gpus
DOCKER_CDI_SINCE = "26.1"  # reads specifications of version 0.7; from 25.0 older ones only
DOCKER_CDI_DEFAULT_SINCE = "28.2"  # without features.cdi
DOCKER_GPUS_BY_CDI_SINCE = "29.2"  # --gpus takes CDI devices where there are some, else the hook

RUNTIME = "nvidia"
RUNTIME_PROGRAM = "nvidia-container-runtime"
RUNTIME_SETTING = {"path": RUNTIME_PROGRAM, "args": []}
CGROUP_OPTION = "native.cgroupdriver"

# Why a reload does not do: the engine looks for these when it starts, and only then.
RESTART_FOR_HOOK = "the engine looks for the toolkit's hook when it starts"
RESTART_FOR_CDI = "the engine switches CDI on when it starts"
RESTART_FOR_CGROUPS = "the engine chooses its cgroup driver when it starts"
RESTART_FOR_RUNTIME = "the running engine does not know the runtime that daemon.json names"
