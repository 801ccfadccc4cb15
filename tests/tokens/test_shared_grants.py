"""Grants: one for all who share a store and a key, and gone with the last of them."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable

import pytest

from oauthkit import ConfigurationError, GrantKey, MemoryStore, OAuthError, Token, UnreachableError
from oauthkit.tokens.deadlines import Deadline
from oauthkit.tokens.grants import PLAIN, Grant, Landing, Slot, grant_of
from oauthkit.tokens.holding import Holding
from oauthkit.tokens.sources import StoredSource
from support import run
from tokens.grants import KEY, Exchange, complete, opened, record, source, turns
from tokens.stores import TestStore

TOKEN = Token({"oauth_token": "t", "oauth_token_secret": "s"})
OTHER = Token({"oauth_token": "other", "oauth_token_secret": "s"})


def open_store() -> TestStore:
    """Make a store that answers at once."""
    store = TestStore()
    store.gate.set()
    return store


@pytest.mark.proves(
    "Tokens and stores",
    "grants of two servers or accounts are apart",
    rfc=None,
    judge="none but ours",
)
@pytest.mark.parametrize(
    "make",
    [
        lambda: GrantKey(issuer="https://as.example", client_id="id", account="a"),
        lambda: GrantKey(issuer="https://other.example", client_id="id"),
        lambda: GrantKey(issuer="https://as.example", client_id="other"),
    ],
)
def test_keys_keep_grants_apart(make: Callable[[], GrantKey]) -> None:
    """Another account, server or client is another grant; another store as well."""
    store = MemoryStore()
    grant = grant_of(store, KEY)
    assert grant is grant_of(store, GrantKey(issuer="https://as.example", client_id="id"))
    assert grant is not grant_of(store, make())
    assert grant is not grant_of(MemoryStore(), KEY)


def test_grants_vanish_when_unused() -> None:
    """Neither a grant nor a store is kept by the table of both."""
    store = MemoryStore()
    grant = grant_of(store, KEY)
    gone, left = weakref.ref(grant), weakref.ref(store)
    gc.disable()
    try:
        del grant
        assert gone() is None
        del store
        assert left() is None
    finally:
        gc.enable()


def test_what_could_not_be_stored_keeps_the_grant() -> None:
    """Whoever has the next client of a store stores it, and spends nothing that is spent."""

    async def fail(store: TestStore, exchange: Exchange) -> weakref.ref[Grant]:
        store.refusals.append(OSError("disk"))
        asked = source(exchange, store)
        with pytest.raises(OSError, match="disk"):
            await asked.token()
        return weakref.ref(asked.grant)

    async def main() -> None:
        exchange, store = opened(), TestStore()
        store.gate.set()
        await store.inner.compare_and_swap(KEY, None, record({}, "r0"))
        for _ in range(2):  # the second fails to store what the first could not
            gone = await fail(store, exchange)
            await turns()
            assert gone() is not None
        asked = source(exchange, store)
        token = await asked.token()
        assert ("t1", ["r0"], []) == (token["access_token"], exchange.spent, asked.grant.unsaved)
        found = await store.inner.load(KEY)
        assert found is not None
        assert ("r1", None) == (
            found.refresh_token,
            found.access_tokens[PLAIN].get("refresh_token"),
        )
        gone = weakref.ref(asked.grant)
        del asked
        await turns()
        assert gone() is None

    run(main())


def test_what_could_not_be_stored_does_not_replace_what_is_set_by_hand() -> None:
    """What is set by hand is a login: what came of the one before is of no use any more."""

    async def main() -> None:
        exchange, store = opened(), TestStore(refusals=[OSError("disk")])
        store.gate.set()
        asked = source(exchange, store)
        asked.grant.assign(Token({"refresh_token": "r-hand"}))
        with pytest.raises(OSError, match="disk"):
            await asked.token()
        del asked
        await turns()
        asked = source(exchange, store)
        mine = Token({"access_token": "mine", "refresh_token": "r-mine"})
        asked.grant.assign(mine)
        assert "t1" == (await asked.token(rejected=mine))["access_token"]
        assert ["r-mine"] == exchange.spent

    run(main())


@pytest.mark.parametrize("flights", [1, 2])
def test_a_loop_that_was_closed_over_flights(flights: int) -> None:
    """The store's lock, which they held and waited for, is there for the next loop."""
    store, gate = MemoryStore(), asyncio.Event()
    exchange = Exchange(gate=gate)
    asked = source(exchange, store)

    async def take_turn(_deadline: Deadline, _holding: Holding) -> Landing:
        return Landing(0, PLAIN, Token())

    async def begin() -> None:
        waiting = [asyncio.create_task(asked.token())]
        await exchange.started.wait()
        if flights > 1:
            waiting.append(asyncio.create_task(asked.grant.land(asked.grant.fly(take_turn, 5))))
        await turns()
        for task in waiting:
            task.cancel()
        await turns()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(begin())
    left = asyncio.all_tasks(loop)
    assert flights == len(left)
    for task in left:
        task.cancel()  # or it complains when it goes
    loop.close()

    async def again() -> str:
        exchange.gate = asyncio.Event()
        exchange.gate.set()
        async with asyncio.timeout(5):
            token = await asked.token()
        await asked.grant.settle()
        return str(token["access_token"])

    assert "t1" == run(again())
    assert [] == asked.grant.unsaved


class Slots:
    """Hashable, and not weakly referable."""

    __slots__ = ()


def test_stores_without_identity_are_refused() -> None:
    """A store that cannot be a key of a weak dictionary is an error that says so."""

    class Unhashable(MemoryStore):
        __hash__ = None  # type: ignore[assignment]

    for store in (Unhashable(), object.__new__(Slots)):
        with pytest.raises(ConfigurationError, match="hashable by identity"):
            grant_of(store, KEY)  # type: ignore[arg-type]


def test_store_is_asked_once() -> None:
    """A thousand requests of two sources that cannot renew are one look-up; then memory answers."""

    async def main() -> None:
        store = TestStore()
        await store.inner.compare_and_swap(KEY, None, record(TOKEN, None))
        sources = [StoredSource(grant=grant_of(store, KEY)) for _ in range(2)]
        waiting = [asyncio.create_task(sources[n % 2].token()) for n in range(1000)]
        await turns()
        store.gate.set()
        assert {TOKEN} == set(await asyncio.gather(*waiting))
        assert TOKEN == await sources[0].token()
        assert ["lock", "load"] == store.calls

    run(main())


def test_record_of_another_kind() -> None:
    """A record whose tokens belong to scopes holds none of OAuth 1.0a."""

    async def main() -> None:
        store = MemoryStore()
        await store.compare_and_swap(KEY, None, record(TOKEN, None, slot=("read", "")))
        assert {} == dict(await StoredSource(grant=grant_of(store, KEY)).token())

    run(main())


def test_failing_fetch_and_failing_store() -> None:
    """Both reach the caller; what was in memory stays."""

    async def main() -> None:
        store = open_store()
        grant = grant_of(store, KEY)
        grant.assign(OTHER)

        async def broken() -> tuple[Slot, Token]:
            raise OAuthError("no", error="refused")

        async def fetch() -> tuple[Slot, Token]:
            return PLAIN, await grant.keep(PLAIN, TOKEN, fresh=True, deadline=0.02)

        with pytest.raises(OAuthError, match="no"):
            await complete(grant, broken)
        store.failure = OSError("disk")
        with pytest.raises(OSError, match="disk"):
            await complete(grant, fetch)
        store.failure, store.lost_races = None, 10**9
        with pytest.raises(UnreachableError, match=r"the token store did not answer within 0\.02"):
            await complete(grant, fetch)
        assert OTHER == grant.tokens[PLAIN]

    run(main())


def test_login_that_is_stored_late() -> None:
    """It begins a new grant all the same: nothing of the one before is kept."""

    async def main() -> None:
        store = open_store()
        await store.inner.compare_and_swap(KEY, None, record({"access_token": "a"}, "r"))
        grant = grant_of(store, KEY)
        since, generation = grant.start_from(await store.load(KEY)), grant.generation
        store.refusals.append(OSError("disk"))
        login = Token({"access_token": "login"})
        with pytest.raises(OSError, match="disk"):
            await grant.land(grant.save_login(("read", ""), login, since, 5))
        async with grant.deadline(5) as deadline, grant.locked():
            landing = await grant.save_late(deadline)
        assert landing is not None
        assert login == landing.token
        assert record(login, None, 2, ("read", "")) == await store.inner.load(KEY)
        assert ({("read", ""): login}, generation + 1) == (grant.tokens, grant.generation)

    run(main())


def test_cancelled_fetch_is_kept() -> None:
    """Who asked has gone; the token is fetched and stored all the same."""

    async def main() -> None:
        store = open_store()
        grant = grant_of(store, KEY)
        answered = asyncio.Event()

        async def fetch() -> tuple[Slot, Token]:
            await answered.wait()
            return PLAIN, await grant.keep(PLAIN, TOKEN, fresh=True)

        fetching = asyncio.create_task(complete(grant, fetch))
        await turns()
        fetching.cancel()
        await turns()
        answered.set()
        await grant.flights.settle()
        assert TOKEN == grant.tokens[PLAIN]
        assert record(TOKEN, None) == await store.inner.load(KEY)

    run(main())


def test_secrets_do_not_show() -> None:
    """Neither a record, a store, a grant, nor what a flight began with shows a token."""
    store = MemoryStore()
    stored = record({"access_token": "hidden"}, "hidden")
    run(store.compare_and_swap(KEY, None, stored))
    grant = grant_of(store, KEY)
    starts = [grant.start_from(stored)]
    grant.assign(Token({"access_token": "hidden", "refresh_token": "hidden"}))
    starts += [grant.start(), grant.start_from(stored)]
    for shown in (stored, store, grant, StoredSource(grant=grant), *starts):
        assert "hidden" not in repr(shown)
