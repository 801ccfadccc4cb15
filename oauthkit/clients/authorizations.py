"""Authorizations that a client has begun: remembered until the user is back, each good once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

import attrs

from oauthkit.clients.overrides import read_texts
from oauthkit.errors import CallbackError
from oauthkit.protocol.authorization_request import AuthorizationRequest
from oauthkit.protocol.responses import (
    check_authorization_response,
    read_authorization_response,
)

__all__ = ["Authorizations"]

_REMEMBERED = 10


@attrs.define(eq=False, kw_only=True)
class Authorizations:
    """
    The last ten authorization requests of one client, by state.

    *own_state* is the state that the client was made with, None where each request has one of its
    own; *issuer* and *iss_required* are what the declaration says (RFC 9207), and
    *read_callback* is how it reads the redirect back.
    """

    whose: str
    own_state: str | None = attrs.field(default=None, repr=False)
    issuer: str | None = None
    iss_required: bool = False
    read_callback: Callable[[str], Mapping[str, str]] = read_authorization_response
    _requests: OrderedDict[str, AuthorizationRequest] = attrs.field(
        factory=OrderedDict[str, AuthorizationRequest], init=False, repr=False
    )

    def remember(self, request: AuthorizationRequest) -> None:
        """Keep *request*, and forget the oldest where there are more than ten."""
        self._requests[request.state] = request
        while len(self._requests) > _REMEMBERED:
            self._requests.popitem(last=False)

    def take(self, request: AuthorizationRequest | None) -> AuthorizationRequest | None:
        """Return *request*, or the last one that was made; it is forgotten."""
        if request is None:
            return self._requests.popitem()[1] if self._requests else None
        self._requests.pop(request.state, None)
        return request

    def expect(self, returned: str | None) -> str:
        """Return the state that a callback must hold; *returned* is the one it has."""
        if returned is not None and returned in self._requests:
            return returned
        expected = self.own_state or next(reversed(self._requests), None)
        if expected is None:
            raise CallbackError(
                "this client made no authorization request that the callback could answer (or it "
                "was answered already: each is good once): pass request=, the AuthorizationRequest "
                "that was kept when the user was sent away",
                error="state_mismatch",
                provider=self.whose,
            )
        return expected

    def finish(
        self, url: str, request: AuthorizationRequest | None, state: str | None
    ) -> tuple[AuthorizationRequest | None, str]:
        """
        Check the redirect back; return the request that it answers, and its code.

        Raises CallbackError, see ``parse_authorization_response``; the request stays good then.
        """
        values = read_texts(self.whose, "read_callback", self.read_callback(url))
        expected = request.state if request is not None else state
        if expected is None:
            expected = self.expect(values.get("state"))
        if request is None:
            request = self._requests.get(expected)
        named = request.issuer if request is not None else None
        check_authorization_response(
            values, state=expected, issuer=named or self.issuer, iss_required=self.iss_required
        )
        self._requests.pop(expected, None)
        if expected == self.own_state:
            self.own_state = None  # each is good once
        return request, values["code"]
