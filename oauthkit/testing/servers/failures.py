"""
Answer as servers do on their worst days: huge, compressed beyond reason, slow, or not at all.

Each of these is, or makes, a handler for `OAuth1Server.respond` (RFC 9110, RFC 1952).
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable

import attrs
from aiohttp import web

__all__ = ["Drip", "Handler", "dropped", "gzip_bomb", "huge"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_CHUNK = 1 << 16


def huge(
    octets: int = 60 << 20,
    *,
    prefix: bytes = b"",
    status: int = 200,
    content_type: str = "text/html",
) -> Handler:
    """Make a handler that streams *prefix*, then letters up to *octets*, without a length."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"Content-Type": content_type})
        await response.prepare(request)
        await response.write(prefix)
        chunk = b"a" * _CHUNK
        for left in range(octets - len(prefix), 0, -_CHUNK):
            await response.write(chunk[: min(left, _CHUNK)])
        return response

    return answer


def gzip_bomb(
    octets: int = 60 << 20,
    *,
    prefix: bytes = b"",
    status: int = 200,
    content_type: str = "text/html",
) -> Handler:
    """Make a handler whose small gzip answer inflates to *octets*, whatever was asked for."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    packed = [squeeze.compress(prefix)]
    chunk = b"a" * _CHUNK
    packed.extend(
        squeeze.compress(chunk[: min(left, _CHUNK)])
        for left in range(octets - len(prefix), 0, -_CHUNK)
    )
    packed.append(squeeze.flush())
    body = b"".join(packed)

    async def answer(_: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": content_type, "Content-Encoding": "gzip"}
        return web.Response(status=status, body=body, headers=headers)

    return answer


def dropped(sent: bytes | None = None) -> Handler:
    """
    Make a handler that cuts the connection without an answer.

    With *sent*, status line and headers promise one octet more than *sent*, which is all that
    comes.
    """

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/html"})
        if sent is not None:
            response.content_length = len(sent) + 1
            await response.prepare(request)
            await response.write(sent)
        if request.transport is not None:
            # close() flushes what was sent; abort() might not.
            request.transport.close()
        return response

    return answer


@attrs.define(eq=False, kw_only=True)
class Drip:
    """
    Answer with headers and *first*, then wait for `release` before *rest* follows.

    A client that never sees `release` called waits until its own deadline.
    """

    first: bytes = b"o"
    rest: bytes = b""
    content_type: str = "text/html"
    _waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = attrs.field(
        factory=list[tuple[asyncio.AbstractEventLoop, asyncio.Event]], init=False, repr=False
    )

    def release(self) -> None:
        """Let every answer that waits be finished; may be called from any thread."""
        for loop, event in self._waiting:
            loop.call_soon_threadsafe(event.set)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        event = asyncio.Event()
        waits = (asyncio.get_running_loop(), event)
        self._waiting.append(waits)
        try:
            response = web.StreamResponse(headers={"Content-Type": self.content_type})
            await response.prepare(request)
            await response.write(self.first)
            await event.wait()
            await response.write(self.rest)
        finally:
            self._waiting.remove(waits)
        return response
