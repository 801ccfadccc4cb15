"""Puts what we add into a request's query or body, and takes it out again after sending."""

from __future__ import annotations

from io import BytesIO

from aiohttp import ClientRequest, hdrs
from aiohttp.payload import BytesIOPayload, BytesPayload, IOBasePayload, Payload
from yarl import URL

from oauthkit.errors import RequestError
from oauthkit.protocol.oauth1 import FORM, is_form
from oauthkit.transport.seams import Undo

__all__ = ["has_room", "put_into_query", "read_body", "replace_body"]

_WITH_BODY = frozenset({"PATCH", "POST", "PUT"})
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def has_room(request: ClientRequest) -> bool:
    """Say whether the body is a form, or may become one (RFC 6750 §2.2: not that of a GET)."""
    if request.body:
        content_type = request.headers.get(hdrs.CONTENT_TYPE)
        return is_form(content_type) and request.method not in _WITHOUT_BODY
    return request.method in _WITH_BODY


async def read_body(request: ClientRequest) -> bytes:
    """
    Return the octets of a body, which is then still there to be sent; b"" where there is none.

    Raises RequestError for one that is compressed, or made while it is sent.
    """
    body = request.body
    if not body:
        return b""
    if hdrs.CONTENT_ENCODING in request.headers:
        raise RequestError(
            "a compressed form cannot be signed or added to: send it without compress="
        )
    if not isinstance(body, (BytesPayload, IOBasePayload)):
        raise RequestError(
            "a body that is made while it is sent cannot be signed or added to "
            f"({type(body).__name__}): pass a mapping, bytes or a file, or another Content-Type "
            "than a form's"
        )
    octets = bytes(await body.as_bytes())  # aiohttp hands out a bytearray or memoryview as it is
    if isinstance(body, IOBasePayload):  # a pipe cannot be read again, and aiohttp closes files
        await request.update_body(BytesIOPayload(BytesIO(octets), content_type=body.content_type))
    return octets


def put_into_query(request: ClientRequest, query: str) -> Undo:
    """Make *query*, encoded, the query of the request's URL."""
    url = request.url
    request.url = URL(f"{str(url).partition('?')[0]}?{query}", encoded=True)

    async def undo() -> None:
        request.url = url

    return undo


async def replace_body(request: ClientRequest, form: bytes) -> Undo:
    """Send *form* in place of the request's own body."""
    original: Payload | None = request.body or None
    request.headers.setdefault(hdrs.CONTENT_TYPE, FORM)
    await request.update_body(form)

    # A redirect sends the request's body again, to wherever it leads: ours must be gone from it.
    async def undo() -> None:
        await request.update_body(original)

    return undo
