"""Bearer tokens on the wire: where they are put, and what is left of them where they have no business."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import aiohttp
import pytest
from aiohttp import web

from oauthkit import MemoryStore, RequestError, Token
from oauthkit.tokens.sources import StoredSource
from oauthkit.transport.bearer import TokenPlacement
from support import run
from tokens.grants import opened, source
from transport.bearers import FORM, PLACEMENTS, Arrived, pair, serving, signing

proves_redirects = pytest.mark.proves(
    "Where secrets may go", "bearer tokens on redirects", rfc=None, judge="none but ours"
)

# Every kind of character that a token may have (RFC 6749 appendix A.12).
TOKEN = 'aZ09-._~+/= &%20"\\{}'
ENCODED = quote(TOKEN, safe="~")


def holding(token: str = TOKEN, **members: Any) -> StoredSource:
    """Make a source that has one token, and no other."""
    asked = source(opened(), MemoryStore())
    asked.exchange = None
    asked.grant.assign(Token({"access_token": token, **members}))
    return asked


def sent(
    placement: TokenPlacement, method: str = "GET", path: str = "/x", **options: Any
) -> Arrived:
    """Send one request, and return what arrived."""

    async def main() -> Arrived:
        async with serving() as site:
            middleware = signing(site, holding(), placement)
            async with (
                aiohttp.ClientSession(middlewares=[middleware]) as session,
                session.request(method, site.origin + path, **options) as response,
            ):
                assert "ok" == await response.text() or method == "HEAD"
            return site.log[0]

    return run(main())


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE"])
def test_header(method: str) -> None:
    """RFC 6750 §2.1."""
    arrived = sent("header", method, "/x?a=b", data=b"body")
    assert (f"Bearer {TOKEN}", "/x?a=b", b"body") == arrived.sent
    assert "Cache-Control" not in arrived.headers


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/x", []),
        ("/x?a=1&a=2&b", [("a", "1"), ("a", "2"), ("b", "")]),
        ("/x?a=%20%26", [("a", " &")]),
    ],
)
def test_query(path: str, query: list[tuple[str, str]]) -> None:
    """RFC 6750 §2.3: behind what is there, which stays as it is; and no cache may keep it."""
    arrived = sent("query", "POST", path, data={"f": "1"})
    authorization, target, body = arrived.sent
    joint = "&" if "?" in path else "?"
    assert f"{path}{joint}access_token={ENCODED}" == target
    assert [*query, ("access_token", TOKEN)] == parse_qsl(
        urlsplit(target).query, keep_blank_values=True
    )
    assert (None, b"f=1") == (authorization, body)
    assert "no-store" == arrived.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("options", "form"),
    [
        ({}, []),
        ({"data": {"a": "1 &", "b": ""}}, [("a", "1 &"), ("b", "")]),
        (
            {"data": b"a=%FF", "headers": {"Content-Type": FORM + "; charset=utf-8"}},
            [("a", "\ufffd")],
        ),
        ({"data": io.BytesIO(b"a=1"), "headers": {"Content-Type": FORM}}, [("a", "1")]),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_body(method: str, options: dict[str, Any], form: list[tuple[str, str]]) -> None:
    """RFC 6750 §2.2: behind the form that is there, or as one."""
    data = options.get("data")
    if isinstance(data, io.BytesIO):
        options = {**options, "data": io.BytesIO(data.getvalue())}
    arrived = sent("body", method, "/x?q=1", **options)
    authorization, target, body = arrived.sent
    assert (None, "/x?q=1") == (authorization, target)
    assert [*form, ("access_token", TOKEN)] == parse_qsl(body.decode(), keep_blank_values=True)
    assert arrived.headers["Content-Type"].startswith(FORM)
    assert str(len(body)) == arrived.headers["Content-Length"]


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("GET", {}),
        ("GET", {"data": {"a": "1"}}),
        ("DELETE", {}),
        ("POST", {"json": {"a": 1}}),
        ("POST", {"data": b"octets"}),
    ],
)
def test_no_room_in_the_body(method: str, options: dict[str, Any]) -> None:
    """RFC 6750 §2.1 and §2.2: then it is the header, which all servers take."""
    arrived = sent("body", method, **options)
    assert f"Bearer {TOKEN}" == arrived.headers["Authorization"]
    assert b"access_token" not in arrived.body


def test_file_as_a_form(tmp_path: Path) -> None:
    """A form that lies in a file is added to, and the file is not changed."""
    path = tmp_path / "form"
    path.write_bytes(b"a=1")
    with path.open("rb") as file:
        arrived = sent("body", "POST", data=file, headers={"Content-Type": FORM})
    assert f"a=1&access_token={ENCODED}".encode() == arrived.body
    assert b"a=1" == path.read_bytes()


async def _chunks() -> Any:
    yield b"a=1"


@pytest.mark.parametrize(
    "options",
    [
        {"data": b"a=1", "compress": "deflate", "headers": {"Content-Type": FORM}},
        {"data": _chunks, "headers": {"Content-Type": FORM}},
    ],
)
def test_forms_that_cannot_be_added_to(options: dict[str, Any]) -> None:
    """Compressed, or made while they are sent: nothing is sent of them."""
    if callable(options["data"]):
        options = {**options, "data": options["data"]()}
    with pytest.raises(RequestError, match="or added to"):
        sent("body", "POST", **options)


@pytest.mark.parametrize(
    ("token", "match"),
    [
        (Token({"access_token": "hidden", "token_type": "DPoP"}), "'dpop'"),
        (Token({"access_token": "hidden", "token_type": "mac"}), "'mac'"),
        (Token({"access_token": "hid\r\nden"}), "printable ASCII"),
        (Token({"access_token": "hiddené"}), "printable ASCII"),
        (Token({"access_token": ""}), "printable ASCII"),
        (Token({"access_token": 5}), "printable ASCII"),
        (Token(), "there is no access token"),
    ],
)
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_tokens_that_cannot_be_sent(token: Token, match: str, placement: TokenPlacement) -> None:
    """RFC 6749 §7.1: what is more than a bearer of its text is not given away as one."""

    async def main() -> None:
        async with serving() as site:
            asked = holding()
            asked.grant.assign(token)
            middleware = signing(site, asked, placement)
            async with aiohttp.ClientSession(middlewares=[middleware]) as session:
                with pytest.raises(RequestError, match=match) as caught:
                    await session.post(site.origin)
            assert "hid" not in str(caught.value)
            assert [] == site.log

    run(main())


@pytest.mark.parametrize("kind", ["bearer", "BEARER", "User Access Token", "", "jwt"])
def test_other_types(kind: str) -> None:
    """Services write what they like: it is a bearer token."""

    async def main() -> None:
        async with serving() as site:
            middleware = signing(site, holding("t", token_type=kind))
            async with aiohttp.ClientSession(middlewares=[middleware]) as session:
                (await session.get(site.origin)).release()
            assert "Bearer t" == site.log[0].headers["Authorization"]

    run(main())


# -- redirects -------------------------------------------------------------------------------------


@proves_redirects
@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("data", [{"a": "1"}, None])
def test_redirects(placement: TokenPlacement, status: int, data: dict[str, str] | None) -> None:
    """Each hop inside has the token once; elsewhere there is nothing of ours, and the body is whole."""

    async def main() -> None:
        async with pair() as (home, stranger):
            home.redirect("/start", status, "/next")
            home.redirect("/next", status, f"{stranger.origin}/end")
            middleware = signing(home, holding(), placement)
            async with (
                aiohttp.ClientSession(middlewares=[middleware]) as session,
                session.post(f"{home.origin}/start", data=data) as response,
            ):
                assert f"{stranger.origin}/end" == str(response.url)
                assert ENCODED not in str(response.request_info)
            kept = status in (307, 308)
            body = b"a=1" if data and kept else b""
            assert 2 == len(home.log)
            for hop in home.log:
                text = f"{hop.sent}"
                assert 1 == text.count(ENCODED) + text.count(TOKEN.replace("\\", "\\\\"))
            [arrived] = stranger.log
            assert (None, "/end", body) == arrived.sent
            assert ("POST" if kept else "GET") == arrived.method
            assert "Cache-Control" not in arrived.headers
            assert "access_token" not in str(arrived)

    run(main())


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("fails", [False, True])
def test_request_is_given_back(placement: TokenPlacement, fails: bool) -> None:
    """Whatever becomes of it: URL and body are as they were, for the middlewares around ours."""
    seen: list[tuple[str, Any]] = []

    async def outer(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        try:
            return await handler(request)
        finally:
            body: Any = request.body
            seen.append((str(request.url), await body.as_bytes()))

    async def main() -> None:
        async with pair() as (home, stranger):
            url = f"{home.origin}/x?a=b"
            middleware = signing(home, holding(), placement)
            async with aiohttp.ClientSession(middlewares=[outer, middleware]) as session:
                if fails:
                    home.handlers["/x"] = _hang_up
                    with pytest.raises(aiohttp.ClientError):
                        await session.post(url, data=b"c=d", headers={"Content-Type": FORM})
                else:
                    response = await session.post(url, data={"c": "d"})
                    response.release()
            assert {(url, b"c=d")} == set(seen)
            assert [] == stranger.log

    run(main())


async def _hang_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


@proves_redirects
def test_elsewhere() -> None:
    """A request of the same session to another origin passes untouched."""

    async def main() -> None:
        async with pair() as (home, stranger):
            middleware = signing(home, holding(), "query")
            async with aiohttp.ClientSession(middlewares=[middleware]) as session:
                (await session.get(f"{stranger.origin}/x")).release()
            assert (None, "/x", b"") == stranger.log[0].sent

    run(main())
