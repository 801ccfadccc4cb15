"""Private keys from PEM text: what each wrong text is answered with (RFC 7468)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from oauthkit.errors import ConfigurationError
from oauthkit.protocol import keys
from oauthkit.protocol.keys import is_parsed, load_private_key
from protocol import rsa_keys

KEY = rsa_keys.pem()
WANTED = "expected a private key in PEM (-----BEGIN PRIVATE KEY-----)"
CUT = f"{WANTED}; the PEM block cannot be read, it may be cut short or altered"
ENCRYPTED = (
    "the private key is encrypted: decrypt it first, "
    "for instance with `openssl pkey -in key.pem -out plain.pem`"
)
BASE64 = "".join(KEY.splitlines()[1:-1])
CERTIFICATE = KEY.replace("PRIVATE KEY", "CERTIFICATE")

REFUSED = {
    "nothing": ("", f"{WANTED}, got text of 0 characters without a PEM header"),
    "a secret": ("kd94hf93k423kf44", f"{WANTED}, got text of 16 characters without a PEM header"),
    "base64 alone": (
        BASE64,
        f"{WANTED}, got text of {len(BASE64)} characters without a PEM header",
    ),
    "a certificate": (CERTIFICATE, f"{WANTED}, got a certificate"),
    "a public key": (rsa_keys.public_pem(), f"{WANTED}, got a public key"),
    "a PKCS #1 public key": (
        KEY.replace("PRIVATE KEY", "RSA PUBLIC KEY"),
        f"{WANTED}, got a public key",
    ),
    "encrypted": (rsa_keys.pem(password=b"p"), ENCRYPTED),
    "encrypted PKCS #1": (rsa_keys.pem(kind="TraditionalOpenSSL", password=b"p"), ENCRYPTED),
    "line ends as two characters": (
        KEY.replace("\n", "\\n"),
        f"{WANTED}; its line ends came as the two characters \\n: unescape them",
    ),
    "cut short": (KEY[:800], CUT),
    "no end": (KEY.replace("END", "FIN"), CUT),
    "one character changed": (KEY.replace("\nMI", "\nMO", 1), CUT),
    "a lone surrogate": (KEY + "\ud800", CUT),
}


@pytest.mark.parametrize(("pem", "message"), REFUSED.values(), ids=REFUSED)
def test_refused(pem: str, message: str) -> None:
    """The text says what was given instead, and nothing of the key is kept anywhere in it."""
    with pytest.raises(ConfigurationError) as caught:
        load_private_key(pem)
    assert message == str(caught.value)
    assert (None, None) == (caught.value.__cause__, caught.value.__context__)
    assert not is_parsed(pem)


def test_unsupported_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key of a kind that the library lacks is answered like one that cannot be read."""

    def refuse(data: bytes, password: bytes | None) -> None:
        raise UnsupportedAlgorithm("a curve that this build lacks")

    monkeypatch.setattr(serialization, "load_pem_private_key", refuse)
    with pytest.raises(ConfigurationError, match="the PEM block cannot be read"):
        load_private_key(f"-----BEGIN PRIVATE KEY-----\n{test_unsupported_key.__name__}")


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> dict[bytes, object]:
    """Give the test a cache of its own."""
    fresh: dict[bytes, object] = {}
    monkeypatch.setattr(keys, "_CACHE", fresh)
    return fresh


def test_parsed_once(cache: dict[bytes, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """The second call takes no parser, and the cache holds no text of the key."""
    assert not is_parsed(KEY)
    first = load_private_key(KEY)
    assert is_parsed(KEY)
    monkeypatch.delattr(serialization, "load_pem_private_key")
    assert first is load_private_key(KEY)
    assert [32] == [len(digest) for digest in cache]


def test_cache_is_bounded(cache: dict[bytes, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest key makes room; a process that sees many accounts does not keep them all."""
    monkeypatch.setattr(keys, "_CACHE_SIZE", 2)
    pems = [f"# {number}\n{KEY}" for number in range(4)]
    for pem in pems:
        load_private_key(pem)
    assert [False, False, True, True] == [is_parsed(pem) for pem in pems]
    assert 2 == len(cache)


def test_kinds() -> None:
    """PKCS #1 and PKCS #8, RSA and others: the caller says which kind it needs."""
    texts: list[Callable[[], str]] = [
        lambda: rsa_keys.pem(kind="TraditionalOpenSSL"),
        lambda: rsa_keys.pem(rsa_keys.EC),
        lambda: rsa_keys.pem(rsa_keys.ED25519),
    ]
    found = [load_private_key(text()) for text in texts]
    expected: list[PrivateKeyTypes] = [rsa_keys.RSA, rsa_keys.EC, rsa_keys.ED25519]
    assert [rsa_keys.pem(key) for key in expected] == [rsa_keys.pem(key) for key in found]
