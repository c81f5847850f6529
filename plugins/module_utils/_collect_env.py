# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: collect-env - what `vllm collect-env` prints, as data. Everything here is pure.

The shape is that of vLLM's own vllm/collect_env.py: titled sections of "Name   : value" lines, `lscpu`, `pip list`,
`nvidia-smi topo -m` and variables. What a version adds or leaves out makes no difference; what is unknown is kept.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_topology import parse_topology

_RULE = re.compile(r"^={8,}$")
_NOTHING = {"", "N/A", "None", "Could not collect", "No CUDA", "No XPU", "No relevant packages"}
_TRUTH = {"True": True, "Yes": True, "False": False, "No": False}
# "name==version" and "name @ address" are pip's, columns are conda's.
_PACKAGE = re.compile(r"^\[(pip3?|conda)\]\s+([A-Za-z0-9][\w.-]*)(?:==|\s*@\s*|\s+(?=\d))(\S+)")
_VARIABLE = re.compile(r"^([A-Za-z_]\w*)=(.*)$")
_GPU = re.compile(r"^(?:GPU \d+: )?(.+?)(?: \(UUID: .*\))?$")
_TOPOLOGY = "GPU Topology:"
_FLAGS = "vLLM Build Flags:"

Lines = list[str]


class CollectEnvError(Exception):
    """The text is not what `vllm collect-env` prints."""


def parse(text: str) -> dict[str, Any]:
    """Return `sections`, `gpus`, `packages`, `topology`, `variables` and `vllm_version`. Raises CollectEnvError.

    A value is text, a boolean, None for what could not be collected, or a list of texts where it has several lines.
    """
    titled = _sections(text)
    packages = _packages(titled.pop("versions_of_relevant_libraries", []))
    variables = _variables(titled.pop("environment_variables", []))
    sections: dict[str, dict[str, Any]] = {}
    topology: Lines = []
    for title, lines in titled.items():
        lines, own_topology = _cut(lines, _TOPOLOGY)
        topology += own_topology
        sections[title] = _lscpu(lines) if title == "cpu_info" else _pairs(lines)
    if not any(sections.values()):
        raise CollectEnvError("expected the titled sections that vllm collect-env prints, found none with a value")
    return {
        "vllm_version": sections.get("vllm_info", {}).get("vllm_version"),
        "gpus": _gpus(sections),
        "sections": sections,
        "packages": packages,
        "topology": parse_topology(topology),
        "variables": variables,
    }


def slug(text: str) -> str:
    """Return a title or a name as a key: "NUMA node0 CPU(s)" is numa_node0_cpus."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower().replace("(s)", "s")).strip("_")


def _sections(text: str) -> dict[str, Lines]:
    """Return the lines of each section by its title. What stands before the first, such as warnings, is dropped."""
    lines = text.replace("\r\n", "\n").split("\n")
    found: dict[str, Lines] = {}
    current: Lines = []
    position = 0
    while position < len(lines):
        titled = position + 2 < len(lines) and all(_RULE.match(lines[position + step].strip()) for step in (0, 2))
        if titled and lines[position + 1].strip():
            current = found.setdefault(slug(lines[position + 1]), [])
            position += 3
        else:
            current.append(lines[position].rstrip())
            position += 1
    return found


def _pairs(lines: Lines) -> dict[str, Any]:
    """Return the values of "Name   : value" lines, whose colons stand below each other, with the lines that follow."""
    column = next((line.index(":") for line in lines if re.match(r"^\S[^:]*: ", line)), -1)
    found: dict[str, Lines] = {}
    current: Lines = []
    for line in lines:
        if line[column : column + 1] == ":" and not line[:1].isspace() and line.index(":") == column:
            current = found.setdefault(slug(line[:column]), [])
            current.append(line[column + 1 :].strip())
        elif line == _FLAGS:
            current = found.setdefault(slug(line), [])
        elif line.strip() and not re.match(r"^--.*--$", line):
            current.append(line.strip())
    values = {key: _value(own) for key, own in found.items()}
    flags = values.get(slug(_FLAGS))
    if isinstance(flags, str):
        values[slug(_FLAGS)] = _build_flags(flags)
    return values


def _value(lines: Lines) -> Any:
    # "Probably one of the following:" introduces cuDNN's files.
    kept = [line for line in lines if line and not line.endswith("one of the following:")]
    if len(lines) > 1:
        return kept
    text = kept[0] if kept else ""
    return None if text in _NOTHING else _TRUTH.get(text, text)


def _build_flags(text: str) -> dict[str, Any]:
    """Return "CUDA Archs: Not Set; ROCm: Disabled" by name; the names differ between versions."""
    parts = (part.partition(":") for part in text.split(";"))
    return {slug(name): value.strip() for name, colon, value in parts if colon}


def _lscpu(lines: Lines) -> dict[str, Any]:
    """Return lscpu's values, indented as newer ones print them or not; long values may go on in further lines."""
    found: dict[str, str] = {}
    key = ""
    for line in lines:
        name, colon, value = line.partition(":")
        if colon and (not value or value[:1].isspace()):
            key = slug(name)
            found[key] = value.strip()
        elif key and line.strip():
            found[key] = f"{found[key]} {line.strip()}".strip()
    return {name: None if value in _NOTHING else value for name, value in found.items()}


def _packages(lines: Lines) -> list[dict[str, str]]:
    matches = (_PACKAGE.match(line) for line in lines)
    return [{"manager": match[1].rstrip("3"), "name": match[2], "version": match[3]} for match in matches if match]


def _variables(lines: Lines) -> dict[str, str]:
    """Return the variables; a line that starts none belongs to the value before it."""
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        match = _VARIABLE.match(line)
        if match:
            name = match[1]
            found[name] = match[2]
        elif name and line.strip():
            found[name] += f"\n{line}"
    return found


def _gpus(sections: dict[str, dict[str, Any]]) -> Lines:
    """Return the GPUs' names, without their UUIDs, which some versions print."""
    value = sections.get("cuda_gpu_info", {}).get("gpu_models_and_configuration")
    models = value if isinstance(value, list) else [value] if isinstance(value, str) else []
    return [match[1] for match in map(_GPU.match, models) if match]


def _cut(lines: Lines, heading: str) -> tuple[Lines, Lines]:
    """Return the lines before a heading, and those after it."""
    if heading not in lines:
        return lines, []
    place = lines.index(heading)
    return lines[:place], lines[place + 1 :]
