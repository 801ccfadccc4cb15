"""The grants of a store in memory: one record and one flight, however many clients share it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

import attrs

from oauthkit.errors import ConfigurationError
from oauthkit.protocol.token import Token
from oauthkit.tokens.deadlines import Deadline
from oauthkit.tokens.flights import Flights
from oauthkit.tokens.stores import GrantKey, Record, TokenStore

__all__ = ["PLAIN", "Grant", "Slot", "grant_of"]

Slot = tuple[str, str]
PLAIN: Slot = ("", "")

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

    *tokens* are the tokens in memory, by (scope, resource), each with the grant's refresh token;
    *known* says whether they are all there is to know: before, the store has to be asked.
    *generation* counts what users set by hand: it is newer than what was under way meanwhile, and
    counts for more than what is stored. *after_401* are the tokens that were got because a resource
    refused the one before.
    """

    store: TokenStore
    key: GrantKey
    tokens: dict[Slot, Token] = attrs.field(factory=dict[Slot, Token], init=False, repr=False)
    known: bool = attrs.field(default=False, init=False)
    generation: int = attrs.field(default=0, init=False)
    after_401: dict[Slot, Token] = attrs.field(factory=dict[Slot, Token], init=False, repr=False)
    flights: Flights[tuple[Slot, Token]] = attrs.field(
        factory=Flights[tuple[Slot, Token]], init=False, repr=False
    )
    _stored: Record | None = attrs.field(default=None, init=False, repr=False)
    _seeded: bool = attrs.field(default=False, init=False)

    def assign(self, token: Token | None, slot: Slot = PLAIN) -> None:
        """Put *token* into memory by hand; None clears all of them. The store is not touched."""
        self.after_401.clear()
        self.tokens = {} if token is None else {slot: token}
        self.known = self._seeded = True
        self.generation += 1

    @property
    def version(self) -> int | None:
        """The version of what is stored, as it was seen last; None where there is no record."""
        return None if self._stored is None else self._stored.version

    @property
    def record(self) -> Record | None:
        """What counts: the tokens put there by hand, else what is stored."""
        if not self._seeded:
            return self._stored
        refresh_token = None
        access_tokens: dict[Slot, Token] = {}
        for slot, token in self.tokens.items():
            refresh_token = token.get("refresh_token", refresh_token)
            access_tokens[slot] = _without_refresh_token(token)
        return Record(access_tokens=access_tokens, refresh_token=refresh_token)

    async def look(self, slot: Slot) -> Token | None:
        """Ask the store, and take over what it holds, unless a token was set by hand."""
        self._stored = await self.store.load(self.key)
        if not self._seeded:
            self._adopt(self._stored)
        return self.tokens.get(slot)

    def fall_back(self, slot: Slot) -> Token | None:
        """Take over what is stored though a token was set by hand: that one was refused."""
        if self._stored is not None and slot in self._stored.access_tokens:
            self._seeded = False
            self._adopt(self._stored)
        return self.tokens.get(slot)

    async def keep(
        self,
        slot: Slot,
        members: Mapping[str, Any],
        *,
        fresh: bool = False,
        generation: int | None = None,
        deadline: float = 30.0,
    ) -> Token:
        """
        Store a token, then put it into memory: nobody is handed what could still be lost.

        An answer without a refresh token keeps the old one (RFC 6749 §6); *fresh* begins a new
        grant, of which nothing old is kept. Where a token was set by hand since *generation*,
        the new one is stored all the same, and memory is left alone. Raises UnreachableError where
        the store does not answer within *deadline* (seconds).
        """
        token = Token(members)
        known = Record() if fresh else self.record or Record()
        refresh_token = token.get("refresh_token") or known.refresh_token
        if generation is None:
            generation = self.generation
        async with Deadline(deadline, type(self.store).__name__):
            while True:
                stored = await self.store.load(self.key)
                if not fresh and not self._seeded and stored is not None:
                    known = stored
                record = Record(
                    access_tokens={**known.access_tokens, slot: _without_refresh_token(token)},
                    refresh_token=refresh_token,
                    version=(stored.version if stored is not None else 0) + 1,
                )
                expected = stored.version if stored is not None else None
                if await self.store.compare_and_swap(self.key, expected, record):
                    break
                await asyncio.sleep(0)  # a store that never waits would hold up the deadline too
        if generation == self.generation:
            self._stored, self._seeded = record, False
            self.after_401.pop(slot, None)
            self._adopt(record)
        return _with_refresh_token(record.access_tokens[slot], refresh_token)

    async def complete(self, fetch: Callable[[], Coroutine[Any, Any, tuple[Slot, Token]]]) -> Token:
        """Run what fetches and keeps a token as a flight: a cancelled caller loses nothing."""
        return (await self.flights.fly(fetch()))[1]

    def _adopt(self, record: Record | None) -> None:
        self.tokens = {}
        if record is not None:
            self.tokens = {
                slot: _with_refresh_token(token, record.refresh_token)
                for slot, token in record.access_tokens.items()
            }
        self.known = True


def _with_refresh_token(token: Token, refresh_token: str | None) -> Token:
    return token if refresh_token is None else Token({**token, "refresh_token": refresh_token})


def _without_refresh_token(token: Token) -> Token:
    # It belongs to the grant: a copy with each access token would be spent twice.
    if "refresh_token" not in token:
        return token
    return Token({name: value for name, value in token.items() if name != "refresh_token"})
