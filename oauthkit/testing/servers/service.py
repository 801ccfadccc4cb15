"""
Answer the requests of an OAuth 1.0a service: RFC 5849, section 2, and resources of section 3.

The temporary-credential and token endpoints answer form text labelled ``text/html``, and faults
as ``{"errors": [{"code": …, "message": …}]}``: services in wide use do both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import aiohttp
import attrs
from aiohttp import web

from oauthkit.testing.servers import rfc5849
from oauthkit.testing.servers.accounts import OUT_OF_BAND, Accounts
from oauthkit.testing.servers.failures import Handler
from oauthkit.testing.servers.pages import consent_page, message_page
from oauthkit.testing.servers.records import Exchange
from oauthkit.testing.servers.verification import Refusal, SignedRequest, Verifier, text

__all__ = ["COOKIE_PATH", "WEBSOCKET_PATH", "Hook", "Service"]

COOKIE_PATH = "/cookie"
WEBSOCKET_PATH = "/ws"
_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})


@attrs.frozen(kw_only=True)
class Hook:
    """Hold an answer that a test has put in place of the service's own."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    handler: Handler | None = None

    def answer(self) -> web.Response:
        """Make the answer, where there is no handler."""
        return web.Response(status=self.status, headers=list(self.headers), body=self.body)


def _pairs(pairs: list[rfc5849.Pair]) -> list[list[str]]:
    """Show a request's own parameters; what begins with ``oauth_`` is the protocol's."""
    return [[text(name), text(value)] for name, value in pairs if not name.startswith(b"oauth_")]


def _form(values: dict[str, str]) -> web.Response:
    return web.Response(text=urlencode(values), content_type="text/html", charset="utf-8")


def _page(html: str, status: int = 200) -> web.Response:
    return web.Response(text=html, status=status, content_type="text/html", charset="utf-8")


@attrs.define(eq=False, kw_only=True)
class Service:
    """Answer requests, and log each of them."""

    accounts: Accounts
    verifier: Verifier
    clock: Callable[[], float]
    realm: str
    temporary_credential_path: str
    authorization_paths: tuple[str, ...]
    token_path: str
    log: list[Exchange]
    hooks: dict[str, Hook] = attrs.field(factory=dict[str, Hook], init=False)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Verify, answer and log one request."""
        signed = SignedRequest(
            method=request.method,
            url=f"{'https' if request.secure else 'http'}://{request.host}{request.raw_path}",
            secure=request.secure,
            authorization=tuple(request.headers.getall("Authorization", [])),
            body=await request.content.read(),
            content_type=request.headers.get("Content-Type"),
        )
        path = request.raw_path.partition("?")[0]
        if path not in self.authorization_paths:
            kinds = {self.temporary_credential_path: "none", self.token_path: "temporary"}
            self.verifier.verify(signed, token_kind=kinds.get(path, "access"))
        hook = self.hooks.get(path)
        if hook is not None and hook.handler is not None:
            self._note(request, signed, None)
            return await hook.handler(request)
        if path == WEBSOCKET_PATH and hook is None and signed.refusal is None:
            self._note(request, signed, 101)
            return await _echo_messages(request)
        response = hook.answer() if hook is not None else self._answer(path, request, signed)
        self._note(request, signed, response.status)
        return response

    def _note(self, request: web.Request, signed: SignedRequest, status: int | None) -> None:
        self.log.append(
            Exchange(
                method=signed.method,
                url=signed.url,
                headers=tuple(request.headers.items()),
                body=signed.body,
                realm=signed.realm,
                placement=signed.placement,
                parameters=tuple((text(name), text(value)) for name, value in signed.pairs),
                base_string=signed.base_string,
                checks=tuple(signed.checks),
                status=status,
            )
        )

    def _answer(self, path: str, request: web.Request, signed: SignedRequest) -> web.Response:
        if path in self.authorization_paths:
            return self._authorization(request, signed)
        if path == COOKIE_PATH:
            return _cookie(signed)
        if signed.refusal is None:
            try:
                if path == self.temporary_credential_path:
                    return self._temporary_credentials(signed)
                if path == self.token_path:
                    return self._token(signed)
            except Refusal as refusal:
                signed.refusal = refusal
        if signed.refusal is not None:
            return self._refused(signed.refusal)
        if path == "/1.1/account/verify_credentials.json" and signed.access is not None:
            return web.json_response(
                {
                    "id": int(signed.access.user_id),
                    "id_str": signed.access.user_id,
                    "name": signed.access.user.title(),
                    "screen_name": signed.access.user,
                }
            )
        if path == "/2/users/me" and signed.access is not None:
            user = signed.access.user
            data = {"id": signed.access.user_id, "name": user.title(), "username": user}
            return web.json_response({"data": data})
        return web.json_response(_echo(request, signed))

    def _refused(self, refusal: Refusal) -> web.Response:
        """Answer a request that failed its verification (section 3.2)."""
        return web.json_response(
            {"errors": [{"code": refusal.code, "message": refusal.message}]},
            status=refusal.status,
            headers={"WWW-Authenticate": f'OAuth realm="{self.realm}"'},
        )

    def _temporary_credentials(self, signed: SignedRequest) -> web.Response:
        """Issue temporary credentials (section 2.1)."""
        callback = signed.parameters.get("oauth_callback", "")
        if not callback:
            signed.refuse("callback", 400, 215, "missing: oauth_callback")
        fault = self.accounts.callback_fault(callback)
        if fault is not None:
            signed.refuse("callback", fault[0], 415, fault[1])
        signed.passed("callback", "out of band" if callback == OUT_OF_BAND else "accepted")
        made = self.accounts.begin(callback, self.clock())
        return _form(
            {
                "oauth_token": made.token,
                "oauth_token_secret": made.secret,
                "oauth_callback_confirmed": "true",
            }
        )

    def _token(self, signed: SignedRequest) -> web.Response:
        """Exchange temporary credentials for a token (section 2.3)."""
        asked = signed.temporary
        if asked is None or not asked.decided or asked.denied:
            signed.refuse("authorized", 401, 89, "Invalid or expired token: not authorized")
        signed.passed("authorized")
        verifier = signed.parameters.get("oauth_verifier", "")
        if not verifier:
            signed.refuse("verifier", 400, 215, "missing: oauth_verifier")
        made = self.accounts.exchange(asked, verifier)
        if made is None:
            signed.refuse("verifier", 401, 32, "Could not authenticate you: wrong oauth_verifier")
        signed.passed("verifier")
        return _form(
            {
                "oauth_token": made.token,
                "oauth_token_secret": made.secret,
                "user_id": made.user_id,
                "screen_name": made.user,
            }
        )

    def _authorization(self, request: web.Request, signed: SignedRequest) -> web.Response:
        """Ask the user, or take the answer of the form (section 2.2)."""
        posted = request.method == "POST"
        source = signed.body if posted else rfc5849.split_query(signed.url)
        given = {text(name): text(value) for name, value in rfc5849.form_pairs(source)}
        token = given.get("oauth_token", "")
        asked = self.accounts.temporary(token, self.clock())
        if asked is None or asked.decided:
            return _page(message_page("This request is not valid", "It is used or expired."), 403)
        user = given.get("user", "").strip() or "alice"
        if not posted:
            return _page(consent_page(request.host, token, user))
        approve = given.get("decision") == "approve"
        target = self.accounts.decide(token, self.clock(), approve=approve, user=user)
        if asked.callback != OUT_OF_BAND:
            return web.Response(status=302, headers={"Location": target})
        if not approve:
            return _page(message_page("Access refused", "Nothing was authorized."))
        return _page(message_page("Your PIN", target))


def _cookie(signed: SignedRequest) -> web.Response:
    """Set the cookie that the query names: ``?name=…&value=…`` (RFC 6265, section 4.1)."""
    pairs = rfc5849.form_pairs(rfc5849.split_query(signed.url))
    given = {text(name): text(value) for name, value in pairs}
    response = web.json_response({})
    response.set_cookie(given.get("name", "session"), given.get("value", ""))
    return response


def _echo(request: web.Request, signed: SignedRequest) -> dict[str, Any]:
    """Describe what was received, without its secrets."""
    form = rfc5849.form_pairs(signed.body) if rfc5849.is_form(signed.content_type) else []
    return {
        "method": request.method,
        "scheme": request.scheme,
        "host": request.host,
        "path": request.raw_path.partition("?")[0],
        "query": _pairs(rfc5849.form_pairs(rfc5849.split_query(signed.url))),
        "form": _pairs(form),
        "content_type": signed.content_type,
        "body_length": len(signed.body),
        "body_sha256": hashlib.sha256(signed.body).hexdigest(),
        "headers": [
            [name, "***" if name.lower() in _SECRET_HEADERS else value]
            for name, value in request.headers.items()
        ],
        "user": signed.access.user if signed.access is not None else None,
    }


async def _echo_messages(request: web.Request) -> web.WebSocketResponse:
    """Send every message of a websocket back (RFC 6455)."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type is aiohttp.WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type is aiohttp.WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket
