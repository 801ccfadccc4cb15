"""The grants of a store in memory: one record and one flight, however many clients share it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

import attrs

from oauthkit.errors import ConfigurationError
from oauthkit.protocol.token import Token
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
    *known* says whether they are all there is to know: before, the store has to be asked. *seeded*
    says that somebody put them there by hand, so that they count for more than what is stored.
    *after_401* are those that were got because a resource refused the one before.
    """

    store: TokenStore
    key: GrantKey
    tokens: dict[Slot, Token] = attrs.field(factory=dict[Slot, Token], init=False, repr=False)
    known: bool = attrs.field(default=False, init=False)
    seeded: bool = attrs.field(default=False, init=False)
    after_401: dict[Slot, Token] = attrs.field(factory=dict[Slot, Token], init=False, repr=False)
    flights: Flights[tuple[Slot, Token]] = attrs.field(
        factory=Flights[tuple[Slot, Token]], init=False, repr=False
    )

    def assign(self, token: Token | None, slot: Slot = PLAIN) -> None:
        """Put *token* into memory by hand; None clears all of them. The store is not touched."""
        self.after_401.clear()
        self.tokens = {} if token is None else {slot: token}
        self.known = self.seeded = True

    def adopt(self, record: Record | None) -> None:
        """Take over what a store holds, or that it holds nothing."""
        self.tokens = {}
        if record is not None:
            renewing = record.refresh_token
            self.tokens = {
                slot: token if renewing is None else Token({**token, "refresh_token": renewing})
                for slot, token in record.access_tokens.items()
            }
        self.known, self.seeded = True, False

    def as_record(self, stored: Record | None) -> Record | None:
        """Return what counts: the tokens put there by hand, else what is stored."""
        if not self.seeded:
            return stored
        refresh_token = None
        access_tokens: dict[Slot, Token] = {}
        for slot, token in self.tokens.items():
            refresh_token = token.get("refresh_token", refresh_token)
            access_tokens[slot] = _without_refresh_token(token)
        version = stored.version if stored is not None else 0
        return Record(access_tokens=access_tokens, refresh_token=refresh_token, version=version)

    async def keep(self, slot: Slot, members: Mapping[str, Any], *, fresh: bool = False) -> Token:
        """
        Store a token, then put it into memory: nobody is handed what could still be lost.

        An answer without a refresh token keeps the old one (RFC 6749 §6); *fresh* begins a new
        grant, of which nothing old is kept.
        """
        got = Token(members)
        while True:
            stored = await self.store.load(self.key)
            base = None if fresh else self.as_record(stored)
            known = base or Record()
            record = Record(
                access_tokens={**known.access_tokens, slot: _without_refresh_token(got)},
                refresh_token=got.get("refresh_token") or known.refresh_token,
                version=(stored.version if stored is not None else 0) + 1,
            )
            expected = stored.version if stored is not None else None
            if await self.store.compare_and_swap(self.key, expected, record):
                self.after_401.pop(slot, None)
                self.adopt(record)
                return self.tokens[slot]

    async def complete(
        self,
        fetch: Callable[[], Coroutine[Any, Any, tuple[Slot, Token]]],
    ) -> Token:
        """Run what fetches and keeps a token as a flight: a cancelled caller loses nothing."""
        return (await self.flights.fly(fetch()))[1]


def _without_refresh_token(token: Token) -> Token:
    # It belongs to the grant: a copy with each access token would be spent twice.
    if "refresh_token" not in token:
        return token
    return Token({name: value for name, value in token.items() if name != "refresh_token"})
