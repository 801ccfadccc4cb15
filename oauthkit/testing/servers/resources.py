"""
Answer what any service answers, whatever its protocol: an echo, a cookie, a websocket.

RFC 9110 (methods and bodies), RFC 6265 (cookies), RFC 6455 (websockets).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import aiohttp
from aiohttp import web

from oauthkit.testing.servers import rfc5849

__all__ = [
    "COOKIE_PATH",
    "WEBSOCKET_PATH",
    "account",
    "cookie",
    "describe",
    "echo_messages",
    "page",
    "text",
    "url_of",
    "with_query",
]

COOKIE_PATH = "/cookie"
WEBSOCKET_PATH = "/ws"
_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})


def text(octets: bytes) -> str:
    """Show octets as text, without loss: those that are not UTF-8 become surrogates."""
    return octets.decode("utf-8", "surrogateescape")


def url_of(request: web.Request) -> str:
    """Give the absolute URL of *request* as it was received, not requoted."""
    return f"{'https' if request.secure else 'http'}://{request.host}{request.raw_path}"


def with_query(url: str, **pairs: str) -> str:
    """Append *pairs* to the query of *url*; one that is there already is kept."""
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode(pairs))))
    return urlunsplit(parts._replace(query=query))


def page(html: str, status: int = 200) -> web.Response:
    """Answer with a page for a person."""
    return web.Response(text=html, status=status, content_type="text/html", charset="utf-8")


def account(path: str, user: str, user_id: str) -> web.Response | None:
    """Answer for the resources that say who *user* is; None where *path* is neither of them."""
    if path == "/1.1/account/verify_credentials.json":
        named = {"name": user.title(), "screen_name": user}
        return web.json_response({"id": int(user_id), "id_str": user_id, **named})
    if path == "/2/users/me":
        data = {"id": user_id, "name": user.title(), "username": user}
        return web.json_response({"data": data})
    return None


def cookie(url: str) -> web.Response:
    """Set the cookie that the query names: ``?name=…&value=…`` (RFC 6265, section 4.1)."""
    given = {text(n): text(v) for n, v in rfc5849.form_pairs(rfc5849.split_query(url))}
    response = web.json_response({})
    response.set_cookie(given.get("name", "session"), given.get("value", ""))
    return response


def describe(
    request: web.Request, body: bytes, *, hidden: Callable[[bytes], bool], user: str | None
) -> dict[str, Any]:
    """
    Describe what was received, without its secrets.

    *hidden* tells which names in the query and in a form are the protocol's.
    """

    def shown(encoded: bytes) -> list[list[str]]:
        pairs = rfc5849.form_pairs(encoded)
        return [[text(name), text(value)] for name, value in pairs if not hidden(name)]

    content_type = request.headers.get("Content-Type")
    return {
        "method": request.method,
        "scheme": request.scheme,
        "host": request.host,
        "path": request.raw_path.partition("?")[0],
        "query": shown(rfc5849.split_query(url_of(request))),
        "form": shown(body) if rfc5849.is_form(content_type) else [],
        "content_type": content_type,
        "body_length": len(body),
        "body_sha256": hashlib.sha256(body).hexdigest(),
        "headers": [
            [name, "***" if name.lower() in _SECRET_HEADERS else value]
            for name, value in request.headers.items()
        ],
        "user": user,
    }


async def echo_messages(request: web.Request) -> web.WebSocketResponse:
    """Send every message of a websocket back (RFC 6455)."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type is aiohttp.WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type is aiohttp.WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket
