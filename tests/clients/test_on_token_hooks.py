"""Hooks of `on_token`: whatever they do, tokens do not suffer; and they are told no secret."""

from __future__ import annotations

import asyncio
import gc
import json
import logging

import pytest

from clients.oauth2_example import ROBOT, call, log_in
from clients.watching import OVER, Watch, fetched, played, with_token
from oauthkit import (
    AsyncOAuth2Client,
    MemoryStore,
    OAuthError,
    ReauthorizationRequired,
    Token,
    TokenEvent,
    connect,
)
from oauthkit.testing.servers import OAuth2Server
from oauthkit.tokens import events
from oauthkit.tokens.events import Sight
from support import run
from tokens.grants import turns

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "hooks of token events hold up nobody, and see no secret",
    rfc=None,
    judge="none but ours",
)

# -- the hook --------------------------------------------------------------------------------------


def test_a_hook_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged; requests and later events do not suffer."""
    told: list[str] = []

    async def fail(event: TokenEvent) -> None:
        told.append(event.kind)
        raise LookupError("the hook's own")

    with played() as server:

        async def main() -> None:
            async with server.session() as session:
                client = with_token(server, session, fail, token={**server.issue("alice"), **OVER})
                assert 200 == await fetched(client)
                await client.close()

        run(main())
    assert ["requested", "refreshed"] == told
    raised = [one for one in caplog.records if one.exc_info]
    assert ["oauthkit.tokens"] * 2 == [one.name for one in raised]


def test_a_slow_hook() -> None:
    """Nobody waits for it but close()."""
    told: list[str] = []
    gate = asyncio.Event()

    async def slow(event: TokenEvent) -> None:
        await gate.wait()
        told.append(event.kind)

    with played() as server:

        async def main() -> None:
            async with server.session() as session:
                client = with_token(server, session, slow, token={**server.issue("alice"), **OVER})
                assert 200 == await fetched(client)
                await client.refresh_token()
                assert 200 == await fetched(client)
                assert [] == told
                closing = asyncio.create_task(client.close())
                await turns()
                assert not closing.done()
                gate.set()
                await closing
                assert ["requested", "refreshed"] * 2 == told

        run(main())


@pytest.mark.parametrize("how", ["close", "wait_for", "context"])
def test_a_hook_that_closes(how: str) -> None:
    """It does not wait for itself, in a task of its own neither."""
    told: list[str] = []
    with played() as server:

        async def main() -> None:
            async with server.session() as session:

                async def close(event: TokenEvent) -> None:
                    if how == "close":
                        await client.close()
                    elif how == "wait_for":
                        await asyncio.wait_for(client.close(), 30)
                    else:
                        async with client:
                            pass
                    told.append(event.kind)

                token = {**server.issue("alice"), **OVER}
                client = with_token(server, session, close, token=token)
                assert 200 == await fetched(client)
                async with asyncio.timeout(10):
                    await client.close()

        run(main())
    assert ["requested", "refreshed"] == told


def test_a_hook_that_uses_its_client() -> None:
    """It calls, and renews; what comes of that is told when it has returned."""
    told: list[str] = []
    with played() as server:

        async def main() -> None:
            async with server.session() as session:

                async def use(event: TokenEvent) -> None:
                    told.append(f"+{event.kind}")
                    assert 200 == await fetched(client)
                    if len(told) == 1:
                        await client.refresh_token()
                    told.append(f"-{event.kind}")

                token = {**server.issue("alice"), **OVER}
                client = with_token(server, session, use, token=token)
                assert 200 == await fetched(client)
                async with asyncio.timeout(10):
                    await client.close()

        run(main())
    pairs = list(zip(told[::2], told[1::2], strict=True))
    assert all(begun[1:] == ended[1:] for begun, ended in pairs)
    kinds = [begun[1:] for begun, _ in pairs]
    assert ["requested", "refreshed"] * 2 == [kind for kind in kinds if kind != "waited"]


def test_a_cancelled_caller() -> None:
    """The flight goes on without him, and so does what is told of it."""
    watch = Watch()
    with played() as server:

        async def main() -> None:
            async with server.session() as session:
                token = {**server.issue("alice"), **OVER}
                client = with_token(server, session, watch, token=token)
                calling = asyncio.create_task(fetched(client))
                await turns(2)
                assert client._the_grant.flights.shared
                calling.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await calling
                await client.close()

        run(main())
        assert 1 == server.token_requests
    assert ["requested", "refreshed"] == watch.kinds


# -- secrets, and cost -----------------------------------------------------------------------------


def test_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """Neither events nor log records, their extra members included, hold anything secret."""
    caplog.set_level(logging.DEBUG)
    watch, secrets = Watch(), set[str]()
    with played() as server:

        async def main() -> None:
            async with server.session() as session:
                client = log_in(server, session, on_token=watch)
                back = server.authorize(client.create_authorization_url().url)
                await client.fetch_token(authorization_response=back)
                _collect(client, secrets)
                await asyncio.gather(*[client.refresh_token() for _ in range(3)])
                _collect(client, secrets)
                client.token = {**server.issue("alice"), **OVER}
                _collect(client, secrets)
                assert [200] * 3 == await asyncio.gather(*[call(client) for _ in range(3)])
                _collect(client, secrets)
                spent = (client.token or Token()).get("refresh_token")
                # A server that says what it was sent: its errors are masked.
                server.respond("/token", 400, body=json.dumps({"error": f"no: {spent}"}))
                with pytest.raises(OAuthError):
                    await client.refresh_token()
                server.restore("/token")
                server.revoke(str(spent))
                with pytest.raises(ReauthorizationRequired):
                    await call(client)
                await client.close()

        run(main())
        secrets.add(server.client_secret)
        for one in server.exchanges("/token"):
            secrets |= {
                value
                for name in ("code", "code_verifier", "refresh_token")
                if (value := one.parameter(name))
            }
    kinds = {"login", "requested", "refreshed", "waited", "failed", "reauthorization_required"}
    assert kinds == set(watch.kinds)
    assert len(secrets) > 8
    ours = [one for one in caplog.records if one.name.startswith("oauthkit")]
    assert len(ours) == len(watch.told)
    everything = [repr(one) for one in watch.told]
    everything += [f"{one.getMessage()}{vars(one)}" for one in caplog.records]
    assert [] == [text for text in everything for secret in secrets if secret in text]


def _collect(client: AsyncOAuth2Client, secrets: set[str]) -> None:
    token = client.token or Token()
    secrets |= {str(token[name]) for name in ("access_token", "refresh_token") if name in token}


def test_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a hook, a meter and a log that wants it, no event is made."""

    def refuse(**members: object) -> None:
        raise AssertionError("an event is made")

    monkeypatch.setattr(events, "TokenEvent", refuse)
    monkeypatch.setattr(logging.getLogger("oauthkit.tokens"), "level", logging.ERROR)
    with played() as server:

        async def main() -> None:
            async with server.session() as session:
                client = log_in(server, session)
                monkeypatch.setattr(client._the_sight, "_telemetry", None)
                client.token = {**server.issue("alice"), **OVER}
                assert [200] * 9 == await asyncio.gather(*[call(client) for _ in range(9)])
                await client.close()
                client._the_sight.hook = Watch()
                with pytest.raises(AssertionError, match="an event is made"):
                    client._the_sight.tell("login")

        run(main())


def test_a_warm_token_is_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request with a token at hand does not ask who looks."""
    with played() as server:

        async def main() -> None:
            async with server.session() as session:
                watch = Watch()
                client = log_in(server, session, on_token=watch)
                client.token = server.issue("alice")
                assert 200 == await call(client)
                await client.close()
                watch.told.clear()

                def refuse(*arguments: object, **options: object) -> None:
                    raise AssertionError("it was asked")

                monkeypatch.setattr(Sight, "tell", refuse)
                monkeypatch.setattr(Sight, "request", refuse)
                assert 200 == await call(client)

        run(main())


def test_clients_by_the_thousand() -> None:
    """A client that is dropped leaves no object of ours and no task, as many as there were."""
    with OAuth2Server.for_provider(ROBOT) as server:

        async def main() -> None:
            async with server.session() as session:
                watch = Watch()

                async def use() -> None:
                    client: AsyncOAuth2Client = connect(
                        ROBOT, server.creds, session=session, store=MemoryStore(), on_token=watch
                    )
                    client.token = {"access_token": "t"}
                    await client.close()
                    client.token = None

                await use()
                counts: list[int] = []
                for cycles in (10, 1000):
                    for _ in range(cycles):
                        await use()
                    counts.append(_alive())
                assert counts[0] == counts[1]
                assert ["login"] * 1011 == watch.kinds
                assert set() == events._IN_PROGRESS

        run(main())


def _alive() -> int:
    gc.collect()
    return sum(
        isinstance(one, Sight | AsyncOAuth2Client | asyncio.Task) for one in gc.get_objects()
    )
