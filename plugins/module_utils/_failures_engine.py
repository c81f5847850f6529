# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: failures of the Docker Engine - data: read in what the engine says when it refuses."""

from __future__ import annotations

from ansible_collections.gpt_oss.fleet.plugins.module_utils._failure import Failure

ENGINE = (
    Failure(
        "engine_unreachable",
        r"expected a Docker Engine at (?P<what>\S+), could not talk to it",
        "no Docker Engine answers at {what}",
        "start the engine (systemctl start docker; journalctl -u docker tells why it does not), or set "
        "vllm_docker_host; the "
        "module's user must be root or in the group docker",
        "run, docker 7 (Python)",
        "2.1",
    ),
    Failure(
        "wrong_architecture",
        r"exec format error|no matching manifest for (?P<what>\S+)|does not match the (?:specified"
        r"|detected host) platform",
        "the image is made for another processor than the host's {what}",
        "take the image for this processor (docker image inspect: Architecture; uname -m); a start script needs its "
        "first line "
        "(#!)",
        "run, Docker Engine 20.10",
        "3.5",
    ),
    Failure(
        "no_such_program",
        r"exec: \"(?P<what>[^\"]+)\": (?:executable file not found|stat .*no such file)"
        r"|exec: (?P<other>\S+): no such file",
        "the image has no program {what}{other}",
        "check entrypoint and arguments against the image (docker inspect)",
        "run, Docker Engine 20.10",
        "3.5",
    ),
    Failure(
        "program_not_executable",
        r"exec: \"(?P<what>[^\"]+)\": permission denied",
        "the image's program {what} may not be executed",
        "check entrypoint against the image; a mounted script needs its x bit and a mount without noexec",
        "run, Docker Engine 20.10",
        "3.5",
    ),
    Failure(
        "port_allocated",
        r"(?:Bind for|listen tcp[46]?) (?P<what>\S+?):? (?:failed: port is already allocated"
        r"|bind: address already in use)",
        "the port to publish is taken on this host ({what})",
        "stop what listens there (ss -ltnp; docker ps), or choose another port",
        "run, Docker Engine 20.10",
        "3.8",
    ),
    Failure(
        "port_allocated",
        r"driver failed programming external connectivity.*in use|ports are not available.*",
        "the port to publish is taken on this host: {line}",
        "stop what listens there (ss -ltnp; docker ps), or choose another port",
        "Docker Engine's text",
        "3.8",
    ),
    Failure(
        "cdi_device_missing",
        r"(?P<what>unresolvable CDI devices.*|CDI device injection failed.*)"
        r"|(?P<other>could not select device driver \"cdi\")"
        r"|error gathering device information while adding custom device \"(?P<third>nvidia\.com/[^\"]+)\"",
        "the engine does not know the CDI device asked for: {what}{other}{third}",
        "write the CDI specification (nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml), and enable CDI in the "
        "engine (Docker 25 and newer); or set gpu_access: device_requests",
        "run, Docker Engine 20.10",
        "2.3",
    ),
    Failure(
        "device_node_missing",
        r"error gathering device information while adding custom device \"(?P<what>[^\"]+)\"",
        "the host has no device {what}, which devices names",
        "load the driver's modules (nvidia-smi on the host makes the nodes), or correct devices",
        "run, Docker Engine 20.10",
        "2.3",
    ),
    Failure(
        "toolkit_missing",
        r"could not select device driver \"?(?P<what>\w*)\"? with capabilities"
        r"|[Uu]nknown (?:or invalid )?runtime (?:name:|specified) (?P<other>\S+)"
        r"|nvidia-container-runtime(?:-hook)?\"?: executable file not found",
        "the Docker Engine cannot give GPUs to containers: it knows no driver for them",
        "install the NVIDIA Container Toolkit and register it (role nvidia_container_toolkit; nvidia-ctk runtime "
        "configure "
        "--runtime=docker, then restart the engine), or set gpu_access: cdi where CDI is set up",
        "run, Docker Engine 20.10",
        "2.3",
    ),
    Failure(
        "driver_missing",
        r"libnvidia-ml\.so\.1: cannot open shared object|nvml error: driver not loaded"
        r"|libcuda\.so\.1: cannot open shared object",
        "the host has no NVIDIA driver, or its modules are not loaded: {line}",
        "install or load the driver (role nvidia_driver; nvidia-smi on the host must work), reboot after an "
        "installation",
        "NVIDIA Container Toolkit issues 105, 154",
        "1.1",
    ),
    Failure(
        "gpu_unknown",
        r"nvidia-container-cli: device error: (?P<what>.+?)(?:: unknown\b.*)?$",
        "a GPU that gpus asks for is not on this host: {what}",
        "correct gpus (nvidia-smi -L lists what there is)",
        "NVIDIA Container Toolkit's text",
        "2.3",
    ),
    Failure(
        "toolkit_failed",
        r"nvidia-container-cli: (?P<what>mount error.*|container error.*)",
        "the NVIDIA Container Toolkit could not put the GPUs into the container: {what}",
        "bring the toolkit up to date (all four packages of one version), or set gpu_access: cdi",
        "NVIDIA Container Toolkit's text",
        "2.3",
    ),
    Failure(
        "engine_image",
        r"No such image: ?(?P<what>\S*)|(?P<bare>\S+): manifest unknown|manifest for (?P<other>\S+) not found"
        r"|repository does not exist"
        r"|pull access denied for (?P<third>[^,\s]+)|failed to resolve reference \"(?P<fourth>[^\"]+)\".*not found",
        "the image is neither on this host nor in its registry under that name: {what}{other}{third}{fourth}{bare}",
        "check the image's name and tag; log in to the registry (docker login) if it is a private one",
        "run, Docker Engine 20.10",
        "3.5",
    ),
    Failure(
        "registry_refused",
        r"unauthorized: .*|no basic auth credentials|denied: .*|toomanyrequests.*",
        "the registry refuses to give the image: {line}",
        "log in to it (docker login), as the user that the engine's requests come from; wait where it says "
        "toomanyrequests, or "
        "bring the image from elsewhere",
        "Docker registry's texts",
        "3.5",
    ),
    Failure(
        "registry_certificate",
        r"x509: (?P<what>.+)|server gave HTTP response to HTTPS client",
        "the engine does not trust the registry's certificate, or it has none: {line}",
        "put its authority into /etc/docker/certs.d, or list the registry as insecure in daemon.json; check the host's "
        "clock",
        "Docker Engine's text",
        "3.5",
    ),
    Failure(
        "registry_unreachable",
        r"(?P<what>(?:dial tcp|no such host|TLS handshake timeout|i/o timeout|connection refused).*"
        r"|Client\.Timeout exceeded|(?:Get|Head) \"https?://.*context deadline exceeded)",
        "the registry cannot be reached from this host: {what}",
        "check network, DNS and proxy of the engine; or bring the image here (docker load) and set pull: never",
        "run, Docker Engine 20.10",
        "3.5",
    ),
    Failure(
        "mount_refused",
        r"bind source path does not exist: (?P<what>\S+)|error mounting \"(?P<other>[^\"]+)\".*|invalid mount config.*",
        "the engine cannot mount what volumes asks for: {line}",
        "make the folder on the host, or correct volumes; a file cannot be mounted over a folder",
        "run, Docker Engine 20.10",
        "3.10",
    ),
    Failure(
        "engine_network",
        r"(?P<what>could not find bridge \S+|(?:iptables|nftables) failed.*|network \S+ not found"
        r"|failed to create endpoint.*"
        r"|failed to set up container networking.*)",
        "the engine cannot give the container its network: {what}",
        "restart the engine (systemctl restart docker), which makes bridge and rules anew after a firewall was "
        "reloaded; or "
        "set network_mode: host",
        "run, Docker Engine 20.10",
        "2.1",
    ),
    Failure(
        "engine_request",
        r"client version (?P<what>[\d.]+) is too (?P<other>new|old).*",
        "the engine and the Python library docker do not understand each other: {line}",
        "bring the older of the two up to date (Docker 29 wants API 1.44 or newer; role hf_cache makes the "
        "environment)",
        "Docker Engine's text",
        "2.2",
    ),
)
