"""The signature methods (RFC 5849 §3.4.2 to §3.4.4), their SHA-2 kin, and the body hash."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, get_args

from oauthkit.errors import ConfigurationError
from oauthkit.protocol.keys import load_private_key
from oauthkit.protocol.oauth1.encoding import percent_encode, to_octets

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

__all__ = [
    "SIGNATURE_METHODS",
    "SignatureMethod",
    "body_hash",
    "check_method",
    "load_rsa_signer",
    "sign",
    "signing_key",
]

SignatureMethod = Literal[
    "HMAC-SHA1",
    "HMAC-SHA256",
    "HMAC-SHA512",
    "RSA-SHA1",
    "RSA-SHA256",
    "RSA-SHA512",
    "PLAINTEXT",
]
SIGNATURE_METHODS: tuple[SignatureMethod, ...] = get_args(SignatureMethod)

# Bytes that PKCS #1 v1.5 puts around a SHA-2 digest: padding and the hash's name.
_AROUND_DIGEST = 11 + 19


def check_method(signature_method: str) -> None:
    """Raise ConfigurationError for a method that is none of ``SIGNATURE_METHODS``."""
    if signature_method not in SIGNATURE_METHODS:
        raise ConfigurationError(
            f"unknown signature_method {signature_method!r}: one of {', '.join(SIGNATURE_METHODS)}"
        )


def hash_name(signature_method: str) -> str:
    """Return the hash of a method as hashlib names it; SHA-1 where the method has none."""
    _, _, name = signature_method.rpartition("-")
    return name.lower() if name.startswith("SHA") else "sha1"


def signing_key(client_secret: str, token_secret: str) -> str:
    """Join the two secrets: the HMAC key (RFC 5849 §3.4.2), and PLAINTEXT's signature (§3.4.4)."""
    return f"{percent_encode(client_secret)}&{percent_encode(token_secret)}"


def load_rsa_signer(rsa_key: str | None, signature_method: str) -> Callable[[bytes], bytes]:
    """
    Return the function that signs octets with PKCS #1 v1.5 (RFC 5849 §3.4.3, RFC 8017 §8.2).

    *rsa_key* is a private key in PEM. Raises ConfigurationError where it is not, where it is not
    RSA, and where it is too short for the method's hash.
    """
    if not rsa_key:
        raise ConfigurationError(f"{signature_method} needs rsa_key, a private key in PEM")
    # Here, not above: whoever has no RSA key never loads cryptography.
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    key = load_private_key(rsa_key)
    if not isinstance(key, RSAPrivateKey):
        raise ConfigurationError(f"{signature_method} needs an RSA private key, not another kind")
    algorithms: dict[str, HashAlgorithm] = {
        "sha1": hashes.SHA1(),  # noqa: S303 - the protocol's own method
        "sha256": hashes.SHA256(),
        "sha512": hashes.SHA512(),
    }
    padding, algorithm = PKCS1v15(), algorithms[hash_name(signature_method)]
    if key.key_size < 8 * (algorithm.digest_size + _AROUND_DIGEST):
        raise ConfigurationError(
            f"{signature_method} needs a longer RSA key than one of {key.key_size} bits"
        )
    return lambda octets: key.sign(octets, padding, algorithm)


def sign(
    base_string: str,
    *,
    signature_method: str,
    client_secret: str = "",
    token_secret: str = "",
    rsa_key: str | None = None,
) -> str:
    """
    Return the value of ``oauth_signature`` for *base_string*, before any encoding for transport.

    Raises ConfigurationError for a method that is none of ``SIGNATURE_METHODS`` and, for the RSA
    methods, for a missing *rsa_key* or one that is no RSA private key in PEM.
    """
    check_method(signature_method)
    if signature_method == "PLAINTEXT":
        return signing_key(client_secret, token_secret)
    octets = to_octets(base_string)
    if signature_method.startswith("RSA"):
        digest = load_rsa_signer(rsa_key, signature_method)(octets)
    else:
        key = signing_key(client_secret, token_secret).encode()
        digest = hmac.digest(key, octets, hash_name(signature_method))
    return b64encode(digest).decode()


def body_hash(body: bytes, signature_method: str = "HMAC-SHA1") -> str:
    """
    Return ``oauth_body_hash`` of *body*, with the hash of the signature method.

    OAuth Request Body Hash 1.0, draft 4, §3.2; PLAINTEXT takes SHA-1. Raises ConfigurationError
    for a method that is none of ``SIGNATURE_METHODS``.
    """
    check_method(signature_method)
    return b64encode(hashlib.new(hash_name(signature_method), body).digest()).decode()
