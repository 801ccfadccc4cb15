"""RFC 9700 §4.14.2: whatever fails and whoever dies, no refresh token is spent twice for nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauthkit import (
    MemoryStore,
    OAuthError,
    ReauthorizationRequired,
    Record,
    Token,
    TokenStore,
    UnreachableError,
)
from oauthkit.tokens.grants import PLAIN, grant_of
from oauthkit.tokens.retries import Retries
from oauthkit.tokens.sources import StoredSource
from support import run
from tokens.grants import KEY, Clock, Exchange, at_once, record, turns
from tokens.stores import TestStore

# What an authorization server does with a refresh token: it answers; refuses to look at it; uses it
# and its answer gets lost; loses it before it is used; or whoever sent it dies, before or after.
ACTS = ["answer", "answer", "busy", "lost after", "lost before", "die after", "die before"]
_acts = st.lists(st.sampled_from(ACTS), max_size=12)
# Who asks, and after how many turns the next one does.
_callers = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12)), min_size=1, max_size=10)


class Dead(BaseException):
    """Ends a process: nobody handles it."""


@attrs.define(eq=False)
class Server:
    """Rotates refresh tokens; one that comes again revokes its family. *spent* are all that came."""

    acts: list[str]
    current: str = "r0"
    number: int = 0
    revoked: bool = False
    spent: list[str] = attrs.field(factory=list[str])
    # Of each refresh token, what was done with it.
    done: dict[str, list[str]] = attrs.field(factory=dict[str, list[str]])
    # Of each, who has sent it where it may have been used.
    senders: dict[str, set[str]] = attrs.field(factory=dict[str, set[str]])

    async def take(self, token: str, sender: str, kill: Any) -> Mapping[str, Any]:
        """Take a refresh token."""
        act = self.acts.pop(0) if self.acts else "answer"
        self.spent.append(token)
        self.done.setdefault(token, []).append(act)
        if act != "busy":
            self.senders.setdefault(token, set()).add(sender)
        await turns(2)
        if act == "busy":
            raise OAuthError("busy", error="temporarily_unavailable", status=503)
        if act == "lost before":
            raise UnreachableError("lost", endpoint="")
        if act == "die before":
            await kill()
        if self.revoked or token != self.current:
            self.revoked = True
            raise ReauthorizationRequired(
                "no", account="", issuer="", client_id="", error="invalid_grant", status=400
            )
        self.number += 1
        self.current = f"r{self.number}"
        members = {"access_token": f"t{self.number}", "refresh_token": self.current}
        if act == "lost after":
            raise UnreachableError("lost", endpoint="")
        if act == "die after":
            await kill()
        await turns(2)
        return {**members, "expires_at": 0}


@attrs.define(eq=False)
class Worker(Exchange):
    """A process that shares the store; it may be killed in the middle of a request."""

    server: Server = attrs.field(kw_only=True)
    store: TestStore = attrs.field(kw_only=True)

    async def __call__(self, record: Record | None) -> Mapping[str, Any]:
        """Send the refresh token."""
        assert record is not None
        assert record.refresh_token is not None
        marked = await self.store.inner.load(KEY)
        # It is marked, by the process that sends it, before the server sees it.
        assert marked is not None
        assert marked.mark is not None
        assert marked.mark.is_of(record.refresh_token)
        assert marked.mark.holder == grant_of(self.store, KEY).holder
        assert not marked.mark.final
        return await self.server.take(record.refresh_token, marked.mark.holder, self._die)

    async def _die(self) -> None:
        raise Dead


def process(server: Server, inner: MemoryStore, *, lease: bool) -> StoredSource:
    """Begin a process: a store object of its own, over what all of them share."""
    store = TestStore(inner=inner) if lease else Proving(inner=inner)
    store.gate.set()
    worker = Worker(server=server, store=store, clock=Clock())
    return StoredSource(
        grant=grant_of(store, KEY),
        slot=PLAIN,
        exchange=worker,
        clock=worker.clock,
        retries=Retries(sleep=at_once),
    )


class Proving(TestStore):
    """Its lock proves that its holder is dead."""

    __test__ = False
    lock_proves_death = True


@pytest.mark.proves(
    "Tokens and stores",
    "a refresh token is never spent twice",
    rfc="RFC 6749 §6",
    judge="none but ours",
)
@given(_acts, _callers, st.booleans())
def test_spent_once(acts: list[str], callers: list[tuple[int, int]], lease: bool) -> None:
    """Every waiter is answered; what is sent again was lost, or its sender is dead, and no lease."""

    async def main() -> None:
        server, inner = Server(list(acts)), MemoryStore()
        shared: TokenStore = inner
        expired = {"access_token": "t0", "expires_at": 0}
        await shared.compare_and_swap(KEY, None, record(expired, "r0"))
        workers = [process(server, inner, lease=lease) for _ in range(3)]
        tasks: list[asyncio.Task[Token]] = []
        for number, pause in callers:
            tasks.append(asyncio.create_task(workers[number].token()))
            await turns(pause)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        kinds = (Token, OAuthError, UnreachableError, Dead)
        assert all(isinstance(one, kinds) for one in results)
        for worker in workers:
            await worker.grant.settle()
        check(server, lease=lease)
        await check_end(server, inner, results)

    run(main())


def check(server: Server, *, lease: bool) -> None:
    """Look at what was sent more than once."""
    for done in server.done.values():
        unused = [act for act in done if act == "busy"]
        sent = len(done) - len(unused)
        deaths = sum(act.startswith("die") for act in done)
        losses = sum(act.startswith("lost") for act in done)
        # Once; once more for a lost answer; and once for each sender that has died.
        assert losses <= 2
        assert sent <= 1 + min(losses, 1) + deaths
    if lease:  # nobody but the holder himself sends it again
        assert all(len(senders) == 1 for senders in server.senders.values())
    if server.revoked:
        # Only where the answer to the one before was lost, or died with who waited for it.
        acts = [act for done in server.done.values() for act in done]
        assert "lost after" in acts or "die after" in acts


async def check_end(server: Server, inner: MemoryStore, results: list[Any]) -> None:
    """Look at what is left: no lock, the newest token or a mark that says why not."""
    assert 0 == len(inner._locks)
    found = await inner.load(KEY)
    assert found is not None
    if found.mark is None:
        assert server.current == found.refresh_token
    else:
        assert found.refresh_token is not None
        assert found.mark.is_of(found.refresh_token)
        acts = server.done[found.refresh_token]
        assert any(act.startswith(("lost", "die")) for act in acts)
        if found.mark.final:
            assert any(isinstance(one, ReauthorizationRequired) for one in results)
