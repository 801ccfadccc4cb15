"""Puts what we add into a request's query or body, and takes it out again after sending."""

from __future__ import annotations

from aiohttp import ClientRequest, hdrs
from aiohttp.payload import BytesPayload, IOBasePayload, Payload
from yarl import URL

from oauthkit.errors import RequestError
from oauthkit.protocol.oauth1 import FORM, is_form
from oauthkit.transport.seams import Undo

__all__ = ["has_room", "put_into_query", "read_body", "replace_body"]

_WITH_BODY = frozenset({"PATCH", "POST", "PUT"})


def has_room(request: ClientRequest) -> bool:
    """Say whether the body is a form, or may become one."""
    if request.body:
        return is_form(request.headers.get(hdrs.CONTENT_TYPE))
    return request.method in _WITH_BODY


async def read_body(request: ClientRequest) -> bytes:
    """
    Return the octets of a form body; b"" where there is none.

    Raises RequestError for one that is compressed, or made while it is sent.
    """
    body = request.body
    if not body:
        return b""
    if hdrs.CONTENT_ENCODING in request.headers:
        raise RequestError("a compressed form cannot be signed or added to: leave out compress=")
    if not isinstance(body, (BytesPayload, IOBasePayload)):
        raise RequestError(
            f"a form that is made while it is sent cannot be signed or added to "
            f"({type(body).__name__}): pass a mapping, bytes or a file"
        )
    return await body.as_bytes()


def put_into_query(request: ClientRequest, encoded: str) -> Undo:
    """Add encoded pairs to the query of the request's URL."""
    url = request.url
    base, _, query = str(url).partition("?")
    request.url = URL(f"{base}?{query}{'&' if query else ''}{encoded}", encoded=True)

    async def undo() -> None:
        request.url = url

    return undo


async def replace_body(request: ClientRequest, before: bytes, after: bytes) -> Undo:
    """Send the form *after* in place of *before*, the octets of the request's own body."""
    original: Payload | None = request.body or None
    content_type = request.headers.get(hdrs.CONTENT_TYPE, FORM)
    if isinstance(original, IOBasePayload):  # update_body() closes its file
        original = BytesPayload(before, content_type=content_type)
    request.headers[hdrs.CONTENT_TYPE] = content_type
    await request.update_body(after)

    # A redirect sends the request's body again, to wherever it leads: ours must be gone from it.
    async def undo() -> None:
        await request.update_body(original)

    return undo
