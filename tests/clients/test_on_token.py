"""`on_token` of a client: each thing that happens to its token, and nothing that is secret."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from pathlib import Path
from typing import Any

import attrs
import pytest

from clients.oauth2_example import LOGIN, ROBOT, SITE, TOKEN, call, log_in
from oauthkit import (
    AsyncOAuth2Client,
    MemoryStore,
    OAuthError,
    ReauthorizationRequired,
    SQLiteStore,
    TokenEvent,
    connect,
)
from oauthkit.testing.servers import AssertionServer, OAuth2Server
from oauthkit.tokens import events
from oauthkit.tokens.events import Sight
from oauthkit_providers.google_service_account import provider
from support import run
from tokens.grants import Clock, turns

pytestmark = pytest.mark.proves(
    "Tokens and stores", "each event of a token, once", rfc=None, judge="none but ours"
)

OVER = {"expires_at": 0}


@attrs.define(eq=False)
class Watch:
    """A hook that notes what it is told."""

    told: list[TokenEvent] = attrs.field(factory=list[TokenEvent])

    async def __call__(self, event: TokenEvent) -> None:
        """Note an event."""
        self.told.append(event)

    @property
    def kinds(self) -> list[str]:
        """What kinds of events there were."""
        return [event.kind for event in self.told]

    @property
    def failures(self) -> list[tuple[str, str | None]]:
        """What failed, and how."""
        return [(event.kind, event.error) for event in self.told if event.error]


def played(**options: Any) -> OAuth2Server:
    """Play the service."""
    return OAuth2Server.for_provider(LOGIN, **options)


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
                clock.now += server.expires_in
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
                client = _with_token(server, session, watch, **creds)
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


def _with_token(
    server: OAuth2Server, session: Any, watch: Any, **options: Any
) -> AsyncOAuth2Client:
    """Make a client that holds a token without a login."""
    return AsyncOAuth2Client(
        session,
        server.client_id,
        server.client_secret,
        token_endpoint=TOKEN,
        origins=[SITE],
        on_token=watch,
        **options,
    )


async def fetched(client: AsyncOAuth2Client, path: str = "/echo") -> int:
    """Call by an absolute URL."""
    return await call(client, f"{SITE}{path}")


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
                client = _with_token(server, session, fail, token={**server.issue("alice"), **OVER})
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
                client = _with_token(server, session, slow, token={**server.issue("alice"), **OVER})
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
                client = _with_token(server, session, close, token=token)
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
                client = _with_token(server, session, use, token=token)
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
                client = _with_token(server, session, watch, token=token)
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


def test_a_deadline() -> None:
    """A request that gets no answer in time is told as one that failed."""
    watch = Watch()
    with played() as server:

        async def silent(request: object) -> Any:
            await asyncio.Event().wait()

        server.respond("/token", body=silent)

        async def main() -> None:
            async with server.session() as session:
                token = {**server.issue("alice"), **OVER}
                client = _with_token(
                    server, session, watch, token=token, token_timeout=0.05, retries=0
                )
                with pytest.raises(Exception, match="within"):
                    await fetched(client)
                await client.close()

        run(main())
    assert [("requested", "CancelledError"), ("failed", "UnreachableError")] == watch.failures


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
                spent = (client.token or {}).get("refresh_token")
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
    token = client.token or {}
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
