"""Forms are signed; every other body arrives as it was, unsigned (RFC 5849 §3.4.1.3.1)."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from oauthkit import RequestError
from oauthkit.testing.servers.records import Exchange
from transport.peers import FORM, PLACEMENTS, Pair, client_of, run, verified

pytestmark = pytest.mark.proves(
    "Transport", "bodies arrive as they were", rfc="RFC 5849 §3.4.1.3.1", judge="none but ours"
)

placements = pytest.mark.parametrize("placement", PLACEMENTS)
methods = pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])


def send(pair: Pair, placement: str, method: str = "POST", **options: Any) -> Exchange:
    """Send one request that the service must find signed right; return what arrived."""
    declared = {name: options.pop(name) for name in ("body_hash",) if name in options}

    async def main() -> None:
        async with pair.home.session() as session:
            client = client_of(pair, session, placement=placement, **declared)
            async with client.request(method, "/x?q=1&q=%2B+", **options) as response:
                assert 200 == response.status, await response.text()

    run(main())
    (seen,) = pair.home.log
    verified(seen)
    return seen


def payload(seen: Exchange) -> bytes:
    """Return the body without the protocol parameters that were put behind it."""
    own, _, protocol = seen.body.partition(b"oauth_consumer_key=")
    return own.removesuffix(b"&") if protocol and seen.placement == "body" else seen.body


def form_data() -> aiohttp.FormData:
    """Build a form in aiohttp's own class."""
    form = aiohttp.FormData()
    form.add_field("a", "1")
    form.add_field("a", "ü")
    return form


FORMS: dict[str, tuple[Callable[[], dict[str, Any]], bytes]] = {
    "mapping": (lambda: {"data": {"a": "1 2", "b": "é&="}}, b"a=1+2&b=%C3%A9%26%3D"),
    "pairs": (lambda: {"data": [("b", "2"), ("a", "2"), ("a", "1")]}, b"b=2&a=2&a=1"),
    "FormData": (lambda: {"data": form_data()}, b"a=1&a=%C3%BC"),
    "empty": (lambda: {"data": {}}, b""),
    "str": (
        lambda: {"data": "a=1&b=%7E~+%20", "headers": {"Content-Type": FORM}},
        b"a=1&b=%7E~+%20",
    ),
    "bytes": (
        lambda: {
            "data": b"b=%e9&a&&=x&a=%",
            "headers": {"Content-Type": f"{FORM}; charset=latin-1"},
        },
        b"b=%e9&a&&=x&a=%",
    ),
    "raw octets": (
        lambda: {"data": b"a=\xff\xfe", "headers": {"Content-Type": FORM.upper()}},
        b"a=\xff\xfe",
    ),
    "bytearray": (lambda: {"data": bytearray(b"a=1"), "headers": {"Content-Type": FORM}}, b"a=1"),
    "memoryview": (lambda: {"data": memoryview(b"a=1"), "headers": {"Content-Type": FORM}}, b"a=1"),
    "memory": (
        lambda: {"data": io.BytesIO(b"a=1&b=2"), "headers": {"Content-Type": FORM}},
        b"a=1&b=2",
    ),
    "text in memory": (
        lambda: {"data": io.StringIO("a=é"), "headers": {"Content-Type": FORM}},
        "a=é".encode(),
    ),
    "chunked": (lambda: {"data": {"a": "1"}, "chunked": True}, b"a=1"),
    "own length": (
        lambda: {"data": b"a=1", "headers": {"Content-Type": FORM, "Content-Length": "3"}},
        b"a=1",
    ),
    "expect": (lambda: {"data": {"a": "1"}, "expect100": True}, b"a=1"),
}


@placements
@methods
@pytest.mark.parametrize(("make", "octets"), FORMS.values(), ids=FORMS)
def test_forms_are_signed(
    pair: Pair, placement: str, method: str, make: Callable[[], dict[str, Any]], octets: bytes
) -> None:
    """Whatever a form is made of, its octets arrive and are part of the base string."""
    seen = send(pair, placement, method, **make())
    assert octets == payload(seen)
    assert placement == seen.placement


@placements
def test_file_with_a_form(pair: Pair, placement: str, tmp_path: Path) -> None:
    """A file is read from where it stands."""
    path = tmp_path / "form"
    path.write_bytes(b"----a=1&b=" + b"x" * 200_000)
    with path.open("rb") as opened:
        opened.seek(4)
        seen = send(pair, placement, data=opened, headers={"Content-Type": FORM})
    assert b"a=1&b=" + b"x" * 200_000 == payload(seen)


@placements
def test_pipe_with_a_form(pair: Pair, placement: str) -> None:
    """What can be read once only is signed, and sent all the same."""
    reading, writing = os.pipe()
    os.write(writing, b"a=1&b=2")
    os.close(writing)
    with os.fdopen(reading, "rb") as opened:
        seen = send(pair, placement, data=opened, headers={"Content-Type": FORM})
    assert b"a=1&b=2" == payload(seen)


async def chunks() -> AsyncIterator[bytes]:
    """Give a body bit by bit."""
    for _ in range(3):
        yield b"chunk" * 1000


OTHERS: dict[str, tuple[Callable[[], dict[str, Any]], bytes]] = {
    "json": (lambda: {"json": {"a": "é"}}, json.dumps({"a": "é"}).encode()),
    "text": (lambda: {"data": "a=1&é"}, "a=1&é".encode()),
    "bytes": (lambda: {"data": b"a=1&oauth_token=x"}, b"a=1&oauth_token=x"),
    "file": (lambda: {"data": io.BytesIO(b"\0\xff" * 90_000)}, b"\0\xff" * 90_000),
    "stream": (lambda: {"data": chunks()}, b"chunk" * 3000),
    "typed": (
        lambda: {"data": b"a=1", "headers": {"Content-Type": "application/x-www-form-urlencoded2"}},
        b"a=1",
    ),
}


@placements
@pytest.mark.parametrize(("make", "octets"), OTHERS.values(), ids=OTHERS)
def test_other_bodies_are_not_signed(
    pair: Pair, placement: str, make: Callable[[], dict[str, Any]], octets: bytes
) -> None:
    """They arrive unchanged; parameters that have no room in them go into the header."""
    seen = send(pair, placement, **make())
    assert hashlib.sha256(octets).digest() == hashlib.sha256(seen.body).digest()
    assert ("header" if placement == "body" else placement) == seen.placement
    assert seen.base_string.endswith("%26q%3D%252B%2520%26q%3D1")


@placements
def test_multipart(pair: Pair, placement: str) -> None:
    """An upload arrives whole, with the boundary that its Content-Type names."""
    form = aiohttp.FormData()
    form.add_field("status", "a=1")
    form.add_field("media", io.BytesIO(b"\0" * 100_000), filename="a.bin")
    seen = send(pair, placement, data=form)
    kind, _, boundary = (seen.header("Content-Type") or "").partition("; boundary=")
    assert "multipart/form-data" == kind
    assert seen.body.startswith(f"--{boundary}\r\n".encode())
    assert seen.body.endswith(f"--{boundary}--\r\n".encode())
    assert b"\0" * 100_000 in seen.body


@placements
def test_compressed_body_that_is_no_form(pair: Pair, placement: str) -> None:
    """It is compressed as it is sent, and not signed."""
    seen = send(pair, placement, json=["a"] * 1000, compress="deflate")
    assert ["a"] * 1000 == json.loads(zlib.decompress(seen.body))


UNSIGNABLE: dict[str, Callable[[], dict[str, Any]]] = {
    "stream": lambda: {"data": chunks(), "headers": {"Content-Type": FORM}},
    "compressed": lambda: {"data": {"a": "1"}, "compress": True},
    "encoded": lambda: {"data": {"a": "1"}, "headers": {"Content-Encoding": "gzip"}},
    "multipart called a form": lambda: {
        "data": aiohttp.MultipartWriter(),
        "headers": {"Content-Type": FORM},
    },
}


@placements
@pytest.mark.parametrize("make", UNSIGNABLE.values(), ids=UNSIGNABLE)
def test_unsignable_forms_are_refused(
    pair: Pair, placement: str, make: Callable[[], dict[str, Any]]
) -> None:
    """An error of ours, and nothing is sent; the session is as good as before."""

    async def main() -> None:
        async with pair.home.session() as session:
            client = client_of(pair, session, placement=placement)
            with pytest.raises(RequestError, match="cannot be signed"):
                await client.post("/x", **make())
            assert [] == pair.all()
            async with client.get("/x") as response:
                assert 200 == response.status

    run(main())


@pytest.mark.parametrize("placement", ["header", "query"])
@pytest.mark.parametrize(
    ("options", "octets"),
    [
        ({"json": [1]}, b"[1]"),
        ({"data": b"\0\1"}, b"\0\1"),
        ({"data": b""}, b""),
        ({}, b""),
    ],
)
def test_body_hash(pair: Pair, placement: str, options: dict[str, Any], octets: bytes) -> None:
    """A body that is no form is signed by its hash (OAuth Request Body Hash 1.0 §3.2)."""
    seen = send(pair, placement, body_hash=True, **options)
    assert octets == seen.body
    assert "body_hash" in {check.name for check in seen.checks}
    assert placement == seen.placement


@placements
@pytest.mark.parametrize("options", [{"data": {"a": "1"}}, {"headers": {"Content-Type": FORM}}])
def test_body_hash_leaves_forms_alone(pair: Pair, placement: str, options: dict[str, Any]) -> None:
    """A form, an empty one too, is signed as such, without a hash."""
    seen = send(pair, placement, body_hash=True, **options)
    assert seen.parameter("oauth_body_hash") is None
    assert placement == seen.placement


def test_body_hash_of_a_file(pair: Pair) -> None:
    """A file is hashed, and sent from where it stood."""
    seen = send(pair, "header", body_hash=True, data=io.BytesIO(b"\0" * 70_000))
    assert b"\0" * 70_000 == seen.body
    assert "body_hash" in {check.name for check in seen.checks}


def test_body_hash_of_a_stream_is_refused(pair: Pair) -> None:
    """What is made while it is sent has no hash yet."""

    async def main() -> None:
        async with pair.home.session() as session:
            client = client_of(pair, session, body_hash=True)
            with pytest.raises(RequestError, match="cannot be signed"):
                await client.post("/x", data=chunks())

    run(main())
    assert [] == pair.all()


@placements
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
def test_no_body(pair: Pair, placement: str, method: str) -> None:
    """Where there is no body, and none is usual, none is made for the parameters."""
    seen = send(pair, placement, method)
    assert b"" == seen.body
    assert ("header" if placement == "body" else placement) == seen.placement


@placements
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_form_where_none_is_usual(pair: Pair, placement: str, method: str) -> None:
    """It is signed, and the parameters go where they are looked for."""
    seen = send(pair, placement, method, data={"a": "1"})
    assert b"a=1" == seen.body
    assert ("header" if placement == "body" else placement) == seen.placement


def test_payload_is_given_back(pair: Pair) -> None:
    """A middleware outside of ours finds the body without a signature, and may send it again."""
    seen: list[bytes] = []

    async def outer(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        await handler(request)
        body = request.body
        seen.append(await body.as_bytes() if body else b"")
        return await handler(request)

    async def main() -> None:
        async with pair.home.session() as session:
            client = client_of(pair, session, placement="body")
            await client.post("/x", data={"a": "1"}, middlewares=[outer])
            await client.post("/x", middlewares=[outer])

    run(main())
    assert [b"a=1", b""] == seen
    for exchange in pair.home.log:
        verified(exchange)
    assert [b"a=1", b"a=1", b"", b""] == [payload(exchange) for exchange in pair.home.log]
