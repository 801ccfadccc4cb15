"""The store in a file: threads, processes that are forked, cancellation, the end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sqlite3
import threading
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oauthkit import ConfigurationError, GrantKey, SQLiteStore, open_store
from oauthkit.tokens.filelocks import try_lock
from support import fresh, run
from tokens.blocking import calls_by_thread
from tokens.grants import KEY, record, turns

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "SQLite: locks that die with their holder, threads, forks",
    rfc=None,
    judge="none but ours",
)

OTHER = GrantKey(issuer="https://as.example", client_id="id", account="other")
ONE = record({"access_token": "t"}, "r")
TWO = record({"access_token": "u"}, "s", 2)


def locks(store: SQLiteStore) -> list[str]:
    """Return the names of the lock files that there are."""
    return names(Path(f"{store.path}-locks"))


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def mode(path: str) -> int:
    """Return who may do what with a file."""
    return Path(path).stat().st_mode & 0o777


def open_files() -> set[str]:
    """Return the files that this process has open, where the system tells."""
    folder = Path("/proc/self/fd")
    return set(names(folder)) if folder.exists() else set()


def threads() -> set[threading.Thread]:
    """Return the threads of stores that run."""
    return {thread for thread in threading.enumerate() if thread.name == "oauthkit-sqlite"}


# -- threads ---------------------------------------------------------------------------------------


def test_nothing_blocks_the_loop(tmp_path: Path) -> None:
    """Every call of a file, a lock or SQLite happens in the store's thread, none in the loop's."""

    async def main() -> None:
        store = SQLiteStore(tmp_path / "tokens.db")
        async with store.lock(KEY):
            waiting = asyncio.create_task(store.lock(KEY).__aenter__())
            assert await store.compare_and_swap(KEY, None, ONE)
            assert ONE == await store.load(KEY)
            assert [KEY] == [key async for key in store.iterate()]
            waiting.cancel()
            await asyncio.wait([waiting])
        await store.delete(KEY)
        await store.close()

    here, seen = calls_by_thread(main())
    assert {"open", "flock", "connect", "execute", "fetchone", "close", "unlink", "stat"} <= seen
    assert set() == here


def test_closing_ends_the_thread(tmp_path: Path) -> None:
    """After what is going on; a closed store opens again when it is used."""
    before = threads()

    async def main() -> None:
        store = SQLiteStore(tmp_path / "tokens.db")
        await store.close()
        await store.compare_and_swap(KEY, None, ONE)
        (thread,) = threads() - before
        await store.close()
        thread.join(10)
        assert not thread.is_alive()
        # SQLite takes its log away when the last one closes.
        assert ["tokens.db"] == names(tmp_path)
        assert ONE == await store.load(KEY)
        async with store.lock(KEY):
            await store.close()
            assert 1 == len(locks(store))
        assert [] == locks(store)

    run(main())


def test_a_store_that_nobody_holds_leaves_nothing(tmp_path: Path) -> None:
    """No thread, no open file, no ResourceWarning: by reference counting alone."""
    before = threads()
    files = open_files()

    async def use(store: SQLiteStore) -> None:
        async with store.lock(KEY):
            await store.compare_and_swap(KEY, None, ONE)

    gc.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            store = SQLiteStore(tmp_path / "tokens.db")
            run(use(store))
            (thread,) = threads() - before
            del store
            thread.join(10)
            assert not thread.is_alive()
    finally:
        gc.enable()
    assert "tokens.db-wal" not in names(tmp_path)
    assert files >= open_files()


def test_an_error_is_freed_with_who_got_it(tmp_path: Path) -> None:
    """It holds frames, and they whatever was given to the store: none of them holds it."""
    (tmp_path / "tokens.db").write_text("something else")
    (tmp_path / "tokens.db").chmod(0o600)

    async def fail(store: SQLiteStore) -> weakref.ref[ConfigurationError]:
        try:
            await store.load(KEY)
        except ConfigurationError as error:
            return weakref.ref(error)
        raise AssertionError("it was read")

    async def main() -> weakref.ref[ConfigurationError]:
        store = SQLiteStore(tmp_path / "tokens.db")
        error = await fail(store)
        await store._the_opened().worker.run(int)  # the thread is done with what came before
        return error

    gc.collect()
    gc.disable()
    try:
        assert run(main())() is None
    finally:
        gc.enable()


def test_the_end_of_the_program(tmp_path: Path) -> None:
    """A store that is still held is closed: nothing hangs, warns, or leaves its log behind."""
    shown = fresh(
        """
import asyncio, sys
from oauthkit import GrantKey, Record, SQLiteStore
store = SQLiteStore(sys.argv[1])
key = GrantKey(issuer="i", client_id="c")
asyncio.run(store.compare_and_swap(key, None, Record()))
lock = store.lock(key)
asyncio.run(lock.__aenter__())
print("end")
""",
        str(tmp_path / "tokens.db"),
    )
    assert "end" == shown.strip()
    assert ["tokens.db", "tokens.db-locks"] == names(tmp_path)


def test_two_threads_with_a_loop_each(tmp_path: Path) -> None:
    """One URL, a store for each thread: their locks exclude each other, their swaps are counted."""
    url = f"sqlite:///{tmp_path.as_posix()}/tokens.db"
    inside: list[int] = []
    met: list[int] = []

    async def work() -> None:
        store = open_store(url)
        for _ in range(20):
            async with store.lock(KEY):
                met.extend(inside)
                inside.append(1)
                found = await store.load(KEY)
                version = found.version if found else 0
                following = record({"access_token": "t"}, "r", version + 1)
                assert await store.compare_and_swap(KEY, version or None, following)
                inside.pop()

    started = [threading.Thread(target=lambda: run(work())) for _ in range(3)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    assert [] == met
    found = run(SQLiteStore(tmp_path / "tokens.db").load(KEY))
    assert found is not None
    assert 60 == found.version


# -- locks -----------------------------------------------------------------------------------------


def test_lock_files_go_with_their_locks(tmp_path: Path) -> None:
    """The folder is its owner's, empty when nobody holds a lock; the names say nothing."""

    async def main() -> None:
        store = SQLiteStore(tmp_path / "tokens.db")
        async with store.lock(KEY), store.lock(OTHER):
            assert 2 == len(locks(store))
            for name in locks(store):
                assert 64 == len(name)
                assert 0o600 == mode(f"{store.path}-locks/{name}")
        assert [] == locks(store)
        assert 0o700 == mode(f"{store.path}-locks")

    run(main())
    assert ["tokens.db-locks"] == names(tmp_path), "a database for a lock alone"


def test_a_lock_file_that_a_crash_left_is_no_lock(tmp_path: Path) -> None:
    """It is there, and nobody holds it."""
    path = str(tmp_path / "lock")
    Path(path).touch()
    lock = try_lock(path)
    assert lock is not None
    assert try_lock(path) is None
    lock.release()
    lock.release()
    assert not Path(path).exists()


def test_a_lock_whose_file_was_replaced_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who opened a file that its holder removed meanwhile would hold a lock that nobody sees."""
    path = str(tmp_path / "lock")
    first = try_lock(path)
    assert first is not None
    whole = os.open

    def slow(*arguments: Any, **options: Any) -> int:
        descriptor = whole(*arguments, **options)
        first.release()
        return descriptor

    monkeypatch.setattr(os, "open", slow)
    assert try_lock(path) is None
    monkeypatch.undo()
    lock = try_lock(path)
    assert lock is not None
    assert Path(path).exists()
    lock.release()


def test_a_lock_that_was_forgotten_is_free(tmp_path: Path) -> None:
    """A loop that was closed in the middle of its tasks has dropped its holder."""
    path = str(tmp_path / "lock")
    lock = try_lock(path)
    assert lock is not None
    del lock
    again = try_lock(path)
    assert again is not None
    again.release()


@pytest.mark.parametrize("moment", range(6))
def test_a_waiter_that_leaves_after_it_got_the_lock(tmp_path: Path, moment: int) -> None:
    """The attempt that its thread made for nobody is given back."""

    async def main() -> None:
        store = SQLiteStore(tmp_path / "tokens.db")
        await store.load(KEY)
        began, go = threading.Event(), threading.Event()
        opened = store._the_opened()

        def block() -> None:
            began.set()
            go.wait()

        blocked = opened.worker.submit(block)
        began.wait()
        waiting = asyncio.create_task(store.lock(KEY).__aenter__())
        await turns(moment)
        go.set()
        if moment % 2:  # the thread is done before the loop looks
            blocked.result()
            opened.worker.submit(int).result()
        waiting.cancel()
        await asyncio.wait([waiting])
        async with store.lock(KEY):
            pass
        assert [] == locks(store)

    run(main())


def test_a_holder_that_is_cancelled_twice(tmp_path: Path) -> None:
    """The lock is given back although its holder does not wait for it."""

    async def main() -> None:
        store = SQLiteStore(tmp_path / "tokens.db")
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

    run(main())


# -- forks -----------------------------------------------------------------------------------------


def in_a_child(work: Callable[[], None]) -> int:
    """Fork, do *work* in the child, and return its pid."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # this process has threads
        pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def test_a_forked_child_uses_the_store(tmp_path: Path) -> None:
    """By a thread and a connection of its own; the parent's stay as they are."""
    store = SQLiteStore(tmp_path / "tokens.db")
    run(store.compare_and_swap(KEY, None, ONE))

    async def work() -> None:
        async with store.lock(OTHER):
            assert ONE == await store.load(KEY)
            assert await store.compare_and_swap(KEY, 1, TWO)
        await store.close()

    pid = in_a_child(lambda: asyncio.run(work()))
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert TWO == run(store.load(KEY))


def test_a_forked_child_holds_none_of_its_parents_locks(tmp_path: Path) -> None:
    """Else it would hold them after the parent's death; and its end does not free them."""
    path = str(tmp_path / "lock")
    reading, writing = os.pipe()
    begun, begin = os.pipe()

    def stay() -> None:
        os.write(begin, b".")  # it runs: what it inherited is closed
        signal.pause()

    def hold_and_fork() -> None:
        lock = try_lock(path)
        assert lock is not None
        child = in_a_child(stay)
        os.read(begun, 1)
        gone = in_a_child(lambda: None)
        os.waitpid(gone, 0)
        os.write(writing, f"{child}\n".encode())
        signal.pause()

    parent = in_a_child(hold_and_fork)
    child = int(os.read(reading, 20))
    try:
        assert try_lock(path) is None, "a child's end has freed it"
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)
        lock = try_lock(path)
        assert lock is not None, "the child still holds it"
        lock.release()
    finally:
        os.kill(child, signal.SIGKILL)
        for descriptor in (reading, writing, begun, begin):
            os.close(descriptor)


def test_a_busy_file_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program that writes for longer than we wait: SQLite's own error, and the file."""
    monkeypatch.setattr("oauthkit.tokens.sqlite_file._PATIENCE", 0.01)
    store = SQLiteStore(tmp_path / "tokens.db")

    async def main() -> None:
        await store.compare_and_swap(KEY, None, ONE)
        other = sqlite3.connect(store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked") as caught:
            await store.compare_and_swap(KEY, 1, TWO)
        assert [f"token store {store.path}"] == caught.value.__notes__
        assert ONE == await store.load(KEY)
        other.execute("ROLLBACK")
        other.close()
        assert await store.compare_and_swap(KEY, 1, TWO)

    run(main())
