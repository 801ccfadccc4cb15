"""The contract of a token store as tests, for anybody's store: with pytest alone."""

from __future__ import annotations

import asyncio
import json
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

from oauthkit import GrantKey, Mark, Record, Token, TokenStore
from oauthkit.testing.store_held import look_at_held
from oauthkit.testing.store_processes import ALIKE, KEY, children, number_in, record_of

__all__ = ["StoreSuite"]

OTHER = GrantKey(issuer="https://as.example", client_id="id", account="other")
# Turns of the loop after which somebody who does not have to wait would have come.
_TURNS = 50
_PROCESSES, _TIMES = 4, 25


class StoreSuite:
    """
    The contract of a token store, as tests: subclass, say how a store is opened, done.

    .. code-block:: python

        class TestMyStore(StoreSuite):
            def open_store(self, place):
                return MyStore(place / "tokens")

    *place* is a path that nothing is at yet, the test's own: two stores that are opened for one
    place hold the same tokens. A store elsewhere takes the text of it as a name space.

    *processes* says that other processes share the store, and that tokens outlive them; they load
    the subclass from its file. *lock_dies_with_holder* says that a lock is free once the process
    that held it was killed: then that is tested, too. *examples* is how many records are drawn.
    *deadline* (seconds) is for each test: a broken store would wait for ever.
    """

    processes: ClassVar[bool] = True
    lock_dies_with_holder: ClassVar[bool] = False
    examples: ClassVar[int] = 50
    deadline: ClassVar[float] = 30.0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Leave out what is about processes where there are none, and death where it shows not."""
        super().__init_subclass__(**kwargs)
        for name in vars(StoreSuite):
            is_left_out = (name.startswith("test_processes_") and not cls.processes) or (
                name == "test_processes_that_are_killed_hold_no_lock"
                and not cls.lock_dies_with_holder
            )
            if is_left_out:
                setattr(cls, name, None)

    def open_store(self, place: Path) -> TokenStore:
        """Open the store of *place*."""
        raise NotImplementedError(f"{type(self).__name__} must say how a store is opened")

    async def close_store(self, store: TokenStore) -> None:
        """Close *store* when a test is done with it: by its ``close()``, where it has one."""
        close = getattr(store, "close", None)
        if close is not None:
            await close()

    # Records

    def test_it_is_a_token_store(self, tmp_path: Path) -> None:
        """It has all methods, is equal to itself alone, and can be referred to weakly."""

        async def main(store: TokenStore) -> None:
            _require(_has_methods(store), "it has not all methods of a TokenStore")
            by_identity = type(store).__eq__ is object.__eq__
            _require(by_identity, "it is not hashable by identity")
            _require(weakref.ref(store)() is store, "it cannot be referred to weakly")

        self._try(main, tmp_path)

    def test_what_is_not_there(self, tmp_path: Path) -> None:
        """An empty store loads None, lists nothing, forgets nothing, and swaps no version."""

        async def main(store: TokenStore) -> None:
            _require(await store.load(KEY) is None, "a record that nobody stored")
            await store.delete(KEY)
            swapped = await store.compare_and_swap(KEY, 1, record_of(1, 2))
            _require(not swapped, "a version was swapped that is not there")
            _require(await store.load(KEY) is None, "a swap that failed has stored its record")
            _require(await _keys(store) == [], "keys of records that nobody stored")

        self._try(main, tmp_path)

    def test_compare_and_swap(self, tmp_path: Path) -> None:
        """A record is stored where the version is the expected one, and nowhere else."""

        async def main(store: TokenStore) -> None:
            swap = store.compare_and_swap
            _require(await swap(KEY, None, record_of(1, 1)), "the first record was not stored")
            for expected, what in ((None, "there is one"), (2, "newer"), (0, "older")):
                swapped = await swap(KEY, expected, record_of(9, 3))
                _require(not swapped, f"swapped, although what is stored is not expected: {what}")
            _require(number_in(await store.load(KEY)) == 1, "a swap that failed changed the record")
            _require(await swap(KEY, 1, record_of(2, 2)), "the stored version was refused")
            found = await store.load(KEY)
            _require(found == record_of(2, 2), "another record than the one that was stored")
            _require(await store.load(OTHER) is None, "a record under another key")

        self._try(main, tmp_path)

    def test_one_of_many_swaps_wins(self, tmp_path: Path) -> None:
        """Of those who swap one version at the same time, one does; the others are told."""

        async def main(store: TokenStore) -> None:
            for expected in (None, 1):
                version = (expected or 0) + 1
                records = [record_of(number, version) for number in range(10)]
                swaps = [store.compare_and_swap(KEY, expected, record) for record in records]
                won = await asyncio.gather(*swaps)
                _require(sum(won) == 1, f"{sum(won)} of 10 swaps of one version were told they won")
                number = number_in(await store.load(KEY))
                _require(number == won.index(True), "what is stored is not the winner's")

        self._try(main, tmp_path)

    def test_records_come_back(self, tmp_path: Path) -> None:
        """Whatever JSON can say of a token, in any script, comes back as it was."""
        from hypothesis import given, settings

        drawn: list[tuple[GrantKey, Record]] = []

        @settings(max_examples=self.examples, deadline=None, database=None, derandomize=True)
        @given(*_records())
        def draw(key: GrantKey, record: Record) -> None:
            drawn.append((key, record))

        draw()

        async def main(store: TokenStore) -> None:
            for key, record in drawn:
                await store.delete(key)
                _require(await store.compare_and_swap(key, None, record), f"not stored: {key!r}")
                found = await store.load(key)
                # Not the values: a test's report is read by many.
                same = found is not None and _text(found) == _text(record)
                _require(same, f"the record of {key!r} came back as another one")
            kept = {key for key, _ in drawn}
            listed = await _keys(store)
            same = len(listed) == len(kept) and set(listed) == kept
            _require(same, "other keys than were stored")

        self._try(main, tmp_path)

    def test_keys_are_apart(self, tmp_path: Path) -> None:
        """Keys that look alike have a record each."""
        keys = [GrantKey(issuer=i, client_id=c, account=a) for i, c, a in ALIKE]

        async def main(store: TokenStore) -> None:
            for number, key in enumerate(keys):
                swapped = await store.compare_and_swap(key, None, record_of(number, 1))
                _require(swapped, f"{key!r} has the record of another key")
            for number, key in enumerate(keys):
                found = number_in(await store.load(key))
                _require(found == number, f"{key!r} has the record of {keys[found]!r}")
            listed = await _keys(store)
            _require(sorted(listed, key=repr) == sorted(keys, key=repr), "not each key once")

        self._try(main, tmp_path)

    def test_delete(self, tmp_path: Path) -> None:
        """What is deleted is gone, no other record is, and the key begins anew."""

        async def main(store: TokenStore) -> None:
            for key in (KEY, OTHER):
                await store.compare_and_swap(key, None, record_of(1, 1))
            await store.delete(KEY)
            _require(await store.load(KEY) is None, "a deleted record was loaded")
            _require(await _keys(store) == [OTHER], "after delete(), not the other key alone")
            swapped = await store.compare_and_swap(KEY, 1, record_of(2, 2))
            _require(not swapped, "a version of a deleted record was swapped")
            swapped = await store.compare_and_swap(KEY, None, record_of(3, 1))
            _require(swapped, "a deleted record cannot be stored again")

        self._try(main, tmp_path)

    def test_iterate_while_deleting(self, tmp_path: Path) -> None:
        """Each key comes once, also for those who delete what they got."""
        keys = [GrantKey(issuer="i", client_id="c", account=f"{n}") for n in range(30)]

        async def main(store: TokenStore) -> None:
            for key in keys:
                await store.compare_and_swap(key, None, record_of(1, 1))
            found: list[GrantKey] = []
            async for key in store.iterate():
                found.append(key)
                await store.delete(key)
            same = len(found) == len(keys) and set(found) == set(keys)
            _require(same, "not each key came once while records were deleted")
            _require(await _keys(store) == [], "records are left that were deleted")

        self._try(main, tmp_path)

    def test_two_stores_of_one_place(self, tmp_path: Path) -> None:
        """What one has stored the other one loads, and each sees the other's versions."""

        async def main(one: TokenStore) -> None:
            async with self._opened(tmp_path) as two:
                await one.compare_and_swap(KEY, None, record_of(1, 1))
                _require(number_in(await two.load(KEY)) == 1, "the other store does not have it")
                await two.compare_and_swap(KEY, 1, record_of(2, 2))
                stale = await one.compare_and_swap(KEY, 1, record_of(3, 2))
                _require(not stale, "a version was swapped that the other store had replaced")
                _require(number_in(await one.load(KEY)) == 2, "an old record was loaded")

        self._try(main, tmp_path)

    # Locks

    def test_lock_excludes(self, tmp_path: Path) -> None:
        """One holder at a time, from two stores of one place; another key has its own lock."""

        async def main(one: TokenStore) -> None:
            async with self._opened(tmp_path) as two:
                order: list[str] = []
                inside, go = asyncio.Event(), asyncio.Event()

                async def hold() -> None:
                    async with one.lock(KEY):
                        inside.set()
                        await go.wait()
                        order.append("first")

                async def follow(store: TokenStore) -> None:
                    async with store.lock(KEY):
                        order.append("next")

                tasks = [asyncio.create_task(hold())]
                await inside.wait()
                tasks += [asyncio.create_task(follow(store)) for store in (one, two)]
                async with two.lock(OTHER):
                    await _turns(one)
                    _require(not order, "two hold the lock of one key")
                go.set()
                await asyncio.gather(*tasks)
                _require(order == ["first", "next", "next"], "the lock went to two, or was lost")

        self._try(main, tmp_path)

    def test_lock_is_free_after_an_error(self, tmp_path: Path) -> None:
        """Whatever ends the holder, an error or a cancellation, the next one gets the lock."""

        async def main(store: TokenStore) -> None:
            try:
                async with store.lock(KEY):
                    raise ZeroDivisionError
            except ZeroDivisionError:
                pass
            else:
                raise AssertionError("the lock has kept the error of its holder")
            inside = asyncio.Event()

            async def hold() -> None:
                async with store.lock(KEY):
                    inside.set()
                    await asyncio.Event().wait()

            task = asyncio.create_task(hold())
            await inside.wait()
            task.cancel()
            await asyncio.wait([task])
            _require(task.cancelled(), "the lock has kept the cancellation of its holder")
            async with store.lock(KEY):
                pass

        self._try(main, tmp_path)

    def test_lock_is_free_after_a_waiter_left(self, tmp_path: Path) -> None:
        """Who is cancelled while he waits, at whatever moment, leaves no lock behind."""

        async def main(store: TokenStore) -> None:
            async def wait() -> None:
                async with store.lock(KEY):
                    pass

            for held in (True, False):
                for turns in range(8):
                    if held:
                        async with store.lock(KEY):
                            await _leave(wait(), turns)
                    else:
                        await _leave(wait(), turns)
                    async with store.lock(KEY):
                        pass

        self._try(main, tmp_path)

    def test_what_a_lock_tells(self, tmp_path: Path) -> None:
        """Of a lock that gives a `Held`: what is stored, marked and finished under it."""
        self._try(look_at_held, tmp_path)

    # Processes

    def test_processes_that_swap_lose_nothing(self, tmp_path: Path) -> None:
        """Processes that swap without a lock: what each was told it stored is there."""
        place = tmp_path / "store"
        with children(self, place, "count", _PROCESSES, _TIMES) as started:
            for child in started:
                child.begin()
            for child in started:
                child.read()

        async def main(store: TokenStore) -> None:
            found = number_in(await store.load(KEY))
            told = _PROCESSES * _TIMES
            _require(found == told, f"{told} swaps were told that they won, {found} did")

        self._try(main, tmp_path)

    def test_processes_that_lock_are_alone(self, tmp_path: Path) -> None:
        """Processes that take one lock are inside one at a time."""
        with children(self, tmp_path / "store", "enter", _PROCESSES, _TIMES) as started:
            for child in started:
                child.begin()
            met = sum(int(child.read().removeprefix("done ")) for child in started)
        _require(met == 0, f"two processes held one lock, {met} times")

    def test_processes_that_are_killed_hold_no_lock(self, tmp_path: Path) -> None:
        """The lock of a process is taken while it lives, and free once it was killed."""
        with children(self, tmp_path / "store", "hold", 1, 1) as (child,):
            child.begin()
            child.read()

            async def main(store: TokenStore) -> None:
                waiting = asyncio.create_task(_pass(store))
                await _turns(store)
                _require(not waiting.done(), "the lock of a living process was given away")
                child.kill()
                await waiting

            self._try(main, tmp_path)

    # Helpers

    @asynccontextmanager
    async def _opened(self, tmp_path: Path) -> AsyncGenerator[TokenStore]:
        store = self.open_store(tmp_path / "store")
        try:
            yield store
        finally:
            await self.close_store(store)

    def _try(self, test: Callable[[TokenStore], Awaitable[None]], tmp_path: Path) -> None:
        async def main() -> None:
            async with asyncio.timeout(self.deadline), self._opened(tmp_path) as store:
                await test(store)

        try:
            asyncio.run(main())
        except TimeoutError:
            raise AssertionError(f"the store did not do that within {self.deadline:g} s") from None


async def _pass(store: TokenStore) -> None:
    async with store.lock(KEY):
        pass


async def _leave(waiting: Any, turns: int) -> None:
    """Begin to wait, let the loop turn so often, and leave."""
    task = asyncio.create_task(waiting)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


async def _turns(store: TokenStore) -> None:
    """Let the loop turn, and the store answer, so that who does not have to wait has come."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
        await store.load(OTHER)


async def _keys(store: TokenStore) -> list[GrantKey]:
    return [key async for key in store.iterate()]


def _has_methods(value: object) -> bool:
    return isinstance(value, TokenStore)


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise AssertionError(otherwise)


def _text(record: Record) -> str:
    """Return all of a record as text: 1, 1.0 and true are equal as values, and not as text."""
    tokens = [[*slot, dict(token)] for slot, token in record.access_tokens.items()]
    members: Mapping[str, Any] = {
        "tokens": sorted(tokens, key=repr),
        "refresh_token": record.refresh_token,
        "version": record.version,
        "mark": record.mark and [record.mark.digest, repr(record.mark)],
    }
    return json.dumps(members, sort_keys=True)


def _records() -> tuple[Any, Any]:
    """Return what draws keys and records."""
    from hypothesis import strategies as st

    from oauthkit.testing.strategies import unicode_text

    text = unicode_text()
    leaves = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        text,
    )
    values = st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(text, inner, max_size=3)
        ),
        max_leaves=6,
    )
    tokens = st.dictionaries(text, values, max_size=4).map(Token)
    keys = st.builds(GrantKey, issuer=text, client_id=text, account=text)
    flags = {"lost": st.booleans(), "final": st.booleans()}
    marks = st.builds(Mark, digest=text, holder=text, since=st.floats(0, 2**40), **flags)
    records = st.builds(
        Record,
        mark=st.one_of(st.none(), marks),
        access_tokens=st.dictionaries(st.tuples(text, text), tokens, max_size=3),
        refresh_token=st.one_of(st.none(), text),
        version=st.integers(1, 2**53),
    )
    return keys, records
