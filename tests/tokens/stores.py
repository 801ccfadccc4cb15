"""A store that is as slow, and as broken, as a test wants it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import attrs

from oauthkit import GrantKey, MemoryStore, Record


@attrs.define(eq=False)
class TestStore:
    """
    Delegates to a store in memory, after *gate* was opened, or fails with *failure*.

    *refusals* are raised by the first swaps, one each; *late_refusals* after they have stored.
    Swaps that set a mark are none of them, unless *marks_too*.
    """

    __test__ = False

    inner: MemoryStore = attrs.field(factory=MemoryStore)
    gate: asyncio.Event = attrs.field(factory=asyncio.Event)
    failure: Exception | None = None
    refusals: list[Exception] = attrs.field(factory=list[Exception])
    late_refusals: list[Exception] = attrs.field(factory=list[Exception])
    lost_races: int = 0
    marks_too: bool = False
    calls: list[str] = attrs.field(factory=list[str])

    async def _pass(self, name: str) -> None:
        self.calls.append(name)
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure

    async def load(self, key: GrantKey) -> Record | None:
        """Return the record under *key*, or None."""
        await self._pass("load")
        return await self.inner.load(key)

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Store *record* if the stored version is *expected*, and no race is to be lost first."""
        await self._pass("swap")
        if record.mark is not None and not self.marks_too:
            return await self.inner.compare_and_swap(key, expected, record)
        if self.refusals:
            raise self.refusals.pop(0)
        if self.lost_races:
            self.lost_races -= 1
            return False
        swapped = await self.inner.compare_and_swap(key, expected, record)
        if self.late_refusals:
            raise self.late_refusals.pop(0)
        return swapped

    @asynccontextmanager
    async def lock(self, key: GrantKey) -> AsyncGenerator[None, None]:
        """Hold the only lock on *key*."""
        await self._pass("lock")
        async with self.inner.lock(key):
            yield

    async def delete(self, key: GrantKey) -> None:
        """Forget the record under *key*."""
        await self._pass("delete")
        await self.inner.delete(key)

    async def iterate(self) -> AsyncIterator[GrantKey]:
        """Iterate over the keys."""
        await self._pass("iterate")
        async for key in self.inner.iterate():
            yield key
