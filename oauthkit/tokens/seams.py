"""The seam between those who hand out tokens and those who sign with them."""

from __future__ import annotations

from typing import Protocol

from oauthkit.errors import OAuthError
from oauthkit.protocol.token import Token

__all__ = ["LOGIN_REQUIRED", "NothingNewError", "TokenSource"]

LOGIN_REQUIRED = "login_required"
"""The ``error`` of an OAuthError that only the user can mend, by logging in (again)."""


class NothingNewError(OAuthError):
    """A rejected token cannot be replaced: the answer that rejected it is the answer."""


class TokenSource(Protocol):
    """Hands out tokens; sources wrap sources."""

    async def token(self, rejected: Token | None = None) -> Token:
        """Return a token that can be used now, never one equal to *rejected*."""
        ...
