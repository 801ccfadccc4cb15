"""Hooks: told one after the other, as the tokens were stored; none waits for itself, or for ever."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import attrs
import pytest

from oauthkit import MemoryStore, Token, UnreachableError
from oauthkit.tokens.deadlines import Deadline
from oauthkit.tokens.grants import PLAIN, Landing, Unsaved
from oauthkit.tokens.holding import Holding
from oauthkit.tokens.sources import StoredSource
from oauthkit.tokens.tellings import Tellings
from support import run
from tokens.grants import KEY, opened, record, source, turns
from tokens.stores import TestStore

pytestmark = pytest.mark.proves(
    "Tokens and stores", "the hook `update_token`", rfc=None, judge="none but ours"
)


@attrs.define(eq=False)
class Hook:
    """Notes the token that it is told of, and when it returns; waits for *leave* in between."""

    leave: asyncio.Event = attrs.field(factory=asyncio.Event)
    entered: asyncio.Event = attrs.field(factory=asyncio.Event)
    events: list[str] = attrs.field(factory=list[str])

    async def __call__(self, token: Token, before: Token | None) -> None:
        """Be told."""
        self.events.append(token["access_token"])
        self.entered.set()
        await self.leave.wait()
        self.events.append(f"{token['access_token']} told")


async def renew(asked: StoredSource, seconds: float = 5) -> Token:
    """Renew the token now, in a flight of its own, as a client does."""
    grant, notify, exchange = asked.grant, asked.notify, asked.exchange
    assert exchange is not None

    async def again(deadline: Deadline, holding: Holding) -> Landing:
        await grant.save_late(deadline)
        began = grant.start_from(await holding.load())
        members = await exchange(began.record)
        news = Unsaved(slot=PLAIN, members=members, since=began, notify=notify, seconds=seconds)
        grant.unsaved.append(news)
        return await grant.save(news, deadline, holding)

    return await grant.land(grant.fly(again, seconds))


def told(*names: str) -> list[str]:
    """Return the events of hooks that were told of these tokens, each after the other."""
    return [event for name in names for event in (name, f"{name} told")]


# -- order -----------------------------------------------------------------------------------------


def test_explicit_and_automatic_renewals() -> None:
    """The second is stored while the first hook is slow, and told when that has returned."""

    async def main() -> None:
        exchange, hook = opened(), Hook()
        asked = source(exchange, notify=hook)
        waiting = [asyncio.create_task(asked.token())]
        await hook.entered.wait()
        waiting += [asyncio.create_task(renew(asked)) for _ in range(2)]
        await turns(30)
        assert (["t1"], 3) == (hook.events, exchange.count)
        exchange.clock.now += 3600
        waiting.append(asyncio.create_task(asked.token()))
        await turns(30)
        assert (["t1"], 4) == (hook.events, exchange.count)
        assert not any(task.done() for task in waiting)
        hook.leave.set()
        tokens = await asyncio.gather(*waiting)
        assert ["t1", "t2", "t3", "t4"] == [token["access_token"] for token in tokens]
        assert told("t1", "t2", "t3", "t4") == hook.events

    run(main())


@pytest.mark.parametrize("slow", [False, True])
def test_eager_tasks(*, slow: bool) -> None:
    """From Python 3.12 on a loop's tasks may begin at once: the order is the same."""

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(vars(asyncio).get("eager_task_factory"))
        hook = Hook()
        if not slow:
            hook.leave.set()
        asked = source(opened(), notify=hook)
        waiting = [asyncio.create_task(asked.token())]
        waiting += [asyncio.create_task(renew(asked)) for _ in range(2)]
        await turns()
        hook.leave.set()
        tokens = await asyncio.gather(*waiting)
        assert ["t1", "t2", "t3"] == [token["access_token"] for token in tokens]
        assert told("t1", "t2", "t3") == hook.events

    run(main())


@pytest.mark.parametrize("fails", [False, True])
def test_login_while_a_hook_is_slow(*, fails: bool) -> None:
    """Who keeps the new login himself is not overtaken by the hook of a token before it."""

    async def main() -> None:
        hook = Hook()

        async def notify(token: Token, before: Token | None) -> None:
            await hook(token, before)
            if fails:
                raise ZeroDivisionError

        asked = source(opened(), notify=notify)
        grant = asked.grant
        first = asyncio.create_task(asked.token())
        await hook.entered.wait()
        login = Token({"access_token": "login"})
        fetching = asyncio.create_task(
            grant.land(grant.save_login(PLAIN, login, grant.start(), 5)),
        )
        await turns()
        assert (False, login) == (fetching.done(), grant.tokens[PLAIN])
        hook.leave.set()
        assert login == await fetching
        assert told("t1") == hook.events
        results = await asyncio.gather(first, return_exceptions=True)
        assert (ZeroDivisionError if fails else Token) is type(results[0])

    run(main())


def test_waiters_that_leave() -> None:
    """A hook is told of what was stored, whoever waits; closing waits for it."""

    async def main() -> None:
        hook = Hook()
        asked = source(opened(), notify=hook)
        waiting = [asyncio.create_task(one) for one in (asked.token(), renew(asked))]
        await hook.entered.wait()
        await turns()
        for task in waiting:
            task.cancel()
        closing = asyncio.create_task(asked.grant.settle())
        await turns()
        assert not closing.done()
        hook.leave.set()
        await closing
        assert told("t1", "t2") == hook.events
        await asyncio.gather(*waiting, return_exceptions=True)

    run(main())


def test_failure_of_a_hook_is_its_own() -> None:
    """It reaches those who wait for its token, and the next hook is told all the same."""

    async def main() -> None:
        seen: list[str] = []

        async def notify(token: Token, _: Token | None) -> None:
            await asyncio.sleep(0)
            seen.append(token["access_token"])
            if "t1" == token["access_token"]:
                raise ZeroDivisionError

        asked = source(opened(), notify=notify)
        first = asyncio.create_task(asked.token())
        second = asyncio.create_task(renew(asked))
        results = await asyncio.gather(first, second, return_exceptions=True)
        assert ZeroDivisionError is type(results[0])
        assert isinstance(results[1], Token)
        assert ["t1", "t2"] == seen

    run(main())


# -- hooks that do something -----------------------------------------------------------------------


@pytest.mark.parametrize("spawns", [False, True])
def test_hook_that_renews(*, spawns: bool) -> None:
    """It gets the newer token at once, and is told of it after it has returned."""

    async def main() -> None:
        events: list[str] = []

        async def notify(token: Token, _: Token | None) -> None:
            name = token["access_token"]
            events.append(name)
            if "t1" == name:
                renewing = renew(asked)
                newer = await (asyncio.create_task(renewing) if spawns else renewing)
                assert "t2" == newer["access_token"]
            events.append(f"{name} told")

        asked = source(opened(), notify=notify)
        assert "t1" == (await asked.token())["access_token"]
        await asked.grant.settle()
        assert told("t1", "t2") == events
        assert "t2" == (await asked.token())["access_token"]

    run(main())


@pytest.mark.parametrize("spawns", [False, True])
def test_hook_that_closes(*, spawns: bool) -> None:
    """It waits for what is in flight, and neither for itself nor for what waits for it."""

    async def main() -> None:
        hook, exchange = Hook(), opened()

        async def notify(token: Token, before: Token | None) -> None:
            if "t1" == token["access_token"]:
                await go_on.wait()
                closing = asked.grant.settle()
                await (asyncio.create_task(closing) if spawns else closing)
                assert "t3" == asked.grant.tokens[PLAIN]["access_token"]
            await hook(token, before)

        go_on = asyncio.Event()
        hook.leave.set()
        asked = source(exchange, notify=notify)
        waiting = [asyncio.create_task(one) for one in (asked.token(), renew(asked))]
        await turns(20)  # the second is stored, and waits for the first hook
        exchange.gate.clear()
        waiting.append(asyncio.create_task(renew(asked)))
        await turns()
        go_on.set()
        await turns()
        exchange.gate.set()
        await asyncio.gather(*waiting)
        assert told("t1", "t2", "t3") == hook.events

    run(main())


# -- deadlines -------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["token", "renew"])
def test_hook_that_never_returns(how: str) -> None:
    """All who wait get an error that says so; the token is kept, and the next hook is told."""

    async def main() -> None:
        hook, store = Hook(), MemoryStore()
        asked = source(opened(), store, notify=hook, deadline=0.01)
        waiting = [
            asyncio.create_task(asked.token() if how == "token" else renew(asked, 0.01))
            for _ in range(3)
        ]
        results = await asyncio.gather(*waiting, return_exceptions=True)
        for error in results:
            assert isinstance(error, UnreachableError)
            assert ("update_token", 0.01) == (error.endpoint, error.deadline)
            assert "kept, but update_token did not return within 0.01 s" in str(error)
        names = ["t1"] if how == "token" else ["t1", "t2", "t3"]
        assert names == hook.events
        assert names[-1] == (await asked.token())["access_token"]
        stored = await store.load(KEY)
        assert stored is not None
        assert f"r{len(names)}" == stored.refresh_token
        hook.leave.set()
        await renew(asked)
        assert [*names, *told(f"t{len(names) + 1}")] == hook.events

    run(main())


def test_timeout_of_the_hooks_own() -> None:
    """It goes through as it is."""

    async def main() -> None:
        async def notify(token: Token, before: Token | None) -> None:
            raise TimeoutError("the hook's own")

        with pytest.raises(TimeoutError, match="the hook's own"):
            await source(opened(), notify=notify).token()

    run(main())


# -- loops and lifetimes ---------------------------------------------------------------------------


def test_loops() -> None:
    """What a loop left behind that is closed holds up nobody on the next one."""
    tellings, hook = Tellings(), Hook()
    loop = asyncio.new_event_loop()

    async def begin() -> asyncio.Task[None]:
        return tellings.begin(hook, Token({"access_token": "old"}), None, None)

    left = loop.run_until_complete(begin())
    loop.run_until_complete(turns())
    assert ["old"] == hook.events

    async def main() -> None:
        hook.leave = asyncio.Event()
        hook.leave.set()
        assert not await tellings.catch_up()
        await tellings.begin(hook, Token({"access_token": "new"}), None, None)
        assert ["old", *told("new")] == hook.events

    run(main())
    left.cancel()
    loop.run_until_complete(turns())
    loop.close()


@pytest.mark.parametrize("how", ["token", "renew"])
@pytest.mark.parametrize("ends", ["returns", "fails", "late"])
def test_dropped_sources_are_freed(how: str, ends: str) -> None:
    """By reference counting alone, also after a hook that failed."""

    async def main() -> None:
        async def notify(token: Token, before: Token | None) -> None:
            await asyncio.sleep(0 if ends != "late" else 60)
            if ends == "fails":
                raise ZeroDivisionError

        asked = source(opened(), notify=notify, deadline=0.01)
        gone: list[weakref.ref[Any]] = [weakref.ref(asked), weakref.ref(asked.grant)]
        asking = asked.token() if how == "token" else renew(asked, 0.01)
        task = asyncio.create_task(asking)
        results = await asyncio.gather(task, return_exceptions=True)
        expected = {"returns": Token, "fails": ZeroDivisionError, "late": UnreachableError}
        assert expected[ends] is type(results[0])
        del asked, task, results, asking
        await turns()
        assert [None] * 2 == [reference() for reference in gone]

    gc.collect()
    gc.disable()
    try:
        run(main())
    finally:
        gc.enable()


def test_what_is_of_no_use_any_more_is_not_told() -> None:
    """Somebody has logged in again, elsewhere: the token of the grant of before is not stored."""

    async def main() -> None:
        hook, store = Hook(), TestStore(refusals=[OSError("disk")])
        store.gate.set()
        hook.leave.set()
        asked = source(opened(), store, notify=hook)
        await store.inner.compare_and_swap(KEY, None, record({}, "r0"))
        with pytest.raises(OSError, match="disk"):
            await asked.token()
        login = record({"access_token": "login"}, "r-login", 3)
        assert await store.inner.compare_and_swap(KEY, 2, login)
        assert "login" == (await asked.token())["access_token"]
        assert ([], []) == (hook.events, asked.grant.unsaved)
        assert login == await store.inner.load(KEY)

    run(main())
