"""
Authenticate the client of a token request: RFC 6749, section 2.3, and the rules on scope of 3.3.

The methods are those of the IANA registry: ``client_secret_basic``, ``client_secret_post``,
``none``. A request uses one of them.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Collection, Mapping
from typing import NoReturn

import attrs

from oauthkit.testing.servers.received import Received, challenge
from oauthkit.testing.servers.rfc5849 import decode

__all__ = ["AUTH_METHODS", "Client", "ClientAuthentication", "ScopeRules", "same"]

AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")

_BASIC = re.compile(r"basic +(?P<token>[A-Za-z0-9+/]+=*)", re.IGNORECASE)
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


def same(expected: str, given: str) -> bool:
    """Compare a secret in constant time."""
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogateescape"))


@attrs.frozen(kw_only=True)
class Client:
    """Hold a registered client; one without *secret* is public (section 2.1)."""

    client_id: str
    secret: str = attrs.field(repr=False)
    redirect_uris: frozenset[str] | None = None


@attrs.frozen(kw_only=True)
class ClientAuthentication:
    """
    Find out which of *clients* sent a request, by one of *methods*.

    *raw_basic* leaves out the form encoding of section 2.3.1.
    """

    clients: Mapping[str, Client] = attrs.field(repr=False)
    methods: Collection[str]
    raw_basic: bool
    realm: str

    def check(self, received: Received) -> Client:
        """Give the client, or refuse the request (section 5.2)."""
        given = received.parameters
        fields = received.authorization
        if len(fields) > 1 or (fields and "client_secret" in given):
            received.placement = "header+body" if "client_secret" in given else "header+header"
            problem = "the client authenticates in more than one way"
            received.reject("client", "invalid_request", problem)
        client_id, secret, method = given.get("client_id", ""), "", "none"
        if fields:
            received.placement, method = "header", "client_secret_basic"
            named, secret = self._basic(received, fields[0])
            if client_id not in {"", named}:
                problem = "client_id is not the client that authenticates"
                received.reject("client", "invalid_request", problem)
            client_id = named
        elif "client_secret" in given:
            received.placement, method = "body", "client_secret_post"
            secret = given["client_secret"]
        if method not in self.methods:
            self._unknown(received, f"{method} is not accepted here")
        client = self.clients.get(client_id)
        if client is None or not same(client.secret, secret):
            self._unknown(received, "unknown client, or wrong secret")
        if not client.secret and method != "none":
            self._unknown(received, "a client without a secret does not authenticate")
        received.passed("client", method)
        return client

    def _basic(self, received: Received, field: str) -> tuple[str, str]:
        """Read the credentials of the Basic scheme (RFC 7617), each form-encoded (2.3.1)."""
        match = _BASIC.fullmatch(field)
        if match is None:
            self._unknown(received, "the Authorization field is not of the Basic scheme")
        try:
            joined = base64.b64decode(match["token"], validate=True)
            name, colon, secret = joined.partition(b":")
            if not self.raw_basic:
                name = decode(name, plus_is_space=True)
                secret = decode(secret, plus_is_space=True)
            named = name.decode(), secret.decode()
        except (binascii.Error, UnicodeDecodeError):
            self._unknown(received, "the Basic credentials cannot be decoded")
        if not colon:
            self._unknown(received, "the Basic credentials have no colon")
        return named

    def _unknown(self, received: Received, description: str) -> NoReturn:
        field = challenge("Basic", realm=self.realm, charset="UTF-8")
        received.reject("client", "invalid_client", description, 401, field)


@attrs.frozen(kw_only=True)
class ScopeRules:
    """Judge a requested scope: *supported* of None takes any."""

    supported: Collection[str] | None
    default: str
    separator: str

    def granted(self, asked: str | None, within: str | None = None) -> str | None:
        """
        Give what is granted, joined by spaces; None where *asked* is no scope to be had.

        *within* is what was granted before: a refresh can but narrow it (RFC 6749, section 6).
        """
        if asked is None:
            return self.default if within is None else within
        names = asked.split(self.separator)
        if not all(_SCOPE.fullmatch(name) for name in names):
            return None
        limit = self.supported if within is None else within.split()
        if limit is not None and not set(names) <= set(limit):
            return None
        return " ".join(dict.fromkeys(names))
