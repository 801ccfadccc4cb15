"""
Keep what an OAuth 1.0a server knows: its client, tokens, temporary credentials and used nonces.

RFC 5849, section 2 (the redirection flow) and section 3.3 (nonces). All of it lives in memory,
under one lock, since tests ask from other threads than the server's.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Iterable

import attrs

from oauthkit.testing.servers.resources import with_query
from oauthkit.testing.servers.rfc5849 import MalformedError, base_string_uri

__all__ = ["OUT_OF_BAND", "AccessToken", "Accounts", "TemporaryCredentials"]

OUT_OF_BAND = "oob"


@attrs.frozen(kw_only=True)
class AccessToken:
    """Hold token credentials and the user who granted them (section 2.3)."""

    token: str = attrs.field(repr=False)
    secret: str = attrs.field(repr=False)
    user: str
    user_id: str


@attrs.define(eq=False, kw_only=True)
class TemporaryCredentials:
    """Hold temporary credentials and what became of them (section 2.1 and 2.2)."""

    token: str = attrs.field(repr=False)
    secret: str = attrs.field(repr=False)
    callback: str
    expires: float
    verifier: str | None = attrs.field(default=None, repr=False)
    user: str | None = None
    denied: bool = False

    @property
    def decided(self) -> bool:
        """Tell whether the user has answered."""
        return self.denied or self.verifier is not None


def _random() -> str:
    return secrets.token_urlsafe(30)


@attrs.define(eq=False, kw_only=True)
class Accounts:
    """Issue and look up credentials for one client; every method may be called by any thread."""

    callbacks: frozenset[str] | None = None
    lifetime: float = 900.0
    client_id: str = attrs.field(factory=_random, init=False)
    client_secret: str = attrs.field(factory=_random, init=False, repr=False)
    _tokens: dict[str, AccessToken] = attrs.field(
        factory=dict[str, AccessToken], init=False, repr=False
    )
    _temporary: dict[str, TemporaryCredentials] = attrs.field(
        factory=dict[str, TemporaryCredentials], init=False, repr=False
    )
    _users: dict[str, str] = attrs.field(factory=dict[str, str], init=False, repr=False)
    _nonces: set[tuple[str, ...]] = attrs.field(
        factory=set[tuple[str, ...]], init=False, repr=False
    )
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False, repr=False)

    def callback_fault(self, callback: str) -> tuple[int, str] | None:
        """Say what is wrong with *callback*, if anything: status and message (section 2.1)."""
        if callback == OUT_OF_BAND:
            return None
        try:
            base_string_uri(callback if callback.isascii() else "")
        except MalformedError:
            return 400, "oauth_callback is neither an absolute URI nor oob"
        if self.callbacks is not None and callback not in self.callbacks:
            return 401, "oauth_callback is none of those registered for this client"
        return None

    def begin(self, callback: str, now: float) -> TemporaryCredentials:
        """Issue temporary credentials bound to *callback* (section 2.1)."""
        made = TemporaryCredentials(
            token=_random(), secret=_random(), callback=callback, expires=now + self.lifetime
        )
        with self._lock:
            self._temporary[made.token] = made
        return made

    def temporary(self, token: str, now: float) -> TemporaryCredentials | None:
        """Look up temporary credentials that are neither used nor expired."""
        with self._lock:
            found = self._temporary.get(token)
        return found if found is not None and now < found.expires else None

    def decide(self, token: str, now: float, *, approve: bool, user: str) -> str:
        """
        Take the decision of *user*: give the callback URL to go to, or the PIN (section 2.2).

        A refusal out of band reaches no client: it gives the empty string. Raises `ValueError`
        for temporary credentials that are unknown, expired or decided.
        """
        with self._lock:
            asked = self.temporary(token, now)
            if asked is None or asked.decided:
                raise ValueError("temporary credentials that are unknown, expired or decided")
            out_of_band = asked.callback == OUT_OF_BAND
            if not approve:
                asked.denied = True
                return "" if out_of_band else with_query(asked.callback, denied=token)
            asked.user = user
            asked.verifier = f"{secrets.randbelow(10**7):07d}" if out_of_band else _random()
            if out_of_band:
                return asked.verifier
            return with_query(asked.callback, oauth_token=token, oauth_verifier=asked.verifier)

    def exchange(self, asked: TemporaryCredentials, verifier: str) -> AccessToken | None:
        """Exchange temporary credentials, once, if *verifier* is right (section 2.3)."""
        with self._lock:
            if asked.verifier is None or asked.user is None:
                return None
            given = verifier.encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(asked.verifier.encode(), given):
                return None
            if self._temporary.pop(asked.token, None) is None:
                return None
            return self.issue(asked.user)

    def issue(self, user: str) -> AccessToken:
        """Issue token credentials for *user*, without a flow."""
        with self._lock:
            number = self._users.setdefault(user, str(len(self._users) + 1))
            made = AccessToken(
                token=f"{number}-{_random()}", secret=_random(), user=user, user_id=number
            )
            self._tokens[made.token] = made
            return made

    def token(self, token: str) -> AccessToken | None:
        """Look up token credentials."""
        with self._lock:
            return self._tokens.get(token)

    def revoke(self, token: str) -> None:
        """Forget token credentials; a token that is not known is none already."""
        with self._lock:
            self._tokens.pop(token, None)

    def use_nonce(self, parts: Iterable[str]) -> bool:
        """Note a combination of nonce, timestamp and token; False if it was used (section 3.3)."""
        with self._lock:
            combination = tuple(parts)
            if combination in self._nonces:
                return False
            self._nonces.add(combination)
            return True
