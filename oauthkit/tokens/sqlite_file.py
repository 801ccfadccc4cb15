"""The file of the SQLite store: for its owner alone, recognised, migrated, never overwritten."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from oauthkit.errors import ConfigurationError

__all__ = ["explain", "open_database", "open_folder"]

# "OAuK": what says that a database is ours.
_APPLICATION_ID = 0x4F41754B
# What makes each version of the schema of the one before; their number is the version.
MIGRATIONS = (
    (
        """
        CREATE TABLE records (
            key TEXT NOT NULL PRIMARY KEY,
            version INTEGER NOT NULL,
            record TEXT NOT NULL
        ) WITHOUT ROWID
        """,
    ),
)
# Seconds to wait for another process that writes.
_PATIENCE = 10.0
_TURN = 0.01
_OTHERS = 0o077


def open_database(path: str) -> sqlite3.Connection:
    """
    Open the database of *path*, made if there is none, in the newest version of its schema.

    Raises ConfigurationError, and writes nothing, where the file is something else, damaged, made
    by a newer version, or others may read it; OSError and sqlite3.Error otherwise.
    """
    _make(path)
    _refuse_others(path, "file", "600")
    connection = sqlite3.connect(
        f"{Path(path).as_uri()}?mode=rw",
        uri=True,
        timeout=_PATIENCE,
        isolation_level=None,
        # One thread at a time: the worker's, and at the end whoever closes it.
        check_same_thread=False,
    )
    try:
        _read_version(connection, path)
        _use_wal(connection)
        # A token that was stored is there after a power cut; what was replaced is not.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        _migrate(connection, path)
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.DatabaseError):
            explain(error, path)
        raise
    return connection


def open_folder(path: str) -> None:
    """Make the folder *path* for its owner alone; raises ConfigurationError where it is not."""
    os.makedirs(path, mode=0o700, exist_ok=True)  # noqa: PTH103 - a text all the way
    _refuse_others(path, "folder", "700")


def explain(error: sqlite3.DatabaseError, path: str) -> None:
    """Raise ConfigurationError in place of *error* where it says that the file is damaged."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        raise _foreign(path) from None
    if code == sqlite3.SQLITE_CORRUPT:
        raise damaged(path) from error


def damaged(path: str) -> ConfigurationError:
    """Say that the file is damaged."""
    return ConfigurationError(
        f"the token store {path} is damaged, and was left as it is: put a copy back in its place, "
        "or move it away and have the users log in again"
    )


def _foreign(path: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} is not a token store, and was left as it is: name another file"
    )


def _make(path: str) -> None:
    """Make an empty file that nobody else can read, whatever the umask; leave one that is there."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    except FileNotFoundError:
        raise ConfigurationError(
            f"the token store {path} cannot be made: its folder does not exist"
        ) from None
    os.close(descriptor)


def _refuse_others(path: str, what: str, mode: str) -> None:
    """Refuse what others may open; SQLite gives the files beside its own the same mode."""
    if os.name != "posix":
        return
    found = os.stat(path).st_mode  # noqa: PTH116 - a text all the way
    if found & _OTHERS:
        raise ConfigurationError(
            f"the {what} {path} holds or guards tokens, and others than its owner may open it "
            f"(mode {found & 0o777:o}): chmod {mode} {path}"
        )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    with closing(connection.execute(f"PRAGMA {name}")) as cursor:
        return int(cursor.fetchone()[0])


def _read_version(connection: sqlite3.Connection, path: str) -> int:
    """Return the version of the schema, 0 for an empty file; raises where it is none of ours."""
    # In one transaction: another process may be making the schema.
    inside = connection.in_transaction
    if not inside:
        connection.execute("BEGIN")
    try:
        application = _pragma(connection, "application_id")
        version = _pragma(connection, "user_version")
        with closing(connection.execute("SELECT count(*) FROM sqlite_master")) as cursor:
            tables = cursor.fetchone()[0]
    finally:
        if not inside:
            connection.execute("ROLLBACK")
    if application != _APPLICATION_ID:
        if application or version or tables:
            raise _foreign(path)
        return 0
    if not 0 < version <= len(MIGRATIONS):
        raise ConfigurationError(
            f"the token store {path} is of version {version}, and this oauthkit knows versions up "
            f"to {len(MIGRATIONS)}: it was left as it is; use the oauthkit that made it, or a newer"
        )
    return version


def _use_wal(connection: sqlite3.Connection) -> None:
    """Have readers not wait for writers; SQLite itself does not wait for others here."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_TURN)
        else:
            return


def _migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the schema to the newest version, all of it or nothing."""
    if _read_version(connection, path) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have been here first.
        for steps in MIGRATIONS[_read_version(connection, path) :]:
            for step in steps:
                connection.execute(step)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
