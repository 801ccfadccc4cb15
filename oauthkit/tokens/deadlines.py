"""Deadlines whose end is an error that says what took too long."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from oauthkit.errors import UnreachableError

__all__ = ["Deadline", "Patience"]

# A timer that comes so much later than it should (seconds) finds a process that was stopped: what
# came meanwhile is read within the grace, and not thrown away.
_LATE, _GRACE = 0.05, 1.0


class Patience:
    """
    A timeout at *until* (the event loop's time, None: none); its end is a TimeoutError.

    Where the process was stopped, or the loop blocked, at that time, it ends a second after that:
    an answer that waits in the socket may hold a refresh token that nobody can get again.
    """

    def __init__(self, until: float | None) -> None:
        self._until = until
        self._timeout = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None

    @property
    def expired(self) -> bool:
        """Whether it has ended by itself."""
        return self._timeout.expired()

    async def __aenter__(self) -> Self:
        """Begin."""
        await self._timeout.__aenter__()
        if self._until is not None:
            self._timer = asyncio.get_running_loop().call_at(self._until, self._end)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._timeout.__aexit__(kind, error, traceback)

    def _end(self) -> None:
        now = asyncio.get_running_loop().time()
        is_late = self._until is not None and now > self._until + _LATE
        self._timeout.reschedule(now + _GRACE if is_late else now)


class Deadline:
    """
    A deadline (seconds, None: none) whose end is an UnreachableError.

    *what* says what did not happen until then, and *endpoint* who did not answer.
    """

    def __init__(self, seconds: float | None, endpoint: str, what: str) -> None:
        self._seconds = seconds
        self._endpoint = endpoint
        self._what = what
        self._timeout = asyncio.timeout(None)

    def renew(self, what: str) -> None:
        """Begin anew, inside, for something else."""
        self._what = what
        if self._seconds is not None:
            self._timeout.reschedule(asyncio.get_running_loop().time() + self._seconds)

    def suspend(self) -> float | None:
        """Let the time stand still, inside, until ``renew()``; return when it would have ended."""
        until = self._timeout.when()
        self._timeout.reschedule(None)
        return until

    def resume(self, until: float | None) -> None:
        """Let it end, inside, when it would have ended."""
        self._timeout.reschedule(until)

    def when(self) -> float | None:
        """Return when it ends, by the event loop's clock."""
        return self._timeout.when()

    def error(self) -> UnreachableError:
        """Make the error of its end."""
        return UnreachableError(
            f"{self._what} within {self._seconds:g} s",
            endpoint=self._endpoint,
            deadline=self._seconds,
        )

    async def __aenter__(self) -> Self:
        """Begin."""
        self._timeout = asyncio.timeout(self._seconds)
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End; a TimeoutError of somebody else's goes through."""
        try:
            await self._timeout.__aexit__(kind, error, traceback)
        except TimeoutError:
            pass
        else:
            return
        finally:
            # It knows its task, which holds what it raises, and that the frames that hold us.
            self._timeout = asyncio.timeout(None)
        # Outside of the handler: what was caught there knows the task, too.
        raise self.error() from None
