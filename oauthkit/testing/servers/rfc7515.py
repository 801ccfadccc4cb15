"""
Verify signed JWTs, by the book: a second, plain reading of RFC 7515, 7518, 7519 and 8037.

Nothing here is shared with the client. A key is bound to one algorithm; ``none`` and the HMAC
algorithms are not known here at all.
"""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Callable
from typing import Any, cast

import attrs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from oauthkit.testing.servers.certificates import throwaway_rsa_key
from oauthkit.testing.servers.rfc5849 import MalformedError

__all__ = ["ALGORITHMS", "Jws", "PrivateKey", "PublicKey", "pem_of", "signing_key", "verify"]

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_COORDINATE = 32  # octets of R and of S on P-256 (RFC 7518, section 3.4)


@attrs.frozen(kw_only=True)
class Jws:
    """Hold the parts of a compact JWS whose payload is a JSON object; nothing is verified yet."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes = attrs.field(repr=False)
    signature: bytes = attrs.field(repr=False)

    @classmethod
    def parse(cls, token: str) -> Jws:
        """Take *token* apart (RFC 7515, section 5.2, steps 1 to 7), or raise `MalformedError`."""
        parts = token.split(".")
        if len(parts) != 3:
            raise MalformedError("a compact JWS has three parts")
        header = _object(_octets(parts[0]), "header")
        if "crit" in header or "b64" in header:
            raise MalformedError("no critical extension is understood here")
        if str(header.get("typ", "JWT")).upper() != "JWT":
            raise MalformedError("typ is not JWT")
        return cls(
            header=header,
            claims=_object(_octets(parts[1]), "payload"),
            signed=f"{parts[0]}.{parts[1]}".encode("ascii"),
            signature=_octets(parts[2]),
        )


def _octets(text: str) -> bytes:
    """Decode base64url without padding, canonical only (RFC 7515, section 2)."""
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise MalformedError("a part is not base64url")
    octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(octets).rstrip(b"=").decode() != text:
        raise MalformedError("a part has bits to spare")
    return octets


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise MalformedError("a name comes twice")
    return dict(pairs)


def _object(octets: bytes, part: str) -> dict[str, Any]:
    """Read a JSON object in which no name comes twice (RFC 7515, section 4)."""
    try:
        value: object = json.loads(octets.decode(), object_pairs_hook=_unique)
    except MalformedError:
        raise
    except (ValueError, RecursionError):
        raise MalformedError(f"the {part} is not JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise MalformedError(f"the {part} is not an object")
    return cast("dict[str, Any]", value)


def verify(jws: Jws, *, alg: str, key: PublicKey) -> bool:
    """Tell whether *jws* is signed with *alg* and *key* (RFC 7518, section 3; RFC 8037, 3.1)."""
    if jws.header.get("alg") != alg:
        return False
    checks: dict[str, Callable[[], None]] = {}
    if isinstance(key, rsa.RSAPublicKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256().digest_size)
        for name, padded in (("RS256", padding.PKCS1v15()), ("PS256", pss)):
            checks[name] = functools.partial(
                key.verify, jws.signature, jws.signed, padded, hashes.SHA256()
            )
    elif isinstance(key, ec.EllipticCurvePublicKey):
        r, s = jws.signature[:_COORDINATE], jws.signature[_COORDINATE:]
        if len(jws.signature) != 2 * _COORDINATE or key.curve.name != "secp256r1":
            return False
        der = encode_dss_signature(int.from_bytes(r), int.from_bytes(s))
        checks["ES256"] = functools.partial(key.verify, der, jws.signed, ec.ECDSA(hashes.SHA256()))
    else:
        checks["EdDSA"] = functools.partial(key.verify, jws.signature, jws.signed)
    if alg not in checks:
        return False
    try:
        checks[alg]()
    except InvalidSignature:
        return False
    return True


@functools.cache
def signing_key(alg: str) -> PrivateKey:
    """Give this process's key for *alg*; generated when first asked for."""
    if alg in {"RS256", "PS256"}:
        return throwaway_rsa_key()
    if alg == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if alg == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    raise ValueError(f"{alg!r} is none of {', '.join(ALGORITHMS)}")


def pem_of(key: PrivateKey) -> str:
    """Write *key* as PKCS#8 PEM (RFC 5958, RFC 7468)."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
