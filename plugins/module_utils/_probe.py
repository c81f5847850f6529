# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: probe, finds out what server an eval would talk to, and whether it serves the wanted model."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._api import Api, ApiError, read_api_key
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import EvalSpec
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import ServerFacts, differences

PROBE_TIMEOUT = 15.0


class ProbeError(Exception):
    """The server cannot be evaluated as asked."""


class UnreachableError(ProbeError):
    """There is no answer: the server may be down for now."""


def read_key(spec: EvalSpec) -> Optional[str]:
    """Return the API key; ProbeError when its file cannot be read."""
    try:
        return read_api_key(spec.api_key_file)
    except ApiError as exc:
        raise ProbeError(str(exc)) from exc


def probe_server(spec: EvalSpec, api_key: Optional[str]) -> ServerFacts:
    """Ask the server for its models and version, and the engine for its container."""
    api = Api(spec.base_url, api_key, PROBE_TIMEOUT)
    try:
        served = {str(model.get("id")): model for model in api.models()}
        version, simulated = _version(api)
    except ApiError as exc:
        kind = UnreachableError if exc.status is None else ProbeError
        raise kind(_explain(spec, exc)) from exc
    if spec.model not in served:
        raise ProbeError(
            f"model {spec.model} is not served at {spec.base_url}; it serves: {', '.join(served) or 'nothing'}; "
            "correct model, or start a server for it"
        )
    length = served[spec.model].get("max_model_len")
    return ServerFacts(version, simulated, length if isinstance(length, int) else None, _container(spec))


def probe_servers(spec: EvalSpec, api_key: Optional[str]) -> ServerFacts:
    """Return what the eval's servers are, of which all that answer must be alike; those that are down are let be."""
    found: list[tuple[EvalSpec, ServerFacts]] = []
    silent: list[UnreachableError] = []
    for one in spec.servers:
        try:
            found.append((one, probe_server(one, api_key)))
        except UnreachableError as exc:
            silent.append(exc)
    if not found:
        raise silent[0]
    first, facts = found[0]
    for one, other in found[1:]:
        differing = differences(facts.identity(spec), other.identity(spec))
        if differing:
            raise ProbeError(
                f"the server at {one.base_url} is no replica of the one at {first.base_url} "
                f"(different: {', '.join(differing)}); make them alike, or score each by itself"
            )
    return facts


def _explain(spec: EvalSpec, exc: ApiError) -> str:
    if exc.status in (401, 403):
        remedy = "set api_key_file to a file with the right key" if spec.api_key_file is None else "correct the key"
        return f"the server at {spec.base_url} refuses the API key (HTTP {exc.status}); {remedy}"
    if exc.status == 404:
        return f"there is no models list at {spec.base_url} (HTTP 404); base_url must end in /v1"
    return f"wanted a running server at {spec.base_url}, found none: {exc}; start it, or correct base_url"


def _version(api: Api) -> tuple[Optional[str], bool]:
    """Return what /version tells: the version, and whether the server says that it is simulated."""
    reply = api.at_root("version")
    if reply.status != 200:
        return None, False
    document = reply.json()
    if not isinstance(document, dict):
        return None, False
    version = document.get("version")
    return None if version is None else str(version), "simulat" in reply.text.lower()


def _container(spec: EvalSpec) -> Optional[Mapping[str, Any]]:
    if spec.container is None:
        return None
    # Only an eval of a container needs the engine's library.
    from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import EngineError, connect, describe
    from ansible_collections.gpt_oss.fleet.plugins.module_utils._weights import weights_of

    try:
        engine = connect(spec.docker_host)
        container = describe(engine, spec.container)
        inspected = engine.inspect(spec.container)
    except EngineError as exc:
        raise ProbeError(f"cannot read container {spec.container}: {exc}") from exc
    if container is None:
        raise ProbeError(
            f"wanted the container {spec.container} at {spec.docker_host}, found none of that name; "
            "correct container, or leave it out"
        )
    return {**container, "weights": weights_of(inspected or {})}
