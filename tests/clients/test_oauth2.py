"""The OAuth 2 client's grants and renewals, against the embedded server."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from clients.oauth2_example import (
    CALLBACK,
    LOGIN,
    ROBOT,
    SITE,
    TOKEN,
    call,
    declare,
    log_in,
    make,
    spent,
)
from oauthkit import (
    AuthorizationRequest,
    CallbackError,
    CredentialsError,
    MemoryStore,
    OAuthError,
    RequestError,
    Token,
    connect,
)
from oauthkit.testing.servers import OAuth2Server
from support import run

proves_refresh = pytest.mark.proves(
    "Tokens and stores", "a refresh token is never lost", rfc="RFC 6749 §6", judge="none but ours"
)
proves_one_request = pytest.mark.proves(
    "Tokens and stores", "one token request for all who wait", rfc=None, judge="none but ours"
)

# Grants that need no user.


def test_client_credentials() -> None:
    """§4.4: the first call fetches a token, the next ones send it."""
    with OAuth2Server.for_provider(ROBOT) as server:

        async def main() -> None:
            async with server.session() as session:
                client = connect(ROBOT, server.creds, session=session, scope="read write")
                assert [200, 200] == [await call(client), await call(client)]
                token = client.token or Token()
                assert "read write" == token["scope"]

        run(main())
        assert ["/token", "/echo", "/echo"] == [one.path for one in server.log]
        assert all(one.ok for one in server.log)
        assert "client_credentials" == server.log[0].parameter("grant_type")


@proves_one_request
def test_simultaneous_refusals() -> None:
    """Fifty calls are refused at once: one token is fetched, and each is made again."""
    with OAuth2Server.for_provider(ROBOT) as server:

        async def main() -> None:
            async with server.session() as session:
                client = connect(ROBOT, server.creds, session=session)
                token = await client.fetch_token()
                server.revoke(token["access_token"])
                server.log.clear()
                assert [200] * 50 == await asyncio.gather(*(call(client) for _ in range(50)))

        run(main())
        assert 1 == server.token_requests
        taken = [one.ok for one in server.exchanges("/echo")]
        assert (50, 50) == (taken.count(False), taken.count(True))


def test_always_refused() -> None:
    """A resource that answers 401 whatever is sent costs one token, not one for each call."""
    with OAuth2Server.for_provider(ROBOT) as server:
        server.respond("/echo", status=401)

        async def main() -> None:
            async with server.session() as session:
                client = connect(ROBOT, server.creds, session=session)
                await client.fetch_token()
                server.log.clear()
                assert [401] * 10 == [await call(client) for _ in range(10)]

        run(main())
        assert 1 == server.token_requests
        assert 11 == len(server.exchanges("/echo"))


@proves_one_request
def test_a_thousand_cold_callers() -> None:
    """A thousand clients of one account in one store begin at once: one token request."""
    store = MemoryStore()
    with OAuth2Server.for_provider(ROBOT) as server:

        async def main() -> None:
            async with server.session() as session:
                clients = [
                    connect(ROBOT, server.creds, session=session, store=store, account="bob")
                    for _ in range(1000)
                ]
                assert [200] * 1000 == await asyncio.gather(*map(call, clients))

        run(main())
        assert 1 == server.token_requests


def test_password() -> None:
    """§4.3: name and password become a token that is the user's, whoever passes them."""
    provider = declare("password")
    with OAuth2Server.for_provider(provider, users={"carol": "p w&d"}) as server:

        async def main() -> None:
            async with server.session() as session:
                login = {"username": "carol", "password": "p w&d"}
                held = connect(provider, {**server.creds, **login}, session=session)
                given = make(server, session, token_endpoint=TOKEN)
                await given.fetch_token(username="carol", password="p w&d")
                for client in (held, given):
                    async with client.get(f"{SITE}/userinfo") as response:
                        assert "carol" == (await response.json())["preferred_username"]

        run(main())
        sent = [one.parameter("grant_type") for one in server.exchanges("/token")]
        assert ["password"] * 2 == sent
        assert all(one.ok for one in server.log)


def test_an_empty_store_is_a_store() -> None:
    """A store with a length, which is false while it is empty, is the one that is used."""

    class Counted(MemoryStore):
        def __len__(self) -> int:
            return len(self._records)

    store = Counted()
    with OAuth2Server.for_provider(ROBOT) as server:

        async def main() -> None:
            async with server.session() as session:
                for _ in range(2):
                    client = connect(ROBOT, server.creds, session=session, store=store)
                    assert 200 == await call(client)

        run(main())
        assert 1 == len(store)
        assert 1 == server.token_requests


# A log-in.


def test_log_in() -> None:
    """§4.1 and RFC 7636: state and verifier go along, are remembered, and are good once."""
    with OAuth2Server.for_provider(LOGIN, require_pkce=True) as server:

        async def main() -> None:
            async with server.session() as session:
                client = log_in(server, session)
                asked = [client.create_authorization_url() for _ in range(2)]
                backs = [server.authorize(one.url) for one in asked]
                for back in backs:  # the first is not the last that was made
                    token = await client.fetch_token(authorization_response=back)
                    assert token is client.token
                for back in backs:
                    with pytest.raises(CallbackError, match="good once"):
                        await client.fetch_token(authorization_response=back)
                assert 200 == await call(client)

        run(main())
        exchanges = server.exchanges("/token")
        assert [True, True] == [one.ok for one in exchanges]
        assert [CALLBACK] * 2 == [one.parameter("redirect_uri") for one in exchanges]
        assert all("code_verifier" in [check.name for check in one.checks] for one in exchanges)


def test_another_client_finishes() -> None:
    """What create_authorization_url() returned goes through text, and finishes anywhere."""
    with OAuth2Server.for_provider(LOGIN, require_pkce=True) as server:

        async def main() -> None:
            async with server.session() as session:
                asked = log_in(server, session).create_authorization_url()
                kept = AuthorizationRequest.from_json(asked.to_json())
                back = server.authorize(asked.url)
                # The redirect URI is the request's: this client has none.
                other = connect(LOGIN, server.creds, session=session)
                await other.fetch_token(authorization_response=back, request=kept)
                assert 200 == await call(other)

        run(main())
        assert all(one.ok for one in server.exchanges("/token"))


@pytest.mark.proves(
    "OAuth 2", "another log-in's callback is refused", rfc="RFC 6749 §10.12", judge="none but ours"
)
def test_the_callback_of_another() -> None:
    """§10.12: another log-in's state is refused, nothing is sent, and the right one still works."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                mine, other = (log_in(server, session) for _ in range(2))
                asked = mine.create_authorization_url()
                foreign = server.authorize(other.create_authorization_url().url)
                for request in (None, asked):
                    with pytest.raises(CallbackError) as caught:
                        await mine.fetch_token(authorization_response=foreign, request=request)
                    assert "state_mismatch" == caught.value.error
                assert 0 == server.token_requests
                back = server.authorize(asked.url)
                await mine.fetch_token(authorization_response=back)

        run(main())
        assert 1 == server.token_requests


def test_the_user_refuses() -> None:
    """§4.1.2.1: access_denied is a CallbackError, and nothing is asked for."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                client = log_in(server, session)
                back = server.authorize(client.create_authorization_url().url, approve=False)
                with pytest.raises(CallbackError) as caught:
                    await client.fetch_token(authorization_response=back)
                assert "access_denied" == caught.value.error

        run(main())
        assert 0 == server.token_requests


def test_a_code_needs_its_verifier() -> None:
    """RFC 7636 §4.5: a code without a verifier is not sent, unless the client does without PKCE."""
    with OAuth2Server.for_provider(declare("authorization_code")) as server:

        async def main() -> None:
            async with server.session() as session:
                client = log_in(server, session)
                with pytest.raises(RequestError, match="code_verifier"):
                    await client.fetch_token(code="c")
                back = f"{CALLBACK}&code=c&state=s"
                with pytest.raises(RequestError, match="code_verifier"):
                    await client.fetch_token(authorization_response=back, state="s")
                assert 0 == server.token_requests
                without = log_in(server, session, code_challenge_method=None)
                with pytest.raises(OAuthError) as caught:
                    await without.fetch_token(code="c")
                assert "invalid_grant" == caught.value.error

        run(main())
        assert 1 == server.token_requests


def test_a_code_alone() -> None:
    """A code without its callback goes with what this client began last, or with request=."""
    with OAuth2Server.for_provider(LOGIN, require_pkce=True) as server:

        async def main() -> None:
            async with server.session() as session:
                client = log_in(server, session)
                early, late = (client.create_authorization_url() for _ in range(2))
                for asked, request in ((early, early), (late, None)):
                    code = dict(parse_qsl(urlsplit(server.authorize(asked.url)).query))["code"]
                    await client.fetch_token(code=code, request=request)

        run(main())
        assert [True, True] == [one.ok for one in server.exchanges("/token")]


# Renewal.


def answer_always(server: OAuth2Server, **members: Any) -> None:
    """Let the token endpoint answer with a token of these members, whatever is asked."""
    answer = {"access_token": "A1", "token_type": "Bearer", "expires_in": 3600, **members}
    server.respond("/token", headers={"Content-Type": "application/json"}, body=json.dumps(answer))


@proves_refresh
def test_an_old_refresh_token_is_kept() -> None:
    """§6: an answer without a refresh token keeps the one there is, by either method."""
    with OAuth2Server.for_provider(LOGIN) as server:
        answer_always(server)

        async def main() -> None:
            async with server.session() as session:
                creds = {**server.creds, "access_token": "A0", "refresh_token": "R0"}
                client = connect(LOGIN, creds, session=session)
                first = await client.refresh_token()
                second = await client.fetch_token(grant_type="refresh_token")
                assert ["R0", "R0"] == [first["refresh_token"], second["refresh_token"]]
                assert "A1" == (client.token or Token())["access_token"]

        run(main())
        assert ["R0", "R0"] == spent(server)


@proves_refresh
def test_a_refresh_token_that_is_passed_is_kept() -> None:
    """§6: the same for one that the client did not know before."""
    with OAuth2Server.for_provider(LOGIN) as server:
        answer_always(server)

        async def main() -> None:
            async with server.session() as session:
                first, second = (log_in(server, session) for _ in range(2))
                await first.refresh_token(refresh_token="R0")
                await second.fetch_token(grant_type="refresh_token", refresh_token="R0")
                for client in (first, second):
                    token = client.token or Token()
                    assert ("A1", "R0") == (token["access_token"], token.get("refresh_token"))

        run(main())
        assert ["R0", "R0"] == spent(server)


@proves_refresh
def test_a_new_refresh_token_takes_its_place() -> None:
    """§6: the successor is what is spent the next time, by either method."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                creds = {**server.creds, **server.issue("alice")}
                client = connect(LOGIN, creds, session=session)
                tokens = [client.token or Token()]
                tokens.append(await client.refresh_token())
                tokens.append(await client.fetch_token(grant_type="refresh_token"))
                assert [one["refresh_token"] for one in tokens[:2]] == spent(server)
                assert 3 == len({one["refresh_token"] for one in tokens})
                assert 200 == await call(client)

        run(main())


def test_a_token_given_at_the_start_is_spent_once() -> None:
    """Where the store has its successor, the token in the credentials counts for nothing."""
    store = MemoryStore()
    with OAuth2Server.for_provider(LOGIN) as server:
        creds = {**server.creds, **server.issue("alice"), "expires_at": 0}

        async def main() -> None:
            async with server.session() as session:
                for _ in range(3):
                    client = connect(LOGIN, creds, session=session, store=store, account="alice")
                    assert 200 == await call(client)
                    await client.close()

        run(main())
        assert [creds["refresh_token"]] == spent(server)


@pytest.mark.parametrize("name", ["update_token", "token_updater"])
@pytest.mark.parametrize("waits", [False, True])
def test_told_of_a_new_token(name: str, *, waits: bool) -> None:
    """A function or coroutine function is told once of a renewed token, before it is used."""
    with OAuth2Server(hosts=["api.example"]) as server:
        told: list[tuple[Token, dict[str, str], int]] = []
        held = server.issue("alice")

        def tell(token: Token, **before: str) -> None:
            told.append((token, before, len(server.exchanges("/echo"))))

        async def tell_later(token: Token, **before: str) -> None:
            await asyncio.to_thread(tell, token, **before)

        async def main() -> None:
            async with server.session() as session:
                options: dict[str, Any] = {name: tell_later if waits else tell}
                expired = {**held, "expires_at": 0}
                client = make(server, session, token_endpoint=TOKEN, token=expired, **options)
                statuses = await asyncio.gather(*(call(client, f"{SITE}/echo") for _ in range(5)))
                assert [200] * 5 == statuses
                names = ("refresh_token", "access_token")
                before = {n: held[n] for n in names} if name == "update_token" else {}
                assert [(client.token, before, 0)] == told

        run(main())
        assert [held["refresh_token"]] == spent(server)


def test_token_is_set_and_cleared() -> None:
    """What is set counts from the next call on; None clears it, and then only the user can help."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                client = log_in(server, session)
                client.token = server.issue("alice")
                assert 200 == await call(client)
                client.token = None
                with pytest.raises(OAuthError) as caught:
                    await call(client)
                assert "login_required" == caught.value.error
                with pytest.raises(RequestError, match="no refresh token"):
                    await client.refresh_token()
                with pytest.raises(CredentialsError):
                    client.token = {"access_token": 7}

        run(main())
        assert ["/echo"] == [one.path for one in server.log]
