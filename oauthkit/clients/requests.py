"""A request that can be awaited or entered, as aiohttp's own can."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Generator
from types import TracebackType
from typing import Any, Generic, TypeVar

from aiohttp import ClientResponse, ClientWebSocketResponse

__all__ = ["PendingRequest"]

R = TypeVar("R")


class PendingRequest(Generic[R]):
    """
    One request, not yet sent: ``await`` it, or enter it with ``async with``.

    Leaving the context gives the connection back.
    """

    __slots__ = ("_coroutine", "_response")

    def __init__(self, coroutine: Coroutine[Any, Any, R]) -> None:
        self._coroutine = coroutine
        self._response: R | None = None

    def __await__(self) -> Generator[Any, None, R]:
        """Send the request and return the response."""
        return self._coroutine.__await__()

    async def __aenter__(self) -> R:
        """Send the request and return the response."""
        self._response = response = await self._coroutine
        return response

    def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Awaitable[None]:
        """Give the connection back to its pool, or close the WebSocket."""
        response = self._response
        if isinstance(response, ClientResponse):
            return response.__aexit__(kind, error, traceback)
        return _close(response)


async def _close(response: object) -> None:
    if isinstance(response, ClientWebSocketResponse):
        await response.close()
