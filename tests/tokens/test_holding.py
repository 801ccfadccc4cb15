"""The store's lock, which is kept beyond a turn while something is not stored, as it is ours."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import attrs
import pytest

from oauthkit import GrantKey, MemoryStore, Record
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


class _Leasing(MemoryStore):
    """A store whose locks are leases; *log* says what became of them."""

    lock_proves_death = False

    def __init__(self, left: float) -> None:
        super().__init__()
        self.left = left
        self.log: list[str] = []

    @asynccontextmanager
    async def lock(self, key: GrantKey) -> AsyncGenerator[Held | None, None]:
        self.log.append("taken")
        yield _Lease(self.left)
        self.log.append("freed")


@pytest.mark.parametrize(("left", "first"), [(60.0, ["taken"]), (0.0, ["taken", "freed"])])
def test_a_lease_is_kept_as_long_as_it_is_ours(left: float, first: list[str]) -> None:
    """Another process that got it would find a token that is being sent, and ask for a login."""

    async def main() -> None:
        store, unsaved = _Leasing(left), ["a token"]
        turns = Turns(store, KEY, lambda: unsaved)
        async with turns.take():
            pass
        assert first == store.log
        async with turns.take():
            unsaved.clear()
        assert [*first, *(["taken", "freed"] if left == 0 else ["freed"])] == store.log

    run(main())
