"""What happens during a flight: tokens set by hand, other processes, other scopes, hooks, stores."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from oauthkit import MemoryStore, OAuthError, Record, Token, UnreachableError
from oauthkit.tokens.seams import LOGIN_REQUIRED
from support import run
from tokens.grants import KEY, Exchange, complete, opened, record, source, turns
from tokens.stores import TestStore

proves_adoption = pytest.mark.proves(
    "Tokens and stores", "other processes' tokens are taken", rfc=None, judge="none but ours"
)
proves_refresh = pytest.mark.proves(
    "Tokens and stores", "a refresh token is never lost", rfc="RFC 6749 §6", judge="none but ours"
)

MINE = Token({"access_token": "mine", "refresh_token": "r-mine"})
READ, WRITE = ("read", ""), ("write", "")


def refused(error: str = "invalid_grant") -> OAuthError:
    """Return what an authorization server says."""
    return OAuthError("no", error=error)


async def stored(store: Any) -> Record:
    """Return what is stored; there must be something."""
    found = await store.load(KEY)
    assert found is not None
    return Record(
        access_tokens=found.access_tokens, refresh_token=found.refresh_token, version=found.version
    )


# -- tokens that are set by hand -------------------------------------------------------------------


@pytest.mark.parametrize("fails", [False, True])
def test_token_that_is_set_during_a_flight(fails: bool) -> None:
    """It stays, and whoever waits gets it; it is stored, and what the flight brought is not."""

    async def main() -> None:
        exchange, store = Exchange(), MemoryStore()
        await store.compare_and_swap(KEY, None, record({}, "r0"))
        if fails:
            exchange.answers.append(refused())
        asked = source(exchange, store)
        waiting = [asyncio.create_task(asked.token()) for _ in range(5)]
        await exchange.started.wait()
        asked.grant.assign(MINE)
        late = asyncio.create_task(asked.token())
        exchange.gate.set()
        assert [MINE] * 6 == await asyncio.gather(*waiting, late)
        assert MINE == asked.grant.tokens[asked.slot]
        assert "r-mine" == (await stored(store)).refresh_token
        assert 1 == exchange.count

    run(main())


@pytest.mark.parametrize("alone", [False, True])
def test_token_that_is_cleared_during_a_flight(alone: bool) -> None:
    """It is not brought back; what the flight brought is stored, but not handed out."""

    async def main() -> None:
        exchange, store = Exchange(), MemoryStore()
        await store.compare_and_swap(KEY, None, record({}, "r0"))
        exchange.answers += [exchange.members(1), refused(LOGIN_REQUIRED)]
        asked = source(exchange, store)
        waiting = asyncio.create_task(asked.token())
        await exchange.started.wait()
        asked.grant.assign(None)
        # Who comes now must not be handed the token of before, though its flight is still flying.
        late = waiting if alone else asyncio.create_task(asked.token())
        exchange.gate.set()
        results = await asyncio.gather(waiting, late, return_exceptions=True)
        assert [LOGIN_REQUIRED] * 2 == [getattr(one, "error", one) for one in results]
        assert {} == asked.grant.tokens
        assert "r1" == (await stored(store)).refresh_token
        assert ["r0", None] == exchange.spent

    run(main())


def test_refusal_during_a_flight_of_before() -> None:
    """A token that was set meanwhile is not marked as one that came of a 401."""

    async def main() -> None:
        exchange = opened()
        asked = source(exchange)
        first = await asked.token()
        exchange.gate.clear()
        exchange.started.clear()
        waiting = asyncio.create_task(asked.token(rejected=first))
        await exchange.started.wait()
        asked.grant.assign(MINE)
        exchange.gate.set()
        assert MINE == await waiting
        assert {} == asked.grant.after_401
        assert "t3" == (await asked.token(rejected=MINE))["access_token"]
        assert [None, "r1", "r-mine"] == exchange.spent

    run(main())


def test_what_is_set_counts_for_more_than_what_is_stored() -> None:
    """Its refresh token is spent, and the record is then its own."""

    async def main() -> None:
        exchange, store = opened(), MemoryStore()
        await store.compare_and_swap(KEY, None, record({"access_token": "old"}, "r-old"))
        asked = source(exchange, store, slot=READ)
        asked.grant.assign(MINE, READ)
        assert MINE == await asked.token()
        token = await asked.token(rejected=MINE)
        assert ["r-mine"] == exchange.spent
        found = await stored(store)
        assert (4, "r1", {READ}) == (found.version, found.refresh_token, set(found.access_tokens))
        assert token is asked.grant.tokens[READ]

    run(main())


@pytest.mark.parametrize("slot", [READ, WRITE])
def test_refresh_token_alone(slot: tuple[str, str]) -> None:
    """It is spent first; no empty token is stored for the scope that it was set for."""

    async def main() -> None:
        exchange, store = opened(), MemoryStore()
        asked = source(exchange, store, slot=slot)
        asked.grant.assign(Token({"refresh_token": "r0"}), READ)
        assert "t1" == (await asked.token())["access_token"]
        assert ["r0"] == exchange.spent
        assert {slot} == set((await stored(store)).access_tokens)

    run(main())


# -- refresh tokens --------------------------------------------------------------------------------


@proves_refresh
def test_refresh_without_refresh_token() -> None:
    """RFC 6749 §6: the old one is kept, in the store and with the token."""

    async def main() -> None:
        exchange, store = opened(refresh=False), MemoryStore()
        await store.compare_and_swap(KEY, None, record({}, "r0"))
        asked = source(exchange, store)
        token = await asked.token()
        assert "r0" == token["refresh_token"]
        assert "r0" == (await asked.token(rejected=token))["refresh_token"]
        assert ["r0", "r0"] == exchange.spent
        assert "r0" == (await stored(store)).refresh_token

    run(main())


@proves_adoption
@pytest.mark.parametrize(
    ("theirs", "spent"),
    [({"access_token": "theirs"}, ["r0"]), ({"access_token": "x", "expires_at": 1}, ["r0", "r9"])],
)
def test_invalid_grant_reads_the_store_again(theirs: dict[str, Any], spent: list[str]) -> None:
    """Another process has spent the refresh token: what it stored is taken, and renewed if stale."""

    async def main() -> None:
        exchange, store = Exchange(), MemoryStore()
        await store.compare_and_swap(KEY, None, record({}, "r0"))
        exchange.answers.append(refused())
        asked = source(exchange, store)
        waiting = asyncio.create_task(asked.token())
        await exchange.started.wait()
        assert await store.compare_and_swap(KEY, 2, record(theirs, "r9", 3))
        exchange.gate.set()
        token = await waiting
        assert ("theirs" if len(spent) == 1 else "t1") == token["access_token"]
        assert spent == exchange.spent

    run(main())


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client"])
@pytest.mark.parametrize("emptied", [False, True])
def test_final_refusals(error: str, emptied: bool) -> None:
    """Where nothing else is stored, or it is another refusal, it is final; nothing is changed."""

    async def main() -> None:
        exchange, store = Exchange(), MemoryStore()
        await store.compare_and_swap(KEY, None, record({}, "r0"))
        exchange.answers.append(refused(error))
        waiting = asyncio.create_task(source(exchange, store).token())
        await exchange.started.wait()
        if emptied:
            await store.delete(KEY)
        exchange.gate.set()
        with pytest.raises(OAuthError) as caught:
            await waiting
        assert (error, ["r0"]) == (caught.value.error, exchange.spent)

    run(main())


def test_invalid_grant_of_a_token_set_by_hand() -> None:
    """It gives way to the one that somebody has stored since."""

    async def main() -> None:
        exchange, store = Exchange(answers=[refused()]), MemoryStore()
        asked = source(exchange, store)
        asked.grant.assign(Token({"refresh_token": "r0"}))
        waiting = asyncio.create_task(asked.token())
        await exchange.started.wait()
        assert await store.compare_and_swap(KEY, 2, record({}, "r9", 5))
        exchange.gate.set()
        assert "t1" == (await waiting)["access_token"]
        assert ["r0", "r9"] == exchange.spent
        assert ("r1", None) == ((f := await stored(store)).refresh_token, f.mark)

    run(main())


def test_new_login_during_a_flight() -> None:
    """What came of the grant of before does not overwrite it, in memory or in the store."""

    async def main() -> None:
        exchange, store = Exchange(), MemoryStore()
        await store.compare_and_swap(KEY, None, record({}, "r0"))
        asked = source(exchange, store)
        waiting = asyncio.create_task(asked.token())
        await exchange.started.wait()
        login = {"access_token": "login", "refresh_token": "r-login"}
        await asked.grant.keep(asked.slot, login, fresh=True)
        exchange.gate.set()
        assert login == await waiting
        assert login == asked.grant.tokens[asked.slot]
        assert ("r-login", 3) == ((f := await stored(store)).refresh_token, f.version)

    run(main())


@proves_adoption
@pytest.mark.parametrize("scope", [("", ""), READ])
def test_new_login_in_another_process(scope: tuple[str, str]) -> None:
    """Its record stays, and is taken over; where it has no token of the scope, ours is good."""

    async def main() -> None:
        exchange, store = Exchange(), MemoryStore()
        await store.compare_and_swap(KEY, None, record({}, "r0"))
        asked = source(exchange, store)
        waiting = asyncio.create_task(asked.token())
        await exchange.started.wait()
        login = record({"access_token": "login"}, "r-login", 3, scope)
        assert await store.compare_and_swap(KEY, 2, login)
        exchange.gate.set()
        assert ("login" if scope == asked.slot else "t1") == (await waiting)["access_token"]
        assert login == await stored(store)

    run(main())


# -- scopes ----------------------------------------------------------------------------------------


def test_two_scopes_of_one_grant() -> None:
    """Each has its token, both have the newest refresh token, and one flies after the other."""

    async def main() -> None:
        exchange, store = Exchange(), MemoryStore()
        await store.compare_and_swap(KEY, None, record({}, "r0"))
        sources = [source(exchange, store, slot=slot) for slot in (READ, WRITE)]
        waiting = [asyncio.create_task(sources[n % 2].token()) for n in range(20)]
        await exchange.started.wait()
        await turns()
        assert 1 == exchange.count
        exchange.gate.set()
        tokens = await asyncio.gather(*waiting)
        assert [f"t{1 + n % 2}" for n in range(20)] == [one["access_token"] for one in tokens]
        assert ["r0", "r1"] == exchange.spent
        assert {"r2"} == {(await one.token())["refresh_token"] for one in sources}
        found = await stored(store)
        assert {READ, WRITE} <= set(found.access_tokens)
        assert (2, "r2") == (exchange.count, found.refresh_token)

    run(main())


@pytest.mark.parametrize("failure", [refused("invalid_scope"), OSError("network")])
def test_failure_of_another_scope(failure: Exception) -> None:
    """It is that scope's alone: who waited for another one flies himself."""

    async def main() -> None:
        exchange, store = Exchange(), MemoryStore()
        exchange.answers.append(failure)
        read, write = (source(exchange, store, slot=slot) for slot in (READ, WRITE))
        waiting = [asyncio.create_task(one.token()) for one in (read, write, read, write)]
        await exchange.started.wait()
        await turns()
        exchange.gate.set()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [failure] * 2 == results[::2]
        tokens = [one for one in results[1::2] if isinstance(one, Token)]
        assert ["t1"] * 2 == [token["access_token"] for token in tokens]
        assert 2 == exchange.count

    run(main())


# -- stores that fail at the wrong time ------------------------------------------------------------


@proves_refresh
@pytest.mark.parametrize("slot", [READ, WRITE])
def test_token_that_cannot_be_stored(slot: tuple[str, str]) -> None:
    """Nobody gets it, and it is not thrown away: the next flight stores it, and spends nothing."""

    async def main() -> None:
        exchange, store = Exchange(), TestStore()
        store.gate.set()
        await store.inner.compare_and_swap(KEY, None, record({}, "r0"))
        told: list[str] = []

        async def notify(token: Token, _: Token | None) -> None:
            told.append(token["access_token"])

        asked = source(exchange, store, READ, notify=notify)
        waiting = asyncio.create_task(asked.token())
        await exchange.started.wait()
        store.failure = OSError("disk")
        exchange.gate.set()
        for _ in range(2):
            with pytest.raises(OSError, match="disk"):
                await waiting
            waiting = asyncio.create_task(asked.token())
        await asyncio.gather(waiting, return_exceptions=True)
        assert (["r0"], []) == (exchange.spent, told)
        store.failure = None
        token = await source(exchange, store, slot, notify=notify).token()
        assert ("t1" if slot == READ else "t2") == token["access_token"]
        assert (["r0"] if slot == READ else ["r0", "r1"]) == exchange.spent
        assert [f"t{n + 1}" for n in range(len(exchange.spent))] == told
        assert f"r{exchange.count}" == (await stored(store.inner)).refresh_token

    run(main())


def test_new_login_after_a_token_that_cannot_be_stored() -> None:
    """In another process, so that nobody here knows: what could not be stored is of no use then."""

    async def main() -> None:
        exchange, store = opened(), TestStore(lost_races=10**9)
        store.gate.set()
        await store.inner.compare_and_swap(KEY, None, record({}, "r0"))
        asked = source(exchange, store, deadline=0.01)
        with pytest.raises(UnreachableError):
            await asked.token()
        store.lost_races = 0
        other = record({"access_token": "other"}, "r-other", 3)
        assert await store.inner.compare_and_swap(KEY, 2, other)
        assert "other" == (await asked.token())["access_token"]
        assert other == await stored(store.inner)
        assert (["r0"], []) == (exchange.spent, asked.grant.unsaved)

    run(main())


# -- keeping ---------------------------------------------------------------------------------------


def test_keep_loses_no_race() -> None:
    """Who stores at the same time is read again, and nothing of it is lost."""

    async def main() -> None:
        store = TestStore(lost_races=2)
        store.gate.set()
        asked = source(opened(), store)
        token: Mapping[str, Any] = {"access_token": "t", "refresh_token": "r"}
        assert token == await asked.grant.keep(READ, token)
        assert "r" == (await asked.grant.keep(WRITE, {"access_token": "u"}))["refresh_token"]
        found = await stored(store.inner)
        assert (2, "r", {READ, WRITE}) == (
            found.version,
            found.refresh_token,
            set(found.access_tokens),
        )
        fresh = await asked.grant.keep(READ, {"access_token": "new"}, fresh=True)
        assert {"access_token": "new"} == fresh
        assert record({"access_token": "new"}, None, 3, READ) == await stored(store.inner)

    run(main())


@pytest.mark.parametrize("token", [MINE, None])
def test_complete_and_what_is_set_meanwhile(token: Token | None) -> None:
    """Who fetched gets what he fetched; the memory is whose it was made, and so is the store."""

    async def main() -> None:
        asked = source(opened())
        grant, since = asked.grant, asked.grant.start()

        async def fetch() -> tuple[tuple[str, str], Token]:
            grant.assign(token)
            kept = await grant.keep(asked.slot, {"access_token": "f"}, fresh=True, since=since)
            return asked.slot, kept

        assert {"access_token": "f"} == await complete(grant, fetch)
        assert token == grant.tokens.get(asked.slot)
        await grant.settle()
        last = record({"access_token": "f"}, None)
        if token is not None:
            last = record({"access_token": "mine"}, "r-mine", 2)
        assert last == await stored(grant.store)

    run(main())
