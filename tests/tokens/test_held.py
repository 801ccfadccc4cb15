"""What a store gives with its lock: three steps a refresh, and a lock that can run out."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest

from oauthkit import (
    GrantKey,
    Held,
    Mark,
    ReauthorizationRequired,
    Record,
    TokenStore,
    UnreachableError,
)
from oauthkit.tokens.seams import SENDING
from support import run
from tokens.grants import KEY, Exchange, opened, record, source
from tokens.stores import TestStore

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "a refresh token is never spent twice",
    rfc="RFC 6749 §6",
    judge="none but ours",
)


@attrs.define(eq=False)
class Lock:
    """What is held, as a test wants it: its steps, and for how long it is ours, at each look."""

    store: HeldStore
    key: GrantKey
    record: Record | None
    epoch: str = "1"

    def remaining(self) -> float:
        """Return the next of *left*; then for good."""
        left = self.store.left
        return left.pop(0) if left else math.inf

    async def mark(self, expected: int | None, record: Record) -> bool:
        """Store a mark."""
        self.store.steps.append("mark")
        if self.store.lost_marks:
            self.store.lost_marks -= 1
            return False
        return await self.store.inner.compare_and_swap(self.key, expected, record)

    async def finish(self, expected: int | None, record: Record) -> bool:
        """Store what came."""
        self.store.steps.append("finish")
        return await self.store.inner.compare_and_swap(self.key, expected, record)


@attrs.define(eq=False)
class HeldStore(TestStore):
    """It gives a `Held`; *steps* are all that is done with it."""

    __test__ = False

    lock_proves_death: bool = True
    left: list[float] = attrs.field(factory=list[float])
    lost_marks: int = 0

    def __attrs_post_init__(self) -> None:
        """Wait for nothing."""
        self.gate.set()

    @property
    def steps(self) -> list[str]:
        """What was done."""
        return self.calls

    @asynccontextmanager
    async def lock(self, key: GrantKey) -> AsyncGenerator[Held, None]:  # type: ignore[override]
        """Hold the lock, and give what it knows."""
        await self._pass("lock")
        await asyncio.sleep(0)  # as one that asks a server
        async with self.inner.lock(key):
            yield Lock(self, key, await self.inner.load(key))


async def filled(**options: Any) -> HeldStore:
    """Make a store with an expired token."""
    store = HeldStore(**options)
    expired = {"access_token": "t0", "expires_at": 0}
    await store.inner.compare_and_swap(KEY, None, record(expired, "r0"))
    return store


async def stored(store: HeldStore) -> Record:
    """Return the record."""
    found = await store.inner.load(KEY)
    assert found is not None
    return found


def test_it_is_one() -> None:
    """The store of these tests is a store."""
    store: TokenStore = HeldStore()
    assert isinstance(store, TokenStore)


def test_a_refresh() -> None:
    """Lock, mark and finish: nothing else is asked of the store."""

    async def main() -> None:
        exchange, store = opened(), await filled()
        assert "t1" == (await source(exchange, store).token())["access_token"]
        assert ["lock", "mark", "finish"] == store.steps
        assert ("r1", None) == ((f := await stored(store)).refresh_token, f.mark)

    run(main())


def test_the_first_token() -> None:
    """So it is where nothing is stored yet, and nothing is spent."""

    async def main() -> None:
        exchange, store = opened(), HeldStore()
        assert "t1" == (await source(exchange, store).token())["access_token"]
        assert ["lock", "finish"] == store.steps

    run(main())


def test_adoption() -> None:
    """What came with the lock is all that is needed."""

    async def main() -> None:
        exchange, store = opened(), HeldStore()
        good = {"access_token": "theirs", "expires_at": exchange.clock() + 3600}
        await store.inner.compare_and_swap(KEY, None, record(good, "r0"))
        assert "theirs" == (await source(exchange, store).token())["access_token"]
        assert (["lock"], []) == (store.steps, exchange.spent)

    run(main())


def test_a_version_that_has_changed() -> None:
    """Somebody encrypts the record anew while it is on its way: what came is stored all the same."""

    async def main() -> None:
        exchange, store = Exchange(), await filled()
        waiting = asyncio.create_task(source(exchange, store).token())
        await exchange.started.wait()
        found = await stored(store)
        anew = attrs.evolve(found, version=found.version + 1)
        assert await store.inner.compare_and_swap(KEY, found.version, anew)
        exchange.gate.set()
        assert "t1" == (await waiting)["access_token"]
        assert ["lock", "mark", "finish", "load", "finish"] == store.steps
        assert ("r1", None) == ((f := await stored(store)).refresh_token, f.mark)

    run(main())


def test_too_little_left() -> None:
    """Nothing is sent; the mark goes, and it begins again with a new lock."""

    async def main() -> None:
        store = await filled(left=[29.0])
        marks: list[bool] = []

        class Looking(Exchange):
            """It looks at the mark."""

            async def __call__(self, record: Record | None) -> Mapping[str, Any]:
                """Send it."""
                sending = SENDING.get()
                assert sending is not None
                marks.append((await stored(store)).mark is not None)
                return await super().__call__(record)

        exchange = Looking()
        exchange.gate.set()
        assert "t1" == (await source(exchange, store).token())["access_token"]
        assert (["r0"], [True]) == (exchange.spent, marks)
        assert ["lock", "mark"] == store.steps[:2]
        assert ["lock", "mark", "finish"] == store.steps[-3:]
        assert 2 == store.steps.count("lock")
        assert (await stored(store)).mark is None

    run(main())


def test_always_too_little_left() -> None:
    """A lock that is never ours for long enough ends with the deadline; nothing was sent."""

    async def main() -> None:
        exchange, store = opened(), await filled(left=[0.0] * 10_000)
        with pytest.raises(UnreachableError):
            await source(exchange, store, deadline=0.02).token()
        assert [] == exchange.spent

    run(main())


def test_a_lock_that_is_lost_before_the_mark() -> None:
    """Nothing is sent; it begins again with a new lock."""

    async def main() -> None:
        exchange, store = opened(), await filled(lost_marks=1, left=[0.0])
        assert "t1" == (await source(exchange, store).token())["access_token"]
        assert ["lock", "mark", "lock", "mark", "finish"] == store.steps
        assert ["r0"] == exchange.spent

    run(main())


def test_a_mark_that_is_refused() -> None:
    """While the lock is ours somebody else has stored something: it is looked at again."""

    async def main() -> None:
        exchange, store = opened(), await filled(lost_marks=1)
        assert "t1" == (await source(exchange, store).token())["access_token"]
        assert ["lock", "mark", "load", "mark", "finish"] == store.steps

    run(main())


def test_a_lock_that_was_lost_while_it_was_on_its_way() -> None:
    """The answer is stored: it is newer than whatever is there."""

    async def main() -> None:
        exchange, store = Exchange(), await filled(lock_proves_death=False)
        waiting = asyncio.create_task(source(exchange, store).token())
        await exchange.started.wait()
        found = await stored(store)
        assert found.mark is not None
        doubted = attrs.evolve(
            found, version=found.version + 1, mark=attrs.evolve(found.mark, final=True)
        )
        assert await store.inner.compare_and_swap(KEY, found.version, doubted)
        store.left.extend([0.0] * 10)
        exchange.gate.set()
        assert "t1" == (await waiting)["access_token"]
        assert ("r1", None) == ((f := await stored(store)).refresh_token, f.mark)

    run(main())


def test_an_epoch_of_before() -> None:
    """A lock proves nothing about who marked when another one was good."""

    async def main() -> None:
        for epoch, sent in (("1", ["r0"]), ("0", list[str]())):
            exchange, store = opened(), await filled()
            found = await stored(store)
            mark = Mark.of("r0", "another", 1.0, epoch)
            marked = attrs.evolve(found, mark=mark, version=2)
            assert await store.inner.compare_and_swap(KEY, 1, marked)
            try:
                await source(exchange, store).token()
            except ReauthorizationRequired:
                assert not sent
            assert sent == exchange.spent

    run(main())
