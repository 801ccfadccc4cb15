"""Spending a refresh token (RFC 6749 §6): marked in the store before it is sent, never twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

import attrs

from oauthkit.errors import (
    OAuthError,
    OAuthKitError,
    ReauthorizationRequired,
    UnreachableError,
)
from oauthkit.tokens.deadlines import Deadline, Patience
from oauthkit.tokens.grants import Grant, Start
from oauthkit.tokens.holding import Holding, StartOverError
from oauthkit.tokens.retries import Pauses, Retries
from oauthkit.tokens.seams import SENDING, Sending
from oauthkit.tokens.stores import Mark, Record

__all__ = ["Spender", "Spending"]

_NO_ANSWER = "the refresh token was sent twice, and no answer came: nobody knows what is good now"
_ENDED = "the refresh token was refused before, or no answer to it came"
_IN_DOUBT = (
    "the refresh token was being sent by somebody of whom nobody knows whether he still lives, or "
    "what came of it"
)
# How long (seconds) a flight that is cancelled may take to say so in the store.
_LAST_WORDS = 2.0
# How many deadlines a holder has whose lock has ended before him, and seconds between two looks.
_PATIENCE, _LOOK_AGAIN = 3, 0.05


class Spender(Protocol):
    """What is to be known of whoever sends refresh tokens."""

    @property
    def needs_user(self) -> bool:
        """Whether only a user can help where there is no refresh token."""
        ...

    def spends(self, record: Record) -> str | None:
        """Return the refresh token of *record* that a call would send; None where it sends none."""
        ...

    @property
    def rotates(self) -> bool:
        """Whether a refresh token is good once; others are not marked."""
        ...

    @property
    def grace(self) -> float:
        """How long (seconds) a refresh token that was sent may be sent again."""
        ...

    def ask_for_login(
        self, refusal: OAuthError | None = None, why: str = ""
    ) -> ReauthorizationRequired:
        """Make the error of a grant that has ended, by a *refusal* or for another reason."""
        ...


@attrs.define(eq=False, kw_only=True)
class Spending:
    """
    One refresh token, *token*, that is about to be sent, under the store's lock.

    *began* is what the flight began with, and *stored* what the store holds. ``begin()`` marks it,
    ``send()`` sends it, and leaves the mark as the answer says: it goes where the server has not
    used the token, and stays where that is not known. What stores the new token takes it off.

    *by_hand*: the application asks for this one, now. It is sent even where two answers have got
    lost, since nobody can hold anything newer: so an outage ends no grant for good.
    """

    grant: Grant
    holding: Holding
    spender: Spender
    token: str = attrs.field(repr=False)
    began: Start
    stored: Record | None
    deadline: Deadline
    retries: Retries
    clock: Callable[[], float]
    by_hand: bool = False
    _until: float | None = attrs.field(default=None, init=False)
    _mark: Mark | None = attrs.field(default=None, init=False)
    _marked: Record | None = attrs.field(default=None, init=False)

    # Whether it may be sent.

    async def check(self) -> bool:
        """
        Raise ReauthorizationRequired where it must not be sent; return False to look again.

        Where that is because nobody knows what came of it, the store is told: so it is for all.
        """
        ended = self.what_ended
        if ended is None:
            return True
        try:
            mark = self._found
            if mark is not None and mark.final:
                self.grant.is_news()  # who has ended it has told of it
            elif mark is not None and self.stored is not None:
                if self.holding.remaining() <= 0:
                    raise StartOverError  # it may be of somebody who has the lock now
                if self._may_live(mark):
                    await asyncio.sleep(_LOOK_AGAIN)
                    raise StartOverError
                self._mark, self._marked = mark, self.stored
                if not await self._end(mark):
                    return False
            raise ended
        finally:
            del ended  # it holds this frame

    async def _end(self, mark: Mark) -> bool:
        """Make *mark* final; return False where somebody else has stored something meanwhile."""
        holder = "" if mark.holder == self.grant.holder else mark.holder
        try:
            return await self._replace(attrs.evolve(mark, final=True, holder=holder))
        except Exception:
            if self.grant.what_ended(self.token) is None:
                raise
            return True  # it is known here, and was to be told to the others

    @property
    def what_ended(self) -> ReauthorizationRequired | None:
        """What is to be raised instead of sending it, if it must not be sent."""
        mark = self._found
        if self.by_hand and mark is not None and mark.lost:
            return None
        ended = self.grant.what_ended(self.token)
        if ended is not None:
            return ended
        why = self._forbidden(mark)
        return self.spender.ask_for_login(why=why) if why else None

    def _may_live(self, mark: Mark) -> bool:
        """
        Tell whether its holder may still store what he gets.

        His lock has ended before him: the locks' server was started anew. A lease has waited for
        him long enough.
        """
        if not self.holding.proves_death or mark.epoch == self.holding.epoch:
            return False
        return self.clock() < mark.since + _PATIENCE * (self.deadline.seconds or 0.0)

    def _forbidden(self, mark: Mark | None) -> str:
        if mark is None or not self.spender.rotates:
            return ""
        if mark.holder == self.grant.holder:
            return ""  # a flight of our own, which has ended; who doubted that knew no better
        if mark.final:
            return _ENDED
        if not mark.holder:
            return ""  # nobody waits for an answer any more
        if self.holding.proves_death and mark.epoch == self.holding.epoch:
            return ""  # nobody is about to send it: nobody can hold anything newer
        return "" if self.clock() < mark.since + self.spender.grace else _IN_DOUBT

    @property
    def _found(self) -> Mark | None:
        """The mark that this token has in the store."""
        mark = None if self.stored is None else self.stored.mark
        return mark if mark is not None and mark.is_of(self.token) else None

    # Marking it.

    async def begin(self) -> bool:
        """
        Mark it; return False where somebody else has stored something meanwhile.

        Raises StartOverError where the lock is not ours any more.
        """
        if not self.spender.rotates or self._is_foreign:
            return True
        found = self._found
        if found is None:
            mark = Mark.of(self.token, self.grant.holder, self.clock(), self.holding.epoch)
        else:  # since when, and what got lost, is true of the token, whoever sends it
            mark = attrs.evolve(
                found, holder=self.grant.holder, epoch=self.holding.epoch, final=False
            )
        record = self._what_counts
        version = 0 if self.stored is None else self.stored.version
        marked = attrs.evolve(record, mark=mark, version=version + 1)
        expected = None if self.stored is None else version
        if not await self._store_mark(expected, marked):
            if self.holding.remaining() <= 0:
                raise StartOverError
            await asyncio.sleep(0)  # a store that never waits would hold up the deadline too
            return False
        self._note(mark, marked)
        return True

    async def _store_mark(self, expected: int | None, marked: Record) -> bool:
        try:
            return await self.holding.mark(expected, marked)
        except asyncio.CancelledError:
            # By the deadline, or at the program's end: it may be there, and nothing was sent.
            self._mark, self._marked = marked.mark, marked
            with suppress(Exception):
                async with asyncio.timeout(_LAST_WORDS):
                    await self._replace(self._found)
            raise
        except Exception:
            # It may have failed after it had stored it: then it is there, and has to go on.
            found = await self.grant.store.load(self.grant.key)
            if found is None or found != marked:
                raise
            return True

    @property
    def _is_foreign(self) -> bool:
        """Whether it is a token that the caller brought: a mark would take the place of our own."""
        known = self.began.record.refresh_token if self.began.record is not None else None
        return self.by_hand and self.token != known

    @property
    def _what_counts(self) -> Record:
        """What is stored with the mark: whoever finds it finds what it is of."""
        known = [one for one in (self.stored, self.began.record) if one is not None]
        for record in known:
            if record.refresh_token == self.token:
                return record
        return known[0] if known else Record()

    def _note(self, mark: Mark | None, marked: Record) -> None:
        self._mark, self._marked = mark, marked
        self.began = attrs.evolve(self.began, asked=True, stored=marked, marked=True)

    # Sending it.

    async def send(self, request: Callable[[], Awaitable[Mapping[str, Any]]]) -> Mapping[str, Any]:
        """
        Return what *request* returns, sent again where that is safe; a lost answer: once more.

        Raises what *request* raises, UnreachableError for the flight's deadline, and
        ReauthorizationRequired where two answers got lost.
        """
        if not self.spender.rotates:
            return await self.retries.run(request, until=self.deadline.when())
        if self._is_foreign:
            return await request()
        pauses = Pauses(self.retries)
        while True:
            sending = Sending()
            try:
                return await self._request(request, sending)
            except asyncio.CancelledError:
                await self._give_up(sending)
                raise
            except Exception as error:  # noqa: BLE001 - it is raised below
                failure = error
            try:
                # Outside of the handler: what is raised next has nothing to do with it.
                pause = await self._after(failure, sending, pauses)
                if isinstance(failure, StartOverError):
                    self.deadline.resume(self._until)
                if pause is None:
                    raise failure
            finally:
                del failure  # it holds this frame
            try:
                await self.retries.sleep(pause)
            except asyncio.CancelledError:
                await self._give_up(sending)
                raise
            if not await self._mark_again():
                self.deadline.resume(self._until)
                raise StartOverError

    async def _request(
        self, request: Callable[[], Awaitable[Mapping[str, Any]]], sending: Sending
    ) -> Mapping[str, Any]:
        """Send it within what is left of the flight's deadline; the rest is for the store."""
        if self._until is None:
            self._until = self.deadline.suspend()
        loop = asyncio.get_running_loop()
        left = 0.0 if self._until is None else max(0.0, self._until - loop.time())
        if self.holding.remaining() <= left:
            # Somebody else may have the lock before the answer is there.
            sending.left = False
            raise StartOverError
        before = SENDING.set(sending)
        patience = Patience(self._until)
        try:
            async with patience:
                return await request()
        except TimeoutError:
            if not patience.expired:
                raise
        finally:
            SENDING.reset(before)
        raise self.deadline.error() from None

    async def _after(self, failure: Exception, sending: Sending, pauses: Pauses) -> float | None:
        """Leave the mark as *failure* says; return the pause before it is sent once more."""
        self.deadline.renew("the token store did not answer")
        if not self._may_be_spent(failure, sending):
            # The failure is what counts: a mark of our own keeps us from nothing.
            with suppress(Exception):
                if isinstance(failure, ReauthorizationRequired):
                    await self._change(final=True, holder="")
                else:
                    await self._unmark()
            again = self.retries.is_unspent(failure) or self.retries.is_transient(failure)
            pause = pauses.next(failure, self._until) if again else None
        elif self._mark is not None and self._mark.lost:
            await self._change(final=True, holder="")
            if self.spender.needs_user:
                raise self.spender.ask_for_login(why=_NO_ANSWER)
            return None
        else:
            # Somebody's hook would fail again; others may do better.
            again = isinstance(failure, OAuthError | UnreachableError)
            pause = pauses.next(failure, self._until) if again else None
            try:
                await self._change(lost=True, holder="" if pause is None else self.grant.holder)
            except StartOverError:
                raise
            except Exception:  # noqa: BLE001 - the failure is what counts: the mark is ours as it is
                return None
        if pause is not None:
            self.deadline.suspend()
        return pause

    def _may_be_spent(self, failure: Exception, sending: Sending) -> bool:
        """Tell whether the server may have used the refresh token, and the answer got lost."""
        if sending.left is False or isinstance(failure, ReauthorizationRequired):
            return False
        if isinstance(failure, OAuthError):
            status = failure.status or 0
            if self.retries.is_unspent(failure):
                return False
            return status >= 500 or (200 <= status < 300 and failure.error == "invalid_response")
        # Others of ours say that nothing was sent.
        return isinstance(failure, UnreachableError) or not isinstance(failure, OAuthKitError)

    async def _give_up(self, sending: Sending) -> None:
        """Say in the store that nobody waits for the answer any more: the flight is cancelled."""
        self.deadline.suspend()
        with suppress(Exception):
            async with asyncio.timeout(_LAST_WORDS):
                if sending.left is False:
                    await self._unmark()
                elif self._mark is not None:
                    await self._change(lost=True, holder="")

    # Changing the mark.

    async def _mark_again(self) -> bool:
        """Mark it once more, where an answer has said that it was not used."""
        found, mark = self._marked, self._mark
        if mark is not None and mark.holder == self.grant.holder:
            return True
        if found is None:
            return False
        if mark is None:
            mark = Mark.of(self.token, self.grant.holder, self.clock(), self.holding.epoch)
        mark = attrs.evolve(mark, holder=self.grant.holder)
        marked = attrs.evolve(found, mark=mark, version=found.version + 1)
        if not await self.holding.mark(found.version, marked):
            return False
        self._note(mark, marked)
        return True

    async def _change(
        self, *, lost: bool | None = None, final: bool = False, holder: str | None = None
    ) -> None:
        """Change the mark; StartOverError where somebody else has stored something meanwhile."""
        mark = self._mark
        if mark is None:
            return
        changed = attrs.evolve(
            mark,
            lost=mark.lost if lost is None else lost,
            final=final,
            holder=mark.holder if holder is None else holder,
        )
        if not await self._replace(changed):
            raise StartOverError

    async def _unmark(self) -> None:
        """Take the mark off; what got lost stays lost."""
        if self._mark is None:
            return
        if self._mark.lost:
            await self._change(holder="")
        else:
            await self._replace(None)

    async def _replace(self, mark: Mark | None) -> bool:
        store, key, found = self.grant.store, self.grant.key, self._marked
        while found is not None and self._is_ours(found.mark):
            following = attrs.evolve(found, mark=mark, version=found.version + 1)
            if await store.compare_and_swap(key, found.version, following):
                self._note(mark, following)
                return True
            # Somebody may have changed its version alone: its encryption, say.
            await asyncio.sleep(0)
            found = await store.load(key)
        return False

    def _is_ours(self, mark: Mark | None) -> bool:
        """Tell whether it is our mark, which others may have made final meanwhile."""
        return mark is not None and self._mark in (mark, attrs.evolve(mark, final=False))
