"""A mark that is found in the store: who may send the refresh token, and who must not."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from oauthkit import (
    GrantKey,
    Mark,
    MemoryStore,
    OAuthError,
    ReauthorizationRequired,
    Record,
    TokenStore,
    UnreachableError,
)
from oauthkit.tokens.retries import Retries
from support import run
from tokens.grants import KEY, Clock, Exchange, opened, record, source, turns
from tokens.marks import ENDED, LOST, LeaseStore, filled, said, stored
from tokens.stores import TestStore

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "a refresh token is never spent twice",
    rfc="RFC 6749 §6",
    judge="none but ours",
)

SINCE = 1_000.0
OTHERS = Mark.of("r0", "another", SINCE)


@pytest.mark.parametrize(
    ("kind", "grace", "age", "mark", "sent"),
    [
        (MemoryStore, 0, 0, OTHERS, True),
        (MemoryStore, 0, 1e6, attrs.evolve(OTHERS, lost=True), True),
        (MemoryStore, 60, 0, attrs.evolve(OTHERS, final=True), False),
        (LeaseStore, 0, 0, OTHERS, False),
        (LeaseStore, 0, 1e6, OTHERS, False),
        (LeaseStore, 60, 59, OTHERS, True),
        (LeaseStore, 60, 60, OTHERS, False),
        (LeaseStore, 60, 0, attrs.evolve(OTHERS, final=True), False),
        (LeaseStore, 0, 0, Mark.of("r-other", "another", SINCE), True),
        (LeaseStore, 0, 0, attrs.evolve(OTHERS, lost=True, holder=""), True),
        (MemoryStore, 0, 1e6, attrs.evolve(OTHERS, epoch="before"), False),
    ],
)
def test_somebody_elses(
    kind: type[TokenStore], grace: float, age: float, mark: Mark, sent: bool
) -> None:
    """Where the lock proves that nobody sends it any more it is sent; else only within the grace."""

    async def main() -> None:
        exchange, store = opened(grace=grace, clock=Clock(SINCE + age)), kind()
        await filled(store, mark)
        asked = source(exchange, store)
        if sent:
            assert "t1" == (await asked.token())["access_token"]
            assert (await stored(store)).mark is None
        else:
            for _ in range(2):
                with pytest.raises(ReauthorizationRequired):
                    await asked.token()
            # So it is for all, until the holder stores what he got, or there is a login.
            assert attrs.evolve(mark, final=True) == (await stored(store)).mark
        assert (["r0"] if sent else []) == exchange.spent

    run(main())


def test_whose_locks_have_ended_before_him() -> None:
    """He may store what he gets: for as long as that may take, it is neither sent nor given up."""

    async def main() -> None:
        exchange, store = opened(clock=Clock(SINCE)), MemoryStore()
        await filled(store, attrs.evolve(OTHERS, epoch="before"))
        asked = source(exchange, store, deadline=0.1)
        with pytest.raises(UnreachableError):
            await asked.token()
        waiting = asyncio.create_task(asked.token())
        await turns()
        assert await store.compare_and_swap(KEY, 1, record({"access_token": "late"}, "r1", 2))
        assert "late" == (await waiting)["access_token"]
        assert [] == exchange.spent

    run(main())


def test_taken_over() -> None:
    """Since when it is on its way, and that an answer got lost, stays true of it."""

    async def main() -> None:
        exchange, store = Exchange(answers=[LOST]), MemoryStore()
        await filled(store, attrs.evolve(OTHERS, lost=True))
        asked = source(exchange, store)
        waiting = asyncio.create_task(asked.token())
        await exchange.started.wait()
        assert (
            attrs.evolve(OTHERS, lost=True, holder=asked.grant.holder) == (await stored(store)).mark
        )
        exchange.gate.set()
        with pytest.raises(ReauthorizationRequired):
            await waiting
        assert ["r0"] == exchange.spent

    run(main())


def test_a_holder_that_comes_late() -> None:
    """He stores what he got, and those who were in doubt go on with it."""

    async def main() -> None:
        exchange, store = opened(), LeaseStore()
        await filled(store, OTHERS)
        asked = source(exchange, store)
        with pytest.raises(ReauthorizationRequired):
            await asked.token()
        assert await store.compare_and_swap(KEY, 2, record({"access_token": "late"}, "r1", 3))
        assert "late" == (await asked.token())["access_token"]
        assert [] == exchange.spent

    run(main())


def test_a_client_that_needs_no_user() -> None:
    """What must not be sent is left alone: it gets a token of its own, and the mark stays."""

    async def main() -> None:
        exchange, store = opened(needs_user=False, refresh=False), LeaseStore()
        await filled(store, OTHERS)
        assert "t1" == (await source(exchange, store).token())["access_token"]
        assert [None] == exchange.spent
        assert OTHERS == (await stored(store)).mark

    run(main())


def test_versions_that_change_meanwhile() -> None:
    """Somebody encrypts the record anew while it is on its way: the mark goes all the same."""

    async def main() -> None:
        exchange, store = Exchange(answers=[said(503)]), LeaseStore()
        await filled(store)
        asked = source(exchange, store, retries=Retries(count=0))
        waiting = asyncio.create_task(asked.token())
        await exchange.started.wait()
        found = await stored(store)
        anew = attrs.evolve(found, version=found.version + 1)
        assert await store.compare_and_swap(KEY, found.version, anew)
        exchange.gate.set()
        with pytest.raises(OAuthError):
            await waiting
        assert (await stored(store)).mark is None

    run(main())


def test_an_end_that_could_not_be_stored() -> None:
    """It is known in memory: nobody waits for oneself, and nothing is sent."""

    async def main() -> None:
        exchange, store = opened(answers=[ENDED]), WithoutEnds(marks_too=True)
        store.gate.set()
        await filled(store)
        asked = source(exchange, store, deadline=0.2)
        for _ in range(2):
            with pytest.raises(ReauthorizationRequired):
                await asked.token()
        assert ["r0"] == exchange.spent

    run(main())


class WithoutEnds(TestStore):
    """Its lock proves death, and it fails to store that a grant has ended."""

    __test__ = False
    lock_proves_death = True

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Store it, unless it says that it is the end."""
        if record.mark is not None and record.mark.final:
            raise OSError("disk")
        return await super().compare_and_swap(key, expected, record)
