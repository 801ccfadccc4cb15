"""What is alive of ours after many refreshes: as much as after few."""

from __future__ import annotations

import gc
from collections import Counter

import pytest

from oauthkit import MemoryStore, OAuthError
from oauthkit.tokens.retries import Retries
from support import run
from tokens.grants import Exchange, opened, source

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "lifetimes: no loop, whatever a server says",
    rfc="RFC 6749 §5.1",
    judge="none but ours",
)


def alive() -> Counter[str]:
    """Count the objects of our classes, and the tasks and frames that hold them."""
    gc.collect()
    found: list[object] = gc.get_objects()
    kinds: list[type[object]] = [type(one) for one in found]
    return Counter(
        kind.__qualname__
        for kind in kinds
        if str(kind.__module__).startswith("oauthkit.")
        or kind.__name__ in ("Task", "Future", "frame")
    )


async def cycle(exchange: Exchange, store: MemoryStore, number: int) -> None:
    """Let the token end, and have it renewed by one of many ways; each client comes and goes."""
    exchange.clock.now += (3600, 3300)[number % 2]
    asked = source(exchange, store, retries=Retries(count=0))
    if number % 5 == 0:
        exchange.answers.append(OAuthError("busy", error="busy", status=503))
    try:
        token = await asked.token()
        if number % 7 == 0:
            await asked.token(rejected=token)
    except OAuthError:
        pass
    await asked.grant.settle()


def test_the_same_number() -> None:
    """After a thousand cycles, and after ten thousand."""

    async def main() -> None:
        exchange, store = opened(), MemoryStore()
        keeper = source(exchange, store)
        for number in range(1_000):
            await cycle(exchange, store, number)
        exchange.spent.clear()
        before = alive()
        for number in range(9_000):
            await cycle(exchange, store, number)
        assert exchange.count > 9_000
        exchange.spent.clear()
        after = alive()
        assert "Record" in after
        assert {} == (after - before) | (before - after)
        assert keeper.grant.store is store

    run(main())
