"""Checks of the options that a client is made with; each names the option and what it expects."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from oauthkit.errors import ConfigurationError, CredentialsError
from oauthkit.protocol.oauth1 import SIGNATURE_METHODS

if TYPE_CHECKING:
    from oauthkit.provider import OAuth1Provider

__all__ = ["check_amount", "check_client_id", "check_flag", "check_method", "check_redirect_uri"]


def check_amount(name: str, value: object, unit: str) -> None:
    """Refuse what is no positive number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e12:
        raise ConfigurationError(f"{name} = {value!r}: expected a positive number of {unit}")


def check_flag(name: str, value: object) -> None:
    """Refuse what is no boolean."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name} = {value!r}: expected True or False")


def check_redirect_uri(value: object) -> None:
    """Refuse what is neither None, ``oob`` nor an absolute URI (RFC 5849 §2.1)."""
    if value is None or value == "oob":
        return
    parts = urlsplit(value) if isinstance(value, str) and value.isprintable() else None
    if parts is None or not parts.scheme or not (parts.netloc or parts.path) or parts.fragment:
        raise ConfigurationError(
            f"redirect_uri = {value!r}: expected an absolute URI without a fragment, or 'oob'"
        )


def check_method(provider: OAuth1Provider | None, method: str, placement: str) -> None:
    """Refuse a signature method that is unknown, not declared, or unsafe where it is placed."""
    allowed = SIGNATURE_METHODS if provider is None else provider.signature_methods
    if method not in allowed:
        whose = "" if provider is None else f" ({provider.name} declares no other)"
        raise ConfigurationError(
            f"signature_method = {method!r}: expected one of {', '.join(allowed)}{whose}"
        )
    if method == "PLAINTEXT" and placement == "query":
        raise ConfigurationError(
            "signature_type = 'QUERY' with PLAINTEXT would put the secrets into every URL: "
            "use 'HEADER'"
        )


def check_client_id(
    whose: str,
    client_id: object,
    client_secret: object,
    rsa_key: object,
    signature_method: str,
) -> None:
    """Refuse client credentials that are no text, or lack what the method signs with."""
    faults = []
    if not isinstance(client_id, str) or not client_id:
        faults.append(("missing" if not client_id else "invalid", "client_id", "expected text"))
    for name, value in (("client_secret", client_secret), ("rsa_key", rsa_key)):
        if value is not None and not isinstance(value, str):
            faults.append(("invalid", name, f"expected text, got {type(value).__name__}"))
    if signature_method.startswith("RSA") and rsa_key is None:
        faults.append(("missing", "rsa_key", f"{signature_method} signs with a private key in PEM"))
    if faults:
        raise CredentialsError(whose, faults)
