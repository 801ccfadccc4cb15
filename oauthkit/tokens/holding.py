"""The store's lock on one grant, as the flights of this process share it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from math import inf

import attrs

from oauthkit.tokens.stores import GrantKey, Held, Record, TokenStore

__all__ = ["Holding", "StartOverError", "Turns"]


class StartOverError(Exception):
    """The lock was lost, or somebody has stored something: begin again, nothing is under way."""


@attrs.define(eq=False)
class Holding:
    """
    What whoever holds the lock does with the store, in as few steps as it offers.

    *held* is what the store gave with the lock, where it gives anything.
    """

    store: TokenStore
    key: GrantKey
    held: Held | None
    _is_read: bool = attrs.field(default=False, init=False)

    @property
    def proves_death(self) -> bool:
        """Whether nobody goes on with what he did under the lock before us, in the same epoch."""
        return bool(getattr(self.store, "lock_proves_death", False))

    @property
    def epoch(self) -> str:
        """Which life of the locks this one is of."""
        return "" if self.held is None else self.held.epoch

    def remaining(self) -> float:
        """Return for how long (seconds) the lock is ours at least."""
        return inf if self.held is None else self.held.remaining()

    async def load(self) -> Record | None:
        """Return what is stored: at first what came with the lock, if that was read with it."""
        if self.held is not None and not self._is_read:
            self._is_read = True
            return self.held.record
        return await self.store.load(self.key)

    async def mark(self, expected: int | None, record: Record) -> bool:
        """Store a record whose refresh token is about to be sent, while the lock is ours."""
        if self.held is not None:
            return await self.held.mark(expected, record)
        return await self.store.compare_and_swap(self.key, expected, record)

    async def finish(self, expected: int | None, record: Record) -> bool:
        """Store a record; nothing more is done under the lock if that succeeds."""
        if self.held is not None:
            return await self.held.finish(expected, record)
        return await self.store.compare_and_swap(self.key, expected, record)

    def again(self) -> None:
        """Begin with what was kept: what came with the lock is old by now."""
        self._is_read = True


@attrs.define(eq=False)
class Turns:
    """
    Take turns with one grant: in this process by a lock of asyncio's, then by the store's.

    The store's lock is kept for as long as *keeps* says so, beyond a turn, and as it is ours: who
    got it next would take what is stored for the latest there is, or ask for a login.
    """

    store: TokenStore
    key: GrantKey
    keeps: Callable[[], object]
    _loop: asyncio.AbstractEventLoop | None = attrs.field(default=None, init=False)
    _process: int = attrs.field(factory=os.getpid, init=False)
    _turn: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _kept: tuple[AsyncExitStack, Holding] | None = attrs.field(default=None, init=False)

    async def release(self) -> None:
        """Give a lock back that is kept for nothing any more."""
        if self._kept is not None and not self.keeps():
            (stack, _), self._kept = self._kept, None
            await stack.aclose()

    @asynccontextmanager
    async def take(self) -> AsyncGenerator[Holding, None]:
        """Wait for the lock, and hold it."""
        loop = asyncio.get_running_loop()
        if self._process != os.getpid():  # a child that was forked holds nothing of its parent's
            self._process, self._loop, self._kept = os.getpid(), None, None
        if self._loop is not loop:
            # A lock of asyncio's is one loop's, and a loop's end gives the store's lock back. The
            # grant moves on when that one is closed.
            self._loop, self._turn, self._kept = loop, asyncio.Lock(), None
        async with self._turn:
            kept, self._kept = self._kept, None
            stack, holding = await self._enter() if kept is None else kept
            try:
                yield holding
            finally:
                if self.keeps() and holding.remaining() > 0:
                    holding.again()
                    self._kept = stack, holding
                else:
                    await stack.aclose()

    async def _enter(self) -> tuple[AsyncExitStack, Holding]:
        stack = AsyncExitStack()
        held = await stack.enter_async_context(self.store.lock(self.key))
        return stack, Holding(self.store, self.key, held)
