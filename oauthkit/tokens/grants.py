"""The grants of a store in memory: one record and one flight, however many clients share it."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

import attrs

from oauthkit.errors import ConfigurationError
from oauthkit.protocol.token import Token
from oauthkit.tokens.deadlines import Deadline
from oauthkit.tokens.flights import Flights
from oauthkit.tokens.holding import Holding, StartOverError, Turns
from oauthkit.tokens.memory import Memory
from oauthkit.tokens.news import (
    PLAIN,
    Landing,
    Slot,
    Start,
    Unsaved,
    as_record,
    complete,
    without_refresh_token,
)
from oauthkit.tokens.saving import Later
from oauthkit.tokens.stores import GrantKey, Record, TokenStore, no_identity, refuse_sealed
from oauthkit.tokens.tellings import Notify, Tellings

__all__ = ["PLAIN", "Grant", "Landing", "Slot", "Start", "Unsaved", "grant_of"]

_NOT_STORED = "the new token is not stored yet: it will be, before another one is asked for"

_NO_ANSWER = "the server, or the token store or its lock, did not answer"

_LOG = logging.getLogger("oauthkit.tokens")

_GRANTS: WeakKeyDictionary[TokenStore, WeakValueDictionary[GrantKey, Grant]] = WeakKeyDictionary()
_NAMES: WeakKeyDictionary[TokenStore, str] = WeakKeyDictionary()
_GUARD = threading.Lock()
# What could not be stored keeps its grant: else who comes next would spend what is stored again.
_UNSAVED: set[Grant] = set()


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
            raise no_identity(store) from None
        grant = grants.get(key)
        if grant is None:
            grant = grants[key] = Grant(store, key)
        return grant


@attrs.define(eq=False)
class Grant(Memory):
    """
    One grant: what of it is in memory, and the flights that change it.

    *unsaved* are the tokens that are got and not stored yet, in the order in which they were got:
    where a store failed, the next flight tries again before anything is spent. *name* is in its
    marks.
    """

    name: str = attrs.field(
        default=attrs.Factory(lambda grant: _name_in(grant.store), takes_self=True), init=False
    )
    unsaved: list[Unsaved] = attrs.field(factory=list[Unsaved], init=False, repr=False)
    flights: Flights[Landing] = attrs.field(factory=Flights[Landing], init=False, repr=False)
    tellings: Tellings = attrs.field(factory=Tellings, init=False, repr=False)
    # The slot that the shared flight is for, while there is one.
    flying: Slot = attrs.field(default=PLAIN, init=False)
    _turns: Turns = attrs.field(
        default=attrs.Factory(
            lambda grant: Turns(grant.store, grant.key, partial(bool, grant.unsaved)),
            takes_self=True,
        ),
        init=False,
        repr=False,
    )
    _later: Later = attrs.field(factory=Later, init=False, repr=False)
    # The logins that are being stored, each by its own flight.
    _logins: list[Unsaved] = attrs.field(factory=list[Unsaved], init=False, repr=False)

    def locked(self) -> AbstractAsyncContextManager[Holding]:
        """Take the lock; while something is unsaved it is not given back, where it can be kept."""
        return self._turns.take()

    async def fly(
        self, renew: Callable[[Deadline, Holding], Awaitable[Landing]], seconds: float
    ) -> Landing:
        """Return what *renew* brings, under the lock; again, where that was lost before it sent."""
        async with self.deadline(seconds) as deadline:
            while True:
                with suppress(StartOverError):
                    async with self.locked() as holding:
                        return await renew(deadline, holding)

    def hold(self, news: Unsaved) -> None:
        """Note a token that is got and not stored yet."""
        self.unsaved.append(news)

    def _let_go(self, news: Unsaved) -> None:
        """Forget what is stored now, and with a new grant what came of those before."""
        if news not in self.unsaved:
            return  # a login has put an end to it meanwhile
        later = self.unsaved[self.unsaved.index(news) + 1 :]
        if news.fresh:  # the end of what came of older grants; later logins have their turn
            self.unsaved[:] = [one for one in later if one.fresh]
        else:
            self.unsaved.remove(news)
        if not self.unsaved:
            with _GUARD:
                _UNSAVED.discard(self)
            self._later.end()

    @property
    def holder(self) -> str:
        """Who it is in marks: the same for one store object in one process, a fork is another."""
        return f"{self.name}-{os.getpid()}"

    def assign(
        self,
        token: Token | None,
        slot: Slot = PLAIN,
        seconds: float = 30.0,
        tell: Callable[[], None] | None = None,
    ) -> None:
        """
        Put *token* into memory by hand: a login, which is stored before it is used.

        None clears the memory alone. *seconds* are for the store; *tell* is called then.
        """
        self.put(token, slot)
        if token is None:
            return
        self.unsaved.clear()  # what came of grants before
        since = self.start()
        login = Unsaved(
            slot=slot,
            members=token,
            since=since,
            fresh=True,
            by_hand=True,
            tell=tell,
            seconds=seconds,
        )
        self.hold(login)
        # Where no loop runs, or another one, it is stored when it is first used.
        with suppress(RuntimeError):
            asyncio.get_running_loop()
            if self.flights.shared:  # it may have looked already, and nobody may ask again
                _ = self.flights.launch(self._store_login(login))
            else:
                self.flights.begin(self._flush)
                self.flying = slot

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
            self.begin_anew(fresh, since)
            return token

    async def _keep(
        self,
        slot: Slot,
        got: Token,
        fresh: bool,
        since: Start,
        holding: Holding | None = None,
    ) -> tuple[Token, bool]:
        """Return the token that counts now, and whether it is what was got, and is stored."""
        swap: Callable[[int | None, Record], Awaitable[bool]]
        swap = partial(self.store.compare_and_swap, self.key) if holding is None else holding.finish
        stored, known = since.stored, holding is not None and since.asked
        while True:
            if not known:
                stored = await self.store.load(self.key)
                refuse_sealed(self.key, stored)
            known = False
            now_stored = None if stored is None else stored.refresh_token
            if since.asked and not fresh and now_stored != since.was_stored:
                # Somebody has logged in again: what came of the old grant has no place here.
                # Or it is what was got: a store may have failed after it had stored it.
                held = stored.access_tokens.get(slot) if stored is not None else None
                if self.generation == since.generation:
                    self.adopt(stored)
                return self.tokens.get(slot, got), held == without_refresh_token(got)
            counts = since.record if since.by_hand or stored is None else stored
            base = Record() if fresh or counts is None else counts
            record = Record(
                access_tokens={**base.access_tokens, **as_record({slot: got}).access_tokens},
                refresh_token=got.get("refresh_token") or base.refresh_token,
                version=(stored.version if stored is not None else 0) + 1,
                mark=None if fresh or since.marked or stored is None else stored.mark,
            )
            expected = stored.version if stored is not None else None
            if await swap(expected, record):
                break
            await asyncio.sleep(0)  # a store that never waits would hold up the deadline too
        if record.refresh_token != (self.initial and self.initial.refresh_token):
            self.replace_initial()
        if fresh:
            self.refused = self.ended = None
        if self.generation != since.generation:
            return (complete(record, slot) if slot in record.access_tokens else got), True
        self.after_401.pop(slot, None)
        self.adopt(record)
        return self.tokens.get(slot, got), True

    def deadline(self, seconds: float) -> Deadline:
        """Make the deadline of a flight, until it has a token in hand."""
        return Deadline(seconds, type(self.store).__name__, _NO_ANSWER)

    async def save(
        self,
        news: Unsaved,
        deadline: Deadline,
        holding: Holding | None = None,
        *,
        silent: bool = False,
    ) -> Landing:
        """
        Store what is among *unsaved*, and have its hook told of it, unless that is *silent*.

        What fails stays there, and is tried again. *deadline* begins anew: what is in hand now
        could be lost. With *holding* nothing more is done under the lock.
        """
        deadline.renew(f"{_NOT_STORED}: the token store did not answer")
        with self._not_stored():
            got = Token(news.members)
            last = holding if self.unsaved == [news] else None
            token, is_kept = await self._keep(news.slot, got, news.fresh, news.since, last)
        self._let_go(news)
        if news.tell is not None and is_kept:
            news.tell()
        if news.after_401 is not None and self.generation == news.since.generation:
            self.after_401[news.slot] = token, news.after_401
        self.begin_anew(news.fresh and not news.by_hand, news.since)
        telling = None
        if news.notify is not None and is_kept and not silent:
            telling = self.tellings.begin(news.notify, token, news.before, news.seconds)
        return Landing(news.since.generation, news.slot, token, telling)

    async def save_late(self, deadline: Deadline) -> Landing | None:
        """Store what could not be stored before, under the store's lock; return the last of it."""
        landing = None
        while left := [news for news in self.unsaved if news not in self._logins]:
            landing = await self.save(left[0], deadline)
        return landing

    async def save_login(
        self,
        slot: Slot,
        members: Mapping[str, Any],
        since: Start,
        seconds: float,
        notify: Notify | None = None,
        tell: Callable[[], None] | None = None,
    ) -> Landing:
        """
        Store the token that begins a new grant; the flight of a login.

        It does not wait for the lock: nothing of what is stored is kept, and who is renewing that
        finds it gone. *since* is what was in memory when it began, *seconds* are for the store.
        *notify* is told only where it is stored later: its caller gets the token otherwise.
        """
        news = Unsaved(
            slot=slot,
            members=members,
            since=since,
            fresh=True,
            notify=notify,
            tell=tell,
            seconds=seconds,
        )
        self.hold(news)
        return await self._store_login(news)

    async def _store_login(self, news: Unsaved) -> Landing:
        self._logins.append(news)
        seconds = news.seconds
        what = f"{_NOT_STORED}: the token store did not answer"
        try:
            async with Deadline(seconds, type(self.store).__name__, what) as deadline:
                return await self.save(news, deadline, silent=True)
        finally:
            self._logins.remove(news)
            await self._turns.release()

    @contextmanager
    def _not_stored(self) -> Generator[None, None, None]:
        """Let what a store raises say what it means for the token in hand, and try again later."""
        try:
            yield
        except BaseException as error:
            if _NOT_STORED not in getattr(error, "__notes__", ()):
                error.add_note(_NOT_STORED)
            self._try_later(error)
            raise

    def _try_later(self, error: BaseException) -> None:
        with _GUARD:
            _UNSAVED.add(self)
        # What is configured wrong stays so; and a loop may be closed in the middle of it.
        if not isinstance(error, ConfigurationError):
            with suppress(RuntimeError):
                self._later.begin(self.flush, self.unsaved)

    async def flush(self) -> None:
        """Store what is not stored yet; raises what the store raises."""
        if self.unsaved:
            await self.flights.fly(self._flush())

    async def _flush(self) -> Landing:
        seconds = max((news.seconds for news in self.unsaved), default=None)
        landing = None
        if seconds is not None:
            try:
                async with self.deadline(seconds) as deadline, self.locked():
                    landing = await self.save_late(deadline)
            except BaseException as error:
                self._try_later(error)
                raise
        # Of no generation: who waited for it looks again, whether it is good.
        return Landing(-1, PLAIN, Token(), None if landing is None else landing.telling)

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
        """
        Wait for what is in flight, then for the hooks; a hook does not wait for itself.

        What is not stored yet is tried once more.
        """
        while True:
            await self.flights.settle()
            if not await self.tellings.catch_up():
                break
        if self.unsaved and not self.tellings.inside:
            try:
                await self.flush()
            except Exception as error:  # noqa: BLE001 - whatever a store raises
                _LOG.warning(
                    "a token of account %r could not be stored, and is in memory alone: %s",
                    self.key.account,
                    type(error).__name__,
                )
