"""Signed JWTs in compact serialization: signing only (RFC 7515 §3.1, RFC 7518, RFC 8037)."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

from oauthkit.errors import ConfigurationError
from oauthkit.protocol.keys import load_private_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

__all__ = ["ALGORITHMS", "Algorithm", "JwtSigner"]

Algorithm = Literal["RS256", "PS256", "ES256", "EdDSA"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)

_SMALLEST_RSA = 2048
_HALF = 32


def encode_segment(octets: bytes) -> str:
    """Encode as base64url without padding (RFC 7515 §2)."""
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def encode_object(members: Mapping[str, Any]) -> str:
    """Encode a header or a set of claims; raises ConfigurationError for what JSON cannot hold."""
    try:
        text = json.dumps(members, separators=(",", ":"), allow_nan=False)
    except (RecursionError, TypeError, ValueError) as error:
        kind = type(error).__name__
    else:
        return encode_segment(text.encode())
    # Outside of the handler: json's own error may hold what it could not write.
    raise ConfigurationError(f"JSON cannot hold all claims or header members ({kind})")


class JwtSigner:
    """
    Sign JWTs with one key; parsing a key takes milliseconds, so make it once.

    *key* is a private key in PEM; *alg* must fit its kind: RS256 and PS256 an RSA key of 2048 bits
    or more (RFC 7518 §3.3, §3.5), ES256 a P-256 key (§3.4), EdDSA an Ed25519 key (RFC 8037 §3.1).
    *header* is added to the JOSE header, ``kid`` for one. Raises ConfigurationError where they do
    not fit.
    """

    __slots__ = ("_head", "_sign")

    def __init__(self, key: str, alg: Algorithm, header: Mapping[str, Any] | None = None) -> None:
        self._sign = _choose(key, alg)
        self._head = f"{encode_object({'typ': 'JWT', **(header or {}), 'alg': alg})}."

    def sign(self, claims: Mapping[str, Any]) -> str:
        """
        Return the JWT over *claims* in compact serialization.

        Raises ConfigurationError for claims that JSON cannot hold.
        """
        signed = self._head + encode_object(claims)
        return f"{signed}.{encode_segment(self._sign(signed.encode()))}"


def _choose(pem: str, alg: str) -> Callable[[bytes], bytes]:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if alg not in ALGORITHMS:
        raise ConfigurationError(f"alg = {alg!r}: expected one of {', '.join(ALGORITHMS)}")
    key = load_private_key(pem)
    if isinstance(key, RSAPrivateKey) and alg in ("RS256", "PS256"):
        if key.key_size < _SMALLEST_RSA:
            raise ConfigurationError(
                f"{alg} needs an RSA key of 2048 bits or more (RFC 7518 §3.3), not {key.key_size}"
            )
        return _rsa(key, alg)
    if isinstance(key, EllipticCurvePrivateKey) and alg == "ES256":
        if isinstance(key.curve, SECP256R1):
            return _ecdsa(key)
        raise ConfigurationError(f"ES256 needs a key on P-256, not {key.curve.name}")
    if isinstance(key, Ed25519PrivateKey) and alg == "EdDSA":
        return key.sign
    wanted = {"ES256": "an EC key on P-256", "EdDSA": "an Ed25519 key"}.get(alg, "an RSA key")
    raise ConfigurationError(f"{alg} needs {wanted}; this is {_kind(key)}")


def _kind(key: object) -> str:
    name = type(key).__name__.strip("_").removesuffix("PrivateKey")
    return f"{'a' if name.startswith('D') else 'an'} {name} key"


def _rsa(key: RSAPrivateKey, alg: str) -> Callable[[bytes], bytes]:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    digest = hashes.SHA256()
    scheme: padding.PSS | padding.PKCS1v15 = padding.PKCS1v15()
    if alg == "PS256":  # RFC 7518 §3.5: the salt is as long as the hash
        scheme = padding.PSS(padding.MGF1(digest), digest.digest_size)
    return lambda octets: key.sign(octets, scheme, digest)


def _ecdsa(key: EllipticCurvePrivateKey) -> Callable[[bytes], bytes]:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    scheme = ECDSA(hashes.SHA256())

    def sign(octets: bytes) -> bytes:
        # RFC 7518 §3.4: the two numbers side by side, not the DER that ECDSA libraries make.
        r, s = decode_dss_signature(key.sign(octets, scheme))
        return r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")

    return sign
