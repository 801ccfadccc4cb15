"""The servers' own JWT verifier, judged by PyJWT: what it signs is good, and nothing else is."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from oauthkit.testing.servers.rfc5849 import MalformedError
from oauthkit.testing.servers.rfc7515 import ALGORITHMS, Jws, signing_key, verify

proves_verifier = pytest.mark.proves(
    "Servers, simulators and laws for tests", "JWT verifier", rfc="RFC 7515 §5.2", judge="PyJWT"
)

CLAIMS: dict[str, Any] = {"iss": "é", "exp": 1, "deep": {"a": [None]}}


def b64(octets: bytes | str) -> str:
    """Encode base64url without padding."""
    octets = octets.encode() if isinstance(octets, str) else octets
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


@proves_verifier
@pytest.mark.parametrize("alg", ALGORITHMS)
def test_signed_by_pyjwt(alg: str) -> None:
    """A signature of PyJWT's is good for its algorithm and key, and for no other."""
    key = signing_key(alg)
    token = jwt.encode(CLAIMS, key, algorithm=alg, headers={"kid": "k"})
    jws = Jws.parse(token)
    assert (CLAIMS, "k", alg) == (jws.claims, jws.header["kid"], jws.header["alg"])
    for other in ALGORITHMS:
        public = signing_key(other).public_key()
        same = type(public) is type(key.public_key())
        assert same is verify(jws, alg=alg, key=public)
        assert (other == alg) is verify(jws, alg=other, key=key.public_key())


@proves_verifier
@pytest.mark.parametrize("alg", ALGORITHMS)
def test_every_octet_counts(alg: str) -> None:
    """A changed payload, and a signature cut, lengthened or changed, are no good."""
    key = signing_key(alg)
    head, body, signature = jwt.encode(CLAIMS, key, algorithm=alg).split(".")
    octets = base64.urlsafe_b64decode(signature + "==")
    changed = bytes([octets[0] ^ 1]) + octets[1:]
    for wrong in (b"", octets[:-1], octets + b"\0", changed, octets[::-1]):
        jws = Jws.parse(f"{head}.{body}.{b64(wrong)}")
        assert not verify(jws, alg=alg, key=key.public_key())
    other = b64(json.dumps({**CLAIMS, "exp": 2}))
    jws = Jws.parse(f"{head}.{other}.{signature}")
    assert not verify(jws, alg=alg, key=key.public_key())


def test_der_signature() -> None:
    """ES256 is R and S side by side; ASN.1 is for others (RFC 7518, section 3.4)."""
    key = ec.generate_private_key(ec.SECP256R1())
    signed = f"{b64(json.dumps({'alg': 'ES256'}))}.{b64('{}')}"
    der = key.sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
    assert not verify(Jws.parse(f"{signed}.{b64(der)}"), alg="ES256", key=key.public_key())


def test_other_curve() -> None:
    """A key of another curve is none for ES256."""
    key = ec.generate_private_key(ec.SECP256K1())
    jws = Jws(header={"alg": "ES256"}, claims={}, signed=b"", signature=bytes(64))
    assert not verify(jws, alg="ES256", key=key.public_key())


@pytest.mark.parametrize("alg", ["none", "HS256", "RS512", None])
def test_algorithms_that_are_none(alg: str | None) -> None:
    """No algorithm but the four, though the header and the caller agree on it."""
    jws = Jws(header={"alg": alg}, claims={}, signed=b"a.b", signature=b"")
    assert not verify(jws, alg=str(alg), key=signing_key("RS256").public_key())
    with pytest.raises(ValueError, match="none of"):
        signing_key(str(alg))


@pytest.mark.parametrize(
    ("header", "payload", "signature"),
    [
        ("{}", "{}", "A"),
        ("{}", "{}", "AB"),
        ("{}", "{}", "AA=="),
        ("{}", "[]", ""),
        ("{}", "nope", ""),
        ("{}", b'{"a":"\xff"}', ""),
        ("{}", '{"a":1,"a":2}', ""),
        ("{}", "[" * 100_000, ""),
        ('{"crit":["exp"]}', "{}", ""),
        ('{"b64":false}', "{}", ""),
        ('{"typ":"at+jwt"}', "{}", ""),
    ],
)
def test_malformed_parts(header: str, payload: str | bytes, signature: str) -> None:
    """A part that is not canonical base64url, or no JSON object as it should be."""
    with pytest.raises(MalformedError):
        Jws.parse(f"{b64(header)}.{b64(payload)}.{signature}")


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c.d", "é.é.é"])
def test_malformed(token: str) -> None:
    """What has not three parts, or other characters, is no compact JWS."""
    with pytest.raises(MalformedError):
        Jws.parse(token)
