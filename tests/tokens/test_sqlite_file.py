"""The file of the SQLite store: who may read it, what it is, and that nothing else is overwritten."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from oauthkit import ConfigurationError, GrantKey, Record, SQLiteStore
from oauthkit.tokens import sqlite_file
from support import run
from tokens.grants import KEY, record

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "SQLite: a file for its owner, recognised, never overwritten",
    rfc=None,
    judge="none but ours",
)

ONE = record({"access_token": "t"}, "r")


def mode(path: Path) -> int:
    """Return who may do what with a file."""
    return path.stat().st_mode & 0o777


def refusal(path: Path) -> str:
    """Return what opening *path* is refused with; the file stays as it was."""
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(ConfigurationError) as caught:
        run(SQLiteStore(path).load(KEY))
    assert before == (path.read_bytes() if path.exists() else None)
    assert str(path) in str(caught.value)
    return str(caught.value)


def stored(path: Path) -> None:
    """Store a record in *path*, and close it."""

    async def main() -> None:
        store = SQLiteStore(path)
        assert await store.compare_and_swap(KEY, None, ONE)
        await store.close()

    run(main())


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_files_are_their_owners(tmp_path: Path, umask: int) -> None:
    """The database, its log and its index (mode 600), and the folder of locks, whatever the umask."""
    path = tmp_path / "tokens.db"

    async def main() -> None:
        store = SQLiteStore(path)
        async with store.lock(KEY):
            await store.compare_and_swap(KEY, None, ONE)
            assert {0o600} == {mode(tmp_path / f"tokens.db{end}") for end in ("", "-wal", "-shm")}
            assert not mode(tmp_path / "tokens.db-locks") & 0o077
        await store.close()

    before = os.umask(umask)
    try:
        run(main())
    finally:
        os.umask(before)


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_may_open_is_refused(tmp_path: Path, bits: int) -> None:
    """The error says how to mend it."""
    path = tmp_path / "tokens.db"
    stored(path)
    path.chmod(bits)
    text = refusal(path)
    assert f"(mode {bits:o}): chmod 600 {path}" in text
    path.chmod(0o600)
    assert ONE == run(SQLiteStore(path).load(KEY))


def test_a_folder_of_locks_that_others_may_open_is_refused(tmp_path: Path) -> None:
    """Whoever may write there could hold every lock."""
    (tmp_path / "tokens.db-locks").mkdir(mode=0o755)
    with pytest.raises(ConfigurationError, match="chmod 700"):
        run(SQLiteStore(tmp_path / "tokens.db").lock(KEY).__aenter__())


def make_text(path: Path) -> None:
    """Make a text file."""
    path.write_text("client_id = 1\n" * 300)


def make_database(path: Path) -> None:
    """Make somebody else's database."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE users (name TEXT)")
    connection.close()


def make_empty_database(path: Path) -> None:
    """Make somebody else's database, which has no table yet."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()


def make_marked_database(path: Path) -> None:
    """Make a database of another application."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA application_id = 7")
    connection.close()


@pytest.mark.parametrize(
    "make", [make_text, make_database, make_empty_database, make_marked_database]
)
def test_a_foreign_file_is_left_alone(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """Neither read as a store nor written."""
    path = tmp_path / "tokens.db"
    make(path)
    path.chmod(0o600)
    assert "is not a token store, and was left as it is" in refusal(path)
    assert [path] == [found for found in tmp_path.iterdir() if found.suffix != ".db-shm"]


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    """As it is left by a crash between its making and the schema's."""
    path = tmp_path / "tokens.db"
    path.touch(mode=0o600)
    stored(path)
    assert ONE == run(SQLiteStore(path).load(KEY))


def test_a_damaged_file_is_left_alone(tmp_path: Path) -> None:
    """Its pages overwritten: the error says what to do; nothing is made anew."""
    path = tmp_path / "tokens.db"

    async def fill() -> None:
        store = SQLiteStore(path)
        for number in range(200):
            key = GrantKey(issuer="i", client_id="c", account=f"{number}")
            await store.compare_and_swap(key, None, record({"access_token": "t" * 200}, "r"))
        await store.close()

    run(fill())
    octets = bytearray(path.read_bytes())
    for position in range(8192, len(octets)):
        octets[position] = 0xFF
    path.write_bytes(octets)

    async def read_all() -> None:
        store = SQLiteStore(path)
        try:
            for number in range(200):
                await store.load(GrantKey(issuer="i", client_id="c", account=f"{number}"))
        finally:
            await store.close()

    with pytest.raises(ConfigurationError, match="is damaged, and was left as it is"):
        run(read_all())
    assert bytes(octets) == path.read_bytes()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("record", "no JSON, with a secret"),
        ("record", '["secret"]'),
        ("record", '{"access_tokens": [["secret"]], "refresh_token": null, "version": 1}'),
        ("version", 7),
        ("key", "secret"),
    ],
)
def test_a_record_that_is_none(tmp_path: Path, column: str, value: object) -> None:
    """Text that is no record, or belongs to another version: damage, and nothing of it is shown."""
    path = tmp_path / "tokens.db"
    stored(path)
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE records SET {column} = ?", (value,))  # noqa: S608 - a test's
    connection.close()

    async def main() -> None:
        store = SQLiteStore(path)
        try:
            await store.load(KEY)
            async for _ in store.iterate():
                pass
        finally:
            await store.close()

    with pytest.raises(ConfigurationError, match="is damaged") as caught:
        run(main())
    assert "secret" not in repr((caught.value, caught.value.__context__))


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    """It is not made: the path is more likely mistyped."""
    with pytest.raises(ConfigurationError, match="its folder does not exist"):
        run(SQLiteStore(tmp_path / "missing" / "tokens.db").load(KEY))


def test_a_relative_path_is_settled_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that changes its folder later keeps its tokens together."""
    monkeypatch.chdir(tmp_path)
    store = SQLiteStore("tokens #1?.db")
    monkeypatch.chdir("/")
    run(store.compare_and_swap(KEY, None, ONE))
    assert (tmp_path / "tokens #1?.db").exists()
    assert f"{tmp_path}/tokens #1?.db" == store.path


def test_another_process_makes_the_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite waits for nobody when it turns its log on: we do, and say so when that takes too long."""
    path = tmp_path / "tokens.db"
    path.touch(mode=0o600)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            other.execute("ROLLBACK")

    monkeypatch.setattr("oauthkit.tokens.sqlite_file.time.sleep", wait)
    stored(path)
    assert 3 == len(waits)
    other.close()
    path.unlink()
    path.touch(mode=0o600)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(sqlite_file, "_PATIENCE", -1.0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        run(SQLiteStore(path).load(KEY))
    other.close()


# -- versions --------------------------------------------------------------------------------------


def test_a_newer_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a newer oauthkit keeps there an older one would lose."""
    path = tmp_path / "tokens.db"
    newer = ("CREATE TABLE marks (key TEXT)",)
    with monkeypatch.context() as patched:
        patched.setattr(sqlite_file, "MIGRATIONS", (*sqlite_file.MIGRATIONS, newer))
        stored(path)
    assert "is of version 2, and this oauthkit knows versions up to 1" in refusal(path)


def test_an_older_file_is_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Step by step, with what it holds; a step that fails leaves all as it was."""
    path = tmp_path / "tokens.db"
    stored(path)
    second = ("CREATE TABLE more (key TEXT)",)
    wrong = ("CREATE TABLE last (key TEXT)", "CREATE TABLE records (key TEXT)")
    monkeypatch.setattr(sqlite_file, "MIGRATIONS", (*sqlite_file.MIGRATIONS, second, wrong))
    with pytest.raises(sqlite3.OperationalError, match="records already exists"):
        run(SQLiteStore(path).load(KEY))
    monkeypatch.setattr(sqlite_file, "MIGRATIONS", (*sqlite_file.MIGRATIONS[:1], second))
    assert ONE == run(SQLiteStore(path).load(KEY))
    with sqlite3.connect(path) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        assert 2 == connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    assert {"records", "more"} == names


def test_a_member_that_json_has_no_value_for(tmp_path: Path) -> None:
    """It is refused before anything is stored, without the value."""
    wrong = record({"access_token": "t", "when": object()}, None)

    async def main() -> Record | None:
        store = SQLiteStore(tmp_path / "tokens.db")
        with pytest.raises(TypeError, match="object is not JSON serializable"):
            await store.compare_and_swap(KEY, None, wrong)
        return await store.load(KEY)

    assert run(main()) is None
