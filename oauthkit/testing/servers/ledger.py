"""
Keep what an OAuth 2 server has issued: codes, access tokens, refresh tokens, and whose they are.

RFC 6749, section 1.4 and 1.5; RFC 9700, section 4.14 (rotation). All of it lives in memory, under
one lock, since tests ask from other threads than the server's.
"""

from __future__ import annotations

import secrets
import threading
from typing import Literal

import attrs

__all__ = ["Code", "Grant", "Issued", "Kind", "Ledger", "random_text"]

Kind = Literal["access_token", "refresh_token"]


def random_text() -> str:
    """Make something that cannot be guessed."""
    return secrets.token_urlsafe(30)


@attrs.define(eq=False, kw_only=True)
class Grant:
    """Hold what one authorization gave, and to whom; all tokens of it are revoked together."""

    client_id: str
    user: str | None
    scope: str
    revoked: bool = attrs.field(default=False, init=False)


@attrs.define(eq=False, kw_only=True)
class Issued:
    """Hold one token; *expires* is in seconds since the epoch, None is never."""

    token: str = attrs.field(repr=False)
    kind: Kind
    grant: Grant
    scope: str
    issued: float
    expires: float | None
    spent: bool = attrs.field(default=False, init=False)
    revoked: bool = attrs.field(default=False, init=False)

    def fault(self, now: float) -> str | None:
        """Say why the token is of no use, if it is of none."""
        if self.revoked or self.grant.revoked:
            return "it was revoked"
        if self.spent:
            return "it was rotated"
        if self.expires is not None and now >= self.expires:
            return "it has expired"
        return None


@attrs.define(eq=False, kw_only=True)
class Code:
    """Hold an authorization code and what it is bound to (section 4.1.2, RFC 7636 4.4)."""

    code: str = attrs.field(repr=False)
    grant: Grant
    redirect_uri: str
    redirect_uri_given: bool
    challenge: str | None = attrs.field(repr=False)
    challenge_method: str
    expires: float
    spent: bool = attrs.field(default=False, init=False)


@attrs.define(eq=False)
class Ledger:
    """Issue, look up and revoke; every method may be called by any thread."""

    _tokens: dict[str, Issued] = attrs.field(factory=dict[str, Issued], init=False, repr=False)
    _codes: dict[str, Code] = attrs.field(factory=dict[str, Code], init=False, repr=False)
    _users: dict[str, str] = attrs.field(factory=dict[str, str], init=False, repr=False)
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False, repr=False)

    def user_id(self, user: str) -> str:
        """Give the number of *user*: the first is 1."""
        with self._lock:
            return self._users.setdefault(user, str(len(self._users) + 1))

    def issue(
        self, kind: Kind, grant: Grant, scope: str, *, now: float, lifetime: float | None
    ) -> Issued:
        """Issue a token; *lifetime* is in seconds, None is for ever."""
        expires = None if lifetime is None else now + lifetime
        made = Issued(
            token=random_text(), kind=kind, grant=grant, scope=scope, issued=now, expires=expires
        )
        with self._lock:
            self._tokens[made.token] = made
        return made

    def find(self, token: str, kind: Kind | None = None) -> Issued | None:
        """Look up a token, good or not."""
        with self._lock:
            found = self._tokens.get(token)
        return found if found is not None and kind in {None, found.kind} else None

    def spend(self, thing: Issued | Code) -> bool:
        """Use up a code or a refresh token; False if that was done before."""
        with self._lock:
            first, thing.spent = not thing.spent, True
            return first

    def revoke(self, token: str) -> None:
        """Revoke an access token, or a refresh token with all its kin (RFC 7009, section 2.1)."""
        found = self.find(token)
        if found is not None:
            found.revoked = True
            if found.kind == "refresh_token":
                found.grant.revoked = True

    def expire(self, token: str, now: float) -> None:
        """Let a token end *now*; `ValueError` if it was never issued."""
        found = self.find(token)
        if found is None:
            raise ValueError("this server has issued no such token")
        found.expires = now

    def begin(
        self,
        grant: Grant,
        *,
        redirect_uri: str,
        redirect_uri_given: bool,
        challenge: str | None,
        challenge_method: str,
        expires: float,
    ) -> Code:
        """Issue an authorization code."""
        made = Code(
            code=random_text(),
            grant=grant,
            redirect_uri=redirect_uri,
            redirect_uri_given=redirect_uri_given,
            challenge=challenge,
            challenge_method=challenge_method,
            expires=expires,
        )
        with self._lock:
            self._codes[made.code] = made
        return made

    def code(self, code: str) -> Code | None:
        """Look up an authorization code, good or not."""
        with self._lock:
            return self._codes.get(code)
