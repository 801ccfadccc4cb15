"""Stores that are each broken in one way, and suites for them: each test of the contract can fail."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs

from oauthkit import (
    GrantKey,
    Held,
    MemoryStore,
    Record,
    SQLiteStore,
    Token,
    TokenStore,
    open_store,
)
from oauthkit.testing import StoreSuite


@attrs.define(eq=True, unsafe_hash=True)
class EqualStore(MemoryStore):
    """Equal to another store of the same text."""

    name: str = "a"


class Generous(MemoryStore):
    """Has a record for everybody."""

    async def load(self, key: GrantKey) -> Record | None:
        """Make one up."""
        return await super().load(key) or Record()


class Careless(MemoryStore):
    """Stores whatever comes."""

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Look at no version, but that there is one."""
        if expected is not None and await self.load(key) is None:
            return False
        self._records[key] = record
        return True


class Interrupted(MemoryStore):
    """Looks first, and stores later."""

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Let others come in between."""
        found = await self.load(key)
        await asyncio.sleep(0)
        if (found.version if found else None) != expected:
            return False
        self._records[key] = record
        return True


class Forgetful(MemoryStore):
    """Keeps the members that it knows."""

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Leave out the others."""
        known = ("access_token", "number")
        tokens = {
            slot: Token({name: token[name] for name in known if name in token})
            for slot, token in record.access_tokens.items()
        }
        kept = attrs.evolve(record, access_tokens=tokens)
        return await super().compare_and_swap(key, expected, kept)


class Joined(MemoryStore):
    """Joins the parts of a key."""

    async def load(self, key: GrantKey) -> Record | None:
        """Load by the joined key."""
        return await super().load(self._joined(key))

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Store by the joined key."""
        return await super().compare_and_swap(self._joined(key), expected, record)

    @staticmethod
    def _joined(key: GrantKey) -> GrantKey:
        return GrantKey(issuer=f"{key.issuer}{key.client_id}{key.account}", client_id="")


class Hoarder(MemoryStore):
    """Deletes nothing."""

    async def delete(self, key: GrantKey) -> None:
        """Do nothing."""


class Skipping(MemoryStore):
    """Counts its way through the keys, although they move up."""

    async def iterate(self) -> AsyncIterator[GrantKey]:
        """Skip as many as were deleted."""
        position = 0
        while position < len(self._records):
            yield tuple(self._records)[position]
            position += 1


class Lockless(SQLiteStore):
    """Lets everybody in."""

    @asynccontextmanager
    async def lock(self, key: GrantKey) -> AsyncGenerator[None]:
        """Lock nothing."""
        await asyncio.sleep(0)
        yield


class Unforgiving(MemoryStore):
    """Keeps its lock when its holder fails."""

    @asynccontextmanager
    async def lock(self, key: GrantKey) -> AsyncGenerator[None]:
        """Release after success alone."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        await lock.acquire()
        kept.append(lock)
        yield
        lock.release()


kept: list[asyncio.Lock] = []


class Leaking(MemoryStore):
    """Loses sight of a lock that was taken for somebody who had left."""

    @asynccontextmanager
    async def lock(self, key: GrantKey) -> AsyncGenerator[None]:
        """Take it in a task that nobody cancels."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        kept.append(lock)
        await asyncio.shield(lock.acquire())
        try:
            yield
        finally:
            lock.release()


class Boasting(MemoryStore):
    """Tells who holds its lock of a record that is not there."""

    @asynccontextmanager
    async def lock(self, key: GrantKey) -> AsyncGenerator[Any]:
        """Give what overwrites all there is."""
        async with super().lock(key):
            told: Held = Told(self, key)
            yield told


@attrs.define
class Told:
    """What a lock tells."""

    store: MemoryStore
    key: GrantKey
    record: Record | None = None
    epoch: str = ""

    def remaining(self) -> float:
        """For good."""
        return math.inf

    async def mark(self, expected: int | None, record: Record) -> bool:
        """Store whatever is there."""
        found = await self.store.load(self.key)
        version = None if found is None else found.version
        return await self.store.compare_and_swap(self.key, version, record)

    finish = mark


class Overwriting(SQLiteStore):
    """Looks first and stores later, so that another process comes in between."""

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Store whatever is there by then."""
        found = await self.load(key)
        if (found.version if found else None) != expected:
            return False
        for _ in range(20):
            await self.load(key)
        while not await super().compare_and_swap(key, expected, record):
            found = await self.load(key)
            expected = found.version if found else None
        return True


class Immortal(SQLiteStore):
    """Locks by a file that is there: it stays when its maker is killed."""

    @asynccontextmanager
    async def lock(self, key: GrantKey) -> AsyncGenerator[None]:
        """Make a file."""
        path = f"{self.path}.lock"
        while True:
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL))
                break
            except FileExistsError:
                await asyncio.sleep(0.001)
        try:
            yield
        finally:
            os.unlink(path)  # noqa: PTH108 - as above


class _InMemory(StoreSuite):
    processes = False
    deadline = 0.5
    kind: type[MemoryStore] = MemoryStore

    def open_store(self, place: Path) -> TokenStore:
        """Open a store of its own each time."""
        return self.kind()


class _InAFile(StoreSuite):
    lock_dies_with_holder = True
    deadline = 0.5
    kind: type[SQLiteStore] = SQLiteStore

    def open_store(self, place: Path) -> TokenStore:
        """Open the file."""
        return self.kind(place)


class EqualSuite(_InMemory):
    """test_it_is_a_token_store."""

    kind = EqualStore


class GenerousSuite(_InMemory):
    """test_what_is_not_there."""

    kind = Generous


class CarelessSuite(_InMemory):
    """test_compare_and_swap."""

    kind = Careless


class InterruptedSuite(_InMemory):
    """test_one_of_many_swaps_wins."""

    kind = Interrupted


class ForgetfulSuite(_InMemory):
    """test_records_come_back."""

    kind = Forgetful


class JoinedSuite(_InMemory):
    """test_keys_are_apart."""

    kind = Joined


class HoarderSuite(_InMemory):
    """test_delete, test_iterate_while_deleting."""

    kind = Hoarder


class SkippingSuite(_InMemory):
    """test_iterate_while_deleting."""

    kind = Skipping


class ApartSuite(_InMemory):
    """test_two_stores_of_one_place, test_lock_excludes."""


class UnforgivingSuite(_InMemory):
    """test_lock_is_free_after_an_error."""

    kind = Unforgiving


class LocklessSuite(_InAFile):
    """test_lock_excludes, test_processes_that_lock_are_alone, test_processes_that_are_killed_hold_no_lock."""

    kind = Lockless


class LeakingSuite(_InMemory):
    """test_lock_is_free_after_a_waiter_left."""

    kind = Leaking


class OverwritingSuite(_InAFile):
    """test_processes_that_swap_lose_nothing."""

    kind = Overwriting


class ImmortalSuite(_InAFile):
    """test_processes_that_are_killed_hold_no_lock."""

    kind = Immortal


class BoastingSuite(_InMemory):
    """test_what_a_lock_tells."""

    kind = Boasting


class WholeSuite(StoreSuite):
    """Nothing: it is whole."""

    processes = False

    def open_store(self, place: Path) -> TokenStore:
        """Open the store in memory."""
        return open_store(f"memory://{place.as_posix()}")
