"""The store in an SQLite file, for all processes of a machine: the standard library alone."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager, closing
from typing import ClassVar, TypeVar, TypeVarTuple
from urllib.parse import unquote
from weakref import finalize

import attrs

from oauthkit.errors import ConfigurationError
from oauthkit.tokens.filelocks import FileLock, try_lock
from oauthkit.tokens.sqlite_file import damaged, explain, open_database, open_folder
from oauthkit.tokens.stores import GrantKey, Record
from oauthkit.tokens.workers import Worker

__all__ = ["SQLiteStore", "open_sqlite"]

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

# Seconds between two looks at a lock that somebody else holds: at first, and at last.
_FIRST_TURN, _LAST_TURN = 0.001, 0.025
_PAGE = 500

# A forked child must neither use nor close what its parent has open: SQLite's locks are the
# process's, and closing would also take the parent's log away.
_LEFT_ALONE: list[_Opened] = []


@attrs.define(eq=False)
class _Opened:
    """What a store has open: a thread and, once they are needed, the file and the lock folder."""

    path: str
    worker: Worker = attrs.field(init=False)
    connection: sqlite3.Connection | None = attrs.field(default=None, init=False)
    has_folder: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        """Begin the thread; at its end, and at the program's, it closes the file."""
        self.worker = Worker("oauthkit-sqlite", self.close)

    def call(
        self,
        function: Callable[[sqlite3.Connection, *Arguments], T],
        *arguments: *Arguments,
    ) -> T:
        """Do something with the database, on the thread."""
        if self.connection is None:
            self.connection = open_database(self.path)
        try:
            return function(self.connection, *arguments)
        except sqlite3.DatabaseError as error:
            explain(error, self.path)
            error.add_note(f"token store {self.path}")
            raise

    def try_lock(self, name: str) -> FileLock | None:
        """Take a grant's lock if it is free, on the thread."""
        folder = f"{self.path}-locks"
        if not self.has_folder:
            open_folder(folder)
            self.has_folder = True
        return try_lock(os.path.join(folder, name))  # noqa: PTH118 - a text all the way

    def close(self) -> None:
        """Close the file, on the thread."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()

    def drop(self) -> None:
        """Have the file closed, and end the thread; does not wait."""
        if self.worker.is_ours:
            self.worker.stop()
        else:
            _LEFT_ALONE.append(self)


def _absolute(path: str | os.PathLike[str]) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - a text all the way


@attrs.define(eq=False)
class SQLiteStore:
    """
    Keep grants in the SQLite file *path*, for all processes of one machine.

    The file is made when it is needed, for its owner alone (mode 600); one that others may read is
    refused. Beside it lies a folder for locks, ``…-locks``: a grant's lock is a file there, which
    the system frees when its holder dies, however that happens. Not for network file systems: they
    keep neither SQLite's promises nor those of locks.

    What blocks happens in one thread, which ends with ``close()`` or with the store. A closed store
    opens again when it is used. A store may be used by a forked child, and by several threads.
    """

    lock_proves_death: ClassVar[bool] = True

    path: str = attrs.field(converter=_absolute)
    _opened: _Opened | None = attrs.field(default=None, init=False, repr=False)
    _guard: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    async def load(self, key: GrantKey) -> Record | None:
        """Return the record under *key*, or None."""
        row = await self._run(_load, key.to_json())
        if row is None:
            return None
        version, text = row
        try:
            record = Record.from_json(text)
        except ValueError:
            record = None
        if record is None or record.version != version:
            raise damaged(self.path)
        return record

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Store *record* if the stored version is *expected*; None: if there is no record."""
        row = key.to_json(), record.version, record.to_json()
        return await self._run(_swap, expected, *row)

    @asynccontextmanager
    async def lock(self, key: GrantKey) -> AsyncGenerator[None, None]:
        """
        Hold the only lock on *key*, among all processes; it is free once its holder is dead.

        Who waits looks again after 1 to 25 milliseconds.
        """
        name = hashlib.sha256(key.to_json().encode()).hexdigest()
        worker, lock = await self._wait_for(name)
        try:
            yield
        finally:
            if worker.is_stopped:  # the store was closed
                lock.release()
            else:  # shielded: it happens even if the caller is cancelled meanwhile
                await asyncio.shield(worker.run(lock.release))

    async def delete(self, key: GrantKey) -> None:
        """Forget the record under *key*, if there is one."""
        await self._run(_delete, key.to_json())

    async def iterate(self) -> AsyncIterator[GrantKey]:
        """Iterate over the keys of all records, in the order of their texts."""
        last = ""
        while True:
            page = await self._run(_keys_after, last)
            for last in page:
                try:
                    key = GrantKey.from_json(last)
                except ValueError:
                    raise damaged(self.path) from None
                yield key
            if len(page) < _PAGE:
                return

    async def close(self) -> None:
        """Close the file and end the thread, after what is going on."""
        with self._guard:
            opened, self._opened = self._opened, None
        if opened is not None and opened.worker.is_ours:
            closed = opened.worker.submit(opened.close)
            opened.drop()
            await asyncio.shield(asyncio.wrap_future(closed))

    def _the_opened(self) -> _Opened:
        with self._guard:
            opened = self._opened
            if opened is None or opened.worker.is_stopped or not opened.worker.is_ours:
                # What is dropped is the parent's, in a child that was forked, or has ended.
                opened = self._opened = _Opened(self.path)
                finalize(self, opened.drop).atexit = False
            return opened

    async def _run(
        self, function: Callable[[sqlite3.Connection, *Arguments], T], *arguments: *Arguments
    ) -> T:
        opened = self._the_opened()
        return await opened.worker.run(opened.call, function, *arguments)

    async def _wait_for(self, name: str) -> tuple[Worker, FileLock]:
        turn = _FIRST_TURN
        while True:
            opened = self._the_opened()
            attempt = opened.worker.submit(opened.try_lock, name)
            try:
                lock = await asyncio.wrap_future(attempt)
            except BaseException:
                # Cancelled, perhaps after it was taken: then it has no holder.
                opened.worker.submit(_give_back, attempt)
                raise
            if lock is not None:
                return opened.worker, lock
            await asyncio.sleep(turn)
            turn = min(turn * 1.5, _LAST_TURN)


def open_sqlite(url: str) -> SQLiteStore:
    """Open the store of ``sqlite:///relative.db`` or ``sqlite:////absolute.db``."""
    rest = url.partition("://")[2]
    path = unquote(rest.removeprefix("/"))
    if not rest.startswith("/") or not path or any(mark in rest for mark in "?#") or "\0" in path:
        raise ConfigurationError(
            "expected sqlite:///tokens.db (three slashes and a path), or sqlite:////var/lib/… for "
            "an absolute path; no host, no options"
        )
    return SQLiteStore(path)


def _give_back(attempt: Future[FileLock | None]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        lock = attempt.result()
        if lock is not None:
            lock.release()


def _load(connection: sqlite3.Connection, key: str) -> tuple[int, str] | None:
    query = "SELECT version, record FROM records WHERE key = ?"
    with closing(connection.execute(query, (key,))) as cursor:
        row: tuple[int, str] | None = cursor.fetchone()
        return row


def _swap(
    connection: sqlite3.Connection, expected: int | None, key: str, version: int, record: str
) -> bool:
    # Each is one statement: it happens as a whole, and is there when it returns.
    if expected is None:
        query = "INSERT INTO records VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        cursor = connection.execute(query, (key, version, record))
    else:
        query = "UPDATE records SET version = ?, record = ? WHERE key = ? AND version = ?"
        cursor = connection.execute(query, (version, record, key, expected))
    with closing(cursor):
        return cursor.rowcount == 1


def _delete(connection: sqlite3.Connection, key: str) -> None:
    connection.execute("DELETE FROM records WHERE key = ?", (key,)).close()


def _keys_after(connection: sqlite3.Connection, last: str) -> list[str]:
    query = "SELECT key FROM records WHERE key > ? ORDER BY key LIMIT ?"
    with closing(connection.execute(query, (last, _PAGE))) as cursor:
        return [key for (key,) in cursor.fetchall()]
