# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: engine - the documentation of what all modules that talk to the Docker Engine share."""

from __future__ import annotations


class ModuleDocFragment:
    """Options and requirements of a connection to the Docker Engine."""

    DOCUMENTATION = r"""
options:
  docker_host:
    description:
      - Where the Docker Engine listens.
      - An engine in the network, C(tcp://HOST:2376), is reached with certificates alone, as whoever may talk to it is
        root on its host. They are named as for the C(docker) command, in the environment of the module. Set
        E(DOCKER_TLS_VERIFY) to V(1), and E(DOCKER_CERT_PATH) to the folder of C(ca.pem), C(cert.pem) and C(key.pem).
    type: str
    default: unix:///var/run/docker.sock
requirements:
  - The Python library C(docker), version 7 or newer, for the interpreter that runs the module.
"""
