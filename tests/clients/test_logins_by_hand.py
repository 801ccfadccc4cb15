"""``client.token = …`` is a login: it is stored, and whoever shares the store adopts it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from clients.example import declare
from clients.oauth2_example import LOGIN, call, spent
from oauthkit import (
    AsyncOAuth2Client,
    MemoryStore,
    SQLiteStore,
    Token,
    TokenStore,
    connect,
)
from oauthkit.testing.servers import OAuth2Server
from oauthkit.tokens import saving
from oauthkit.tokens.grants import grant_of
from support import run
from tokens.grants import KEY, opened, record, source, turns
from tokens.stores import TestStore

pytestmark = pytest.mark.proves(
    "Tokens and stores", "a refresh token is never lost", rfc="RFC 6749 §6", judge="none but ours"
)

NOTE = "the new token is not stored yet: it will be, before another one is asked for"


async def kept(client: AsyncOAuth2Client, store: TokenStore) -> str | None:
    """Return the refresh token that is stored."""
    record = await store.load(client._the_grant.key)
    return None if record is None else record.refresh_token


def test_stored_at_once() -> None:
    """Where the loop runs: without a request, and nobody waits for it."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                store, login = MemoryStore(), server.issue("alice")
                client = connect(LOGIN, server.creds, session=session, store=store)
                client.token = login
                assert login["access_token"] == dict(client.token or {})["access_token"]
                await turns(20)
                assert login["refresh_token"] == await kept(client, store)

        run(main())
        assert [] == server.log


def test_stored_before_the_first_request() -> None:
    """Where no loop runs: it is there before anything is sent with it."""
    with OAuth2Server.for_provider(LOGIN) as server:
        store, login = MemoryStore(), server.issue("alice")
        client = connect(LOGIN, server.creds, store=store)
        client.token = {**login, "expires_at": 0}

        async def main() -> None:
            async with server.session() as session:
                grant = client._the_grant
                asked = connect(LOGIN, server.creds, session=session, store=store)
                assert grant is asked._the_grant
                assert await kept(client, store) is None
                assert 200 == await call(asked)
                assert asked.token is not None
                assert asked.token["refresh_token"] == await kept(client, store)

        run(main())
        assert [login["refresh_token"]] == spent(server)


def test_another_process_adopts_it(tmp_path: Path) -> None:
    """At its next look: it spends nothing that is of the login before."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                stores = [SQLiteStore(tmp_path / "tokens.db") for _ in range(2)]
                first, second = (
                    connect(LOGIN, server.creds, session=session, store=store) for store in stores
                )
                first.token = {**server.issue("alice"), "expires_in": 3600}
                await first._the_grant.settle()
                assert 200 == await call(second)
                assert first.token == second.token
                login = server.issue("alice")
                first.token = login
                await first._the_grant.settle()
                assert second.token is not None
                # The one before ends: it looks, and finds the login.
                server.expire(second.token["access_token"])
                assert 200 == await call(second)
                assert login["access_token"] == second.token["access_token"]
                for store in stores:
                    await store.close()

        run(main())
        assert [] == spent(server)


def test_over_an_expired_token() -> None:
    """What was in memory before is neither sent nor spent."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                store = MemoryStore()
                creds = {**server.creds_for("alice"), "expires_at": 0}
                client = connect(LOGIN, creds, session=session, store=store)
                login = server.issue("alice")
                client.token = login
                assert 200 == await call(client)
                assert login["refresh_token"] == await kept(client, store)

        run(main())
        assert [] == spent(server)


def test_a_store_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks meanwhile is told, with a note; it is stored as soon as that can be done."""
    monkeypatch.setattr(saving, "_FIRST_PAUSE", 0.0)
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                store = TestStore(refusals=[OSError("disk") for _ in range(8)])
                store.gate.set()
                client = connect(LOGIN, server.creds, session=session, store=store)
                login = server.issue("alice")
                client.token = login
                with pytest.raises(OSError, match="disk") as caught:
                    await call(client)
                assert [NOTE] == (caught.value.__cause__ or caught.value).__notes__
                await turns(200)
                assert [] == client._the_grant.unsaved
                assert [] == store.refusals
                assert login["refresh_token"] == await kept(client, store.inner)
                assert 200 == await call(client)

        run(main())
        assert [] == spent(server)


@pytest.mark.parametrize("kind", ["access", "request", "callback"])
def test_oauth1(kind: str) -> None:
    """An access token is stored; a request token is a step of a login, and in memory alone."""

    async def main() -> None:
        store = MemoryStore()
        client = connect(declare(), {"client_id": "k", "client_secret": "s"}, store=store)
        token: dict[str, Any] = {"oauth_token": "a", "oauth_token_secret": "b"}
        more = {"request": "oauth_callback_confirmed", "callback": "oauth_verifier"}
        client.token = {**token, more[kind]: "true"} if kind in more else token
        assert "a" == dict(client.token or {})["oauth_token"]
        await turns(20)
        stored = [key async for key in store.iterate()]
        assert (1 if kind == "access" else 0) == len(stored)

    run(main())


# -- what may get in between -----------------------------------------------------------------------


def test_a_lock_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the whole store is away for a moment, it is stored later, without a request."""
    monkeypatch.setattr(saving, "_FIRST_PAUSE", 0.0)

    async def main() -> None:
        store = TestStore(failure=OSError("away"))
        store.gate.set()
        grant = grant_of(store, KEY)
        grant.assign(Token(opened().members(1)))
        await turns(20)
        store.failure = None
        await turns(50)
        assert [] == grant.unsaved

    run(main())


def test_during_a_flight() -> None:
    """It is stored when that has ended; nobody keeps the lock, and waits for a request."""

    async def main() -> None:
        exchange, store = opened(), MemoryStore()
        exchange.gate.clear()
        await store.compare_and_swap(
            KEY, None, record({"access_token": "t", "expires_at": 0}, "r0")
        )
        asked = source(exchange, store)
        waiting = asyncio.create_task(asked.token())
        await exchange.started.wait()
        asked.grant.assign(Token(opened().members(9)))
        waiting.cancel()  # or he would store it, as he asks once more
        exchange.gate.set()
        await turns(50)
        found = await store.load(KEY)
        assert found is not None
        assert ("r9", []) == (found.refresh_token, asked.grant.unsaved)
        assert 0 == len(store._locks)

    run(main())
