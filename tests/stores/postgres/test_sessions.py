"""The session that holds locks, at a server of one's own that answers when it is told to."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AbstractAsyncContextManager
from typing import Any

import attrs
import pytest

from oauthkit.tokens.postgres_locks import LockSession
from oauthkit.tokens.postgres_place import Place
from support import run

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "PostgreSQL: locks that end with their session",
    rfc=None,
    judge="none but ours",
)


@attrs.define(eq=False)
class Session:
    """Counts locks as a session of PostgreSQL does: it gives one to itself as often as it asks."""

    answers: asyncio.Semaphore = attrs.field(factory=lambda: asyncio.Semaphore(0))
    held: Counter[int] = attrs.field(factory=Counter[int])
    taken_elsewhere: set[int] = attrs.field(factory=set[int])
    asked: list[str] = attrs.field(factory=list[str])
    failures: list[Exception | None] = attrs.field(factory=list["Exception | None"])
    is_open: bool = True

    def answer(self) -> None:
        """Answer all from now on."""
        for _ in range(100):
            self.answers.release()

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        """Do what a statement says, and answer once that is allowed."""
        words = " ".join(query.split()[:2])
        self.asked.append(words)
        rows: list[Any] = []
        for number in arguments[0]:
            if "pg_advisory_unlock" in query:
                assert self.held[number] > 0, "a lock that is not held was given back"
                self.held[number] -= 1
            elif "pg_try_advisory_lock" in query:
                taken = number not in self.taken_elsewhere
                self.held[number] += taken
                rows.append({"number": number, "taken": taken})
        await self.answers.acquire()
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        return rows

    async def fetchrow(self, query: str, *arguments: object) -> Any:
        """Answer nothing."""

    async def execute(self, query: str, *arguments: object) -> str:
        """Answer as a command does that has changed a row."""
        return "UPDATE 1"

    def transaction(self) -> AbstractAsyncContextManager[object]:
        """Be asked for no transaction."""
        raise NotImplementedError

    async def close(self, *, timeout: float) -> None:
        """Close."""
        self.is_open = False

    def terminate(self) -> None:
        """Close at once: the server frees all that it held."""
        self.is_open = False
        self.held.clear()

    def is_closed(self) -> bool:
        """Tell whether it was closed."""
        return not self.is_open

    def get_server_pid(self) -> int:
        """Return a process id."""
        return 1


def session_at(server: Session) -> LockSession:
    """Return what is tested."""
    return LockSession(server, Place.of("postgresql://h/d"), "epoch")


async def turns(number: int = 10) -> None:
    """Let the loop turn so often."""
    for _ in range(number):
        await asyncio.sleep(0)


def test_what_is_asked_together_is_one_statement() -> None:
    """Locks are taken for all in one, and rows are read in another; those who have to wait wait."""

    async def main() -> None:
        server = Session(taken_elsewhere={7})
        session = session_at(server)
        server.answer()
        attempts = await asyncio.gather(*(session.try_lock(n, bytes([n])) for n in range(10)))
        assert [n for n in range(10) if n != 7] == [a.number for a in attempts if a.taken]
        assert ["SELECT number,", "SELECT id,"] == server.asked
        assert 9 == server.held.total()
        await asyncio.gather(*(session.free(a.number) for a in attempts if a.taken))
        assert 0 == server.held.total()
        assert 3 == len(server.asked)

    run(main())


@pytest.mark.parametrize("order", ["answer first", "cancelled first", "answer only"])
@pytest.mark.parametrize("statement", [1, 2])
def test_a_waiter_that_leaves_as_the_answer_comes(order: str, statement: int) -> None:
    """Its lock is given back once: twice would free what the next one has got."""

    async def main() -> None:
        server = Session()
        session = session_at(server)
        waiting = asyncio.create_task(session.try_lock(5, b""))
        await turns()
        if statement == 2:
            server.answers.release()
            await turns()
        assert statement == len(server.asked)
        if order == "cancelled first":
            waiting.cancel()
            await asyncio.sleep(0)
        following = asyncio.create_task(session.try_lock(5, b""))
        server.answer()
        if order == "answer only":
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        attempt = await following
        assert attempt.taken
        await turns()
        # Both got it where the first one was not cancelled: one session gives it twice.
        assert (1 if waiting.cancelled() else 2) == server.held[5]
        await session.free(5)

    run(main())


def test_a_statement_that_fails_leaves_no_lock() -> None:
    """Whoever asked is told; what was taken by then is given back, what others hold stays."""

    async def main() -> None:
        server = Session()
        session = session_at(server)
        server.answer()
        await session.try_lock(1, b"")
        server.failures = [None, ValueError("the second statement")]
        with pytest.raises(ValueError, match="the second"):
            await session.try_lock(2, b"")
        assert {1: 1} == {number: count for number, count in server.held.items() if count}
        assert session.is_alive

    run(main())


@pytest.mark.parametrize("failures", [[TimeoutError()], [None, OSError(), OSError()]])
def test_what_is_left_unclear_ends_the_session(failures: list[Exception | None]) -> None:
    """No answer in time, or none to what gives locks back: then nothing is held at all."""

    async def main() -> None:
        server = Session()
        session = session_at(server)
        server.answer()
        server.failures = failures
        with pytest.raises(OSError):
            await session.try_lock(1, b"")
        assert not session.is_alive
        await session.free(1)

    run(main())


def test_closing_waits_for_what_is_asked() -> None:
    """Whoever asked gets his answer; then it is closed, once."""

    async def main() -> None:
        server = Session()
        session = session_at(server)
        waiting = asyncio.create_task(session.try_lock(1, b""))
        await turns()
        closing = asyncio.create_task(session.close())
        await turns()
        assert not closing.done()
        server.answer()
        assert (await waiting).taken
        await closing
        assert server.is_closed()
        await session.close()

    run(main())
