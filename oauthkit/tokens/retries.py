"""When a request is sent again, and after which pause (RFC 9110 §10.2.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from secrets import SystemRandom
from typing import TypeVar

import attrs

from oauthkit.errors import OAuthError, UnreachableError
from oauthkit.protocol.statuses import RETRY_STATUSES, UNSPENT_STATUSES

__all__ = ["Pauses", "Retries", "Sleep", "sleep_of"]

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[object]]

_FIRST, _LONGEST = 0.5, 8.0
_draw = SystemRandom().uniform


def sleep_of(clock: object) -> Sleep:
    """Return how to wait by *clock*: its own ``sleep()`` where it has one, as that of a test."""
    sleep: Sleep = getattr(clock, "sleep", asyncio.sleep)
    return sleep


@attrs.frozen(kw_only=True)
class Retries:
    """
    Whether and when a request is sent again: at most *count* times.

    The pause is what the server asks for (``Retry-After``), else drawn from a span that doubles: up
    to 0.5, 1, 2, … 8 seconds. *statuses* are those after which it is sent again, *unspent* those
    that say that a refresh token was not used.
    """

    count: int = 2
    statuses: Collection[int] = RETRY_STATUSES
    unspent: Collection[int] = UNSPENT_STATUSES
    sleep: Sleep = asyncio.sleep

    def is_transient(self, failure: Exception) -> bool:
        """Tell whether the same request may succeed a little later."""
        if isinstance(failure, OAuthError):
            return failure.error == "temporarily_unavailable" or failure.status in self.statuses
        return isinstance(failure, UnreachableError) and failure.deadline is None

    def is_unspent(self, failure: Exception) -> bool:
        """Tell whether *failure* says that a refresh token was not used."""
        return isinstance(failure, OAuthError) and (
            failure.error == "temporarily_unavailable" or failure.status in self.unspent
        )

    async def run(self, request: Callable[[], Awaitable[T]], *, until: float | None = None) -> T:
        """
        Return what *request* returns, sending it again where that may help; it must be safe.

        *until* is the time of the event loop by which all has to be done. Raises what *request*
        raises.
        """
        pauses = Pauses(self)
        while True:
            try:
                return await request()
            except (OAuthError, UnreachableError) as error:
                if not self.is_transient(error) or (pause := pauses.next(error, until)) is None:
                    raise
            await self.sleep(pause)


@attrs.define(eq=False)
class Pauses:
    """The pauses of one request."""

    retries: Retries
    _taken: int = attrs.field(default=0, init=False)

    def next(self, failure: Exception, until: float | None) -> float | None:
        """
        Return how long (seconds) to wait before the request is sent again.

        None where it has been sent often enough, or where the pause would outlast *until* (the time
        of the event loop; without it, 16 seconds).
        """
        if self._taken >= self.retries.count:
            return None
        span = min(_FIRST * 2**self._taken, _LONGEST)
        self._taken += 1
        asked = getattr(failure, "retry_after", None)
        pause = _draw(span / 2, span) if asked is None else asked
        left = 2 * _LONGEST if until is None else until - asyncio.get_running_loop().time()
        return pause if pause < left else None
