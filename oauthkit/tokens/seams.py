"""The seam between those who hand out tokens and those who sign with them."""

from __future__ import annotations

from typing import Protocol

from oauthkit.errors import OAuthError
from oauthkit.protocol.token import Token

__all__ = ["NothingNewError", "TokenSource"]


class NothingNewError(OAuthError):
    """There is no other token to be had without the user; internal, shown as an OAuthError."""


class TokenSource(Protocol):
    """Hands out tokens; sources wrap sources."""

    async def token(self, rejected: Token | None = None) -> Token:
        """Return a token that can be used now, never one equal to *rejected*."""
        ...
