"""The update_token hook of an OAuth 2 client: in order, whatever it does, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import attrs
import pytest

from clients.oauth2_example import CALLBACK, LOGIN, call, spent
from oauthkit import (
    AsyncOAuth2Client,
    GrantKey,
    MemoryStore,
    Record,
    Token,
    UnreachableError,
    connect,
)
from oauthkit.testing.servers import OAuth2Server
from support import run
from tokens.grants import turns

pytestmark = pytest.mark.proves(
    "Tokens and stores", "the hook `update_token`", rfc=None, judge="none but ours"
)


@attrs.define(eq=False)
class Hook:
    """Keeps the refresh token that it is told of, slowly: when *leave* is set."""

    leave: asyncio.Event = attrs.field(factory=asyncio.Event)
    entered: asyncio.Event = attrs.field(factory=asyncio.Event)
    kept: list[str] = attrs.field(factory=list[str])
    replaced: list[str | None] = attrs.field(factory=list[str | None])
    act: Callable[[], Any] | None = None

    async def __call__(
        self, token: Token, refresh_token: str | None = None, access_token: str | None = None
    ) -> None:
        """Be told; the first time, *act* in between."""
        self.replaced.append(refresh_token)
        self.entered.set()
        act, self.act = self.act, None
        if act is not None:
            await act()
        await self.leave.wait()
        self.kept.append(token["refresh_token"])


@attrs.define(eq=False)
class NotingStore(MemoryStore):
    """Notes when something is stored."""

    stored: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Store *record*, as a store in memory does."""
        swapped = await MemoryStore.compare_and_swap(self, key, expected, record)
        self.stored.set()
        return swapped


def make(server: OAuth2Server, session: Any, hook: Hook, **options: Any) -> AsyncOAuth2Client:
    """Make a client whose access token has expired."""
    creds = {**server.creds, **server.issue("alice"), "expires_at": 0}
    return connect(LOGIN, creds, session=session, update_token=hook, **options)


def test_renewals_at_once() -> None:
    """Of a call and of refresh_token(): what is kept last is what the server would take."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                hook, store = Hook(), NotingStore()
                client = make(server, session, hook, store=store)
                waiting: list[asyncio.Task[Any]] = [asyncio.create_task(call(client))]
                await hook.entered.wait()
                for _ in range(2):
                    store.stored.clear()
                    waiting.append(asyncio.create_task(client.refresh_token()))
                    await store.stored.wait()
                await turns()
                assert (1, []) == (len(hook.replaced), hook.kept)
                assert not any(task.done() for task in waiting)
                hook.leave.set()
                results = await asyncio.gather(*waiting)
                assert 200 == results[0]
                # Each one is told of with the one that it replaces: no link is missing, or twice.
                assert hook.replaced == spent(server)
                assert [*hook.replaced[1:], hook.kept[-1]] == hook.kept
                assert (client.token or Token())["refresh_token"] == hook.kept[-1]
                assert [one["refresh_token"] for one in results[1:]] == hook.kept[1:]

        run(main())
        assert all(one.ok for one in server.log)


def test_log_in_while_the_hook_is_slow() -> None:
    """fetch_token() returns when the hook of the token before has: who keeps it is the last."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                hook, store = Hook(), NotingStore()
                client = make(server, session, hook, store=store, redirect_uri=CALLBACK)
                waiting = asyncio.create_task(call(client))
                await hook.entered.wait()
                back = server.authorize(client.create_authorization_url().url)
                store.stored.clear()
                login = asyncio.create_task(client.fetch_token(authorization_response=back))
                await store.stored.wait()
                await turns()
                assert not login.done()
                hook.leave.set()
                token = await login
                assert 1 == len(hook.kept)
                assert token is client.token
                assert token["refresh_token"] not in hook.kept
                # Who waited for the older one has the newer one: it is another user's, perhaps.
                assert 200 == await waiting
                sent = server.exchanges("/echo")[-1].header("Authorization")
                assert f"Bearer {token['access_token']}" == sent

        run(main())


@pytest.mark.parametrize("spawns", [False, True])
@pytest.mark.parametrize("does", ["refresh", "call", "close", "log in"])
def test_what_a_hook_does(does: str, *, spawns: bool) -> None:
    """It may renew, call, close and log in: none of it waits for the hook itself."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                hook = Hook()
                hook.leave.set()
                client = make(server, session, hook, redirect_uri=CALLBACK)
                back = server.authorize(client.create_authorization_url().url)
                acts: dict[str, Callable[[], Any]] = {
                    "refresh": client.refresh_token,
                    "call": lambda: call(client),
                    "close": client.close,
                    "log in": lambda: client.fetch_token(authorization_response=back),
                }
                make_act = acts[does]

                async def act() -> None:
                    await make_act()

                hook.act = (lambda: asyncio.create_task(act())) if spawns else act
                assert 200 == await call(client)
                await client.close()
                if does == "refresh":
                    assert [*hook.replaced[1:], hook.kept[-1]] == hook.kept
                assert (2 if does == "refresh" else 1) == len(hook.kept)

        run(main())
        assert (2 if does in ("refresh", "log in") else 1) == server.token_requests


@pytest.mark.parametrize("explicit", [False, True])
def test_a_hook_that_never_returns(*, explicit: bool) -> None:
    """After the client's deadline, who waits gets an error; the token is kept, and works."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                hook = Hook()
                client = make(server, session, hook, token_timeout=50)
                waiting = asyncio.create_task(client.refresh_token() if explicit else call(client))
                await hook.entered.wait()
                loop = asyncio.get_running_loop()
                usual = loop.time
                with (
                    patch.object(loop, "time", lambda: usual() + 51),
                    pytest.raises(UnreachableError, match="update_token") as caught,
                ):
                    await waiting
                assert ("update_token", 50) == (caught.value.endpoint, caught.value.deadline)
                assert [] == hook.kept
                assert 200 == await call(client)
                assert (1, 1) == (server.token_requests, len(server.exchanges("/echo")))

        run(main())


def test_two_clients_of_one_grant() -> None:
    """Each tells its own hook; both hooks are told in one order."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                store, hook, other = NotingStore(), Hook(), Hook()
                first = make(server, session, hook, store=store)
                second = make(server, session, other, store=store)
                other.leave.set()
                waiting = [asyncio.create_task(first.refresh_token())]
                await hook.entered.wait()
                store.stored.clear()
                waiting.append(asyncio.create_task(second.refresh_token()))
                await store.stored.wait()
                await turns()
                assert ([], []) == (hook.kept, other.replaced)
                hook.leave.set()
                await asyncio.gather(*waiting)
                assert hook.kept == other.replaced

        run(main())
