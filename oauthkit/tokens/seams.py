"""The seam between those who hand out tokens and those who sign with them."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Protocol

import attrs

from oauthkit.errors import OAuthError
from oauthkit.protocol.token import Token

__all__ = ["LOGIN_REQUIRED", "SENDING", "NothingNewError", "Sending", "TokenSource"]

LOGIN_REQUIRED = "login_required"
"""The ``error`` of an OAuthError that only the user can mend, by logging in (again)."""


@attrs.define(eq=False)
class Sending:
    """Whether anything of a request's body has *left* for the server; None: nobody has said."""

    left: bool | None = None


SENDING: ContextVar[Sending | None] = ContextVar("SENDING", default=None)
"""What who sends a request writes into, for whoever has to know whether it was sent."""


class NothingNewError(OAuthError):
    """A rejected token cannot be replaced: the answer that rejected it is the answer."""


class TokenSource(Protocol):
    """Hands out tokens; sources wrap sources."""

    async def token(self, rejected: Token | None = None) -> Token:
        """Return a token that can be used now, never one equal to *rejected*."""
        ...
