"""The source that hands out a grant's token: from memory, else the store, else renewed."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import attrs

from oauthkit.errors import OAuthError
from oauthkit.protocol.token import Token
from oauthkit.tokens.deadlines import Deadline
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

        Raises OAuthError where the server refuses, and LOGIN_REQUIRED where only the user can help.
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
        grant, store = self.grant, self.grant.store
        async with Deadline(self.deadline, type(store).__name__) as deadline:
            # Most often the store has what is wanted, and its lock need not be waited for.
            if (found := await self._look(rejected)) is not None:
                return self.slot, found
            async with store.lock(grant.key):
                token = await self._exchange(rejected, deadline)
        if rejected is not None and _same(token, rejected):
            raise NothingNewError(
                "the token was refused, and the server issued the same one again",
                error="invalid_token",
            )
        return self.slot, token

    async def _look(self, rejected: Token | None) -> Token | None:
        """Take over what is stored; return it if it is good, None if it has to be renewed."""
        held = await self.grant.look(self.slot)
        if held is not None and _same(held, rejected):
            held = self.grant.fall_back(self.slot)
        if held is not None and not _same(held, rejected) and self._is_fresh(held):
            return held
        if self.exchange is not None:
            return None
        if rejected is None or held is None:
            return held or NO_TOKEN
        raise NothingNewError(
            "the token was refused, and nothing can renew it: have the user authorize again",
            error="invalid_token",
        )

    async def _exchange(self, rejected: Token | None, deadline: Deadline) -> Token:
        """Get a new token under the store's lock, unless somebody else has stored one."""
        grant = self.grant
        while True:
            found = await self._look(rejected)
            if found is not None or self.exchange is None:
                return found or NO_TOKEN
            held, generation = grant.tokens.get(self.slot), grant.generation
            members = await self._try_exchange(self.exchange, rejected)
            if members is not None:
                break
        # What is in hand now could be lost: storing it gets a deadline of its own.
        deadline.renew()
        token = await grant.keep(self.slot, members, generation=generation, deadline=self.deadline)
        if rejected is not None and grant.generation == generation:
            grant.after_401[self.slot] = token
        if self.notify is not None:
            await self.notify(token, held)
        return token

    async def _try_exchange(
        self, exchange: Exchange, rejected: Token | None
    ) -> Mapping[str, Any] | None:
        """Return a new token's members; None where somebody else has stored another record."""
        grant = self.grant
        version = grant.version
        try:
            return await exchange(grant.record)
        except OAuthError as error:
            if error.error == LOGIN_REQUIRED and rejected is not None:
                raise NothingNewError(str(error), error=LOGIN_REQUIRED) from None
            if error.error != "invalid_grant":
                raise
            # Final only if nobody else has spent the refresh token, and stored what he got.
            await grant.look(self.slot)
            if grant.version == version:
                raise
        return None


def _same(token: Token, other: Token | None) -> bool:
    """Say whether two tokens are one to a resource server, whatever else came with them."""
    names = ("access_token", "oauth_token", "oauth_token_secret")
    return other is not None and all(token.get(name) == other.get(name) for name in names)
