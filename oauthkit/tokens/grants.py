"""The grants of a store in memory: one token and one flight, however many clients share it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

import attrs

from oauthkit.errors import ConfigurationError, OAuthError, UnreachableError
from oauthkit.protocol.token import Token
from oauthkit.tokens.flights import Flights
from oauthkit.tokens.stores import GrantKey, Record, TokenStore

__all__ = ["Grant", "GrantSource", "grant_of"]

NO_TOKEN = Token()
_PLAIN = ("", "")

_GRANTS: WeakKeyDictionary[TokenStore, WeakValueDictionary[GrantKey, Grant]] = WeakKeyDictionary()
_GUARD = threading.Lock()


def grant_of(store: TokenStore, key: GrantKey) -> Grant:
    """
    Return the one grant of *store* under *key*; it vanishes with the last who holds it.

    Raises ConfigurationError for a store that cannot be told apart by identity.
    """
    with _GUARD:
        try:
            grants = _GRANTS.setdefault(store, WeakValueDictionary())
        except TypeError:
            raise ConfigurationError(
                f"a token store must be hashable by identity and weakly referable; "
                f"{type(store).__name__} is not (with attrs: @attrs.define(eq=False))"
            ) from None
        grant = grants.get(key)
        if grant is None:
            grant = grants[key] = Grant(store, key)
        return grant


@attrs.define(eq=False)
class Grant:
    """
    One grant: what of it is in memory, and the flights that change it.

    *token* is the token in memory; *known* says whether it, or its absence, is all there is to
    know: before, the store has to be asked.
    """

    store: TokenStore
    key: GrantKey
    token: Token | None = attrs.field(default=None, init=False, repr=False)
    known: bool = attrs.field(default=False, init=False)
    flights: Flights[Token] = attrs.field(factory=Flights[Token], init=False, repr=False)

    def assign(self, token: Token | None) -> None:
        """Put *token* into memory; None clears. The store is not touched."""
        self.token = token
        self.known = True

    async def load(self) -> Token:
        """Take over what the store holds, unless a token was set meanwhile; may be empty."""
        before = self.token, self.known
        record = await self.store.load(self.key)
        if self.token is before[0] and self.known is before[1]:
            self.assign(record.access_tokens.get(_PLAIN) if record else None)
        return self.token or NO_TOKEN

    async def keep(self, token: Token) -> Token:
        """Store *token*, then put it into memory: nobody is handed what could still be lost."""
        while True:
            found = await self.store.load(self.key)
            version = found.version if found else None
            record = Record(access_tokens={_PLAIN: token}, version=(version or 0) + 1)
            if await self.store.compare_and_swap(self.key, version, record):
                self.assign(token)
                return token
            await asyncio.sleep(0)  # a store that never waits would hold up the deadline too

    async def complete(
        self, fetch: Callable[[], Coroutine[Any, Any, Token]], deadline: float
    ) -> Token:
        """
        Fetch a token and keep it in one flight: a caller that is cancelled loses nothing.

        *fetch* has a deadline of its own; *deadline* (seconds) is for the store.
        """

        async def fetch_and_keep() -> Token:
            token = await fetch()
            return await self._within(deadline, self.keep(token))

        return await self.flights.fly(fetch_and_keep())

    async def find(self, deadline: float) -> Token:
        """Load the token, in the one flight that all share; *deadline* in seconds."""
        return await self.flights.share(lambda: self._within(deadline, self.load()))

    async def _within(self, deadline: float, work: Coroutine[Any, Any, Token]) -> Token:
        timeout = asyncio.timeout(deadline)
        try:
            async with timeout:
                return await work
        except TimeoutError as error:
            if not timeout.expired():  # the store's own
                raise
            raise UnreachableError(
                f"the token store did not answer within {deadline:g} s",
                endpoint=type(self.store).__name__,
                deadline=deadline,
            ) from error


@attrs.define(eq=False)
class GrantSource:
    """
    Hands out the token of a grant: from memory, else from the store.

    The empty token where there is none: an OAuth 1.0a request is then signed with the client's
    credentials alone.
    """

    grant: Grant
    deadline: float = 30.0

    async def token(self, rejected: Token | None = None) -> Token:
        """
        Return the token, never one equal to *rejected*.

        Raises OAuthError where a rejected token is all there is: an OAuth 1.0a token cannot be
        renewed. Whatever the store raises goes through.
        """
        grant = self.grant
        if grant.known and rejected is None:
            return grant.token or NO_TOKEN
        token = await grant.find(self.deadline)
        if rejected is not None and token == rejected:
            raise OAuthError(
                "the token was refused, and nothing can renew it: have the user authorize again",
                error="invalid_token",
            )
        return token
