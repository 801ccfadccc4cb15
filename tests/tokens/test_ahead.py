"""In the last tenth of its life a token is renewed, and nobody waits for that."""

from __future__ import annotations

import asyncio

import pytest
from attrs import evolve

from oauthkit import OAuthError, Token, UnreachableError
from oauthkit.tokens.retries import Retries
from oauthkit.tokens.sources import StoredSource
from support import run
from tokens.grants import Exchange, opened, source, turns

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "lifetimes: no loop, whatever a server says",
    rfc="RFC 6749 §5.1",
    judge="none but ours",
)

FAILURES = [
    OAuthError("no", error="invalid_client", status=401),
    OAuthError("busy", error="temporarily_unavailable", status=503),
    UnreachableError("lost", endpoint="https://as.example"),
    OSError("disk"),
]


async def aged(exchange: Exchange, left: float, leeway: float = 60.0) -> StoredSource:
    """Make a source whose first token has so many seconds left."""
    exchange.gate.set()
    asked = source(exchange, leeway=leeway, retries=Retries(count=0))
    await asked.token()
    exchange.clock.now += 3600 - left
    exchange.gate.clear()
    return asked


@pytest.mark.parametrize("callers", [1, 100])
def test_nobody_waits(callers: int) -> None:
    """All go out with the old token while one flight is on its way; then they have the new one."""

    async def main() -> None:
        exchange = Exchange()
        asked = await aged(exchange, 360)
        got = [(await asked.token())["access_token"] for _ in range(callers)]
        assert ["t1"] * callers == got
        await turns()
        assert "t1" == (await asked.token())["access_token"]
        assert [None, "r1"] == exchange.spent
        exchange.gate.set()
        await asked.grant.settle()
        assert "t2" == (await asked.token())["access_token"]
        assert [None, "r1"] == exchange.spent

    run(main())


def test_not_before() -> None:
    """A token with more than a tenth of its life is left alone."""

    async def main() -> None:
        exchange = Exchange()
        asked = await aged(exchange, 360.25)
        assert "t1" == (await asked.token())["access_token"]
        await turns()
        assert [None] == exchange.spent
        exchange.clock.now += 0.25
        assert "t1" == (await asked.token())["access_token"]
        await turns()
        assert [None, "r1"] == exchange.spent
        exchange.gate.set()
        await asked.grant.settle()

    run(main())


def test_leeway_counts_for_more() -> None:
    """Within the leeway a token is over: who asks for it waits."""

    async def main() -> None:
        exchange = Exchange()
        asked = await aged(exchange, 360, leeway=400)
        waiting = asyncio.create_task(asked.token())
        await turns()
        assert not waiting.done()
        exchange.gate.set()
        assert "t2" == (await waiting)["access_token"]

    run(main())


def test_it_ends_while_the_flight_is_on_its_way() -> None:
    """Who asks for it then waits for that flight, and starts no other."""

    async def main() -> None:
        exchange = Exchange()
        asked = await aged(exchange, 300)
        assert "t1" == (await asked.token())["access_token"]
        await turns()
        exchange.clock.now += 300
        waiting = asyncio.create_task(asked.token())
        await turns()
        assert not waiting.done()
        exchange.gate.set()
        assert "t2" == (await waiting)["access_token"]
        assert 2 == exchange.count

    run(main())


@pytest.mark.parametrize("failure", FAILURES, ids=lambda one: type(one).__name__)
def test_failures(failure: Exception) -> None:
    """They are nobody's, and it is not tried again for ten seconds; the token stays good."""

    async def main() -> None:
        exchange = Exchange()
        asked = await aged(exchange, 360)
        exchange.gate.set()
        exchange.answers.append(failure)
        for _ in range(20):
            assert "t1" == (await asked.token())["access_token"]
            await asked.grant.settle()
        assert 2 == exchange.count
        exchange.clock.now += 9.75
        await asked.token()
        await asked.grant.settle()
        assert 2 == exchange.count
        exchange.clock.now += 0.25
        assert "t1" == (await asked.token())["access_token"]
        await asked.grant.settle()
        assert 3 == exchange.count
        assert "t2" == (await asked.token())["access_token"]

    run(main())


@pytest.mark.parametrize("needs_user", [True, False])
def test_without_refresh_token(needs_user: bool) -> None:
    """Where only a user can help nothing is tried; who needs none asks anew."""

    async def main() -> None:
        exchange = opened(refresh=False, needs_user=needs_user)
        asked = await aged(exchange, 360)
        exchange.gate.set()
        assert "t1" == (await asked.token())["access_token"]
        await asked.grant.settle()
        assert (1 if needs_user else 2) == exchange.count

    run(main())


def test_another_process_has_done_it() -> None:
    """What is stored by then is adopted, and nothing sent."""

    async def main() -> None:
        exchange = Exchange()
        asked = await aged(exchange, 360)
        store, key = asked.grant.store, asked.grant.key
        found = await store.load(key)
        assert found is not None
        newer = {**exchange.members(7)}
        refresh_token = newer.pop("refresh_token")
        tokens = {asked.slot: Token(newer)}
        record = evolve(found, access_tokens=tokens, refresh_token=refresh_token, version=9)
        assert await store.compare_and_swap(key, found.version, record)
        assert "t1" == (await asked.token())["access_token"]
        await asked.grant.settle()
        assert "t7" == (await asked.token())["access_token"]
        assert 1 == exchange.count

    run(main())
