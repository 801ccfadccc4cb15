"""Redirects inside the fence: each hop is signed anew, and sends the body that it should."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from oauthkit import AsyncOAuth1Client
from transport.peers import FORM, HOST, OTHER_HOST, PLACEMENTS, Pair, client_of, run, verified

pytestmark = pytest.mark.proves(
    "Transport", "bodies on redirects and dropped connections", rfc=None, judge="none but ours"
)

placements = pytest.mark.parametrize("placement", PLACEMENTS)


async def send(client: AsyncOAuth1Client, method: str, url: str, **options: Any) -> None:
    """Send, follow, and see that the end is reached."""
    async with client.request(method, url, **options) as response:
        assert 200 == response.status


def follow(pair: Pair, placement: str, method: str, **options: Any) -> None:
    """Send one request to /start with a client that may go to both hosts."""

    async def main() -> None:
        async with pair.home.session() as session:
            client = client_of(
                pair, session, placement=placement, origins=[f"https://{OTHER_HOST}"]
            )
            await send(client, method, "/start", **options)

    run(main())
    seen = pair.all()
    for exchange in seen:
        verified(exchange)
    nonces = [exchange.parameter("oauth_nonce") for exchange in seen]
    assert len(seen) == len(set(nonces))


@placements
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location",
    ["/end?a=b+c", f"https://{OTHER_HOST}/end?a=%7E&a=é", f"//{HOST}/end"],
)
def test_get_is_signed_at_each_hop(pair: Pair, placement: str, status: int, location: str) -> None:
    """The service verifies both, and has never seen the second nonce."""
    pair.home.redirect("/start", status, location)
    follow(pair, placement, "GET")
    assert 2 == len(pair.home.log)


@placements
def test_many_hops(pair: Pair, placement: str) -> None:
    """Nine hops are nine signatures."""
    pair.home.redirect("/start", 307, "/1")
    for number in range(1, 8):
        pair.home.redirect(f"/{number}", 307, f"/{number + 1}")
    follow(pair, placement, "POST", data={"a": "1"})
    assert 9 == len(pair.home.log)
    for number in range(1, 8):
        pair.home.restore(f"/{number}")


@placements
@pytest.mark.parametrize("status", [301, 302, 303])
def test_post_becomes_get(pair: Pair, placement: str, status: int) -> None:
    """The form and its signature stay behind: the second hop is signed as a GET without a body."""
    pair.home.redirect("/start", status, "/end?x=1")
    follow(pair, placement, "POST", data={"a": "1"})
    first, last = pair.home.log
    assert placement == first.placement
    assert ("GET", b"", "/end?x=1") == (
        last.method,
        last.body,
        last.url.removeprefix(f"https://{HOST}").partition("&")[0],
    )


@placements
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("status", [307, 308])
def test_form_is_sent_again(pair: Pair, placement: str, method: str, status: int) -> None:
    """Both hops carry the form once, with a signature of their own."""
    pair.home.redirect("/start", status, f"https://{OTHER_HOST}/end")
    follow(pair, placement, method, data=[("a", "1"), ("a", "é &="), ("b", "")])
    for exchange in pair.home.log:
        assert placement == exchange.placement
        form = exchange.body.partition(b"&oauth_")[0]
        assert b"a=1&a=%C3%A9+%26%3D&b=" == form


@placements
@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_no_body_stays_none(pair: Pair, placement: str, status: int, method: str) -> None:
    """A POST without a body is signed, wherever the parameters go, at both hops."""
    pair.home.redirect("/start", status, "/end")
    follow(pair, placement, method)
    for exchange in pair.home.log:
        assert placement == exchange.placement
        assert (placement == "body") == bool(exchange.body)


@placements
@pytest.mark.parametrize("kind", ["json", "bytes", "file", "memory", "multipart"])
def test_other_bodies_are_sent_again(pair: Pair, placement: str, kind: str, tmp_path: Path) -> None:
    """They arrive twice as they are, unsigned, beside a signature in the header or the query."""
    octets = bytes(range(256)) * 700
    path = tmp_path / "upload.bin"
    path.write_bytes(octets)
    pair.home.redirect("/start", 307, f"https://{OTHER_HOST}/end")

    def body(opened: Any) -> tuple[dict[str, Any], bytes]:
        if kind == "json":
            return {"json": {"a": [1, "é"]}}, json.dumps({"a": [1, "é"]}).encode()
        if kind == "bytes":
            return {"data": octets}, octets
        if kind == "file":
            return {"data": opened}, octets
        if kind == "memory":
            return {"data": io.BytesIO(octets)}, octets
        form = aiohttp.MultipartWriter("form-data", boundary="edge")
        part = form.append(octets)
        part.set_content_disposition("form-data", name="media")
        return {"data": form}, b""

    with path.open("rb") as opened:
        options, expected = body(opened)
        follow(pair, placement, "POST", **options)
    first, last = pair.home.log
    assert first.body == last.body
    assert octets in first.body if kind == "multipart" else expected == first.body
    assert ("header" if placement == "body" else placement) == first.placement == last.placement


@placements
@pytest.mark.parametrize("opened_as", ["rb", "r"])
def test_form_in_a_file_is_sent_again(
    pair: Pair, placement: str, opened_as: str, tmp_path: Path
) -> None:
    """A file with a form in it is signed, at both hops, from where it stood."""
    path = tmp_path / "form.txt"
    path.write_bytes(b"skipped&a=1&b=%20")
    pair.home.redirect("/start", 307, "/end")
    with path.open(opened_as) as opened:
        opened.seek(len("skipped&"))
        # A text file's size is not where it stands, to aiohttp: chunks need no length.
        follow(
            pair,
            placement,
            "POST",
            data=opened,
            headers={"Content-Type": FORM},
            chunked=True if opened_as == "r" else None,
        )
    for exchange in pair.home.log:
        assert b"a=1&b=%20" == exchange.body.partition(b"&oauth_")[0]
        assert placement == exchange.placement


@placements
@pytest.mark.parametrize("status", [307, 308])
def test_stream_is_never_sent_again_empty(pair: Pair, placement: str, status: int) -> None:
    """What has been read up cannot be sent again: aiohttp's error, and one request."""
    pair.home.redirect("/start", status, "/end")

    async def chunks() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async def main() -> None:
        async with pair.home.session() as session:
            with pytest.raises(aiohttp.ClientPayloadError):
                await client_of(pair, session, placement=placement).post("/start", data=chunks())

    run(main())
    (seen,) = pair.home.log
    verified(seen)
    assert b"onetwo" == seen.body


@placements
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_dropped_connection_is_signed_anew(pair: Pair, placement: str, method: str) -> None:
    """Where aiohttp sends again on a new connection, the second request has its own signature."""
    answers = iter([True, False])

    async def once(request: web.Request) -> web.StreamResponse:
        if next(answers) and request.transport is not None:
            request.transport.close()
        return web.Response()

    pair.home.respond("/drops", body=once)
    options: dict[str, Any] = {"data": {"a": "1"}} if method == "POST" else {}

    async def main() -> None:
        async with pair.home.session() as session:
            client = client_of(pair, session, placement=placement)
            if method == "POST":  # not idempotent: aiohttp does not send it again, nor do we
                with pytest.raises(aiohttp.ClientConnectionError):
                    await client.post("/drops", **options)
            else:
                await send(client, method, "/drops")

    run(main())
    pair.home.restore("/drops")
    for exchange in pair.home.log:
        verified(exchange)
    assert (1 if method == "POST" else 2) == len(pair.home.log)
    assert len(pair.home.log) == len({e.parameter("oauth_nonce") for e in pair.home.log})
