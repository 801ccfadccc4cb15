"""The source that hands out a grant's token: from memory, else the store, else renewed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

import attrs

from oauthkit.errors import OAuthError, UnreachableError
from oauthkit.protocol.token import Token
from oauthkit.tokens.grants import PLAIN, Grant, Slot
from oauthkit.tokens.seams import LOGIN_REQUIRED, NothingNewError
from oauthkit.tokens.stores import Record

__all__ = ["Exchange", "StoredSource"]

NO_TOKEN = Token()


class Exchange(Protocol):
    """Gets an access token for a grant: by its refresh token, or by a grant of the client's own."""

    async def __call__(self, record: Record | None) -> Mapping[str, Any]:
        """
        Return the members of a new token.

        Raises OAuthError where the server refuses, and where only the user can help (LOGIN_REQUIRED).
        """


@attrs.define(eq=False, kw_only=True)
class StoredSource:
    """
    Hand out the token of a grant, renewing it before it expires and after it was refused.

    Any number of sources share the grant's flight: one request, however many wait. *exchange* None
    cannot renew: an OAuth 1.0a token, or none (the empty token, for two-legged requests). *notify*
    is awaited after a new token is kept. *leeway* (seconds) is how long before its expiry a token
    is renewed, but never more than a quarter of its lifetime; *deadline* (seconds) is for the
    whole flight, waiting for the store's lock included.
    """

    grant: Grant
    slot: Slot = PLAIN
    exchange: Exchange | None = None
    notify: Callable[[Token, Token | None], Awaitable[None]] | None = None
    leeway: float = 60.0
    deadline: float = 30.0
    clock: Callable[[], float] = time.time

    async def token(self, rejected: Token | None = None) -> Token:
        """
        Return a token that is good now, never one equal to *rejected*.

        Raises NothingNewError where *rejected* cannot be replaced, or no token can be had;
        OAuthError and UnreachableError where the server refuses or does not answer.
        """
        grant = self.grant
        while True:
            token = grant.tokens.get(self.slot)
            if token is not None and not _same(token, rejected) and self._is_fresh(token):
                return token
            if self.exchange is None and grant.known and rejected is None:
                return token or NO_TOKEN
            last = grant.after_401.get(self.slot)
            if last is not None and _same(last, rejected):
                raise NothingNewError(
                    "the token was refused, and so was the one before: it is not renewed again",
                    error="invalid_token",
                )
            slot, token = await grant.flights.share(lambda: self._renew(rejected))
            # Somebody else's flight may have been for another scope, or have found this one.
            if slot == self.slot and not _same(token, rejected):
                return token

    def _is_fresh(self, token: Token) -> bool:
        if "refresh_token" in token and "access_token" not in token:
            return False  # kept by somebody, to get an access token with
        expires_at = token.get("expires_at")
        if expires_at is None:
            return True
        lifetime = token.get("expires_in")
        leeway = self.leeway if lifetime is None else min(self.leeway, lifetime / 4)
        return bool(self.clock() < expires_at - leeway)

    async def _renew(self, rejected: Token | None) -> tuple[Slot, Token]:
        grant, store, key = self.grant, self.grant.store, self.grant.key
        async with _Deadline(self.deadline) as deadline, store.lock(key):
            stored = await store.load(key)
            while True:
                if not grant.seeded:
                    grant.adopt(stored)
                held = grant.tokens.get(self.slot)
                if held is not None and not _same(held, rejected) and self._is_fresh(held):
                    return self.slot, held
                if self.exchange is None:
                    if rejected is None:
                        return self.slot, held or NO_TOKEN
                    raise NothingNewError(
                        "the token was refused, and nothing can renew it: have the user "
                        "authorize again",
                        error="invalid_token",
                    )
                try:
                    members = await self.exchange(grant.as_record(stored))
                except OAuthError as error:
                    if error.error == LOGIN_REQUIRED and rejected is not None:
                        raise NothingNewError(str(error), error=LOGIN_REQUIRED) from None
                    if error.error != "invalid_grant":
                        raise
                    # Final only if nobody else has spent the refresh token, and stored the new one.
                    again = await store.load(key)
                    if _version(again) == _version(stored):
                        raise
                    stored = again
                    continue
                break
            # What is in hand now could be lost: storing it gets a deadline of its own.
            deadline.renew()
            token = await grant.keep(self.slot, members)
            if rejected is not None:
                grant.after_401[self.slot] = token
        if self.notify is not None:
            await self.notify(token, held)
        if _same(token, rejected):
            raise NothingNewError(
                "the token was refused, and the server issued the same one again",
                error="invalid_token",
            )
        return self.slot, token


def _same(token: Token, other: Token | None) -> bool:
    """Say whether two tokens are one to a resource server, whatever else came with them."""
    names = ("access_token", "oauth_token", "oauth_token_secret")
    return other is not None and all(token.get(name) == other.get(name) for name in names)


def _version(record: Record | None) -> int | None:
    return None if record is None else record.version


class _Deadline:
    """A deadline whose end is an UnreachableError."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout = asyncio.timeout(seconds)

    def renew(self) -> None:
        """Begin anew."""
        self._timeout.reschedule(asyncio.get_running_loop().time() + self._seconds)

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, traceback)
        except TimeoutError:
            raise UnreachableError(
                f"a token could not be had within {self._seconds:g} s: the store, its lock or the "
                "server did not answer",
                endpoint="token store",
                deadline=self._seconds,
            ) from None
