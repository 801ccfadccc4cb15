"""The table of the PostgreSQL store: made by whoever comes first, migrated, never overwritten."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from oauthkit import ConfigurationError, PostgresStore, TokenStore
from oauthkit.testing import StoreSuite
from oauthkit.testing.store_processes import KEY, children, number_in, record_of
from oauthkit.tokens import postgres_schema
from stores.postgres.server import ADDRESS, Server, table_of
from support import run

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "PostgreSQL: a table that is made, migrated, never overwritten",
    rfc=None,
    judge="none but ours",
)

ONE = record_of(1, 1)
COLUMNS = """
SELECT string_agg(column_name, ' ' ORDER BY ordinal_position) FROM information_schema.columns
WHERE table_name = $1
"""
COMMENT = "SELECT obj_description(oid, 'pg_class') FROM pg_class WHERE relname = $1"


class Opened(StoreSuite):
    """Says to other processes how the store is opened; collected by nobody."""

    __test__ = False

    def open_store(self, place: Path) -> TokenStore:
        """Open one in a table."""
        return PostgresStore(os.environ[ADDRESS], table=table_of(place), schema="of_eight")


def test_eight_processes_begin_at_once(server: Server, tmp_path: Path) -> None:
    """One of them makes the schema and the table, the others wait for it; none fails."""
    with children(Opened(), tmp_path, "count", 8, 3) as started:
        for child in started:
            child.begin()
        for child in started:
            child.read()

    async def main() -> None:
        store = PostgresStore(server.url("schema=of_eight"), table=table_of(tmp_path))
        assert 24 == number_in(await store.load(KEY))
        await store.close()

    run(main())


def test_an_older_table_is_migrated(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in it stays; who knows only the older version leaves it alone from then on."""
    table = table_of(tmp_path)
    whole = postgres_schema.MIGRATIONS
    following = ("ALTER TABLE {table} ADD COLUMN note text NOT NULL DEFAULT ''",)

    async def main() -> None:
        older = PostgresStore(server.url(), table=table)
        assert await older.compare_and_swap(KEY, None, ONE)
        assert f"token store of oauthkit, version {len(whole)}" == await server.ask(COMMENT, table)
        monkeypatch.setattr(postgres_schema, "MIGRATIONS", (*whole, following))
        newer = PostgresStore(server.url(), table=table)
        assert ONE == await newer.load(KEY)
        assert "id key version record note" == await server.ask(COLUMNS, table)
        comment = f"token store of oauthkit, version {len(whole) + 1}"
        assert comment == await server.ask(COMMENT, table)
        # A program that runs goes on.
        assert await older.compare_and_swap(KEY, 1, record_of(2, 2))
        monkeypatch.setattr(postgres_schema, "MIGRATIONS", whole)
        late = PostgresStore(server.url(), table=table)
        with pytest.raises(ConfigurationError, match=rf"version {len(whole) + 1}.*newer"):
            await late.load(KEY)
        assert comment == await server.ask(COMMENT, table)
        for store in (older, newer, late):
            await store.close()

    run(main())


def test_a_migration_that_fails_changes_nothing(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it or nothing."""
    table = table_of(tmp_path)
    whole = postgres_schema.MIGRATIONS
    steps = ("ALTER TABLE {table} ADD COLUMN note text", "ALTER TABLE {table} DROP COLUMN nothing")

    async def main() -> None:
        store = PostgresStore(server.url(), table=table)
        assert await store.compare_and_swap(KEY, None, ONE)
        monkeypatch.setattr(postgres_schema, "MIGRATIONS", (*whole, steps))
        newer = PostgresStore(server.url(), table=table)
        with pytest.raises(Exception, match="nothing"):
            await newer.load(KEY)
        assert "id key version record" == await server.ask(COLUMNS, table)
        monkeypatch.setattr(postgres_schema, "MIGRATIONS", whole)
        assert ONE == await newer.load(KEY)
        await store.close()
        await newer.close()

    run(main())


def test_a_table_of_somebody_else(server: Server, tmp_path: Path) -> None:
    """It is refused, and left as it is."""
    table = table_of(tmp_path)

    async def main() -> None:
        await server.ask(f"CREATE TABLE {table} (id int)")
        store = PostgresStore(server.url(), table=table)
        with pytest.raises(ConfigurationError, match="something else"):
            await store.load(KEY)
        assert await server.ask(COLUMNS, table) == "id"
        await store.close()

    run(main())


def test_a_role_that_may_not_make_it(server: Server, tmp_path: Path) -> None:
    """It is told what to ask for; once that was done, it uses the table."""
    table = table_of(tmp_path)

    async def main() -> None:
        await server.ask("CREATE ROLE modest LOGIN")
        # So it is by default since PostgreSQL 15.
        await server.ask("REVOKE CREATE ON SCHEMA public FROM public")
        store = PostgresStore(server.url(user="modest"), table=table)
        with pytest.raises(ConfigurationError, match="may not make") as caught:
            async with store.lock(KEY):
                pass
        statements = [line for line in str(caught.value).splitlines() if line.endswith(";")]
        assert 2 == len(statements), caught.value
        for statement in statements:
            await server.ask(statement)
        await server.ask(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO modest")
        async with store.lock(KEY) as held:
            assert held.epoch
            assert await held.mark(None, ONE)
        assert ONE == await store.load(KEY)
        await store.delete(KEY)
        await store.close()

    run(main())


def test_nobody_else_may_read_it(server: Server, tmp_path: Path) -> None:
    """A table is its owner's."""
    table = table_of(tmp_path)

    async def main() -> None:
        await server.ask("CREATE ROLE curious LOGIN")
        store = PostgresStore(server.url(), table=table)
        assert await store.compare_and_swap(KEY, None, ONE)
        other = PostgresStore(server.url(user="curious"), table=table)
        with pytest.raises(Exception, match="permission denied"):
            await other.load(KEY)
        await store.close()
        await other.close()

    run(main())


def test_a_schema_of_its_own(server: Server, tmp_path: Path) -> None:
    """It is made by a role that may; one that may not uses what is there."""
    table = table_of(tmp_path)

    async def main() -> None:
        store = PostgresStore(server.url("schema=Apart"), table=table)
        assert await store.compare_and_swap(KEY, None, ONE)
        query = "SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = $1"
        assert '"Apart"' == await server.ask(query, table)
        await server.ask("CREATE ROLE tenant LOGIN")
        await server.ask("CREATE SCHEMA rented AUTHORIZATION tenant")
        other = PostgresStore(server.url("schema=rented", user="tenant"), table=table)
        assert await other.load(KEY) is None
        assert await other.compare_and_swap(KEY, None, record_of(2, 1))
        assert ONE == await store.load(KEY)
        await store.close()
        await other.close()

    run(main())


@pytest.mark.parametrize("record", ["", "{}", "[1]", record_of(1, 5).to_json()])
def test_a_damaged_record(server: Server, tmp_path: Path, record: str) -> None:
    """It is neither used nor shown; it can be deleted."""
    table = table_of(tmp_path)

    async def main() -> None:
        store = PostgresStore(server.url(), table=table)
        assert await store.compare_and_swap(KEY, None, ONE)
        await server.ask("UPDATE grants SET record = $1".replace("grants", table), record)
        with pytest.raises(ConfigurationError, match="is damaged") as caught:
            await store.load(KEY)
        assert "token 1" not in str(caught.value)
        async with store.lock(KEY) as held:
            with pytest.raises(ConfigurationError, match="is damaged"):
                _ = held.record
        await server.ask("UPDATE grants SET key = 'nobody'".replace("grants", table))
        with pytest.raises(ConfigurationError, match="is damaged"):
            _ = [key async for key in store.iterate()]
        await store.delete(KEY)
        assert await store.load(KEY) is None
        await store.close()

    run(main())
