"""One store in Redis on several event loops, in threads and forks; how its connections end."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from pathlib import Path

from oauthkit import RedisStore
from stores.redis.opening import opened
from stores.redis.proxy import between
from stores.redis.server import RedisServer, running
from support import fresh, run
from tokens.grants import KEY, record, turns

ONE = record({"access_token": "t"}, "r")
TWO = record({"access_token": "u"}, "s", 2)


def connections(server: RedisServer) -> int:
    """Return how many connections the server has, but for the one that asks."""
    with server.ask() as client:
        return len(client.client_list()) - 1


def test_one_loop_after_the_other(tmp_path: Path) -> None:
    """Nobody has to close it: its connections end with ``asyncio.run()``."""
    with running() as server:
        store = RedisStore(server.url)

        async def use(expected: int | None) -> None:
            assert await store.compare_and_swap(KEY, expected, TWO if expected else ONE)
            async with store.lock(KEY):
                assert connections(server) >= 1

        run(use(None))
        assert 0 == connections(server)
        run(use(1))
        assert 0 == connections(server)


def test_closing(tmp_path: Path) -> None:
    """It closes what there is, after what is going on; who uses it again opens it again."""
    with running() as server:

        async def main() -> None:
            store = RedisStore(server.url)
            await store.close()
            loads = [asyncio.create_task(store.load(KEY)) for _ in range(50)]
            await asyncio.sleep(0)
            await store.close()
            assert [None] * 50 == await asyncio.gather(*loads)
            await store.close()
            assert 0 == connections(server)
            assert await store.compare_and_swap(KEY, None, ONE)
            assert 1 == connections(server)
            await store.close()
            await store.close()
            assert 0 == connections(server)

        run(main())


def test_a_store_that_nobody_holds(tmp_path: Path) -> None:
    """Closes itself at once, in the loop that goes on: not when the garbage is collected."""
    with running() as server:

        async def main() -> None:
            store = RedisStore(server.url)
            await store.load(KEY)
            del store
            await turns()
            assert 0 == connections(server)

        gc.disable()
        try:
            run(main())
        finally:
            gc.enable()


def test_many_at_once_share_few_connections(tmp_path: Path) -> None:
    """A thousand who come at the same time do not open a thousand connections."""
    with running() as server:

        async def main() -> None:
            async with opened(server.url, tmp_path) as store:
                await asyncio.gather(*(store.load(KEY) for _ in range(1000)))
                assert connections(server) <= 16

        run(main())


def test_threads(server: RedisServer, tmp_path: Path) -> None:
    """Loops that run at the same time have connections of their own; closing leaves the others'."""
    store = RedisStore(server.url, namespace=tmp_path.as_posix())
    inside, go = threading.Event(), threading.Event()
    found: list[object] = []

    def other() -> None:
        async def use() -> None:
            found.append(await store.load(KEY))
            inside.set()
            await asyncio.to_thread(go.wait)
            found.append(await store.load(KEY))

        asyncio.run(use())

    async def main() -> None:
        thread = threading.Thread(target=other)
        thread.start()
        await asyncio.to_thread(inside.wait)
        assert await store.compare_and_swap(KEY, None, ONE)
        await store.close()
        go.set()
        await asyncio.to_thread(thread.join)
        await store.close()

    run(main())
    assert [None, ONE] == found


def test_a_loop_that_was_closed_by_hand(server: RedisServer, tmp_path: Path) -> None:
    """After ``close()``, or the end of its generators, nothing of it is left in the store."""
    store = RedisStore(server.url, namespace=tmp_path.as_posix())
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(store.load(KEY)) is None
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    assert [loop] == list(store._links._by_loop)

    async def main() -> None:
        assert await store.load(KEY) is None
        assert [asyncio.get_running_loop()] == list(store._links._by_loop)
        await store.close()

    run(main())


def test_a_fork(server: RedisServer, tmp_path: Path) -> None:
    """A forked child uses the store, and does nothing to what its parent has open."""
    store = RedisStore(server.url, namespace=tmp_path.as_posix())

    async def child() -> None:
        assert ONE == await store.load(KEY)
        assert await store.compare_and_swap(KEY, 1, TWO)
        assert [asyncio.get_running_loop()] == list(store._links._by_loop)

    with asyncio.Runner() as runner:
        assert runner.run(store.compare_and_swap(KEY, None, ONE))
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                asyncio.run(child())
                gc.collect()
                code = 0
            finally:
                os._exit(code)
        assert 0 == os.waitpid(pid, 0)[1]
        assert TWO == runner.run(store.load(KEY))
        runner.run(store.close())


def test_no_warning(server: RedisServer, tmp_path: Path) -> None:
    """Every warning is an error in there: closed or not, dropped or not, forked or not."""
    code = """
import asyncio, gc, os, sys
from oauthkit import GrantKey, RedisStore
KEY = GrantKey(issuer="i", client_id="c")

async def use(store):
    async with store.lock(KEY):
        await store.load(KEY)

for _ in range(2):
    asyncio.run(use(RedisStore(sys.argv[1])))
store = RedisStore(sys.argv[1])
asyncio.run(use(store))
if os.fork() == 0:
    asyncio.run(use(store))
    sys.exit()
asyncio.run(use(store))
os.wait()
gc.collect()

async def inside():
    await use(RedisStore(sys.argv[1]))
    gc.collect()

asyncio.run(inside())
print("done")
"""
    assert "done" in fresh(code, f"{server.url}?namespace=warnings")


def test_what_is_stopped_is_told(tmp_path: Path) -> None:
    """A caller who is cancelled in the middle of a command leaves a connection that answers him."""

    async def main() -> None:
        with running() as server:
            async with between(server.port) as proxy, opened(proxy.url, tmp_path) as store:
                assert await store.compare_and_swap(KEY, None, ONE)
                for turns in range(30):
                    task = asyncio.create_task(store.load(KEY))
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    if not task.done():
                        task.cancel()
                        await asyncio.wait([task])
                        assert task.cancelled(), f"the cancellation was lost after {turns} turns"
                    # An answer that is left on a connection would be taken for another's.
                    assert [] == [key async for key in store.iterate() if key != KEY]
                    assert ONE == await store.load(KEY)

    run(main())
