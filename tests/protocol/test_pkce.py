"""PKCE: what is refused, and where the verifier comes from; see the vectors for the values."""

from __future__ import annotations

from typing import Any

import pytest

from oauthkit.errors import ConfigurationError
from oauthkit.protocol.pkce import code_challenge, generate_code_verifier, is_code_verifier

# RFC 7636 appendix B: these 32 octets make this verifier.
OCTETS = bytes.fromhex("7418dfb49799e0254ffa607dd8adbbba16d4254d69d6bff05b58055853848d79")
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


@pytest.mark.proves(
    "OAuth 2", "PKCE", rfc="RFC 7636 §4.1, §4.2, appendix B", judge="the RFC's example"
)
def test_published_octets() -> None:
    """Appendix B, from the random octets on."""
    asked: list[int] = []

    def random(count: int) -> bytes:
        asked.append(count)
        return OCTETS

    assert VERIFIER == generate_code_verifier(random)
    assert [32] == asked
    assert "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" == code_challenge(VERIFIER)


def test_verifiers_differ() -> None:
    """The default is the operating system's randomness."""
    made = {generate_code_verifier() for _ in range(20)}
    assert 20 == len(made)
    assert all(map(is_code_verifier, made))


def test_plain() -> None:
    """§4.2: the challenge is the verifier."""
    assert VERIFIER == code_challenge(VERIFIER, "plain")


@pytest.mark.parametrize("verifier", ["", "short" * 8, "x" * 129, "ä" * 43, "x" * 43 + "\n"])
@pytest.mark.parametrize("method", ["S256", "plain"])
def test_no_verifier(verifier: str, method: Any) -> None:
    """§4.1: length and characters; the text is not in the error."""
    with pytest.raises(ConfigurationError, match=r"43 to 128") as caught:
        code_challenge(verifier, method)
    assert not verifier or verifier not in str(caught.value)


def test_no_method() -> None:
    """A method of neither name."""
    method: Any = "S512"
    with pytest.raises(ConfigurationError, match="S512"):
        code_challenge(VERIFIER, method)
