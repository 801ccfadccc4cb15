"""The four cases of the fence for WebSocket handshakes (RFC 6455 §4.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from yarl import URL

from oauthkit import AsyncOAuth1Client, ForeignOriginError, RequestError
from transport.peers import (
    FOREIGN_HOST,
    HOST,
    PLACEMENTS,
    Pair,
    client_of,
    hears_nothing,
    run,
    running_pair,
    verified,
)

pytestmark = pytest.mark.proves(
    "Where secrets may go", "websocket handshakes", rfc="RFC 6455 §4.1", judge="none but ours"
)

ELSEWHERE = {
    "host": f"wss://{FOREIGN_HOST}",
    "port": f"wss://{HOST}:8443",
    "scheme": f"ws://{HOST}",
}

placements = pytest.mark.parametrize("placement", PLACEMENTS)
elsewhere = pytest.mark.parametrize("base", ELSEWHERE.values(), ids=ELSEWHERE)
statuses = pytest.mark.parametrize("status", [302, 307, 308])


@pytest.fixture(scope="module")
def services() -> Iterator[Pair]:
    """Run a service and a stranger."""
    with running_pair() as pair:
        yield pair


@pytest.fixture
def pair(services: Pair) -> Pair:
    """Hand the pair out, with nothing in its logs."""
    services.clear()
    return services


def session_of(pair: Pair, **options: Any) -> aiohttp.ClientSession:
    """Make a session whose jar holds a cookie for every host."""
    session = pair.home.session(pair.stranger, **options)
    for host in (HOST, FOREIGN_HOST):
        session.cookie_jar.update_cookies({"session": "of-the-jar"}, URL(f"https://{host}/"))
    return session


def lead_away(pair: Pair, status: int, base: str) -> None:
    """Let the service redirect the handshake; redirects are http to aiohttp."""
    pair.home.redirect("/leave", status, f"{base.replace('ws', 'http', 1)}/ws")


async def refused(opener: Any, url: str) -> None:
    """Expect that the end of the chain, which wants a signature, refuses."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await opener.ws_connect(url)
    assert 401 == caught.value.status


@placements
@pytest.mark.parametrize("url", ["/ws", f"wss://{HOST}/ws", f"https://{HOST}/ws?a=b+c"])
def test_handshake_is_signed(pair: Pair, placement: str, url: str) -> None:
    """A handshake inside carries a signature, no cookie, and opens; the session stays usable."""

    async def main() -> None:
        async with session_of(pair) as session:
            client = client_of(pair, session, placement=placement)
            async with client.ws_connect(url, protocols=["echo"]) as socket:
                await socket.send_str("hello")
                assert "hello" == await socket.receive_str()
            assert socket.closed
            async with client.get("/x") as response:
                assert 200 == response.status

    run(main())
    handshake, _ = pair.all()
    verified(handshake)
    # A GET has no body that the parameters could go into.
    assert ("header" if placement == "body" else placement) == handshake.placement
    assert handshake.header("Cookie") is None


@placements
@elsewhere
def test_handshake_elsewhere_is_refused(pair: Pair, placement: str, base: str) -> None:
    """Nothing is sent."""

    async def main() -> None:
        async with session_of(pair) as session:
            with pytest.raises(ForeignOriginError):
                await client_of(pair, session, placement=placement).ws_connect(f"{base}/ws")

    run(main())
    assert [] == pair.all()


@placements
@elsewhere
@statuses
def test_handshake_redirected_elsewhere_has_nothing_of_ours(
    pair: Pair, placement: str, base: str, status: int
) -> None:
    """The stranger gets a handshake without signature and cookies."""
    lead_away(pair, status, base)

    async def main() -> None:
        async with session_of(pair) as session:
            client = client_of(pair, session, placement=placement)
            await refused(client, f"wss://{HOST}/leave")

    run(main())
    first, last = pair.all()
    verified(first)
    hears_nothing(pair, last)
    assert "websocket" == last.header("Upgrade")


@placements
@elsewhere
@pytest.mark.parametrize("status", [None, 302, 307, 308])
def test_middleware_lets_handshakes_elsewhere_pass(
    pair: Pair, placement: str, base: str, status: int | None
) -> None:
    """On somebody's own session they carry no signature, and what its jar holds."""
    url = f"{base}/ws"
    if status is not None:
        lead_away(pair, status, base)
        url = f"wss://{HOST}/leave"

    async def main() -> None:
        client = client_of(pair, placement=placement)
        async with session_of(pair, middlewares=[client.middleware]) as session:
            await refused(session, url)

    run(main())
    *inside, last = pair.all()
    for exchange in inside:
        verified(exchange)
        assert exchange.header("Cookie") is None
    assert not last.signed
    assert last.header("Authorization") is None
    assert "session=of-the-jar" == last.header("Cookie")


@placements
@elsewhere
@statuses
def test_without_provider_the_url_counts_for_its_handshake_only(
    pair: Pair, placement: str, base: str, status: int
) -> None:
    """What a caller asks for is signed there; a later redirect to the same place is not."""
    lead_away(pair, status, base)
    home = pair.home

    async def main() -> None:
        async with session_of(pair) as session:
            client = AsyncOAuth1Client(
                session,
                home.client_id,
                home.client_secret,
                token=home.token,
                token_secret=home.token_secret,
                signature_type=placement.upper(),
            )
            if base.startswith("ws:"):
                with pytest.raises(RequestError, match="not https"):
                    await client.ws_connect(f"{base}/ws")
                assert [] == pair.all()
            elif FOREIGN_HOST in base:
                await refused(client, f"{base}/ws")
                assert pair.stranger.log[0].signed
            else:
                async with client.ws_connect(f"{base}/ws"):
                    verified(pair.home.log[0])
            pair.clear()
            await refused(client, f"wss://{HOST}/leave")

    run(main())
    first, last = pair.all()
    verified(first)
    hears_nothing(pair, last)


@placements
def test_handshake_redirected_inside_is_signed_anew(pair: Pair, placement: str) -> None:
    """Both hops carry a signature of their own."""
    pair.home.redirect("/there", 307, f"https://{HOST}/ws")

    async def main() -> None:
        async with session_of(pair) as session:
            client = client_of(pair, session, placement=placement)
            async with client.ws_connect(f"wss://{HOST}/there"):
                pass

    run(main())
    first, last = pair.all()
    verified(first)
    verified(last)
    assert first.parameter("oauth_nonce") != last.parameter("oauth_nonce")


def test_cookies_of_a_handshake(pair: Pair) -> None:
    """A Cookie header is sent as it is passed; the jar's are for a client made with cookies=True."""

    async def main() -> None:
        async with session_of(pair) as session:
            async with client_of(pair, session).ws_connect("/ws", headers={"Cookie": "mine=1"}):
                pass
            async with client_of(pair, session, cookies=True).ws_connect("/ws"):
                pass

    run(main())
    assert ["mine=1", "session=of-the-jar"] == [seen.header("Cookie") for seen in pair.all()]


def test_session_settings_hold_for_a_handshake(pair: Pair) -> None:
    """Default headers and tracing of the session apply, and so does its proxy."""
    traced: list[str] = []

    async def note(_session: Any, _context: Any, params: aiohttp.TraceRequestStartParams) -> None:
        traced.append(params.method)

    async def main() -> None:
        tracing = aiohttp.TraceConfig()
        tracing.on_request_start.append(note)
        async with (
            session_of(pair, headers={"X-Default": "1"}, trace_configs=[tracing]) as session,
            client_of(pair, session).ws_connect("/ws"),
        ):
            pass
        # A proxy that nobody plays: a handshake that goes round it would open.
        async with session_of(pair, proxy="http://proxy.example:3128") as session:
            with pytest.raises(aiohttp.ClientConnectorError, match=r"proxy\.example"):
                await client_of(pair, session).ws_connect("/ws")

    run(main())
    (seen,) = pair.all()
    assert "1" == seen.header("X-Default")
    assert ["GET"] == traced


def test_closed_session_opens_nothing(pair: Pair) -> None:
    """A session that is closed has no connector, and none is made in its stead."""

    async def main() -> None:
        async with session_of(pair) as session:
            client = client_of(pair, session)
        with pytest.raises(RuntimeError, match="closed"):
            await client.ws_connect("/ws")

    run(main())
    assert [] == pair.all()
