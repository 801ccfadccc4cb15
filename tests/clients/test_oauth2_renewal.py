"""What a renewal may use: which endpoint, which refresh token for which scope, which state."""

from __future__ import annotations

from typing import Any

import pytest

from clients.oauth2_example import (
    CALLBACK,
    LOGIN,
    SITE,
    TOKEN,
    call,
    declare,
    log_in,
    make,
    spent,
)
from oauthkit import CallbackError, MemoryStore, OAuthError, RequestError, Token, connect
from oauthkit.testing.servers import OAuth2Server
from support import run

ELSEWHERE = "https://other.example/token"

# Endpoints.


@pytest.mark.parametrize("how", ["fetch_token", "refresh_token"])
def test_an_endpoint_is_adopted_when_it_has_worked(how: str) -> None:
    """One that has refused is not where the refresh token is sent the next time."""
    with OAuth2Server(hosts=["api.example", "other.example"]) as server:
        server.respond("/token", status=400, body='{"error": "invalid_grant"}')

        async def main() -> None:
            async with server.session() as session:
                expired = {**server.issue("alice"), "expires_at": 0}
                client = make(server, session, token=expired)
                attempt = getattr(client, how)
                with pytest.raises(OAuthError):
                    await attempt(ELSEWHERE)
                server.restore("/token")
                server.log.clear()
                # It is not known where: so nothing is sent, and nobody is asked.
                for another in (client.refresh_token, lambda: call(client, f"{SITE}/echo")):
                    with pytest.raises(RequestError, match="token_endpoint"):
                        await another()
                assert [] == server.log
                await attempt(TOKEN)
                token = client.token = {**server.issue("alice"), "expires_at": 0}
                assert 200 == await call(client, f"{SITE}/echo")
                assert token["refresh_token"] == spent(server)[-1]

        run(main())
        assert {"api.example"} == {one.url.split("/")[2].split(":")[0] for one in server.log}


def test_an_endpoint_for_refreshing_is_not_adopted_for_all() -> None:
    """What refresh_token_url= names answers refresh requests, and no others."""
    with OAuth2Server(hosts=["api.example"]) as server:

        async def main() -> None:
            async with server.session() as session:
                client = make(server, session, refresh_token_url=TOKEN, token=server.issue("alice"))
                await client.refresh_token()
                with pytest.raises(RequestError, match="token_endpoint"):
                    await client.fetch_token()

        run(main())
        assert 1 == server.token_requests


# Scopes.


def asked(server: OAuth2Server) -> list[tuple[str | None, str | None]]:
    """Return grant type and scope of each token request."""
    requests = server.exchanges("/token")
    return [(one.parameter("grant_type"), one.parameter("scope")) for one in requests]


def test_a_refresh_token_for_another_scope() -> None:
    """§6: the scope is named where it is another one, and not where it is that of the login."""
    store, shared = MemoryStore(), {"account": "alice"}
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                options: dict[str, Any] = {"store": store, **shared}
                both = log_in(server, session, scope="read write", **options)
                back = server.authorize(both.create_authorization_url().url)
                await both.fetch_token(authorization_response=back)
                one = log_in(server, session, scope="read", **options)
                assert 200 == await call(one)
                assert "read" == (one.token or Token())["scope"]
                await both.refresh_token()
                assert "read write" == (both.token or Token())["scope"]

        run(main())
        refresh = "refresh_token"
        assert [("authorization_code", None), (refresh, "read"), (refresh, None)] == asked(server)
        assert all(one.ok for one in server.exchanges("/token"))


def test_a_client_that_needs_no_user_asks_anew() -> None:
    """Its refresh token may be that of another scope: each scope gets what it asked for."""
    provider, store = declare("password"), MemoryStore()
    with OAuth2Server.for_provider(provider, users={"carol": "p"}) as server:
        creds = {**server.creds, "username": "carol", "password": "p"}

        async def main() -> None:
            async with server.session() as session:
                options: dict[str, Any] = {"session": session, "store": store}
                reader = connect(provider, creds, scope="read", **options)
                assert 200 == await call(reader)
                await renew(server, reader)  # its own refresh token is good for it
                writer = connect(provider, creds, scope="write", **options)
                assert 200 == await call(writer)
                await renew(server, reader)  # the writer's is not
                for client, scope in ((reader, "read"), (writer, "write")):
                    assert scope == (client.token or Token())["scope"]

        run(main())
        password, refresh = "password", "refresh_token"
        expected = [(password, "read"), (refresh, None), (password, "write"), (password, "read")]
        assert expected == asked(server)


async def renew(server: OAuth2Server, client: Any) -> None:
    """Let the resource refuse the token that the client has, so that it gets another one."""
    server.revoke(client.token["access_token"])
    client._the_grant.after_401.clear()
    assert 200 == await call(client)


# The state.


@pytest.mark.parametrize("begins", [True, False])
def test_a_state_given_at_the_start_is_good_once(*, begins: bool) -> None:
    """A callback that is played again is refused; nothing is sent for it."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                options = {"redirect_uri": CALLBACK, "token_endpoint": TOKEN, "state": "a state"}
                client, other = (make(server, session, **options) for _ in range(2))
                began = client if begins else other
                request = began.create_authorization_url(f"{SITE}/authorize")
                assert "a state" == request.state
                back = server.authorize(request.url)
                rest: dict[str, Any] = {"authorization_response": back}
                if not begins:
                    rest["code_verifier"] = request.code_verifier
                await client.fetch_token(**rest)
                with pytest.raises(CallbackError, match="good once"):
                    await client.fetch_token(**rest)
                forged = f"{CALLBACK}&code=another&state=a%20state"
                with pytest.raises(CallbackError, match="good once"):
                    await client.fetch_token(authorization_response=forged)

        run(main())
        assert 1 == server.token_requests
