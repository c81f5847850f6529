# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The classes of failures as the documentation has them: all tables of the collection, section by section."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / ".ansible" / "collections"))

from ansible_collections.gpt_oss.fleet.plugins.module_utils import _failures as tables  # noqa: E402
from ansible_collections.gpt_oss.fleet.plugins.module_utils._cuda_errors import CUDA_CAUSES  # noqa: E402
from ansible_collections.gpt_oss.fleet.plugins.module_utils._failure import Failure  # noqa: E402
from ansible_collections.gpt_oss.fleet.plugins.module_utils._failure_page import HANG_STAGES  # noqa: E402
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gpu_proof_causes import ENGINE_CAUSES  # noqa: E402

CUDA = "https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html"
HERE = "this collection"


class Section(NamedTuple):
    """A table: what it is about, and its rows. `searched` is the text that the rows' patterns are searched in."""

    title: str
    what: str
    rows: tuple[Failure, ...]
    searched: str = "the container's log"


def _own(name: str, cause: str, remedy: str) -> Failure:
    return Failure(name, "", cause, remedy, HERE)


# What the collection tells by itself, with the causes of _startup.py and _proving.py in words.
_OWN = (
    _own("refused", "the server runs and answers, but not as wanted", "compare model, served_model_name and arguments"),
    _own(
        "wrong_kernel",
        "the server is ready, but its log contradicts the kernels that were asked for",
        "what the message says of each kernel; the recipes' page has the lines that prove them",
    ),
)
_LONGER = "allow a longer timeout if the log still moves (docker logs); if not, its last lines say where it hangs"
# Of _gpu_proof.py, in words.
_PROOF = (
    _own(
        "libcuda_missing",
        "libcuda.so.1 is not in the container",
        "let the container have the driver capabilities compute,utility (NVIDIA_DRIVER_CAPABILITIES), and the host the "
        "driver's CUDA library; write the CDI specification again if CDI is used",
    ),
    _own(
        "libcuda_broken",
        "libcuda.so.1 cannot be loaded in the container",
        "install the driver's libraries again in the version of its kernel module",
    ),
    _own(
        "gpus_missing",
        "fewer GPUs are visible in the container than expected",
        "look for them with nvidia-smi -L on the host and for Xid in dmesg; gpt_oss_gpus says how many there must be",
    ),
    _own(
        "gpus_too_many",
        "more GPUs are visible in the container than expected",
        "compare gpt_oss_gpus with nvidia-smi -L on the host",
    ),
    _own(
        "timeout",
        "the container did not end in time, or CUDA did not",
        "look at dmesg (NVRM, Xid) and at the engine's log; a GPU that hangs needs a reset or a reboot",
    ),
    _own(
        "died",
        "the program that used a GPU was killed by it",
        "look at dmesg (NVRM, Xid); a GPU that kills its user needs a reset or a reboot",
    ),
    _own(
        "no_device_nodes",
        "the driver tells of no device nodes for the GPUs that the container shall have",
        "load the driver (nvidia-smi on the host makes the nodes), or correct gpus",
    ),
)


@cache
def sections() -> tuple[Section, ...]:
    """Return all tables in the order of the page."""
    hangs = [row._replace(name=f"hangs_in_{row.name}") for row in tables.HANGS]
    stages = [
        _own(f"hangs_in_{stage}", f"the start stays in the stage {stage}, and its last line tells no more", _LONGER)
        for stage in HANG_STAGES
    ]
    cuda = [
        Failure(known.name, "", f"CUDA error {code}: {known.cause}", known.remedy, CUDA)
        for code, known in CUDA_CAUSES.items()
    ]
    said = "what the Docker Engine says"
    return (
        Section("Arguments", "What vLLM was told and does not take.", tables.ARGUMENTS),
        Section("GPUs", "Memory, driver, fabric, hardware, kernels.", tables.GPU),
        Section("Model", "The Hub, the cache, weights, vocabulary.", tables.MODEL),
        Section("Host", "Disks, memory, permissions, processes, what the image lacks.", tables.HOST),
        Section("Killed by the kernel", "Out of main memory, not of GPU memory.", tables.KERNEL, "the kernel's log"),
        Section("Without their cause", "They count only where nothing above fits.", tables.GENERAL),
        Section("Told to end", "In order, with exit code 0.", (tables.STOPPED,)),
        Section("By the exit code", "Where the log says nothing.", tables.EXITS, ""),
        Section("Refused by the Docker Engine", "Nothing was started.", tables.ENGINE_FAILURES, said),
        Section(
            "Too slow, or hanging",
            "By the last line of the log, or by the stage where none of these fits.",
            (*hangs, *stages),
            "the last line of the log",
        ),
        Section("Told by the collection itself", "The server runs, but is not accepted as ready.", _OWN, ""),
        Section("Running, but not as it should", "What the log of a server that runs says.", tables.CONCERNS),
        Section(
            "The proof of the GPUs",
            "What `gpu_proof` finds before any server is started.",
            (*ENGINE_CAUSES, *cuda, *_PROOF),
            "what `docker run` says",
        ),
    )


def load() -> dict[str, Any]:
    """Return what tools/failures.yml says beside the tables. Ends the program where it lacks a class."""
    data = dict(yaml.safe_load((ROOT / "tools" / "failures.yml").read_text(encoding="utf-8")))
    missing = sorted({row.name for section in sections() for row in section.rows} - set(data["classes"]))
    if missing:
        wanted = "give each its `related` and `words` there, and `means` and `look` where there is something to say"
        raise SystemExit(f"tools/failures.yml, classes: expected {', '.join(missing)}, found nothing of them; {wanted}")
    return data


def rows_of(name: str) -> Iterable[tuple[Section, Failure]]:
    """Return all rows of a class with their sections."""
    return [(section, row) for section in sections() for row in section.rows if row.name == name]
