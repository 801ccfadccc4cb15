"""Users' hooks, told of new tokens: one after the other, as the tokens were stored."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context, ContextVar

import attrs

from oauthkit.protocol.token import Token
from oauthkit.tokens.deadlines import Deadline

__all__ = ["Notify", "Tellings"]

Notify = Callable[[Token, Token | None], Awaitable[None]]

# The event loop keeps tasks weakly: a hook must be told even when all who waited have gone.
_IN_PROGRESS: set[asyncio.Task[None]] = set()
# Marks what a user's hook does, while it is told of a new token.
_TELLING: ContextVar[object] = ContextVar("_TELLING", default=None)


@attrs.define(eq=False)
class Tellings:
    """
    The queue of what the hooks of one grant are still to be told.

    A telling is a task of its own, in an empty context: what was stored is stored, whoever waits
    for the hook. So a hook may renew the token itself, or close its client: its own telling is not
    waited for, and what comes of it is told when it has returned.
    """

    _pending: list[asyncio.Task[None]] = attrs.field(
        factory=list[asyncio.Task[None]], init=False, repr=False
    )
    _mark: object | None = attrs.field(default=None, init=False, repr=False)

    @property
    def inside(self) -> bool:
        """Whether a hook asks that is being told just now, or a task that it has made."""
        return self._mark is not None and _TELLING.get() is self._mark

    def begin(
        self, notify: Notify, token: Token, before: Token | None, deadline: float | None
    ) -> asyncio.Task[None]:
        """
        Tell *notify* of a token that was just stored, after all that was begun before.

        *deadline* (seconds) is for the hook alone, from its call on: it is cancelled then, and the
        task raises UnreachableError. What the hook raises, the task raises.
        """
        loop = asyncio.get_running_loop()
        self._pending = [one for one in self._pending if one.get_loop() is loop]
        # With asyncio.eager_task_factory it runs at once, before it is among those that wait.
        telling = self._tell(notify, token, before, deadline, list(self._pending))
        task = loop.create_task(telling, context=Context())
        self._pending.append(task)
        _IN_PROGRESS.add(task)
        task.add_done_callback(self._told)
        return task

    async def catch_up(self) -> bool:
        """
        Wait for all that is begun by now; return whether there was anything to wait for.

        What a hook raises is its waiters' business. A hook that is being told waits for nothing.
        """
        loop = asyncio.get_running_loop()
        pending = [one for one in self._pending if one.get_loop() is loop]
        if not pending or self.inside:
            return False
        await asyncio.wait(pending)
        return True

    async def _tell(
        self,
        notify: Notify,
        token: Token,
        before: Token | None,
        deadline: float | None,
        earlier: list[asyncio.Task[None]],
    ) -> None:
        if earlier:
            await asyncio.wait(earlier)
        del earlier  # a task holds what it raises, which holds this frame
        mark = self._mark = object()
        _TELLING.set(mark)  # in this task's own context, and in those of its tasks
        what = "the new token is kept, but update_token did not return"
        try:
            async with Deadline(deadline, "update_token", what):
                await notify(token, before)
        finally:
            if self._mark is mark:
                self._mark = None

    def _told(self, task: asyncio.Task[None]) -> None:
        _IN_PROGRESS.discard(task)
        if task in self._pending:
            self._pending.remove(task)
