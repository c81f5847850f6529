# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: concerns - data: what the log of a server that runs says of what is not as it should be."""

from __future__ import annotations

from ansible_collections.gpt_oss.fleet.plugins.module_utils._failure import Failure

CONCERNS = (
    Failure(
        "flashinfer_slow_path",
        r"(?P<what>MXFP4 MoE is enabled on (?:Hopper/)?Blackwell but FlashInfer is not available"
        r"|FlashInfer kernels are disabled: [^.]*)",
        "the server runs on slow kernels: {what}",
        "use the release image (vllm/vllm-openai), or one with flashinfer-cubin",
        "vLLM 0.10.1 to 0.32.0, sources",
        "3.3",
    ),
    Failure(
        "few_open_files",
        r"Found ulimit of (?P<what>\d{1,4}) and failed to automatically increase",
        "the server may open only {what} files at the same time, which many requests can use up",
        "set ulimits: {{nofile: 1048576}}; Docker 29 gives containers 1024 unless told otherwise (role docker sets it)",
        "run, 0.22.1 and 0.32.0",
        "0.8",
    ),
)
