# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: failures of arguments - data: what vLLM was told and does not take."""

from __future__ import annotations

from ansible_collections.gpt_oss.fleet.plugins.module_utils._failure import Failure

ARGUMENTS = (
    Failure(
        "api_key_unreadable",
        r"expected an API key in (?P<what>\S+), could not read one",
        "the API key's file cannot be read inside the container ({what})",
        "let the user that the container runs as read api_key_file; the key stands alone on its first line",
        "run",
        "3.6",
    ),
    Failure(
        "unknown_flag",
        r"error: unrecognized arguments: (?P<what>.+)",
        "this vLLM does not know the argument {what}",
        "take it out of arguments, or use an image whose vLLM has it (vllm serve --help=all)",
        "run, 0.22.1 and 0.32.0",
        "3.8",
    ),
    Failure(
        "bad_value",
        r"error: argument (?P<what>\S+?): (?P<why>invalid .+|expected .+|Value .+|.*cannot be .+)",
        "the argument {what} has a value that vLLM refuses: {why}",
        "correct the value in arguments",
        "run, 0.32.0",
        "3.8",
    ),
    Failure(
        "bad_parser",
        r"(?P<what>invalid (?:tool call|reasoning) parser: \S+)",
        "vLLM has no such parser: {what}",
        "correct --tool-call-parser (openai for gpt-oss) or --reasoning-parser (vLLM sets it by itself) in arguments",
        "run, 0.32.0",
        "3.4",
    ),
    Failure(
        "config_file_missing",
        r"Unable to read the config file at (?P<what>\S+?)\. Check path",
        "the file that --config names is not in the container: {what}",
        "mount it (volumes) and give its path inside the container",
        "run, 0.32.0",
        "3.8",
    ),
    Failure(
        "no_model_argument",
        r"`model` should be provided as the first positional argument|With `vllm serve`, you should provide the model",
        "vLLM was given no model where it wants one: as the first argument",
        "put the model before all others in arguments, --served-model-name after it",
        "run, 0.32.0",
        "3.4",
    ),
    Failure(
        "dead_variable",
        r"ValueError: .*Unknown vLLM environment variable(?: detected)?: (?P<what>\S+)",
        "this vLLM does not know the environment variable {what}, and was told to fail on such",
        "take {what} out of environment; the recipes say what replaces it (moe_activation sets the right one)",
        "run, 0.32.0",
        "3.1",
    ),
    Failure(
        "port_in_use",
        r"\[Errno 98\].*[Aa]ddress already in use",
        "the port {port} that the server shall listen on is taken: {line}",
        "stop what listens there (ss -ltnp), or choose another port; with network_mode host each server needs its own",
        "run, 0.32.0",
        "3.8",
    ),
    Failure(
        "world_size",
        r"World size \((?P<wanted>\d+)\) is larger than the number of available GPUs \((?P<found>\d+)\)",
        "tensor_parallel_size asks for {wanted} GPUs, the container sees {found}",
        "lower tensor_parallel_size, or give the container more GPUs (gpus)",
        "vLLM 0.32.0, source",
        "3.8",
    ),
    Failure(
        "world_size",
        r"World size \((?P<wanted>\d+)\) is larger than the number of available GPUs",
        "tensor_parallel_size asks for {wanted} GPUs, the container sees fewer",
        "lower tensor_parallel_size, or give the container more GPUs (gpus)",
        "vLLM 0.10.1 to 0.31, sources",
        "3.8",
    ),
    Failure(
        "not_divisible",
        r"(?P<what>(?:Total number of attention heads \(\d+\)|Attention sink heads|\w[\w ]{0,40}) must be divisible by "
        r"(?:tensor parallel size|tp_size)(?: \(\d+\))?|\d+ is not divisible by \d+)",
        "the tensor parallel size does not divide the model: {what}",
        "set tensor_parallel_size to 1, 2, 4 or 8",
        "run, 0.32.0",
        "3.8",
    ),
    Failure(
        "model_length",
        r"User-specified max_model_len \((?P<wanted>\d+)\) is greater than the derived max_model_len "
        r"\((?:max_position_embeddings=)?(?P<found>\d+)",
        "max_model_len {wanted} is more than the model allows ({found})",
        "set max_model_len to {found} or less, or leave it out",
        "run, 0.22.1 and 0.32.0",
        "3.8",
    ),
)
