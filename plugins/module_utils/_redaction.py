# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: redaction - secrets taken out of text of which only the kind is known, such as a report on an environment.

Three nets, each for what slips through the others: values that are known to be secret, values whose name says so,
and values whose shape says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._secrets import (
    MASK,
    SHORTEST_HIDDEN,
    is_secret,
    mask_text,
)

# Beyond _secrets, which judges the names of parameters: here a name too many does no harm.
_WORDS = (
    r"(?:pass[_-]?phrase|passwd|password|pwd|auth|authorization|bearer|cookie|credentials?|dsn|jwt|keys?|"
    r"(?:api|access|private)[_-]?keys?|secrets?|sig|signature|tokens?|webhook)"
)
_BEFORE = r"(?:[A-Za-z0-9_.-]{0,80}[_.-])?"
_SECRET_NAME = re.compile(rf"(?:^|[^A-Za-z0-9]){_WORDS}(?:$|[^A-Za-z0-9])", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"^(?:OLD)?PWD$|(?:^|_)(?:MAX|NUM|BATCHED|EXTRA)_(?:[A-Z0-9]+_)*TOKENS$", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"^([A-Za-z_][A-Za-z0-9_.]*)=(.*)$")
# What may follow a secret of several lines: the name of the next variable has an underscore, base64 has none.
_NEXT_VARIABLE = re.compile(r"^(?:[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|PATH|HOME|USER|HOSTNAME|NEOReadDebugKeys)=|^={8}")

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?)-----.*?(?:-----END \1-----|\Z)", re.DOTALL)
# A flag; --max-tokens is none of a secret.
_FLAG = rf"(?<![\w-])--?(?:[A-Za-z0-9]{{1,30}}[-_]){{0,4}}{_WORDS}(?<!tokens)"
# Each has what may stay in its first group. A password may hold a slash, though no address should.
_VALUES = [
    re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]{0,20}://)[^\s/?#'\"<>]*(?=@)"),
    re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]{0,20}://)[^\s:/?#@]*:(?!\d+(?:[/?#]|$))[^\s@]+(?=@)"),
    re.compile(rf"([?&;]{_BEFORE}{_WORDS}=)[^\s&;#'\"]+", re.IGNORECASE),
    re.compile(r"(\b(?:proxy-)?(?:authorization|x-api-key|api-key)\b\\?[\"']?\s*[:=]\s*)[^\r\n]+", re.IGNORECASE),
    re.compile(r"(\bbearer\s+)[\w.~+/=-]{6,}", re.IGNORECASE),
    re.compile(r"(\bbasic\s+)[\w.~+/=-]{16,}", re.IGNORECASE),
    re.compile(rf"({_FLAG}\\?[\"']?[=\s,]+\\?[\"']?)(?!-)[^\s\"',]+", re.IGNORECASE),
    re.compile(rf"([\"']{_BEFORE}{_WORDS}\\?[\"']\s*:\s*\\?[\"'])[^\"'\\]+", re.IGNORECASE),
]
_INLINE = re.compile(rf"((?<![\w.-]){_BEFORE}{_WORDS})(=)[^\s,;&\"']+", re.IGNORECASE)
# Prefixes that their makers chose so that such values are found: Hugging Face, OpenAI, NVIDIA, GitHub, GitLab, Slack,
# PyPI, AWS, Google, JSON web tokens.
_SHAPES = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{8,}|api_org_[A-Za-z0-9]{8,}|sk-[A-Za-z0-9_-]{8,}|nvapi-[A-Za-z0-9_-]{8,}"
    r"|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}|glpat-[A-Za-z0-9_-]{16,}|xox[abprs]-[A-Za-z0-9-]{8,}"
    r"|pypi-[A-Za-z0-9_-]{16,}|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*)"
)


def is_secret_name(name: str) -> bool:
    """Tell whether what bears this name, such as a variable or a key, is not to be shown."""
    return not _PLAIN_NAME.search(name) and (is_secret(name) or bool(_SECRET_NAME.search(name)))


def redact(text: str, secrets: Iterable[str | None] = ()) -> str:
    """Return a text with its secrets masked; `secrets` are values that are known to be such."""
    known = {word for secret in secrets for word in _lines_of(secret)}
    text = _BLOCK.sub(MASK, mask_text(text, known))
    return "\n".join(_lines(text.split("\n")))


def redacted(value: Any, secrets: Iterable[str | None] = ()) -> Any:
    """Return a value of dictionaries, lists and texts with the secrets in it masked, by key and by content."""
    known = list(secrets)
    if isinstance(value, Mapping):
        return {
            key: MASK if isinstance(item, str) and item and is_secret_name(str(key)) else redacted(item, known)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [redacted(item, known) for item in value]
    return redact(value, known) if isinstance(value, str) else value


def secret_values(environment: Mapping[str, Any]) -> list[str]:
    """Return the values of the variables whose name says that they are secret."""
    return [str(value) for name, value in environment.items() if is_secret_name(str(name))]


def _lines_of(secret: str | None) -> list[str]:
    """Return a known secret's lines, as far as they are long enough to be told apart."""
    words = (word.strip() for word in (secret or "").split("\n"))
    return [word for word in words if len(word) >= SHORTEST_HIDDEN]


def _lines(lines: list[str]) -> list[str]:
    shown: list[str] = []
    hiding = False
    for line in lines:
        if hiding and not _NEXT_VARIABLE.match(line):
            continue  # a further line of a secret
        assignment = _ASSIGNMENT.match(line)
        hiding = bool(assignment and assignment[2] and is_secret_name(assignment[1]))
        shown.append(f"{assignment[1]}={MASK}" if assignment and hiding else _line(line))
    return shown


def _line(line: str) -> str:
    for pattern in _VALUES:
        line = pattern.sub(rf"\g<1>{MASK}", line)
    line = _INLINE.sub(lambda match: match[0] if _PLAIN_NAME.search(match[1]) else f"{match[1]}={MASK}", line)
    return _SHAPES.sub(MASK, line)
