"""Token answers that are none: an error of ours that says what came, and nothing is lost."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from aiohttp import web

from clients.example import (
    ACCESS_TOKEN,
    REQUEST_TOKEN,
    SITE,
    declare,
    make,
    playing,
    settled,
)
from oauthkit import OAuth1Provider, OAuthError, OAuthKitError, UnreachableError
from oauthkit.testing.servers import OAuth1Server, failures
from support import run

pytestmark = pytest.mark.proves(
    "OAuth 1.0a", "token answers that are none", rfc="RFC 5849 §2.1, §2.3", judge="none but ours"
)

PROVIDER = declare()
GOOD = b"oauth_token=t-1&oauth_token_secret=s-1&oauth_callback_confirmed=true"
PAGE = b"<!DOCTYPE html><html><head><title>Sign in to continue</title></head><body>x</body></html>"


@pytest.fixture(scope="module")
def server() -> Iterator[OAuth1Server]:
    """Play the service."""
    with playing(PROVIDER) as running:
        yield running


def refused(
    server: OAuth1Server, provider: OAuth1Provider = PROVIDER, **options: Any
) -> OAuthKitError:
    """Take the first and the third step; both fail alike, and the request token is kept."""
    errors: list[OAuthKitError] = []

    async def main() -> None:
        async with server.session() as session:
            client = make(provider, server, session, **options)
            with pytest.raises(OAuthKitError) as first:
                await client.fetch_request_token()
            assert client.token is None
            client.token = kept = {"oauth_token": "t", "oauth_token_secret": "s"}
            with pytest.raises(OAuthKitError) as third:
                await client.fetch_access_token(verifier="v")
            assert kept == client.token
            errors.extend([first.value, third.value])

    before = len(server.log)
    run(settled(main()))
    first, third = errors
    assert type(first) is type(third)
    assert str(first).replace(REQUEST_TOKEN, ACCESS_TOKEN) == str(third)
    # One request for each: nothing is sent twice.
    assert 2 == len(server.log) - before
    return first


def respond(server: OAuth1Server, *args: Any, **kwargs: Any) -> None:
    """Answer so at both token endpoints."""
    for path in (REQUEST_TOKEN, ACCESS_TOKEN):
        server.respond(path, *args, **kwargs)


NO_TOKENS: dict[str, tuple[int, str, bytes, str]] = {
    "a page": (200, "text/html", PAGE, "HTML page 'Sign in to continue'"),
    "a page with an error": (503, "text/html", PAGE, "HTML page 'Sign in to continue'"),
    "nothing": (200, "text/html", b"", "empty"),
    "nothing, no content": (204, "", b"", "empty"),
    "white space": (200, "text/plain", b" \r\n ", "empty"),
    "a list": (200, "application/json", b"[1, 2]", "JSON array of 2"),
    "null": (200, "application/json", b"null", "JSON null"),
    "a number": (200, "application/json", b"5", "JSON number"),
    "an empty object": (200, "application/json", b"{}", "JSON object {}"),
    "an object of objects": (
        200,
        "application/json",
        b'{"oauth_token": {}, "oauth_token_secret": [1]}',
        "JSON object {oauth_token: object, oauth_token_secret: array}",
    ),
    "broken JSON": (200, "application/json", b'{"oauth_token": "t', "text"),
    "deep JSON": (200, "application/json", b"[" * 100_000, "text"),
    "half a token": (200, "text/html", b"oauth_token=abc-123", "form {oauth_token}"),
    "an empty token": (
        200,
        "text/html",
        b"oauth_token=&oauth_token_secret=",
        "form {oauth_token, oauth_token_secret}",
    ),
    "no UTF-8": (200, "text/html", b"oauth_token=%ff&oauth_token_secret=\xff", "binary"),
    "octets": (200, "application/octet-stream", bytes(range(256)), "binary"),
    "an OAuth 2 token": (
        200,
        "application/json",
        b'{"access_token": "a", "token_type": "bearer"}',
        "JSON object {access_token: string, token_type: string}",
    ),
    "a token with an error's status": (500, "text/html", GOOD, "form {"),
    "not modified": (304, "", b"", "empty"),
}


@pytest.mark.parametrize("what", NO_TOKENS)
def test_no_token(server: OAuth1Server, what: str) -> None:
    """§2.1 and §2.3: the error gives status, type, length and shape, and no content."""
    status, content_type, body, shape = NO_TOKENS[what]
    respond(server, status, {"Content-Type": content_type} if content_type else {}, body)
    error = refused(server)
    assert isinstance(error, OAuthError)
    assert ("invalid_response", None) == (error.error, error.error_description)
    assert (status, len(body), SITE + REQUEST_TOKEN, "example") == (
        error.status,
        error.length,
        error.endpoint,
        error.provider,
    )
    assert (error.shape or "").startswith(shape)
    assert shape in str(error)
    assert f"answered {status} " in str(error)
    assert "abc-123" not in str(error)


REFUSALS: dict[str, tuple[int, Mapping[str, str], str, str, str | None]] = {
    "errors": (
        401,
        {},
        json.dumps({"errors": [{"code": 32, "message": "Could not authenticate you"}]}),
        "32",
        "Could not authenticate you",
    ),
    "error": (
        400,
        {},
        json.dumps({"error": "invalid_request", "error_description": "no callback"}),
        "invalid_request",
        "no callback",
    ),
    "oauth_problem in the body": (
        401,
        {},
        "oauth_problem=timestamp_refused&oauth_problem_advice=set+your+clock",
        "timestamp_refused",
        "set your clock",
    ),
    "oauth_problem in the header": (
        401,
        {"WWW-Authenticate": 'OAuth realm="x", oauth_problem="nonce_used"'},
        "<html>",
        "nonce_used",
        None,
    ),
    "with a successful status": (200, {}, json.dumps({"error": "denied"}), "denied", None),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_refusal(server: OAuth1Server, what: str) -> None:
    """A server's own code and text are shown, in whichever form it sends them."""
    status, headers, body, code, text = REFUSALS[what]
    respond(server, status, headers, body)
    error = refused(server)
    assert isinstance(error, OAuthError)
    assert (code, text, status) == (error.error, error.error_description, error.status)
    assert (f"{code}: {text}" if text else code) in str(error)


def test_too_large(server: OAuth1Server) -> None:
    """60 MB are not read: the answer is cut off at its limit, which can be set."""
    respond(server, body=failures.huge(60 << 20, prefix=GOOD))
    error = refused(server)
    assert isinstance(error, OAuthError)
    assert "larger than answer_limit, 1048576 bytes" in str(error)
    assert ("invalid_response", 200) == (error.error, error.status)
    respond(server, body=GOOD + b"&a=" + b"b" * 100)
    assert "larger than answer_limit, 100 bytes" in str(refused(server, answer_limit=100))


def test_gzip_bomb(server: OAuth1Server) -> None:
    """A small answer that inflates to 60 MB is stopped at the same limit."""
    respond(server, body=failures.gzip_bomb(60 << 20, prefix=GOOD))
    assert "larger than answer_limit, 1048576 bytes" in str(refused(server))


@pytest.mark.parametrize(
    ("encoding", "body", "said"),
    [
        ("gzip", b"no gzip", "is not what its Content-Encoding says"),
        ("gzip", gzip.compress(GOOD)[:-9], "was cut short"),
        ("gzip", b"", "was cut short"),
        ("deflate", b"no deflate", "is not what its Content-Encoding says"),
        ("br", b"\x1b", "was not asked for"),
    ],
)
def test_unreadable_encoding(server: OAuth1Server, encoding: str, body: bytes, said: str) -> None:
    """RFC 9110 §8.4: what cannot be decoded is no answer."""
    respond(server, 200, {"Content-Encoding": encoding}, body)
    assert said in str(refused(server))


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(GOOD)),
        ("X-GZIP", gzip.compress(GOOD)),
        ("deflate", zlib.compress(GOOD)),
        ("identity", GOOD),
    ],
)
def test_encoding_not_asked_for(server: OAuth1Server, encoding: str, body: bytes) -> None:
    """Servers compress though identity is asked for: that is read."""
    respond(server, 200, {"Content-Encoding": encoding}, body)

    async def main() -> None:
        async with server.session() as session:
            token = await make(PROVIDER, server, session).fetch_request_token()
            assert "t-1" == token["oauth_token"]

    run(main())
    assert "identity" == server.log[-1].header("Accept-Encoding")


def test_drip(server: OAuth1Server) -> None:
    """An answer that begins and never ends is given up at the deadline."""
    respond(server, body=failures.Drip(first=GOOD))
    error = refused(server, deadline=0.05)
    assert isinstance(error, UnreachableError)
    assert (SITE + REQUEST_TOKEN, 0.05) == (error.endpoint, error.deadline)
    assert "did not answer within 0.05 s" in str(error)


@pytest.mark.parametrize("sent", [None, b"", GOOD])
def test_hung_up(server: OAuth1Server, sent: bytes | None) -> None:
    """A connection that drops before, or inside, the answer; the request is not sent again."""
    respond(server, body=failures.dropped(sent))
    error = refused(server)
    assert isinstance(error, UnreachableError)
    assert "could not be reached, or hung up" in str(error)
    assert SITE + REQUEST_TOKEN == error.endpoint


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect(server: OAuth1Server, status: int) -> None:
    """A signature is for one URL: a protocol endpoint takes no redirect, not even to itself."""
    for path in (REQUEST_TOKEN, ACCESS_TOKEN):
        server.redirect(path, status, f"{SITE}/elsewhere")
    error = refused(server)
    assert isinstance(error, OAuthError)
    assert status == error.status


def test_nobody_there(server: OAuth1Server) -> None:
    """A closed port, and a certificate that is not trusted."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        closed = f"http://127.0.0.1:{listening.getsockname()[1]}"
    trusting = declare(
        temporary_credential_endpoint=f"{closed}/r", token_endpoint=f"{closed}/t", api_base=closed
    )

    async def main() -> None:
        async with server.session() as session:
            with pytest.raises(UnreachableError, match="could not be reached") as caught:
                await make(trusting, server, session).fetch_request_token()
            assert f"{closed}/r" == caught.value.endpoint
            assert isinstance(caught.value.__cause__, OSError)

    run(main())


class _Broken(OAuth1Provider):
    """A declaration whose own parser fails, or returns what is no token."""

    def parse_token(self, body: bytes) -> Mapping[str, str]:
        found: dict[str, Any] = json.loads(body)
        answer: dict[str, str] = found["token"]
        return answer


@pytest.mark.parametrize(
    ("body", "raised"),
    [
        ("secret-4711", "JSONDecodeError"),
        ('["secret-4711"]', "TypeError"),
        ('{"secret": "secret-4711"}', "KeyError"),
        ('{"token": "secret-4711"}', ""),
        ('{"token": {"oauth_token": 4711}}', ""),
    ],
)
def test_own_parser(server: OAuth1Server, body: str, raised: str) -> None:
    """What a declaration's own parser raises is named, and never quoted."""
    respond(server, body=body)
    fields = {
        name: getattr(PROVIDER, name)
        for name in ("temporary_credential_endpoint", "authorization_endpoint", "token_endpoint")
    }
    error = refused(server, _Broken(name="example", api_base=SITE, **fields))
    assert isinstance(error, OAuthError)
    assert raised in str(error)
    assert "4711" not in f"{error}{error.__cause__}{error.__context__}"


def test_a_kept_connection_that_was_closed(server: OAuth1Server) -> None:
    """Where aiohttp would send a GET again on a new connection, a token request fails."""
    provider = declare(token_method="GET")
    arrived: list[str] = []

    async def once(request: web.Request) -> web.StreamResponse:
        arrived.append(request.path)
        if len(arrived) == 1:
            return web.Response(body=GOOD)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    respond(server, body=once)

    async def main() -> None:
        async with server.session() as session:
            client = make(provider, server, session)
            await client.fetch_request_token()
            with pytest.raises(UnreachableError):
                await client.fetch_access_token(verifier="v")
            assert "t-1" == (client.token or {"oauth_token": ""})["oauth_token"]

    run(main())
    assert [REQUEST_TOKEN, ACCESS_TOKEN] == arrived


def test_waiters_of_a_failure_are_told(server: OAuth1Server) -> None:
    """Two exchanges at once fail each for itself; a later one may succeed."""
    respond(server, 500, body=b"")

    async def main() -> None:
        async with server.session() as session:
            client = make(PROVIDER, server, session)
            client.token = {"oauth_token": "t", "oauth_token_secret": "s"}
            results = await asyncio.gather(
                *(client.fetch_access_token(verifier="v") for _ in range(2)), return_exceptions=True
            )
            assert all(isinstance(result, OAuthError) for result in results)
            server.respond(ACCESS_TOKEN, body=GOOD)
            assert "t-1" == (await client.fetch_access_token(verifier="v"))["oauth_token"]

    run(main())
