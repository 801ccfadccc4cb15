"""What the flights of a grant begin with, and what they bring."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from oauthkit.protocol.token import Token
from oauthkit.tokens.stores import Record
from oauthkit.tokens.tellings import Notify

__all__ = [
    "PLAIN",
    "Landing",
    "Slot",
    "Start",
    "Unsaved",
    "as_record",
    "complete",
    "without_refresh_token",
]

Slot = tuple[str, str]
PLAIN: Slot = ("", "")


@attrs.frozen(kw_only=True)
class Start:
    """
    What a flight began with, so that it knows at its end what happened meanwhile.

    *generation* is the grant's; *record* is what counted: *by_hand*, what somebody had put into
    memory, or what was stored. *stored* is what the store holds, as the flight has left it; None
    where it holds nothing, or was not asked (*asked*). *marked* says that the flight has marked the
    refresh token that it spends.
    """

    generation: int
    record: Record | None = attrs.field(repr=False)
    by_hand: bool
    asked: bool
    stored: Record | None = attrs.field(default=None, repr=False)
    marked: bool = False

    @property
    def was_stored(self) -> str | None:
        """The refresh token that the store held."""
        return None if self.stored is None else self.stored.refresh_token


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
    it) that was because a resource refused the one before. *fresh* begins a new grant, *by_hand*
    one that was put into memory by hand, where it has begun already. *notify* is
    told of it once it is stored, and has *seconds* for that, as the store has for storing it.
    *tell* is called before.
    """

    slot: Slot
    members: Mapping[str, Any] = attrs.field(repr=False)
    since: Start
    before: Token | None = None
    after_401: float | None = None
    fresh: bool = False
    by_hand: bool = False
    notify: Notify | None = None
    tell: Callable[[], None] | None = None
    seconds: float = 30.0


def as_record(tokens: Mapping[Slot, Token]) -> Record:
    """Return tokens as a record, with the refresh token that they have."""
    refresh_token = None
    access_tokens: dict[Slot, Token] = {}
    for slot, token in tokens.items():
        refresh_token = token.get("refresh_token", refresh_token)
        if "access_token" in token or "oauth_token" in token:
            access_tokens[slot] = without_refresh_token(token)
    return Record(access_tokens=access_tokens, refresh_token=refresh_token)


def complete(record: Record, slot: Slot) -> Token:
    """Return a record's token as it is handed out: with the grant's refresh token."""
    token = record.access_tokens[slot]
    if record.refresh_token is None:
        return token
    return Token({**token, "refresh_token": record.refresh_token})


def without_refresh_token(token: Token) -> Token:
    """Return a token as it lies in a record, which has the refresh token itself."""
    # It belongs to the grant: a copy with each access token would be spent twice.
    if "refresh_token" not in token:
        return token
    return Token({name: value for name, value in token.items() if name != "refresh_token"})
