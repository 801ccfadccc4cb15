"""
Answer the requests of an OAuth 1.0a service: RFC 5849, section 2, and resources of section 3.

The temporary-credential and token endpoints answer form text labelled ``text/html``, and faults
as ``{"errors": [{"code": …, "message": …}]}``: services in wide use do both.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import attrs
from aiohttp import web

from oauthkit.testing.servers import rfc5849
from oauthkit.testing.servers.accounts import OUT_OF_BAND, Accounts
from oauthkit.testing.servers.hooks import Hook, Hooks
from oauthkit.testing.servers.pages import consent_page, message_page
from oauthkit.testing.servers.records import Exchange
from oauthkit.testing.servers.resources import (
    COOKIE_PATH,
    WEBSOCKET_PATH,
    account,
    cookie,
    describe,
    echo_messages,
    page,
    text,
    url_of,
)
from oauthkit.testing.servers.verification import Refusal, SignedRequest, Verifier

__all__ = ["Service"]


def _form(values: dict[str, str]) -> web.Response:
    return web.Response(text=urlencode(values), content_type="text/html", charset="utf-8")


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
    hooks: Hooks

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Verify, answer and log one request."""
        signed = SignedRequest(
            method=request.method,
            url=url_of(request),
            secure=request.secure,
            authorization=tuple(request.headers.getall("Authorization", [])),
            body=await request.content.read(),
            content_type=request.headers.get("Content-Type"),
        )
        path = request.raw_path.partition("?")[0]
        kinds = {self.temporary_credential_path: "none", self.token_path: "temporary"}
        if path not in self.authorization_paths:
            self.verifier.verify(signed, token_kind=kinds.get(path, "access"))
        endpoint = path in kinds or path in self.authorization_paths
        hook = self.hooks.take(path, signed.body, endpoint=endpoint)
        if hook is not None and hook.handler is not None:
            self._note(request, signed, None, hook)
            return await hook.handler(request)
        if path == WEBSOCKET_PATH and hook is None and signed.refusal is None:
            self._note(request, signed, 101)
            return await echo_messages(request)
        if hook is not None and hook.replaces:
            response = hook.answer()
        else:
            response = self._answer(path, request, signed)
        self._note(request, signed, response.status, hook)
        if hook is not None and hook.after is not None:
            return await hook.after(request, response)
        return response

    def _note(
        self,
        request: web.Request,
        signed: SignedRequest,
        status: int | None,
        hook: Hook | None = None,
    ) -> None:
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
                failure=hook.name if hook is not None else "",
            )
        )

    def _answer(self, path: str, request: web.Request, signed: SignedRequest) -> web.Response:
        if path in self.authorization_paths:
            return self._authorization(request, signed)
        if path == COOKIE_PATH:
            return cookie(signed.url)
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
        user = signed.access.user if signed.access is not None else None
        known = account(path, user, signed.access.user_id) if user and signed.access else None
        if known is not None:
            return known
        return web.json_response(
            describe(
                request, signed.body, hidden=lambda name: name.startswith(b"oauth_"), user=user
            )
        )

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
            return page(message_page("This request is not valid", "It is used or expired."), 403)
        user = given.get("user", "").strip() or "alice"
        if not posted:
            return page(consent_page(request.host, user, {"oauth_token": token}))
        approve = given.get("decision") == "approve"
        target = self.accounts.decide(token, self.clock(), approve=approve, user=user)
        if asked.callback != OUT_OF_BAND:
            return web.Response(status=302, headers={"Location": target})
        if not approve:
            return page(message_page("Access refused", "Nothing was authorized."))
        return page(message_page("Your PIN", target))
