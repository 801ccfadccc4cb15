"""A deadline for what a token waits for: a store, its lock, a server."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from oauthkit.errors import UnreachableError

__all__ = ["Deadline"]


class Deadline:
    """Ends what is waited for after *seconds*, by an UnreachableError that names *endpoint*."""

    def __init__(self, seconds: float, endpoint: str) -> None:
        self._seconds = seconds
        self._endpoint = endpoint
        self._timeout = asyncio.timeout(seconds)

    def renew(self) -> None:
        """Begin anew."""
        self._timeout.reschedule(asyncio.get_running_loop().time() + self._seconds)

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, traceback)
        except TimeoutError:  # ours: a store's own goes through
            raise UnreachableError(
                f"a token could not be had within {self._seconds:g} s: "
                f"{self._endpoint}, its lock or the server did not answer",
                endpoint=self._endpoint,
                deadline=self._seconds,
            ) from None
