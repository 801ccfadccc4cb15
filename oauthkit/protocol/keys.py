"""Private keys from PEM text (RFC 7468), parsed once per text and process."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from oauthkit.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

__all__ = ["is_parsed", "load_private_key"]

# Parsing a 2048-bit key takes tens of milliseconds, most of it checking the key. The cache is
# keyed by a digest, so that the text of a key is not kept alive by it.
_CACHE: dict[bytes, PrivateKeyTypes] = {}
_CACHE_SIZE = 256


def _digest(pem: str) -> bytes:
    return sha256(pem.encode(errors="replace")).digest()


def is_parsed(pem: str) -> bool:
    """Say whether ``load_private_key`` would answer at once."""
    return _digest(pem) in _CACHE


def load_private_key(pem: str) -> PrivateKeyTypes:
    """
    Parse an unencrypted private key in PEM, PKCS #1 or PKCS #8 (RFC 8017, RFC 5958).

    Takes milliseconds the first time for a text, microseconds after. Raises ConfigurationError for
    a text that is no private key, or an encrypted one; no part of the text is in the error.
    """
    digest = _digest(pem)
    if (key := _CACHE.get(digest)) is not None:
        return key
    # Here, not above: whoever has no RSA key never loads cryptography.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import (
        load_pem_private_key,
    )

    fault = ""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        fault = (
            "the private key is encrypted: decrypt it first, "
            "for instance with `openssl pkey -in key.pem -out plain.pem`"
        )
    except (ValueError, UnsupportedAlgorithm):
        fault = _what_is_wrong(pem)
    if key is None:
        # Outside of the handler: the parser's own error may quote or hold what it could not read.
        raise ConfigurationError(fault)
    while len(_CACHE) >= _CACHE_SIZE:
        _CACHE.pop(next(iter(_CACHE)), None)
    _CACHE[digest] = key
    return key


def _what_is_wrong(pem: str) -> str:
    wanted = "a private key in PEM (-----BEGIN PRIVATE KEY-----)"
    if "-----BEGIN CERTIFICATE" in pem:
        return f"expected {wanted}, got a certificate"
    if "PUBLIC KEY-----" in pem:
        return f"expected {wanted}, got a public key"
    if "-----BEGIN" not in pem:
        return f"expected {wanted}, got text of {len(pem)} characters without a PEM header"
    if "\\n" in pem:
        return f"expected {wanted}; its line ends came as the two characters \\n: unescape them"
    return f"expected {wanted}; the PEM block cannot be read, it may be cut short or altered"
