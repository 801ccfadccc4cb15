"""The grants of a store in memory: one record and one flight, however many clients share it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any, Self
from weakref import WeakKeyDictionary, WeakValueDictionary

import attrs

from oauthkit.errors import ConfigurationError, UnreachableError
from oauthkit.protocol.token import Token
from oauthkit.tokens.flights import Flights
from oauthkit.tokens.stores import GrantKey, Record, TokenStore

__all__ = ["PLAIN", "Deadline", "Grant", "Landing", "Slot", "Start", "Unsaved", "grant_of"]

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


@attrs.frozen(kw_only=True)
class Start:
    """
    What a flight began with, so that it knows at its end what happened meanwhile.

    *generation* is the grant's; *record* is what counted: *by_hand*, what somebody had put into
    memory, or what was stored. *was_stored* is the refresh token that the store held; None where
    there was none, or where the store was not asked (*asked*).
    """

    generation: int
    record: Record | None = attrs.field(repr=False)
    by_hand: bool
    asked: bool
    was_stored: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Landing:
    """What a flight brought: the token of one slot, got when the grant was of *generation*."""

    generation: int
    slot: Slot
    token: Token


@attrs.frozen
class Unsaved:
    """The *members* of a token that is got and not yet stored, and which one it comes after."""

    slot: Slot
    members: Mapping[str, Any] = attrs.field(repr=False)
    since: Start
    before: Token | None
    after_401: bool


@attrs.define(eq=False)
class Grant:
    """
    One grant: what of it is in memory, and the flights that change it.

    *tokens* are the tokens in memory, by (scope, resource), each with the grant's refresh token;
    *known* says whether they are all there is to know: before, the store has to be asked. *seeded*
    says that somebody put them there by hand, so that they count for more than what is stored.
    *generation* grows whenever that happens, and with each new grant: a flight of an older one
    leaves the memory alone. *initial* is what counts where the store has no record. *after_401* are
    the tokens that were got because a resource refused the one before, and when (by the clock of
    who got them). *unsaved* is what could not be stored: the next flight tries again before
    anything is spent.
    """

    store: TokenStore
    key: GrantKey
    tokens: dict[Slot, Token] = attrs.field(factory=dict[Slot, Token], init=False, repr=False)
    known: bool = attrs.field(default=False, init=False)
    seeded: bool = attrs.field(default=False, init=False)
    generation: int = attrs.field(default=0, init=False)
    after_401: dict[Slot, tuple[Token, float]] = attrs.field(
        factory=dict[Slot, tuple[Token, float]], init=False, repr=False
    )
    initial: Record | None = attrs.field(default=None, init=False, repr=False)
    unsaved: Unsaved | None = attrs.field(default=None, init=False, repr=False)
    flights: Flights[Landing] = attrs.field(factory=Flights[Landing], init=False, repr=False)
    # The slot that the shared flight is for, while there is one; and what marks its hook's tasks.
    flying: Slot = attrs.field(default=PLAIN, init=False)
    telling: object | None = attrs.field(default=None, init=False, repr=False)

    def assign(self, token: Token | None, slot: Slot = PLAIN) -> None:
        """Put *token* into memory by hand; None clears all of them. The store is not touched."""
        self.generation += 1
        self.after_401.clear()
        self.tokens = {} if token is None else {slot: token}
        self.known = self.seeded = True

    def offer(self, token: Token, slot: Slot = PLAIN) -> None:
        """Take *token* as what counts where the store holds nothing: what it holds is newer."""
        if self.initial is None:
            self.initial = _as_record({slot: token})
        if not self.tokens and not self.seeded:
            self.tokens = {slot: token}

    def adopt(self, record: Record | None) -> None:
        """Take over what a store holds, or that it holds nothing."""
        self.tokens = {}
        if record is not None:
            self.tokens = {slot: _complete(record, slot) for slot in record.access_tokens}
        self.known, self.seeded = True, False

    def start(self) -> Start:
        """Note what a flight begins with that does not ask the store first."""
        by_hand = self._by_hand() if self.seeded else None
        return Start(generation=self.generation, record=by_hand, by_hand=self.seeded, asked=False)

    def start_from(self, stored: Record | None) -> Start:
        """Note what a flight begins with, and take over what is *stored* unless memory counts."""
        counts = self.initial if stored is None else stored
        if not self.seeded:
            self.adopt(counts)
        return Start(
            generation=self.generation,
            record=self._by_hand() if self.seeded else counts,
            by_hand=self.seeded,
            asked=True,
            was_stored=None if stored is None else stored.refresh_token,
        )

    def _by_hand(self) -> Record:
        """Return the tokens that were put into memory as a record."""
        return _as_record(self.tokens)

    async def keep(
        self,
        slot: Slot,
        members: Mapping[str, Any],
        *,
        fresh: bool = False,
        since: Start | None = None,
        deadline: float | None = None,
    ) -> Token:
        """
        Store a token, then put it into memory: nobody is handed what could still be lost.

        An answer without a refresh token keeps the old one (RFC 6749 §6); *fresh* begins a new
        grant, of which nothing old is kept. *since* is what the flight began with: a token that was
        put into memory by hand after that stays there, and a new grant that was stored after that
        stays stored. *deadline* (seconds) is for the store; it raises UnreachableError.
        """
        since = since or self.start()
        async with Deadline(deadline, self.store, "the token store"):
            return await self._keep(slot, Token(members), fresh, since)

    async def _keep(self, slot: Slot, got: Token, fresh: bool, since: Start) -> Token:
        while True:
            stored = await self.store.load(self.key)
            now_stored = None if stored is None else stored.refresh_token
            if since.asked and not fresh and now_stored != since.was_stored:
                # Somebody has logged in again: what came of the old grant has no place here.
                self.unsaved = None
                if self.generation == since.generation:
                    self.adopt(stored)
                return self.tokens.get(slot, got)
            counts = since.record if since.by_hand or stored is None else stored
            base = Record() if fresh or counts is None else counts
            record = Record(
                access_tokens={**base.access_tokens, slot: _without_refresh_token(got)},
                refresh_token=got.get("refresh_token") or base.refresh_token,
                version=(stored.version if stored is not None else 0) + 1,
            )
            expected = stored.version if stored is not None else None
            if await self.store.compare_and_swap(self.key, expected, record):
                break
            await asyncio.sleep(0)  # a store that never waits would hold up the deadline too
        self.unsaved = None
        if self.generation != since.generation:
            return _complete(record, slot)
        self.after_401.pop(slot, None)
        self.adopt(record)
        self.generation += fresh
        return self.tokens[slot]

    async def complete(
        self,
        fetch: Callable[[], Coroutine[Any, Any, tuple[Slot, Token]]],
    ) -> Token:
        """Run what fetches and keeps a token as a flight: a cancelled caller loses nothing."""

        async def fly() -> Landing:
            return Landing(self.generation, *await fetch())

        return (await self.flights.fly(fly())).token


class Deadline:
    """A deadline (seconds, None: none) whose end is an UnreachableError that names the store."""

    def __init__(self, seconds: float | None, store: TokenStore, what: str) -> None:
        self._seconds = seconds
        self._store = type(store).__name__
        self._what = what
        self._timeout = asyncio.timeout(None)

    def renew(self) -> None:
        """Begin anew, inside."""
        if self._seconds is not None:
            self._timeout.reschedule(asyncio.get_running_loop().time() + self._seconds)

    async def __aenter__(self) -> Self:
        """Begin."""
        self._timeout = asyncio.timeout(self._seconds)
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End; a TimeoutError of the store's own goes through."""
        try:
            await self._timeout.__aexit__(kind, error, traceback)
        except TimeoutError:
            raise UnreachableError(
                f"{self._what} did not answer within {self._seconds:g} s",
                endpoint=self._store,
                deadline=self._seconds,
            ) from None
        finally:
            # It knows its task, which holds what it raises, and that the frames that hold us.
            self._timeout = asyncio.timeout(None)


def _as_record(tokens: Mapping[Slot, Token]) -> Record:
    refresh_token = None
    access_tokens: dict[Slot, Token] = {}
    for slot, token in tokens.items():
        refresh_token = token.get("refresh_token", refresh_token)
        if "access_token" in token or "oauth_token" in token:
            access_tokens[slot] = _without_refresh_token(token)
    return Record(access_tokens=access_tokens, refresh_token=refresh_token)


def _complete(record: Record, slot: Slot) -> Token:
    """Return a record's token as it is handed out: with the grant's refresh token."""
    token = record.access_tokens[slot]
    if record.refresh_token is None:
        return token
    return Token({**token, "refresh_token": record.refresh_token})


def _without_refresh_token(token: Token) -> Token:
    # It belongs to the grant: a copy with each access token would be spent twice.
    if "refresh_token" not in token:
        return token
    return Token({name: value for name, value in token.items() if name != "refresh_token"})
