"""Services whose declarations read token answers wrongly, one mistake each (RFC 6749 §5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

import attrs

from conformance.sabotage.oauth2_logins import declare
from conformance.saboteurs import Saboteur
from oauthkit import OAuth2Provider, OAuthError

Members = Mapping[str, Any]

_KNOWN = ("access_token", "token_type", "expires_in", "expires_at", "refresh_token", "scope")


def read(body: bytes) -> dict[str, Any]:
    """Read an answer as authors do who have seen good ones alone: JSON, an object."""
    found: dict[str, Any] = json.loads(body)
    return found


@attrs.frozen(kw_only=True, repr=False)
class PlusForSpace(OAuth2Provider):
    """Decodes tokens as those of the service's older answers, which are forms."""

    def parse_token(self, status: int, body: bytes, *, now: float) -> Members:
        """Read a plus sign as a space."""
        token = super().parse_token(status, body, now=now)
        return {**token, "access_token": unquote_plus(token["access_token"])}


@attrs.frozen(kw_only=True, repr=False)
class IdTokenTaken(OAuth2Provider):
    """Sends the ID token to the API, where there is one (OpenID Connect Core §2)."""

    def parse_token(self, status: int, body: bytes, *, now: float) -> Members:
        """Prefer the ID token."""
        token = super().parse_token(status, body, now=now)
        return {**token, "access_token": token.get("id_token", token["access_token"])}


@attrs.frozen(kw_only=True, repr=False)
class NullAsText(OAuth2Provider):
    """Makes text of the refresh token, where there is none as well."""

    def parse_token(self, status: int, body: bytes, *, now: float) -> Members:
        """Say "None" where the answer says null."""
        token = super().parse_token(status, body, now=now)
        return {**token, "refresh_token": str(token.get("refresh_token"))}


@attrs.frozen(kw_only=True, repr=False)
class EmptyForAbsent(OAuth2Provider):
    """Has a refresh token in every token: "" where the answer has none."""

    def parse_token(self, status: int, body: bytes, *, now: float) -> Members:
        """Fill the refresh token in."""
        token = super().parse_token(status, body, now=now)
        return {**token, "refresh_token": token.get("refresh_token", "")}


@attrs.frozen(kw_only=True, repr=False)
class NullHandedOn(OAuth2Provider):
    """Hands the service's null on: a store that keeps the token cannot read it again."""

    def parse_token(self, status: int, body: bytes, *, now: float) -> Members:
        """Keep the member as it came."""
        token = super().parse_token(status, body, now=now)
        return {**token, "refresh_token": read(body).get("refresh_token")}


@attrs.frozen(kw_only=True, repr=False)
class RotationMissed(OAuth2Provider):
    """Drops refresh tokens from answers, since the service's never change; they do now."""

    def parse_token(self, status: int, body: bytes, *, now: float) -> Members:
        """Keep the first refresh token for ever."""
        token = super().parse_token(status, body, now=now)
        return {name: value for name, value in token.items() if name != "refresh_token"}


@attrs.frozen(kw_only=True, repr=False)
class KnownMembersAlone(OAuth2Provider):
    """Keeps the members that it knows: what else the service says is lost."""

    def parse_token(self, status: int, body: bytes, *, now: float) -> Members:
        """Pick what the RFC names."""
        token = super().parse_token(status, body, now=now)
        return {name: token[name] for name in _KNOWN if name in token}


@attrs.frozen(kw_only=True, repr=False)
class ExpiryAsText(OAuth2Provider):
    """Hands on the lifetime as the service writes it, which is text now and then."""

    def parse_token(self, status: int, body: bytes, *, now: float) -> Members:
        """Keep the member as it came."""
        token = super().parse_token(status, body, now=now)
        return {**token, "expires_in": str(token["expires_in"])} if "expires_in" in token else token


@attrs.frozen(kw_only=True, repr=False)
class Milliseconds(OAuth2Provider):
    """Counts the time of expiry in milliseconds."""

    def parse_token(self, status: int, body: bytes, *, now: float) -> Members:
        """Multiply what is in seconds."""
        token = super().parse_token(status, body, now=now)
        if "expires_at" not in token:
            return token
        return {**token, "expires_at": token["expires_at"] * 1000}


@attrs.frozen(kw_only=True, repr=False)
class NeverExpires(OAuth2Provider):
    """Does not say when a token is over: it is never renewed in time."""

    def parse_token(self, status: int, body: bytes, *, now: float) -> Members:
        """Forget the time of expiry."""
        token = super().parse_token(status, body, now=now)
        return {name: value for name, value in token.items() if not name.startswith("expires")}


@attrs.frozen(kw_only=True, repr=False)
class GoodAnswersAlone(OAuth2Provider):
    """Expects a token in every answer of status 200."""

    def parse_token(self, status: int, body: bytes, *, now: float) -> Members:
        """Raise KeyError where there is no token."""
        if status != 200:
            return super().parse_token(status, body, now=now)
        found = super().parse_token(status, body, now=now) if b"error" in body else read(body)
        return {**found, "access_token": found["access_token"]}


@attrs.frozen(kw_only=True, repr=False)
class StatusBelieved(OAuth2Provider):
    """Believes the status: an error in a 200 is a token."""

    def parse_token(self, status: int, body: bytes, *, now: float) -> Members:
        """Return the members of what is no refusal by its status."""
        if 200 <= status < 300:
            return {"token_type": "Bearer", **read(body)}
        return super().parse_token(status, body, now=now)


@attrs.frozen(kw_only=True, repr=False)
class ErrorsRenamed(OAuth2Provider):
    """Raises one error for all: whoever looks for invalid_grant waits in vain."""

    def parse_token(self, status: int, body: bytes, *, now: float) -> Members:
        """Forget the service's own error."""
        try:
            return super().parse_token(status, body, now=now)
        except OAuthError as refusal:
            raise OAuthError("the service refused", error="refused") from refusal


@attrs.frozen(kw_only=True, repr=False)
class ScopeListCrashes(OAuth2Provider):
    """Splits the scope, which is a list at some services."""

    def parse_token(self, status: int, body: bytes, *, now: float) -> Members:
        """Raise AttributeError for a list."""
        token = super().parse_token(status, body, now=now)
        scope = read(body).get("scope")
        return {**token, "scope": " ".join(scope.split())} if scope else token


@attrs.frozen(kw_only=True, repr=False)
class ScopeListKept(OAuth2Provider):
    """Hands a list of scopes on."""

    def parse_token(self, status: int, body: bytes, *, now: float) -> Members:
        """Keep the member as it came."""
        token = super().parse_token(status, body, now=now)
        scope = read(body).get("scope")
        return {**token, "scope": scope} if scope else token


SABOTEURS = [
    Saboteur("token_answer_is_read_back", declare(PlusForSpace)),
    Saboteur("token_answer_is_read_back", declare(IdTokenTaken)),
    Saboteur("token_answer_is_read_back", declare(NullAsText)),
    Saboteur("token_answer_is_read_back", declare(EmptyForAbsent)),
    Saboteur("token_answer_is_read_back", declare(NullHandedOn)),
    Saboteur("token_answer_keeps_what_else_it_holds", declare(KnownMembersAlone)),
    Saboteur("expiry_is_a_number_of_seconds", declare(ExpiryAsText)),
    Saboteur("expiry_is_a_number_of_seconds", declare(Milliseconds)),
    Saboteur("expiry_is_a_number_of_seconds", declare(NeverExpires)),
    Saboteur("any_token_answer_gives_a_token_or_an_error_of_ours", declare(GoodAnswersAlone)),
    Saboteur("an_error_is_no_token_whatever_the_status", declare(StatusBelieved)),
    Saboteur("an_error_is_no_token_whatever_the_status", declare(ErrorsRenamed)),
    Saboteur("refresh_never_loses_the_refresh_token", declare(NullAsText)),
    Saboteur("refresh_never_loses_the_refresh_token", declare(RotationMissed)),
    Saboteur("scopes_of_an_answer_are_read_as_text", declare(ScopeListCrashes)),
    Saboteur("scopes_of_an_answer_are_read_as_text", declare(ScopeListKept)),
]
