"""The hooks by which a test makes the embedded server misbehave."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import aiohttp
import pytest
from aiohttp import web

from oauthkit.testing.servers import Hook, OAuth1Server, failures
from oauthkit.testing.servers.accounts import Accounts
from support import run
from testing.servers.peer import Answer, send, signed, signer

URL = "https://api.example/x"


@pytest.fixture
def server() -> Iterator[OAuth1Server]:
    """Play a service."""
    with OAuth1Server(hosts=["api.example"]) as playing:
        yield playing


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect(server: OAuth1Server, status: int) -> None:
    """A redirect is answered to anybody, and the log still says what the signature was worth."""
    server.redirect("/x", status, "https://elsewhere.example/y?z=1")

    async def main() -> tuple[Answer, Answer]:
        async with server.session() as session:
            return await send(session, "GET", URL), await signed(session, signer(server), URL)

    for answer in run(main()):
        assert status == answer.status
        assert "https://elsewhere.example/y?z=1" == answer.headers["Location"]
    assert [False, True] == [exchange.ok for exchange in server.log]
    assert [status, status] == [exchange.status for exchange in server.log]


def test_respond_and_restore(server: OAuth1Server) -> None:
    """Any answer can be put in the place of the service's own, endpoints included, and undone."""
    server.respond("/x", 503, {"Content-Type": "text/html"}, "<title>Down</title>")
    server.respond("/oauth/request_token", body=b"\xff")

    async def main() -> None:
        async with server.session() as session:
            down = await send(session, "GET", URL)
            assert (503, "<title>Down</title>") == (down.status, down.text)
            url = "https://api.example/oauth/request_token"
            async with session.post(url) as response:
                assert b"\xff" == await response.read()
            server.restore("/x")
            server.restore("/never")
            assert 401 == (await send(session, "GET", URL)).status

    run(main())


def test_respond_with_a_handler(server: OAuth1Server) -> None:
    """A handler answers by itself, so the log knows no status; it may look at the log."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(len(server.log), status=418)

    server.respond("/x", body=answer)

    async def main() -> Answer:
        async with server.session() as session:
            return await send(session, "GET", URL)

    got = run(main())
    assert (418, 1) == (got.status, got.json)
    assert None is server.log[0].status


def test_fail(server: OAuth1Server) -> None:
    """A failure comes as often as was said, before what was put there for good, and has a name."""
    server.respond("/x", 410)
    server.fail("/x", Hook(name="busy", status=503), 2)
    server.fail(None, Hook(name="down", status=500))
    server.fail("/x", failures.huge(3), times=1)

    async def main() -> list[int]:
        async with server.session() as session:
            token = "https://api.example/oauth/access_token"
            urls = [token, URL, URL, URL, URL, URL]
            return [(await send(session, "GET", url)).status for url in urls]

    # An endpoint is not meant by None.
    assert [401, 503, 503, 200, 500, 410] == run(main())
    assert ["", "busy", "busy", "huge", "down", ""] == [found.failure for found in server.log]
    server.fail(None, failures.Drip(), times=None)
    server.restore(None)

    async def afterwards() -> int:
        async with server.session() as session:
            return (await send(session, "GET", "https://api.example/y")).status

    assert 401 == run(afterwards())


def test_a_hook_that_comes_after(server: OAuth1Server) -> None:
    """The service does what it is asked for; what becomes of its answer is the hook's affair."""

    async def spoil(_: web.Request, response: web.Response) -> web.Response:
        response.headers["X-Spoilt"] = "yes"
        return response

    hook = Hook(name="spoilt", after=spoil, when=lambda body: body == b"a=1")
    server.fail("/oauth/request_token", hook)

    async def main() -> list[Answer]:
        url = "https://api.example/oauth/request_token"
        form = "application/x-www-form-urlencoded"
        async with server.session() as session:
            return [
                await send(session, "POST", url, {"Content-Type": form}, body)
                for body in ("b=1", "a=1", "a=1")
            ]

    answers = run(main())
    assert [None, "yes", None] == [answer.headers.get("X-Spoilt") for answer in answers]
    assert [(401, ""), (401, "spoilt"), (401, "")] == [
        (found.status, found.failure) for found in server.log
    ]


def test_huge(server: OAuth1Server) -> None:
    """A stream without a length, as long as was asked for."""
    server.respond("/x", body=failures.huge(1_000_001, prefix=b"oauth_token=", status=201))

    async def main() -> None:
        async with server.session() as session, session.get(URL) as response:
            body = await response.read()
            assert (201, None) == (response.status, response.content_length)
            assert body.startswith(b"oauth_token=aaa")
            assert 1_000_001 == len(body)

    run(main())


def test_huge_and_a_client_that_leaves(server: OAuth1Server) -> None:
    """A client that stops reading 60 MB ends it; the server goes on."""
    server.respond("/x", body=failures.huge())

    async def main() -> int:
        async with server.session() as session:
            return (await send(session, "GET", "https://api.example/y")).status

    with socket.create_connection(("127.0.0.1", server.port)) as leaving:
        leaving.sendall(b"GET /x HTTP/1.1\r\nHost: api.example\r\n\r\n")
        assert b"HTTP/1.1 200" == leaving.recv(12, socket.MSG_WAITALL)
    assert 401 == run(main())


def test_closing_from_the_loop_of_a_client_that_left() -> None:
    """Closing waits for no answer that its own client, in the same thread, has hung up on."""

    async def main() -> int:
        with OAuth1Server(hosts=["api.example"]) as playing:
            playing.respond("/x", body=failures.huge())
            async with playing.session() as session, session.get(URL) as response:
                await response.content.readexactly(1)
                response.close()
            # No turn of the loop in between: the client's side of the connection is still open.
            return response.status

    assert 200 == run(main())


def test_gzip_bomb(server: OAuth1Server) -> None:
    """A small answer that inflates a thousandfold."""
    server.respond("/x", body=failures.gzip_bomb(1 << 22, prefix=b"oauth_token="))

    async def main() -> None:
        async with server.session() as session, session.get(URL) as response:
            assert "gzip" == response.headers["Content-Encoding"]
            assert (response.content_length or 0) < 10_000
            assert 1 << 22 == len(await response.read())

    run(main())


def test_drip(server: OAuth1Server) -> None:
    """One octet, then nothing until it is released; closing does not wait for it."""
    drip = failures.Drip(first=b"o", rest=b"k")
    server.respond("/x", body=drip)

    async def main() -> None:
        async with server.session() as session:
            async with session.get(URL) as response:
                assert b"o" == await response.content.readexactly(1)
                drip.release()
                assert b"k" == await response.read()
            response = await session.get(URL)
            assert b"o" == await response.content.readexactly(1)
            await asyncio.to_thread(server.close)
            with pytest.raises(aiohttp.ClientError):
                await response.read()

    run(main())


def test_dropped(server: OAuth1Server) -> None:
    """A connection that is cut: before any answer, or one octet short of its end."""
    server.respond("/x", body=failures.dropped())
    server.respond("/y", body=failures.dropped(b"abc"))

    async def main() -> None:
        async with server.session() as session:
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await send(session, "POST", URL)
            with pytest.raises(aiohttp.ClientPayloadError):
                await send(session, "POST", "https://api.example/y")

    run(main())


def test_cookie(server: OAuth1Server) -> None:
    """The cookie path sets a cookie that a jar sends back; the log has it, the echo masks it."""

    async def main() -> Answer:
        async with server.session() as session:
            await send(session, "GET", "https://api.example/cookie?name=login&value=alice")
            return await signed(session, signer(server), URL)

    answer = run(main())
    assert "login=alice" == server.log[-1].header("cookie")
    assert ["Cookie", "***"] in answer.json["headers"]
    assert None is server.log[0].header("cookie")


def test_every_answer_is_dated_by_the_clock() -> None:
    """A hook's answer has the server's Date too: a client may correct its clock by it."""
    with OAuth1Server(hosts=["api.example"], clock=lambda: 0.0) as server:
        server.respond("/x", 401)

        async def main() -> Answer:
            async with server.session() as session:
                return await send(session, "GET", URL)

        assert "Thu, 01 Jan 1970 00:00:00 GMT" == run(main()).headers["Date"]


def test_a_credential_is_exchanged_once() -> None:
    """Two exchanges that both passed their checks, at the same time, give one token."""
    accounts = Accounts()
    asked = accounts.begin("oob", 0.0)
    assert None is accounts.exchange(asked, "0")
    pin = accounts.decide(asked.token, 0.0, approve=True, user="alice")
    assert None is not accounts.exchange(asked, pin)
    assert None is accounts.exchange(asked, pin)
