"""The hook that is told of new tokens: in order, after they are kept, and free to ask for them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from oauthkit import MemoryStore, Record, Token
from oauthkit.tokens.seams import NothingNewError
from support import run
from tokens.grants import KEY, opened, source

pytestmark = pytest.mark.proves(
    "Tokens and stores", "the hook `update_token`", rfc=None, judge="none but ours"
)


def test_hook_is_awaited_in_order() -> None:
    """After the token is kept, before anybody gets it; with the one before."""

    async def main() -> None:
        exchange, store, events = opened(), MemoryStore(), list[Any]()
        entered, leave = asyncio.Event(), asyncio.Event()

        async def notify(token: Token, before: Token | None) -> None:
            kept = (await store.load(KEY) or Record()).refresh_token
            events.append((before and before["access_token"], token["access_token"], kept))
            entered.set()
            await leave.wait()
            events.append("told")

        asked = source(exchange, store, notify=notify)
        waiting = [asyncio.create_task(asked.token()) for _ in range(3)]
        await entered.wait()
        assert not any(task.done() for task in waiting)
        leave.set()
        first = (await asyncio.gather(*waiting))[0]
        await asked.token(rejected=first)
        exchange.clock.now += 3600
        await asked.token()
        assert [
            (None, "t1", "r1"),
            "told",
            ("t1", "t2", "r2"),
            "told",
            ("t2", "t3", "r3"),
            "told",
        ] == events

    run(main())


def test_hook_that_fails() -> None:
    """Its error reaches who waited; the token is kept, and the next caller gets it."""

    async def main() -> None:
        async def notify(token: Token, before: Token | None) -> None:
            raise ZeroDivisionError

        exchange = opened()
        asked = source(exchange, notify=notify)
        with pytest.raises(ZeroDivisionError):
            await asked.token()
        assert "t1" == (await asked.token())["access_token"]
        assert (1, None) == (exchange.count, asked.grant.tellings._mark)

    run(main())


def test_hook_that_asks_for_a_token() -> None:
    """It is handed the new one, and no flight that would wait for the hook, not even stale."""

    async def main() -> None:
        exchange = opened(expires_in=4)
        seen: list[Any] = []
        later: list[asyncio.Task[Token]] = []
        go_on = asyncio.Event()

        async def after_the_hook() -> Token:
            await go_on.wait()
            return await asked.token()

        async def notify(token: Token, _: Token | None) -> None:
            seen.append(await asked.token())
            exchange.clock.now += 4
            seen.append(await asyncio.create_task(asked.token()))
            later.append(asyncio.create_task(after_the_hook()))
            asked.notify = None
            with pytest.raises(NothingNewError, match="before it returns"):
                await asked.token(rejected=token)
            asked.grant.assign(None)
            with pytest.raises(NothingNewError):
                await asked.token()
            asked.grant.assign(token)

        asked = source(exchange, notify=notify)
        token = await asked.token()
        assert ["t1", "t1"] == [one["access_token"] for one in seen]
        assert "t2" == token["access_token"]  # the first one had expired by then
        go_on.set()
        exchange.clock.now += 4
        assert ["t3"] == [(await task)["access_token"] for task in later]

    run(main())
