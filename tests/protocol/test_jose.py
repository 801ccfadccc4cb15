"""Signed JWTs: PyJWT judges each algorithm, and a key that does not fit signs nothing."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from oauthkit.errors import ConfigurationError
from oauthkit.protocol.jose import ALGORITHMS, Algorithm, JwtSigner
from protocol.rsa_keys import EC, ED25519, RSA, pem

KEYS: dict[str, Any] = {"RS256": RSA, "PS256": RSA, "ES256": EC, "EdDSA": ED25519}
# Keys that nobody should make any more.
WEAK: dict[object, Any] = {n: rsa.generate_private_key(65537, n) for n in (1024, 2040)}
WEAK["DSA"] = dsa.generate_private_key(min(n for n in WEAK if isinstance(n, int)))
CLAIMS = {"iss": "me", "aud": "you", "iat": 1, "exp": 2**40, "é": [1.5, None]}


@pytest.mark.proves(
    "Assertions",
    "signatures: RS256, PS256, ES256, EdDSA",
    rfc="RFC 7515 §3.1; RFC 7518 §3.3 to §3.5; RFC 8037 §3.1",
    judge="PyJWT",
)
@pytest.mark.parametrize("alg", ALGORITHMS)
def test_signatures(alg: Algorithm) -> None:
    """RFC 7515 §3.1, RFC 7518 §3.3 to §3.5, RFC 8037 §3.1: verified by PyJWT, with that alg alone."""
    key = KEYS[alg]
    signer = JwtSigner(pem(key), alg, {"kid": "k1"})
    for claims in (CLAIMS, {**CLAIMS, "jti": "2"}):
        token = signer.sign(claims)
        assert claims == jwt.decode(token, key.public_key(), algorithms=[alg], audience="you")
        assert {"alg": alg, "typ": "JWT", "kid": "k1"} == jwt.get_unverified_header(token)
        others = [other for other in ALGORITHMS if other != alg]
        with pytest.raises(jwt.InvalidTokenError):
            jwt.decode(token, key.public_key(), algorithms=others, audience="you")
        forged = token.rpartition(".")[0] + "." + token.rpartition(".")[2][::-1]
        with pytest.raises(jwt.InvalidTokenError):
            jwt.decode(forged, key.public_key(), algorithms=[alg], audience="you")


def test_header() -> None:
    """Its typ can be another, its alg cannot; compact, without padding."""
    token = JwtSigner(pem(EC), "ES256", {"typ": "x+jwt", "alg": "none"}).sign({})
    head = token.partition(".")[0]
    decoded = base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))
    assert {"typ": "x+jwt", "alg": "ES256"} == json.loads(decoded)
    assert "=" not in token
    assert b" " not in decoded


def test_es256_numbers_have_their_full_length() -> None:
    """RFC 7518 §3.4: 64 octets, also where a number is short (one in 128 is)."""
    signer = JwtSigner(pem(EC), "ES256")
    lengths = {len(signer.sign({"n": n}).rpartition(".")[2]) for n in range(300)}
    assert {86} == lengths


@pytest.mark.proves(
    "Assertions",
    "an algorithm is bound to its kind of key",
    rfc="RFC 7518 §3",
    judge="none but ours",
)
@pytest.mark.parametrize(
    ("alg", "key", "fault"),
    [
        ("RS256", EC, "RS256 needs an RSA key; this is an EC key"),
        ("PS256", ED25519, "PS256 needs an RSA key; this is an Ed25519 key"),
        ("ES256", RSA, "ES256 needs an EC key on P-256; this is an RSA key"),
        ("ES256", ec.generate_private_key(ec.SECP384R1()), "a key on P-256, not secp384r1"),
        ("EdDSA", ed448.Ed448PrivateKey.generate(), "an Ed25519 key; this is an Ed448 key"),
        ("EdDSA", EC, "an Ed25519 key; this is an EC key"),
        ("RS256", WEAK["DSA"], "an RSA key; this is a DSA key"),
        ("RS256", WEAK[1024], "2048 bits or more .*, not 1024"),
        ("PS256", WEAK[2040], "2048 bits or more .*, not 2040"),
    ],
)
def test_wrong_keys(alg: Algorithm, key: PrivateKeyTypes, fault: str) -> None:
    """An algorithm is bound to its kind of key."""
    with pytest.raises(ConfigurationError, match=fault):
        JwtSigner(pem(key), alg)


@pytest.mark.parametrize("name", ["none", "HS256", "ES384", ""])
def test_unknown_algorithms(name: str) -> None:
    """What is not implemented is refused before the key is read."""
    alg: Any = name
    with pytest.raises(ConfigurationError, match="expected one of RS256, PS256, ES256, EdDSA"):
        JwtSigner("no key", alg)


def _endless() -> dict[str, Any]:
    claims: dict[str, Any] = {}
    claims["self"] = claims
    return claims


@pytest.mark.parametrize(
    "claims",
    [{"a": b"hidden"}, {"a": {"hidden"}}, {("hidden",): 1}, {"a": float("nan")}, _endless()],
)
def test_claims_that_json_cannot_hold(claims: dict[str, Any]) -> None:
    """An error of ours, without them; a header likewise."""
    signer = JwtSigner(pem(EC), "ES256")
    for attempt in (lambda: signer.sign(claims), lambda: JwtSigner(pem(EC), "ES256", claims)):
        with pytest.raises(ConfigurationError, match="JSON cannot hold") as caught:
            attempt()
        assert "hidden" not in str(caught.value)
        assert caught.value.__context__ is None
