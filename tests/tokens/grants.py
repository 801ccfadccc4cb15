"""What the tests of sources share: an exchange that waits to be let go, a clock, a grant."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs

from oauthkit import (
    GrantKey,
    MemoryStore,
    OAuthError,
    ReauthorizationRequired,
    Record,
    Token,
    TokenStore,
)
from oauthkit.tokens.grants import PLAIN, Grant, Landing, Slot, grant_of
from oauthkit.tokens.retries import Retries
from oauthkit.tokens.seams import LOGIN_REQUIRED
from oauthkit.tokens.sources import StoredSource

KEY = GrantKey(issuer="https://as.example", client_id="id")


@attrs.define(eq=False)
class Clock:
    """A clock that stands still."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        """Return seconds since the epoch."""
        return self.now


@attrs.define(eq=False)
class Exchange:
    """
    Issues ``t1``, ``t2``, …, each with a new refresh token, after *gate* was opened.

    *expires_in* is their lifetime by *clock*. *refresh* False issues no refresh tokens. *answers*
    are given first: members, or what is to be raised. *spent* are the refresh tokens that came.
    """

    clock: Clock = attrs.field(factory=Clock)
    gate: asyncio.Event = attrs.field(factory=asyncio.Event)
    expires_in: float | None = 3600
    refresh: bool = True
    answers: list[Mapping[str, Any] | Exception] = attrs.field(
        factory=list[Mapping[str, Any] | Exception], repr=False
    )
    spent: list[str | None] = attrs.field(factory=list[str | None], repr=False)
    started: asyncio.Event = attrs.field(factory=asyncio.Event)
    issued: int = 0
    needs_user: bool = True
    rotates: bool = True
    grace: float = 0.0

    @property
    def spender(self) -> Exchange:
        """It says itself what is to be known of its refresh tokens."""
        return self

    def ask_for_login(
        self, refusal: OAuthError | None = None, why: str = ""
    ) -> ReauthorizationRequired:
        """Say that a user has to log in."""
        return ReauthorizationRequired(
            why or "log in",
            account=KEY.account,
            issuer=KEY.issuer,
            client_id=KEY.client_id,
            error=refusal.error if refusal is not None else LOGIN_REQUIRED,
        )

    def spends(self, record: Record) -> str | None:
        """Return the refresh token that a call would spend."""
        return record.refresh_token

    async def __call__(self, record: Record | None) -> Mapping[str, Any]:
        """Issue the next token."""
        self.spent.append(None if record is None else record.refresh_token)
        self.started.set()
        await self.gate.wait()
        if self.answers:
            answer = self.answers.pop(0)
            try:
                if isinstance(answer, Exception):
                    raise answer
                return answer
            finally:
                del answer  # an exception holds its frames: they must not hold it
        self.issued += 1
        return self.members(self.issued)

    @property
    def count(self) -> int:
        """How often it was asked."""
        return len(self.spent)

    def members(self, number: int) -> dict[str, Any]:
        """Return what is issued as the token of that number."""
        members: dict[str, Any] = {"access_token": f"t{number}", "token_type": "Bearer"}
        if self.refresh:
            members["refresh_token"] = f"r{number}"
        if self.expires_in is not None:
            members["expires_in"] = self.expires_in
            members["expires_at"] = self.clock() + self.expires_in
        return members


def opened(**options: Any) -> Exchange:
    """Make an exchange that answers at once."""
    exchange = Exchange(**options)
    exchange.gate.set()
    return exchange


async def at_once(seconds: float) -> None:
    """Wait for nothing."""
    assert seconds >= 0


def source(
    exchange: Exchange, store: TokenStore | None = None, slot: Slot = PLAIN, **options: Any
) -> StoredSource:
    """Make a source of the one grant of *store*; it sends again at once, where it does."""
    options.setdefault("retries", Retries(sleep=at_once))
    grant = grant_of(MemoryStore() if store is None else store, KEY)
    return StoredSource(grant=grant, slot=slot, exchange=exchange, clock=exchange.clock, **options)


def record(
    members: Mapping[str, Any], refresh_token: str | None, version: int = 1, slot: Slot = PLAIN
) -> Record:
    """Return the record of one token."""
    return Record(
        access_tokens={slot: Token(members)}, refresh_token=refresh_token, version=version
    )


async def complete(grant: Grant, fetch: Callable[[], Awaitable[tuple[Slot, Token]]]) -> Token:
    """Run what fetches and keeps a token as a flight: a cancelled caller loses nothing."""

    async def fly() -> Landing:
        return Landing(grant.generation, *await fetch())

    return await grant.land(fly())


async def turns(count: int = 10) -> None:
    """Let the loop turn."""
    for _ in range(count):
        await asyncio.sleep(0)
