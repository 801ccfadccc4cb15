"""The body of a 401: long, slow or broken off, it holds up no renewal, and nothing of it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from oauthkit import OAuthError
from oauthkit.tokens.seams import LOGIN_REQUIRED
from support import run
from tokens.grants import Exchange, opened, source
from transport.bearers import Handler, serving, signing

LONG = "no " * 100_000


@asynccontextmanager
async def refusing(
    answer: Handler, exchange: Exchange, patience: float = 0.02
) -> AsyncGenerator[aiohttp.ClientSession]:
    """Run a resource that takes ``t2`` and gives *answer* to others; open a session that signs."""

    async def guard(request: web.Request) -> web.StreamResponse:
        if "Bearer t2" == request.headers["Authorization"]:
            return web.Response(text="taken")
        return await answer(request)

    async with serving() as site:
        site.handlers["/x"] = guard
        middleware = signing(site, source(exchange))
        middleware.patience = patience
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(
            site.origin, connector=connector, middlewares=[middleware]
        ) as session:
            yield session


def final() -> Exchange:
    """Make an exchange that has one token to give."""
    exchange = opened()
    exchange.answers += [exchange.members(1), OAuthError("log in", error=LOGIN_REQUIRED)]
    return exchange


async def long(_: web.Request) -> web.StreamResponse:
    """Refuse, with more than aiohttp holds."""
    return web.Response(status=401, text=LONG)


async def broken(request: web.Request) -> web.StreamResponse:
    """Refuse, and break off."""
    response = web.StreamResponse(status=401, headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"begun")
    assert request.transport is not None
    request.transport.close()
    return response


class Slow:
    """Refuses, and is done when *go_on* is set; a body in pieces, of unknown length."""

    def __init__(self, *pieces: str) -> None:
        self.pieces = pieces
        self.go_on = asyncio.Event()
        self.begun = asyncio.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answer."""
        response = web.StreamResponse(status=401)
        response.enable_chunked_encoding()
        await response.prepare(request)
        for piece in self.pieces[:-1]:
            await response.write(piece.encode())
        self.begun.set()
        await self.go_on.wait()
        await response.write(self.pieces[-1].encode())
        return response


def test_long() -> None:
    """The call is made again; where there is nothing new, all of it can be read."""

    async def main() -> None:
        async with refusing(long, opened()) as session, session.get("/x") as response:
            assert "taken" == await response.text()
        async with refusing(long, final()) as session, session.get("/x") as response:
            assert (401, LONG) == (response.status, await response.text())

    run(main())


@pytest.mark.parametrize("pieces", [("begun, ", "done"), ("begun, ", LONG, "done"), ("done",)])
def test_slow(pieces: tuple[str, ...]) -> None:
    """It is not waited for; where there is nothing new, the caller can wait for it himself."""

    async def main() -> None:
        slow = Slow(*pieces)
        async with refusing(slow, opened()) as session:
            async with session.get("/x") as response:
                assert "taken" == await response.text()
            slow.go_on.set()
        slow = Slow(*pieces)
        async with refusing(slow, final()) as session, session.get("/x") as response:
            assert 401 == response.status
            slow.go_on.set()
            assert "".join(pieces) == await response.text()

    run(main())


def test_broken_off() -> None:
    """The call is made again; where there is nothing new, the caller gets what came, and why."""

    async def main() -> None:
        async with refusing(broken, opened()) as session, session.get("/x") as response:
            assert "taken" == await response.text()
        async with refusing(broken, final()) as session, session.get("/x") as response:
            assert 401 == response.status
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()

    run(main())


def test_failing_renewal() -> None:
    """Its error reaches the caller, and the connection is given up with the body."""

    async def main() -> None:
        slow, exchange = Slow("begun, ", "done"), opened()
        exchange.answers += [exchange.members(1), OAuthError("no", error="invalid_client")]
        async with refusing(slow, exchange) as session:
            with pytest.raises(OAuthError, match="no"):
                await session.get("/x")
            slow.go_on.set()
            async with session.get("/other") as response:
                assert "ok" == await response.text()

    run(main())


def test_cancelled_while_it_is_waited_for() -> None:
    """Nobody gets the answer: its connection is given up at once, not when somebody collects it."""

    async def main() -> None:
        slow = Slow("begun, ", "done")
        async with refusing(slow, opened(), patience=60) as session:
            begun = asyncio.create_task(_ask(session))
            await slow.begun.wait()
            for _ in range(20):
                await asyncio.sleep(0)
            assert not begun.done()
            begun.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await begun
            # There is one connection, and who holds the error holds the frames of the call.
            assert caught.value.__traceback__ is not None
            async with asyncio.timeout(5), session.get("/other") as response:
                assert "ok" == await response.text()
            slow.go_on.set()

    run(main())


async def _ask(session: aiohttp.ClientSession) -> int:
    async with session.get("/x") as response:
        return response.status
