"""The grants of a store in memory: one record and one flight, however many clients share it."""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from collections.abc import Callable, Coroutine, Generator, Mapping
from contextlib import contextmanager
from copy import copy
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

import attrs

from oauthkit.errors import ConfigurationError, ReauthorizationRequired
from oauthkit.protocol.token import Token
from oauthkit.tokens.deadlines import Deadline
from oauthkit.tokens.flights import Flights
from oauthkit.tokens.stores import GrantKey, Record, TokenStore, refuse_sealed
from oauthkit.tokens.tellings import Notify, Tellings

__all__ = ["PLAIN", "Grant", "Landing", "Slot", "Start", "Unsaved", "grant_of"]

Slot = tuple[str, str]
PLAIN: Slot = ("", "")

_NOT_STORED = "the new token is not stored yet: it will be, before another one is asked for"

_GRANTS: WeakKeyDictionary[TokenStore, WeakValueDictionary[GrantKey, Grant]] = WeakKeyDictionary()
_NAMES: WeakKeyDictionary[TokenStore, str] = WeakKeyDictionary()
_GUARD = threading.Lock()
# What could not be stored outlives the grant: else who comes next would spend what is stored again.
_UNSAVED: WeakKeyDictionary[TokenStore, dict[GrantKey, list[Unsaved]]] = WeakKeyDictionary()


def _name_in(store: TokenStore) -> str:
    return _NAMES.setdefault(store, secrets.token_hex(8))


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
            left = _UNSAVED.get(store, {}).get(key)
            if left:
                grant.unsaved = left
                # What it began with was another's memory.
                grant.generation = 1 + max(news.since.generation for news in left)
        return grant


@attrs.frozen(kw_only=True)
class Start:
    """
    What a flight began with, so that it knows at its end what happened meanwhile.

    *generation* is the grant's; *record* is what counted: *by_hand*, what somebody had put into
    memory, or what was stored. *was_stored* is the refresh token that the store held; None where
    there was none, or where the store was not asked (*asked*). *marked* says that the flight has
    marked the refresh token that it spends.
    """

    generation: int
    record: Record | None = attrs.field(repr=False)
    by_hand: bool
    asked: bool
    was_stored: str | None = attrs.field(default=None, repr=False)
    marked: bool = False


@attrs.frozen
class Landing:
    """
    What a flight brought: the token of one slot, got when the grant was of *generation*.

    *telling* is the task that tells a hook of it, where there is one.
    """

    generation: int
    slot: Slot
    token: Token
    telling: asyncio.Task[None] | None = attrs.field(default=None, repr=False)


@attrs.frozen(eq=False, kw_only=True)
class Unsaved:
    """
    The *members* of a token that is got and not yet stored, and the one *before* it.

    *since* is what the flight that got it began with. *after_401* is when (by the clock of who got
    it) that was because a resource refused the one before. *fresh* begins a new grant.
    """

    slot: Slot
    members: Mapping[str, Any] = attrs.field(repr=False)
    since: Start
    before: Token | None = None
    after_401: float | None = None
    fresh: bool = False


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
    who got them). *unsaved* are those that are got and not stored yet, in the order in which they
    were got: where a store failed, the next flight tries again before anything is spent. *refused*
    is the refresh token that the server has refused for good, and *ended* what was said of it: it
    is said again, without a request, until there is a login. *name* is in its marks.
    """

    store: TokenStore
    key: GrantKey
    name: str = attrs.field(
        default=attrs.Factory(lambda grant: _name_in(grant.store), takes_self=True), init=False
    )
    tokens: dict[Slot, Token] = attrs.field(factory=dict[Slot, Token], init=False, repr=False)
    known: bool = attrs.field(default=False, init=False)
    seeded: bool = attrs.field(default=False, init=False)
    generation: int = attrs.field(default=0, init=False)
    after_401: dict[Slot, tuple[Token, float]] = attrs.field(
        factory=dict[Slot, tuple[Token, float]], init=False, repr=False
    )
    initial: Record | None = attrs.field(default=None, init=False, repr=False)
    unsaved: list[Unsaved] = attrs.field(factory=list[Unsaved], init=False, repr=False)
    refused: str | None = attrs.field(default=None, init=False, repr=False)
    ended: ReauthorizationRequired | None = attrs.field(default=None, init=False, repr=False)
    flights: Flights[Landing] = attrs.field(factory=Flights[Landing], init=False, repr=False)
    tellings: Tellings = attrs.field(factory=Tellings, init=False, repr=False)
    # The slot that the shared flight is for, while there is one.
    flying: Slot = attrs.field(default=PLAIN, init=False)

    def hold(self, news: Unsaved) -> None:
        """Note a token that is got and not stored yet; it outlives the grant, with the store."""
        self.unsaved.append(news)
        with _GUARD:
            _UNSAVED.setdefault(self.store, {})[self.key] = self.unsaved

    def _let_go(self, news: Unsaved) -> None:
        """Forget what is stored now, and with a new grant what came of those before."""
        later = self.unsaved[self.unsaved.index(news) + 1 :]
        if news.fresh:  # the end of what came of older grants; later logins have their turn
            self.unsaved[:] = [one for one in later if one.fresh]
        else:
            self.unsaved.remove(news)
        if self.unsaved:
            return
        with _GUARD:
            left = _UNSAVED.get(self.store, {})
            left.pop(self.key, None)
            if not left:
                _UNSAVED.pop(self.store, None)

    @property
    def holder(self) -> str:
        """Who it is in marks: the same for one store object in one process, a fork is another."""
        return f"{self.name}-{os.getpid()}"

    def assign(self, token: Token | None, slot: Slot = PLAIN) -> None:
        """Put *token* into memory by hand; None clears all of them. The store is not touched."""
        self.generation += 1
        self.refused = self.ended = None
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

    def end(self, refresh_token: str, error: ReauthorizationRequired) -> None:
        """Note that only the user can help, since *refresh_token* was refused."""
        # A copy: what was raised holds frames, and they hold much.
        self.refused, self.ended = refresh_token, copy(error)

    def what_ended(self, refresh_token: str | None) -> ReauthorizationRequired | None:
        """Return what is to be raised instead of sending *refresh_token*, if it was refused."""
        if self.ended is None or refresh_token is None or refresh_token != self.refused:
            return None
        return copy(self.ended)

    def start(self) -> Start:
        """Note what a flight begins with that does not ask the store first."""
        by_hand = self._by_hand() if self.seeded else None
        return Start(generation=self.generation, record=by_hand, by_hand=self.seeded, asked=False)

    def start_from(self, stored: Record | None) -> Start:
        """Note what a flight begins with, and take over what is *stored* unless memory counts."""
        refuse_sealed(self.key, stored)
        counts = self.initial if stored is None else stored
        if self.seeded and self.ended is not None and stored is not None:
            # What was put there by hand was refused; what is stored is somebody's login.
            self.seeded = stored.refresh_token == self.refused
        if not self.seeded:
            self.adopt(counts)
        return Start(
            generation=self.generation,
            record=self._by_hand() if self.seeded else counts,
            by_hand=self.seeded,
            asked=True,
            was_stored=None if stored is None else stored.refresh_token,
        )

    async def is_newer(self, began: Start) -> bool:
        """Look again: tell whether somebody has stored another refresh token since *began*."""
        stored = await self.store.load(self.key)
        return stored is not None and stored.refresh_token not in (None, began.was_stored)

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
        what = "the token store did not answer"
        async with Deadline(deadline, type(self.store).__name__, what):
            token, _ = await self._keep(slot, Token(members), fresh, since)
            return token

    async def _keep(self, slot: Slot, got: Token, fresh: bool, since: Start) -> tuple[Token, bool]:
        """Return the token that counts now, and whether it is what was got, and is stored."""
        while True:
            stored = await self.store.load(self.key)
            refuse_sealed(self.key, stored)
            now_stored = None if stored is None else stored.refresh_token
            if since.asked and not fresh and now_stored != since.was_stored:
                # Somebody has logged in again: what came of the old grant has no place here.
                # Or it is what was got: a store may have failed after it had stored it.
                held = stored.access_tokens.get(slot) if stored is not None else None
                if self.generation == since.generation:
                    self.adopt(stored)
                return self.tokens.get(slot, got), held == _without_refresh_token(got)
            counts = since.record if since.by_hand or stored is None else stored
            base = Record() if fresh or counts is None else counts
            record = Record(
                access_tokens={**base.access_tokens, slot: _without_refresh_token(got)},
                refresh_token=got.get("refresh_token") or base.refresh_token,
                version=(stored.version if stored is not None else 0) + 1,
                mark=None if fresh or since.marked or stored is None else stored.mark,
            )
            expected = stored.version if stored is not None else None
            if await self.store.compare_and_swap(self.key, expected, record):
                break
            await asyncio.sleep(0)  # a store that never waits would hold up the deadline too
        if fresh:
            self.refused = self.ended = None
        if self.generation != since.generation:
            return _complete(record, slot), True
        self.after_401.pop(slot, None)
        self.adopt(record)
        self.generation += fresh
        return self.tokens[slot], True

    def deadline(self, seconds: float) -> Deadline:
        """Make the deadline of a flight, until it has a token in hand."""
        what = "the server, or the token store or its lock, did not answer"
        return Deadline(seconds, type(self.store).__name__, what)

    async def save(
        self, news: Unsaved, notify: Notify | None, deadline: Deadline, seconds: float
    ) -> Landing:
        """
        Store what is among *unsaved*, under the store's lock, and have *notify* told of it.

        What fails stays there. *deadline* begins anew: what is in hand now could be lost. *seconds*
        are for the hook.
        """
        deadline.renew(f"{_NOT_STORED}: the token store did not answer")
        with _not_stored():
            got = Token(news.members)
            token, is_kept = await self._keep(news.slot, got, news.fresh, news.since)
        self._let_go(news)
        if news.after_401 is not None and self.generation == news.since.generation:
            self.after_401[news.slot] = token, news.after_401
        telling = None
        if notify is not None and is_kept:
            telling = self.tellings.begin(notify, token, news.before, seconds)
        return Landing(news.since.generation, news.slot, token, telling)

    async def save_late(
        self, notify: Notify | None, deadline: Deadline, seconds: float
    ) -> Landing | None:
        """Store what could not be stored before, under the store's lock; return the last of it."""
        landing = None
        while self.unsaved:
            landing = await self.save(self.unsaved[0], notify, deadline, seconds)
        return landing

    async def save_login(
        self, slot: Slot, members: Mapping[str, Any], since: Start, seconds: float
    ) -> Landing:
        """
        Store the token that begins a new grant; the flight of a login.

        *since* is what was in memory when it began, *seconds* are for the store and its lock.
        """
        news = Unsaved(slot=slot, members=members, since=since, fresh=True)
        self.hold(news)
        what = f"{_NOT_STORED}: the token store, or its lock, did not answer"
        async with Deadline(seconds, type(self.store).__name__, what) as deadline:
            with _not_stored():
                async with self.store.lock(self.key):
                    if news in self.unsaved:
                        return await self.save(news, None, deadline, seconds)
        # Somebody else has stored it meanwhile, or a later login.
        token = self.tokens.get(slot, Token(members))
        return Landing(self.generation, slot, token)

    async def complete(
        self,
        fetch: Callable[[], Coroutine[Any, Any, tuple[Slot, Token]]],
    ) -> Token:
        """Run what fetches and keeps a token as a flight: a cancelled caller loses nothing."""

        async def fly() -> Landing:
            return Landing(self.generation, *await fetch())

        return await self.land(fly())

    async def land(self, flight: Coroutine[Any, Any, Landing]) -> Token:
        """
        Run *flight* for its caller alone; return its token when the hooks have been told.

        Those of the tokens before it, too: who keeps the newest one himself is not to be overtaken.
        """
        landing = await self.flights.fly(flight)
        if landing.telling is None:
            await self.tellings.catch_up()
        elif not self.tellings.inside:
            try:
                await asyncio.shield(landing.telling)
            except BaseException:
                del landing  # it knows the task, which holds what it raised, which holds this frame
                raise
        return landing.token

    async def settle(self) -> None:
        """Wait for what is in flight, then for the hooks; a hook does not wait for itself."""
        while True:
            await self.flights.settle()
            if not await self.tellings.catch_up():
                return


@contextmanager
def _not_stored() -> Generator[None, None, None]:
    """Let what a store raises say what it means for the token in hand."""
    try:
        yield
    except Exception as error:
        if _NOT_STORED not in getattr(error, "__notes__", ()):
            error.add_note(_NOT_STORED)
        raise


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
