"""What the assertion client has to be given, and what it takes where it is given nothing."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from oauthkit import AsyncAssertionClient, ConfigurationError
from support import run

TOKEN = "https://api.example/token"
GIVEN = {"token_url": TOKEN, "issuer": "me", "key": "a key", "subject": "you", "audience": "them"}
KEY = generate_private_key(SECP256R1())


@pytest.mark.parametrize("left_out", [["token_url"], ["issuer"], ["key"], [*GIVEN]])
def test_what_is_required(left_out: list[str]) -> None:
    """Each that is missing is named, with what to pass; so is what could be left out not."""
    given: dict[str, Any] = {name: value for name, value in GIVEN.items() if name not in left_out}
    with pytest.raises(ConfigurationError) as caught:
        AsyncAssertionClient(None, **given)
    shown = str(caught.value)
    for name in GIVEN:
        asked = "token_endpoint" if name == "token_url" else name
        needed = name in left_out and name not in ("subject", "audience")
        assert needed == (f"pass {asked}=" in shown)


@pytest.mark.parametrize("name", ["token_url", "token_endpoint"])
def test_defaults(name: str) -> None:
    """RFC 7523 §3: the audience is the token endpoint; without a subject there is no ``sub``."""
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    options: dict[str, Any] = {name: TOKEN, "issuer": "me", "key": pem, "alg": "ES256"}

    def claims(**more: Any) -> dict[str, Any]:
        client = AsyncAssertionClient(None, **options, **more)
        text = run(client._exchange().assertion())
        found = jwt.decode(text, KEY.public_key(), ["ES256"], options={"verify_aud": False})
        return {n: v for n, v in found.items() if n in ("iss", "sub", "aud")}

    assert {"iss": "me", "aud": TOKEN} == claims()
    said = {"iss": "me", "aud": "them", "sub": "you"}
    assert said == claims(audience="them", subject="you")
