# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: cli, the command `vllm`: serve, collect-env, --version."""

from __future__ import annotations

import os
import sys
from typing import Optional

from simulator import serve
from simulator.answers import Model
from simulator.arguments import fail, parse
from simulator.configuration import Configuration, ConfigurationError, read_configuration
from simulator.environment import report
from simulator.guards import GuardError
from simulator.latent import LatentError
from simulator.questions import QuestionsError, load_key


def main(argv: Optional[list[str]] = None) -> int:
    """Run one command of `vllm` and return the exit code."""
    words = sys.argv[1:] if argv is None else argv
    command = words[0] if words else ""
    if command not in ("serve", "collect-env", "--version", "-v"):
        fail(f"argument subparser: invalid choice: {command!r} (the simulator knows serve and collect-env)")
    try:
        configuration = read_configuration(os.environ.get("VLLM_SIMULATOR", ""))
        if command == "serve":
            return _serve(words[1:], configuration)
    except (ConfigurationError, GuardError, QuestionsError, LatentError) as error:
        sys.stderr.write(f"vllm simulator: {error}\n")
        return 1
    if command == "collect-env":
        sys.stdout.write(report(configuration.version, os.environ))
    else:
        sys.stdout.write(f"{configuration.version}+simulator\n")
    return 0


def _serve(words: list[str], configuration: Configuration) -> int:
    arguments = parse(words)
    return serve.run(arguments, configuration, Model(configuration, load_key(configuration.data)))
