"""Connections of the PostgreSQL store: loops, threads, forks, and a server that comes and goes."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oauthkit import ConfigurationError, PostgresStore, open_store
from oauthkit.testing.store_processes import KEY, number_in, record_of
from stores.postgres.moments import connections, locks, none_left
from stores.postgres.relay import pooler
from stores.postgres.server import Server, table_of
from support import run

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "PostgreSQL: loops, threads, forks, a server that comes and goes",
    rfc=None,
    judge="none but ours",
)

ONE, TWO = record_of(1, 1), record_of(2, 2)


@pytest.fixture
def store(server: Server, tmp_path: Path) -> PostgresStore:
    """Return a store in a table of the test's own."""
    return PostgresStore(server.url(), table=table_of(tmp_path))


async def enter(store: PostgresStore) -> None:
    """Enter and leave the lock."""
    async with store.lock(KEY):
        pass


def test_by_url(server: Server, tmp_path: Path) -> None:
    """Both schemes, over TCP; twice the same URL is one store."""

    async def main() -> None:
        url = server.url(f"table={table_of(tmp_path)}", tcp=True)
        store = open_store(url)
        assert isinstance(store, PostgresStore)
        assert store is open_store(url)
        other = open_store(url.replace("postgresql:", "postgres:", 1))
        assert isinstance(other, PostgresStore)
        assert await store.compare_and_swap(KEY, None, ONE)
        async with store.lock(KEY):
            assert ONE == await other.load(KEY)
            query = "SELECT count(*) FROM pg_settings WHERE name LIKE 'tcp_keepalives%'"
            assert 3 == await server.ask(query)
        await store.close()
        await other.close()

    run(main())


def test_one_loop_after_the_other(server: Server, store: PostgresStore) -> None:
    """A loop that ends closes its connections, without a word."""
    run(store.compare_and_swap(KEY, None, ONE))
    run(none_left(server))

    async def lock() -> None:
        async with store.lock(KEY) as held:
            assert ONE == held.record

    run(lock())
    run(lock())
    run(none_left(server))
    gc.collect()  # what was not closed would say so now


def test_a_store_that_nobody_holds(server: Server, tmp_path: Path) -> None:
    """It closes itself, on a loop that runs on."""

    async def main() -> None:
        store = PostgresStore(server.url(), table=table_of(tmp_path))
        async with store.lock(KEY):
            pass
        await store.load(KEY)
        assert 2 == await connections(server)
        del store
        await none_left(server)

    gc.disable()  # by reference counting alone
    try:
        run(main())
    finally:
        gc.enable()


def test_two_loops_at_once(store: PostgresStore) -> None:
    """Each has connections of its own, and a lock excludes the other's threads too."""
    inside, waiting, order = threading.Event(), threading.Event(), list[str]()

    async def first() -> None:
        async with store.lock(KEY) as held:
            assert await held.mark(None, ONE)
            inside.set()
            await asyncio.to_thread(waiting.wait)
            assert await store.load(KEY) == ONE
            order.append("first")

    async def second() -> None:
        await asyncio.to_thread(inside.wait)
        await store.load(KEY)
        task = asyncio.create_task(take())
        for _ in range(20):
            await store.load(KEY)
        waiting.set()
        await task

    async def take() -> None:
        async with store.lock(KEY) as held:
            order.append("second")
            assert ONE == held.record

    threads = [threading.Thread(target=run, args=(main(),)) for main in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert ["first", "second"] == order


def test_close_on_another_loop(server: Server, store: PostgresStore) -> None:
    """What is open on a loop that runs elsewhere is closed there."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(store.load(KEY), loop).result(30)

        async def main() -> None:
            assert 1 == await connections(server)
            await store.close()
            await none_left(server)

        run(main())
        asyncio.run_coroutine_threadsafe(loop.shutdown_asyncgens(), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


# -- a server that comes and goes ------------------------------------------------------------------


def test_it_went_and_came_back(server: Server, store: PostgresStore) -> None:
    """All goes on as if nothing had been, also where the loop had no time to see it."""

    async def main() -> None:
        assert await store.compare_and_swap(KEY, None, ONE)
        async with store.lock(KEY):
            pass
        server.restart()  # on this thread: the loop sees nothing of it
        assert ONE == await store.load(KEY)
        async with store.lock(KEY) as held:
            assert ONE == held.record
        await asyncio.to_thread(server.restart)
        assert await store.compare_and_swap(KEY, 1, TWO)
        server.restart()
        assert await store.compare_and_swap(KEY, 2, record_of(3, 3))
        for _ in range(2):
            async with store.lock(KEY) as held:
                assert 3 == number_in(held.record)
            server.restart()
        assert [KEY] == [key async for key in store.iterate()]
        await store.close()

    run(main())


def test_it_is_not_there(server: Server, store: PostgresStore) -> None:
    """Each call fails at once, and says which store; when it is back, they do not."""

    async def main() -> None:
        await store.load(KEY)
        server.stop()
        try:
            for _ in range(2):
                with pytest.raises(OSError) as caught:
                    await store.load(KEY)
                assert [note for note in caught.value.__notes__ if "token store" in note]
                with pytest.raises(OSError):
                    async with store.lock(KEY):
                        pass
        finally:
            server.start()
        assert await store.compare_and_swap(KEY, None, ONE)
        async with store.lock(KEY) as held:
            assert ONE == held.record
        await store.close()

    run(main())


def test_a_swap_is_never_sent_twice(
    server: Server, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows what became of one whose connection was lost; the next one goes through."""

    async def main() -> None:
        await store.load(KEY)
        monkeypatch.setattr("oauthkit.tokens.postgres_connections._TURNS", 0)
        server.restart()
        with pytest.raises(Exception, match=r"connection|terminat"):
            await store.compare_and_swap(KEY, None, ONE)
        assert await store.compare_and_swap(KEY, None, ONE)
        await store.close()

    run(main())


def test_a_role_with_stricter_transactions(server: Server, tmp_path: Path) -> None:
    """Who loses a race is told so; under the role's own isolation he would get an error."""

    async def main() -> None:
        await server.ask("CREATE ROLE strict LOGIN SUPERUSER")
        await server.ask("ALTER ROLE strict SET default_transaction_isolation = 'serializable'")
        store = PostgresStore(server.url(user="strict"), table=table_of(tmp_path))
        assert await store.compare_and_swap(KEY, None, ONE)
        await asyncio.gather(*(store.load(KEY) for _ in range(4)))
        for version in range(1, 20):
            record = record_of(2, version + 1)
            swaps = [store.compare_and_swap(KEY, version, record) for _ in range(4)]
            assert 1 == sum(await asyncio.gather(*swaps))
        assert 4 == await connections(server)
        await store.close()

    run(main())


# -- who may come in -------------------------------------------------------------------------------


def test_a_wrong_password_is_not_shown(server: Server, tmp_path: Path) -> None:
    """Neither in the error nor in its notes, its causes and its store's repr."""
    password = "pa$$w0rd-of-nobody"

    async def main() -> None:
        await server.ask("CREATE ROLE secretive LOGIN PASSWORD 'another'")
        url = server.url(user="secretive:pa%24%24w0rd-of-nobody")
        store = PostgresStore(url, table=table_of(tmp_path))
        with pytest.raises(Exception, match="password authentication failed") as caught:
            await store.load(KEY)
        shown = "".join(traceback.format_exception(caught.value)) + repr(store)
        assert "secretive" in shown
        for form in (password, "pa%24%24w0rd"):
            assert form not in shown
        right = PostgresStore(server.url(user="secretive:another"), table=table_of(tmp_path))
        with pytest.raises(ConfigurationError, match="may not make"):
            await right.load(KEY)
        await right.close()
        await store.close()

    run(main())


def test_a_setting_that_the_driver_refuses(server: Server, tmp_path: Path) -> None:
    """It is said which, without what else is in the URL."""

    async def main() -> None:
        url = server.url("sslmode=sometimes", user="someone:secret-password", tcp=True)
        with pytest.raises(ConfigurationError, match="sslmode") as caught:
            await PostgresStore(url).load(KEY)
        assert "secret-password" not in "".join(traceback.format_exception(caught.value))
        with pytest.raises(Exception, match="no_such_setting"):
            await PostgresStore(server.url("no_such_setting=1")).load(KEY)

    run(main())


def test_a_pooler_in_between(server: Server, tmp_path: Path) -> None:
    """It is refused: it may give the session that holds a lock to somebody else."""

    async def main() -> None:
        async with pooler(server) as port:
            url = f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable"
            store = PostgresStore(url, table=table_of(tmp_path))
            with pytest.raises(ConfigurationError, match="pooler=session"):
                async with store.lock(KEY):
                    pass
            await store.close()
            store = PostgresStore(f"{url}&pooler=session", table=table_of(tmp_path))
            async with store.lock(KEY) as held:
                assert await held.mark(None, ONE)
            await store.close()
            await none_left(server)

    run(main())


# -- forks -----------------------------------------------------------------------------------------


def in_a_child(work: Callable[[], Any]) -> int:
    """Fork, do *work* in the child, and return its pid."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # this process may have threads
        pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def test_a_forked_child_uses_the_store(server: Server, store: PostgresStore) -> None:
    """By connections of its own; the parent's stay as they are."""

    async def work() -> None:
        assert ONE == await store.load(KEY)
        assert await store.compare_and_swap(KEY, 1, TWO)
        waiting = asyncio.create_task(enter(store))
        for _ in range(20):
            await store.load(KEY)
        assert not waiting.done(), "the parent's lock is the child's as well"
        waiting.cancel()
        await asyncio.wait([waiting])
        await store.close()
        for _ in range(1_000):
            if await connections(server) == 2:  # the parent's
                return
        raise AssertionError("the child has left connections behind")

    def in_a_loop() -> None:
        # The parent's loop is the child's copy of it: it runs on in the parent alone.
        asyncio.events._set_running_loop(None)
        asyncio.run(work())
        gc.collect()

    async def main() -> None:
        assert await store.compare_and_swap(KEY, None, ONE)
        async with store.lock(KEY) as held:
            pid = in_a_child(in_a_loop)
            status = await asyncio.to_thread(os.waitpid, pid, 0)
            assert 0 == os.waitstatus_to_exitcode(status[1])
            assert float("inf") == held.remaining()
            assert await held.mark(2, record_of(3, 3))
        assert 3 == number_in(await store.load(KEY))
        assert 0 == await locks(server)
        await store.close()

    run(main())


def test_a_forked_child_holds_none_of_its_parents_locks(
    server: Server, store: PostgresStore
) -> None:
    """Else it would hold them after the parent's death."""
    reading, writing = os.pipe()

    def hold_and_fork() -> None:
        async def hold() -> None:
            async with store.lock(KEY):
                child = in_a_child(signal.pause)
                os.write(writing, f"{child}\n".encode())
                await asyncio.Event().wait()

        asyncio.run(hold())

    parent = in_a_child(hold_and_fork)
    child = int(os.read(reading, 20))
    try:

        async def main() -> None:
            waiting = asyncio.create_task(enter(store))
            for _ in range(20):
                await store.load(KEY)
            assert not waiting.done()
            os.kill(parent, signal.SIGKILL)
            await asyncio.to_thread(os.waitpid, parent, 0)
            async with asyncio.timeout(20):
                await waiting
            await store.close()

        run(main())
    finally:
        os.kill(child, signal.SIGKILL)
        for descriptor in (reading, writing):
            os.close(descriptor)
