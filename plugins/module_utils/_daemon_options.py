# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: daemon_options, what the Docker daemon's options are called, which kind of value each takes, and which
of them a command line sets already.

The options are those of docker/cli, docs/reference/dockerd.md, and of moby, daemon/config/config.go. A daemon that has
``--validate`` knows them better than this table, which serves where there is none.
"""

from __future__ import annotations

import shlex
from typing import Any, Dict, Iterable, List, Tuple

_KINDS: Dict[str, str] = {
    "true or false": """allow-direct-routing cri-containerd debug experimental icc init ip-forward ip-forward-no-drop
        ip-masq ip6tables iptables ipv6 live-restore no-new-privileges raw-logs selinux-enabled tls tlsverify
        userland-proxy rootless""",
    "a number": """cpu-rt-period cpu-rt-runtime default-stop-timeout max-concurrent-downloads max-concurrent-uploads
        max-download-attempts mtu network-control-plane-mtu network-diagnostic-port oom-score-adjust shutdown-timeout
        swarm-raft-election-tick swarm-raft-heartbeat-tick""",
    "a string": """api-cors-header bip bip6 bridge bridge-accept-fwmark cgroup-parent containerd containerd-namespace
        containerd-plugin-namespace containerd-plugins-namespace data-root default-cgroupns-mode default-gateway
        default-gateway-v6 default-init default-ipc-mode default-runtime deprecated-key-path exec-root firewall-backend
        fixed-cidr fixed-cidr-v6 graph group host-gateway-ip http-proxy https-proxy init-path ip log-driver log-format
        log-level metrics-addr min-api-version no-proxy pidfile resolv-conf seccomp-profile
        storage-driver swarm-default-advertise-addr tlscacert tlscert tlskey userland-proxy-path userns-remap""",
    "a list": """allow-nondistributable-artifacts authorization-plugins cdi-spec-dirs default-address-pools dns
        dns-opts dns-search exec-opts host-gateway-ips hosts insecure-registries labels node-generic-resources
        registry-mirrors storage-opts""",
    "an object": """builder default-network-opts default-ulimits features log-opts nri-opts proxies runtimes
        cluster-store-opts""",
    # "64M" or a number of bytes.
    "a string or a number": "default-shm-size",
}
KIND_OF: Dict[str, str] = {key: kind for kind, keys in _KINDS.items() for key in keys.split()}
_TYPES: Dict[str, Tuple[type, ...]] = {
    "true or false": (bool,),
    "a number": (int, float),
    "a string": (str,),
    "a list": (list,),
    "an object": (dict,),
    "a string or a number": (str, int, float),
}
# Flags whose name differs from their key: those that can be given several times, and the short ones.
_KEY_OF_FLAG = {
    "add-runtime": "runtimes",
    "authorization-plugin": "authorization-plugins",
    "cdi-spec-dir": "cdi-spec-dirs",
    "default-address-pool": "default-address-pools",
    "default-network-opt": "default-network-opts",
    "default-ulimit": "default-ulimits",
    "dns-opt": "dns-opts",
    "exec-opt": "exec-opts",
    "feature": "features",
    "graph": "data-root",
    "host": "hosts",
    "insecure-registry": "insecure-registries",
    "label": "labels",
    "log-opt": "log-opts",
    "node-generic-resource": "node-generic-resources",
    "registry-mirror": "registry-mirrors",
    "storage-opt": "storage-opts",
    "b": "bridge",
    "D": "debug",
    "g": "data-root",
    "G": "group",
    "H": "hosts",
    "l": "log-level",
    "p": "pidfile",
    "s": "storage-driver",
}
# The one key that may be in both (moby, daemon/config/config.go, skipDuplicates).
_MAY_BE_BOTH = frozenset({"runtimes"})


def structure_problems(settings: Dict[str, Any], known_only: bool) -> List[str]:
    """Return what is wrong with the shape of settings. `known_only`: a key that the table lacks is wrong too."""
    problems = []
    for key, value in settings.items():
        kind = KIND_OF.get(key)
        if kind is None:
            if known_only:
                problems.append(f"{key} is no option of dockerd")
        elif not _is_a(value, kind):
            problems.append(f"{key} must be {kind}, found {value!r}")
        elif key in ("log-opts", "default-network-opts") and not _holds_strings(value):
            problems.append(f'{key} must hold strings only, such as "5" in quotes, found {value!r}')
        elif key == "default-ulimits":
            problems += _ulimit_problems(value)
    return problems


def unknown_keys(settings: Dict[str, Any]) -> List[str]:
    """Return the keys that the table lacks."""
    return [key for key in settings if key not in KIND_OF]


def keys_of_flags(arguments: Iterable[str]) -> Dict[str, str]:
    """Return, for each key that a command line of dockerd sets, the flag that does so."""
    found: Dict[str, str] = {}
    for argument in arguments:
        if not argument.startswith("-") or argument in ("-", "--"):
            continue
        flag = argument.partition("=")[0]
        name = flag.lstrip("-")
        if not flag.startswith("--") and len(name) > 1:  # -Hfd://
            name, flag = name[0], flag[:2]
        found[_KEY_OF_FLAG.get(name, name)] = flag
    return found


def flag_conflicts(settings: Dict[str, Any], command_line: str, origin: str) -> List[str]:
    """Return which settings a command line sets as well: the daemon does not start then, even if the values agree."""
    flags = keys_of_flags(_words(command_line)[1:])
    present = _flattened(settings)
    return [
        f"{key} must not be both in the file and on dockerd's command line, found the flag {flag} in {origin}"
        for key, flag in flags.items()
        if key in present and key not in _MAY_BE_BOTH
    ]


def _flattened(settings: Dict[str, Any]) -> List[str]:
    below = settings.get("proxies")
    return [*settings, *(below if isinstance(below, dict) else ())]


def _words(command_line: str) -> List[str]:
    try:
        return shlex.split(command_line)
    except ValueError:
        return command_line.split()


def _is_a(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "true or false"
    return isinstance(value, _TYPES[kind])


def _holds_strings(values: Any) -> bool:
    if isinstance(values, dict):
        return all(_holds_strings(value) for value in values.values())
    return isinstance(values, str)


def _ulimit_problems(ulimits: Dict[str, Any]) -> List[str]:
    return [
        f'default-ulimits.{name} must be like {{"Name": "{name}", "Soft": 1024, "Hard": 4096}}, found {limit!r}'
        for name, limit in ulimits.items()
        if not isinstance(limit, dict)
        or not all(_is_a(limit.get(edge), "a number") for edge in ("Soft", "Hard"))
        or not isinstance(limit.get("Name", ""), str)
    ]
