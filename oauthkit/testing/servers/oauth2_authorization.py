"""
Ask the user, and send a code back: RFC 6749, section 4.1, with PKCE (RFC 7636) and RFC 9207.

A request whose client or redirect URI is wrong gets a page; any other fault is sent to the client.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import attrs
from aiohttp import web

from oauthkit.testing.servers.ledger import Grant, Ledger
from oauthkit.testing.servers.oauth2_clients import Client
from oauthkit.testing.servers.pages import consent_page, message_page
from oauthkit.testing.servers.received import NO_STORE, Received, not_utf8
from oauthkit.testing.servers.resources import page, with_query

if TYPE_CHECKING:
    from oauthkit.testing.servers.oauth2 import OAuth2Server

__all__ = ["Asked", "Authorization", "AuthorizationFault"]

_CHALLENGE = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@attrs.frozen(kw_only=True)
class Asked:
    """Hold an authorization request that may be put before the user."""

    client: Client
    redirect_uri: str
    redirect_uri_given: bool
    state: str | None = attrs.field(repr=False)
    scope: str
    challenge: str | None = attrs.field(repr=False)
    challenge_method: str


class AuthorizationFault(Exception):  # noqa: N818 (what a server answers, not its own error)
    """Refuse an authorization request; *location* is None where nobody may be redirected."""

    def __init__(self, name: str, description: str, location: str | None = None) -> None:
        """Refuse for the check *name*."""
        super().__init__(description)
        self.name = name
        self.description = description
        self.location = location


@attrs.define(eq=False, kw_only=True)
class Authorization:
    """Answer at the authorization endpoint of *server*."""

    server: OAuth2Server
    ledger: Ledger
    clients: Mapping[str, Client]

    def asked(self, pairs: Iterable[tuple[str, str]]) -> Asked:
        """Read an authorization request (section 4.1.1), or raise `AuthorizationFault`."""
        given = [(name, value) for name, value in pairs if value]
        if not_utf8(given):
            raise AuthorizationFault("parameters", "The request is not in UTF-8.")
        names = [name for name, _ in given]
        twice = {name for name in names if names.count(name) > 1}
        if twice & {"client_id", "redirect_uri"}:
            raise AuthorizationFault("parameters", "client_id or redirect_uri comes twice")
        values = dict(given)
        client = self.clients.get(values.get("client_id", ""))
        if client is None:
            raise AuthorizationFault("client", "The client is not known.")
        uri = self._redirect_uri(client, values.get("redirect_uri"))
        state = None if "state" in twice else values.get("state")

        def refuse(name: str, error: str, description: str) -> NoReturn:
            back = self._back(uri, state, error=error, error_description=description)
            raise AuthorizationFault(name, description, back)

        if twice:
            refuse("parameters", "invalid_request", f"more than once: {', '.join(sorted(twice))}")
        if "response_type" not in values:
            refuse("response_type", "invalid_request", "missing: response_type")
        if values["response_type"] != "code":
            refuse("response_type", "unsupported_response_type", "response_type is not code")
        if "authorization_code" not in self.server.grant_types:
            refuse("response_type", "unauthorized_client", "codes are not for this client")
        method = values.get("code_challenge_method", "plain")
        challenge = values.get("code_challenge")
        if challenge is None:
            if "code_challenge_method" in values:
                refuse("code_challenge", "invalid_request", "missing: code_challenge")
            # RFC 9700, section 2.1.1: a client that cannot authenticate has nothing but PKCE.
            if self.server.require_pkce or not client.secret:
                refuse("code_challenge", "invalid_request", "missing: code_challenge (PKCE)")
        elif method not in self.server.code_challenge_methods:
            refuse("code_challenge", "invalid_request", "this code_challenge_method is not taken")
        elif not _CHALLENGE.fullmatch(challenge):
            refuse("code_challenge", "invalid_request", "code_challenge is none (RFC 7636, 4.2)")
        scope = self.server.scope_rules.granted(values.get("scope"))
        if scope is None:
            refuse("scope", "invalid_scope", "the scope is malformed, or not to be had")
        return Asked(
            client=client,
            redirect_uri=uri,
            redirect_uri_given="redirect_uri" in values,
            state=state,
            scope=scope,
            challenge=challenge,
            challenge_method=method,
        )

    def decide(self, asked: Asked, *, approve: bool, user: str) -> str:
        """Take the user's decision: give the URL to go to (section 4.1.2)."""
        if not approve:
            return self._back(
                asked.redirect_uri,
                asked.state,
                error="access_denied",
                error_description="The user refused.",
            )
        made = self.ledger.begin(
            Grant(client_id=asked.client.client_id, user=user, scope=asked.scope),
            redirect_uri=asked.redirect_uri,
            redirect_uri_given=asked.redirect_uri_given,
            challenge=asked.challenge,
            challenge_method=asked.challenge_method,
            expires=self.server.clock() + self.server.code_lifetime,
        )
        return self._back(asked.redirect_uri, asked.state, code=made.code)

    def examine(self, received: Received) -> Callable[[], web.Response]:
        """Show the page that asks the user, or take the answer of its form."""
        received.pairs = received.query
        try:
            asked = self.asked(received.pairs)
        except AuthorizationFault as fault:
            if fault.location is None:
                html = message_page("This request is not valid", fault.description)
                response = page(html, 400)
            else:
                headers = {**NO_STORE, "Location": fault.location}
                response = web.Response(status=303, headers=headers)
            received.refuse(fault.name, fault.description, response)
        for name in ("client", "redirect_uri", "response_type", "code_challenge", "scope"):
            received.passed(name)
        return lambda: self._answer(received, asked)

    def _answer(self, received: Received, asked: Asked) -> web.Response:
        form = dict(received.form)
        user = form.get("user", "").strip() or "alice"
        if received.request.method != "POST":
            response = page(consent_page(received.request.host, user))
            response.headers.update(NO_STORE)
            return response
        target = self.decide(asked, approve=form.get("decision") == "approve", user=user)
        return web.Response(status=303, headers={**NO_STORE, "Location": target})

    def _redirect_uri(self, client: Client, given: str | None) -> str:
        """Give the redirect URI, which must be a registered one to the letter (3.1.2.3)."""
        registered = client.redirect_uris
        if given is None:
            if registered is None or len(registered) != 1:
                raise AuthorizationFault("redirect_uri", "The redirect URI is missing.")
            return next(iter(registered))
        if registered is not None and given not in registered:
            raise AuthorizationFault("redirect_uri", "The redirect URI is not registered.")
        if not urlsplit(given).scheme or "#" in given:
            raise AuthorizationFault("redirect_uri", "The redirect URI is no absolute URI.")
        return given

    def _back(self, uri: str, state: str | None, **values: str) -> str:
        """Give the URL of an answer: the request's state, and who answers (RFC 9207)."""
        if state is not None:
            values["state"] = state
        if self.server.issuer is not None:
            values["iss"] = self.server.issuer
        return with_query(uri, **values)
