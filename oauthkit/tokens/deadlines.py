"""Deadlines whose end is an error that says what took too long."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from oauthkit.errors import UnreachableError

__all__ = ["Deadline"]


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
