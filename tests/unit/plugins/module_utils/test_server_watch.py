from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.gpt_oss.fleet.plugins.module_utils import _server_watch
from ansible_collections.gpt_oss.fleet.plugins.module_utils._asker import ServerFailure
from ansible_collections.gpt_oss.fleet.plugins.module_utils._capacity import Logged
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_progress import Progress
from ansible_collections.gpt_oss.fleet.plugins.module_utils._eval_spec import ARGUMENT_SPEC, EvalSpec
from ansible_collections.gpt_oss.fleet.plugins.module_utils._gate import Gate
from ansible_collections.gpt_oss.fleet.plugins.module_utils._identity import ServerFacts
from ansible_collections.gpt_oss.fleet.plugins.module_utils._metrics import EngineCounters
from ansible_collections.gpt_oss.fleet.plugins.module_utils._observation import Container, Observation
from ansible_collections.gpt_oss.fleet.plugins.module_utils._probe import ProbeError
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_container import ContainerTrouble, Explanation
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_epoch import Epoch
from ansible_collections.gpt_oss.fleet.plugins.module_utils._server_verdict import DEAD, SLOW, STUCK, WELL, Verdict
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

    def logged(self) -> Logged:
        return Logged()

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


class Restartable(Docker):
    """Counts its restarts, and tells of the life that it was asked about."""

    def __init__(self, trouble: str = "") -> None:
        self.trouble = trouble
        self.restarts = 0
        self.since: float | None = None

    def explain(self, verdict: Verdict, since: float | None) -> Explanation:
        self.since = since
        return super().explain(verdict, since)

    def restart(self) -> None:
        self.restarts += 1
        if self.trouble:
            raise ContainerTrouble(self.trouble)


@pytest.mark.parametrize(
    ("trouble", "phase", "cause"),
    [
        ("", "restarting", "cause of it is gone"),
        ("no such device", "paused", "cause of it is gone; it could not be restarted: no such device"),
    ],
)
def test_a_dead_container_is_restarted_so_often_and_no_more(
    tmp_path: Path, trouble: str, phase: str, cause: str
) -> None:
    async def play() -> None:
        docker = Restartable(trouble)
        found, _books, _gate = watch(tmp_path, [DOWN], restart_server=True, max_restarts=2, server_patience=0.4)
        found._container = docker
        told: list[tuple[str, str, str]] = []
        assert isinstance(found._progress, Progress)
        found._progress.pause = lambda *what: told.append(what)  # type: ignore[method-assign]
        with pytest.raises(ServerFailure):
            await asyncio.wait_for(found.run(), 5)
        assert docker.restarts == 2
        assert docker.since == FIRST.started
        assert told[0] == ("paused", "cause of it is gone", "do something")
        assert told[-1] == (phase, cause, "do something")

    asyncio.run(play())


def counted(requests: int, pulse: float) -> Observation:
    engine = EngineCounters(requests, 0, 5.0, 5.0, None, (("moves", pulse),))
    return Observation(0.0, container(), 200, engines={"0": engine})


@pytest.mark.parametrize(
    ("verdict", "before", "now", "epoch", "back"),
    [
        (STUCK, (1, 7.0), (1, 7.0), FIRST, False),  # it answers, and its engine stands still
        (STUCK, (1, 7.0), (1, 8.0), FIRST, True),
        (STUCK, (1, 7.0), (0, 7.0), FIRST, True),  # nobody asks it for anything
        (STUCK, (1, 7.0), (1, 7.0), FIRST._replace(started=9.0), True),  # another life
        (DEAD, (1, 7.0), (1, 7.0), FIRST, True),
        (DEAD, (1, 7.0), (1, 7.0), None, False),  # it cannot be told who answers
    ],
)
def test_when_a_server_is_back(
    tmp_path: Path, verdict: str, before: tuple[int, float], now: tuple[int, float], epoch: Epoch | None, back: bool
) -> None:
    async def play() -> tuple[bool, Epoch | None]:
        found, _books, _gate = watch(tmp_path, [])

        class Looks(Script):
            async def look(self, whole: bool = False) -> Verdict:
                self.epoch, self.last = epoch, counted(*now)
                return Verdict(WELL) if whole else Verdict(DEAD)

        looks = Looks([])
        looks.last = counted(*before)
        found._looks = looks  # type: ignore[assignment]
        return await found._is_back(Verdict(verdict), ""), found._epoch

    assert asyncio.run(play()) == (back, epoch if back else FIRST)


def test_a_server_that_does_not_answer_at_the_end_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str | None]] = []

    def at_the_third_time(spec: EvalSpec, key: str | None) -> ServerFacts:
        asked.append((spec.base_url, key))
        if len(asked) < 3:
            raise ProbeError("no answer")
        return FACTS

    monkeypatch.setattr(_server_watch, "probe_server", at_the_third_time)

    async def play() -> list[int]:
        found, books, gate = watch(tmp_path, [WELL_NOW])
        found._api_key = "k-1"
        books.length = 70
        await asyncio.wait_for(found.verify(), 5)
        assert gate.suspicion.is_set()
        return books.confirmed

    assert asyncio.run(play()) == [70]
    assert asked == [("http://127.0.0.1:9/v1", "k-1")] * 3


def test_a_server_that_never_answers_at_the_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_spec: EvalSpec, _key: str | None) -> ServerFacts:
        raise ProbeError("no answer")

    monkeypatch.setattr(_server_watch, "probe_server", never)
    found, _books, _gate = watch(tmp_path, [WELL_NOW], retry_timeout=0.1)
    with pytest.raises(ServerFailure, match="all was asked, but the server cannot be told any more: no answer"):
        asyncio.run(asyncio.wait_for(found.verify(), 5))


def test_a_server_that_was_replaced_is_told_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_server_watch, "probe_server", lambda _spec, _key: FACTS._replace(vllm_version="0.2"))
    found, books, _gate = watch(tmp_path, [WELL_NOW])
    with pytest.raises(ServerFailure, match="changed: vllm_version"):
        asyncio.run(asyncio.wait_for(found.verify(), 5))
    assert books.cut and books.confirmed == []


@pytest.mark.parametrize(
    ("step", "known", "looked"),
    [
        (WELL_NOW, {FIRST}, True),
        (DOWN, set(), False),
        ((Verdict(WELL), None, container()), set(), False),  # it cannot be told who answers
    ],
)
def test_who_answers_is_seen_before_it_is_asked(
    tmp_path: Path, step: tuple[Verdict, Epoch | None, Container | None], known: set[Epoch], looked: bool
) -> None:
    found, books, _gate = watch(tmp_path, [step])
    found._known, found._epoch = set(), None
    seen: list[Any] = []
    found.looked = seen.append
    asyncio.run(found.meet())
    assert (found._known, found._epoch) == (known, FIRST if known else None)
    assert seen == ([found._looks] if looked else [])
    assert books.events == []


@pytest.mark.parametrize(("verdict", "doubt"), [(WELL, False), (SLOW, True)])
def test_workers_know_whether_the_server_is_watched_and_in_doubt(tmp_path: Path, verdict: str, doubt: bool) -> None:
    async def play() -> None:
        found, _books, gate = watch(tmp_path, [(Verdict(verdict), FIRST, container())])
        seen: list[Any] = []
        found.looked = seen.append
        running = asyncio.ensure_future(found.run())
        await asyncio.sleep(0.1)
        assert (gate.watched, gate.doubt, gate.is_open) == (True, doubt, True)
        assert seen and seen[0] is found._looks
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert gate.watched is False

    asyncio.run(play())
