from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _server_watch
from ansible_collections.gpt_oss.fleet.plugins.module_utils._asker import ServerFailure
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_progress import Progress
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import ARGUMENT_SPEC, EvalSpec
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gate import Gate
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import ServerFacts
from ansible_collections.gpt_oss.fleet.plugins.module_utils._observation import Container, Observation
from ansible_collections.gpt_oss.fleet.plugins.module_utils._probe import ProbeError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_container import Explanation
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_epoch import Epoch
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_verdict import DEAD, STUCK, WELL, Verdict
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_watch import ServerWatch

FACTS = ServerFacts("0.1", False, 4096, None)
FIRST = Epoch("c", 2.0, "0.1")


class Books:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.length = 0
        self.confirmed: list[int] = []
        self.cut = False
        self.events: list[tuple[Epoch, str]] = []

    def positions(self) -> list[int]:
        return [self.length]

    def confirm(self, positions: list[int]) -> None:
        self.confirmed = positions

    def cut_back(self) -> list[str]:
        self.cut = True
        return ["/j.foreign"]

    def note(self, epoch: Epoch, cause: str) -> None:
        self.events.append((epoch, cause))

    def note_aside(self, cause: str) -> None:
        raise AssertionError(f"no test sets a server aside: {cause}")


class Docker:
    """A container that tells of no cause and can be restarted."""

    def inspect(self) -> Container | None:
        return container()

    def explain(self, verdict: Verdict, since: float | None) -> Explanation:
        return Explanation(f"cause of {verdict.text}", "do something")

    def kv_cache_tokens(self) -> int | None:
        return None

    def restart(self) -> None:
        return


class Script:
    """Looks that were written down before: a verdict, the epoch that is seen, and the container."""

    def __init__(self, steps: list[tuple[Verdict, Epoch | None, Container | None]]) -> None:
        self.steps = steps
        self.metrics = None
        self.epoch: Epoch | None = None
        self.last = Observation(0.0, None)

    async def look(self, whole: bool = False) -> Verdict:
        verdict, self.epoch, seen = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        self.last = Observation(0.0, seen, 200)
        return verdict

    def forget(self) -> None:
        return

    def close(self) -> None:
        return


def container(**changes: Any) -> Container:
    usual = Container("c", "running", True, False, False, 0, False, 7, 0, "no", 1.0, 2.0, None)
    return Container(**{**usual.__dict__, **changes})


def watch(
    folder: Path, steps: list[tuple[Verdict, Epoch | None, Container | None]], **options: Any
) -> tuple[ServerWatch, Books, Gate]:
    defaults = {name: option.get("default") for name, option in ARGUMENT_SPEC.items()}
    given = {
        "server": "one", "base_url": "http://127.0.0.1:9/v1", "model": "m", "run_path": str(folder),
        "tasks": ["gpqa"], "data": {"gpqa": ["x"]}, "container": "c", **options,
    }  # fmt: skip
    spec = EvalSpec.from_params({**defaults, **given})
    books, gate = Books(), Gate()
    found = ServerWatch(spec, FACTS, None, Docker(), Progress(spec, []), gate, books)
    found._looks = Script(steps)  # type: ignore[assignment]
    found._epoch = FIRST
    found._known = {FIRST}
    return found, books, gate


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_server_watch, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(_server_watch, "_SHORTEST_PAUSE", 0.01)
    monkeypatch.setattr(_server_watch, "probe_server", lambda _spec, _key: FACTS)


WELL_NOW = (Verdict(WELL), FIRST, container())
DOWN = (Verdict(DEAD, "it is gone"), None, container(running=False))


def test_what_was_written_before_a_good_look_is_confirmed(tmp_path: Path) -> None:
    async def play() -> list[int]:
        found, books, _gate = watch(tmp_path, [WELL_NOW])
        books.length = 70
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(found.run(), 0.1)
        return books.confirmed

    assert asyncio.run(play()) == [70]


def test_another_life_of_the_same_server_is_noted_once(tmp_path: Path) -> None:
    async def play() -> tuple[list[tuple[Epoch, str]], bool, str]:
        second = FIRST._replace(started=9.0)
        found, books, gate = watch(tmp_path, [DOWN, DOWN, (Verdict(WELL), second, container(started=9.0))])
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(found.run(), 0.5)
        assert isinstance(found._progress, Progress)
        return books.events, gate.is_open, found._progress.phase

    events, is_open, phase = asyncio.run(play())
    assert events == [(FIRST._replace(started=9.0), "cause of it is gone")]
    assert (is_open, phase) == (True, "asking")


def test_another_server_is_not_let_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_server_watch, "probe_server", lambda _spec, _key: FACTS._replace(vllm_version="0.2"))

    async def play() -> Books:
        found, books, _gate = watch(tmp_path, [WELL_NOW, (Verdict(WELL), FIRST._replace(started=9.0), container())])
        with pytest.raises(ServerFailure, match=r"changed: vllm_version.; what may be .* lies in /j.foreign"):
            await asyncio.wait_for(found.run(), 2)
        return books

    assert asyncio.run(play()).cut


def test_patience_ends_with_the_cause_and_the_remedy(tmp_path: Path) -> None:
    async def play() -> bool:
        found, _books, gate = watch(tmp_path, [DOWN], server_patience=0.1)
        with pytest.raises(ServerFailure, match=r"was down for 0.1 s: cause of it is gone; do something"):
            await asyncio.wait_for(found.run(), 2)
        return gate.is_open

    assert asyncio.run(play()) is False


@pytest.mark.parametrize(
    ("verdict", "seen", "down", "options", "restarted"),
    [
        (DEAD, container(running=False), 0.0, {}, True),
        (DEAD, container(running=False), 0.0, {"restart_server": False}, False),
        (DEAD, container(running=False), 0.0, {"max_restarts": 0}, False),
        (DEAD, container(restarting=True), 99.0, {}, False),  # Docker does it
        (DEAD, container(), 1.0, {}, False),  # its engine died: it is about to end
        (DEAD, container(), 11.0, {}, True),
        (DEAD, container(started=9.0), 99.0, {}, False),  # it was restarted, and loads its weights
        (DEAD, None, 99.0, {}, False),
        (STUCK, container(), 0.0, {}, True),
        (STUCK, container(paused=True), 99.0, {}, False),  # somebody wanted that
        (STUCK, container(started=9.0), 99.0, {}, False),
    ],
)
def test_when_a_container_is_restarted(
    tmp_path: Path, verdict: str, seen: Container | None, down: float, options: dict[str, Any], restarted: bool
) -> None:
    async def play() -> bool:
        found, _books, _gate = watch(tmp_path, [WELL_NOW], **{"restart_server": True, **options})
        found._looks.last = Observation(0.0, seen)  # type: ignore[misc]
        return found._may_restart(Verdict(verdict), down)

    assert asyncio.run(play()) is restarted


def test_a_life_that_cannot_be_told_is_not_taken_for_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its identity is asked again at the next look, and nothing is confirmed meanwhile."""

    def unknown(_spec: EvalSpec, _key: str | None) -> ServerFacts:
        raise ProbeError("no answer")

    monkeypatch.setattr(_server_watch, "probe_server", unknown)

    async def play() -> Books:
        found, books, _gate = watch(tmp_path, [(Verdict(WELL), FIRST._replace(started=9.0), container())])
        books.length = 70
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(found.run(), 0.2)
        return books

    books = asyncio.run(play())
    assert (books.confirmed, books.events) == ([], [])


def test_api_servers_that_answer_in_turn_are_noted_once_each(tmp_path: Path) -> None:
    async def play() -> Books:
        lives = [FIRST, FIRST._replace(started=9.0)] * 50
        turns: list[tuple[Verdict, Epoch | None, Container | None]] = []
        turns.extend((Verdict(WELL), life, container()) for life in lives)
        found, books, _gate = watch(tmp_path, turns)
        books.length = 70
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(found.run(), 0.3)
        return books

    books = asyncio.run(play())
    assert (books.confirmed, len(books.events)) == ([70], 1)


def test_what_was_answered_before_the_server_was_seen_dead_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the first look, too, and though it is another that comes back."""

    async def play() -> Books:
        found, books, _gate = watch(
            tmp_path, [WELL_NOW, DOWN, (Verdict(WELL), FIRST._replace(started=9.0), container())]
        )
        found._known.clear()
        await found.meet()
        books.length = 80
        monkeypatch.setattr(_server_watch, "probe_server", lambda _spec, _key: FACTS._replace(vllm_version="0.2"))
        with pytest.raises(ServerFailure, match="replaced in mid-run"):
            await asyncio.wait_for(found.run(), 2)
        return books

    books = asyncio.run(play())
    assert (books.confirmed, books.events) == ([80], [])


def test_a_server_that_was_replaced_since_it_was_looked_up_is_asked_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_server_watch, "probe_server", lambda _spec, _key: FACTS._replace(vllm_version="0.2"))
    found, _books, _gate = watch(tmp_path, [WELL_NOW])
    with pytest.raises(ServerFailure, match="changed: vllm_version"):
        asyncio.run(found.meet())


@pytest.mark.parametrize(("others", "waits"), [(True, False), (False, True)])
def test_the_end_waits_for_no_dead_server_while_others_answer(tmp_path: Path, others: bool, waits: bool) -> None:
    async def play() -> bool:
        found, _books, gate = watch(tmp_path, [DOWN])
        found.others_answer = lambda: others
        gate.close()
        try:
            await asyncio.wait_for(found.verify(), 0.1)
        except asyncio.TimeoutError:
            return True
        return False

    assert asyncio.run(play()) is waits


def test_a_dead_server_is_waited_for_as_long_as_others_answer(tmp_path: Path) -> None:
    async def play() -> float:
        found, _books, _gate = watch(tmp_path, [DOWN], server_patience=0.1)
        loop = asyncio.get_running_loop()
        began = loop.time()
        found.others_answer = lambda: loop.time() - began < 0.4
        with pytest.raises(ServerFailure, match="was down for 0.1 s"):
            await asyncio.wait_for(found.run(), 5)
        return loop.time() - began

    assert asyncio.run(play()) > 0.45
