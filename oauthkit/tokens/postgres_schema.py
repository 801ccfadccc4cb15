"""The table of the PostgreSQL store: recognised, made, migrated, never overwritten."""

from __future__ import annotations

import re

from oauthkit.errors import ConfigurationError
from oauthkit.tokens.postgres_place import Connection, Place, load_driver

__all__ = ["MIGRATIONS", "prepare"]

# What makes each version of the table of the one before; their number is the version.
MIGRATIONS = (
    (
        """
        CREATE TABLE {table} (
            id bytea NOT NULL PRIMARY KEY,
            key text NOT NULL,
            version bigint NOT NULL,
            record text NOT NULL
        )
        """,
    ),
)
# What says that a table is ours, and of which version: it goes along with a copy of the database.
_COMMENT = "token store of oauthkit, version {}"
_VERSION = re.compile(r"token store of oauthkit, version ([0-9]{1,9})").fullmatch
# "OAuK": the lock under which tables are made.
_LOCK = 0x4F41754B


async def prepare(connection: Connection, place: Place) -> None:
    """
    Bring the table to the newest version, whoever else does so at the same time.

    Raises ConfigurationError, and changes nothing, where it is something else, or made by a newer
    version, or where the role must not make it.
    """
    if await _read_version(connection, place) == len(MIGRATIONS):
        return
    denied: type[Exception] = load_driver().InsufficientPrivilegeError
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            # Another process may have been here first.
            version = await _read_version(connection, place)
            for step in _steps(place, version):
                await connection.execute(step)
    except denied as error:
        steps = ";\n".join(_steps(place, 0, with_schema=False))
        raise ConfigurationError(
            f"token store {place.name}: this role may not make or change the table ({error}); have "
            "its owner start a program that uses it once, or grant it what it needs.\n"
            f"A new one is made by\n{steps};\n"
            "and used with SELECT, INSERT, UPDATE and DELETE."
        ) from error


def _steps(place: Place, version: int, *, with_schema: bool = True) -> list[str]:
    """Return the statements that lead from *version* to the newest one."""
    if version == len(MIGRATIONS):
        return []
    steps: list[str] = []
    if with_schema and not version and place.schema is not None:
        # Not IF NOT EXISTS alone: that asks for the right to make one even where it is there.
        steps.append(
            f"DO $$ BEGIN IF to_regnamespace('\"{place.schema}\"') IS NULL "
            f'THEN CREATE SCHEMA "{place.schema}"; END IF; END $$'
        )
    for migration in MIGRATIONS[version:]:
        steps += [_on_one_line(place.fill(step)) for step in migration]
    steps.append(f"COMMENT ON TABLE {place.quoted} IS '{_COMMENT.format(len(MIGRATIONS))}'")
    return steps


def _on_one_line(statement: str) -> str:
    return " ".join(statement.split())


async def _read_version(connection: Connection, place: Place) -> int:
    """Return the version of the table, 0 where there is none; raises where it is none of ours."""
    row = await connection.fetchrow(
        # pg_class is asked as well: a session that looked a name up, and found nothing, goes on to
        # find nothing until it takes a lock on some table.
        "SELECT obj_description(oid, 'pg_class') AS comment FROM pg_class "
        "WHERE oid = to_regclass($1)",
        place.quoted,
    )
    if row is None:
        return 0
    match = _VERSION(row["comment"] or "")
    if match is None:
        raise ConfigurationError(
            f"token store {place.name}: there is something else of that name, without the comment "
            f"{_COMMENT.format('…')!r}, and it was left as it is: name another table"
        )
    version = int(match[1])
    if not 0 < version <= len(MIGRATIONS):
        raise ConfigurationError(
            f"token store {place.name}: the table is of version {version}, and this oauthkit knows "
            f"versions up to {len(MIGRATIONS)}: it was left as it is; use the oauthkit that made "
            "it, or a newer"
        )
    return version
