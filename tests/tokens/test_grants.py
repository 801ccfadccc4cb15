"""Grants: what of a store is in memory, loaded and kept by flights that all clients share."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from oauthkit import (
    ConfigurationError,
    GrantKey,
    MemoryStore,
    OAuthError,
    Record,
    Token,
    TokenStore,
    UnreachableError,
)
from oauthkit.tokens.grants import PLAIN, Grant, Slot, grant_of
from oauthkit.tokens.sources import StoredSource
from support import run
from tokens.stores import TestStore

KEY = GrantKey(issuer="https://api.example", client_id="id")
TOKEN = Token({"oauth_token": "t", "oauth_token_secret": "s"})
OTHER = Token({"oauth_token": "other", "oauth_token_secret": "s"})


def record(token: Token, version: int = 1) -> Record:
    """Return a record of one OAuth 1.0a token."""
    return Record(access_tokens={("", ""): token}, version=version)


def open_store(**options: Any) -> TestStore:
    """Make a store that answers at once."""
    store = TestStore(**options)
    store.gate.set()
    return store


def held(grant: Grant) -> Token | None:
    """Return the token in memory."""
    return grant.tokens.get(PLAIN)


async def complete(
    grant: Grant, fetch: Callable[[], Coroutine[Any, Any, Token]], deadline: float = 5
) -> Token:
    """Fetch and keep a token in one flight, as a client does."""

    async def fetch_and_keep() -> tuple[Slot, Token]:
        return PLAIN, await grant.keep(PLAIN, await fetch(), fresh=True, deadline=deadline)

    return await grant.complete(fetch_and_keep)


async def turns(count: int = 8) -> None:
    """Let the loop turn."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_store_is_asked_once() -> None:
    """A thousand requests of two clients are one look-up; then memory answers."""

    async def main() -> None:
        store = TestStore()
        await store.inner.compare_and_swap(KEY, None, record(TOKEN))
        sources = [StoredSource(grant=grant_of(store, KEY)) for _ in range(2)]
        assert sources[0].grant is sources[1].grant
        waiting = [asyncio.create_task(sources[n % 2].token()) for n in range(1000)]
        await turns()
        store.gate.set()
        assert {TOKEN} == set(await asyncio.gather(*waiting))
        assert TOKEN == await sources[0].token()
        assert ["lock", "load"] == store.calls

    run(main())


def test_nothing_stored() -> None:
    """Where there is no token, the empty one is handed out: the client signs for itself."""

    async def main() -> None:
        source = StoredSource(grant=grant_of(store := open_store(), KEY))
        assert {} == dict(await source.token())
        assert {} == dict(await source.token())
        assert ["lock", "load"] == store.calls
        assert held(source.grant) is None

    run(main())


def test_record_of_another_kind() -> None:
    """A record whose tokens belong to scopes holds none of OAuth 1.0a."""

    async def main() -> None:
        store = open_store()
        other = Record(access_tokens={("read", ""): TOKEN})
        await store.inner.compare_and_swap(KEY, None, other)
        assert {} == dict(await StoredSource(grant=grant_of(store, KEY)).token())

    run(main())


def test_failing_store() -> None:
    """Its failure reaches everybody, nothing is kept of it, and the next one asks again."""

    async def main() -> None:
        store = TestStore(failure=OSError("disk"))
        await store.inner.compare_and_swap(KEY, None, record(TOKEN))
        source = StoredSource(grant=grant_of(store, KEY))
        waiting = [asyncio.create_task(source.token()) for _ in range(10)]
        await turns()
        store.gate.set()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [OSError] * 10 == [type(result) for result in results]
        store.failure = None
        assert TOKEN == await source.token()
        assert ["lock", "lock", "load"] == store.calls

    run(main())


def test_slow_store() -> None:
    """It is given up after the deadline, by an error that names it; the next one asks again."""

    async def main() -> None:
        store = TestStore()
        source = StoredSource(grant=grant_of(store, KEY), deadline=0.01)
        with pytest.raises(UnreachableError, match=r"0\.01 s") as caught:
            await source.token()
        assert ("TestStore", 0.01) == (caught.value.endpoint, caught.value.deadline)
        store.gate.set()
        assert {} == dict(await source.token())

    run(main())


def test_timeout_of_the_stores_own() -> None:
    """A store that gives up by itself is heard: its TimeoutError goes through."""

    async def main() -> None:
        store = open_store(failure=TimeoutError("the store's"))
        with pytest.raises(TimeoutError, match="the store's"):
            await StoredSource(grant=grant_of(store, KEY)).token()

    run(main())


def test_cancelled_waiter() -> None:
    """The first one leaves; the others get the token."""

    async def main() -> None:
        store = TestStore()
        await store.inner.compare_and_swap(KEY, None, record(TOKEN))
        source = StoredSource(grant=grant_of(store, KEY))
        first, second = (asyncio.create_task(source.token()) for _ in range(2))
        await turns()
        first.cancel()
        store.gate.set()
        assert TOKEN == await second
        assert ["lock", "load"] == store.calls

    run(main())


@pytest.mark.parametrize("stored", [None, TOKEN])
def test_rejected_token_is_not_handed_out_again(stored: Token | None) -> None:
    """The store is read again: it may have another one; if not, that is the end."""

    async def main() -> None:
        store = open_store()
        source = StoredSource(grant=grant_of(store, KEY))
        source.grant.assign(TOKEN)
        if stored is not None:
            await store.inner.compare_and_swap(KEY, None, record(stored))
            with pytest.raises(OAuthError, match="authorize again") as caught:
                await source.token(rejected=TOKEN)
            assert "invalid_token" == caught.value.error
            assert "oauth_token" not in str(caught.value)
            await store.inner.compare_and_swap(KEY, 1, record(OTHER, 2))
            assert OTHER == await source.token(rejected=TOKEN)
        else:
            with pytest.raises(OAuthError, match="authorize again"):
                await source.token(rejected=TOKEN)

    run(main())


def test_token_that_is_set_while_the_store_answers() -> None:
    """What the user sets is newer than what was asked for before."""

    async def main() -> None:
        store = TestStore()
        await store.inner.compare_and_swap(KEY, None, record(TOKEN))
        source = StoredSource(grant=grant_of(store, KEY))
        waiting = asyncio.create_task(source.token())
        await turns()
        source.grant.assign(OTHER)
        store.gate.set()
        assert OTHER == await waiting
        assert OTHER == held(source.grant)

    run(main())


def test_kept_token_is_stored_first() -> None:
    """Nobody is handed what is not stored; a lost race is run again."""

    async def main() -> None:
        store = TestStore(lost_races=2)
        grant = grant_of(store, KEY)

        async def fetch() -> Token:
            return TOKEN

        fetching = asyncio.create_task(complete(grant, fetch))
        await turns()
        assert held(grant) is None
        store.gate.set()
        assert TOKEN == await fetching
        assert TOKEN == held(grant)
        stored = await store.inner.load(KEY)
        assert record(TOKEN) == stored
        assert ["load", "swap"] * 3 == store.calls
        await grant.keep(PLAIN, OTHER)
        assert record(OTHER, 2) == await store.inner.load(KEY)

    run(main())


def test_store_that_loses_every_race() -> None:
    """A store that never waits and never stores is given up after the deadline."""

    async def main() -> None:
        store = open_store(lost_races=10**9)

        async def fetch() -> Token:
            return TOKEN

        with pytest.raises(UnreachableError):
            await complete(grant_of(store, KEY), fetch, 0.02)

    run(main())


def test_failing_fetch_and_failing_store() -> None:
    """Both reach the caller; what was in memory stays."""

    async def main() -> None:
        store = open_store()
        grant = grant_of(store, KEY)
        grant.assign(OTHER)

        async def broken() -> Token:
            raise OAuthError("no", error="refused")

        async def fetch() -> Token:
            return TOKEN

        with pytest.raises(OAuthError, match="no"):
            await complete(grant, broken)
        store.failure = OSError("disk")
        with pytest.raises(OSError, match="disk"):
            await complete(grant, fetch)
        assert OTHER == held(grant)

    run(main())


def test_cancelled_fetch_is_kept() -> None:
    """Who asked has gone; the token is fetched and stored all the same."""

    async def main() -> None:
        store = open_store()
        grant = grant_of(store, KEY)
        answered = asyncio.Event()

        async def fetch() -> Token:
            await answered.wait()
            return TOKEN

        fetching = asyncio.create_task(complete(grant, fetch))
        await turns()
        fetching.cancel()
        await turns()
        answered.set()
        await grant.flights.settle()
        assert TOKEN == held(grant)
        assert record(TOKEN) == await store.inner.load(KEY)

    run(main())


@pytest.mark.parametrize(
    "make",
    [
        lambda: GrantKey(issuer="https://api.example", client_id="id", account="a"),
        lambda: GrantKey(issuer="https://other.example", client_id="id"),
        lambda: GrantKey(issuer="https://api.example", client_id="other"),
    ],
)
def test_keys_keep_grants_apart(make: Callable[[], GrantKey]) -> None:
    """Another account, server or client is another grant; another store as well."""
    store = MemoryStore()
    grant = grant_of(store, KEY)
    assert grant is grant_of(store, GrantKey(issuer="https://api.example", client_id="id"))
    assert grant is not grant_of(store, make())
    assert grant is not grant_of(MemoryStore(), KEY)


def test_grants_vanish_when_unused() -> None:
    """Neither a grant nor a store is kept by the table of both."""
    store = MemoryStore()
    grant = grant_of(store, KEY)
    gone, left = weakref.ref(grant), weakref.ref(store)
    gc.disable()
    try:
        del grant
        assert gone() is None
        del store
        assert left() is None
    finally:
        gc.enable()


def test_stores_without_identity_are_refused() -> None:
    """A store that cannot be a key of a weak dictionary is an error that says so."""

    class Unhashable(MemoryStore):
        __hash__ = None  # type: ignore[assignment]

    for store in (Unhashable(), object.__new__(Slots)):
        with pytest.raises(ConfigurationError, match="hashable by identity"):
            grant_of(store, KEY)  # type: ignore[arg-type]


class Slots:
    """Hashable, and not weakly referable."""

    __slots__ = ()


def test_memory_store() -> None:
    """Load, swap, delete, iterate and lock, as the protocol says."""

    async def main() -> None:
        store = MemoryStore()
        assert isinstance(store, TokenStore)
        assert await store.load(KEY) is None
        assert not await store.compare_and_swap(KEY, 1, record(TOKEN))
        assert await store.compare_and_swap(KEY, None, record(TOKEN))
        assert not await store.compare_and_swap(KEY, None, record(OTHER))
        assert not await store.compare_and_swap(KEY, 2, record(OTHER, 3))
        assert await store.compare_and_swap(KEY, 1, record(OTHER, 2))
        assert record(OTHER, 2) == await store.load(KEY)
        other = GrantKey(issuer="https://other.example", client_id="id")
        await store.compare_and_swap(other, None, record(TOKEN))
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


def test_secrets_do_not_show() -> None:
    """Neither a record, a store, a grant nor a source shows a token."""
    store = MemoryStore()
    run(
        store.compare_and_swap(
            KEY, None, Record(access_tokens={("", ""): TOKEN}, refresh_token="hidden")
        )
    )
    grant: Grant = grant_of(store, KEY)
    grant.assign(Token({"oauth_token": "hidden", "oauth_token_secret": "hidden"}))
    for shown in (record(held(grant) or TOKEN), store, grant, StoredSource(grant=grant)):
        assert "hidden" not in repr(shown)
        assert "'t'" not in repr(shown)
