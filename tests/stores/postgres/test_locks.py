"""Locks of the PostgreSQL store: who holds them, when they end, and what is proved by them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from oauthkit import GrantKey, PostgresStore
from oauthkit.testing.store_processes import KEY, number_in, record_of
from stores.postgres.moments import connections, holder, locks, lost, none_left
from stores.postgres.server import Server, table_of
from support import run

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "PostgreSQL: locks that end with their session",
    rfc=None,
    judge="none but ours",
)

ONE, TWO = record_of(1, 1), record_of(2, 2)


def store_of(server: Server, tmp_path: Path, query: str = "") -> PostgresStore:
    """Return a store in a table of the test's own."""
    return PostgresStore(server.url(query), table=table_of(tmp_path))


@asynccontextmanager
async def two_stores(server: Server, tmp_path: Path) -> AsyncGenerator[list[PostgresStore]]:
    """Open two stores of one table, and close them."""
    stores = [store_of(server, tmp_path) for _ in range(2)]
    try:
        yield stores
    finally:
        for store in stores:
            await store.close()
        # A session that took one for held that was not, or the other way round, would stay.
        await none_left(server)


@pytest.mark.parametrize("is_new", [True, False])
def test_a_session_that_was_ended(server: Server, tmp_path: Path, *, is_new: bool) -> None:
    """Its lock is free; its holder knows, marks nothing any more, and can still store."""

    async def main() -> None:
        async with two_stores(server, tmp_path) as (store, other):
            if not is_new:
                assert await store.compare_and_swap(KEY, None, ONE)
            expected, version = (None, 1) if is_new else (1, 2)
            async with store.lock(KEY) as held:
                assert held.record == (None if is_new else ONE)
                assert float("inf") == held.remaining()
                await server.ask("SELECT pg_terminate_backend($1)", await holder(server))
                await lost(held)
                async with other.lock(KEY) as following:
                    assert held.epoch == following.epoch
                    assert not await held.mark(expected, record_of(7, version))
                    assert held.record == await store.load(KEY), "it was stored"
                    assert not await held.finish(9, record_of(9, 10))
                    assert await held.finish(expected, record_of(5, version))
                    assert 5 == number_in(await store.load(KEY))
                    # It was not his to free any more.
                    assert 1 == await locks(server)
            async with store.lock(KEY) as held:
                assert 5 == number_in(held.record)
                assert await held.mark(version, record_of(6, version + 1))

    run(main())


def test_finishing_frees_the_lock(server: Server, tmp_path: Path) -> None:
    """Where the record could be stored; and it is freed once."""

    async def main() -> None:
        async with two_stores(server, tmp_path) as (store, other):
            async with store.lock(KEY) as held:
                assert await held.mark(None, ONE)
                assert not await held.finish(None, TWO)
                assert 1 == await locks(server)
                assert await held.finish(1, TWO)
                assert 0 == held.remaining()
                assert not await held.mark(2, record_of(3, 3))
                async with other.lock(KEY) as following:
                    assert TWO == following.record
            assert 0 == await locks(server)

    run(main())


def test_what_the_last_holder_stored_comes_with_the_lock(server: Server, tmp_path: Path) -> None:
    """Never what was stored before: many who add one under the lock lose none."""

    async def add(store: PostgresStore) -> None:
        for _ in range(40):
            async with store.lock(KEY) as held:
                version = 0 if held.record is None else held.record.version
                following = record_of(number_in(held.record) + 1, version + 1)
                assert await held.finish(version or None, following), "it was an old record"

    async def main() -> None:
        async with two_stores(server, tmp_path) as stores:
            await asyncio.gather(*(add(store) for store in stores * 2))
            assert 160 == number_in(await stores[0].load(KEY))

    run(main())


def test_many_locks_on_one_connection(server: Server, tmp_path: Path) -> None:
    """200 grants are held, marked and stored at the same time, over three connections."""
    keys = [
        GrantKey(issuer="https://as.example", client_id="id", account=f"{n}") for n in range(200)
    ]
    everybody = asyncio.Barrier(len(keys))

    async def refresh(store: PostgresStore, key: GrantKey) -> None:
        async with store.lock(key) as held:
            assert held.record is None
            assert await held.mark(None, ONE)
            await everybody.wait()
            if key is keys[0]:
                assert 200 == await locks(server)
                assert await connections(server) <= 3
            await everybody.wait()
            assert await held.finish(1, TWO)

    async def main() -> None:
        store = store_of(server, tmp_path, "pool_size=2")
        await asyncio.gather(*(refresh(store, key) for key in keys))
        assert {*keys} == {key async for key in store.iterate()}
        assert 0 == await locks(server)
        await store.close()

    run(main())


def test_waiters_that_leave(server: Server, tmp_path: Path) -> None:
    """At whatever moment: the server knows of no lock afterwards."""

    async def wait(store: PostgresStore) -> None:
        async with store.lock(KEY):
            await asyncio.sleep(0)

    async def main() -> None:
        async with two_stores(server, tmp_path) as (store, other):
            await store.load(KEY)
            for turns in range(60):
                tasks = [asyncio.create_task(wait(one)) for one in (store, store, other)]
                for _ in range(turns):
                    await asyncio.sleep(0)
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
                # Answered after whatever the sessions had been asked before.
                async with store.lock(KEY), other.lock(GrantKey(issuer="i", client_id="c")):
                    assert 2 == await locks(server), turns
            assert 0 == await locks(server)

    run(main())


def test_a_holder_that_is_cancelled_twice(server: Server, tmp_path: Path) -> None:
    """The lock is given back although its holder does not wait for it."""

    async def main() -> None:
        store = store_of(server, tmp_path)
        inside = asyncio.Event()

        async def hold() -> None:
            async with store.lock(KEY):
                inside.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(hold())
        await inside.wait()
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        async with store.lock(KEY):
            pass
        await store.close()

    run(main())


def test_a_store_that_is_closed_keeps_its_locks(server: Server, tmp_path: Path) -> None:
    """Until they are given back; a closed store opens again."""

    async def main() -> None:
        store = store_of(server, tmp_path)
        async with store.lock(KEY) as held:
            await store.close()
            assert 1 == await locks(server)
            assert await held.mark(None, ONE)
            assert ONE == await store.load(KEY)
        assert 0 == await locks(server)
        await store.close()
        await none_left(server)

    run(main())


def test_a_waiter_goes_on_after_its_store_was_closed(server: Server, tmp_path: Path) -> None:
    """He gets the lock in his turn, and leaves no connection behind."""

    async def main() -> None:
        async with two_stores(server, tmp_path) as (store, other):

            async def wait() -> None:
                async with other.lock(KEY) as held:
                    assert ONE == held.record

            async with store.lock(KEY) as held:
                waiting = asyncio.create_task(wait())
                while await connections(server) < 2:
                    assert not waiting.done()
                kept = other._the_opened()  # what nobody keeps closes itself
                await other.close()
                assert await held.finish(None, ONE)
            await waiting
            await store.close()
            await none_left(server)
            del kept

    run(main())


def test_a_server_that_was_started_anew(server: Server, tmp_path: Path) -> None:
    """Its locks are those of another epoch: who held one before may still live."""

    async def main() -> None:
        store = store_of(server, tmp_path)
        async with store.lock(KEY) as held:
            assert await held.mark(None, ONE)
        async with store.lock(KEY) as again:
            assert held.epoch == again.epoch
            await asyncio.to_thread(server.restart)
            await lost(again)
            assert not await again.mark(1, TWO)
            assert await again.finish(1, TWO)
        async with store.lock(KEY) as later:
            assert again.epoch != later.epoch
            assert TWO == later.record
        await store.close()

    run(main())


def test_a_server_that_crashed(server: Server, tmp_path: Path) -> None:
    """One process of it was killed: all sessions and locks end, though the server lives on."""
    started = "SELECT pg_postmaster_start_time()"

    async def ask_again() -> object:
        while True:
            try:
                return await server.ask(started)
            except Exception:  # noqa: BLE001 - it is on its way
                await asyncio.sleep(0.01)

    async def main() -> None:
        store = store_of(server, tmp_path)
        before = await server.ask(started)
        async with store.lock(KEY) as held:
            assert await held.mark(None, ONE)
            os.kill(await holder(server), signal.SIGKILL)
            await lost(held)
            assert before == await ask_again()
        async with store.lock(KEY) as later:
            assert held.epoch != later.epoch
        await store.close()

    run(main())


def test_a_session_that_does_not_answer(server: Server, tmp_path: Path) -> None:
    """Its holder gives it up in time; the lock is free once the server has noticed that, too."""

    async def main() -> None:
        store = store_of(server, tmp_path, "timeout=0.3")
        async with store.lock(KEY) as held:
            session = await holder(server)
            os.kill(session, signal.SIGSTOP)
            try:
                assert not await held.mark(None, ONE)
                assert 0 == held.remaining()
                assert await held.finish(None, TWO)
                assert 1 == await locks(server)
            finally:
                os.kill(session, signal.SIGCONT)
        async with store.lock(KEY) as held:
            assert TWO == held.record
        await store.close()

    run(main())
