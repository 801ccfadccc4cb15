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
from oauthkit.tokens.deadlines import Deadline
from oauthkit.tokens.grants import Grant, Start
from oauthkit.tokens.seams import SENDING, Sending
from oauthkit.tokens.stores import Mark, Record

__all__ = ["Spender", "Spending"]

_NO_ANSWER = "the refresh token was sent twice, and no answer came: nobody knows what is good now"
_ENDED = "the refresh token was refused before, or no answer to it came"
_IN_DOUBT = (
    "the refresh token was being sent by somebody of whom nobody knows whether he still lives, or "
    "what came of it"
)


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
    """

    grant: Grant
    spender: Spender
    token: str = attrs.field(repr=False)
    began: Start
    stored: Record | None
    deadline: Deadline
    clock: Callable[[], float]
    _until: float | None = attrs.field(default=None, init=False)
    _mark: Mark | None = attrs.field(default=None, init=False)
    _marked: Record | None = attrs.field(default=None, init=False)

    @property
    def what_ended(self) -> ReauthorizationRequired | None:
        """What is to be raised instead of sending it, if it must not be sent."""
        ended = self.grant.what_ended(self.token)
        if ended is not None:
            return ended
        why = self._forbidden
        return self.spender.ask_for_login(why=why) if why else None

    def check(self) -> None:
        """Raise ReauthorizationRequired where it must not be sent."""
        ended = self.what_ended
        if ended is not None:
            try:
                raise ended
            finally:
                del ended  # it holds this frame

    @property
    def _forbidden(self) -> str:
        mark = self._found
        if mark is None or not self.spender.rotates:
            return ""
        if mark.final:
            return _ENDED
        # Under a lock that proves it, nobody is about to send it, or waits for an answer: nobody
        # can hold anything newer. The same holds of a flight of our own that has ended.
        if mark.holder == self.grant.holder or getattr(
            self.grant.store, "lock_proves_death", False
        ):
            return ""
        return "" if self.clock() < mark.since + self.spender.grace else _IN_DOUBT

    @property
    def _found(self) -> Mark | None:
        """The mark that this token has in the store."""
        mark = None if self.stored is None else self.stored.mark
        return mark if mark is not None and mark.is_of(self.token) else None

    async def begin(self) -> bool:
        """Mark it; return False where somebody else has stored something meanwhile."""
        if not self.spender.rotates:
            return True
        mark = self._found
        if mark is None:
            mark = Mark.of(self.token, self.grant.holder, self.clock())
        else:  # since when, and what got lost, is true of the token, whoever sends it
            mark = attrs.evolve(mark, holder=self.grant.holder)
        # What counts is stored with it: whoever finds the mark finds what it is of.
        found = self.stored or self.began.record or Record()
        version = 0 if self.stored is None else self.stored.version
        marked = attrs.evolve(found, mark=mark, version=version + 1)
        expected = None if self.stored is None else version
        if not await self.grant.store.compare_and_swap(self.grant.key, expected, marked):
            await asyncio.sleep(0)  # a store that never waits would hold up the deadline too
            return False
        self._mark, self._marked = mark, marked
        self.began = attrs.evolve(
            self.began, asked=True, was_stored=marked.refresh_token, marked=True
        )
        return True

    async def send(self, request: Callable[[], Awaitable[Mapping[str, Any]]]) -> Mapping[str, Any]:
        """
        Return what *request* returns; a lost answer is asked for once more.

        Raises what *request* raises, UnreachableError for the flight's deadline, and
        ReauthorizationRequired where two answers got lost.
        """
        if self._mark is None:
            return await request()
        while True:
            sending = Sending()
            try:
                return await self._request(request, sending)
            except Exception as error:  # noqa: BLE001 - it is raised below
                failure = error
            try:
                # Outside of the handler: what is raised next has nothing to do with it.
                if not await self._goes_on(failure, sending):
                    raise failure
            finally:
                del failure  # it holds this frame

    async def _request(
        self, request: Callable[[], Awaitable[Mapping[str, Any]]], sending: Sending
    ) -> Mapping[str, Any]:
        """Send it within what is left of the flight's deadline; the rest is for the store."""
        if self._until is None:
            self._until = self.deadline.suspend()
        before = SENDING.set(sending)
        timeout = asyncio.timeout_at(self._until)
        try:
            async with timeout:
                return await request()
        except TimeoutError:
            if not timeout.expired():
                raise
        finally:
            SENDING.reset(before)
        raise self.deadline.error() from None

    async def _goes_on(self, failure: Exception, sending: Sending) -> bool:
        """Leave the mark as *failure* says; return whether the token is to be sent once more."""
        self.deadline.renew("the token store did not answer")
        if not _may_be_spent(failure, sending):
            # The failure is what counts: a mark of our own keeps us from nothing.
            with suppress(Exception):
                if isinstance(failure, ReauthorizationRequired) and self.stored is not None:
                    await self._swap(final=True)
                else:
                    await self._unmark()
            return False
        if self._mark is not None and self._mark.lost:
            await self._swap(final=True)
            if self.spender.needs_user:
                raise self.spender.ask_for_login(why=_NO_ANSWER)
            return False
        await self._swap(lost=True)
        if not isinstance(failure, (OAuthError, UnreachableError)):
            return False  # somebody's hook: it would fail again
        if self._until is not None and asyncio.get_running_loop().time() >= self._until:
            return False
        self.deadline.suspend()
        return True

    async def _swap(self, *, lost: bool = False, final: bool = False) -> None:
        """Change the mark, unless somebody else has stored something: then it has gone."""
        if self._mark is None or self._marked is None:
            return
        await self._replace(attrs.evolve(self._mark, lost=lost, final=final))

    async def _unmark(self) -> None:
        """Take the mark off, and what was stored for its sake alone."""
        grant, marked = self.grant, self._marked
        if marked is None:
            return
        if self.stored is not None:
            await self._replace(None)
        elif await grant.store.load(grant.key) == marked:
            await grant.store.delete(grant.key)

    async def _replace(self, mark: Mark | None) -> None:
        store, key, found = self.grant.store, self.grant.key, self._marked
        while found is not None and found.mark == self._mark:
            following = attrs.evolve(found, mark=mark, version=found.version + 1)
            if await store.compare_and_swap(key, found.version, following):
                self._mark, self._marked = mark, following
                return
            # Somebody may have changed its version alone: its encryption, say.
            await asyncio.sleep(0)
            found = await store.load(key)


def _may_be_spent(failure: Exception, sending: Sending) -> bool:
    """Tell whether the server may have used the refresh token, and the answer got lost."""
    if sending.left is False or isinstance(failure, ReauthorizationRequired):
        return False
    if isinstance(failure, OAuthError):
        status = failure.status or 0
        if status == 503 or failure.error == "temporarily_unavailable":
            return False
        return status >= 500 or (200 <= status < 300 and failure.error == "invalid_response")
    # Others of ours say that nothing was sent.
    return isinstance(failure, UnreachableError) or not isinstance(failure, OAuthKitError)
