"""The signature methods: what cannot sign, and what the vectors do not have (RFC 5849 §3.4)."""

from __future__ import annotations

from base64 import b64decode

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from oauthkit.errors import ConfigurationError
from oauthkit.protocol.oauth1 import SIGNATURE_METHODS, HeaderSigner, body_hash, sign
from protocol import rsa_keys

RSA_METHODS = {
    "RSA-SHA1": hashes.SHA1(),  # noqa: S303 - the protocol's own method
    "RSA-SHA256": hashes.SHA256(),
    "RSA-SHA512": hashes.SHA512(),
}


def _refusals(signature_method: str, rsa_key: str | None) -> set[str]:
    """Return what the plain way and the fast one say."""
    with pytest.raises(ConfigurationError) as plain:
        sign("GET&&", signature_method=signature_method, rsa_key=rsa_key)
    with pytest.raises(ConfigurationError) as fast:
        HeaderSigner(client_id="c", signature_method=signature_method, rsa_key=rsa_key)
    return {str(plain.value), str(fast.value)}


@pytest.mark.parametrize(
    "signature_method", ["", "HMAC", "hmac-sha1", "HMAC-SHA384", "RSA-SHA384", "RSA-MD5", "NONE"]
)
def test_unknown_method(signature_method: str) -> None:
    """RFC 5849 §3.1: a method is never guessed from a part of its name."""
    known = ", ".join(SIGNATURE_METHODS)
    expected = f"unknown signature_method {signature_method!r}: one of {known}"
    assert {expected} == _refusals(signature_method, None)
    with pytest.raises(ConfigurationError, match="unknown signature_method"):
        body_hash(b"", signature_method)


@pytest.mark.parametrize("signature_method", RSA_METHODS)
@pytest.mark.parametrize("rsa_key", [None, ""])
def test_missing_key(signature_method: str, rsa_key: str | None) -> None:
    """RFC 5849 §3.4.3: an RSA method needs a private key."""
    expected = f"{signature_method} needs rsa_key, a private key in PEM"
    assert {expected} == _refusals(signature_method, rsa_key)


@pytest.mark.parametrize("key", [rsa_keys.EC, rsa_keys.ED25519])
def test_another_kind_of_key(key: PrivateKeyTypes) -> None:
    """RFC 5849 §3.4.3: a key of another kind is refused by name of the method."""
    expected = "RSA-SHA1 needs an RSA private key, not another kind"
    assert {expected} == _refusals("RSA-SHA1", rsa_keys.pem(key))


def test_short_key() -> None:
    """RFC 8017 §9.2: a key that has no room for the hash is refused, one that has room signs."""
    expected = "RSA-SHA512 needs a longer RSA key than one of 512 bits"
    assert {expected} == _refusals("RSA-SHA512", rsa_keys.SHORT_RSA)
    assert sign("GET&&", signature_method="RSA-SHA256", rsa_key=rsa_keys.SHORT_RSA)


@pytest.mark.proves(
    "OAuth 1.0a",
    "HMAC, RSA and PLAINTEXT signatures",
    rfc="RFC 5849 §3.4.2 to §3.4.4",
    judge="cryptography",
)
@pytest.mark.parametrize("signature_method", RSA_METHODS)
@pytest.mark.parametrize("kind", ["PKCS8", "TraditionalOpenSSL"])
def test_rsa_verifies(signature_method: str, kind: str) -> None:
    """RFC 5849 §3.4.3: whoever has the public key verifies what was signed."""
    key = rsa_keys.pem(kind=kind)
    signature = sign("GET&a&b", signature_method=signature_method, rsa_key=key)
    rsa_keys.RSA.public_key().verify(
        b64decode(signature), b"GET&a&b", PKCS1v15(), RSA_METHODS[signature_method]
    )


@pytest.mark.parametrize(
    ("signature_method", "size"),
    [("PLAINTEXT", 20), ("HMAC-SHA1", 20), ("RSA-SHA256", 32), ("HMAC-SHA512", 64)],
)
def test_body_hash(signature_method: str, size: int) -> None:
    """OAuth Request Body Hash 1.0 §3.2: the hash is the signature method's, else SHA-1."""
    assert size == len(b64decode(body_hash(b"x", signature_method)))
