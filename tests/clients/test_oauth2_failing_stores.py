"""A store that fails while a token is in hand: nobody is handed it, and it is not lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from clients.oauth2_example import CALLBACK, LOGIN, call, log_in, spent
from oauthkit import AsyncOAuth2Client, Token, connect
from oauthkit.testing.servers import OAuth2Server
from support import run
from tokens.stores import TestStore

pytestmark = pytest.mark.proves(
    "Tokens and stores", "a refresh token is never lost", rfc="RFC 6749 §6", judge="none but ours"
)

NOTE = "the new token is not stored yet: it will be, before another one is asked for"


def failing(times: int) -> TestStore:
    """Make a store of which so many swaps fail."""
    store = TestStore(refusals=[OSError("disk") for _ in range(times)])
    store.gate.set()
    return store


async def log_in_with(server: OAuth2Server, client: AsyncOAuth2Client) -> Token:
    """Log the user in."""
    back = server.authorize(client.create_authorization_url().url)
    return await client.fetch_token(authorization_response=back)


async def stored_refresh_token(client: AsyncOAuth2Client) -> str | None:
    """Return what is stored under the client's key."""
    store = client._the_grant.store
    assert isinstance(store, TestStore)
    record = await store.inner.load(client._the_grant.key)
    return None if record is None else record.refresh_token


@pytest.mark.parametrize("then", ["call", "refresh_token"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_login(times: int, then: str) -> None:
    """The code is spent, and cannot be again: the next flights store the token that came of it."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                store = failing(times)
                client = log_in(server, session, store=store)
                with pytest.raises(OSError, match="disk") as caught:
                    await log_in_with(server, client)
                assert [NOTE] == caught.value.__notes__
                attempt = client.refresh_token if then == "refresh_token" else lambda: call(client)
                for _ in range(times - 1):
                    with pytest.raises(OSError, match="disk") as caught:
                        await attempt()
                    # aiohttp makes a ClientOSError of an OSError, and says what it comes from.
                    assert [NOTE] == (caught.value.__cause__ or caught.value).__notes__
                # Nobody has it, nothing of it is stored, and nothing else was asked for.
                kept = (client.token, await stored_refresh_token(client))
                assert (None, None, 1) == (*kept, server.token_requests)
                await attempt()
                token = client.token
                assert token is not None
                assert token["refresh_token"] == await stored_refresh_token(client)
                assert [] == client._the_grant.unsaved

        run(main())
        assert (2 if then == "refresh_token" else 1) == server.token_requests
        assert all(one.ok for one in server.log)


def test_a_login_over_another_grant() -> None:
    """Until it is stored, the grant of before is what there is; then nothing is left of that."""
    with OAuth2Server.for_provider(LOGIN) as server:
        told: list[Token] = []

        def tell(token: Token, **_: Any) -> None:
            told.append(token)

        async def main() -> None:
            async with server.session() as session:
                store, before = failing(0), server.issue("alice")
                client = connect(
                    LOGIN,
                    {**server.creds, **before},
                    session=session,
                    store=store,
                    update_token=tell,
                    redirect_uri=CALLBACK,
                )
                held = await client.refresh_token()
                store.refusals.append(OSError("disk"))
                with pytest.raises(OSError, match="disk"):
                    await log_in_with(server, client)
                assert held is client.token
                token = await client.refresh_token()
                # What came of the login was stored, told and spent, and the older one was not.
                assert [before["refresh_token"], None, told[1]["refresh_token"]] == spent(server)
                assert held["refresh_token"] not in spent(server)
                assert [held, token] == [told[0], told[2]]
                assert token["refresh_token"] == await stored_refresh_token(client)

        run(main())
        assert all(one.ok for one in server.log)


def test_a_login_after_one_that_is_not_stored() -> None:
    """It takes its place: of the older one nothing is stored any more."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                client = log_in(server, session, store=failing(1))
                with pytest.raises(OSError, match="disk"):
                    await log_in_with(server, client)
                token = await log_in_with(server, client)
                assert [] == client._the_grant.unsaved
                assert 200 == await call(client)
                assert token is client.token
                assert token["refresh_token"] == await stored_refresh_token(client)

        run(main())
        assert 2 == server.token_requests


def test_logins_at_once() -> None:
    """Both fail to be stored: the later one counts."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                client = log_in(server, session, store=failing(2))
                logins = (log_in_with(server, client) for _ in range(2))
                results = await asyncio.gather(*logins, return_exceptions=True)
                assert [OSError] * 2 == [type(one) for one in results]
                later = client._the_grant.unsaved[-1].members["refresh_token"]
                assert 200 == await call(client)
                assert (later, []) == (
                    await stored_refresh_token(client),
                    client._the_grant.unsaved,
                )

        run(main())
        assert 2 == server.token_requests


def test_a_login_whose_store_is_locked() -> None:
    """It does not wait for who is renewing, or is dead: nothing of what is stored is kept."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                store = failing(0)
                client = log_in(server, session, store=store)
                grant = client._the_grant
                async with store.lock(grant.key):
                    login = {"access_token": "a", "refresh_token": "r"}
                    saving = grant.save_login(client._slot(), login, grant.start(), 5)
                    await grant.land(saving)
                assert client.token is not None
                assert ("r", 0) == (client.token["refresh_token"], len(grant.unsaved))
                server.respond("/echo", status=200)
                assert 200 == await call(client)
                assert "r" == await stored_refresh_token(client)

        run(main())
        assert 0 == server.token_requests


@pytest.mark.parametrize("then", ["refresh_token", "call"])
def test_an_explicit_renewal(then: str) -> None:
    """Its refresh token was spent, and the new one is the last: the next flight stores it first."""
    with OAuth2Server.for_provider(LOGIN) as server:
        told: list[tuple[str, str | None]] = []

        def tell(token: Token, refresh_token: str | None = None, **_: Any) -> None:
            told.append((token["refresh_token"], refresh_token))

        async def main() -> None:
            async with server.session() as session:
                creds = {**server.creds, **server.issue("alice"), "expires_at": 0}
                client = connect(LOGIN, creds, session=session, store=failing(2), update_token=tell)
                attempt = client.refresh_token if then == "refresh_token" else lambda: call(client)
                with pytest.raises(OSError, match="disk") as caught:
                    await client.refresh_token()
                assert [NOTE] == caught.value.__notes__
                with pytest.raises(OSError, match="disk"):
                    await attempt()
                assert ([creds["refresh_token"]], []) == (spent(server), told)
                await attempt()
                token = client.token
                assert token is not None
                assert token["refresh_token"] == await stored_refresh_token(client)
                # Each was told of, with the one before: also the one that was stored late.
                assert spent(server) == [before for _, before in told]
                assert [*spent(server)[1:], token["refresh_token"]] == [one for one, _ in told]

        run(main())
        assert all(one.ok for one in server.log)


def test_a_store_that_fails_after_it_has_stored() -> None:
    """What it holds is what was got: it counts, it is told, and its refresh token is good."""
    with OAuth2Server.for_provider(LOGIN) as server:
        told: list[Token] = []

        async def main() -> None:
            async with server.session() as session:
                creds = {**server.creds, **server.issue("alice"), "expires_at": 0}
                store = failing(0)
                store.late_refusals.append(OSError("gone"))

                def tell(token: Token, **_: Any) -> None:
                    told.append(token)

                client = connect(LOGIN, creds, session=session, store=store, update_token=tell)
                with pytest.raises(OSError, match="gone"):
                    await call(client)
                assert [] == told
                assert 200 == await call(client)
                assert [client.token] == told
                assert told[0]["refresh_token"] == await stored_refresh_token(client)

        run(main())
        assert 1 == server.token_requests
