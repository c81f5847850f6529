# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: secrets - what must not be shown, told by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

MASK = "********"

# Full words only: MAX_TOKENS and TIKTOKEN_ENCODINGS_BASE are no secrets.
_SECRET_NAME = re.compile(r"(?:^|[_-])(?:key|keys|token|secret|password|passwd|credentials?)(?:$|[_-])", re.IGNORECASE)
_SECRET_FLAG = re.compile(r"^--(?:api[-_]key|hf[-_]token)$")


def is_secret(name: str) -> bool:
    """Tell whether an environment variable of this name holds a secret."""
    return bool(_SECRET_NAME.search(name))


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that may be shown, sorted by name."""
    return {name: environment[name] for name in sorted(environment) if not is_secret(name)}


def masked(environment: Mapping[str, str]) -> dict[str, str]:
    """Return all variables, sorted by name, the secret ones with their values masked."""
    return {name: MASK if is_secret(name) else environment[name] for name in sorted(environment)}


def mask_arguments(arguments: Sequence[str]) -> list[str]:
    """Return a command line with the values of --api-key and --hf-token masked, in both spellings."""
    shown: list[str] = []
    hide = False
    for argument in arguments:
        flag, equals, _value = argument.partition("=")
        secret = bool(_SECRET_FLAG.match(flag))
        if hide and not argument.startswith("--"):
            shown.append(MASK)
            continue
        hide = secret and not equals
        shown.append(f"{flag}={MASK}" if secret and equals else argument)
    return shown


def mask_text(text: str, secrets: Iterable[str | None]) -> str:
    """Return the text with each of the secrets masked wherever it stands."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK)
    return text
