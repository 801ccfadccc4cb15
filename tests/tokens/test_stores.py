"""The store in memory: records, versions and locks, as the protocol says."""

from __future__ import annotations

import asyncio

from oauthkit import GrantKey, MemoryStore, Token, TokenStore
from support import run
from tokens.grants import KEY, record, turns

TOKEN = Token({"oauth_token": "t", "oauth_token_secret": "s"})
OTHER = Token({"oauth_token": "other", "oauth_token_secret": "s"})


def test_memory_store() -> None:
    """Load, swap, delete, iterate and lock, as the protocol says."""

    async def main() -> None:
        store = MemoryStore()
        assert isinstance(store, TokenStore)
        assert await store.load(KEY) is None
        assert not await store.compare_and_swap(KEY, 1, record(TOKEN, None))
        assert await store.compare_and_swap(KEY, None, record(TOKEN, None))
        assert not await store.compare_and_swap(KEY, None, record(OTHER, None))
        assert not await store.compare_and_swap(KEY, 2, record(OTHER, None, 3))
        assert await store.compare_and_swap(KEY, 1, record(OTHER, None, 2))
        assert record(OTHER, None, 2) == await store.load(KEY)
        other = GrantKey(issuer="https://other.example", client_id="id")
        await store.compare_and_swap(other, None, record(TOKEN, None))
        found: list[GrantKey] = []
        async for key in store.iterate():
            found.append(key)
            await store.delete(key)
        assert [KEY, other] == found
        await store.delete(KEY)
        assert [] == [key async for key in store.iterate()]

    run(main())


def test_memory_store_locks() -> None:
    """One at a time, by key; a lock vanishes with its last holder, and on another loop is new."""
    store = MemoryStore()
    order: list[str] = []

    async def hold(name: str, key: GrantKey, until: asyncio.Event) -> None:
        async with store.lock(key):
            order.append(f"{name} in")
            await until.wait()
            order.append(f"{name} out")

    async def main() -> None:
        go = asyncio.Event()
        other = GrantKey(issuer="", client_id="")
        tasks = [
            asyncio.create_task(hold(name, key, go))
            for name, key in (("first", KEY), ("second", KEY), ("other", other))
        ]
        await turns()
        assert ["first in", "other in"] == order
        go.set()
        await asyncio.gather(*tasks)
        assert order.index("first out") < order.index("second in")
        assert 0 == len(store._locks)

    for _ in range(2):
        order.clear()
        run(main())


def test_memory_store_lock_whose_waiter_leaves() -> None:
    """The next one gets it."""

    async def main() -> None:
        store = MemoryStore()
        async with store.lock(KEY):
            waiting = asyncio.create_task(store.lock(KEY).__aenter__())
            await turns()
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        async with store.lock(KEY):
            pass

    run(main())
