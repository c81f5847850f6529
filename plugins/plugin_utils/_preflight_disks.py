# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: preflight disks, whether models and images have room."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._preflight_case import Case, Problem, binary_size
from ansible_collections.gpt_oss.fleet.plugins.plugin_utils._problems import problem

# An image of vLLM unpacks to some 100,000 files; the cache of a model is a few dozen.
_IMAGE_FILES, _MODEL_FILES = 100_000, 1_000


def disks(case: Case) -> Iterator[Problem]:
    """Is there room, in bytes and in files, and may it be written?"""
    for purpose, path, n_bytes, n_files in _needs(case):
        found = (case.host.get("filesystems") or {}).get(path)
        subject = f"disk for {purpose}"
        if found is None:
            continue
        place, elsewhere = f"on {found['mount']}", f"or place {path} on another disk"
        if found["read_only"]:
            remedy = f"look in the kernel log for why, then mount -o remount,rw {found['mount']}"
            yield problem("disk_read_only", "error", subject, "writable", f"read-only {place}", remedy)
        if found["free_bytes"] < n_bytes:
            wanted, free = f"{binary_size(n_bytes)} of free disk", f"{binary_size(found['free_bytes'])} {place}"
            yield problem("disk_full", "error", subject, wanted, free, f"free some, {elsewhere}")
        if found["total_inodes"] and found["free_inodes"] < n_files:
            free = f"{found['free_inodes']:,} {place}"
            remedy = f"remove small files (df -i), {elsewhere}"
            yield problem("disk_inodes", "error", subject, f"{n_files:,} free inodes", free, remedy)


def _needs(case: Case) -> Iterator[tuple[str, str, int, int]]:
    """Yield purpose, path, bytes and files: the models' cache, and where the engine keeps images."""
    if case.wanted.hf_home:
        yield "models", case.wanted.hf_home, case.wanted.hf_free, _MODEL_FILES
    images = str(case.docker.get("root") or case.wanted.docker_root)
    # With containerd's store, the engine's own root holds no image any more.
    if case.docker.get("image_store") == "containerd":
        images = str(case.host.get("containerd_root") or images)
    if images != case.wanted.hf_home:
        yield "images", images, case.wanted.docker_free, _IMAGE_FILES
