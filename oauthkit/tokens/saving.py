"""What a store could not keep is tried again, for as long as there is any."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sized
from contextlib import suppress
from contextvars import Context

import attrs

__all__ = ["Later"]

# Seconds between two tries: at first, and at last.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0


@attrs.define(eq=False)
class Later:
    """A task that there is only while something is not stored."""

    _task: asyncio.Task[None] | None = attrs.field(default=None, init=False, repr=False)

    def begin(self, flush: Callable[[], Awaitable[object]], left: Sized) -> None:
        """Call *flush* again and again until nothing is *left*; no loop is a RuntimeError."""
        loop, task = asyncio.get_running_loop(), self._task
        if task is None or task.done() or task.get_loop() is not loop:
            self._task = loop.create_task(_repeat(flush, left), context=Context())

    def end(self) -> None:
        """Stop: nothing is left."""
        task, self._task = self._task, None
        if task is not None and not task.get_loop().is_closed():
            task.cancel()


async def _repeat(flush: Callable[[], Awaitable[object]], left: Sized) -> None:
    pause = _FIRST_PAUSE
    while left:
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
        with suppress(Exception):
            await flush()
