"""The source that hands out a grant's token: from memory, else the store, else renewed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from time import perf_counter
from typing import Any, Protocol

import attrs

from oauthkit.errors import LoopError, OAuthError, ReauthorizationRequired
from oauthkit.protocol.token import Token
from oauthkit.tokens.deadlines import Deadline
from oauthkit.tokens.events import EventKind, Sight
from oauthkit.tokens.grants import PLAIN, Grant, Landing, Slot, Start, Unsaved
from oauthkit.tokens.holding import Holding
from oauthkit.tokens.retries import Retries
from oauthkit.tokens.seams import LOGIN_REQUIRED, NothingNewError
from oauthkit.tokens.spending import Spender, Spending
from oauthkit.tokens.stores import Record
from oauthkit.tokens.tellings import Notify

__all__ = ["Exchange", "StoredSource"]

NO_TOKEN = Token()
# How long (seconds) a token that came of a 401 is not renewed for another one. Not for ever: where
# a server tells no lifetime, a 401 is how a client learns of its end.
_AFTER_401 = 300.0
# How long (seconds) it is not tried again to renew a token ahead of time.
_AHEAD_AGAIN = 10.0
# What a token may be; each is better than the one before.
_OVER, _AGEING, _GOOD = range(3)


class Exchange(Protocol):
    """Gets an access token for a grant: by its refresh token, or by a grant of the client's own."""

    @property
    def spender(self) -> Spender | None:
        """What is to be known of the refresh tokens that it sends; None where it sends none."""
        ...

    async def __call__(self, record: Record | None) -> Mapping[str, Any]:
        """
        Return the members of a new token.

        Raises OAuthError where the server refuses, ReauthorizationRequired where only the user can
        help, unless somebody has stored another refresh token meanwhile.
        """
        ...


@attrs.define(eq=False, kw_only=True)
class StoredSource:
    """
    Hand out the token of a grant, renewing it before it expires and after it was refused.

    Any number of sources share the grant's flight: one request, however many wait. *exchange* None
    cannot renew: an OAuth 1.0a token, or none (the empty token, for two-legged requests). *notify*
    is awaited after a new token is kept, before any of those who wait for it gets it, and in the
    order in which a grant's tokens are stored. *leeway* (seconds) is how long before its expiry a
    token is renewed, but never more than a quarter of its lifetime; *deadline* (seconds) is for the
    whole flight, waiting for the store's lock included, once more for storing what it brought, and
    once more for *notify*. *retries* says when a request is sent again; *sight* is told of it all.

    In the last tenth of a token's lifetime, who asks for it starts the flight and does not wait.
    """

    grant: Grant
    slot: Slot = PLAIN
    exchange: Exchange | None = None
    notify: Notify | None = None
    leeway: float = 60.0
    deadline: float = 30.0
    retries: Retries = attrs.field(factory=Retries)
    clock: Callable[[], float] = time.time
    sight: Sight | None = None

    async def token(self, rejected: Token | None = None) -> Token:
        """
        Return a token that is good now, never one equal to *rejected*.

        Raises NothingNewError where *rejected* cannot be replaced; OAuthError and UnreachableError
        where the server refuses or does not answer; ReauthorizationRequired where the grant has
        ended, and from then on, without a request, until there is a login; whatever the store or
        *notify* raises.
        """
        grant = self.grant
        while True:
            token = grant.tokens.get(self.slot)
            # A login whose token could not be stored: what was there before has had its time.
            outdated = grant.unsaved and any(news.fresh for news in grant.unsaved)
            if not outdated:
                if token is not None and not _same(token, rejected):
                    state = self._judge(token)
                    if state == _AGEING:
                        self._renew_ahead(token)
                    if state:
                        return token
                if self.exchange is None and grant.known and rejected is None:
                    return token or NO_TOKEN
            if rejected is not None and self._is_final(rejected):
                raise NothingNewError(
                    "the token was refused, and so was the one before: it is not renewed again",
                    error="invalid_token",
                )
            if grant.tellings.inside:
                # Asked for by the hook that is being told: who waits for it has the new one.
                if token is not None and rejected is None:
                    return token
                raise NothingNewError(
                    "update_token is being told of a new token: no other is to be had before it "
                    "returns",
                    error="invalid_token",
                )
            landing = await self._share(rejected)
            if landing is None or landing.slot != self.slot:
                continue  # for another scope
            if landing.telling is not None:
                try:
                    await asyncio.shield(landing.telling)
                except BaseException:
                    del landing  # it knows the task, which holds what it raised, and that us
                    raise
            if landing.generation != grant.generation:
                continue  # of another grant
            if not _same(landing.token, rejected):
                return landing.token
            if self.exchange is None:
                raise NothingNewError(
                    "the token was refused, and nothing can renew it: have the user authorize "
                    "again",
                    error="invalid_token",
                )

    def _judge(self, token: Token) -> int:
        """Say whether *token* is good, and for how long: one of _OVER, _AGEING, _GOOD."""
        if self.exchange is None:
            return _GOOD
        if "access_token" not in token:
            return _OVER  # kept by somebody, to get an access token with
        expires_at = token.get("expires_at")
        if expires_at is None:
            return _GOOD
        left = expires_at - self.clock()
        lifetime = token.get("expires_in")
        if lifetime is None:
            return _GOOD if left > self.leeway else _OVER
        if left <= self.leeway and left <= lifetime / 4:
            return _OVER
        return _GOOD if left > lifetime / 10 else _AGEING

    def _renew_ahead(self, token: Token) -> None:
        """Start the flight, and do not wait for it; *token* is good until it lands."""
        grant, now = self.grant, self.clock()
        spender = None if self.exchange is None else self.exchange.spender
        hopeless = spender is not None and spender.needs_user and "refresh_token" not in token
        if hopeless or now < grant.ahead_after or grant.flights.shared or grant.tellings.inside:
            return
        grant.ahead_after = now + _AHEAD_AGAIN
        grant.flights.begin(self._start, None, True)

    def _is_final(self, rejected: Token) -> bool:
        """Tell whether *rejected* came of a 401 itself, and so lately that another is no use."""
        last, when = self.grant.after_401.get(self.slot, (None, 0.0))
        return last is not None and _same(last, rejected) and self.clock() < when + _AFTER_401

    async def _share(self, rejected: Token | None) -> Landing | None:
        """Wait for the grant's flight, or start one; None where another scope's flight failed."""
        grant = self.grant
        shared = grant.flights.shared
        others = grant.flying != self.slot and shared
        began = perf_counter()
        try:
            return await grant.flights.share(self._start, rejected)
        except LoopError:
            shared = False  # nobody has waited
            raise
        except OAuthError as error:
            if others:
                return None
            if error.error != LOGIN_REQUIRED or rejected is None:
                raise
            text = str(error)
        except Exception:
            if others:
                return None
            raise
        finally:
            if shared:
                self._tell("waited", seconds=perf_counter() - began)
        raise NothingNewError(text, error=LOGIN_REQUIRED)

    def _start(self, rejected: Token | None, ahead: bool = False) -> Coroutine[Any, Any, Landing]:
        self.grant.flying = self.slot
        return self._fly(rejected, ahead)

    async def _fly(self, rejected: Token | None, ahead: bool) -> Landing:
        grant = self.grant
        least = _GOOD if ahead else _AGEING

        async def renew(deadline: Deadline, holding: Holding) -> Landing:
            late = await grant.save_late(deadline)
            if late is not None and self._suits(late, rejected, least):
                return late
            news = await self._obtain(rejected, deadline, holding, least)
            if isinstance(news, Landing):
                return news
            grant.hold(news)
            return await grant.save(news, deadline, holding)

        try:
            return await grant.fly(renew, self.deadline)
        except ReauthorizationRequired as error:
            if grant.is_news():
                self._tell("reauthorization_required", error=error)
            raise
        except Exception as error:
            self._tell("failed", error=error)
            raise

    def _tell(
        self, kind: EventKind, *, seconds: float | None = None, error: Exception | None = None
    ) -> None:
        if self.sight is not None:
            self.sight.tell(kind, seconds=seconds, error=error)

    async def _ask(self, record: Record | None) -> Mapping[str, Any]:
        """Have the exchange send its request, and tell of it."""
        assert self.exchange is not None  # noqa: S101 - who asks has looked
        if self.sight is None:
            return await self.exchange(record)
        with self.sight.request():
            return await self.exchange(record)

    def _suits(self, landing: Landing, rejected: Token | None, least: int) -> bool:
        """Tell whether what could be stored at last is what was asked for."""
        token = landing.token
        return (
            landing.slot == self.slot and not _same(token, rejected) and self._judge(token) >= least
        )

    async def _obtain(
        self, rejected: Token | None, deadline: Deadline, holding: Holding, least: int
    ) -> Landing | Unsaved:
        """Find a good token in the store, or get a new one that is not stored yet."""
        grant = self.grant
        before = grant.tokens.get(self.slot)
        stored = await holding.load()
        while True:
            began = grant.start_from(stored)
            held = grant.tokens.get(self.slot)
            if self.exchange is None:
                if stored is not None and held is not None and _same(held, rejected):
                    # What was put there by hand is refused: what is stored may be newer.
                    grant.adopt(stored)
                    held = grant.tokens.get(self.slot)
                return Landing(began.generation, self.slot, held or NO_TOKEN)
            if held is not None and not _same(held, rejected) and self._judge(held) >= least:
                if not began.by_hand and not _same(held, before):
                    self._tell("adopted")
                return Landing(began.generation, self.slot, held)
            record, spending = began.record, self._spending(began, deadline, holding)
            if spending is not None and spending.spender.needs_user:
                if not await spending.check():
                    stored = await holding.load()
                    continue
            elif spending is not None and spending.what_ended is not None:
                # It needs nobody: it asks anew, without a refresh token.
                spending, record = None, attrs.evolve(record or Record(), refresh_token=None)
            request = partial(self._ask, record)
            try:
                if spending is None:
                    members = await self.retries.run(request, until=deadline.when())
                elif await spending.begin():
                    members = await spending.send(request)
                    began = spending.began
                else:
                    stored = await holding.load()
                    continue
            except OAuthError as error:
                if grant.generation != began.generation:
                    # Somebody set another token meanwhile: this failure is nobody's.
                    return Landing(began.generation, self.slot, NO_TOKEN)
                newer = await self._read_again(stored, began, error.error)
                if newer is None:
                    if spending is not None and isinstance(error, ReauthorizationRequired):
                        grant.end(spending.token, error)
                    raise
                stored = newer
                continue
            return Unsaved(
                slot=self.slot,
                members=members,
                since=began,
                before=held,
                after_401=None if rejected is None else self.clock(),
                notify=self.notify,
                tell=None if self.sight is None else partial(self.sight.tell, "refreshed"),
                seconds=self.deadline,
            )

    def _spending(self, began: Start, deadline: Deadline, holding: Holding) -> Spending | None:
        """Return what is to be known of the refresh token that would be sent; None for none."""
        record = began.record
        spender = None if self.exchange is None else self.exchange.spender
        token = None if record is None or spender is None else spender.spends(record)
        if spender is None or token is None:
            return None
        return Spending(
            grant=self.grant,
            holding=holding,
            spender=spender,
            token=token,
            began=began,
            stored=began.stored,
            deadline=deadline,
            retries=self.retries,
            clock=self.clock,
        )

    async def _read_again(self, stored: Record | None, began: Start, error: str) -> Record | None:
        """
        Return what somebody has stored since, or None where that changes nothing about *error*.

        ``invalid_grant`` is final only if nobody else has spent the refresh token, and stored the
        one that came of it.
        """
        spent = began.record.refresh_token if began.record is not None else None
        if error != "invalid_grant" or spent is None:
            return None
        again = await self.grant.store.load(self.grant.key)
        if again is None or (_alike(again, stored) and again.refresh_token == spent):
            return None
        if again.mark is not None and again.mark.final and again.mark.is_of(spent):
            return None  # it is this refusal that is stored
        self.grant.seeded = False
        return again


def _alike(record: Record, other: Record | None) -> bool:
    """Say whether two records differ in their marks at most."""
    return other is not None and record == attrs.evolve(
        other, mark=record.mark, version=record.version
    )


def _same(token: Token, other: Token | None) -> bool:
    """Say whether two tokens are one to a resource server, whatever else came with them."""
    names = ("access_token", "oauth_token", "oauth_token_secret")
    return other is not None and all(token.get(name) == other.get(name) for name in names)
