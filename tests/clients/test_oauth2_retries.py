"""What is sent again to a token endpoint, and what is not (RFC 9110 §15, RFC 6749 §4.1.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from clients.oauth2_example import CALLBACK, LOGIN, ROBOT, call, declare, spent
from oauthkit import (
    AsyncOAuth2Client,
    DeclarationError,
    Mark,
    MemoryStore,
    OAuth2Provider,
    OAuthError,
    ReauthorizationRequired,
    UnreachableError,
    connect,
)
from oauthkit.testing.servers import OAuth2Server
from oauthkit.testing.servers.failures import Handler, dropped
from oauthkit.testing.servers.hooks import Hook
from oauthkit.testing.simulators import Clock
from support import run

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "a refresh token is never spent twice",
    rfc="RFC 6749 §6",
    judge="none but ours",
)

RETRIED = (408, 429, 500, 502, 503, 504)


def says(status: int, body: bytes = b"", after: str = "") -> Hook:
    """Make an answer of a server that does not look at what is asked."""
    headers = (("Retry-After", after),) if after else ()
    return Hook(status=status, headers=headers, body=body)


def loses() -> Hook:
    """Have the server do what it is asked for, and lose the answer."""

    async def lose(request: web.Request, _: web.Response) -> web.StreamResponse:
        return await dropped()(request)

    return Hook(name="lost", after=lose)


FAILURES: list[tuple[str, Hook | Handler]] = [
    *[(str(status), says(status)) for status in RETRIED],
    ("temporarily_unavailable", says(400, b'{"error": "temporarily_unavailable"}')),
    ("dropped", dropped()),
]


def play(
    server: OAuth2Server, main: Callable[[Callable[..., AsyncOAuth2Client]], Awaitable[None]]
) -> Clock:
    """Run *main* with how to make a client of *server*; return the clock of its pauses."""
    clock = Clock(start=1_000_000.0)

    async def go() -> None:
        async with server.session() as session:

            def make(provider: OAuth2Provider, creds: Any, **options: Any) -> AsyncOAuth2Client:
                return connect(provider, creds, session=session, clock=clock, **options)

            await main(make)

    run(go())
    return clock


@pytest.mark.parametrize(("name", "failure"), FAILURES, ids=[name for name, _ in FAILURES])
def test_client_credentials(name: str, failure: Hook | Handler) -> None:
    """They may be sent as often as one likes: twice more."""
    with OAuth2Server.for_provider(ROBOT) as server:

        async def main(make: Callable[..., AsyncOAuth2Client]) -> None:
            server.fail("/token", failure, 2)
            client = make(ROBOT, server.creds)
            assert 200 == await call(client)
            assert 3 == server.token_requests
            server.fail("/token", failure, 3)
            with pytest.raises((OAuthError, UnreachableError)):
                await client.fetch_token()
            assert 6 == server.token_requests

        clock = play(server, main)
    # Two spans of up to half a second and a second, for each.
    assert 1_000_001.5 <= clock() <= 1_000_003


@pytest.mark.parametrize("retries", [0, 1])
def test_how_often(retries: int) -> None:
    """As often as the client is told."""
    with OAuth2Server.for_provider(ROBOT) as server:

        async def main(make: Callable[..., AsyncOAuth2Client]) -> None:
            server.fail("/token", says(503), None)
            with pytest.raises(OAuthError):
                await make(ROBOT, server.creds, retries=retries).fetch_token()
            assert retries + 1 == server.token_requests

        play(server, main)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 501])
def test_other_answers(status: int) -> None:
    """They are final."""
    with OAuth2Server.for_provider(ROBOT) as server:

        async def main(make: Callable[..., AsyncOAuth2Client]) -> None:
            server.fail("/token", says(status), None)
            with pytest.raises(OAuthError):
                await make(ROBOT, server.creds).fetch_token()
            assert 1 == server.token_requests

        play(server, main)


@pytest.mark.parametrize(("name", "failure"), FAILURES, ids=[name for name, _ in FAILURES])
def test_a_code(name: str, failure: Hook | Handler) -> None:
    """It is sent once, whatever comes back: sending it again may revoke what came of it."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main(make: Callable[..., AsyncOAuth2Client]) -> None:
            client = make(LOGIN, server.creds, redirect_uri=CALLBACK)
            back = server.authorize(client.create_authorization_url().url)
            server.fail("/token", failure)
            with pytest.raises((OAuthError, UnreachableError)):
                await client.fetch_token(authorization_response=back)
            assert 1 == server.token_requests

        assert 1_000_000.0 == play(server, main)()


def test_retry_after() -> None:
    """The server says how long; longer than the deadline is an error at once."""
    with OAuth2Server.for_provider(ROBOT) as server:

        async def main(make: Callable[..., AsyncOAuth2Client]) -> None:
            client = make(ROBOT, server.creds)
            server.fail("/token", says(429, after="7"))
            await client.fetch_token()
            server.fail("/token", says(503, after="3600"))
            with pytest.raises(OAuthError) as caught:
                await client.fetch_token()
            assert 3600 == caught.value.retry_after
            assert 3 == server.token_requests

        assert 1_000_007.0 == play(server, main)()


@pytest.mark.parametrize("what", ["revoke", "introspect"])
@pytest.mark.parametrize(("name", "failure"), FAILURES, ids=[name for name, _ in FAILURES])
def test_revoke_and_introspect(what: str, name: str, failure: Hook | Handler) -> None:
    """Both may be sent again."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main(make: Callable[..., AsyncOAuth2Client]) -> None:
            client = make(LOGIN, server.creds_for("alice"))
            server.fail(f"/{what}", failure, 2)
            if what == "revoke":
                await client.revoke_token()
            else:
                assert (await client.introspect_token())["active"] is True
            assert 3 == len(server.exchanges(f"/{what}"))

        play(server, main)


# -- refresh tokens --------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [FAILURES[index] for index in (0, 1, 4, 6)], ids=lambda f: f[0])
@pytest.mark.parametrize("explicit", [False, True])
def test_a_refresh_token_that_was_not_used(
    failure: tuple[str, Hook | Handler], explicit: bool
) -> None:
    """The mark goes, and is there again before it is sent again."""
    with OAuth2Server.for_provider(LOGIN) as server:
        marks: list[Mark | None] = []

        class Looking(MemoryStore):
            """It notes the marks that are stored."""

            async def compare_and_swap(self, key: Any, expected: int | None, record: Any) -> bool:
                """Store *record*."""
                marks.append(record.mark)
                return await super().compare_and_swap(key, expected, record)

        async def main(make: Callable[..., AsyncOAuth2Client]) -> None:
            issued = server.creds_for("alice")
            server.fail("/token", failure[1], 2)
            client = make(LOGIN, server.creds, store=Looking())
            client.token = {**issued, "expires_at": 0}
            await (client.refresh_token() if explicit else call(client))
            assert [issued["refresh_token"]] * 3 == spent(server)

        play(server, main)
        assert all(one.ok for one in server.log[2:])
    # The login, then: on, off, on, off, on, and what came of it.
    assert [False, True, False, True, False, True, False] == [mark is not None for mark in marks]


@pytest.mark.parametrize("explicit", [False, True])
@pytest.mark.parametrize("status", [500, 502, 504, None])
def test_a_refresh_token_whose_answer_was_lost(status: int | None, explicit: bool) -> None:
    """It is sent once more, and not a third time."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main(make: Callable[..., AsyncOAuth2Client]) -> None:
            issued = server.creds_for("alice")
            failure = dropped() if status is None else says(status)
            server.fail("/token", failure)
            client = make(LOGIN, {**issued, "expires_at": 0})
            await (client.refresh_token() if explicit else call(client))
            assert 2 == server.token_requests
            assert client.token is not None
            second = client.token["refresh_token"]
            server.fail("/token", failure, 5)
            with pytest.raises(ReauthorizationRequired, match="sent twice"):
                await client.refresh_token()
            assert [second, second] == spent(server)[2:]

        play(server, main)


def test_a_refresh_token_that_was_used() -> None:
    """The server has rotated it, and its answer is lost: it ends the family, and a user is asked."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main(make: Callable[..., AsyncOAuth2Client]) -> None:
            issued = server.creds_for("alice")
            server.fail("/token", loses())
            client = make(LOGIN, {**issued, "expires_at": 0})
            for _ in range(3):
                with pytest.raises(ReauthorizationRequired):
                    await call(client)
            assert 2 == server.token_requests

        play(server, main)


def test_by_hand_after_an_outage() -> None:
    """Two answers got lost, and the server had seen none of it: an explicit call tries once more."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main(make: Callable[..., AsyncOAuth2Client]) -> None:
            issued = server.creds_for("alice")
            server.fail("/token", dropped(), 2)
            client = make(LOGIN, {**issued, "expires_at": 0})
            for _ in range(2):
                with pytest.raises(ReauthorizationRequired):
                    await call(client)
            assert 2 == server.token_requests
            token = await client.refresh_token()
            assert 200 == await call(client)
            assert token is client.token
            assert [issued["refresh_token"]] * 3 == spent(server)

        play(server, main)


def test_by_hand_after_a_refusal() -> None:
    """What the server has refused is not sent again, by hand or otherwise."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main(make: Callable[..., AsyncOAuth2Client]) -> None:
            issued = server.creds_for("alice")
            server.revoke(issued["refresh_token"])
            client = make(LOGIN, {**issued, "expires_at": 0})
            for _ in range(2):
                with pytest.raises(ReauthorizationRequired):
                    await client.refresh_token()
            assert 1 == server.token_requests

        play(server, main)


# -- what a declaration says -----------------------------------------------------------------------


def test_declared_statuses() -> None:
    """They take the place of the usual ones."""
    own = declare("client_credentials", retry_statuses=[418])
    with OAuth2Server.for_provider(own) as server:

        async def main(make: Callable[..., AsyncOAuth2Client]) -> None:
            client = make(own, server.creds)
            server.fail("/token", says(418), 2)
            await client.fetch_token()
            assert 3 == server.token_requests
            server.fail("/token", says(503))
            with pytest.raises(OAuthError):
                await client.fetch_token()
            assert 4 == server.token_requests

        play(server, main)


@pytest.mark.parametrize("declared", [True, False])
def test_declared_unspent(declared: bool) -> None:
    """A server that says 500 where it has done nothing may be asked more than once more."""
    own = declare("authorization_code", unspent_statuses=[500]) if declared else LOGIN
    with OAuth2Server.for_provider(own) as server:

        async def main(make: Callable[..., AsyncOAuth2Client]) -> None:
            client = make(own, {**server.creds_for("alice"), "expires_at": 0})
            server.fail("/token", says(500), 2)
            if declared:
                assert 200 == await call(client)
            else:
                with pytest.raises(ReauthorizationRequired):
                    await call(client)
            assert (3 if declared else 2) == server.token_requests

        play(server, main)


def test_declared_without_rotation() -> None:
    """Refresh tokens that do not rotate are not marked, and may be sent as often as others."""
    own = declare("authorization_code", rotates_refresh_tokens=False)
    with OAuth2Server.for_provider(own, rotate_refresh_tokens=False) as server:

        async def main(make: Callable[..., AsyncOAuth2Client]) -> None:
            store = MemoryStore()
            client = make(own, {**server.creds_for("alice"), "expires_at": 0}, store=store)
            server.fail("/token", dropped(), 3)
            with pytest.raises(UnreachableError):
                await call(client)
            assert [] == [key async for key in store.iterate()]
            server.fail("/token", loses(), 2)
            assert 200 == await call(client)
            assert 6 == server.token_requests

        play(server, main)


@pytest.mark.parametrize("field", ["retry_statuses", "unspent_statuses"])
@pytest.mark.parametrize("value", [["503"], [200], [600], [399], [True], [503.0]])
def test_declarations_that_are_wrong(field: str, value: list[object]) -> None:
    """Only statuses of answers that are no success."""
    with pytest.raises(DeclarationError, match=field):
        declare("authorization_code", **{field: value})


# -- two issuers -----------------------------------------------------------------------------------


def test_two_issuers() -> None:
    """One client id, one account, one store object: never each other's token."""
    other = "https://other.example"
    kinds = ("authorization", "token", "revocation", "introspection")
    changes = {f"{kind}_endpoint": f"{other}/{kind}" for kind in kinds}
    theirs = declare("authorization_code", name="other", api_base=other, **changes)
    with (
        OAuth2Server.for_provider(LOGIN, client_id="one") as first,
        OAuth2Server.for_provider(theirs, client_id="one") as second,
    ):

        async def main() -> None:
            store = MemoryStore()
            async with first.session(second) as session:
                options: dict[str, Any] = {"session": session, "store": store, "account": "alice"}
                clients = [
                    connect(LOGIN, {**first.creds_for("alice"), "expires_at": 0}, **options),
                    connect(theirs, {**second.creds_for("alice"), "expires_at": 0}, **options),
                ]
                for _ in range(2):
                    assert [200, 200] == list(await asyncio.gather(*map(call, clients)))
                    for client in clients:
                        await client.refresh_token()
                assert 2 == len([key async for key in store.iterate()])

        run(main())
        for server in (first, second):
            assert all(one.ok for one in server.log)
            assert 3 == server.token_requests
