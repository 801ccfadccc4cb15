"""Records in Redis: name spaces, how long they are kept, what is damaged, and a server that goes."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import AuthenticationError, RedisError
from redis.exceptions import ConnectionError as ConnectionBroken
from redis.exceptions import TimeoutError as TimedOut

from oauthkit import ConfigurationError, GrantKey, MemoryStore, RedisStore, TokenStore
from oauthkit.testing.store_processes import record_of
from oauthkit.tokens import redis, redis_links
from stores.redis.opening import opened
from stores.redis.proxy import between
from stores.redis.server import RedisServer, running, the_url
from support import run
from tokens.grants import KEY, record

ONE = record({"access_token": "t"}, "r")
TWO = record({"access_token": "u"}, "s", 2)
OTHER = GrantKey(issuer="https://as.example", client_id="id", account="other")


def name_of(store: RedisStore) -> str:
    """Return what the record under `KEY` is called."""
    return store._names(KEY)[0]


async def keys(store: TokenStore) -> list[GrantKey]:
    """Return the keys of all records."""
    return [key async for key in store.iterate()]


def test_what_is_stored(server: RedisServer, tmp_path: Path) -> None:
    """A hash: version, record, key; record and lock are in one slot of a cluster."""

    async def main() -> None:
        async with opened(server.url, tmp_path) as store:
            assert await store.compare_and_swap(KEY, None, ONE)
            name, lock = store._names(KEY)
            assert name.startswith(f"{tmp_path.as_posix()}:grant:{{")
            assert 2 == len({name, lock})
            assert 1 == len({one[one.index("{") : one.index("}") + 1] for one in (name, lock)})
            with server.ask() as client:
                found = client.hgetall(name)
            assert {b"version", b"record", b"key", b"write"} == set(found)
            assert KEY == GrantKey.from_json(found[b"key"].decode())

    run(main())


def test_a_script_that_the_server_has_forgotten(server: RedisServer, tmp_path: Path) -> None:
    """Is sent in full; then the server knows it again."""

    async def main() -> None:
        async with opened(server.url, tmp_path) as store:
            assert await store.compare_and_swap(KEY, None, ONE)
            with server.ask() as client:
                client.script_flush()
                async with store.lock(KEY) as held:
                    client.script_flush()
                    assert await held.mark(1, TWO)
                    client.script_flush()
                assert TWO == await store.load(KEY)
                assert not client.exists(store._names(KEY)[1])

    run(main())


# Characters that SCAN's patterns have a meaning for.
@pytest.mark.parametrize(
    "namespace", ["*", "?", "[ab]", "a\\", "a:grant", "[^a]", "x[", "\u00e9 z"]
)
def test_name_spaces_are_apart(server: RedisServer, namespace: str) -> None:
    """The same key in two name spaces has two records, and each is listed in its own."""

    async def main() -> None:
        names = (namespace, "a", "b", "ab", "x", "a*", "a:grant:x")
        stores = [RedisStore(server.url, namespace=name) for name in names]
        for number, store in enumerate(stores):
            assert await store.compare_and_swap(KEY, None, record_of(number, 1))
        for number, store in enumerate(stores):
            assert record_of(number, 1) == await store.load(KEY)
            assert [KEY] == await keys(store)
        for store in stores:
            await store.delete(KEY)
            assert [] == await keys(store)
            await store.close()

    run(main())


def test_many_records(server: RedisServer, tmp_path: Path) -> None:
    """More than a page of them: each once, none of anybody else's, while others are deleted."""
    expected = [GrantKey(issuer="i", client_id="c", account=f"{n}") for n in range(1500)]

    async def main() -> None:
        async with opened(server.url, tmp_path) as store:
            for key in expected:
                assert await store.compare_and_swap(key, None, ONE)
            with server.ask() as client:
                for number in range(1500):
                    client.set(f"{tmp_path.as_posix()}:grants:{number}", "another program's")
            found = await keys(store)
            assert len(expected) == len(found)
            assert set(expected) == set(found)
            async for key in store.iterate():
                await store.delete(key)
            assert [] == await keys(store)

    run(main())


def test_each_key_once(
    server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the server names one twice, as it may when it grows: on one page, or on two."""
    call = redis_links.Links.call

    async def twice(self: redis_links.Links, *command: str | int, again: bool = True) -> Any:
        if command[0] != "SCAN":
            return await call(self, *command, again=again)
        # All that there is, on a page: other tests have left keys of their own.
        cursor, names = 0, list[bytes]()
        while not names or cursor:
            answer = await call(self, "SCAN", cursor, *command[2:], again=again)
            cursor, names = int(answer[0]), [*names, *answer[1]]
        # One more page, with what was on the one before.
        return (7 if command[1] == 0 else 0), [*names, *names, name_of(store).encode()]

    store = RedisStore(server.url, namespace=tmp_path.as_posix())

    async def main() -> None:
        for key in (KEY, OTHER):
            assert await store.compare_and_swap(key, None, ONE)
        monkeypatch.setattr(redis_links.Links, "call", twice)
        found = await keys(store)
        assert 2 == len(found)
        assert {KEY, OTHER} == set(found)
        await store.close()

    run(main())


# -- how long --------------------------------------------------------------------------------------


def test_records_are_kept_for_ever(server: RedisServer, tmp_path: Path) -> None:
    """Without a ttl; and a store without one takes off what another has put on."""

    async def main() -> None:
        async with opened(server.url, tmp_path) as store:
            assert await store.compare_and_swap(KEY, None, ONE)
            with server.ask() as client:
                assert -1 == client.pttl(name_of(store))
                client.pexpire(name_of(store), 50_000)
                assert await store.compare_and_swap(KEY, 1, TWO)
                assert -1 == client.pttl(name_of(store))

    run(main())


def test_ttl(server: RedisServer, tmp_path: Path) -> None:
    """It begins anew whenever the record is written or read, under the lock or without it."""

    async def main() -> None:
        async with opened(server.url, tmp_path, ttl=100) as store:
            with server.ask() as client:

                def aged() -> bool:
                    """Tell whether the time has begun anew, and let most of it pass."""
                    left = client.pttl(name_of(store))
                    client.pexpire(name_of(store), 5_000)
                    return bool(left > 99_000)

                assert await store.load(KEY) is None
                assert await store.compare_and_swap(KEY, None, ONE)
                assert aged()
                assert await store.load(KEY) == ONE
                assert aged()
                async with store.lock(KEY) as held:
                    assert aged()
                    assert not await held.mark(7, TWO)
                    assert not aged()
                    assert await held.mark(1, TWO)
                    assert aged()
                    assert await held.finish(2, record_of(3, 3))
                    assert aged()
                client.pexpire(name_of(store), 0)
            assert await store.load(KEY) is None
            assert [] == await keys(store)

    run(main())


# -- what cannot be read ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("record", "{"),
        ("record", "[]"),
        ("record", b"\xff\xfe"),
        ("version", "2"),
        ("version", "x"),
        ("record", None),
        ("version", None),
    ],
)
def test_a_damaged_record(
    server: RedisServer, tmp_path: Path, field: str, value: str | bytes | None
) -> None:
    """Is never taken for none, and not shown; it can be deleted."""

    async def main() -> None:
        async with opened(server.url, tmp_path) as store:
            assert await store.compare_and_swap(KEY, None, record({"access_token": "secret"}, "r"))
            with server.ask() as client:
                if value is None:
                    client.hdel(name_of(store), field)
                else:
                    client.hset(name_of(store), field, value)
            with pytest.raises(
                ConfigurationError, match="damaged, and was left as it is"
            ) as caught:
                await store.load(KEY)
            assert "secret" not in "".join(traceback.format_exception(caught.value))
            assert repr(KEY) in str(caught.value)
            async with store.lock(KEY) as held:
                with pytest.raises(ConfigurationError, match="damaged"):
                    assert held.record
            await store.delete(KEY)
            assert await store.load(KEY) is None

    run(main())


def test_something_else_under_our_names(server: RedisServer, tmp_path: Path) -> None:
    """A text where a record should be, or a key that is none, is left as it is."""

    async def main() -> None:
        async with opened(server.url, tmp_path) as store:
            with server.ask() as client:
                client.set(name_of(store), "text")
                for use in (store.load(KEY), store.compare_and_swap(KEY, None, ONE), keys(store)):
                    with pytest.raises(ConfigurationError, match="damaged"):
                        await use
                assert b"text" == client.get(name_of(store))
                client.delete(name_of(store))
                client.hset(name_of(store), "key", "text")
                with pytest.raises(ConfigurationError, match=r"the key of a record .* damaged"):
                    await keys(store)
                client.hdel(name_of(store), "key")
                client.hset(name_of(store), "version", "1")
                assert [] == await keys(store)

    run(main())


# -- servers ---------------------------------------------------------------------------------------


def test_a_server_that_goes_and_comes_back(tmp_path: Path) -> None:
    """What is asked meanwhile fails, and says of which store; afterwards all is well."""

    async def main() -> None:
        with running() as server:
            async with opened(server.url, tmp_path) as store:
                assert await store.compare_and_swap(KEY, None, ONE)
                server.stop()
                for use in (store.load(KEY), store.compare_and_swap(KEY, 1, TWO), keys(store)):
                    with pytest.raises(ConnectionBroken) as caught:
                        await use
                    assert [f"token store {server.url}"] == caught.value.__notes__
                with pytest.raises(ConnectionBroken):
                    async with store.lock(KEY):
                        pass
                server.start()
                # It keeps nothing: the record is gone, and the scripts are.
                assert await store.compare_and_swap(KEY, None, ONE)
                server.stop()
                server.start()
                async with store.lock(KEY) as held:
                    assert held.record is None
                    assert await held.finish(None, ONE)

    run(main())


def test_a_wrong_password_is_not_shown(tmp_path: Path) -> None:
    """Neither the right one nor the wrong one, in no traceback and no representation."""

    async def main() -> None:
        with running("the right one") as server:
            right = f"redis://:the%20right%20one@127.0.0.1:{server.port}/0"
            async with opened(right, tmp_path) as store:
                assert await store.compare_and_swap(KEY, None, ONE)
                assert "right" not in repr(store)
            wrong = f"redis://:hunter%2F2%23@127.0.0.1:{server.port}/0"
            async with opened(wrong, tmp_path) as store:
                with pytest.raises(AuthenticationError) as caught:
                    await store.load(KEY)
                shown = "".join(traceback.format_exception(caught.value)) + repr(store)
                assert f"token store redis://127.0.0.1:{server.port}/0" in shown
                assert "hunter" not in shown
            async with opened(f"redis://127.0.0.1:{server.port}", tmp_path) as store:
                with pytest.raises(RedisError, match=r"(?i)auth"):
                    await store.load(KEY)

    run(main())


def test_a_server_that_does_not_answer(
    server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command is given up, and not sent again; the lock is not waited for when it is left."""
    monkeypatch.setattr(redis_links, "_TIMEOUT", 0.05)
    monkeypatch.setattr(redis, "_LAST_WORD", 0.02)

    async def main() -> None:
        async with between(server.port) as proxy, opened(proxy.url, tmp_path) as store:
            assert await store.load(KEY) is None
            async with store.lock(KEY) as held:
                proxy.sent.clear()
                proxy.silent = True
                with pytest.raises(TimedOut, match=r"no answer within 0\.05 s") as caught:
                    await held.mark(None, ONE)
                assert [f"token store {proxy.url}"] == caught.value.__notes__
                assert 1 == len(proxy.sent)
            proxy.silent = False
            async with opened(server.url, tmp_path) as other:
                assert ONE == await other.load(KEY), "it was done, and nobody was told"

    run(main())


def test_databases_are_apart(server: RedisServer, tmp_path: Path) -> None:
    """The number at the end of the URL is the database."""

    async def main() -> None:
        async with (
            opened(server.url, tmp_path) as zero,
            opened(server.url.removesuffix("0") + "3", tmp_path) as three,
        ):
            assert await zero.compare_and_swap(KEY, None, ONE)
            assert await three.load(KEY) is None

    run(main())


# -- a law -----------------------------------------------------------------------------------------

_STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["swap", "mark", "finish"]),
            st.sampled_from([KEY, OTHER]),
            st.sampled_from([None, 1, 2, 3, 2**53]),
            st.sampled_from([1, 2, 3, 2**53]),
        ),
        st.tuples(st.just("delete"), st.sampled_from([KEY, OTHER]), st.none(), st.none()),
    ),
    max_size=12,
)


@given(_STEPS)
def test_it_is_a_memory_that_is_shared(
    steps: list[tuple[str, GrantKey, int | None, int | None]],
) -> None:
    """Whatever is done to it, with a lock or without: it holds what the store in memory holds."""

    async def main() -> None:
        store, memory = RedisStore(the_url(), namespace="law"), MemoryStore()
        for number, (step, key, expected, version) in enumerate(steps):
            if version is None:
                await store.delete(key)
                await memory.delete(key)
                continue
            found = record_of(number, version)
            told = await memory.compare_and_swap(key, expected, found)
            if step == "swap":
                assert told == await store.compare_and_swap(key, expected, found)
                continue
            async with store.lock(key) as held:
                change = held.mark if step == "mark" else held.finish
                assert told == await change(expected, found)
        for key in (KEY, OTHER):
            assert await memory.load(key) == await store.load(key)
        assert set(await keys(memory)) == set(await keys(store))
        for key in (KEY, OTHER):
            await store.delete(key)
        await store.close()

    run(main())
