# Copyright: Contributors to the gpt_oss.fleet project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cancellation that is lost, as asyncio.wait_for loses it before Python 3.12, holds nobody up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._cancel import cancel
from ansible_collections.gpt_oss.fleet.plugins.module_utils._crew import Crew


async def obeys() -> None:
    await asyncio.sleep(60)


async def misses_one() -> None:
    """Does not notice the first cancellation."""
    for _cancelled in range(2):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue


async def fails_meanwhile() -> None:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        raise ValueError("odd") from None


async def had_ended() -> None:
    return


@pytest.mark.parametrize("work", [obeys, misses_one, fails_meanwhile, had_ended])
def test_all_have_ended_afterwards(work: Callable[[], Awaitable[None]]) -> None:
    async def run() -> bool:
        tasks = [asyncio.ensure_future(work()), asyncio.get_running_loop().create_future()]
        await asyncio.sleep(0)
        await cancel(tasks)
        return all(task.done() for task in tasks)

    assert asyncio.run(asyncio.wait_for(run(), 10))


def test_nothing_to_cancel_takes_no_time() -> None:
    asyncio.run(asyncio.wait_for(cancel([]), 10))


def test_a_crew_ends_though_a_worker_misses_that() -> None:
    async def run() -> int:
        crew = Crew(misses_one)
        crew.hire()
        await asyncio.sleep(0)
        await crew.end()
        await asyncio.sleep(0)
        return crew.at_work

    assert asyncio.run(asyncio.wait_for(run(), 10)) == 0
