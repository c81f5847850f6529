# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: guards, the collection's guard of the API, named by --middleware. No other middleware can be imitated."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Callable

# Method, path and headers of a request -> whether it may pass.
Admits = Callable[[str, str, Mapping[str, str]], bool]


class GuardError(Exception):
    """A middleware cannot be loaded, or is none that the simulator understands."""


def load_guards(names: Sequence[str]) -> list[Admits]:
    """Return the decision of each guard, the outermost first: vLLM adds one middleware around the other.

    The module is the one that vLLM would load; only its class, which wants an ASGI server, is not used.
    """
    if names:
        # The simulator's own Python starts without it, vLLM's does not.
        sys.path.extend(path for path in os.environ.get("PYTHONPATH", "").split(":") if path)
    return [_load(name) for name in reversed(names)]


def _load(name: str) -> Admits:
    try:
        module = importlib.import_module(name.rpartition(".")[0])
        getattr(module, name.rpartition(".")[2])
        admits: Admits = module.admitted
    except (ImportError, AttributeError, ValueError, RuntimeError) as error:
        raise GuardError(f"--middleware {name}: {type(error).__name__}: {error}") from None
    return admits
