"""Client authentication at protocol endpoints: a function for each IANA method (RFC 6749 §2.3)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Literal, get_args
from urllib.parse import quote_plus

import attrs

from oauthkit.errors import ConfigurationError
from oauthkit.protocol.oauth1.encoding import to_octets

__all__ = [
    "CLIENT_AUTH_METHODS",
    "ClientAuth",
    "ClientAuthMethod",
    "authenticate",
    "client_secret_basic",
    "client_secret_post",
    "none",
]

ClientAuthMethod = Literal["client_secret_basic", "client_secret_post", "none"]
CLIENT_AUTH_METHODS: tuple[ClientAuthMethod, ...] = get_args(ClientAuthMethod)


@attrs.frozen(kw_only=True)
class ClientAuth:
    """What authenticates a client: *headers* to set, *form* members to add."""

    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    form: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)


def client_secret_basic(client_id: str, client_secret: str, *, raw: bool = False) -> ClientAuth:
    """
    Authenticate in the Authorization header (RFC 6749 §2.3.1, RFC 7617 §2).

    Identifier and secret are form-encoded first, as the RFC says. *raw* leaves that out, for
    servers that do not decode them: a leniency. Raises RequestError for text that UTF-8 cannot
    hold, ConfigurationError for a colon in a raw identifier.
    """
    user, password = to_octets(client_id), to_octets(client_secret)
    if not raw:
        user, password = quote_plus(user).encode(), quote_plus(password).encode()
    elif ":" in client_id:
        raise ConfigurationError("client_id holds a colon: it cannot be sent raw (RFC 7617 §2)")
    joint = b64encode(user + b":" + password).decode()
    return ClientAuth(headers={"Authorization": f"Basic {joint}"})


def client_secret_post(client_id: str, client_secret: str) -> ClientAuth:
    """Authenticate in the form (RFC 6749 §2.3.1)."""
    return ClientAuth(form={"client_id": client_id, "client_secret": client_secret})


def none(client_id: str, client_secret: str = "") -> ClientAuth:  # noqa: ARG001 - one shape for all
    """Name a public client, which has no secret (RFC 6749 §3.2.1)."""
    return ClientAuth(form={"client_id": client_id})


_METHODS: Mapping[str, Callable[[str, str], ClientAuth]] = {
    "client_secret_basic": client_secret_basic,
    "client_secret_post": client_secret_post,
    "none": none,
}


def authenticate(
    method: ClientAuthMethod, client_id: str, client_secret: str = "", *, raw_basic: bool = False
) -> ClientAuth:
    """
    Authenticate by the method of that IANA name.

    Raises ConfigurationError for a name that is none, or where the method needs a secret.
    """
    if method not in _METHODS:
        raise ConfigurationError(
            f"token_endpoint_auth_method = {method!r}: expected one of "
            f"{', '.join(CLIENT_AUTH_METHODS)}"
        )
    if method != "none" and not client_secret:
        raise ConfigurationError(f"{method} needs a client_secret; a public client uses 'none'")
    if raw_basic and method == "client_secret_basic":
        return client_secret_basic(client_id, client_secret, raw=True)
    return _METHODS[method](client_id, client_secret)
