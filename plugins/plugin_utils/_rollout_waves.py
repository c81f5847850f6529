# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal: rollout waves - which hosts are changed together, as Ansible's `serial` counts them."""

from __future__ import annotations

from collections.abc import Sequence


class WavesError(Exception):
    """The waves cannot be counted."""


def waves_of(hosts: Sequence[str], sizes: Sequence[int | str]) -> list[list[str]]:
    """Return the hosts of each wave. `sizes` are numbers of hosts, or shares of all such as "25%"; the last repeats.

    Ansible counts alike (ansible-core, PlaybookExecutor._get_serialized_batches): a share is rounded down, and is one
    host at least. Raises WavesError.
    """
    counts = [_count(size, len(hosts)) for size in sizes]
    if not counts:
        raise WavesError('rollout_waves is empty: wanted sizes of waves, such as [1, 2, "100%"]')
    waves, left = [], list(hosts)
    while left:
        count = counts.pop(0) if len(counts) > 1 else counts[0]
        waves.append(left[:count])
        left = left[count:]
    return waves


def _count(size: int | str, total: int) -> int:
    text = str(size).strip()
    number = text[:-1] if text.endswith("%") else text
    if not number.isdecimal() or int(number) < 1:
        raise WavesError(
            f'rollout_waves holds {size!r}: wanted a number of hosts from 1, or a share of all such as "25%"'
        )
    return max(1, int(number) * total // 100) if text.endswith("%") else int(number)
