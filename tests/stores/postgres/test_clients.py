"""Clients that share a grant in PostgreSQL: one renews it, and the others adopt."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients.test_processes import (
    EXPIRIES,
    PROCESSES,
    START,
    call,
    creds_of,
    families_revoked,
    service,
    workers,
)
from stores.postgres.moments import locks, none_left
from stores.postgres.server import Server, table_of
from support import run

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "PostgreSQL: processes share a grant",
    rfc=None,
    judge="none but ours",
)


def test_processes_share_a_grant(server: Server, tmp_path: Path) -> None:
    """Eight processes, five expiries: a token request each, one token for all, nothing revoked."""
    table = table_of(tmp_path)
    with service() as there:
        store = server.url(f"table={table}&pool_size=1", tcp=True)
        with workers(there, PROCESSES, store, creds_of(there)) as started:
            for number in range(EXPIRIES):
                said = call(started, START + 4000 * number)
                assert 1 == len(set(said)), said
                assert said[0].startswith("200 ")
                assert number + 1 == there.token_requests
            assert 0 == run(locks(server))
        assert 0 == families_revoked(there)
    query = "SELECT count(*) FROM grants".replace("grants", table)
    assert 1 == run(server.ask(query))
    run(none_left(server))
