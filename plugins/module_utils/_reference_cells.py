# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: reference cells, what a run of gpt_oss.evals itself is asked for, and what of it is done.

Each cell (task × reasoning effort) is a run of its own: the harness saves nothing before its end, so a run of all of
them would lose all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, NamedTuple, Optional, Sequence

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _allresults, _json_text
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_info import REFERENCE
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_plan import build_cells, load_data
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import ARGUMENT_SPEC as EVAL_SPEC
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import EvalSpec, SpecError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import ServerFacts, identity_sha256
from ansible_collections.gpt_oss.fleet.plugins.module_utils._tasks import Sample

VERSION = "0.0.9"
TASKS = ("gpqa", "aime25")
# The recipe's own (python -m gpt_oss.evals --n-threads 128).
THREADS = 128
_SHARED = (
    "server", "base_url", "model", "api_key_file", "reasoning_efforts", "sampler", "temperature",
    "max_invalid", "data", "data_sha256", "data_origins", "run_path", "container", "docker_host", "revision",
)  # fmt: skip
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **{name: EVAL_SPEC[name] for name in _SHARED},
    "state": {"type": "str", "choices": ["started", "finished", "reported", "stopped"], "default": "finished"},
    "tasks": {"type": "list", "elements": "str", "choices": list(TASKS), "default": list(TASKS)},
    "concurrency": {"type": "int", "default": THREADS},
    "python": {"type": "path"},
    "cell_timeout": {"type": "float", "default": 86400.0},
}
REQUIRED_IF = [
    ("state", state, ("base_url", "model", "data", "python")) for state in ("started", "finished", "reported")
]


class ReferenceCell(NamedTuple):
    """One run of the harness: its folder, the samples it asks, and what its score row says of the server."""

    folder: Path
    samples: Sequence[Sample]
    about: Mapping[str, Any]

    @property
    def row_path(self) -> Path:
        """Where the score row of a run that is done is kept."""
        return self.folder / "score.json"

    @property
    def result_file(self) -> Optional[Path]:
        """Return the harness's file of all results; None before its end."""
        return next(iter(sorted(self.folder.glob("*_allresults.json"))), None)

    def read_row(self) -> Optional[dict[str, Any]]:
        """Return the score row; None where the run is not done."""
        try:
            row = _json_text.loads(self.row_path.read_text())
        except (OSError, ValueError):
            return None
        return row if isinstance(row, dict) and row.get("identity") == self.about["identity"] else None


def spec_of(params: Mapping[str, Any]) -> EvalSpec:
    """Return the eval's specification; SpecError where the parameters make no sense."""
    defaults = {name: option.get("default") for name, option in EVAL_SPEC.items()}
    if params["cell_timeout"] <= 0:
        raise SpecError(f"cell_timeout is {params['cell_timeout']:g} s, wanted more than 0")
    return EvalSpec.from_params({**defaults, **{name: params[name] for name in params if name in EVAL_SPEC}})


def folder_of(spec: EvalSpec) -> Path:
    """Return the folder of a server's runs of the harness, beside the journals of our own."""
    return spec.folder / REFERENCE


def cells_of(spec: EvalSpec, facts: ServerFacts) -> list[ReferenceCell]:
    """Return the cells, task by task, in the order of the parameters; SpecError, DatasetError for their data."""
    found = []
    for cell in build_cells(spec, load_data(spec), facts):
        identity = {**cell.identity, "client": {"name": "gpt_oss.evals", "version": VERSION}}
        digest = identity_sha256(identity)
        about = {
            "server": spec.server,
            "model": spec.model,
            "task": cell.task,
            "reasoning_effort": cell.effort,
            "sampler": spec.sampler,
            "temperature": spec.temperature,
            "max_tokens": spec.max_tokens,
            "identity": digest,
            "data_sha256": list(identity["data_sha256"]),
            "data_origins": list(spec.data_origins.get(cell.task, [])),
            "simulated": facts.simulated,
            "vllm_version": facts.vllm_version,
            "image_digest": (facts.container or {}).get("image_digest"),
            "revision": facts.revision(spec),
        }
        folder = folder_of(spec) / f"{cell.task}-{cell.effort}-{digest[:12]}"
        found.append(ReferenceCell(folder, cell.samples, about))
    return found


def row_of(cell: ReferenceCell, timing: Mapping[str, Any], max_invalid: float) -> dict[str, Any]:
    """Return the score row of a run that has ended; AllResultsError where it left no usable result.

    ``timing`` has started, finished (ISO 8601) and seconds.
    """
    path = cell.result_file
    if path is None:
        raise _allresults.AllResultsError(f"gpt_oss.evals ended without a file of results in {cell.folder}")
    results = _allresults.match(_allresults.read_document(str(path)), cell.samples)
    if len(results) != len(cell.samples):
        raise _allresults.AllResultsError(f"{path}: wanted {len(cell.samples)} results, found {len(results)}")
    return _allresults.score_row(results, {**cell.about, "journal": str(path), **timing}, max_invalid)
