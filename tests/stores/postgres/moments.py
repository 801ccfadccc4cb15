"""What a test of the PostgreSQL store waits for."""

from __future__ import annotations

import asyncio

from oauthkit import Held
from stores.postgres.server import Server

_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'oauthkit'"
_LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
_HOLDER = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"


async def lost(held: Held) -> None:
    """Wait until a holder knows that its lock has gone."""
    for _ in range(1_000_000):
        if not held.remaining():
            return
        await asyncio.sleep(0)
    raise AssertionError("a lock that has gone is still said to be held")


async def none_left(server: Server) -> None:
    """Wait until the server has no connection of a store any more."""
    for _ in range(1_000):
        if not await connections(server):
            return
    raise AssertionError("a store has left connections behind")


async def connections(server: Server) -> int:
    """Return how many connections of stores the server has."""
    return int(await server.ask(_CONNECTIONS))


async def locks(server: Server) -> int:
    """Return how many locks are held, or waited for, at the server."""
    return int(await server.ask(_LOCKS))


async def holder(server: Server) -> int:
    """Return the process id of the one session that holds a lock."""
    return int(await server.ask(_HOLDER))
