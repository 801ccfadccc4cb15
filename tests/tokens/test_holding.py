"""The store's lock, which is kept beyond a turn while something is not stored, as it is ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

from oauthkit import GrantKey, Record, SQLiteStore
from oauthkit.tokens.holding import Turns
from oauthkit.tokens.stores import Held
from support import run
from tokens.grants import KEY


@attrs.define(eq=False)
class _Lease:
    """A lock that is ours for *left* seconds."""

    left: float
    record: Record | None = None
    epoch: str = ""

    def remaining(self) -> float:
        return self.left

    async def mark(self, expected: int | None, record: Record) -> bool:
        raise NotImplementedError

    async def finish(self, expected: int | None, record: Record) -> bool:
        raise NotImplementedError


@attrs.define(eq=False)
class _Leasing:
    """As much of a store as is asked here, whose locks are leases; *log*: what became of them."""

    left: float
    log: list[str] = attrs.field(factory=list[str])
    lock_proves_death: bool = False

    @asynccontextmanager
    async def lock(self, _: GrantKey) -> AsyncGenerator[Held, None]:
        self.log.append("taken")
        yield _Lease(self.left)
        self.log.append("freed")


@pytest.mark.parametrize(("left", "first"), [(60.0, ["taken"]), (0.0, ["taken", "freed"])])
def test_a_lease_is_kept_as_long_as_it_is_ours(left: float, first: list[str]) -> None:
    """Another process that got it would find a token that is being sent, and ask for a login."""

    async def main() -> None:
        unsaved = ["a token"]
        store: Any = _Leasing(left)
        turns = Turns(store, KEY, lambda: unsaved)
        async with turns.take():
            pass
        assert first == store.log
        async with turns.take():
            unsaved.clear()
        assert [*first, *(["taken", "freed"] if left == 0 else ["freed"])] == store.log

    run(main())


def test_a_kept_lock_ends_with_its_loop(tmp_path: Path) -> None:
    """The next loop takes it anew: whoever believed to hold it would not be alone."""
    store, other = SQLiteStore(tmp_path / "t.db"), SQLiteStore(tmp_path / "t.db")
    turns = Turns(store, KEY, lambda: True)

    async def keep() -> None:
        async with turns.take():
            pass

    async def look() -> None:
        async with turns.take():
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), other.lock(KEY):
                    raise AssertionError("two hold the lock")
        await store.close()
        await other.close()

    run(keep())
    run(look())
