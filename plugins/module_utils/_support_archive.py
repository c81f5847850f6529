# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: support archive - texts with their secrets masked and their size bounded, in one tar.gz with a list."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.gpt_oss.fleet.plugins.module_utils._redaction import redact, redacted
from ansible_collections.gpt_oss.fleet.plugins.module_utils._secrets import mask_arguments
from ansible_collections.gpt_oss.fleet.plugins.module_utils._visible import whole

MANIFEST = "manifest.json"
# Of a text that is too long, this share of what is kept is its beginning.
_HEAD = 0.2
# vLLM logs what it is asked, in older versions by default: "Received request ...: prompt: '...', params: ...".
_PROMPT = re.compile(r"(\bprompt: )(?:'|\").*?(?=, (?:params|prompt_token_ids|prompt_embeds_shape|lora_request): |$)")
_PROMPT_TOKENS = re.compile(r"(\bprompt_token_ids: )\[[^\]]*\]?")


@dataclass
class Collection:
    """What was collected: texts by their place in the archive, and what is not there with the reason, by part."""

    texts: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)

    def add(self, place: str, content: Any) -> None:
        """Take a text in, or plain data as JSON, whose secrets are known by their keys as well."""
        if not isinstance(content, str):
            content = json.dumps(redacted(_masked(content)), indent=2, sort_keys=True, default=str) + "\n"
        self.texts[place] = content


def _masked(value: Any) -> Any:
    """Return plain data with the secrets in its command lines masked, of which each word is an item of a list."""
    if isinstance(value, Mapping):
        return {key: _masked(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        words = [_masked(item) for item in value]
        return mask_arguments(words) if words and all(isinstance(word, str) for word in words) else words
    return value


def without_prompts(line: str) -> str:
    """Return a line of a server's log without the prompt that it may quote."""
    return _PROMPT_TOKENS.sub(r"\1(left out)", _PROMPT.sub(r"\1(left out)", line))


def bounded(text: str, most: int) -> str:
    """Return a text of at most about `most` characters: its beginning and, for the most part, its end."""
    if len(text) <= most:
        return text
    head, tail = text[: int(most * _HEAD)], text[len(text) - int(most * (1 - _HEAD)) :]
    # By whole lines, where there are any, so that no secret is cut in half.
    head, tail = head[: head.rfind("\n") + 1] or head, tail[tail.find("\n") + 1 :]
    return f"{head}\n[... {len(text) - len(head) - len(tail)} characters left out ...]\n{tail}"


def entries_of(found: Collection, most_a_file: int, most: int) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the archive's contents by place, secrets masked, and what is missing with the reason.

    Small ones first: what does not fit into `most` bytes any more is missing.
    """
    contents: dict[str, bytes] = {}
    missing = dict(found.missing)
    total = 0
    # Masking takes time, so what is far too long is cut before.
    masked = {
        whole(place): bounded(redact(bounded(text, 2 * most_a_file), found.secrets), most_a_file).encode(
            "utf-8", "replace"
        )
        for place, text in found.texts.items()
    }
    for place, content in sorted(masked.items(), key=lambda item: (len(item[1]), item[0])):
        if total + len(content) > most:
            missing[place] = (
                f"with its {len(content)} bytes the archive would be larger than {most}; set a larger limit"
            )
            continue
        total += len(content)
        contents[place] = content
    return dict(sorted(contents.items())), {part: redact(why, found.secrets) for part, why in missing.items()}


def manifest_of(contents: Mapping[str, bytes], missing: Mapping[str, str], head: Mapping[str, Any]) -> dict[str, Any]:
    """Return the list of an archive."""
    return {
        **head,
        "files": [{"path": place, "bytes": len(content)} for place, content in contents.items()],
        "missing": [{"part": part, "reason": reason} for part, reason in sorted(missing.items())],
    }


def packed(folder: str, contents: Mapping[str, bytes], manifest: Mapping[str, Any], now: float) -> bytes:
    """Return a tar.gz of the contents and their list, all below one folder; `now` is in seconds since the epoch."""
    everything = {MANIFEST: (json.dumps(manifest, indent=2) + "\n").encode(), **contents}
    target = io.BytesIO()
    compressed = gzip.GzipFile(fileobj=target, mode="wb", mtime=now)
    with compressed, tarfile.open(fileobj=compressed, mode="w") as archive:
        _fill(archive, folder, everything.items(), now)
    return target.getvalue()


def _fill(archive: tarfile.TarFile, folder: str, items: Iterable[tuple[str, bytes]], now: float) -> None:
    for place, content in items:
        entry = tarfile.TarInfo(f"{whole(folder)}/{place}")
        entry.size, entry.mtime, entry.mode = len(content), int(now), 0o600
        archive.addfile(entry, io.BytesIO(content))
