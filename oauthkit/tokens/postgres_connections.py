"""What a PostgreSQL store has open on one event loop: a few connections, and one for locks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar
from weakref import WeakSet, WeakValueDictionary

import attrs

from oauthkit.tokens.postgres_locks import LockSession, open_session
from oauthkit.tokens.postgres_place import Connection, Place, socket_of
from oauthkit.tokens.postgres_schema import prepare

__all__ = ["Connections", "whole"]

T = TypeVar("T")

# Turns of the loop after which it has seen that the other side has closed a connection: one reads
# its last words, one the end, and one tells the driver.
_TURNS = 5
# Seconds after which a connection is looked at before it is used again.
_FRESH = 0.01
# Seconds for taking leave.
_LEAVE = 2.0


@attrs.define(eq=False)
class Connections:
    """
    The connections of one store on one loop, at most ``place.pool_size`` and one for locks.

    They are made when they are needed, and end with ``close()``, with the object, or with the loop.
    """

    place: Place
    local: WeakValueDictionary[int, asyncio.Lock] = attrs.field(
        factory=WeakValueDictionary[int, asyncio.Lock], init=False, repr=False
    )
    _open: set[Connection] = attrs.field(factory=set[Connection], init=False, repr=False)
    _idle: list[tuple[float, Connection]] = attrs.field(
        factory=list[tuple[float, Connection]], init=False, repr=False
    )
    _slots: asyncio.Semaphore = attrs.field(init=False, repr=False)
    _session: LockSession | None = attrs.field(default=None, init=False, repr=False)
    _opening: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False, repr=False)
    _prepared: bool = attrs.field(default=False, init=False)
    _users: int = attrs.field(default=0, init=False)
    _closed: bool = attrs.field(default=False, init=False)
    _keeper: AsyncGenerator[None] | None = attrs.field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Be known to a child that is forked."""
        self._slots = asyncio.Semaphore(self.place.pool_size)
        _ALL.add(self)

    def local_lock(self, number: int) -> asyncio.Lock:
        """Return what keeps two of this loop from asking for one lock."""
        lock = self.local.get(number)
        if lock is None:
            lock = self.local[number] = asyncio.Lock()
        return lock

    async def use(
        self, work: Callable[[Connection], Awaitable[T]], *, may_repeat: bool = False
    ) -> T:
        """
        Do something on a connection of its own.

        Where the server has gone and come back, what may be repeated is, once.
        """
        async with self._slots:
            while True:
                connection, is_new = await self._take()
                try:
                    result = await work(connection)
                except BaseException as error:
                    if _is_lost(connection, error):
                        self._drop(connection)
                        if may_repeat and not is_new and isinstance(error, Exception):
                            continue
                    else:
                        self._put(connection)
                    raise
                self._put(connection)
                return result

    async def session(self) -> tuple[LockSession, bool]:
        """Return the session for locks, and whether it is a new one."""
        async with self._opening:
            session = self._session
            if session is not None and session.is_alive:
                return session, False
            connection = await self._connect()
            try:
                session = await open_session(self.place, connection)
            except BaseException:
                self._drop(connection)
                raise
            self._session = session
            return session, True

    async def close(self) -> None:
        """Close what is idle, and the rest once nobody uses it any more."""
        self._closed = True
        idle, self._idle = self._idle, []
        for _, connection in idle:
            await _leave(connection)
        if not self._users:
            await self._end()

    @asynccontextmanager
    async def locking(self) -> AsyncGenerator[None]:
        """Keep the session for locks open for who holds one or waits, also after ``close()``."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            if self._closed and not self._users:
                await whole(self._end())

    def hang_up(self) -> None:
        """Close all at once, on the loop's thread."""
        for connection in self._open:
            connection.terminate()

    def leave_to_parent(self) -> None:
        """In a forked child: let go of the sockets, or a lock would outlive the parent."""
        for connection in self._open:
            found = socket_of(connection)
            if found is not None and found.fileno() >= 0:
                nothing = os.open(os.devnull, os.O_RDWR)
                # In its place: what closes the number later closes nobody else's file.
                os.dup2(nothing, found.fileno(), inheritable=False)
                os.close(nothing)

    async def _end(self) -> None:
        async with self._opening:  # one that is being made is closed as well
            session, self._session = self._session, None
        if session is not None:
            await session.close()
        self._forget_closed()
        if self._keeper is not None and not self._open:
            await self._keeper.aclose()

    async def _take(self) -> tuple[Connection, bool]:
        now = asyncio.get_running_loop().time()
        while self._idle:
            since, connection = self._idle.pop()
            if now - since > _FRESH:
                for _ in range(_TURNS):
                    await asyncio.sleep(0)
            if not connection.is_closed():
                return connection, False
        return await self._connect(), True

    def _put(self, connection: Connection) -> None:
        if self._closed or connection.is_closed():
            self._drop(connection)
        else:
            self._idle.append((asyncio.get_running_loop().time(), connection))

    def _drop(self, connection: Connection) -> None:
        self._open.discard(connection)
        connection.terminate()

    def _forget_closed(self) -> None:
        for connection in tuple(self._open):
            if connection.is_closed():
                self._open.discard(connection)

    async def _connect(self) -> Connection:
        if self._keeper is None:
            self._keeper = _keep(self._open)
            await anext(self._keeper)
        connection = await self.place.connect()
        self._forget_closed()
        self._open.add(connection)
        try:
            if not self._prepared:
                await prepare(connection, self.place)
                self._prepared = True
        except BaseException:
            self._drop(connection)
            raise
        return connection


_ALL: WeakSet[Connections] = WeakSet()
# What a forked child must neither use nor close.
_LEFT_ALONE: list[Connections] = []


async def _keep(connections: set[Connection]) -> AsyncGenerator[None]:
    """
    Close *connections* at the end of the loop, or of who holds them.

    A loop ends its asynchronous generators before it is closed: it is the only thing that it tells.
    """
    try:
        yield
    finally:
        for connection in connections:
            connection.terminate()
        connections.clear()
        for _ in range(_TURNS):  # until the sockets are closed
            await asyncio.sleep(0)


async def _leave(connection: Connection) -> None:
    with suppress(Exception):
        await connection.close(timeout=_LEAVE)
    connection.terminate()


def _is_lost(connection: Connection, error: BaseException) -> bool:
    """Tell whether *error* leaves a connection that is of no use."""
    state = getattr(error, "sqlstate", None)
    if connection.is_closed() or not isinstance(state, str):
        return True
    return state.startswith(("08", "57P"))


async def whole(work: Coroutine[Any, Any, T]) -> T:
    """Do all of *work*, also for a caller that is cancelled meanwhile."""
    task = asyncio.get_running_loop().create_task(work)
    try:
        return await asyncio.shield(task)
    finally:
        del task  # it holds its error, which holds this frame


def _after_fork() -> None:
    for connections in tuple(_ALL):
        connections.leave_to_parent()
        _LEFT_ALONE.append(connections)
    _ALL.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
