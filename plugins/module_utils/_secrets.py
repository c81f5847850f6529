# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: secrets - what must not be shown, told by its name."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

MASK = "********"

# Full words only: MAX_TOKENS and TIKTOKEN_ENCODINGS_BASE are no secrets.
_SECRET_NAME = re.compile(
    r"(?:^|[_-])(?:keys?|api_?keys?|token|api_?token|secrets?|password|passwd|passphrase|credentials?|auth|authorization"
    r"|bearer|cookie|dsn|jwt|webhook)(?:$|[_-])",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"(://)[^/\s@'\"]+(?=@)")
# Shorter values stand in other texts by chance, which would be masked as well.
SHORTEST_HIDDEN = 6
_SECRET_FLAG = re.compile(r"^--(?:api[-_]key|hf[-_]token)$")


def is_secret(name: str) -> bool:
    """Tell whether an environment variable of this name holds a secret."""
    return bool(_SECRET_NAME.search(name))


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that may be shown, sorted by name, without credentials in addresses."""
    return {name: value for name, value in masked(environment).items() if not is_secret(name)}


def masked(environment: Mapping[str, str]) -> dict[str, str]:
    """Return all variables, sorted by name, the secret ones with their values masked, and credentials in addresses."""
    return {
        name: MASK if is_secret(name) else _CREDENTIALS.sub(rf"\1{MASK}", environment[name])
        for name in sorted(environment)
    }


def parted(environment: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the variables that may be logged, and those that may not: by their names, or with credentials in them."""
    hidden = {name: value for name, value in environment.items() if _is_hidden(str(name), value)}
    return {name: value for name, value in environment.items() if name not in hidden}, hidden


def _is_hidden(name: str, value: Any) -> bool:
    text = str(value)
    return len(text) >= SHORTEST_HIDDEN and (is_secret(name) or bool(_CREDENTIALS.search(text)))


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
    """Return the text with each of the secrets masked wherever it stands, as it is or as a document would hold it."""
    known = {word for secret in secrets if secret for word in (secret, *spellings(secret))}
    # Longest first: one may be part of another.
    for word in sorted(known, key=len, reverse=True):
        text = text.replace(word, MASK)
    return text


def spellings(secret: str) -> list[str]:
    """Return the ways in which a secret may be written (JSON, URL, base64), as far as they are long enough to tell."""
    document = json.dumps(secret)[1:-1]
    words = [secret, document, quote(secret, safe=""), quote(secret), b64encode(secret.encode()).decode()]
    return [word for word in words if len(word) >= SHORTEST_HIDDEN]
