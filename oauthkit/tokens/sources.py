"""The source that hands out a grant's token: from memory, else the store, else renewed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Protocol

import attrs

from oauthkit.errors import LoopError, OAuthError, ReauthorizationRequired
from oauthkit.protocol.token import Token
from oauthkit.tokens.deadlines import Deadline
from oauthkit.tokens.grants import PLAIN, Grant, Landing, Slot, Start, Unsaved
from oauthkit.tokens.seams import LOGIN_REQUIRED, NothingNewError
from oauthkit.tokens.spending import Spender, Spending
from oauthkit.tokens.stores import Record
from oauthkit.tokens.tellings import Notify

__all__ = ["Exchange", "StoredSource"]

NO_TOKEN = Token()
# How long (seconds) a token that came of a 401 is not renewed for another one. Not for ever: where
# a server tells no lifetime, a 401 is how a client learns of its end.
_AFTER_401 = 300.0


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
    once more for *notify*.
    """

    grant: Grant
    slot: Slot = PLAIN
    exchange: Exchange | None = None
    notify: Notify | None = None
    leeway: float = 60.0
    deadline: float = 30.0
    clock: Callable[[], float] = time.time

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
                if token is not None and not _same(token, rejected) and self._is_good(token):
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

    def _is_good(self, token: Token) -> bool:
        if self.exchange is None:
            return True
        if "access_token" not in token:
            return False  # kept by somebody, to get an access token with
        expires_at = token.get("expires_at")
        if expires_at is None:
            return True
        lifetime = token.get("expires_in")
        leeway = self.leeway if lifetime is None else min(self.leeway, lifetime / 4)
        return bool(self.clock() < expires_at - leeway)

    def _is_final(self, rejected: Token) -> bool:
        """Tell whether *rejected* came of a 401 itself, and so lately that another is no use."""
        last, when = self.grant.after_401.get(self.slot, (None, 0.0))
        return last is not None and _same(last, rejected) and self.clock() < when + _AFTER_401

    async def _share(self, rejected: Token | None) -> Landing | None:
        """Wait for the grant's flight, or start one; None where another scope's flight failed."""
        grant = self.grant
        others = grant.flying != self.slot and grant.flights.shared
        try:
            return await grant.flights.share(self._start, rejected)
        except LoopError:
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
        raise NothingNewError(text, error=LOGIN_REQUIRED)

    def _start(self, rejected: Token | None) -> Coroutine[Any, Any, Landing]:
        self.grant.flying = self.slot
        return self._fly(rejected)

    async def _fly(self, rejected: Token | None) -> Landing:
        grant, seconds = self.grant, self.deadline
        async with grant.deadline(seconds) as deadline, grant.store.lock(grant.key):
            if (late := await grant.save_late(self.notify, deadline, seconds)) is not None:
                return late
            news = await self._obtain(rejected, deadline)
            if isinstance(news, Landing):
                return news
            grant.hold(news)
            return await grant.save(news, self.notify, deadline, seconds)

    async def _obtain(self, rejected: Token | None, deadline: Deadline) -> Landing | Unsaved:
        """Find a good token in the store, or get a new one that is not stored yet."""
        grant = self.grant
        stored = await grant.store.load(grant.key)
        while True:
            began = grant.start_from(stored)
            held = grant.tokens.get(self.slot)
            if self.exchange is None:
                if stored is not None and held is not None and _same(held, rejected):
                    # What was put there by hand is refused: what is stored may be newer.
                    grant.adopt(stored)
                    held = grant.tokens.get(self.slot)
                return Landing(began.generation, self.slot, held or NO_TOKEN)
            if held is not None and not _same(held, rejected) and self._is_good(held):
                return Landing(began.generation, self.slot, held)
            record, spender, spending = began.record, self.exchange.spender, None
            spent = None if record is None or spender is None else spender.spends(record)
            if record is not None and spender is not None and spent is not None:
                spending = Spending(
                    grant=grant,
                    spender=spender,
                    token=spent,
                    began=began,
                    stored=stored,
                    deadline=deadline,
                    clock=self.clock,
                )
                if spender.needs_user:
                    spending.check()
                elif spending.what_ended is not None:
                    spending, record = None, attrs.evolve(record, refresh_token=None)
            try:
                if spending is None:
                    members = await self.exchange(record)
                elif await spending.begin():
                    members = await spending.send(partial(self.exchange, record))
                    began = spending.began
                else:
                    stored = await grant.store.load(grant.key)
                    continue
            except OAuthError as error:
                if grant.generation != began.generation:
                    # Somebody set another token meanwhile: this failure is nobody's.
                    return Landing(began.generation, self.slot, NO_TOKEN)
                newer = await self._read_again(stored, began, error.error)
                if newer is None:
                    if spent is not None and isinstance(error, ReauthorizationRequired):
                        grant.end(spent, error)
                    raise
                stored = newer
                continue
            return Unsaved(
                slot=self.slot,
                members=members,
                since=began,
                before=held,
                after_401=None if rejected is None else self.clock(),
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
