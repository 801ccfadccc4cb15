"""The seam between those who hand out tokens and those who sign with them."""

from __future__ import annotations

from typing import Protocol

from oauthkit.protocol.token import Token

__all__ = ["TokenSource"]


class TokenSource(Protocol):
    """Hands out tokens; sources wrap sources."""

    async def token(self, rejected: Token | None = None) -> Token:
        """Return a token that can be used now, never one equal to *rejected*."""
        ...
