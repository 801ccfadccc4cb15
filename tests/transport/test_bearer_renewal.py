"""A refused bearer token: one more try with another one, and else the answer that refused it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp import web

from oauthkit import AsyncOAuth2Client, OAuthError, Record
from oauthkit.tokens.retries import Retries
from oauthkit.tokens.seams import LOGIN_REQUIRED
from oauthkit.tokens.sources import StoredSource
from oauthkit.transport.bearer import TokenPlacement
from support import run
from tokens.grants import Exchange, opened, source
from transport.bearers import PLACEMENTS, Site, serving, signing

pytestmark = pytest.mark.proves(
    "Transport", "a refused token is renewed once", rfc="RFC 6750 §3.1", judge="none but ours"
)

REFUSAL = "refused: " + "no " * 10_000


def guard(site: Site, *good: str) -> None:
    """Let ``/x`` take these tokens, wherever they stand, and no other."""

    async def answer(request: web.Request) -> web.Response:
        form = await request.post()
        header = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = header or request.query.get("access_token") or form.get("access_token")
        if token in good:
            return web.Response(text=f"{token!s} {form.get('a')!s}")
        return web.Response(status=401, text=REFUSAL)

    site.handlers["/x"] = answer


@asynccontextmanager
async def sending(
    site: Site, asked: StoredSource, placement: TokenPlacement = "header", **options: Any
) -> AsyncGenerator[aiohttp.ClientSession]:
    """Open a session that signs; *options* are its connector's."""
    connector = aiohttp.TCPConnector(**options)
    middlewares = [signing(site, asked, placement)]
    async with aiohttp.ClientSession(connector=connector, middlewares=middlewares) as session:
        yield session


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_one_more_try(placement: TokenPlacement) -> None:
    """With the renewed token in place of the other, and the same body."""

    async def main() -> None:
        async with serving() as site:
            guard(site, "t2")
            exchange = opened()
            async with (
                sending(site, source(exchange), placement) as session,
                session.post(f"{site.origin}/x", data={"a": "1"}) as response,
            ):
                assert (200, "t2 1") == (response.status, await response.text())
            assert (2, [None, "r1"]) == (len(site.log), exchange.spent)
            for number, arrived in enumerate(site.log, 1):
                assert 1 == str(arrived.sent).count(f"t{number}")
                assert f"t{3 - number}" not in str(arrived.sent)

    run(main())


def test_always_401() -> None:
    """The second refusal is the answer, and it can be read; later calls ask for no token."""

    async def main() -> None:
        async with serving() as site:
            guard(site)
            exchange = opened()
            async with sending(site, source(exchange)) as session:
                for _ in range(5):
                    async with session.get(f"{site.origin}/x") as response:
                        assert (401, REFUSAL) == (response.status, await response.text())
            assert (2, 6) == (exchange.count, len(site.log))

    run(main())


@pytest.mark.parametrize("error", [LOGIN_REQUIRED, None])
def test_nothing_new_to_be_had(error: str | None) -> None:
    """The answer that refused it is handed out unread; with one connection for all."""

    async def main() -> None:
        async with serving() as site:
            guard(site)
            exchange = opened()
            asked = source(exchange)
            token = await asked.token()
            if error is None:
                exchange.answers.append(dict(token))  # the same one again
            else:
                exchange.answers.append(OAuthError("log in", error=error))
            async with sending(site, asked, limit=1) as session:
                async with session.get(f"{site.origin}/x") as response:
                    assert (401, REFUSAL) == (response.status, await response.text())
                async with session.get(f"{site.origin}/free") as response:
                    assert "ok" == await response.text()
            assert 2 == len(site.log)

    run(main())


def test_failing_renewal() -> None:
    """Its error reaches the caller, and the connection is free again."""

    async def main() -> None:
        async with serving() as site:
            guard(site, "t2")
            exchange = opened()
            asked = source(exchange, retries=Retries(count=0))
            await asked.token()
            exchange.answers.append(OAuthError("down", error="temporarily_unavailable"))
            async with sending(site, asked, limit=1) as session:
                with pytest.raises(OAuthError, match="down"):
                    await session.get(f"{site.origin}/x")
                async with session.get(f"{site.origin}/x") as response:
                    assert "t2 None" == await response.text()

    run(main())


@attrs.define(eq=False)
class OverTheWire(Exchange):
    """An exchange that needs a connection of its own."""

    session: aiohttp.ClientSession | None = None
    url: str = ""

    async def __call__(self, record: Record | None) -> Mapping[str, Any]:
        """Ask over the wire first."""
        assert self.session is not None
        async with self.session.post(self.url, middlewares=()) as response:
            await response.read()
        return await super().__call__(record)


def test_one_connection_for_all() -> None:
    """Renewing while a refusal is unread does not wait for its own connection."""

    async def main() -> None:
        async with serving() as site:
            guard(site, "t2")
            exchange = OverTheWire(url=f"{site.origin}/token")
            exchange.gate.set()
            async with sending(site, source(exchange), limit=1) as session:
                exchange.session = session

                async def get() -> str:
                    async with session.get(f"{site.origin}/x") as response:
                        return await response.text()

                texts = await asyncio.gather(*(get() for _ in range(10)))
            assert {"t2 None"} == set(texts)
            assert 2 == exchange.count

    run(main())


def test_stream_is_not_sent_again() -> None:
    """What was made while it was sent is gone: the refusal is the answer."""

    async def chunks() -> Any:
        yield b"once"

    async def main() -> None:
        async with serving() as site:
            guard(site, "t2")
            exchange = opened()
            async with (
                sending(site, source(exchange)) as session,
                session.post(f"{site.origin}/x", data=chunks()) as response,
            ):
                assert 401 == response.status
            assert (1, 1) == (exchange.count, len(site.log))

    run(main())


@pytest.mark.parametrize("placement", ["header", "query"])
def test_websocket(placement: TokenPlacement) -> None:
    """RFC 6455 §4.1: the handshake has the token, and another one when it was refused."""

    async def main() -> None:
        async with serving() as site:
            opened_by: list[str] = []

            async def answer(request: web.Request) -> web.StreamResponse:
                header = request.headers.get("Authorization", "").removeprefix("Bearer ")
                token = header or request.query["access_token"]
                if token == "old":
                    return web.Response(status=401, text=REFUSAL)
                opened_by.append(token)
                socket = web.WebSocketResponse()
                await socket.prepare(request)
                await socket.send_str("hello")
                await socket.close()
                return socket

            async def token(_: web.Request) -> web.Response:
                return web.json_response({"access_token": "new", "token_type": "Bearer"})

            site.handlers.update({"/ws": answer, "/token": token})
            async with (
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session,
                AsyncOAuth2Client(
                    session,
                    "id",
                    "secret",
                    grant_type="client_credentials",
                    token={"access_token": "old"},
                    token_placement=placement,
                    token_endpoint=f"{site.origin}/token",
                    origins=[site.origin],
                ) as client,
                client.ws_connect(f"{site.origin.replace('http', 'ws')}/ws") as socket,
            ):
                assert "hello" == await socket.receive_str()
            assert ["new"] == opened_by
            assert ["/ws", "/token", "/ws"] == [a.target.partition("?")[0] for a in site.log]

    run(main())
