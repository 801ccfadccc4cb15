"""Private keys for tests: made anew where that is possible; they protect nothing."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED25519 = ed25519.Ed25519PrivateKey.generate()

# As long as it takes for SHA-1 and SHA-256, and not for SHA-512; from OpenSSL, since nobody else
# makes such keys any more.
SHORT_RSA = """\
-----BEGIN RSA PRIVATE KEY-----
MIIBOQIBAAJBALtQ3+D4khh/JdJ9UEUPsilWkyf+njwdXOg266Bw9pCQg2DLs69D
BOM6GOKtLMFlcZVCUjwEnq182DDhm4sHTZECAwEAAQJAXeWIlGmGMqlp+D3BAx1/
HaG8WowUHeZKME13iBGYR5aN2HROvOjfrX4KJGCxAVPB1Q+asC1HDBpvis+iTQjP
0QIhAOKtuLfcLxBvjAa2cjPKrNbe//uevBj/SLswDPvYanvfAiEA04uwhg3uHBzr
kosnA0vnLdQT5ZfkIR1wJlA6KtX3ZI8CIGs1Zqvuw4OufjeeipzcOqrVhZRoGuZn
tupxa3KhhJtZAiBYjpKwG6bBGA45w4zqYVz+n1hQ9bvnbPZk45LmGbo92wIgVaBi
Od4+BU8Xlm9CKbVUGKGTF73G5yaGHbI4tGzTtV8=
-----END RSA PRIVATE KEY-----
"""


def pem(key: PrivateKeyTypes = RSA, kind: str = "PKCS8", *, password: bytes | None = None) -> str:
    """Write *key* as PEM: *kind* is ``PKCS8`` or ``TraditionalOpenSSL`` (PKCS #1)."""
    encryption = forms.BestAvailableEncryption(password) if password else forms.NoEncryption()
    return key.private_bytes(
        forms.Encoding.PEM, getattr(forms.PrivateFormat, kind), encryption
    ).decode()


def public_pem() -> str:
    """Write the public half of the RSA key as PEM."""
    return (
        RSA.public_key()
        .public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
