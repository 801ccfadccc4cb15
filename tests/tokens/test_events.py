"""What tells of tokens: in order, waiting for nothing, and raising nothing."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest

from oauthkit import GrantKey, MemoryStore, OAuthError, TokenEvent, UnreachableError
from oauthkit.tokens import events
from oauthkit.tokens.events import EventKind, OnToken, Sight
from oauthkit.tokens.retries import Retries
from support import run
from tokens.grants import KEY as STORED
from tokens.grants import Exchange, at_once, record, source, turns

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "events of tokens, in order, their hook's errors contained",
    rfc=None,
    judge="none but ours",
)

KEY = GrantKey(issuer="https://as.example", client_id="id", account="alice")


LENT = ContextVar("LENT", default="nobody's")


def sight(hook: OnToken | None = None) -> Sight:
    """Make one that no meter looks at."""
    made = Sight("example", KEY, "a b", hook)
    made._telemetry = None
    return made


def test_members() -> None:
    """An event says whose token it is, and what an error is called."""
    told: list[TokenEvent] = []

    async def note(event: TokenEvent) -> None:
        told.append(event)

    async def main() -> None:
        looked = sight(note)
        looked.tell("failed", seconds=2.0, error=OAuthError("a text", error="invalid_scope"))
        looked.tell("failed", error=OSError("a text"))
        await looked.settle()

    run(main())
    assert [
        TokenEvent(
            kind="failed",
            provider="example",
            issuer="https://as.example",
            client_id="id",
            account="alice",
            scope="a b",
            seconds=seconds,
            error=error,
        )
        for seconds, error in ((2.0, "invalid_scope"), (None, "OSError"))
    ] == told


def test_one_after_the_other() -> None:
    """A hook is called for an event when it has returned for the one before, in their order."""
    log: list[str] = []

    async def slow(event: TokenEvent) -> None:
        log.append(f"+{event.kind}")
        await turns(3)
        log.append(f"-{event.kind}")

    async def main() -> None:
        looked = sight(slow)
        looked.tell("login")
        looked.tell("requested")
        await turns(2)
        looked.tell("refreshed")
        assert ["+login"] == log
        await looked.settle()
        looked.tell("adopted")
        await looked.settle()

    run(main())
    kinds = ("login", "requested", "refreshed", "adopted")
    assert [f"{sign}{kind}" for kind in kinds for sign in "+-"] == log


@pytest.mark.parametrize("failure", [ValueError("no"), asyncio.CancelledError("no")])
def test_a_hook_that_raises(failure: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the events after it are told."""
    told: list[str] = []

    async def fail(event: TokenEvent) -> None:
        told.append(event.kind)
        raise failure

    async def main() -> None:
        looked = sight(fail)
        looked.tell("login")
        looked.tell("refreshed")
        await looked.settle()

    run(main())
    assert ["login", "refreshed"] == told
    raised = [one for one in caplog.records if one.exc_info]
    assert [("oauthkit.tokens", logging.ERROR)] * 2 == [(r.name, r.levelno) for r in raised]
    assert "kind login" in raised[0].getMessage()


def test_a_task_that_is_cancelled_ends() -> None:
    """A loop that ends cancels its tasks: that of a hook, too."""

    async def stuck(event: TokenEvent) -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        looked = sight(stuck)
        looked.tell("login")
        await turns()
        assert looked._task is not None
        looked._task.cancel()
        await looked.settle()
        assert looked._task.cancelled()
        assert set() == events._IN_PROGRESS

    run(main())


def test_another_loop() -> None:
    """A loop that is closed while a hook is told holds up nothing: the next one tells the rest."""
    told: list[str] = []

    async def stuck(event: TokenEvent) -> None:
        told.append(event.kind)
        if event.kind == "login":
            await asyncio.Event().wait()

    looked = sight(stuck)

    async def first() -> None:
        looked.tell("login")
        looked.tell("requested")
        await turns()

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)  # a task that is destroyed
    loop.run_until_complete(first())
    loop.close()
    assert ["login"] == told

    async def second() -> None:
        looked.tell("refreshed")
        await looked.settle()

    run(second())
    assert ["login", "requested", "refreshed"] == told
    assert set() == events._IN_PROGRESS


def test_outside_of_a_loop() -> None:
    """It raises nothing: the hook is told with the next event."""
    told: list[str] = []
    looked = sight(_noter(told))
    looked.tell("requested")

    async def main() -> None:
        looked.tell("failed")
        await looked.settle()

    run(main())
    assert ["requested", "failed"] == told


def test_the_callers_context_is_not_the_hooks() -> None:
    """Who comes first lends the hook none of his context variables."""

    async def main() -> None:
        seen: list[str] = []

        async def note(event: TokenEvent) -> None:
            seen.append(LENT.get())

        LENT.set("of who came first")
        looked = sight(note)
        looked.tell("login")
        await looked.settle()
        assert ["nobody's"] == seen

    run(main())


def test_a_hook_that_is_cut_short() -> None:
    """Settling inside of a hook, or in a task that it makes, waits for nothing."""
    settled: list[bool] = []

    async def main() -> None:
        async def close(event: TokenEvent) -> None:
            await looked.settle()
            await asyncio.create_task(looked.settle())
            settled.append(True)

        looked = sight(close)
        looked.tell("login")
        async with asyncio.timeout(5):
            await looked.settle()

    run(main())
    assert [True] == settled


def test_a_filter_that_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the log or a meter raises is nobody's business: a token is on its way."""
    told: list[str] = []

    class Broken:
        """A meter that fails."""

        def __getattr__(self, name: str) -> object:
            raise LookupError(name)

    def broken(record: logging.LogRecord) -> bool:
        raise LookupError("a filter")

    log = logging.getLogger("oauthkit.tokens")
    monkeypatch.setattr(log, "filters", [broken])
    monkeypatch.setattr(log, "level", logging.DEBUG)

    async def main() -> None:
        looked = sight(_noter(told))
        monkeypatch.setattr(looked, "_telemetry", Broken())
        looked.tell("login")
        with looked.request():
            pass
        await looked.settle()

    run(main())
    assert ["login", "requested"] == told


@pytest.mark.parametrize(
    ("failure", "name"),
    [
        (OAuthError("no", error="invalid_grant"), "invalid_grant"),
        (OSError("no"), "OSError"),
        (asyncio.CancelledError(), "CancelledError"),
    ],
    ids=str,
)
def test_a_request_that_fails(failure: BaseException, name: str) -> None:
    """It is told as such, a deadline that cancels it, too; and it is raised."""
    told: list[tuple[str, str | None]] = []

    async def note(event: TokenEvent) -> None:
        assert event.seconds is not None
        assert event.seconds >= 0
        told.append((event.kind, event.error))

    async def main() -> None:
        looked = sight(note)
        caught = None
        try:
            with looked.request():
                raise failure
        except BaseException as error:  # noqa: BLE001 - whatever it is
            caught = error
        assert failure is caught
        await looked.settle()

    run(main())
    assert [("requested", name)] == told


def test_a_deadline() -> None:
    """A request that gets no answer in time has failed, and so has its flight."""
    told: list[tuple[str, str | None]] = []

    async def note(event: TokenEvent) -> None:
        told.append((event.kind, event.error))

    async def main() -> None:
        store, looked = MemoryStore(), sight(note)
        over = {"access_token": "t0", "expires_at": 0}
        await store.compare_and_swap(STORED, None, record(over, "r0"))
        asked = source(
            Exchange(), store, sight=looked, deadline=0.01, retries=Retries(count=0, sleep=at_once)
        )
        with pytest.raises(UnreachableError):
            await asked.token()
        await looked.settle()

    run(main())
    assert [("requested", "CancelledError"), ("failed", "UnreachableError")] == told


LEVELS: list[tuple[EventKind, int]] = [
    ("login", logging.INFO),
    ("refreshed", logging.INFO),
    ("requested", logging.DEBUG),
    ("adopted", logging.DEBUG),
    ("waited", logging.DEBUG),
    ("failed", logging.WARNING),
    ("reauthorization_required", logging.WARNING),
]


@pytest.mark.parametrize(("kind", "level"), LEVELS)
def test_logged(kind: EventKind, level: int, caplog: pytest.LogCaptureFixture) -> None:
    """Each record has the event's members; the text is for a reader."""
    caplog.set_level(logging.DEBUG, "oauthkit.tokens")
    sight().tell(kind, seconds=1.5, error=OAuthError("t", error="code"))
    (found,) = caplog.records
    assert (level, f"example: token of 'alice' {kind} (code)") == (
        found.levelno,
        found.getMessage(),
    )
    members = {n: v for n, v in vars(found).items() if n.startswith("oauthkit_")}
    assert {
        "oauthkit_kind": kind,
        "oauthkit_provider": "example",
        "oauthkit_issuer": "https://as.example",
        "oauthkit_client_id": "id",
        "oauthkit_account": "alice",
        "oauthkit_scope": "a b",
        "oauthkit_seconds": 1.5,
        "oauthkit_error": "code",
    } == members


@pytest.mark.parametrize(("kind", "level"), LEVELS)
def test_nobody_looks(kind: EventKind, level: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a hook, a meter or a log that wants it, no event is made."""
    made: list[object] = []

    def make(**members: Any) -> TokenEvent:
        made.append(event := TokenEvent(**members))
        return event

    monkeypatch.setattr(events, "TokenEvent", make)
    log = logging.getLogger("oauthkit.tokens")
    before = log.level
    try:
        log.setLevel(level + 1)
        sight().tell(kind)
        assert [] == made
        log.setLevel(level)
        sight().tell(kind)
        assert 1 == len(made)
    finally:
        log.setLevel(before)


def test_nothing_is_left() -> None:
    """Who has told a hook is freed at once, without the collector."""

    async def main() -> None:
        told: list[str] = []
        await _told_once(_noter(told))  # what is made once
        await turns()
        gc.collect()
        before = _alive()
        gc.disable()
        try:
            await _told_once(_noter(told))
            await turns()
            assert before == _alive()
        finally:
            gc.enable()
        assert ["login", "requested"] * 2 == told
        assert set() == events._IN_PROGRESS

    run(main())


def _alive() -> int:
    return sum(isinstance(one, Sight | TokenEvent) for one in gc.get_objects())


async def _told_once(hook: OnToken) -> None:
    looked = sight(hook)
    looked.tell("login")
    with pytest.raises(OSError, match="no"), looked.request():
        raise OSError("no")
    await looked.settle()


def _noter(told: list[str]) -> Callable[[TokenEvent], Awaitable[None]]:
    async def note(event: TokenEvent) -> None:
        told.append(event.kind)

    return note
