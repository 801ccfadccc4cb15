"""Who has got a token that he cannot store keeps the lock; who is cancelled says so."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from oauthkit import GrantKey, MemoryStore, Record, SQLiteStore, UnreachableError
from oauthkit.tokens import saving
from oauthkit.tokens.seams import SENDING
from oauthkit.tokens.sources import StoredSource
from support import run
from tokens.grants import KEY, Clock, Exchange, opened, record, source, turns
from tokens.stores import TestStore

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "a refresh token is never spent twice",
    rfc="RFC 6749 §6",
    judge="none but ours",
)


@attrs.define(eq=False)
class Broken(SQLiteStore):
    """It stores marks, and no token while it is *broken*."""

    broken: bool = False
    tries: int = 0
    tried: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Store *record*, or fail."""
        self.tries += record.mark is None
        if self.tries >= 5:
            self.tried.set()
        if self.broken and record.mark is None:
            raise OSError("disk")
        return await super().compare_and_swap(key, expected, record)


EXPIRED = {"access_token": "t0", "expires_at": 0}


def test_kept_until_it_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process waits for the lock in vain, then adopts what was stored at last."""
    monkeypatch.setattr(saving, "_FIRST_PAUSE", 0.0)

    async def main() -> None:
        exchange, others = opened(), opened()
        first, second = Broken(tmp_path / "tokens.db"), SQLiteStore(tmp_path / "tokens.db")
        await first.compare_and_swap(KEY, None, record(EXPIRED, "r0"))
        first.broken, first.tries = True, 0
        asked = source(exchange, first)
        with pytest.raises(OSError, match="disk") as caught:
            await asked.token()
        assert any("not stored yet" in note for note in caught.value.__notes__)
        with pytest.raises(UnreachableError, match="its lock, did not answer within"):
            await source(others, second, deadline=0.05).token()
        # It is tried again and again meanwhile, by nobody's request.
        await first.tried.wait()
        first.broken = False
        assert "t1" == (await source(others, second).token())["access_token"]
        assert (["r0"], []) == (exchange.spent, others.spent)
        assert [] == asked.grant.unsaved
        assert asked.grant.tokens[asked.slot]["refresh_token"] == "r1"
        tries = first.tries
        await turns(50)
        assert tries == first.tries
        await first.close()
        await second.close()

    run(main())


def test_not_kept_where_it_proves_nothing() -> None:
    """The mark keeps others from sending; the lock is free."""

    async def main() -> None:
        exchange, store = opened(), TestStore(refusals=[OSError("disk")])
        store.gate.set()
        await store.inner.compare_and_swap(KEY, None, record(EXPIRED, "r0"))
        with pytest.raises(OSError, match="disk"):
            await source(exchange, store).token()
        async with asyncio.timeout(5), store.inner.lock(KEY):
            pass
        assert "t1" == (await source(exchange, store).token())["access_token"]
        assert ["r0"] == exchange.spent

    run(main())


def test_the_next_request_stores_it_first(tmp_path: Path) -> None:
    """Under the lock that was kept: it does not wait for itself."""

    async def main() -> None:
        exchange, store = opened(), Broken(tmp_path / "tokens.db")
        await store.compare_and_swap(KEY, None, record(EXPIRED, "r0"))
        store.broken = True
        asked = source(exchange, store)
        for _ in range(3):
            with pytest.raises(OSError, match="disk"):
                await asked.token()
        store.broken = False
        assert "t1" == (await asked.token())["access_token"]
        assert ["r0"] == exchange.spent
        other = SQLiteStore(tmp_path / "tokens.db")
        async with asyncio.timeout(5), other.lock(KEY):
            pass  # it is free
        await other.close()
        await store.close()

    run(main())


# -- a loop that ends ------------------------------------------------------------------------------


class NeverSent(Exchange):
    """What it says has not left."""

    async def __call__(self, record: Record | None) -> Mapping[str, Any]:
        """Note that nothing has left."""
        sending = SENDING.get()
        assert sending is not None
        sending.left = False
        return await super().__call__(record)


def begin(exchange: Exchange, inner: MemoryStore) -> StoredSource:
    """Begin a process: a store object of its own."""
    store = TestStore(inner=inner)
    store.gate.set()
    return source(exchange, store)


@pytest.mark.parametrize("left", [True, False])
def test_cancelled_as_the_loop_ends(left: bool) -> None:
    """The mark says that nobody waits for the answer, or goes; the next process sends it once."""
    inner = MemoryStore()

    async def end_early() -> None:
        exchange = Exchange() if left else NeverSent()
        await inner.compare_and_swap(KEY, None, record(EXPIRED, "r0"))
        asked = begin(exchange, inner)
        waiting = asyncio.create_task(asked.token())
        await exchange.started.wait()
        assert not waiting.done()

    asyncio.run(end_early())

    async def main() -> None:
        found = await inner.load(KEY)
        assert found is not None
        if left:
            assert found.mark is not None
            assert ("", True, False) == (found.mark.holder, found.mark.lost, found.mark.final)
        else:
            assert found.mark is None
        exchange = opened(clock=Clock())
        assert "t1" == (await begin(exchange, inner).token())["access_token"]
        assert ["r0"] == exchange.spent
        found = await inner.load(KEY)
        assert found is not None
        assert ("r1", None) == (found.refresh_token, found.mark)
        assert 0 == len(inner._locks)

    run(main())
