"""The forms of token requests, one function a grant type (RFC 6749 §4 and §6, RFC 7523 §2.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from oauthkit.errors import ConfigurationError
from oauthkit.protocol.oauth1.encoding import encode_form

__all__ = [
    "JWT_BEARER",
    "authorization_code",
    "build_form",
    "client_credentials",
    "join_scope",
    "jwt_bearer",
    "password",
    "refresh_token",
    "split_scope",
]

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"

Form = dict[str, str]


def _form(grant_type: str, **members: str | None) -> Form:
    # Empty members are left out: RFC 6749 §3.2 treats them so, and some servers refuse them.
    return {"grant_type": grant_type, **{n: v for n, v in members.items() if v}}


def authorization_code(
    code: str, *, redirect_uri: str | None = None, code_verifier: str | None = None
) -> Form:
    """Exchange an authorization code (RFC 6749 §4.1.3, RFC 7636 §4.5)."""
    return _form(
        "authorization_code", code=code, redirect_uri=redirect_uri, code_verifier=code_verifier
    )


def client_credentials(scope: str | None = None) -> Form:
    """Ask on the client's own behalf (RFC 6749 §4.4.2)."""
    return _form("client_credentials", scope=scope)


def password(username: str, password: str, scope: str | None = None) -> Form:
    """Exchange a user's password (RFC 6749 §4.3.2; RFC 9700 §2.4 says not to)."""
    return {**_form("password", scope=scope), "username": username, "password": password}


def refresh_token(token: str, scope: str | None = None) -> Form:
    """Exchange a refresh token (RFC 6749 §6)."""
    return _form("refresh_token", refresh_token=token, scope=scope)


def jwt_bearer(assertion: str, scope: str | None = None) -> Form:
    """Exchange a JWT (RFC 7523 §2.1)."""
    return _form(JWT_BEARER, assertion=assertion, scope=scope)


def build_form(form: Mapping[str, str | Iterable[str]]) -> str:
    """Encode a form; a member that is a list stands there once for each of its values."""
    pairs: list[tuple[str, str]] = []
    for name, value in form.items():
        values = (value,) if isinstance(value, str) else tuple(value)
        pairs += [(name, one) for one in values]
    return encode_form(pairs)


def join_scope(scope: str | Iterable[str] | None, separator: str = " ") -> str:
    """
    Join scopes as RFC 6749 §3.3 does; text is taken as it is, empty ones are left out.

    Raises ConfigurationError for what is neither text nor a list of texts.
    """
    if scope is None:
        return ""
    if isinstance(scope, str):
        return scope
    given = cast("object", scope)
    listed = list(cast("Iterable[object]", given)) if isinstance(given, Iterable) else [None]
    texts = [one for one in listed if isinstance(one, str)]
    if len(texts) < len(listed):
        raise ConfigurationError("scope: expected text, or a list of texts")
    return separator.join(filter(None, texts))


def split_scope(scope: object) -> tuple[str, ...]:
    """Split what a server says about scopes: text (by space or comma), a list of it, or nothing."""
    if isinstance(scope, str):
        return tuple(scope.replace(",", " ").split())
    if isinstance(scope, (list, tuple)):
        listed = cast("Iterable[object]", scope)
        return tuple(word for one in listed if isinstance(one, str) for word in split_scope(one))
    return ()
