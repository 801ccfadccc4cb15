"""A thread for what blocks: it does one thing after the other, and ends when it is not wanted."""

from __future__ import annotations

import asyncio
import atexit
import os
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar, TypeVarTuple
from weakref import WeakSet

import attrs

__all__ = ["Worker"]

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")
# What waits for the result, what is called, and with what.
_Job = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]

# Seconds that the exit of the program waits for a thread to finish what it was given.
_LAST_WAIT = 10.0


@attrs.define(eq=False)
class Worker:
    """
    One thread, *name*, begun at once; ``stop()`` ends it after what it was given, and *at_end*.

    A forked child has no such thread: see *is_ours*.
    """

    name: str
    at_end: Callable[[], object] = attrs.field(repr=False)
    thread: Thread = attrs.field(init=False)
    _jobs: SimpleQueue[_Job | None] = attrs.field(
        factory=SimpleQueue["_Job | None"], init=False, repr=False
    )
    _process: int = attrs.field(factory=os.getpid, init=False)
    _stopped: bool = attrs.field(default=False, init=False)
    _guard: Lock = attrs.field(factory=Lock, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Begin."""
        # A daemon, or the interpreter would wait for it before it lets anybody end it.
        self.thread = Thread(
            target=_serve, args=(self._jobs, self.at_end), name=self.name, daemon=True
        )
        self.thread.start()
        _WORKERS.add(self)

    @property
    def is_stopped(self) -> bool:
        """Whether it takes nothing any more."""
        return self._stopped

    @property
    def is_ours(self) -> bool:
        """Whether this process began it; a child that was forked did not."""
        return self._process == os.getpid()

    def submit(self, function: Callable[[*Arguments], T], *arguments: *Arguments) -> Future[T]:
        """
        Have *function* called, after all that was given before.

        Raises RuntimeError once it was stopped.
        """
        future: Future[T] = Future()
        with self._guard:
            if self._stopped:
                raise RuntimeError(f"{self.name}: stopped")
            self._jobs.put((future, function, arguments))
        return future

    async def run(self, function: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
        """Await the result of *function*; a caller that is cancelled does not stop it."""
        return await asyncio.wrap_future(self.submit(function, *arguments))

    def stop(self) -> None:
        """End the thread when it has done what it was given; does not wait."""
        if self.is_ours:
            with self._guard:
                self._stopped = True
                self._jobs.put(None)


_WORKERS: WeakSet[Worker] = WeakSet()


def _serve(jobs: SimpleQueue[_Job | None], at_end: Callable[[], object]) -> None:
    while (job := jobs.get()) is not None:
        _work(*job)
        del job  # what it holds is not ours to keep until the next one comes
    at_end()


def _work(future: Future[Any], function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function(*arguments)
    except BaseException as error:  # noqa: BLE001 - whoever waits for it gets it
        future.set_exception(error)
        del future  # it holds the error, which holds this frame
    else:
        future.set_result(result)


@atexit.register
def _finish() -> None:
    """Let every thread finish before the interpreter stops it in the middle of something."""
    for worker in tuple(_WORKERS):
        worker.stop()
        if worker.is_ours:
            worker.thread.join(_LAST_WAIT)
