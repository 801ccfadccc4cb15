"""Proof Key for Code Exchange: verifier and challenge (RFC 7636 §4)."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from os import urandom
from typing import Literal

from oauthkit.errors import ConfigurationError

__all__ = ["CodeChallengeMethod", "code_challenge", "generate_code_verifier", "is_code_verifier"]

CodeChallengeMethod = Literal["S256", "plain"]

_IS_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}").fullmatch


def generate_code_verifier(random: Callable[[int], bytes] = urandom) -> str:
    """Return 32 random octets as 43 characters (RFC 7636 §4.1)."""
    return urlsafe_b64encode(random(32)).rstrip(b"=").decode()


def is_code_verifier(text: str) -> bool:
    """Say whether *text* is 43 to 128 unreserved characters (RFC 7636 §4.1)."""
    return _IS_VERIFIER(text) is not None


def code_challenge(verifier: str, method: CodeChallengeMethod = "S256") -> str:
    """
    Return the ``code_challenge`` of a verifier (RFC 7636 §4.2).

    Raises ConfigurationError for a verifier that is none, or a method that is neither ``S256`` nor
    ``plain``; the verifier is not in the error.
    """
    if not is_code_verifier(verifier):
        raise ConfigurationError(
            "a code_verifier is 43 to 128 characters of A-Z a-z 0-9 - . _ ~ (RFC 7636 §4.1); "
            f"this one has {len(verifier)}, or others"
        )
    if method == "S256":
        return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if method == "plain":
        return verifier
    raise ConfigurationError(f"code_challenge_method = {method!r}: expected 'S256' or 'plain'")
