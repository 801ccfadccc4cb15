"""The lock in Redis: a lease, a fencing token, three round trips, and answers that get lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import attrs
import pytest
from redis.exceptions import ConnectionError as ConnectionBroken

from oauthkit import EncryptedStore, Mark, Record, RedisStore, TokenStore
from oauthkit.tokens.redis_scripts import FINISH, FREE, MARK, SWAP, TAKE
from stores.redis.opening import opened
from stores.redis.proxy import Proxy, between
from stores.redis.server import RedisServer, running
from support import run
from tokens.grants import KEY, Clock, record

ONE = record({"access_token": "t"}, "r")
MARKED = attrs.evolve(ONE, version=2, mark=Mark.of("r", "me", 1.0))
TWO = record({"access_token": "u"}, "s", 3)


def lock_of(store: RedisStore) -> str:
    """Return what the lock on `KEY` is called."""
    return store._names(KEY)[1]


def commands(proxy: Proxy) -> list[str]:
    """Return the scripts that were sent, by their names."""
    names = {"TAKE": TAKE, "MARK": MARK, "FINISH": FINISH, "SWAP": SWAP, "FREE": FREE}
    found: list[str] = []
    for data in proxy.sent:
        found += [name for name, script in names.items() if script.digest.encode() in data]
    return found


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_refresh_is_three_round_trips(
    server: RedisServer, tmp_path: Path, *, encrypted: bool
) -> None:
    """Lock and read, mark, store and free: three packets, three commands; then the lock is free."""
    key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

    async def main() -> None:
        async with between(server.port) as proxy, opened(proxy.url, tmp_path) as inner:
            store: TokenStore = EncryptedStore(inner, key) if encrypted else inner
            assert await store.compare_and_swap(KEY, None, ONE)
            sent: list[bytes] = []
            for _ in range(2):
                # The second time everything is known: connection and scripts.
                proxy.sent.clear()
                async with store.lock(KEY) as held:
                    assert held is not None
                    assert ONE == held.record
                    assert await held.mark(1, MARKED)
                    assert await held.finish(2, TWO)
                    with server.ask() as client:
                        assert not client.exists(lock_of(inner))
                assert TWO == await store.load(KEY)
                proxy.sent.pop()
                sent = list(proxy.sent)
                await store.delete(KEY)
                await store.compare_and_swap(KEY, None, ONE)
            assert 3 == len(sent) == sum(data.count(b"EVALSHA") for data in sent)

    run(main())


def test_a_lock_without_a_change_is_two_round_trips(server: RedisServer, tmp_path: Path) -> None:
    """Who finds a newer token stores nothing: the lock is taken and given back."""

    async def main() -> None:
        async with between(server.port) as proxy, opened(proxy.url, tmp_path) as store:
            for _ in range(2):
                proxy.sent.clear()
                async with store.lock(KEY) as held:
                    assert held.record is None
            assert ["TAKE", "FREE"] == commands(proxy)

    run(main())


def test_a_lock_that_ran_out_is_fenced(server: RedisServer, tmp_path: Path) -> None:
    """
    Somebody else has it: marking is refused, and a token that is in hand is stored all the same.

    The other's lock stays, whatever the first one does.
    """

    async def main() -> None:
        async with opened(server.url, tmp_path) as one, opened(server.url, tmp_path) as two:
            assert await one.compare_and_swap(KEY, None, ONE)
            async with one.lock(KEY) as first:
                with server.ask() as client:
                    assert client.pexpire(lock_of(one), 0)
                assert not await first.mark(1, MARKED), "it is nobody's, and not ours"
                async with two.lock(KEY) as second:
                    assert ONE == second.record
                    assert not await first.mark(1, MARKED)
                    assert ONE == await one.load(KEY)
                    assert await first.finish(1, MARKED)
                    assert await second.mark(2, TWO), "the first one has freed the other's lock"
                    assert not await first.finish(2, MARKED), "over what is newer"
                assert TWO == await one.load(KEY)

    run(main())


def test_leaving_frees_no_other_lock(server: RedisServer, tmp_path: Path) -> None:
    """A holder whose lease is over leaves the lock of whoever has it now."""

    async def main() -> None:
        async with opened(server.url, tmp_path) as one, opened(server.url, tmp_path) as two:
            first = one.lock(KEY)
            await first.__aenter__()
            with server.ask() as client:
                client.delete(lock_of(one))
                async with two.lock(KEY) as second:
                    await first.__aexit__(None, None, None)
                    assert second.owner == client.get(lock_of(two)).decode()

    run(main())


def test_the_lease(server: RedisServer, tmp_path: Path) -> None:
    """It is counted from before it was asked for, ends at the server, and a mark begins it anew."""
    clock = Clock()

    async def main() -> None:
        async with opened(server.url, tmp_path, clock=clock, lease=60) as store:
            assert (60, False) == (store.lease, store.lock_proves_death)
            async with store.lock(KEY) as held:
                assert (60, "") == (held.remaining(), held.epoch)
                with server.ask() as client:
                    assert 59_000 < client.pttl(lock_of(store)) <= 60_000
                    client.pexpire(lock_of(store), 20_000)
                    clock.now += 40
                    assert 20 == held.remaining()
                    assert not await held.mark(7, MARKED)
                    assert 20 == held.remaining(), "what was not stored has renewed the lease"
                    assert client.pttl(lock_of(store)) <= 20_000
                    assert await held.mark(None, ONE)
                    assert 60 == held.remaining()
                    assert 59_000 < client.pttl(lock_of(store)) <= 60_000
                clock.now += 61
                assert 0 == held.remaining()
                assert await held.finish(1, MARKED)
            assert 0 == held.remaining()

    run(main())


def test_a_lease_is_the_encrypted_stores_too(server: RedisServer, tmp_path: Path) -> None:
    """What an encrypted store says of its lock is what the inner one says."""

    async def main() -> None:
        async with opened(server.url, tmp_path, lease=12) as inner:
            key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
            store = EncryptedStore(inner, key)
            assert (12, False) == (store.lease, store.lock_proves_death)

    run(main())


def test_who_waits_does_not_hammer(
    server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The looks get rarer, up to a tenth of a second, and come when they want."""
    slept: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    async def main() -> None:
        async with between(server.port) as proxy, opened(proxy.url, tmp_path) as store:
            async with store.lock(KEY):
                proxy.sent.clear()
                monkeypatch.setattr(asyncio, "sleep", note)
                waiting = asyncio.create_task(store.lock(KEY).__aenter__())
                while len(slept) < 30:
                    await sleep(0)
                waiting.cancel()
                await asyncio.wait([waiting])
                monkeypatch.setattr(asyncio, "sleep", sleep)
            assert abs(commands(proxy).count("TAKE") - len(slept)) <= 1
        assert 0.005 <= slept[0] <= 0.015
        assert all(0.050 <= seconds <= 0.150 for seconds in slept[7:])
        assert len(set(slept)) > 20

    run(main())


def test_nothing_is_left_behind(server: RedisServer, tmp_path: Path) -> None:
    """Neither locks nor counters: what is at the server is the record alone."""

    async def main() -> None:
        async with opened(server.url, tmp_path) as store:
            async with store.lock(KEY) as held:
                assert await held.finish(None, ONE)
            with pytest.raises(ZeroDivisionError):
                async with store.lock(KEY):
                    raise ZeroDivisionError
            async with store.lock(KEY):
                waiting = [asyncio.create_task(store.lock(KEY).__aenter__()) for _ in range(9)]
                for turns, task in enumerate(waiting):
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    task.cancel()
                await asyncio.wait(waiting)
            with server.ask() as client:
                names = [name.decode() for name in client.keys(f"{tmp_path.as_posix()}:*")]
            assert [store._names(KEY)[0]] == names

    run(main())


def test_an_error_under_the_lock_is_what_is_raised(tmp_path: Path) -> None:
    """Not that the lock could not be given back to a server that is gone."""

    async def main() -> None:
        with running() as server:
            async with opened(server.url, tmp_path) as store:

                async def fail() -> None:
                    async with store.lock(KEY):
                        server.stop()
                        raise ZeroDivisionError

                with pytest.raises(ZeroDivisionError):
                    await fail()

    run(main())


def test_cancelling_who_frees_the_lock(server: RedisServer, tmp_path: Path) -> None:
    """The lock is free all the same, and he is cancelled."""

    async def main() -> None:
        async with opened(server.url, tmp_path) as store:

            async def hold() -> None:
                async with store.lock(KEY):
                    holding.set()
                    await go.wait()

            for turns in range(12):
                holding, go = asyncio.Event(), asyncio.Event()
                task = asyncio.create_task(hold())
                await holding.wait()
                go.set()
                for _ in range(turns):
                    await asyncio.sleep(0)
                if not task.done():
                    task.cancel()
                await asyncio.wait([task])
                assert {asyncio.current_task()} == asyncio.all_tasks(), "it is still being freed"
                with server.ask() as client:
                    assert not client.exists(lock_of(store)), turns

    run(main())


# -- answers that get lost -------------------------------------------------------------------------


def test_a_lost_answer_to_a_swap(server: RedisServer, tmp_path: Path) -> None:
    """It is sent again, and knows that it was done: stored once, told once."""

    async def main() -> None:
        async with between(server.port) as proxy, opened(proxy.url, tmp_path) as store:
            assert await store.compare_and_swap(KEY, None, ONE)
            proxy.lost.append(SWAP.digest.encode())
            proxy.sent.clear()
            assert await store.compare_and_swap(KEY, 1, MARKED)
            assert ["SWAP", "SWAP"] == commands(proxy)
            assert MARKED == await store.load(KEY)
            # The same record by another call is not the same call.
            assert not await store.compare_and_swap(KEY, 1, MARKED)

    run(main())


@pytest.mark.parametrize("lost", ["TAKE", "MARK", "FINISH"])
def test_lost_answers_under_the_lock(server: RedisServer, tmp_path: Path, lost: str) -> None:
    """The lock is still ours, what is marked is marked, what is stored is stored."""
    scripts = {"TAKE": TAKE, "MARK": MARK, "FINISH": FINISH}

    async def main() -> None:
        async with between(server.port) as proxy, opened(proxy.url, tmp_path) as store:
            assert await store.compare_and_swap(KEY, None, ONE)
            async with store.lock(KEY):
                pass
            for name, script in scripts.items():
                # The server must know them: an answer that it does not is none to be lost.
                with server.ask() as client:
                    assert script.digest == client.script_load(script.text), name
            proxy.lost.append(scripts[lost].digest.encode())
            proxy.sent.clear()
            async with store.lock(KEY) as held:
                assert await held.mark(1, MARKED)
                assert await held.finish(2, TWO)
            assert [] == proxy.lost
            assert 4 == len(commands(proxy))
            assert TWO == await store.load(KEY)
            with server.ask() as client:
                assert not client.exists(lock_of(store))

    run(main())


def test_two_lost_answers_are_an_error(server: RedisServer, tmp_path: Path) -> None:
    """It is sent once more, and not for ever; a lock that may have been taken is given back."""

    async def main() -> None:
        async with between(server.port) as proxy, opened(proxy.url, tmp_path) as store:
            async with store.lock(KEY):
                pass
            proxy.lost += [TAKE.digest.encode()] * 2
            with pytest.raises(ConnectionBroken) as caught:
                async with store.lock(KEY):
                    pass
            assert [f"token store {proxy.url}"] == caught.value.__notes__
            with server.ask() as client:
                assert not client.exists(lock_of(store))

    run(main())


def test_a_deletion_is_not_sent_again(server: RedisServer, tmp_path: Path) -> None:
    """Somebody may have logged in since."""

    async def main() -> None:
        async with between(server.port) as proxy, opened(proxy.url, tmp_path) as store:
            assert await store.compare_and_swap(KEY, None, ONE)
            proxy.lost.append(b"DEL")
            with pytest.raises(ConnectionBroken):
                await store.delete(KEY)
            assert 1 == sum(b"DEL" in data for data in proxy.sent)
            assert await store.load(KEY) is None

    run(main())


def test_a_record_by_the_store(server: RedisServer, tmp_path: Path) -> None:
    """Marks, and all there is to a record, go the same way under the lock and without it."""

    async def main() -> None:
        async with opened(server.url, tmp_path) as store:
            async with store.lock(KEY) as held:
                assert not await held.mark(1, MARKED), "there is no record"
                assert await held.mark(None, MARKED)
                assert not await held.finish(None, TWO)
                assert await held.finish(2, TWO)
                assert not await held.mark(3, Record(version=4)), "the lock was freed"
            assert TWO == await store.load(KEY)

    run(main())
