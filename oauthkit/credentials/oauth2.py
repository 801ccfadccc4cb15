"""Credentials of OAuth 2: client, user, and tokens that were kept (RFC 6749 §2.3, §4, §5.1)."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

import attrs

from oauthkit.credentials.loading import Fault, Given, Kind, find_flaw, is_visible, load

if TYPE_CHECKING:
    from oauthkit.provider import OAuth2Provider

__all__ = ["FIELDS", "SYNONYMS", "OAuth2Credentials", "find_faults", "load_oauth2"]


def _as_seconds(value: Any) -> Any:
    """Read a number that is text, as the environment has it; anything else is the check's."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


@attrs.frozen(kw_only=True)
class OAuth2Credentials:
    """
    The credentials of an OAuth 2 client, and of the user whose token it holds (RFC 6749).

    *client_id* and *client_secret* are the client's, without a secret a public client's (§2.1);
    *username* and *password* are for the password grant (§4.3). *access_token*, *refresh_token*,
    *token_type*, *expires_at* (seconds since the epoch), *expires_in* (seconds from now) and
    *id_token* are of a token that was kept (§5.1). *scope* is what to ask for, *redirect_uri* where
    the user comes back to. Checked when a client is made of them.
    """

    client_id: str | None = None
    client_secret: str | None = attrs.field(default=None, repr=False)
    access_token: str | None = attrs.field(default=None, repr=False)
    refresh_token: str | None = attrs.field(default=None, repr=False)
    token_type: str | None = None
    expires_at: float | None = attrs.field(default=None, converter=_as_seconds)
    expires_in: float | None = attrs.field(default=None, converter=_as_seconds)
    id_token: str | None = attrs.field(default=None, repr=False)
    scope: str | None = None
    redirect_uri: str | None = None
    username: str | None = None
    password: str | None = attrs.field(default=None, repr=False)

    def members(self) -> dict[str, Any] | None:
        """Return the members of the token that was kept, under their wire names; None for none."""
        if self.access_token is None and self.refresh_token is None:
            return None
        held = {name: getattr(self, name) for name in _TOKEN}
        return {name: value for name, value in held.items() if value is not None}


FIELDS = tuple(field.name for field in attrs.fields(OAuth2Credentials))
"""The names of all fields, in the order in which they are checked."""

SYNONYMS = {
    "api_key": "client_id",
    "api_secret": "client_secret",
    "app_id": "client_id",
    "app_key": "client_id",
    "app_secret": "client_secret",
    "application_id": "client_id",
    "bearer_token": "access_token",
    "callback": "redirect_uri",
    "callback_uri": "redirect_uri",
    "callback_url": "redirect_uri",
    "client_key": "client_id",
    "consumer_key": "client_id",
    "consumer_secret": "client_secret",
    "expiry": "expires_at",
    "login": "username",
    "oauth_token": "access_token",
    "redirect_url": "redirect_uri",
    "scopes": "scope",
    "secret": "client_secret",
    "token": "access_token",
    "user": "username",
}
"""What other libraries and the services' own sites call the same things."""

_TOKEN = ("access_token", "refresh_token", "token_type", "expires_at", "expires_in", "id_token")
_OPAQUE = frozenset({"client_id", "client_secret", "access_token", "refresh_token", "id_token"})
_SECONDS = frozenset({"expires_at", "expires_in"})
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^# ]+").fullmatch
_KIND = Kind(
    made=OAuth2Credentials,
    fields=FIELDS,
    values_of=attrgetter(*FIELDS),
    keys=FIELDS,
    synonyms=SYNONYMS,
    known=frozenset(FIELDS),
)


def load_oauth2(
    provider: OAuth2Provider,
    creds: OAuth2Credentials | Given,
    *,
    environ: Mapping[str, str] = os.environ,
    grant_type: str | None = None,
    auth_method: str | None = None,
) -> OAuth2Credentials:
    """
    Read *creds* for *provider* and check them.

    What is needed depends on *grant_type*, by default the provider's first, and on *auth_method*,
    where the caller chose one: a client without a secret is a public one, unless its grant or its
    method needs a secret. Raises CredentialsError.
    """
    grant = grant_type or provider.grant_types[0]
    check = partial(find_faults, grant_type=grant, auth_method=auth_method)
    return load(_KIND, provider.name, creds, check, environ)


def find_faults(
    values: Sequence[object], grant_type: str | None, auth_method: str | None
) -> Iterator[Fault]:
    """Find what is missing or invalid among the values of ``FIELDS``, in this order."""
    client_id, client_secret, _, refresh_token, _, _, _, _, _, _, username, password = values
    if client_id is None:
        yield "missing", "client_id", ""
    if client_secret is None:
        if grant_type == "client_credentials":
            yield "missing", "client_secret", ""
        elif auth_method is not None and auth_method != "none":
            yield "missing", "client_secret", f"{auth_method} needs it"
    if grant_type == "refresh_token" and refresh_token is None:
        yield "missing", "refresh_token", ""
    if grant_type == "password":
        if username is None:
            yield "missing", "username", ""
        if password is None:
            yield "missing", "password", ""
    for field, value in zip(FIELDS, values, strict=True):
        if value is not None and (what := _find_flaw(field, value)):
            yield "invalid", field, what


def _find_flaw(field: str, value: object) -> str:
    """Say what is wrong with a value, without a part of it; nothing where it is sound."""
    if field in _OPAQUE and isinstance(value, str) and is_visible(value):
        return ""
    if field in _SECONDS:
        return _find_flaw_of_seconds(field, value)
    if flaw := find_flaw(field, value):
        if field == "scope" and isinstance(value, (list, tuple)):
            return "expected text: the scopes in one text, with a space between two"
        return flaw
    if field == "redirect_uri" and not _URI(cast("str", value)):
        return "expected an absolute URI without a fragment (RFC 6749 §3.1.2)"
    return ""


def _find_flaw_of_seconds(field: str, value: object) -> str:
    number = _as_seconds(value)
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        got = "text" if isinstance(value, str) else type(value).__name__
    elif isinstance(number, float) and not math.isfinite(number):
        got = "one that is not finite"
    else:
        return ""
    since = "since the epoch" if field == "expires_at" else "from now"
    return f"expected a number of seconds {since}, got {got}"
