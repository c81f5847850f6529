# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: container user - what a server needs that does not run as root, in an image that may not know its user.

/root is closed to it, so that home and model cache lie elsewhere, and each variable that could point into /root or to
the image's own home is set. For root nothing changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

HOME = "/srv/gpt_oss/home"
MODELS = "/srv/gpt_oss/huggingface"
_ROOTS_MODELS = "/root/.cache/huggingface"
_NUMBERS = re.compile(r"(\d{1,10})(?::(\d{1,10}))?")
_ROOT_NAMES = ("root", "root:root", "root:0")


@dataclass(frozen=True)
class User:
    """A user that is not root, by numbers, as the image may have no name for it."""

    uid: int
    gid: int

    @property
    def folder(self) -> str:
        """Return the name of the folder in which the host keeps this user's home."""
        return f"{self.uid}-{self.gid}"


def parse(text: str | None) -> User | None:
    """Return the user; None for root and for a name (see problems). Docker's group is 0 where none is given."""
    match = _NUMBERS.fullmatch(text or "0")
    if match is None or int(match[1]) == 0:
        return None
    return User(int(match[1]), int(match[2] or 0))


def problems(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with an entry's `user`."""
    user = options.get("user")
    if user and not _NUMBERS.fullmatch(user) and user not in _ROOT_NAMES:
        yield (
            f"user must be numbers, UID or UID:GID such as 2000:0, as the host has to give folders to it and does not "
            f"know the image's names; found '{user}'"
        )


def environment(kept: bool) -> dict[str, str]:
    """Return the variables that lead to a home which the user may write. `kept` tells whether the host keeps one."""
    home = HOME if kept else "/tmp/gpt_oss"
    return {
        "HOME": home,
        # Without a line in /etc/passwd a user has no name, and getpass.getuser() fails without this.
        "USER": "vllm",
        "XDG_CACHE_HOME": f"{home}/.cache",
        "XDG_CONFIG_HOME": f"{home}/.config",
        "VLLM_CACHE_ROOT": f"{home}/.cache/vllm",
        "FLASHINFER_WORKSPACE_BASE": home,
        "TRITON_CACHE_DIR": f"{home}/.triton/cache",
        "TORCHINDUCTOR_CACHE_DIR": f"{home}/.cache/torchinductor",
        "HF_HOME": MODELS,
    }


def reached(volumes: Sequence[str], user: User | None) -> list[str]:
    """Return the mounts, that of the models at a place that the user can reach."""
    if user is None:
        return list(volumes)
    return [re.sub(f"(?<=:){re.escape(_ROOTS_MODELS)}(?=:|$)", MODELS, volume) for volume in volumes]


def staged_key(description: Mapping[str, Any], user: User | None, state_path: str) -> dict[str, Any] | None:
    """Return where a copy of the key must lie that the user, and nobody else, can read; None when none is needed."""
    if user is None or not description["api_key_file"]:
        return None
    path = f"{state_path}/keys/{description['name']}"
    return {"source": description["api_key_file"], "path": path, "owner": user.uid, "group": user.gid}
