"""The session that holds a process's locks in PostgreSQL: many locks, one connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import attrs

from oauthkit.errors import ConfigurationError
from oauthkit.tokens.postgres_place import Connection, Place

__all__ = ["Attempt", "LockSession", "open_session"]

T = TypeVar("T")

# Which life of the locks it is. Locks end with the server's process, and with a crash of one of
# its children, which the server survives: then its statistics begin anew.
_HELLO = """
SELECT pg_backend_pid() AS pid,
    to_char(pg_postmaster_start_time() AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS') AS started,
    to_char(stats_reset AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS') AS counted,
    (SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout')
FROM pg_stat_bgwriter
"""
_TRY = """
SELECT number, pg_try_advisory_lock(number) AS taken
FROM unnest($1::bigint[]) WITH ORDINALITY AS asked (number, place) ORDER BY place
"""
# Another statement: the one that takes a lock sees what was stored before it began, and not what
# the last holder stored while it ran.
_READ = "SELECT id, version, record FROM {table} WHERE id = ANY($1::bytea[])"
_FREE = "SELECT pg_advisory_unlock(number) FROM unnest($1::bigint[]) AS held (number)"


@attrs.define(eq=False)
class Attempt:
    """A lock, *number*, that was taken or not, and what is stored in the row *identity*."""

    number: int
    identity: bytes
    taken: bool = attrs.field(default=False, init=False)
    row: Any = attrs.field(default=None, init=False, repr=False)
    answer: asyncio.Future[None] = attrs.field(
        factory=lambda: asyncio.get_running_loop().create_future(), init=False, repr=False
    )

    def refuse(self, error: Exception) -> None:
        """Tell who waits for it that it failed."""
        if not self.answer.done():
            self.answer.set_exception(error)


@attrs.define(eq=False)
class LockSession:
    """
    One session of the server that holds locks for all who ask on one loop.

    A lock that a session holds is given to it again, as often as it asks: whoever asks must be the
    only one in this process. What is asked for at the same time goes to the server in one
    statement, and nobody ever waits there: who is cancelled leaves nothing behind.
    """

    connection: Connection
    place: Place = attrs.field(repr=False)
    epoch: str
    _asked: list[Attempt] = attrs.field(factory=list[Attempt], init=False, repr=False)
    _freed: list[tuple[int, asyncio.Future[None]]] = attrs.field(
        factory=list[tuple[int, "asyncio.Future[None]"]], init=False, repr=False
    )
    _turn: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False, repr=False)
    _task: asyncio.Task[None] | None = attrs.field(default=None, init=False, repr=False)

    @property
    def is_alive(self) -> bool:
        """Whether its locks are held, as far as that is known on this side."""
        return not self.connection.is_closed()

    async def try_lock(self, number: int, identity: bytes) -> Attempt:
        """Take a lock if it is free, and then read the row."""
        attempt = Attempt(number, identity)
        self._asked.append(attempt)
        self._begin()
        try:
            await attempt.answer
        except asyncio.CancelledError:
            # After the answer had come; before, whoever brings it finds that nobody waits.
            if attempt.taken and not attempt.answer.cancelled():
                _ = self._give_back(attempt.number)
            raise
        return attempt

    async def free(self, number: int) -> None:
        """Give back a lock, with what is sent next, and wait until it is free."""
        await self._give_back(number)

    def _give_back(self, number: int) -> asyncio.Future[None]:
        freed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._freed.append((number, freed))
        self._begin()
        return freed

    async def use(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do something on the very connection of the locks; ends it where that is left unclear."""
        async with self._turn:
            try:
                return await work(self.connection)
            except TimeoutError:
                self.connection.terminate()
                raise

    async def close(self) -> None:
        """Close it, after what is going on; what it holds is free then."""
        if self._task is not None:
            await asyncio.wait([self._task])
        if self.is_alive:
            try:
                await self.connection.close(timeout=self.place.timeout)
            except Exception:  # noqa: BLE001 - it goes, one way or the other
                self.connection.terminate()

    def _begin(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._serve())

    async def _serve(self) -> None:
        try:
            while self._asked or self._freed:
                freed, self._freed = self._freed, []
                asked, self._asked = self._asked, []
                if freed:
                    await self._free([number for number, _ in freed])
                    for _, answer in freed:
                        if not answer.done():
                            answer.set_result(None)
                try:
                    if asked:
                        await self._ask(asked)
                except Exception as error:  # noqa: BLE001 - who asked gets it
                    for attempt in asked:
                        attempt.refuse(error)
                del asked  # it holds the error, which holds this frame
        finally:
            self._task = None

    async def _free(self, numbers: list[int]) -> None:
        """Free locks; where that is left unclear, the whole session ends, and they with it."""
        if self.is_alive:
            try:
                await self.use(lambda connection: connection.fetch(_FREE, numbers))
            except Exception:  # noqa: BLE001 - they are free, one way or the other
                self.connection.terminate()

    async def _ask(self, asked: list[Attempt]) -> None:
        numbers = [attempt.number for attempt in asked]
        try:
            rows = await self.use(lambda connection: connection.fetch(_TRY, numbers))
            taken = {
                attempt.identity: attempt
                for attempt, row in zip(asked, rows, strict=True)
                if row["taken"]
            }
            query = self.place.fill(_READ)
            found: list[Any] = []
            if taken:
                found = await self.use(lambda connection: connection.fetch(query, list(taken)))
        except Exception:
            # Locks outlive a statement that fails. Nobody else in this process holds one of these.
            await self._free(numbers)
            raise
        stored = {bytes(row["id"]): row for row in found}
        for attempt, row in zip(asked, rows, strict=True):
            if row["taken"]:
                attempt.taken = True
                attempt.row = stored.get(attempt.identity)
            if not attempt.answer.done():
                attempt.answer.set_result(None)
            elif attempt.taken:  # who asked has left
                _ = self._give_back(attempt.number)


async def open_session(place: Place, connection: Connection) -> LockSession:
    """
    Make a session of *connection*.

    Raises ConfigurationError where something between us and the server hands out sessions of its
    own: a lock taken by one statement would be another client's by the next.
    """
    row = await connection.fetchrow(_HELLO)
    if row["pid"] != connection.get_server_pid() and place.pooler is None:
        raise ConfigurationError(
            f"token store {place.name}: a connection pooler is in between, and a lock is held by a "
            "session of the server: connect to the server itself; or, if the pooler gives each "
            "client a session for itself (PgBouncer: pool_mode=session), add pooler=session"
        )
    return LockSession(connection, place, f"{row['started']}/{row['counted']}")
