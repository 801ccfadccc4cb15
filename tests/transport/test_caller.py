"""Protocol endpoints are called once, with our headers only, in bounded time and space."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import zlib
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from oauthkit import AsyncOAuth1Client, OAuthError, OAuthKitError, UnreachableError
from oauthkit.testing.servers import failures
from transport.peers import FOREIGN_HOST, HOST, Pair, client_of, run, verified

pytestmark = pytest.mark.proves(
    "Transport",
    "token requests: bounded, once, no redirect, our headers only",
    rfc=None,
    judge="none but ours",
)

TOKEN_ANSWER = b"oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=true"
PATH = "/oauth/request_token"


@contextmanager
def answering(pair: Pair, *arguments: Any, **options: Any) -> Any:
    """Let the temporary credential endpoint answer otherwise."""
    pair.home.respond(PATH, *arguments, **options)
    try:
        yield
    finally:
        pair.home.restore(PATH)


def ask(pair: Pair, session_options: dict[str, Any] | None = None, **options: Any) -> Any:
    """Ask for temporary credentials, with a client of *options*."""

    async def main() -> Any:
        async with pair.home.session(pair.stranger, **(session_options or {})) as session:
            return await client_of(pair, session, **options).fetch_request_token()

    return run(main())


def fails(pair: Pair, kind: type[OAuthKitError], match: str, **options: Any) -> Any:
    """Ask, expect a failure that shows nothing that was sent, and return it."""
    with pytest.raises(kind, match=match) as caught:
        ask(pair, **options)
    error: BaseException | None = caught.value
    while error is not None:
        for secret in (*pair.home.creds.values(), "oauth_signature"):
            assert secret not in f"{error} {error!r}"
        error = error.__cause__ or error.__context__
    return caught.value


@pytest.mark.parametrize("drip", [failures.Drip(), failures.Drip(first=TOKEN_ANSWER)])
def test_deadline(pair: Pair, drip: failures.Drip) -> None:
    """An answer that drips is given up, and the connection with it."""
    with answering(pair, body=drip):
        error = fails(pair, UnreachableError, r"within 0\.2 s", deadline=0.2)
    assert (0.2, f"https://{HOST}{PATH}") == (error.deadline, error.endpoint)
    assert error.__cause__ is None


def test_deadline_is_for_the_whole_call(pair: Pair) -> None:
    """A body that comes in time, piece by piece, but never ends, is given up too."""

    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0)

    with answering(pair, body=trickle):
        fails(pair, UnreachableError, "did not answer", deadline=0.2)


SIZES: dict[str, tuple[Callable[..., failures.Handler], int, int]] = {
    "60 MB": (failures.huge, 60 << 20, 1 << 20),
    "bomb": (failures.gzip_bomb, 60 << 20, 1 << 20),
    "one too many": (failures.huge, 101, 100),
    "one too many inside": (failures.gzip_bomb, 101, 100),
}


@pytest.mark.parametrize("status", [200, 400, 503])
@pytest.mark.parametrize(("make", "octets", "limit"), SIZES.values(), ids=SIZES)
def test_size(
    pair: Pair, make: Callable[..., failures.Handler], octets: int, limit: int, status: int
) -> None:
    """What is larger than answer_limit, after decompression, is not read."""
    options = {} if limit == 1 << 20 else {"answer_limit": limit}
    with answering(pair, body=make(octets, prefix=TOKEN_ANSWER, status=status)):
        error = fails(pair, OAuthError, f"larger than answer_limit, {limit} bytes", **options)
    assert (status, "text/html") == (error.status, error.content_type)


@pytest.mark.parametrize("octets", [99, 100])
def test_up_to_the_limit(pair: Pair, octets: int) -> None:
    """As much as is allowed is read, plain and compressed."""
    prefix = TOKEN_ANSWER + b"&filler="
    for make in (failures.huge, failures.gzip_bomb):
        with answering(pair, body=make(octets, prefix=prefix)):
            token = ask(pair, answer_limit=100)
        assert octets - len(prefix) == len(token["filler"])


def raw_deflate(body: bytes) -> bytes:
    """Compress without zlib's header, which is what RFC 9110 §8.4.1.2 does not mean."""
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return made.compress(body) + made.flush()


@pytest.mark.parametrize(
    ("encoding", "body", "fault"),
    [
        ("gzip", gzip.compress(TOKEN_ANSWER)[:-9], "cut short"),
        ("gzip", b"", "cut short"),
        ("gzip", TOKEN_ANSWER, "not what its Content-Encoding says"),
        ("deflate", raw_deflate(TOKEN_ANSWER), "not what its Content-Encoding says"),
        ("gzip", gzip.compress(TOKEN_ANSWER) + b"\0" * 40_000, "goes on after its end"),
        ("br", b"x", "not asked for"),
        ("gzip, gzip", b"x", "not asked for"),
    ],
)
def test_content_encoding_that_lies(pair: Pair, encoding: str, body: bytes, fault: str) -> None:
    """What cannot be inflated is an error that says so."""
    with answering(pair, headers={"Content-Encoding": encoding}, body=body):
        error = fails(pair, OAuthError, fault)
    assert "invalid_response" == error.error


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(TOKEN_ANSWER)),
        ("X-GZIP", gzip.compress(TOKEN_ANSWER)),
        ("deflate", zlib.compress(TOKEN_ANSWER)),
        ("identity", TOKEN_ANSWER),
    ],
)
def test_content_encoding_that_was_not_asked_for(pair: Pair, encoding: str, body: bytes) -> None:
    """Identity is asked for; what a server compresses all the same is read."""
    with answering(pair, headers={"Content-Encoding": encoding}, body=body):
        assert "t" == ask(pair)["oauth_token"]
    (seen,) = pair.home.log
    assert "identity" == seen.header("Accept-Encoding")


def test_content_type_that_repeats_a_secret(pair: Pair) -> None:
    """A type that is none of the usual ones is not shown: it may be an echo."""
    kind = f"text/{pair.home.client_id}"
    with answering(pair, body=failures.huge(2000, content_type=kind)):
        error = fails(pair, OAuthError, "unusual content type", answer_limit=1000)
    assert pair.home.client_id not in str(error.content_type)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", [f"https://{FOREIGN_HOST}/x", f"https://{HOST}/elsewhere"])
def test_redirects_are_not_followed(pair: Pair, status: int, where: str) -> None:
    """Not even inside the fence: a protocol request goes where it is declared to go."""
    pair.home.redirect(PATH, status, where)
    error = fails(pair, OAuthError, str(status))
    pair.home.restore(PATH)
    assert status == error.status
    assert 1 == len(pair.all())


@pytest.mark.parametrize("handler", [failures.dropped(), failures.dropped(b"half")])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_dropped(pair: Pair, handler: Any, method: str) -> None:
    """A connection that drops is an error of ours; nothing is sent again."""
    with answering(pair, body=handler):
        fails(pair, UnreachableError, "hung up", token_method=method)
    assert 1 == len(pair.home.log)


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_kept_connection_that_drops(pair: Pair, method: str) -> None:
    """Aiohttp sends a GET again when a kept-alive connection drops: not this one."""

    async def main() -> None:
        async with pair.home.session() as session:
            client = client_of(pair, session, token_method=method)
            await client.fetch_request_token()  # leaves a connection behind
            with pytest.raises(UnreachableError):
                await client.fetch_request_token()

    served = iter([web.Response(body=TOKEN_ANSWER), None])

    async def once(request: web.Request) -> web.StreamResponse:
        answer = next(served)
        if answer is None and request.transport is not None:
            request.transport.close()
        return answer or web.Response()

    with answering(pair, body=once):
        run(main())
    assert [method, method] == [exchange.method for exchange in pair.home.log]


def test_nobody_listens() -> None:
    """A refused connection is an error of ours, with aiohttp's as its cause."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    async def main() -> None:
        async with aiohttp.ClientSession() as session:
            client = AsyncOAuth1Client(session, "id", "secret")
            with pytest.raises(UnreachableError, match="ClientConnectorError") as caught:
                await client.fetch_request_token(f"http://127.0.0.1:{port}/x?secret=1")
        assert isinstance(caught.value.__cause__, aiohttp.ClientConnectorError)
        assert f"http://127.0.0.1:{port}/x" == caught.value.endpoint

    run(main())


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nX-Echo: oauth_signature=1\r\nSet-Cookie: ",
        b"nonsense oauth_signature\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"",
    ],
)
def test_no_http(answer: bytes) -> None:
    """Half an answer, or none that is HTTP, is an error without a word of it."""
    served: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        accepted, _ = listening.accept()
        with accepted:
            served.append(accepted.recv(65536))
            accepted.sendall(answer)

    async def main(port: int) -> None:
        async with aiohttp.ClientSession() as session:
            client = AsyncOAuth1Client(session, "id", "secret", signature_type="QUERY")
            with pytest.raises(UnreachableError) as caught:
                await client.fetch_request_token(f"http://127.0.0.1:{port}/x")
        error: BaseException | None = caught.value
        while error is not None:
            assert "oauth_" not in f"{error} {error!r}"
            error = error.__cause__ or error.__context__

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        run(main(listening.getsockname()[1]))
        thread.join()
    assert b"oauth_signature" in served[0]


async def forbidden(_: Any, __: Any) -> aiohttp.ClientResponse:
    """Fail: a middleware of the session has no business here."""
    raise AssertionError


@pytest.mark.parametrize("placement", ["header", "body", "query"])
def test_only_our_headers(pair: Pair, placement: str) -> None:
    """Whatever a session adds to its requests, ours arrives as it was signed."""
    options: dict[str, Any] = {
        "headers": {
            "Authorization": "Bearer other",
            "Cookie": "default=1",
            "Host": "default.example",
            "Content-Type": "application/json",
            "X-Api-Key": "other",
        },
        "cookies": {"session": "other"},
        "middlewares": [forbidden],
        "raise_for_status": True,
        "auto_decompress": False,
        "timeout": aiohttp.ClientTimeout(total=0.000001),
    }

    async def main() -> None:
        async with pair.home.session(**options) as session:
            session.cookie_jar.update_cookies({"s": "jar"}, URL(f"https://{HOST}/"))
            client = client_of(
                pair, session, pair.home.client_creds, placement=placement, cookies=True
            )
            await client.fetch_request_token(headers={"X-Mine": "1"}, params={"p": "é"})
            pair.home.respond(PATH, 401)
            with pytest.raises(OAuthError, match="401"):
                await client.fetch_request_token(data={"d": "+"})
            pair.home.restore(PATH)

    run(main())
    first, second = pair.home.log
    for exchange in (first, second):
        verified(exchange)
        assert HOST == exchange.header("Host")
        assert "other" not in str(exchange.headers)
    usual = {"host", "accept", "accept-encoding", "user-agent", "content-length"}
    placed = {"header": {"authorization"}, "body": {"content-type"}, "query": set[str]()}
    names = {name.lower() for name, _ in first.headers}
    assert usual | placed[placement] | {"x-mine"} == names
    assert "1" == first.header("X-Mine")


def test_answers_cookies_stay_behind(pair: Pair) -> None:
    """A Set-Cookie of a protocol endpoint is sent to nobody by a client of ours."""
    headers = {"Set-Cookie": "login=1; Path=/"}

    async def main() -> None:
        async with pair.home.session() as session:
            client = client_of(pair, session)
            await client.fetch_request_token()
            client.token = None
            async with client.get("/x"):
                pass
            await client.fetch_request_token()

    with answering(pair, headers=headers, body=TOKEN_ANSWER):
        run(main())
    assert [None] * 3 == [exchange.header("Cookie") for exchange in pair.home.log]


def test_own_session(pair: Pair) -> None:
    """A client without session= makes one when it needs it, and closes it."""

    async def main() -> None:
        client = client_of(pair)
        async with client:
            made = client.session
            assert made is client.session
            assert isinstance(made.cookie_jar, aiohttp.DummyCookieJar)
            assert not made.trust_env
        assert made.closed
        async with client_of(pair, cookies=True, trust_env=True) as client:
            assert isinstance(client.session.cookie_jar, aiohttp.CookieJar)
            assert client.session.trust_env
        async with pair.home.session() as session:
            async with client_of(pair, session) as client:
                assert session is client.session
            assert not session.closed

    run(main())
