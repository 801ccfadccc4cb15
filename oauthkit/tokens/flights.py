"""Work that many wait for: one flight at a time, shielded from its waiters, bound to one loop."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from typing import Any, Generic, TypeVar, TypeVarTuple

import attrs

from oauthkit.errors import LoopError

__all__ = ["Flights", "LoopBinding"]

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

# The event loop keeps tasks weakly: a flight must end even when all who waited have gone.
_IN_FLIGHT: set[asyncio.Task[Any]] = set()


@attrs.define(eq=False)
class LoopBinding:
    """
    The event loop that an object lives on: that of its first I/O.

    It moves to another loop once that one is closed.
    """

    loop: asyncio.AbstractEventLoop | None = attrs.field(default=None, init=False)

    def enter(self) -> asyncio.AbstractEventLoop:
        """Return the running loop; raises LoopError if the object lives on another open one."""
        loop = asyncio.get_running_loop()
        if self.loop is not loop:
            if self.loop is not None and not self.loop.is_closed():
                raise LoopError(
                    "this client did its first I/O on another event loop, which is still open: "
                    "make a client per loop, or close that loop first"
                )
            self.loop = loop
        return loop


@attrs.define(eq=False)
class Flights(Generic[T]):
    """
    At most one shared flight, and any number of single ones; nobody's cancellation ends one.

    A flight is a task in an empty context. Its failure reaches every waiter, and the next caller
    starts a new one.

    Many wait for one: each has a plain future, which the flight resolves as it lands.
    asyncio.shield() would make two closures and two callbacks more for each.
    """

    _binding: LoopBinding = attrs.field(factory=LoopBinding, init=False)
    _shared: asyncio.Task[T] | None = attrs.field(default=None, init=False)
    # Each flight, and who waits for it, in the order in which they came.
    _flying: dict[asyncio.Task[T], dict[asyncio.Future[T], None]] = attrs.field(
        factory=dict[Any, Any], init=False
    )

    @property
    def shared(self) -> bool:
        """Whether there is a shared flight to wait for; else share() starts one."""
        task = self._shared
        return task is not None and not task.done() and not task.get_loop().is_closed()

    async def share(
        self, start: Callable[[*Arguments], Coroutine[Any, Any, T]], *arguments: *Arguments
    ) -> T:
        """
        Wait for the flight in progress, or start one with *arguments*.

        Raises what the flight raises.
        """
        loop = self._enter()
        task = self._shared
        if task is None or not self.shared:
            task = self._shared = self.launch(start(*arguments))
        waiting = self._flying[task]
        del task  # what it raises holds this frame, which would hold it
        waiter: asyncio.Future[T] = loop.create_future()
        waiting[waiter] = None
        try:
            return await waiter
        finally:
            waiting.pop(waiter, None)
            del waiter  # for the same reason

    def begin(
        self, start: Callable[[*Arguments], Coroutine[Any, Any, T]], *arguments: *Arguments
    ) -> None:
        """Start the shared flight, if there is none, and wait for nothing."""
        self._enter()
        if not self.shared:
            self._shared = self.launch(start(*arguments))

    async def fly(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run *coroutine* as a flight of its own; cancelling the caller does not end it."""
        try:
            self._enter()
        except BaseException:
            coroutine.close()
            raise
        # No name for the task: what it raises holds this frame, which would hold the task.
        return await asyncio.shield(self.launch(coroutine))

    async def settle(self) -> None:
        """Wait until nothing is in flight; failures are their waiters' business."""
        loop = asyncio.get_running_loop()
        # Not for the caller's own: a hook that closes the client would wait for itself.
        mine = asyncio.current_task()
        while flying := [
            task
            for task in self._flying
            if task.get_loop() is loop and not task.done() and task is not mine
        ]:
            await asyncio.wait(flying)

    def _enter(self) -> asyncio.AbstractEventLoop:
        before = self._binding.loop
        loop = self._binding.enter()
        if loop is not before and self._flying:
            self._abandon()
        return loop

    def _abandon(self) -> None:
        """End what a closed loop left in the air: nobody else would give its store's lock back."""
        while self._flying:
            task, _ = self._flying.popitem()  # the latest first: it waits for those before it
            _IN_FLIGHT.discard(task)
            coroutine = task.get_coro()
            if inspect.iscoroutine(coroutine):
                with suppress(Exception):  # whatever wants the closed loop
                    coroutine.close()

    def launch(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin a flight of its own, and wait for nothing; not for a loop that is another's."""
        loop = asyncio.get_running_loop()
        # An empty context: who comes first must not lend the others his context variables.
        task = loop.create_task(coroutine, context=Context())
        self._flying[task] = {}
        _IN_FLIGHT.add(task)
        task.add_done_callback(self._landed)
        return task

    def _landed(self, task: asyncio.Task[T]) -> None:
        waiting = self._flying.pop(task)
        _IN_FLIGHT.discard(task)
        if self._shared is task:
            self._shared = None
        # Retrieved here: when every waiter has gone, asyncio would log it with its traceback.
        error = None if task.cancelled() else task.exception()
        for waiter in waiting:
            if waiter.done():
                continue  # cancelled, and about to leave
            if task.cancelled():
                waiter.cancel()
            elif error is not None:
                waiter.set_exception(error)
            else:
                waiter.set_result(task.result())
