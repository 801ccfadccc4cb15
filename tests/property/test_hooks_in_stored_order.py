"""RFC 6749 §6: whatever fails and whoever is slow, no refresh token is lost, or told out of order."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from oauthkit import GrantKey, Record, Token
from oauthkit.tokens.deadlines import Deadline
from oauthkit.tokens.grants import PLAIN, Landing, Unsaved
from oauthkit.tokens.holding import Holding
from oauthkit.tokens.sources import StoredSource
from support import run
from tokens.grants import KEY, opened, source, turns
from tokens.stores import TestStore

# What is begun, and how many turns of the loop go by until the next.
_steps = st.lists(
    st.tuples(st.sampled_from(["call", "renew", "log in"]), st.integers(0, 12)), max_size=8
)
# Of each swap, whether it fails before it has stored; of each hook, how many turns it takes.
_failures = st.lists(st.booleans(), max_size=6)
_hooks = st.lists(st.integers(0, 15), max_size=6)


@given(_steps, _failures, _hooks)
def test_told(steps: list[tuple[str, int]], failures: list[bool], slow: list[int]) -> None:
    """Each stored renewal is told once, in order; the newest token is the one that is stored."""

    async def main() -> None:
        store, told = FailingAtTimes(failures=list(failures)), list[str]()
        store.gate.set()
        exchange, turns_of_hooks = opened(), list(slow)

        async def notify(token: Token, _: Token | None) -> None:
            told.append(token["refresh_token"])
            await turns(turns_of_hooks.pop(0) if turns_of_hooks else 0)
            told.append("returned")

        asked = source(exchange, store, notify=notify)
        tasks: list[asyncio.Task[Token]] = []
        for number, (step, pause) in enumerate(steps):
            if step == "log in":
                login = {"access_token": f"login{number}", "refresh_token": f"l{number}"}
                grant = asked.grant
                coroutine = grant.land(grant.save_login(PLAIN, login, grant.start(), 5))
            elif step == "renew":
                coroutine = renew(asked)
            else:
                coroutine = asked.token()
            tasks.append(asyncio.create_task(coroutine))
            await turns(pause)
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(result, (Token, OSError))
        await asked.grant.settle()
        store.failures.clear()
        await asked.token()
        if steps:
            await renew(asked)
            # A server that rotates: what is spent is spent once.
            spent = [one for one in exchange.spent if one is not None]
            assert len(spent) == len(set(spent))
            record = await store.inner.load(KEY)
            assert record is not None
            assert f"r{exchange.count}" == record.refresh_token
            assert [] == asked.grant.unsaved
        # One after the other, and in the order in which they were stored.
        assert told[1::2] == ["returned"] * (len(told) // 2)
        names = told[::2]
        assert names == [one for one in store.stored if one in names]

    run(main())


class FailingAtTimes(TestStore):
    """Notes the refresh tokens that it has stored; swaps fail as *failures* say."""

    def __init__(self, *, failures: list[bool]) -> None:
        super().__init__()
        self.failures = failures
        self.stored: list[str | None] = []

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Store *record*, or fail."""
        if self.failures and self.failures.pop(0):
            raise OSError("disk")
        swapped = await super().compare_and_swap(key, expected, record)
        self.stored.append(record.refresh_token)
        return swapped


async def renew(asked: StoredSource) -> Token:
    """Renew the token now, in a flight of its own, as a client does."""
    grant, notify, exchange = asked.grant, asked.notify, asked.exchange
    assert exchange is not None

    async def again(deadline: Deadline, holding: Holding) -> Landing:
        await grant.save_late(deadline)
        began = grant.start_from(await holding.load())
        members = await exchange(began.record)
        news = Unsaved(slot=PLAIN, members=members, since=began, notify=notify, seconds=5)
        grant.unsaved.append(news)
        return await grant.save(news, deadline, holding)

    return await grant.land(grant.fly(again, 5))
