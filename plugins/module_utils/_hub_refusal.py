# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: hub refusal - why the Hub did not give something: what was wanted, what was found, what to do.

All is pure. The Hub tells by X-Error-Code beside the status. To who may not see a repository it answers 401 without a
token and 404 with one, whether it exists or not.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Optional

# Later it may be given: timeout, too early, too many requests; a range that a wrong copy does not have.
_PASSING = (408, 416, 425, 429)
# It is not there, or not for this client.
_UNSEEN = (401, 403, 404)
# `"resolvers";r=0;t=55`: nothing remains, and the next window begins in 55 seconds
# (https://huggingface.co/docs/hub/rate-limits, draft-ietf-httpapi-ratelimit-headers-09).
_RATE_LIMIT = re.compile(r";\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d+)")


@dataclass(frozen=True)
class Refusal:
    """Why something was not given. `final`: asking again does not help; `wait`: seconds it asked to wait.

    `doubt`: the list of the commit's files, as it was kept, may be wrong.
    """

    text: str
    final: bool = False
    wait: Optional[float] = None
    status: Optional[int] = None
    doubt: bool = False


class Refused(Exception):
    """It was not given."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal


@dataclass(frozen=True)
class Asked:
    """Where what was asked for, whether a token was shown, and whether the address is the Hub's own.

    What is not is a signed address of a store, which the next attempt renews.
    """

    where: str
    what: str
    token: bool = False
    at_hub: bool = True


def refusal_of(status: int, headers: Mapping[str, str], asked: Asked) -> Refusal:
    """Return what an answer with such a status means; the headers' names are lower case."""
    final = 400 <= status < 500 and status not in _PASSING and (asked.at_hub or status not in _UNSEEN)
    text = _text(status, headers.get("x-error-code", ""), headers.get("x-error-message", ""), asked)
    return Refusal(text, final, None if final else wait_of(headers), status)


def _text(status: int, code: str, said: str, asked: Asked) -> str:
    where, what = asked.where, asked.what
    if not asked.at_hub and status in _UNSEEN:
        return f"the signed address that {where} gave for {what} was refused with status {status}; run again"
    if code == "GatedRepo":
        return (
            f"{where} gives {what} only to accounts that were granted access (status {status}); ask for it on the "
            f"model's page, and set token_file to the file of {'that' if asked.token else 'the'} account's token"
        )
    if code == "RevisionNotFound":
        return f"{where} knows the model, but no {what} (status {status}); correct revision"
    if code == "EntryNotFound":
        return (
            f"{where} lists {what}, but does not have it (status {status}); its copy of the model is not whole: set "
            "endpoint to another, or leave the file out by ignore_patterns"
        )
    if status in _UNSEEN:
        return f"{where} {_unseen(status, said, asked)}"
    if status == 429:
        return (
            f"{where} answered 429, too many requests, for {what}; wait, or set token_file, as accounts may ask more "
            "often, or set endpoint to a mirror"
        )
    if status >= 500 or status in _PASSING:
        return f"{where} answered status {status} for {what}; try again later, or set endpoint to a mirror"
    return f"{where} refused {what} with status {status}{f' ({said})' if said else ''}"


def _unseen(status: int, said: str, asked: Asked) -> str:
    """Return the text for what is not there or not for this client."""
    if status == 401 and asked.token:
        return (
            f"does not know the token of token_file (status 401{f', {said}' if said else ''}); write a valid one there"
        )
    if status == 403:
        right = "the token of token_file has no right to it; give it one" if asked.token else "it wants a token"
        return f"refused {asked.what} with status 403: {right}, or set token_file to the file of one that may read it"
    if asked.token:
        return (
            f"shows no {asked.what} to the token of token_file (status {status}); correct repo_id, or set token_file "
            "to the file of a token that may read it"
        )
    return (
        f"shows no {asked.what} (status {status}); correct repo_id, or, if the model is private, set token_file to the "
        "file of a token that may read it"
    )


def wait_of(headers: Mapping[str, str], now: Optional[float] = None) -> Optional[float]:
    """Return the seconds that an answer asks to wait: by Retry-After, or by the Hub's RateLimit; None for no such wish.

    Retry-After holds seconds, or a date (RFC 9110, 10.2.3).
    """
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - (time.time() if now is None else now))
    except (TypeError, ValueError, OverflowError):
        limit = _RATE_LIMIT.search(headers.get("ratelimit", ""))
        return float(limit.group(1)) if limit else None


def odd(asked: Asked, expected: str, found: str, doubt: bool = False) -> Refusal:
    """Return what it means that an answer is none of the Hub's, though its status is right."""
    text = (
        f"expected {expected} from {asked.where} for {asked.what}, found {found}; something between changes it, such "
        "as a proxy that wants a log-in, or endpoint is no mirror of the Hub"
    )
    return Refusal(text, doubt=doubt)


def unreachable(asked: Asked, exc: BaseException) -> Refusal:
    """Return what it means that there was no answer, or half of one."""
    why = str(exc) or type(exc).__name__
    return Refusal(
        f"{asked.what} could not be fetched from {asked.where}: {why}; check network, proxy and certificates"
    )
