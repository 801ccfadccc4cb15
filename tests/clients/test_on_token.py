"""`on_token` of a client: each kind of event, as often as it happens."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from clients.oauth2_example import TOKEN, call, log_in
from clients.watching import OVER, Watch, fetched, played, with_token
from oauthkit import (
    AsyncOAuth2Client,
    OAuthError,
    ReauthorizationRequired,
    SQLiteStore,
    connect,
)
from oauthkit.testing.servers import AssertionServer
from oauthkit_providers.google_service_account import provider
from support import run
from tokens.grants import Clock

pytestmark = pytest.mark.proves(
    "Tokens and stores", "each event of a token, once", rfc=None, judge="none but ours"
)

# -- each kind -------------------------------------------------------------------------------------


def test_login_by_hand_and_renewal() -> None:
    """A login is told when it is stored, a request before what came of it."""
    watch = Watch()
    with played() as server:

        async def main() -> None:
            async with server.session() as session:
                client = log_in(server, session, account="al", scope="b a", on_token=watch)
                client.token = server.issue("alice")
                await client.close()
                assert ["login"] == watch.kinds
                client.token = {**server.issue("alice"), **OVER}
                assert 200 == await call(client)
                assert 200 == await call(client)  # a warm token is no news
                await client.refresh_token()
                await client.close()

        run(main())
        renewed = ["requested", "refreshed"]
        # Who calls while a login is being stored waits for that.
        assert ["login", "login", "waited", *renewed, *renewed] == watch.kinds
        for event in watch.told:
            assert ("example", TOKEN, server.client_id, "al", "a b", None) == (
                event.provider,
                event.issuer,
                event.client_id,
                event.account,
                event.scope,
                event.error,
            )
            assert (event.kind in {"requested", "waited"}) == (event.seconds is not None)


def test_login_at_the_server() -> None:
    """A code is exchanged: a request, then a login; one that is refused is a failure."""
    watch = Watch()
    with played() as server:

        async def main() -> None:
            async with server.session() as session:
                client = log_in(server, session, on_token=watch)
                back = server.authorize(client.create_authorization_url().url)
                await client.fetch_token(authorization_response=back)
                await client.close()
                assert ["requested", "login"] == watch.kinds
                client.create_authorization_url()
                with pytest.raises(OAuthError, match="invalid_grant"):
                    await client.fetch_token(code="nobody's")
                await client.close()

        run(main())
    assert [("requested", "invalid_grant"), ("failed", "invalid_grant")] == watch.failures


def test_a_token_from_a_fragment() -> None:
    """It is a login, too."""
    watch = Watch()
    with played() as server:

        async def main() -> None:
            async with server.session() as session:
                client = AsyncOAuth2Client(session, "id", state="s", on_token=watch)
                client.token_from_fragment("https://app.example/#access_token=t&state=s")
                await client.close()

        run(main())
    assert ["login"] == watch.kinds


def test_an_assertion() -> None:
    """A service account's request and token; asked for by name as well."""
    watch = Watch()
    with AssertionServer.for_provider(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = connect(
                    provider, server.key_file, session=session, scope="s", on_token=watch
                )
                await client.fetch_token()
                await client.refresh_token()
                server.respond("/token", 400, body='{"error": "invalid_scope"}')
                with pytest.raises(OAuthError, match="invalid_scope"):
                    await client.refresh_token()
                await client.close()

        run(main())
    assert ["requested", "refreshed"] * 2 + ["requested", "failed"] == watch.kinds


def test_adopted(tmp_path: Path) -> None:
    """What another process has renewed is adopted, without a request."""
    mine, other, clock = Watch(), Watch(), Clock()
    with played(clock=clock) as server:

        async def main() -> None:
            async with server.session() as session:

                def make(watch: Watch) -> AsyncOAuth2Client:
                    store = SQLiteStore(tmp_path / "tokens.db")
                    return log_in(server, session, store=store, clock=clock, on_token=watch)

                first, second = make(mine), make(other)
                first.token = server.issue("alice")
                assert 200 == await call(first)
                assert 200 == await call(second)
                await second.close()
                assert ["adopted"] == other.kinds
                clock.now += 3600
                assert 200 == await call(first)
                assert 200 == await call(second)
                await first.close()
                await second.close()

        run(main())
        assert ["login", "requested", "refreshed"] == [k for k in mine.kinds if k != "waited"]
        assert ["adopted"] * 2 == other.kinds
        assert 1 == server.token_requests


def test_waited() -> None:
    """A hundred callers: one request, and ninety-nine who have waited."""
    watch = Watch()
    with played() as server:

        async def main() -> None:
            async with server.session() as session:
                creds = {"token": {**server.issue("alice"), **OVER}}
                client = with_token(server, session, watch, **creds)
                assert [200] * 100 == await asyncio.gather(*[fetched(client) for _ in range(100)])
                await client.close()

        run(main())
        assert 1 == server.token_requests
    assert (1, 1, 99, 101) == (
        watch.kinds.count("requested"),
        watch.kinds.count("refreshed"),
        watch.kinds.count("waited"),
        len(watch.kinds),
    )
    assert ["requested", "refreshed"] == watch.kinds[:2]


@pytest.mark.parametrize("how", ["call", "refresh_token"])
def test_failed(how: str) -> None:
    """A refusal that another try may not meet is a failure of the flight: told once."""
    watch = Watch()
    with played() as server:
        server.respond("/token", 400, body='{"error": "invalid_scope"}')

        async def main() -> None:
            async with server.session() as session:
                client = log_in(server, session, on_token=watch)
                client.token = {**server.issue("alice"), **OVER}
                await client.close()
                asked = [call(client) if how == "call" else client.refresh_token()]
                with pytest.raises(OAuthError, match="invalid_scope"):
                    await asyncio.gather(*asked)
                await client.close()

        run(main())
    assert [("requested", "invalid_scope"), ("failed", "invalid_scope")] == watch.failures
    assert "refreshed" not in watch.kinds


@pytest.mark.parametrize("how", ["call", "refresh_token"])
def test_reauthorization_once(how: str) -> None:
    """A grant that has ended is told of once, however many wait, and however often they ask."""
    watch = Watch()
    with played() as server:

        async def main() -> None:
            async with server.session() as session:
                client = log_in(server, session, on_token=watch)
                client.token = {"access_token": "t", "refresh_token": "no-such", **OVER}
                await client.close()
                attempts = [client.refresh_token() if how == "refresh_token" else call(client)]
                attempts += [call(client) for _ in range(100)]
                results = await asyncio.gather(*attempts, return_exceptions=True)
                results += await asyncio.gather(call(client), return_exceptions=True)
                assert {ReauthorizationRequired} == {type(one) for one in results}
                await client.close()
                ended = ("reauthorization_required", "invalid_grant")
                assert [("requested", "invalid_grant"), ended] == watch.failures
                # A login, and an end that is another one.
                client.token = {"access_token": "u", "refresh_token": "nor-this", **OVER}
                with pytest.raises(ReauthorizationRequired):
                    await call(client)
                await client.close()
                assert [("requested", "invalid_grant"), ended] * 2 == watch.failures

        run(main())


def test_reauthorization_once_for_all(tmp_path: Path) -> None:
    """Processes that share a store: who finds it out tells, and nobody else."""
    mine, other = Watch(), Watch()
    with played() as server:

        async def main() -> None:
            async with server.session() as session:
                path = tmp_path / "tokens.db"
                first, second = (
                    log_in(server, session, store=SQLiteStore(path), on_token=watch)
                    for watch in (mine, other)
                )
                first.token = {"access_token": "t", "refresh_token": "no-such", **OVER}
                await first.close()
                attempts = [call(one) for one in (first, second) for _ in range(50)]
                results = await asyncio.gather(*attempts, return_exceptions=True)
                assert {ReauthorizationRequired} == {type(one) for one in results}
                await first.close()
                await second.close()

        run(main())
        assert 1 == server.token_requests
    assert 1 == [*mine.kinds, *other.kinds].count("reauthorization_required")
