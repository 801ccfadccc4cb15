"""
Issue, refresh, explain and revoke tokens: RFC 6749, section 3.2 to 6, RFC 7009 and RFC 7662.

Each grant is first examined, without changing anything; what it returns then spends and issues.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import attrs
from aiohttp import web

from oauthkit.testing.servers.ledger import Code, Grant, Issued, Ledger
from oauthkit.testing.servers.oauth2_clients import Client, ClientAuthentication, same
from oauthkit.testing.servers.received import NO_STORE, Received

if TYPE_CHECKING:
    from oauthkit.testing.servers.oauth2 import OAuth2Server

__all__ = ["GRANT_TYPES", "Tokens", "token_answer"]

GRANT_TYPES = ("authorization_code", "client_credentials", "password", "refresh_token")

# Section 2.3.1 and RFC 6750, section 5.3: what a URL holds, a log keeps.
_SECRETS = frozenset(
    {"client_secret", "code", "code_verifier", "refresh_token", "username", "password", "token"}
)
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")

Finish = Callable[[], web.Response]


class Answer(Protocol):
    """Issue tokens for a grant and give the answer that holds them."""

    def __call__(self, grant: Grant, scope: str, *, refreshable: bool = False) -> dict[str, Any]:
        """Give the members of the answer."""
        ...


def token_answer(members: Mapping[str, Any]) -> web.Response:
    """Answer with tokens (section 5.1)."""
    return web.json_response(members, headers=NO_STORE)


@attrs.define(eq=False, kw_only=True)
class Tokens:
    """Answer at the token, revocation and introspection endpoints of *server*."""

    server: OAuth2Server
    ledger: Ledger
    clients: Mapping[str, Client]
    answer: Answer

    def examine(self, received: Received) -> Finish:
        """Take a token request (section 3.2)."""
        received.take_form(_SECRETS)
        client = self._client(received)
        grants: dict[str, Callable[[Received, Client], Finish]] = {
            "authorization_code": self._authorization_code,
            "client_credentials": self._client_credentials,
            "password": self._password,
            "refresh_token": self._refresh_token,
        }
        name = received.require("grant_type")
        if name not in grants or name not in self.server.grant_types:
            problem = f"grant_type is none of {', '.join(self.server.grant_types)}"
            received.reject("grant_type", "unsupported_grant_type", problem)
        received.passed("grant_type", name)
        return grants[name](received, client)

    def examine_revocation(self, received: Received) -> Finish:
        """Take a request to revoke a token (RFC 7009, section 2)."""
        received.take_form(_SECRETS)
        client = self._client(received)
        token = received.require("token")
        found = self.ledger.find(token)
        if found is not None and found.grant.client_id != client.client_id:
            received.reject("token", "invalid_grant", "the token is another client's")
        received.passed("token", found.kind if found is not None else "not one of ours")

        def finish() -> web.Response:
            self.ledger.revoke(token)
            return web.Response(headers=NO_STORE)

        return finish

    def examine_introspection(self, received: Received) -> Finish:
        """Take a question about a token (RFC 7662, section 2)."""
        received.take_form(_SECRETS)
        self._client(received)
        found = self.ledger.find(received.require("token"))
        received.passed("token", found.kind if found is not None else "not one of ours")
        return lambda: web.json_response(self._explained(found), headers=NO_STORE)

    def _explained(self, found: Issued | None) -> dict[str, Any]:
        if found is None or found.fault(self.server.clock()) is not None:
            return {"active": False}
        user = found.grant.user
        members = {
            "active": True,
            "client_id": found.grant.client_id,
            "scope": self.server.scope_separator.join(found.scope.split()) or None,
            "token_type": "Bearer" if found.kind == "access_token" else None,
            "username": user,
            "sub": found.grant.client_id if user is None else self.ledger.user_id(user),
            "iat": int(found.issued),
            "exp": None if found.expires is None else int(found.expires),
            "iss": self.server.issuer,
        }
        return {name: value for name, value in members.items() if value is not None}

    def _client(self, received: Received) -> Client:
        return ClientAuthentication(
            clients=self.clients,
            methods=self.server.auth_methods,
            raw_basic=self.server.raw_basic,
            realm=self.server.realm,
        ).check(received)

    def _scope(self, received: Received, within: str | None = None) -> str:
        scope = self.server.scope_rules.granted(received.parameters.get("scope"), within)
        if scope is None:
            received.reject("scope", "invalid_scope", "the scope is malformed, or not to be had")
        received.passed("scope", scope)
        return scope

    @property
    def _refreshable(self) -> bool:
        return "refresh_token" in self.server.grant_types

    def _authorization_code(self, received: Received, client: Client) -> Finish:
        """Exchange a code, once (section 4.1.3; RFC 7636, section 4.6)."""
        code = self.ledger.code(received.require("code"))
        if code is None or code.grant.client_id != client.client_id:
            received.reject("code", "invalid_grant", "the code is unknown, or another client's")

        def finish() -> web.Response:
            if not self.ledger.spend(code):
                # Section 4.1.2: somebody else has it, and perhaps has used it.
                code.grant.revoked = True
                problem = "the code was used before; its tokens are revoked"
                received.reject("code", "invalid_grant", problem)
            scope = code.grant.scope
            return token_answer(self.answer(code.grant, scope, refreshable=self._refreshable))

        if code.spent:
            return finish
        if self.server.clock() >= code.expires:
            received.reject("code", "invalid_grant", "the code has expired")
        received.passed("code")
        given = received.parameters.get("redirect_uri")
        missing = given is None and code.redirect_uri_given
        if missing or given not in {None, code.redirect_uri}:
            problem = "redirect_uri is not that of the authorization request"
            received.reject("redirect_uri", "invalid_grant", problem)
        received.passed("redirect_uri")
        self._code_verifier(received, code)
        return finish

    def _code_verifier(self, received: Received, code: Code) -> None:
        verifier = received.parameters.get("code_verifier")
        if code.challenge is None:
            # RFC 9700, section 2.1.1: else an attacker could leave PKCE out of the request.
            if verifier is not None:
                problem = "code_verifier without a code_challenge before"
                received.reject("code_verifier", "invalid_grant", problem)
            received.passed("code_verifier", "left out")
            return
        if verifier is None:
            received.reject("code_verifier", "invalid_grant", "missing: code_verifier")
        if not _VERIFIER.fullmatch(verifier):
            problem = "code_verifier is none (RFC 7636, 4.1)"
            received.reject("code_verifier", "invalid_grant", problem)
        made = verifier
        if code.challenge_method == "S256":
            digest = hashlib.sha256(verifier.encode("ascii")).digest()
            made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not same(code.challenge, made):
            received.reject("code_verifier", "invalid_grant", "code_verifier does not match")
        received.passed("code_verifier", code.challenge_method)

    def _client_credentials(self, received: Received, client: Client) -> Finish:
        """Give a token to the client itself (section 4.4)."""
        if not client.secret:
            problem = "a client without a secret has no credentials"
            received.reject("client", "unauthorized_client", problem)
        scope = self._scope(received)
        grant = Grant(client_id=client.client_id, user=None, scope=scope)
        return lambda: token_answer(self.answer(grant, scope))

    def _password(self, received: Received, client: Client) -> Finish:
        """Give a token for the user's own password (section 4.3)."""
        user, password = received.require("username"), received.require("password")
        known = self.server.users.get(user)
        if known is None or not same(known, password):
            received.reject("password", "invalid_grant", "unknown user, or wrong password")
        received.passed("password")
        scope = self._scope(received)
        grant = Grant(client_id=client.client_id, user=user, scope=scope)
        return lambda: token_answer(self.answer(grant, scope, refreshable=self._refreshable))

    def _refresh_token(self, received: Received, client: Client) -> Finish:
        """Renew an access token (section 6), and the refresh token (RFC 9700, 4.14.2)."""
        found = self.ledger.find(received.require("refresh_token"), "refresh_token")
        if found is None or found.grant.client_id != client.client_id:
            problem = "the refresh token is unknown, or another client's"
            received.reject("refresh_token", "invalid_grant", problem)

        if found.spent:
            return lambda: self._rotated(received, found)
        wrong = found.fault(self.server.clock())
        if wrong is not None:
            received.reject("refresh_token", "invalid_grant", f"the refresh token: {wrong}")
        received.passed("refresh_token")
        scope = self._scope(received, within=found.grant.scope)

        def finish() -> web.Response:
            rotates = self.server.rotate_refresh_tokens
            if rotates:
                self.ledger.spend(found)
            return token_answer(self.answer(found.grant, scope, refreshable=rotates))

        return finish

    def _rotated(self, received: Received, found: Issued) -> NoReturn:
        """Refuse a refresh token that was used before, and whatever came of it."""
        found.grant.revoked = True
        problem = "the refresh token was rotated; its whole family is revoked"
        received.reject("refresh_token", "invalid_grant", problem)
