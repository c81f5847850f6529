# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: gpu proof causes - data: why a container with GPUs does not start, or sees none, and what to do.

The first row that fits counts. `pattern` is searched in what `docker run` says; its named groups fill {braces}.
"""

from __future__ import annotations

from ansible_collections.gpt_oss.fleet.plugins.module_utils._failures import Failure

_HOOK = "nvidia-container-cli's text, NVIDIA/nvidia-container-toolkit"

ENGINE_CAUSES = (
    Failure(
        "cdi_switched_off",
        r"could not select device driver \"cdi\"|error gathering device information while adding custom device \"nv"
        r"|nvidia\.com/\S+ is not an absolute path",
        "the Docker Engine does not know CDI devices",
        "set features.cdi to true in daemon.json and restart the engine (Docker 25.0 to 28.1; an older one knows none: "
        "bring it up to date), or ask by device_requests",
        "NVIDIA/nvidia-container-toolkit issue 434; run, Docker Engine 20.10",
    ),
    Failure(
        "toolkit_unknown_to_engine",
        r"could not select device driver \"?(?P<what>\w*)\"? with capabilities",
        "the Docker Engine knows no driver for GPUs: the toolkit was not there when the engine started",
        "install the NVIDIA Container Toolkit, register it, and restart the engine (systemctl restart docker)",
        "NVIDIA/nvidia-docker issue 1034; run, Docker Engine 20.10",
    ),
    Failure(
        "cdi_device_missing",
        r"unresolvable CDI devices (?P<what>[^\s:]+(?:, [^\s:]+)*)",
        "no CDI specification of this host names {what}",
        "write it again: nvidia-ctk cdi generate --output=/var/run/cdi/nvidia.yaml; nvidia-ctk cdi list shows it",
        "devnen/Chatterbox-TTS-Server issue 5",
    ),
    Failure(
        "runtime_unknown",
        r"unknown or invalid runtime name: (?P<what>\S+)|Unknown runtime specified (?P<what2>\S+)",
        "the Docker Engine does not know the runtime that it shall start containers with",
        "register it: nvidia-ctk runtime configure --runtime=docker, then systemctl reload docker",
        "Docker Engine's text",
    ),
    Failure(
        "hook_missing",
        r"exec: \"?nvidia-container-runtime(?:-hook)?\"?: executable file not found",
        "the toolkit was removed while the engine still counts on it",
        "install the toolkit's packages again and restart the engine",
        "Docker Engine's text, moby/moby daemon/nvidia_linux.go",
    ),
    Failure(
        "driver_mismatch",
        r"driver/library version mismatch|Driver/library version mismatch",
        "the driver's kernel module and its libraries on the host are of different versions",
        "reboot, so that the module of the installed driver is loaded",
        "NVIDIA/nvidia-container-toolkit issue 394",
    ),
    Failure(
        "driver_not_loaded",
        r"nvml error: driver not loaded|driver rpc error|driver error: failed to process request",
        "the host's NVIDIA driver is not loaded or does not answer",
        "run nvidia-smi on the host; modprobe nvidia, or run the role nvidia_driver",
        "opencontainers/runc issue 2102",
    ),
    Failure(
        "driver_libraries_missing",
        r"load library failed: (?P<what>lib[\w-]+\.so\.\d+)",
        "the host lacks the driver's library {what}",
        "install the driver's libraries in the version of its kernel module (role nvidia_driver)",
        _HOOK,
    ),
    Failure(
        "gpu_unknown",
        r"device error: (?P<what>[^\s:]+): unknown device|unknown device (?P<what2>\S+)",
        "the host has no GPU {what}",
        "ask for GPUs that nvidia-smi -L lists",
        _HOOK,
    ),
    Failure(
        "driver_too_old",
        r"unsatisfied condition: (?P<what>[^,\n]+)",
        "the image wants {what}, which the host's driver does not offer",
        "install a newer driver branch, or take an image for an older CUDA (such as the -cu129 tags)",
        _HOOK,
    ),
    Failure(
        "nvml_unusable",
        r"Failed to initialize NVML: (?P<what>.+)",
        "the driver's management library cannot be used: {what}",
        "run nvidia-smi on the host; Unknown Error in a container that worked before means that a systemctl "
        "daemon-reload took its GPUs: start it again, and use CDI",
        "NVIDIA/nvidia-docker issue 1451",
    ),
    Failure(
        "hook_failed",
        r"nvidia-container-cli: (?P<what>.+?)(?:: unknown\.?)?$",
        "the toolkit could not bring the GPUs into the container: {what}",
        "run nvidia-smi on the host; nvidia-container-cli -k -d /dev/tty info says more",
        _HOOK,
    ),
    Failure(
        "no_python",
        r"exec: \"(?P<what>[^\"]*python[^\"]*)\": (?:executable file not found|stat .*no such file)",
        "the image has no program {what}, so nothing could be tried in it",
        "take an image with Python 3.7 or newer, such as vLLM's, or name its interpreter",
        "run, Docker Engine 20.10",
    ),
    Failure(
        "image_missing",
        r"No such image: (?P<what>\S+)|Unable to find image '(?P<what2>[^']+)' locally",
        "the image is not on this host",
        "allow to pull it (pull: missing), or bring it here (docker load)",
        "run, Docker Engine 20.10",
    ),
    Failure(
        "engine_unreachable",
        r"(?P<what>Cannot connect to the Docker daemon at \S+?)\.|(?P<what2>permission denied while trying to connect)",
        "the Docker Engine cannot be reached",
        "start it (systemctl start docker), and let the task run as root",
        "run, Docker Engine 20.10",
    ),
)
