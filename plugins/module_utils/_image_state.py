# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: image state - brings one image into the wanted state, and tells what it is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.gpt_oss.fleet.plugins.module_utils._engine import Engine, EngineError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_bringing import Bringing, ImageError, there
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_digests import digests_of, is_expected, mismatch
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_load import from_archive, from_peer
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_outcome import Outcome
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_peer import PeerError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_pull import from_registry
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_records import (
    read_record,
    with_digests,
    write_record,
)
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_reference import Reference, mirrored, parse_reference
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_users import refuse_used
from ansible_collections.gpt_oss.fleet.plugins.module_utils._image_version import read_version
from ansible_collections.gpt_oss.fleet.plugins.module_utils._pull_progress import Report

_SOURCES = {"registry": from_registry, "archive": from_archive, "peer": from_peer}


def converge(
    engine: Engine, parameters: Mapping[str, Any], check_mode: bool, report: Optional[Report] = None
) -> Outcome:
    """Reach the wanted state. Raises ImageError, PeerError and EngineError."""
    reference = parse_reference(parameters["image"])
    if parameters["state"] == "absent":
        return _absent(engine, reference, check_mode)
    outcome = _look(engine, reference, parameters)
    if parameters["state"] == "reported":
        outcome.image = outcome.found if _is_right(parameters, outcome) else None
    elif _is_wanting(engine, reference, parameters, outcome, check_mode):
        outcome.changed = True
        if not check_mode:
            _bring(engine, reference, parameters, outcome, report)
    if outcome.image and not (check_mode and outcome.changed):
        outcome.vllm_version = _version(engine, parameters, outcome, check_mode)
    return outcome


def is_wanting(engine: Engine, parameters: Mapping[str, Any]) -> bool:
    """Tell whether the image must be brought, which can take long. Raises ImageError and EngineError."""
    reference = parse_reference(parameters["image"])
    return parameters["state"] == "present" and _is_wanting(
        engine, reference, parameters, _look(engine, reference, parameters), False
    )


def _look(engine: Engine, reference: Reference, parameters: Mapping[str, Any]) -> Outcome:
    """Find the image by its name; by tag and digest together, or from a mirror, the engine may know it by another."""
    places = [reference.text]
    if reference.digest:
        places += [reference.tagged] if reference.tag else []
        places += [mirrored(reference, parameters["mirror"]).text] if parameters["mirror"] else []
    for place in places:
        image = engine.image(place)
        record = read_record(parameters["state_path"], image["Id"]) if image else {}
        if image and is_expected(reference.digest, digests_of(image, record)):
            return Outcome(place, image, image)
    return Outcome(reference.text)


def _known(parameters: Mapping[str, Any], outcome: Outcome) -> list[str]:
    image = outcome.found
    return digests_of(image, read_record(parameters["state_path"], image["Id"])) if image else []


def _is_right(parameters: Mapping[str, Any], outcome: Outcome) -> bool:
    """Tell whether the image is there, and the expected one."""
    return outcome.found is not None and is_expected(parameters["digest"] or "", _known(parameters, outcome))


def _is_wanting(
    engine: Engine, reference: Reference, parameters: Mapping[str, Any], outcome: Outcome, check_mode: bool
) -> bool:
    """Tell whether the image must be brought, or in check mode would be seen to change. Raises ImageError."""
    source, pull, expected = parameters["source"], parameters["pull"], parameters["digest"] or ""
    image, known = outcome.found, _known(parameters, outcome)
    if _is_right(parameters, outcome):
        if pull != "always":
            return False
        return not check_mode or (source == "registry" and _has_moved(engine, reference, parameters, known))
    if source == "registry" and pull == "never":
        what = f"the image {reference.text}"
        raise ImageError(
            mismatch(what, expected, known)
            if image
            else f"expected {what} on this host, found none, and pull is never",
            cause="the image is not on this host" if image is None else "the image here is not the expected one",
            remedy="bring it by an archive or from a peer (source), or set pull: missing",
        )
    if source != "registry" and not reference.tag:
        raise ImageError(
            f"expected an image's name with a tag for source {source}, found {reference.text}: only a pull gives an "
            "image a name by digest. Name it by tag and give its id, or its digest, in digest"
        )
    return True


def _has_moved(engine: Engine, reference: Reference, parameters: Mapping[str, Any], known: list[str]) -> bool:
    place = mirrored(reference, parameters["mirror"]) if parameters["mirror"] else reference
    try:
        return engine.registry_digest(place.text) not in known
    except EngineError:
        return False  # nothing is known, and check mode is no test of the registry


def _bring(
    engine: Engine,
    reference: Reference,
    parameters: Mapping[str, Any],
    outcome: Outcome,
    report: Optional[Report],
) -> None:
    source, begin = parameters["source"], time.monotonic()
    bringing = Bringing(engine, reference, parameters, report)
    try:
        outcome.reference = _SOURCES[source](bringing)
    except (PeerError, ImageError) as exc:
        if source != "peer" or not parameters["peer_fallback"]:
            raise
        outcome.warnings.append(f"{reference.text} did not come from its peer and is pulled instead. {exc}")
        source, bringing = "registry", Bringing(engine, reference, parameters, report)
        outcome.reference = from_registry(bringing)
    outcome.image = there(engine, outcome.reference)
    outcome.changed = outcome.found is None or outcome.found["Id"] != outcome.image["Id"]
    outcome.source, outcome.seconds = source, time.monotonic() - begin
    outcome.bytes_moved, outcome.layers = bringing.progress.moved, bringing.progress.layers
    _remember(parameters, outcome, with_digests(_record(parameters, outcome), bringing.digests))


def _version(engine: Engine, parameters: Mapping[str, Any], outcome: Outcome, check_mode: bool) -> str:
    """Return vLLM's version, from the record when it is there. Raises ImageError when it is required and not found."""
    if parameters["version"] == "ignored":
        return ""
    record = _record(parameters, outcome)
    if "vllm_version" not in record:
        if check_mode:
            return ""
        version, problem = read_version(engine, outcome.image or {})
        record = {**record, "vllm_version": version}
        if problem:
            outcome.warnings.append(f"The version of vLLM in {outcome.reference} could not be read: {problem}")
        else:
            _remember(parameters, outcome, record)
    if not record["vllm_version"] and parameters["version"] == "required":
        raise ImageError(
            f"expected vLLM in the image {outcome.reference}, found neither its metadata nor its command",
            cause="the image holds no vLLM that tells its version",
            remedy="use an image with vLLM, or label it: gpt_oss.fleet.vllm_version",
        )
    return str(record["vllm_version"])


def _record(parameters: Mapping[str, Any], outcome: Outcome) -> dict[str, Any]:
    return read_record(parameters["state_path"], str((outcome.image or {})["Id"]))


def _remember(parameters: Mapping[str, Any], outcome: Outcome, record: Mapping[str, Any]) -> None:
    if record == _record(parameters, outcome):
        return
    try:
        write_record(parameters["state_path"], str((outcome.image or {})["Id"]), record)
    except OSError as exc:
        outcome.warnings.append(f"What was found out about the image cannot be kept, so it is read each time: {exc}")


def _absent(engine: Engine, reference: Reference, check_mode: bool) -> Outcome:
    image = engine.image(reference.text)
    if image is None:
        return Outcome(reference.text)
    refuse_used(engine, reference.text, image)
    if not check_mode:
        engine.remove_image(reference.text)
    return Outcome(reference.text, found=image, changed=True)
