"""The store in a PostgreSQL database, for all processes of all machines that reach it."""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
import random
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, ClassVar, TypeVar

import attrs

from oauthkit.errors import ConfigurationError
from oauthkit.tokens.postgres_connections import Connections, whole
from oauthkit.tokens.postgres_locks import Attempt, LockSession
from oauthkit.tokens.postgres_place import Connection, Place, load_driver
from oauthkit.tokens.stores import GrantKey, Record

__all__ = ["PostgresStore", "open_postgres"]

T = TypeVar("T")

# Seconds between two looks at a lock that somebody else holds: at first, and at last.
_FIRST_TURN, _LAST_TURN = 0.005, 0.05
_PAGE = 500
_LOAD = "SELECT version, record FROM {table} WHERE id = $1"
# Each is one statement: it happens as a whole, and is there when it returns.
_INSERT = """
INSERT INTO {table} (id, key, version, record) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""
_UPDATE = "UPDATE {table} SET version = $3, record = $4 WHERE id = $1 AND version = $2"
_DELETE = "DELETE FROM {table} WHERE id = $1"
_LIST = "SELECT id, key FROM {table} WHERE id > $1 ORDER BY id LIMIT $2"


@attrs.define(eq=False)
class PostgresStore:
    """
    Keep grants in a table of the PostgreSQL database of *url*, for many machines.

    *table* is made, and migrated, when the store is first used; *schema* is where it is, by default
    where the role's ``search_path`` says. On each event loop a store has at most *pool_size* (4)
    connections and one more that holds its locks, however many they are: session advisory locks,
    which the server frees when their holder dies. *timeout* (10 seconds) is for each statement and
    for connecting. *pooler* is ``"session"`` where a pooler is in between that gives each client a
    session for itself; others cannot be used. The same names can stand in the query of *url*; the
    rest of it (``sslmode``, …) is the driver's.

    A closed store opens again when it is used. A store may be used by a forked child, and by
    several threads. Raises ConfigurationError for what is no such URL, and where asyncpg is not
    installed.
    """

    lock_proves_death: ClassVar[bool] = True

    _url: str = attrs.field(alias="url", repr=False)
    _table: str | None = attrs.field(default=None, kw_only=True, alias="table", repr=False)
    _schema: str | None = attrs.field(default=None, kw_only=True, alias="schema", repr=False)
    _pool_size: int | None = attrs.field(default=None, kw_only=True, alias="pool_size", repr=False)
    _timeout: float | None = attrs.field(default=None, kw_only=True, alias="timeout", repr=False)
    _pooler: str | None = attrs.field(default=None, kw_only=True, alias="pooler", repr=False)
    _place: Place = attrs.field(init=False)
    _opened: dict[asyncio.AbstractEventLoop, Connections] = attrs.field(
        factory=dict[asyncio.AbstractEventLoop, Connections], init=False, repr=False
    )
    _process: int = attrs.field(factory=os.getpid, init=False, repr=False)
    _guard: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Take the URL apart."""
        self._place = Place.of(
            self._url,
            table=self._table,
            schema=self._schema,
            pool_size=self._pool_size,
            timeout=self._timeout,
            pooler=self._pooler,
        )
        load_driver()

    async def load(self, key: GrantKey) -> Record | None:
        """Return the record under *key*, or None."""
        query = self._place.fill(_LOAD)
        identity = _identity(key)
        row = await self._run(
            lambda connection: connection.fetchrow(query, identity), may_repeat=True
        )
        return self._read(row)

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Store *record* if the stored version is *expected*; None: if there is no record."""
        return await self._run(self._swap(key, expected, record))

    @asynccontextmanager
    async def lock(self, key: GrantKey) -> AsyncGenerator[_Held, None]:
        """
        Hold the only lock on *key*, among all processes; it is free once its holder is dead.

        Who waits looks again after 5 to 50 milliseconds.
        """
        identity = _identity(key)
        number = self._number(identity)
        opened = self._the_opened()
        # In the same session a lock could be had twice.
        async with opened.locking(), opened.local_lock(number):
            held = _Held(self, key, *await _wait_for(opened, number, identity))
            try:
                yield held
            finally:
                await whole(held.free())

    async def delete(self, key: GrantKey) -> None:
        """Forget the record under *key*, if there is one."""
        query = self._place.fill(_DELETE)
        identity = _identity(key)
        await self._run(lambda connection: connection.execute(query, identity))

    async def iterate(self) -> AsyncIterator[GrantKey]:
        """Iterate over the keys of all records, in no order that means anything."""
        query = self._place.fill(_LIST)
        last = b""
        while True:
            page = await self._run(partial(_fetch, query, last), may_repeat=True)
            for row in page:
                last = row["id"]
                try:
                    key = GrantKey.from_json(row["key"])
                except ValueError:
                    raise self._damaged() from None
                yield key
            if len(page) < _PAGE:
                return

    async def close(self) -> None:
        """Close its connections; the one that holds locks when the last of them is free."""
        running = asyncio.get_running_loop()
        with self._guard:
            # A forked child leaves its parent's alone.
            mine = self._process == os.getpid()
            opened, self._opened = self._opened, {}
        for loop, connections in opened.items() if mine else ():
            if loop is running:
                await whole(connections.close())
            elif not loop.is_closed():
                with suppress(RuntimeError):  # closed meanwhile
                    loop.call_soon_threadsafe(connections.hang_up)

    def _the_opened(self) -> Connections:
        loop = asyncio.get_running_loop()
        with self._guard:
            if self._process != os.getpid():
                self._process, self._opened = os.getpid(), {}
            opened = self._opened.get(loop)
            if opened is None:
                for other in [other for other in self._opened if other.is_closed()]:
                    del self._opened[other]
                opened = self._opened[loop] = Connections(self._place)
            return opened

    async def _run(
        self, work: Callable[[Connection], Awaitable[T]], *, may_repeat: bool = False
    ) -> T:
        # A caller that is cancelled does not stop it: what became of it would not be known.
        return await whole(self._the_opened().use(work, may_repeat=may_repeat))

    def _swap(
        self, key: GrantKey, expected: int | None, record: Record
    ) -> Callable[[Connection], Awaitable[bool]]:
        query = self._place.fill(_INSERT if expected is None else _UPDATE)
        before = key.to_json() if expected is None else expected
        arguments = _identity(key), before, record.version, record.to_json()

        async def swap(connection: Connection) -> bool:
            return (await connection.execute(query, *arguments)).endswith(" 1")

        return swap

    def _read(self, row: Any) -> Record | None:
        if row is None:
            return None
        try:
            record = Record.from_json(row["record"])
        except ValueError:
            record = None
        if record is None or record.version != row["version"]:
            raise self._damaged()
        return record

    def _number(self, identity: bytes) -> int:
        """Return the number of a grant's lock; two that share one only wait for each other."""
        # Locks are the database's: grants of two tables should not wait for each other.
        whose = hashlib.sha256(b"oauthkit\0" + self._place.table.encode() + b"\0" + identity)
        return int.from_bytes(whose.digest()[:8], "big", signed=True)

    def _damaged(self) -> ConfigurationError:
        return ConfigurationError(
            f"token store {self._place.name}: a record is damaged, and was left as it is: put a "
            "copy back in its place, or delete it and have the user log in again"
        )


@attrs.define(eq=False)
class _Held:
    """A lock of a session, until ``free()``."""

    _store: PostgresStore
    _key: GrantKey
    _session: LockSession
    _attempt: Attempt
    _is_free: bool = attrs.field(default=False, init=False)

    @property
    def record(self) -> Record | None:
        return self._store._read(self._attempt.row)  # noqa: SLF001 - its own module

    @property
    def epoch(self) -> str:
        return self._session.epoch

    def remaining(self) -> float:
        return math.inf if self._session.is_alive and not self._is_free else 0.0

    async def mark(self, expected: int | None, record: Record) -> bool:
        return await whole(self._mark(expected, record))

    async def _mark(self, expected: int | None, record: Record) -> bool:
        if not self.remaining():
            return False
        swap = self._store._swap(self._key, expected, record)  # noqa: SLF001 - its own module
        try:
            # On the session that holds the lock: where it has ended, this fails.
            return await self._session.use(swap)
        except Exception:
            if self._session.is_alive:
                raise
            return False

    async def finish(self, expected: int | None, record: Record) -> bool:
        stored = await self._store.compare_and_swap(self._key, expected, record)
        if stored:
            await whole(self.free())
        return stored

    async def free(self) -> None:
        """Give the lock back, once; a session that has ended has done so."""
        if not self._is_free:
            self._is_free = True
            await self._session.free(self._attempt.number)


async def _wait_for(
    opened: Connections, number: int, identity: bytes
) -> tuple[LockSession, Attempt]:
    turn = _FIRST_TURN
    while True:
        session, is_new = await whole(opened.session())
        try:
            attempt = await session.try_lock(number, identity)
        except Exception:
            if is_new or session.is_alive:
                raise
            continue  # it had ended before, and nobody had noticed
        if attempt.taken:
            return session, attempt
        await asyncio.sleep(turn * random.uniform(0.5, 1))  # noqa: S311 - no secret
        turn = min(turn * 1.5, _LAST_TURN)


def open_postgres(url: str) -> PostgresStore:
    """Open the store of ``postgresql://…`` or ``postgres://…``."""
    return PostgresStore(url)


async def _fetch(query: str, last: bytes, connection: Connection) -> list[Any]:
    return await connection.fetch(query, last, _PAGE)


def _identity(key: GrantKey) -> bytes:
    """Return what a grant's row is found by: an index takes no key of any length."""
    return hashlib.sha256(key.to_json().encode()).digest()
