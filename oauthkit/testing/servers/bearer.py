"""
Protect resources with bearer tokens: RFC 6750, for every server here that issues such.

A token comes in the header, a form or the query, in exactly one of them; the challenge says what
was wrong. Behind it are resources that say who the user is, and an echo for everything else.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, NoReturn

import attrs
from aiohttp import web

from oauthkit.testing.servers.embedded import EmbeddedServer
from oauthkit.testing.servers.ledger import Grant, Issued, Ledger
from oauthkit.testing.servers.received import Received, Refused, challenge, fault
from oauthkit.testing.servers.records import Exchange
from oauthkit.testing.servers.resources import (
    COOKIE_PATH,
    WEBSOCKET_PATH,
    account,
    cookie,
    describe,
    echo_messages,
    url_of,
)

__all__ = ["ABSENT", "Absent", "BearerServer", "Endpoint"]

Endpoint = Callable[[Received], Callable[[], web.Response]]
"""Examine a request without changing anything; give what then answers it, or raise `Refused`."""

_BEARER = re.compile(r"bearer(?: +(?P<token>.*))?", re.IGNORECASE | re.DOTALL)
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_STATUS = {"invalid_request": 400, "invalid_token": 401, "insufficient_scope": 403}
_USUAL_LIFETIME = 3600.0


class Absent(enum.Enum):
    """Type the one value `ABSENT`."""

    ABSENT = enum.auto()


ABSENT: Final = Absent.ABSENT
"""As *expires_in*: a token answer without the member."""


def as_tuple(values: Iterable[str]) -> tuple[str, ...]:
    """Make *values* a tuple."""
    return tuple(values)


@attrs.define(eq=False, kw_only=True)
class BearerServer(EmbeddedServer):
    """
    Issue bearer tokens, and take them at every path that is no endpoint.

    *expires_in* is what token answers say, sensible or not (`ABSENT`: nothing), and *lifetime* is
    how many seconds an access token is good; None means what *expires_in* says, or an hour where
    that is no positive number. *placements* are where a token is taken: "header", "body", "query".
    *required_scopes* maps a path to the scopes that it needs, joined by spaces; *scope_separator*
    is what joins them in requests and answers.
    """

    token_path: str = "/token"
    userinfo_path: str = "/userinfo"
    expires_in: object = 3600
    lifetime: float | None = None
    realm: str = "OAuth"
    placements: tuple[str, ...] = attrs.field(
        default=("header", "body", "query"), converter=as_tuple
    )
    required_scopes: Mapping[str, str] = attrs.field(factory=dict[str, str])
    scope_separator: str = " "

    _ledger: Ledger = attrs.field(factory=Ledger, init=False, repr=False)

    # What a test asks for

    @property
    def token_requests(self) -> int:
        """Count the requests to the token endpoint in `log`, refused ones and hooks' among them."""
        return len(self.exchanges(self.token_path))

    def exchanges(self, path: str) -> list[Exchange]:
        """Give the requests in `log` that came for *path*."""
        return [found for found in self.log if found.path == path]

    def revoke(self, token: str) -> None:
        """
        Make a token invalid; one that is not known is so already.

        A refresh token takes along every token of its grant (RFC 7009, section 2.1).
        """
        self._ledger.revoke(token)

    def expire(self, token: str) -> None:
        """Let a token be over as of now; raises `ValueError` for one that was never issued."""
        self._ledger.expire(token, self.clock())

    # What an answer holds

    def _answer(self, grant: Grant, scope: str, *, refreshable: bool = False) -> dict[str, Any]:
        """Issue tokens and give the answer that holds them (RFC 6749, section 5.1)."""
        now = self.clock()
        lifetime = self.lifetime
        if lifetime is None:
            said = self.expires_in
            lifetime = _USUAL_LIFETIME
            if isinstance(said, (int, float)) and said > 0:
                lifetime = float(said)
        issued = self._ledger.issue("access_token", grant, scope, now=now, lifetime=lifetime)
        answer: dict[str, Any] = {"access_token": issued.token, "token_type": "Bearer"}
        if self.expires_in is not ABSENT:
            answer["expires_in"] = self.expires_in
        if refreshable:
            fresh = self._ledger.issue("refresh_token", grant, grant.scope, now=now, lifetime=None)
            answer["refresh_token"] = fresh.token
        if scope:
            answer["scope"] = self.scope_separator.join(scope.split())
        return answer

    # How a request is answered

    def _endpoints(self) -> dict[str, Endpoint]:
        """Name the endpoints by path: each kind of server has its own."""
        raise NotImplementedError

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        received = Received(request=request, body=await request.content.read())
        endpoints = self._endpoints()
        endpoint = endpoints.get(received.path, self._resource)
        hook = self._hooks.take(received.path, received.body, endpoint=received.path in endpoints)
        replaced = hook if hook is not None and hook.replaces else None
        failure = hook.name if hook is not None else ""
        try:
            finish = endpoint(received)
            if hook is None and received.path == WEBSOCKET_PATH:
                self.log.append(received.exchange(101))
                return await echo_messages(request)
            # A hook that replaces leaves codes and refresh tokens alone: they are not used up.
            response = finish() if replaced is None else replaced.answer()
        except Refused as refused:
            response = refused.response if replaced is None else replaced.answer()
        if hook is not None and hook.handler is not None:
            self.log.append(received.exchange(None, failure))
            return await hook.handler(request)
        self.log.append(received.exchange(response.status, failure))
        if hook is not None and hook.after is not None:
            return await hook.after(request, response)
        return response

    def _resource(self, received: Received) -> Callable[[], web.Response]:
        """Take a bearer token (RFC 6750, section 2), then answer."""
        if received.path == COOKIE_PATH:
            return lambda: cookie(url_of(received.request))
        token = self._presented(received)
        issued = self._ledger.find(token, "access_token")
        wrong = "it was not issued here" if issued is None else issued.fault(self.clock())
        if issued is None or wrong is not None:
            self._challenge(received, "token", "invalid_token", f"the token is no good: {wrong}")
        received.passed("token")
        needed = self.required_scopes.get(received.path)
        if needed is not None:
            missing = sorted(set(needed.split()).difference(issued.scope.split()))
            if missing:
                problem = f"not in the token's scope: {', '.join(missing)}"
                self._challenge(received, "scope", "insufficient_scope", problem, needed)
            received.passed("scope", needed)
        return lambda: self._resource_answer(received, issued)

    def _presented(self, received: Received) -> str:
        """Find the token in the one place where it is (section 2)."""
        places: dict[Literal["header", "body", "query"], list[str]] = {
            "header": [
                (match["token"] or "").strip()
                for field in received.authorization
                if (match := _BEARER.fullmatch(field))
            ],
            "body": [value for name, value in received.form if name == "access_token"],
            "query": [value for name, value in received.query if name == "access_token"],
        }
        found = [(place, token) for place, tokens in places.items() for token in tokens]
        received.placement = "+".join(place for place, _ in found)
        received.pairs = [("access_token", token) for _, token in found]
        if not found:
            # Section 3.1: a request that knows nothing of authentication is told no error.
            problem = "no bearer token"
            response = fault("unauthorized", problem, 401, challenge("Bearer", realm=self.realm))
            received.refuse("placement", problem, response)
        problem = ""
        place, token = found[0]
        if len(found) > 1 or len(received.authorization) > 1:
            problem = "more than one token, or Authorization field"
        elif place not in self.placements:
            problem = f"no token is taken from the {place}"
        elif place == "body" and received.request.method in {"GET", "HEAD"}:
            problem = "a token in the body of a GET"
        elif not _TOKEN.fullmatch(token):
            problem = "what should be a token has other characters than one"
        if problem:
            self._challenge(received, "placement", "invalid_request", problem)
        received.passed("placement", place)
        return token

    def _challenge(
        self, received: Received, name: str, error: str, description: str, scope: str = ""
    ) -> NoReturn:
        """Refuse, and say why in WWW-Authenticate (section 3)."""
        field = challenge(
            "Bearer", realm=self.realm, error=error, error_description=description, scope=scope
        )
        received.refuse(name, description, fault(error, description, _STATUS[error], field))

    def _resource_answer(self, received: Received, issued: Issued) -> web.Response:
        user = issued.grant.user
        response = None
        if user is not None:
            number = self._ledger.user_id(user)
            response = account(received.path, user, number)
            if received.path == self.userinfo_path:
                named = {"name": user.title(), "preferred_username": user}
                response = web.json_response({"sub": number, **named})
        if response is None:
            echo = describe(
                received.request,
                received.body,
                hidden=lambda name: name == b"access_token",
                user=user,
            )
            details = {"client_id": issued.grant.client_id, "scope": issued.scope}
            response = web.json_response({**echo, **details})
        if received.placement == "query":
            response.headers["Cache-Control"] = "private"  # section 2.3
        return response
