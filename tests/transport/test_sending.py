"""Whether a token request has left is known of each failure: what has not left, nobody has used."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp import ClientSession

from oauthkit import UnreachableError
from oauthkit.tokens.seams import SENDING, Sending
from oauthkit.transport.caller import ServerCaller
from oauthkit.transport.sessions import SessionHolder
from support import run

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "a refresh token is never spent twice",
    rfc="RFC 6749 §6",
    judge="none but ours",
)


async def send(url: str, deadline: float = 5) -> Sending:
    """Send a form to *url*, which does not answer; return what is known of it."""
    sending = Sending()
    before = SENDING.set(sending)
    try:
        async with ClientSession() as session:
            sessions = SessionHolder(session, False, False)
            caller = ServerCaller(sessions=sessions, deadline=deadline, answer_limit=1024)
            with pytest.raises(UnreachableError):
                await caller.call("POST", url, form="refresh_token=r", headers={})
    finally:
        SENDING.reset(before)
    return sending


def test_refused_connection() -> None:
    """Nobody listens: nothing has left."""

    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # and does not listen
            assert False is (await send(f"http://127.0.0.1:{taken.getsockname()[1]}/token")).left

    run(main())


def test_a_handshake_that_does_not_end() -> None:
    """TLS that is not answered ends at the deadline: nothing has left."""

    async def main() -> None:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            url = f"https://127.0.0.1:{listening.getsockname()[1]}/token"
            assert False is (await send(url, deadline=0.05)).left

    run(main())


@pytest.mark.parametrize("hangs", [False, True])
def test_a_server_that_takes_it(hangs: bool) -> None:
    """It hangs up, or never answers: it may have used what it got."""

    async def main() -> None:
        got: list[bytes] = []

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            got.append(await reader.readuntil(b"refresh_token=r"))
            if hangs:
                await reader.read()
            writer.close()

        server = await asyncio.start_server(take, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        sending = await send(f"http://127.0.0.1:{port}/token", deadline=0.2 if hangs else 5)
        server.close()
        await server.wait_closed()
        assert (True, 1) == (sending.left, len(got))

    run(main())
