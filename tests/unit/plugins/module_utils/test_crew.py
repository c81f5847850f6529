from __future__ import annotations

import asyncio

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils._crew import Crew


def test_a_crew_grows_and_shrinks_to_the_size_that_is_wanted() -> None:
    async def play() -> list[int]:
        at_work: set[object] = set()
        step = asyncio.Event()

        async def work() -> None:
            me = object()
            at_work.add(me)
            while True:
                await step.wait()
                if crew.leave():
                    at_work.discard(me)
                    return
                await asyncio.sleep(0)

        crew = Crew(work)
        sizes = []
        for size, waiting in ((4, 99), (9, 3), (2, 99), (5, 99)):
            crew.size = size
            for _new in range(min(crew.room, waiting)):
                crew.hire()
            step.set()
            await asyncio.sleep(0.01)
            step.clear()
            await asyncio.sleep(0.01)
            sizes.append(len(at_work))
        await crew.end()
        return sizes

    assert asyncio.run(play()) == [4, 7, 2, 5]


def test_the_first_error_of_a_worker_is_told() -> None:
    async def play() -> None:
        async def work() -> None:
            raise ZeroDivisionError("odd")

        crew = Crew(work)
        crew.hire()
        await crew.failed

    with pytest.raises(ZeroDivisionError):
        asyncio.run(play())
