"""Loops, flights and memory: a client is made anywhere, lives on one loop, and is freed at once."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from aiohttp import web

from oauthkit import AsyncOAuth1Client, ForeignOriginError, LoopError, OAuthError, UnreachableError
from oauthkit.testing.servers import failures
from transport.peers import FOREIGN_HOST, HOST, Pair, client_of, run, running_pair

proves_flights = pytest.mark.proves(
    "Tokens and stores", "a flight outlives who asked", rfc=None, judge="none but ours"
)
proves_loops = pytest.mark.proves(
    "Tokens and stores", "clients across loops, freed when dropped", rfc=None, judge="none but ours"
)

TOKEN_PATH = "/oauth/access_token"
TOKEN_ANSWER = b"oauth_token=new&oauth_token_secret=s"


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


class Held:
    """Answers with a token when it is let go."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._released: asyncio.Event | None = None

    async def __call__(self, _: web.Request) -> web.StreamResponse:
        """Wait, then answer."""
        self._loop, self._released = asyncio.get_running_loop(), asyncio.Event()
        self.arrived.set()
        await self._released.wait()
        return web.Response(body=TOKEN_ANSWER)

    def release(self) -> None:
        """Let it answer, from any thread."""
        assert self._loop is not None
        assert self._released is not None
        self._loop.call_soon_threadsafe(self._released.set)


def begun(pair: Pair, session: Any) -> AsyncOAuth1Client:
    """Return a client between the second and the third step."""
    client = client_of(pair, session, pair.home.client_creds)
    client.token = {"oauth_token": "temporary", "oauth_token_secret": "s", "oauth_verifier": "v"}
    return client


@proves_flights
def test_cancelled_fetch_keeps_the_token(pair: Pair) -> None:
    """Who waits for the third step leaves; close() waits for the answer, and the token is kept."""
    held = Held()
    pair.home.respond(TOKEN_PATH, body=held)

    async def main() -> None:
        async with pair.home.session() as session:
            client = begun(pair, session)
            fetching = asyncio.create_task(client.fetch_access_token())
            await asyncio.to_thread(held.arrived.wait)
            fetching.cancel()
            with pytest.raises(asyncio.CancelledError):
                await fetching
            closing = asyncio.create_task(client.close())
            for _ in range(5):
                await asyncio.sleep(0)
            assert not closing.done()
            held.release()
            await closing
            assert client._the_grant.tokens
            assert "new" == client._the_grant.tokens["", ""]["oauth_token"]

    run(main())
    pair.home.restore(TOKEN_PATH)


@proves_flights
def test_leaving_the_context_keeps_the_token(pair: Pair) -> None:
    """The client's own session is not closed under a flight."""
    held = Held()
    pair.home.respond(TOKEN_PATH, body=held)

    async def main() -> None:
        client = begun(pair, None)
        # Its own session, whose connector reaches the service.
        client.session._connector = pair.home.connector()
        async with client:
            fetching = asyncio.create_task(client.fetch_access_token())
            await asyncio.to_thread(held.arrived.wait)
            fetching.cancel()
            asyncio.get_running_loop().call_soon(held.release)
        assert client._the_grant.tokens
        assert "new" == client._the_grant.tokens["", ""]["oauth_token"]

    run(main())
    pair.home.restore(TOKEN_PATH)


def test_close_is_harmless(pair: Pair) -> None:
    """Twice, without use, and again after use."""

    async def main() -> None:
        client = client_of(pair)
        await client.close()
        await client.close()
        async with client:
            assert not client.session.closed
        async with client:
            assert not client.session.closed

    run(main())


@proves_loops
def test_made_outside_a_loop(pair: Pair) -> None:
    """Nothing happens before it is used; it moves on when its loop is closed."""
    client = client_of(pair)
    assert client.token is not None
    with pytest.raises(RuntimeError, match="no running event loop"):
        _ = client.session

    async def main() -> None:
        async with client:
            client.session._connector = pair.home.connector()
            async with client.get("/x") as response:
                assert 200 == response.status

    for _ in range(2):
        run(main())


USES: dict[str, Callable[[AsyncOAuth1Client], Awaitable[Any]]] = {
    "verb": lambda client: client.get("/x"),
    "websocket": lambda client: client.ws_connect("/ws"),
    "first step": lambda client: client.fetch_request_token(),
    "third step": lambda client: client.fetch_access_token(verifier="v"),
}


@proves_loops
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_two_open_loops(pair: Pair, use: Callable[[AsyncOAuth1Client], Awaitable[Any]]) -> None:
    """A second loop, in another thread, is refused; nothing is sent from there."""
    errors: list[BaseException] = []

    async def main() -> None:
        async with pair.home.session() as session:
            client = begun(pair, session)
            async with client.get("/x"):
                pass
            pair.clear()

            async def elsewhere() -> None:
                with pytest.raises(LoopError, match="make a client per loop") as caught:
                    await use(client)
                errors.append(caught.value)

            await asyncio.to_thread(lambda: asyncio.run(elsewhere()))

    run(main())
    assert [LoopError] == [type(error) for error in errors]
    assert [] == pair.all()


async def flow(pair: Pair, client: AsyncOAuth1Client) -> None:
    """Take all three steps."""
    await client.fetch_request_token()
    verifier = pair.home.authorize(client.create_authorization_url())
    await client.fetch_access_token(verifier=verifier)


async def verb(_: Pair, client: AsyncOAuth1Client) -> None:
    """Send a request, and read its answer."""
    async with client.post("/x", data={"a": "1"}, cookies={"a": "1"}) as response:
        await response.read()


async def redirect(pair: Pair, client: AsyncOAuth1Client) -> None:
    """Be led away."""
    pair.home.redirect("/leave", 307, f"https://{FOREIGN_HOST}/x")
    async with client.post("/leave", data={"a": "1"}):
        pass


async def websocket(_: Pair, client: AsyncOAuth1Client) -> None:
    """Open and close."""
    async with client.ws_connect("/ws") as socket:
        await socket.send_str("a")
        await socket.receive_str()


async def middleware(_: Pair, client: AsyncOAuth1Client) -> None:
    """Sign the session's own request."""
    async with client.session.get(f"https://{HOST}/x", middlewares=[client.middleware]):
        pass


async def refused(_: Pair, client: AsyncOAuth1Client) -> None:
    """Ask for what is not allowed."""
    with pytest.raises(ForeignOriginError):
        await client.get(f"https://{FOREIGN_HOST}/x")


async def failing_flow(pair: Pair, client: AsyncOAuth1Client) -> None:
    """Fail in the third step, in two ways."""
    await client.fetch_request_token()
    with pytest.raises(OAuthError):
        await client.fetch_access_token(verifier="wrong")
    pair.home.respond(TOKEN_PATH, body=failures.dropped())
    with pytest.raises(UnreachableError):
        await client.fetch_access_token(verifier="v")
    pair.home.restore(TOKEN_PATH)


@proves_loops
@pytest.mark.parametrize(
    "use", [flow, verb, redirect, websocket, middleware, refused, failing_flow]
)
def test_dropped_client_is_freed(
    pair: Pair, use: Callable[[Pair, AsyncOAuth1Client], Awaitable[None]]
) -> None:
    """Without the garbage collector: a service makes clients by the thousand."""

    async def main() -> None:
        async with pair.home.session(pair.stranger) as session:
            client = client_of(pair, session)
            await use(pair, client)
            await client.close()
            gone, grant = weakref.ref(client), weakref.ref(client._the_grant)
            del client
            # asyncio's own callbacks hold a flight for a few turns.
            for _ in range(3):
                await asyncio.sleep(0)
            assert gone() is None
            assert grant() is None

    gc.collect()
    gc.disable()
    try:
        run(main())
    finally:
        gc.enable()


def test_middleware_outlives_its_client(pair: Pair) -> None:
    """Who keeps the middleware keeps what it signs with, and not the client."""

    async def main() -> None:
        client = client_of(pair)
        signing = client.middleware
        gone = weakref.ref(client)
        del client
        assert gone() is None
        async with (
            pair.home.session(middlewares=[signing]) as session,
            session.get(f"https://{HOST}/x") as response,
        ):
            assert 200 == response.status

    run(main())


def test_request_that_is_never_sent(pair: Pair) -> None:
    """Python's own warning names it; nothing was opened."""
    client = client_of(pair)
    pending = [client.get("/x")]
    with pytest.warns(RuntimeWarning, match="never awaited"):
        pending.clear()


def test_repr_names_the_provider(pair: Pair) -> None:
    """And nothing else: a client lands in logs."""
    client = client_of(pair)
    assert client.provider is not None
    assert f"<AsyncOAuth1Client of {client.provider.name}>" == repr(client)
    assert "<AsyncOAuth1Client>" == repr(AsyncOAuth1Client(None, "id", "secret"))
