"""One request for all who wait: cold, after refusals, in failure, and whoever leaves meanwhile."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import Any

import pytest

from oauthkit import LoopError, MemoryStore, OAuthError, Token, UnreachableError
from oauthkit.tokens.grants import grant_of
from oauthkit.tokens.seams import LOGIN_REQUIRED, NothingNewError
from oauthkit.tokens.sources import StoredSource
from support import run
from tokens.grants import KEY, Clock, Exchange, opened, record, source, turns
from tokens.stores import TestStore

proves_one_request = pytest.mark.proves(
    "Tokens and stores", "one token request for all who wait", rfc=None, judge="none but ours"
)

# -- cold ------------------------------------------------------------------------------------------


@proves_one_request
@pytest.mark.parametrize("cancelled", [[], [0], [0, 1, 500]])
@pytest.mark.parametrize("sources", [1, 7])
def test_thousand_cold_callers(cancelled: list[int], sources: int) -> None:
    """One exchange; of one source or several of the same grant; whoever leaves first."""

    async def main() -> None:
        exchange, store = Exchange(), MemoryStore()
        made = [source(exchange, store) for _ in range(sources)]
        waiting = [asyncio.create_task(made[n % sources].token()) for n in range(1000)]
        await exchange.started.wait()
        for number in cancelled:
            waiting[number].cancel()
        await turns()
        exchange.gate.set()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        tokens = [one for one in results if isinstance(one, Token)]
        assert 1000 - len(cancelled) == len(tokens)
        assert all(tokens[0] is token for token in tokens)
        assert "t1" == tokens[0]["access_token"]
        assert tokens[0] is await made[-1].token()
        assert 1 == exchange.count
        stored = await store.load(KEY)
        assert stored is not None
        assert "r1" == stored.refresh_token
        assert {"t1"} == {token["access_token"] for token in stored.access_tokens.values()}
        assert "refresh_token" not in next(iter(stored.access_tokens.values()))

    run(main())


def test_all_leave() -> None:
    """The flight ends all the same, closing waits for it, and its token is kept."""

    async def main() -> None:
        exchange = Exchange()
        asked = source(exchange)
        waiting = [asyncio.create_task(asked.token()) for _ in range(3)]
        await exchange.started.wait()
        for task in waiting:
            task.cancel()
        await turns()
        closing = asyncio.create_task(asked.grant.flights.settle())
        await turns()
        assert not closing.done()
        exchange.gate.set()
        await closing
        assert "t1" == (await asked.token())["access_token"]
        assert "r1" == (await asked.grant.store.load(KEY) or record({}, None)).refresh_token
        assert 1 == exchange.count

    run(main())


def test_store_before_exchange() -> None:
    """A good token that lies in the store costs no request; with its refresh token, it is handed out."""

    async def main() -> None:
        exchange, store = opened(), TestStore()
        store.gate.set()
        kept = {"access_token": "kept", "expires_at": exchange.clock() + 500}
        await store.inner.compare_and_swap(KEY, None, record(kept, "r0"))
        asked = source(exchange, store)
        assert {**kept, "refresh_token": "r0"} == await asked.token()
        await asked.token()
        assert (0, ["lock", "load"]) == (exchange.count, store.calls)

    run(main())


# -- refused ---------------------------------------------------------------------------------------


@proves_one_request
def test_fifty_rejections() -> None:
    """One exchange, for those that come at once and for those that come late."""

    async def main() -> None:
        exchange = opened()
        asked = source(exchange)
        first = await asked.token()
        exchange.gate.clear()
        exchange.started.clear()
        waiting = [asyncio.create_task(asked.token(rejected=first)) for _ in range(50)]
        await exchange.started.wait()
        await turns()
        exchange.gate.set()
        assert {"t2"} == {token["access_token"] for token in await asyncio.gather(*waiting)}
        assert "t2" == (await asked.token(rejected=first))["access_token"]
        assert [None, "r1"] == exchange.spent

    run(main())


@proves_one_request
def test_resource_that_always_says_401() -> None:
    """One new token, and then no request for a token any more, until a while has passed."""

    async def main() -> None:
        exchange = opened()
        asked = source(exchange)
        first = await asked.token()
        second = await asked.token(rejected=first)
        for _ in range(10):
            assert second is await asked.token()
            with pytest.raises(NothingNewError, match="is not renewed again") as caught:
                await asked.token(rejected=second)
            assert "invalid_token" == caught.value.error
        assert 2 == exchange.count
        # A token without a known lifetime ends some time, and a 401 is how its client learns.
        exchange.clock.now += 301
        third = await asked.token(rejected=second)
        assert ("t3", 3) == (third["access_token"], exchange.count)

    run(main())


def test_expiry_makes_a_401_count_again() -> None:
    """A token that came because the one before had expired is renewed for a 401."""

    async def main() -> None:
        exchange = opened()
        asked = source(exchange)
        second = await asked.token(rejected=await asked.token())
        exchange.clock.now += 3600
        third = await asked.token()
        assert "t3" == third["access_token"]
        assert "t3" == (await asked.token(rejected=second))["access_token"]
        assert "t4" == (await asked.token(rejected=third))["access_token"]

    run(main())


@pytest.mark.parametrize("waiters", [1, 20])
def test_same_token_issued_again(waiters: int) -> None:
    """It is no other one, whatever came with it; and it is not asked for at each call."""

    async def main() -> None:
        exchange = opened()
        asked = source(exchange)
        first = await asked.token()
        again = {**exchange.members(1), "refresh_token": "r2", "expires_in": 10}
        exchange.answers.append(again)
        for _ in range(3):
            results = await asyncio.gather(
                *(asked.token(rejected=first) for _ in range(waiters)), return_exceptions=True
            )
            assert [NothingNewError] * waiters == [type(result) for result in results]
        assert again == await asked.token()
        assert 2 == exchange.count

    run(main())


@pytest.mark.proves(
    "Tokens and stores", "other processes' tokens are taken", rfc=None, judge="none but ours"
)
def test_rejected_token_of_another_process() -> None:
    """What another process has stored meanwhile is taken, without a request."""

    async def main() -> None:
        exchange, store = opened(), MemoryStore()
        asked = source(exchange, store)
        first = await asked.token()
        stored = record({"access_token": "theirs"}, "r9", 2)
        assert await store.compare_and_swap(KEY, 1, stored)
        theirs = await asked.token(rejected=first)
        assert {"access_token": "theirs", "refresh_token": "r9"} == theirs
        assert "t2" == (await asked.token(rejected=theirs))["access_token"]
        assert [None, "r9"] == exchange.spent

    run(main())


def test_rejection_joins_a_flight_that_brings_the_rejected_one() -> None:
    """It was launched by somebody who could not know; a flight of its own follows."""

    async def main() -> None:
        store, exchange = TestStore(), opened()
        stored = Token({"access_token": "old"})
        await store.inner.compare_and_swap(KEY, None, record(stored, "r0"))
        asked = source(exchange, store)
        cold = asyncio.create_task(asked.token())
        await turns()
        refused = asyncio.create_task(asked.token(rejected=stored))
        await turns()
        store.gate.set()
        assert "old" == (await cold)["access_token"]
        assert "t1" == (await refused)["access_token"]
        assert ["r0"] == exchange.spent

    run(main())


# -- in failure ------------------------------------------------------------------------------------


@proves_one_request
def test_failure_reaches_all() -> None:
    """Each waiter gets it, nothing is kept of it, and the next caller asks anew."""

    async def main() -> None:
        exchange = Exchange()
        exchange.answers.append(OAuthError("no", error="invalid_client"))
        asked = source(exchange)
        waiting = [asyncio.create_task(asked.token()) for _ in range(100)]
        await exchange.started.wait()
        exchange.gate.set()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert ["invalid_client"] * 100 == [getattr(one, "error", one) for one in results]
        assert await asked.grant.store.load(KEY) is None
        assert "t1" == (await asked.token())["access_token"]
        assert 2 == exchange.count

    run(main())


@pytest.mark.parametrize("failure", [OSError("disk"), TimeoutError("the store's own")])
def test_failing_store(failure: Exception) -> None:
    """What it raises reaches the callers as it is."""

    async def main() -> None:
        store, exchange = TestStore(failure=failure), opened()
        store.gate.set()
        asked = source(exchange, store)
        results = await asyncio.gather(*(asked.token() for _ in range(5)), return_exceptions=True)
        assert [failure] * 5 == results
        assert 0 == exchange.count
        store.failure = None
        assert "t1" == (await asked.token())["access_token"]

    run(main())


@pytest.mark.parametrize("slow", ["lock", "load", "exchange", "swap"])
def test_deadline(slow: str) -> None:
    """It is for the lock, the store and the exchange; the next caller begins anew."""

    async def main() -> None:
        store, exchange = TestStore(), Exchange()
        asked = source(exchange, store, deadline=0.02)
        holder = store.inner.lock(KEY)
        if slow == "lock":
            await holder.__aenter__()
        if slow != "load":
            store.gate.set()
        if slow == "swap":
            exchange.answers.append({"access_token": "t"})
            exchange.gate.set()
            store.lost_races = 10**9
        with pytest.raises(UnreachableError, match=r"did not answer within 0\.02 s") as caught:
            await asked.token()
        assert ("TestStore", 0.02) == (caught.value.endpoint, caught.value.deadline)
        assert caught.value.__cause__ is None
        if slow == "lock":
            await holder.__aexit__(None, None, None)
        store.gate.set()
        exchange.gate.set()
        store.lost_races = 0
        expected = "t" if slow == "swap" else "t1"
        assert expected == (await asked.token())["access_token"]

    run(main())


@pytest.mark.parametrize("rejected", [False, True])
def test_login_required(rejected: bool) -> None:
    """Without a token it is an error; a refused one stays the answer that refused it."""

    async def main() -> None:
        exchange = opened()
        first = await source(exchange).token() if rejected else None
        exchange.answers.append(OAuthError("log in", error=LOGIN_REQUIRED))
        with pytest.raises(OAuthError, match="log in") as caught:
            await source(exchange).token(first)
        assert LOGIN_REQUIRED == caught.value.error
        assert rejected == isinstance(caught.value, NothingNewError)
        assert caught.value.__context__ is None

    run(main())


# -- what cannot be renewed ------------------------------------------------------------------------


def test_without_exchange() -> None:
    """An OAuth 1.0a token is handed out as it is, whatever its members say; none is the empty one."""

    async def main() -> None:
        token = Token({"oauth_token": "t", "oauth_token_secret": "s", "expires_at": "x"})
        empty = StoredSource(grant=grant_of(MemoryStore(), KEY))
        assert {} == dict(await empty.token())
        assert {} == dict(await empty.token())
        store = MemoryStore()
        await store.compare_and_swap(KEY, None, record(token, None))
        asked = StoredSource(grant=grant_of(store, KEY))
        assert token == await asked.token()
        with pytest.raises(NothingNewError, match="authorize again") as caught:
            await asked.token(rejected=token)
        assert "invalid_token" == caught.value.error
        await store.compare_and_swap(KEY, 1, record({"oauth_token": "new"}, None, 2))
        assert {"oauth_token": "new"} == await asked.token(rejected=token)

    run(main())


def test_nothing_stored() -> None:
    """The store is asked once: a client that signs for itself needs no token."""

    async def main() -> None:
        store = TestStore()
        store.gate.set()
        asked = StoredSource(grant=grant_of(store, KEY))
        assert {} == dict(await asked.token())
        assert {} == dict(await asked.token())
        assert ["lock", "load"] == store.calls

    run(main())


def test_rejected_token_that_is_not_stored() -> None:
    """It is not handed out again: the store is asked for another one, and has none."""

    async def main() -> None:
        store = TestStore()
        store.gate.set()
        asked = StoredSource(grant=grant_of(store, KEY))
        asked.grant.assign(held := Token({"oauth_token": "t", "oauth_token_secret": "s"}))
        assert held == await asked.token()
        assert ["lock", "load", "swap"] == store.calls
        with pytest.raises(NothingNewError, match="authorize again"):
            await asked.token(rejected=held)
        assert ["lock", "load"] == store.calls[3:]

    run(main())


# -- loops and lifetimes ---------------------------------------------------------------------------


def test_loops() -> None:
    """A source lives on one loop at a time; another one may follow when that is closed."""
    exchange = Exchange()
    asked = source(exchange)
    elsewhere: list[BaseException] = []

    def other_loop() -> None:
        try:
            run(asked.token())
        except LoopError as error:
            elsewhere.append(error)

    async def main() -> None:
        waiting = asyncio.create_task(asked.token())
        await exchange.started.wait()
        thread = threading.Thread(target=other_loop)
        thread.start()
        await asyncio.to_thread(thread.join)
        exchange.gate.set()
        await waiting

    run(main())
    assert [LoopError] == [type(error) for error in elsewhere]
    exchange.clock.now += 3600
    exchange.gate = asyncio.Event()
    exchange.gate.set()
    assert "t2" == run(asked.token())["access_token"]


def test_dropped_sources_are_freed() -> None:
    """By reference counting alone: after success, after a failure, and after nobody waited."""

    async def main(exchange: Exchange, fails: bool, leaves: bool) -> None:
        asked = source(exchange)
        gone: list[weakref.ref[Any]] = [
            weakref.ref(asked),
            weakref.ref(asked.grant),
            weakref.ref(asked.grant.store),
        ]
        task = asyncio.create_task(asked.token())
        await exchange.started.wait()
        if leaves:
            task.cancel()
        await turns()
        exchange.gate.set()
        results = await asyncio.gather(task, return_exceptions=True)
        await asked.grant.flights.settle()
        if not fails and not leaves:
            rejected = results[0]
            assert isinstance(rejected, Token)
            await asked.token(rejected=rejected)
        del asked, task, results
        await turns()
        assert [None] * 3 == [reference() for reference in gone]

    for fails in (False, True):
        for leaves in (False, True):
            exchange = Exchange(clock=Clock())
            if fails:
                exchange.answers.append(OAuthError("no", error="x"))
            gc.collect()
            gc.disable()
            try:
                run(main(exchange, fails, leaves))
            finally:
                gc.enable()


def test_repr() -> None:
    """No token shows, in whatever state."""

    async def main() -> None:
        exchange = opened(answers=[{"access_token": "hidden", "refresh_token": "hidden"}] * 2)
        asked = source(exchange)
        token = await asked.token()
        with pytest.raises(NothingNewError):
            await asked.token(rejected=token)
        assert "hidden" not in f"{asked!r}{asked.grant!r}"

    run(main())
