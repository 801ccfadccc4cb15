"""A server, a store and processes that share a grant, for the machine that refreshes it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs

from oauthkit import (
    GrantKey,
    MemoryStore,
    OAuthError,
    ReauthorizationRequired,
    Record,
    Token,
    UnreachableError,
)
from oauthkit.tokens import grants
from oauthkit.tokens.grants import PLAIN, Grant, grant_of
from oauthkit.tokens.retries import Retries
from oauthkit.tokens.sources import StoredSource
from tokens.grants import KEY, Clock, Exchange, at_once

__all__ = ["ACTS", "Backing", "Dead", "Process", "Server", "Sharing"]

# What becomes of a request that the server has: it answers; says that it did not look at it; says
# something that is no answer, before or after it was rotated; refuses it for good, or for now; or
# the answer gets lost; or who sent it dies.
ACTS = {
    "answer": (True, "answered"),
    "busy": (False, "unused"),
    "wrong client": (False, "unused"),
    "broken before": (False, "lost"),
    "broken after": (True, "lost"),
    "lost before": (False, "lost"),
    "lost after": (True, "lost"),
    "refuse": (False, "refused"),
    "die before": (False, "died"),
    "die after": (True, "died"),
}


class Dead(BaseException):
    """Ends a process: nobody handles it."""


# -- the server ------------------------------------------------------------------------------------


@attrs.define(eq=False)
class Sent:
    """A refresh token that the server has, and what became of it; *rotated*: it was used."""

    token: str
    sender: Process
    answer: asyncio.Future[str]
    outcome: str = ""
    rotated: bool = False


@attrs.define(eq=False)
class Server:
    """Rotates refresh tokens, each of its family; one that comes again ends its family."""

    clock: Clock
    number: int = 0
    # The good refresh tokens; and every one that was sent, as often as it was.
    good: set[str] = attrs.field(factory=set[str])
    log: list[Sent] = attrs.field(factory=list[Sent])
    # The refresh tokens that were sent while a store failed: what it should hold is not there.
    blurred: set[str] = attrs.field(factory=set[str])

    @property
    def pending(self) -> list[Sent]:
        """What is not answered yet."""
        return [one for one in self.log if not one.outcome]

    def history(self, token: str) -> list[Sent]:
        """Return how often *token* was sent, and what came of it."""
        return [one for one in self.log if one.token == token]

    def issue(self) -> dict[str, Any]:
        """Begin a family, or go on with one."""
        self.number += 1
        self.good.add(f"r{self.number}")
        members = {"access_token": f"t{self.number}", "refresh_token": f"r{self.number}"}
        return {**members, "expires_in": 3600, "expires_at": self.clock() + 3600}

    async def take(self, token: str, sender: Process) -> Mapping[str, Any]:
        """Take a refresh token, and wait until it is known what becomes of it."""
        self.check(token, sender)
        sent = Sent(token, sender, asyncio.get_running_loop().create_future())
        self.log.append(sent)
        try:
            act = await sent.answer
        except asyncio.CancelledError:
            sent.outcome = "cancelled"
            raise
        rotates, sent.outcome = ACTS[act]
        if rotates or act == "refuse":
            if token not in self.good:
                # It was used before: that is what the answer is.
                self.check_reuse(token)
                act, sent.outcome = (
                    ("refuse", "refused") if act == "answer" else (act, sent.outcome)
                )
            else:
                self.good.discard(token)
                sent.rotated = rotates
        members = self.issue() if sent.rotated else {}
        return self.answer(act, sender, members)

    def answer(self, act: str, sender: Process, members: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return *members*, or raise what *act* is."""
        if act.startswith("die"):
            sender.die()
            raise Dead
        if act.startswith("lost"):
            raise UnreachableError("lost", endpoint="")
        if act.startswith("broken"):
            raise OAuthError("broken", error="invalid_response", status=500)
        if act == "busy":
            raise OAuthError("busy", error="temporarily_unavailable", status=503)
        if act == "wrong client":
            raise OAuthError("no", error="invalid_client", status=401)
        if act == "refuse":
            raise ReauthorizationRequired(
                "no", account="", issuer="", client_id="", error="invalid_grant", status=400
            )
        return members

    # What must be true.

    def check(self, token: str, sender: Process) -> None:
        """Look at a refresh token that comes, and why it may come again."""
        before = self.history(token)
        assert not [one for one in before if not one.outcome], f"{token} is on its way already"
        if not before or token in self.blurred:
            return
        losses = [one for one in before if one.outcome in ("lost", "cancelled")]
        assert before[-1].outcome in ("unused", "lost", "cancelled", "died"), before
        assert len(losses) <= 1, f"{token} was lost twice, and is sent again"
        if before[-1].outcome == "died":
            assert sender.store.lock_proves_death, f"a lease proves nothing, and {token} is sent"

    def check_reuse(self, token: str) -> None:
        """Look at a refresh token that ends its family, and whose answer got lost."""
        before = self.history(token)[:-1]
        gone = [one for one in before if one.rotated and one.outcome != "answered"]
        refused = [one for one in before if one.outcome == "refused"]
        assert gone or refused or token in self.blurred, f"{token} was spent twice for nothing"


# -- the store -------------------------------------------------------------------------------------


@attrs.define(eq=False)
class Backing:
    """What all processes share: the records, and who holds the lock."""

    records: MemoryStore = attrs.field(factory=MemoryStore)
    owner: object | None = None
    freed: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def take(self) -> object:
        """Wait for the lock."""
        while self.owner is not None:
            self.freed.clear()
            await self.freed.wait()
        self.owner = me = object()
        return me

    def free(self, owner: object | None) -> None:
        """Give it back, if it is his."""
        if self.owner is owner and owner is not None:
            self.owner = None
            self.freed.set()


@attrs.define(eq=False)
class Sharing:
    """
    The store object of one process.

    *kind* is ``plain`` (its lock proves death), ``session`` (it gives what it knows, too), or
    ``lease``. *broken*: every call fails; *late*: it has stored before it fails.
    """

    backing: Backing
    kind: str
    broken: str = ""
    owner: object | None = None

    @property
    def lock_proves_death(self) -> bool:
        """Whether the last holder of the lock is dead."""
        return self.kind != "lease"

    async def call(self, *, swaps: bool = False) -> None:
        """Take a turn, and fail if it is broken."""
        await asyncio.sleep(0)
        if self.broken and not (swaps and self.broken == "late"):
            raise OSError("the store is broken")

    async def load(self, key: GrantKey) -> Record | None:
        """Return the record under *key*, or None."""
        await self.call()
        return await self.backing.records.load(key)

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Store *record* if the stored version is *expected*."""
        await self.call(swaps=True)
        swapped = await self.backing.records.compare_and_swap(key, expected, record)
        if self.broken:
            raise OSError("the store is broken, and has stored it")
        return swapped

    @asynccontextmanager
    async def lock(self, key: GrantKey) -> AsyncGenerator[Hold | None, None]:
        """Hold the lock."""
        await self.call()
        self.owner = me = await self.backing.take()
        try:
            if self.kind == "plain":
                yield None
            else:
                yield Hold(self, key, me, await self.backing.records.load(key))
        finally:
            self.backing.free(me)

    async def delete(self, key: GrantKey) -> None:
        """Forget the record."""
        await self.call()
        await self.backing.records.delete(key)

    async def iterate(self) -> AsyncIterator[GrantKey]:
        """Iterate over the keys."""
        await self.call()
        async for key in self.backing.records.iterate():
            yield key


@attrs.define(eq=False)
class Hold:
    """What a lock gives."""

    store: Sharing
    key: GrantKey
    owner: object
    record: Record | None
    epoch: str = "1"

    def remaining(self) -> float:
        """Return whether it is ours."""
        return math.inf if self.store.backing.owner is self.owner else 0.0

    async def mark(self, expected: int | None, record: Record) -> bool:
        """Store *record* while the lock is ours."""
        await self.store.call()
        if self.remaining() <= 0:
            return False
        return await self.store.compare_and_swap(self.key, expected, record)

    async def finish(self, expected: int | None, record: Record) -> bool:
        """Store *record* whoever has the lock, and free it."""
        if not await self.store.compare_and_swap(self.key, expected, record):
            return False
        self.store.backing.free(self.owner)
        return True


# -- the processes ---------------------------------------------------------------------------------


@attrs.define(eq=False)
class Process(Exchange):
    """A process: its store object, its source, and who waits for its token."""

    server: Server = attrs.field(kw_only=True)
    store: Sharing = attrs.field(kw_only=True)
    dead: bool = False
    waiting: list[asyncio.Task[Token]] = attrs.field(factory=list[asyncio.Task[Token]])
    source: StoredSource = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Make its source."""
        self.source = StoredSource(
            grant=grant_of(self.store, KEY),
            slot=PLAIN,
            exchange=self,
            clock=self.clock,
            retries=Retries(sleep=at_once),
        )

    @property
    def grant(self) -> Grant:
        """Its grant."""
        return self.source.grant

    async def __call__(self, record: Record | None) -> Mapping[str, Any]:
        """Send the refresh token."""
        token = None if record is None else record.refresh_token
        if token is None:
            raise self.ask_for_login()
        marked = await self.store.backing.records.load(KEY)
        assert marked is not None
        assert marked.mark is not None, "it is not marked"
        assert marked.mark.is_of(token)
        assert marked.mark.holder == self.grant.holder
        assert not marked.mark.final
        return await self.server.take(token, self)

    def die(self) -> None:
        """End: what only its memory held is gone, and so is its lock."""
        self.dead = True
        grant = self.grant
        grant.unsaved.clear()
        grants._UNSAVED.discard(grant)
        grant._later.end()
        grant._turns._kept = None
        self.store.backing.free(self.store.owner)
